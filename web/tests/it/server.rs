//! A server on a free port.

use std::net::SocketAddr;
use std::sync::Arc;

use pga_web::{WebMetrics, WebOptions, routes, serve};
use prometheus::Registry;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::fake_node::{FakeNode, SECRET};
use crate::raw_http::{Answer, request};

#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    pub(crate) node: Arc<FakeNode>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Server {
    /// One that takes pushes without a token.
    pub(crate) async fn open() -> Self {
        let options = WebOptions {
            allow_anonymous_push: true,
            ..WebOptions::default()
        };
        Self::start(options).await
    }

    pub(crate) async fn start(options: WebOptions) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let node = Arc::new(FakeNode::default());
        let registry = Registry::new();
        let metrics = WebMetrics::register(&registry, routes().map(|route| route.name)).unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let api = Arc::clone(&node);
        let task = pga_runtime::spawn(serve(
            listener,
            api,
            options,
            metrics,
            vec![registry],
            async {
                drop(stopped.await);
            },
        ));
        Self {
            addr,
            node,
            stop: Some(stop),
            task,
        }
    }

    pub(crate) async fn get(&self, path: &str, headers: &str) -> Answer {
        request(self.addr, "GET", path, headers, b"").await
    }

    pub(crate) async fn post(&self, path: &str, headers: &str, body: &[u8]) -> Answer {
        request(self.addr, "POST", path, headers, body).await
    }

    pub(crate) async fn push(&self, headers: &str, body: &[u8]) -> Answer {
        self.post("/api/v1/metrics/push", headers, body).await
    }

    /// The header of the admin's access token.
    pub(crate) async fn login(&self) -> String {
        let body = br#"{"username":"admin","password":"correct horse"}"#;
        let answer = self.post("/api/v1/auth/login", "", body).await;
        format!(
            "Authorization: Bearer {}\r\n",
            answer.json()["token"].as_str().unwrap()
        )
    }

    /// The token of a new collector of that name.
    pub(crate) async fn register(&self, name: &str) -> String {
        let body = format!(r#"{{"name":"{name}","hostname":"h","version":"3.0.0"}}"#);
        let secret = format!("X-Registration-Secret: {SECRET}\r\n");
        let answer = self
            .post("/api/v1/collectors/register", &secret, body.as_bytes())
            .await;
        answer.json()["token"].as_str().unwrap().to_owned()
    }

    /// Stops it and waits for its end.
    pub(crate) async fn stop(mut self) {
        drop(self.stop.take());
        self.task.await.unwrap();
    }
}
