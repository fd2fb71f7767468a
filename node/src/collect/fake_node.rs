//! A node that answers what a test wants, and remembers what it was asked.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use pga_client::Endpoint;
use serde_json::json;
use tokio::net::TcpListener;

/// One request.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) path: String,
    /// `X-Config-Version`.
    pub(super) runs: Option<String>,
    /// `Content-Encoding`.
    pub(super) encoding: Option<String>,
    pub(super) body: Bytes,
}

/// What it answers.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// Version and text of the configuration.
    pub(super) config: Option<(u64, String)>,
    /// Pulls are answered by this status.
    pub(super) pull_status: Option<u16>,
    /// It says that it takes zstd.
    pub(super) takes_zstd: bool,
    /// Seconds that its clock is behind.
    pub(super) behind: u64,
    asked: Vec<Asked>,
}

/// The node; it ends with its test.
#[derive(Clone)]
pub(super) struct FakeNode {
    pub(super) endpoint: Endpoint,
    answers: Arc<Mutex<Answers>>,
}

impl FakeNode {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = listener.local_addr().unwrap().to_string().parse().unwrap();
        let node = Self {
            endpoint,
            answers: Arc::default(),
        };
        let answers = Arc::clone(&node.answers);
        pga_runtime::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let answers = Arc::clone(&answers);
                let service = service_fn(move |request| answer(request, Arc::clone(&answers)));
                let connection = http1::Builder::new();
                pga_runtime::spawn(connection.serve_connection(TokioIo::new(stream), service));
            }
        });
        node
    }

    pub(super) fn set(&self, change: impl FnOnce(&mut Answers)) {
        change(&mut self.answers.lock().unwrap());
    }

    /// The requests so far whose path holds this.
    pub(super) fn asked(&self, path: &str) -> Vec<Asked> {
        let answers = self.answers.lock().unwrap();
        let asked = answers.asked.iter().filter(|one| one.path.contains(path));
        asked.cloned().collect()
    }
}

async fn answer(
    request: Request<Incoming>,
    answers: Arc<Mutex<Answers>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let header = |name: &str| {
        let value = head.headers.get(name)?;
        Some(value.to_str().unwrap().to_owned())
    };
    let mut answers = answers.lock().unwrap();
    answers.asked.push(Asked {
        path: head.uri.path().to_owned(),
        runs: header("x-config-version"),
        encoding: header("content-encoding"),
        body,
    });
    let now = std::time::UNIX_EPOCH + pga_runtime::unix_time();
    let date = now - std::time::Duration::from_secs(answers.behind);
    let mut response = Response::builder().header("date", httpdate::fmt_http_date(date));
    if answers.takes_zstd {
        response = response.header("accept-encoding", "zstd, gzip");
    }
    let known = header("if-none-match");
    Ok(if head.uri.path().starts_with("/api/v1/config/") {
        pull(response, &answers, known.as_deref())
    } else {
        let version = answers.config.as_ref().map_or(0, |(version, _)| *version);
        let response = response.header("x-config-version", version);
        let body = json!({
            "position": { "group": 0, "term": 1, "index": 1 },
            "next_config_version": version.max(1), "next_check_in_seconds": 300,
        });
        response.body(Full::new(body.to_string().into())).unwrap()
    })
}

fn pull(
    response: http::response::Builder,
    answers: &Answers,
    known: Option<&str>,
) -> Response<Full<Bytes>> {
    let of = |status: u16| StatusCode::from_u16(status).unwrap();
    if let Some(status) = answers.pull_status {
        return response.status(of(status)).body(Full::default()).unwrap();
    }
    let Some((version, text)) = &answers.config else {
        return response.status(of(404)).body(Full::default()).unwrap();
    };
    let tag = format!("\"{version}\"");
    let response = response.header("x-config-version", *version);
    let (status, body) = match known == Some(tag.as_str()) {
        true => (304, String::new()),
        false => (200, text.clone()),
    };
    let response = response.status(of(status)).header("etag", tag);
    response.body(Full::new(body.into())).unwrap()
}
