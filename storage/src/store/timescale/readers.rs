//! A few connections for everything but flushing.

use std::sync::{Arc, Mutex};

use tokio::sync::Semaphore;
use tokio_postgres::Client;

use super::session::{Connector, Purpose, Session, within};
use crate::{Error, Result};

/// At most so many connections as the options say, opened when needed, kept while they work.
#[derive(Debug)]
pub(super) struct Readers {
    connector: Arc<Connector>,
    slots: Semaphore,
    idle: Mutex<Vec<Session>>,
}

impl Readers {
    pub(super) fn new(connector: Arc<Connector>) -> Self {
        let slots = Semaphore::new(connector.options().read_connections.max(1));
        Self {
            connector,
            slots,
            idle: Mutex::default(),
        }
    }

    /// Runs `work` on one of the connections, bounded by the read timeout, the wait for a
    /// connection included.
    ///
    /// # Errors
    /// What `work` returns, `Unavailable` if there is no connection or no answer in time.
    pub(super) async fn run<T>(
        &self,
        action: &'static str,
        work: impl AsyncFnOnce(&Client) -> Result<T>,
    ) -> Result<T> {
        let limit = self.connector.options().read_timeout;
        within(action, limit, async {
            let _slot = self.slots.acquire().await.map_err(|_| Error::Closed)?;
            let session = match self.take() {
                Some(session) => session,
                None => self.connector.open(Purpose::Read).await?,
            };
            let outcome = work(&session.client).await;
            // A connection whose call failed or was dropped may have an answer, or a dead server,
            // still to come.
            if outcome.is_ok() {
                self.keep(session);
            }
            outcome
        })
        .await
    }

    fn take(&self) -> Option<Session> {
        let mut idle = self.idle.lock().ok()?;
        while let Some(session) = idle.pop() {
            if !session.client.is_closed() {
                return Some(session);
            }
        }
        None
    }

    fn keep(&self, session: Session) {
        if let Ok(mut idle) = self.idle.lock() {
            idle.push(session);
        }
    }
}
