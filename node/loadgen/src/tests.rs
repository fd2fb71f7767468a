//! The verifier against a fake node that keeps its promises, or breaks one of them.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use pga_client::Endpoint;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::*;

/// What the fake node does wrong, once, at its fifth push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    /// Acknowledges without storing.
    Lose,
    /// Stores twice.
    Duplicate,
    /// Stores another value than it was sent.
    Alter,
    /// Refuses with 400, and stores.
    FalseRefusal,
    /// Fails with 500, and does not store: the client has to send again.
    Fail,
}

#[derive(Debug)]
struct FakeNode {
    fault: Fault,
    pushes: u64,
    elements: HashMap<String, Vec<Value>>,
}

impl FakeNode {
    fn push(&mut self, body: &[u8]) -> (StatusCode, Value) {
        let body: Value = serde_json::from_slice(body).unwrap();
        let collector = body["collector_id"].as_str().unwrap().to_owned();
        let mut metrics = body["metrics"].as_array().unwrap().clone();
        self.pushes += 1;
        let is_faulty = self.pushes == 5;
        let fault = if is_faulty { self.fault } else { Fault::None };
        match fault {
            Fault::Lose => metrics.clear(),
            Fault::Duplicate => metrics.extend(metrics.clone()),
            Fault::Alter => metrics[0]["value"] = json!(0.25),
            Fault::Fail => return (StatusCode::INTERNAL_SERVER_ERROR, json!({})),
            Fault::None | Fault::FalseRefusal => {}
        }
        self.elements.entry(collector).or_default().extend(metrics);
        let position = json!({"group": 0, "term": 1, "index": self.pushes});
        if fault == Fault::FalseRefusal {
            return (StatusCode::BAD_REQUEST, json!({}));
        }
        (StatusCode::OK, json!({"position": position}))
    }

    fn page(&self, path: &str, query: &str) -> Value {
        let collector = path.split('/').nth(4).unwrap();
        let all = self.elements.get(collector).cloned().unwrap_or_default();
        let cursor = query
            .split('&')
            .find_map(|part| part.strip_prefix("cursor="));
        let begin: usize = cursor.map_or(0, |text| text.parse().unwrap());
        let end = all.len().min(begin + 7);
        let next = (end < all.len()).then(|| end.to_string());
        json!({"data": all[begin..end], "next_cursor": next})
    }
}

async fn serve(node: Arc<Mutex<FakeNode>>, listener: TcpListener) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let node = Arc::clone(&node);
        let service = service_fn(move |request: Request<Incoming>| {
            let node = Arc::clone(&node);
            async move {
                let path = request.uri().path().to_owned();
                let query = request.uri().query().unwrap_or_default().to_owned();
                let body = request.into_body().collect().await.unwrap().to_bytes();
                let mut node = node.lock().unwrap();
                let (status, answer) = match path.as_str() {
                    "/api/v1/metrics/push" => node.push(&body),
                    _ => (StatusCode::OK, node.page(&path, &query)),
                };
                let body = Full::new(Bytes::from(answer.to_string()));
                let mut response = Response::new(body);
                *response.status_mut() = status;
                Ok::<_, Infallible>(response)
            }
        });
        pga_runtime::spawn(async move {
            let http = hyper::server::conn::http1::Builder::new();
            http.serve_connection(TokioIo::new(stream), service).await
        });
    }
}

async fn report(fault: Fault, kind: Kind) -> Report {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let node = FakeNode {
        fault,
        pushes: 0,
        elements: HashMap::new(),
    };
    let server = pga_runtime::spawn(serve(Arc::new(Mutex::new(node)), listener));
    // The first address refuses connections: every collector has to fail over.
    let dead = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = dead.local_addr().unwrap();
    drop(dead);
    let nodes: Vec<Endpoint> = [nobody, address]
        .iter()
        .map(|address| address.to_string().parse().unwrap())
        .collect();
    let mut args = LoadArgs::for_nodes(nodes);
    args.collectors = 2;
    args.elements = 4;
    args.kind = kind;
    args.interval = Duration::from_millis(10);
    args.duration = Duration::from_millis(200);
    let (_stop, stopped) = watch::channel(false);
    let run = run(
        &args,
        stopped,
        indicatif::ProgressBar::hidden(),
        Arc::default(),
    )
    .await;
    let run = Arc::new(run.unwrap());
    args.nodes.remove(0);
    let views = verify(&args, &run).await.unwrap();
    server.abort();
    Report::new(&run, views)
}

#[tokio::test]
async fn a_node_that_keeps_its_promises_is_found_clean() {
    for kind in [Kind::Samples, Kind::Cycle] {
        let report = report(Fault::None, kind).await;
        assert!(report.is_clean(), "{report}");
        assert!(
            report.pushes.succeeded >= 5 && report.pushes.failed == 0,
            "{report}"
        );
        assert_eq!(
            report.elements.stored,
            Some(report.elements.acknowledged),
            "{report}"
        );
    }
}

#[tokio::test]
async fn every_broken_promise_is_found() {
    for (fault, want) in [
        (Fault::Lose, (Some(4), Some(0), Some(0))),
        (Fault::Duplicate, (Some(0), Some(4), Some(0))),
        (Fault::Alter, (Some(1), Some(0), Some(1))),
        (Fault::FalseRefusal, (Some(0), Some(0), Some(4))),
        (Fault::Fail, (Some(0), Some(0), Some(0))),
    ] {
        let report = report(fault, Kind::Samples).await;
        let Elements {
            lost,
            duplicated,
            phantom,
            ..
        } = report.elements;
        assert_eq!((lost, duplicated, phantom), want, "{fault:?}: {report}");
        assert_eq!(report.is_clean(), fault == Fault::Fail, "{fault:?}");
    }
}
