//! Runs the HTTP front.
//!
//! Role: serves on the node's listening socket, which outlives this actor, so that connections wait
//! while it restarts. Owner: the node's root. Failure: requests under way are cut off and their
//! clients ask again (their outcome is unknown to them, DEDUP-1); the next server takes over the
//! same socket.

use std::sync::Arc;

use pga_web::{NodeApi, WebMetrics, WebOptions};
use prometheus::Registry;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::faults::Faults;
use crate::tasks::{self, TaskKind};

/// The web actor.
#[derive(Debug)]
pub(crate) struct Web;

/// What it is told.
#[derive(Debug)]
pub(crate) enum WebMsg {
    /// The server ended; `true`: because it was asked to.
    Ended(bool),
}

/// What it starts with.
#[derive(Clone, Debug)]
pub(crate) struct WebArgs {
    /// The listening socket.
    pub(crate) listener: Arc<std::net::TcpListener>,
    /// What answers.
    pub(crate) api: Arc<dyn NodeApi>,
    /// Bounds and TLS.
    pub(crate) options: WebOptions,
    /// Counters of the front.
    pub(crate) metrics: WebMetrics,
    /// What `/metrics` shows.
    pub(crate) registry: Registry,
    /// Becomes true when the front must drain.
    pub(crate) stop: watch::Receiver<bool>,
    /// Becomes true when it has drained.
    pub(crate) drained: Arc<watch::Sender<bool>>,
    /// Injected panics.
    pub(crate) faults: Faults,
}

/// Its state.
#[derive(Debug)]
pub(crate) struct WebState {
    drained: Arc<watch::Sender<bool>>,
    server: tokio::task::AbortHandle,
}

impl Drop for WebState {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Actor for Web {
    type Msg = WebMsg;
    type State = WebState;
    type Arguments = WebArgs;

    async fn pre_start(
        &self,
        myself: ActorRef<WebMsg>,
        args: WebArgs,
    ) -> Result<WebState, ActorProcessingErr> {
        let listener = TcpListener::from_std(args.listener.try_clone()?)?;
        let drained = Arc::clone(&args.drained);
        let stop = args.stop.clone();
        let server = tasks::spawn(TaskKind::Effect, serve(listener, args));
        let abort = server.abort_handle();
        tasks::spawn(TaskKind::Watch, async move {
            let is_asked = server.await.is_ok() && *stop.borrow();
            if myself.cast(WebMsg::Ended(is_asked)).is_err() {
                tracing::debug!("the web actor is gone");
            }
        });
        Ok(WebState {
            drained,
            server: abort,
        })
    }

    async fn handle(
        &self,
        _myself: ActorRef<WebMsg>,
        message: WebMsg,
        state: &mut WebState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            WebMsg::Ended(true) => {
                state.drained.send_replace(true);
                Ok(())
            }
            WebMsg::Ended(false) => Err("the HTTP server ended".into()),
        }
    }
}

async fn serve(listener: TcpListener, args: WebArgs) {
    let mut stop = args.stop;
    let faults = args.faults;
    let stopped = async move {
        if stop.wait_for(|stop| *stop).await.is_err() {
            tracing::debug!("nobody can ask the HTTP server to stop any more");
        }
    };
    let server = pga_web::serve(
        listener,
        args.api,
        args.options,
        args.metrics,
        vec![args.registry],
        stopped,
    );
    tokio::select! {
        () = server => {}
        () = faults.fired("web") => {}
    }
}
