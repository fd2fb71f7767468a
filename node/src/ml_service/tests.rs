use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

fn after(seconds: u64) -> Instant {
    // The same moment in each call: only differences count.
    static BEGIN: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    *BEGIN.get_or_init(pga_runtime::now) + Duration::from_secs(seconds)
}

#[test]
fn five_failures_open_and_three_successes_close() {
    let mut breaker = Breaker::default();
    for _ in 0..4 {
        assert!(breaker.admits(after(0)));
        breaker.record(false, after(0));
    }
    breaker.record(true, after(0));
    for _ in 0..4 {
        breaker.record(false, after(0));
    }
    assert_eq!(breaker.state(after(0)), "closed", "five in a row");
    breaker.record(false, after(1));
    assert_eq!(breaker.state(after(1)), "open");
    assert!(!breaker.admits(after(30)));
    assert_eq!(breaker.state(after(31)), "half-open");
    assert!(breaker.admits(after(31)));
    assert!(!breaker.admits(after(31)), "one probe at a time");
    breaker.record(false, after(32));
    assert_eq!(breaker.state(after(33)), "open", "a probe failed");
    for second in 62..65 {
        assert!(breaker.admits(after(second)));
        breaker.record(true, after(second));
    }
    assert_eq!(breaker.state(after(65)), "closed");
}

#[test]
fn a_probe_whose_caller_went_away_ends() {
    let mut breaker = Breaker::default();
    (0..5).for_each(|_| breaker.record(false, after(0)));
    assert!(breaker.admits(after(40)));
    assert!(!breaker.admits(after(41)));
    assert!(breaker.admits(after(51)));
}

/// A service that answers each request by its number; none closes the connection at once.
async fn service(
    answer: impl Fn(usize) -> Option<(u16, String)> + Send + 'static,
) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    pga_runtime::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut bytes = vec![0; 4_096];
            let _read = stream.read(&mut bytes).await;
            let number = counter.fetch_add(1, Ordering::SeqCst);
            let Some((status, body)) = answer(number) else {
                continue;
            };
            let head = format!(
                "HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            let _sent = stream.write_all(format!("{head}{body}").as_bytes()).await;
        }
    });
    (url, asked)
}

#[tokio::test]
async fn both_spellings_of_a_prediction_are_read() {
    let ours = json!({ "predicted_execution_time_ms": 12.5, "confidence": 0.8,
        "range": { "min": 10.0, "max": 15.0 } });
    let theirs = json!({ "predicted_execution_time_ms": 12.5, "confidence_score": 0.8,
        "confidence_interval": { "lower_bound_ms": 10.0, "upper_bound_ms": 15.0 },
        "prediction_timestamp": "2026-02-22T19:07:21.123456" });
    for reply in [ours, theirs] {
        let (url, _) = service(move |_| Some((200, reply.to_string()))).await;
        let service = MlService::new(&url).unwrap();
        let answer = service.predict(&json!({})).await.unwrap();
        assert_eq!(answer.predicted_execution_time_ms, Some(12.5));
        assert_eq!(answer.confidence, 0.8);
        let range = answer.range.unwrap();
        assert_eq!((range.min, range.max), (10.0, 15.0));
    }
}

#[tokio::test]
async fn a_failure_that_passes_is_tried_again_and_a_wrong_answer_is_not() {
    let good = json!({ "predicted_execution_time_ms": 1.0, "confidence": 0.5 }).to_string();
    let (url, asked) = service(move |number| match number {
        0 => Some((503, String::new())),
        1 => None,
        _ => Some((200, good.clone())),
    })
    .await;
    let service_1 = MlService::new(&url).unwrap();
    assert!(service_1.predict(&json!({})).await.is_ok());
    assert_eq!(asked.load(Ordering::SeqCst), 3);
    for wrong in [
        "{}",
        "no json",
        r#"{"predicted_execution_time_ms": -1, "confidence": 1}"#,
    ] {
        let (url, asked) = service(move |_| Some((200, wrong.to_owned()))).await;
        let service = MlService::new(&url).unwrap();
        for _ in 0..5 {
            assert!(service.predict(&json!({})).await.is_err(), "{wrong}");
        }
        assert_eq!(asked.load(Ordering::SeqCst), 5, "{wrong}");
        assert_eq!(service.state(), "open");
        let why = service.predict(&json!({})).await.unwrap_err();
        assert!(why.contains("30 s"), "{why}");
        assert_eq!(asked.load(Ordering::SeqCst), 5, "it is left alone");
    }
}

#[tokio::test]
async fn a_refusal_is_an_answer_and_an_absent_service_opens() {
    let (url, _) = service(|_| Some((404, "{}".to_owned()))).await;
    let service = MlService::new(&url).unwrap();
    for _ in 0..6 {
        assert!(service.predict(&json!({})).await.is_err());
    }
    assert_eq!(service.state(), "closed");
    assert!(!service.is_healthy().await);
    // Nobody listens on this port any more.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let absent = MlService::new(&url).unwrap();
    for _ in 0..5 {
        assert!(absent.predict(&json!({})).await.is_err());
    }
    assert_eq!(absent.state(), "open");
    assert!(MlService::new("").is_none());
}
