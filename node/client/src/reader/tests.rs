//! Readers of nodes that are away, forget sessions, and refuse.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// A node that answers as `answer` says to a path and a token.
async fn node(
    answer: impl Fn(&str, Option<&str>) -> (u16, Value) + Send + Sync + 'static,
) -> Endpoint {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    pga_runtime::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            exchange(stream, &answer).await;
        }
    });
    format!("http://{address}").parse().unwrap()
}

/// One request, and its answer.
async fn exchange(stream: TcpStream, answer: &impl Fn(&str, Option<&str>) -> (u16, Value)) {
    let mut stream = BufReader::new(stream);
    let (mut path, mut token, mut length) = (String::new(), None, 0);
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        let line = line.trim_end();
        let lower = line.to_ascii_lowercase();
        if path.is_empty() {
            path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        } else if let Some((_, value)) = line.split_once("Bearer ") {
            token = Some(value.to_owned());
        } else if let Some(value) = lower.strip_prefix("content-length: ") {
            length = value.parse().unwrap();
        } else if line.is_empty() {
            break;
        }
    }
    stream.read_exact(&mut vec![0; length]).await.unwrap();
    let (status, body) = answer(&path, token.as_deref());
    let body = body.to_string();
    let text = format!(
        "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\
         x-pganalytics-age-seconds: 7\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(text.as_bytes()).await.unwrap();
}

/// An address where nobody listens.
async fn nobody() -> Endpoint {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    format!("http://{address}").parse().unwrap()
}

fn reader(nodes: &[Endpoint], identity: Identity) -> Reader {
    Reader::new(nodes, ClientOptions::default(), identity)
}

#[tokio::test]
async fn another_node_answers_for_one_that_is_away_or_fails() {
    let failing = node(|_, _| (503, json!({"error": "no quorum"}))).await;
    let good = node(|path, _| (200, json!({"path": path}))).await;
    let mut reader = reader(&[nobody().await, failing, good.clone()], Identity::Nobody);
    let reading = reader.get("/x?a=1").await.unwrap();
    assert_eq!(reading.body, json!({"path": "/x?a=1"}));
    assert_eq!(reading.age_seconds, Some(7.0));
    assert_eq!(reader.node(), Some(&good), "it is asked from now on");
}

#[tokio::test]
async fn a_refusal_is_not_asked_of_another_node() {
    let refusing = node(|_, _| (404, json!({"error": "no such thing"}))).await;
    let good = node(|_, _| (200, json!({}))).await;
    let mut reader = reader(&[refusing, good], Identity::Nobody);
    let error = reader.get("/x").await.unwrap_err();
    assert!(
        matches!(error, ReadError::Answer { status: 404, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_user_logs_in_once_and_again_when_the_session_is_over() {
    let logins = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&logins);
    // The first session is over after its login.
    let good = node(move |path, token| match (path, token) {
        ("/api/v1/auth/login", _) => {
            let n = counted.fetch_add(1, Ordering::SeqCst) + 1;
            (200, json!({"token": format!("t{n}")}))
        }
        (_, Some("t2")) => (200, json!({})),
        (_, _) => (401, json!({"error": "expired"})),
    });
    let user = Identity::User {
        username: "admin".to_owned(),
        password: "secret".to_owned(),
    };
    let mut reader = reader(&[good.await], user);
    for _ in 0..3 {
        reader.get("/x").await.unwrap();
    }
    assert_eq!(logins.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn who_is_denied_hears_what_to_do() {
    let denying = node(|_, _| (401, json!({"error": "Invalid credentials"}))).await;
    let user = Identity::User {
        username: "admin".to_owned(),
        password: "secret".to_owned(),
    };
    for (identity, part) in [
        (Identity::Nobody, "--token"),
        (Identity::Token("t".to_owned()), "make another one"),
        (user, "PGANALYTICS_PASSWORD"),
    ] {
        let mut reader = reader(std::slice::from_ref(&denying), identity);
        let text = reader.get("/x").await.unwrap_err().to_string();
        assert!(
            text.contains(part) && text.contains("Invalid credentials"),
            "{text}"
        );
        assert!(!text.contains("secret"), "{text}");
    }
}

#[test]
fn nodes_are_learned_once_and_never_without_tls_that_was_asked_for() {
    let of = |text: &str| text.parse::<Endpoint>().unwrap();
    let mut plain = reader(&[of("http://a:1")], Identity::Nobody);
    for other in ["http://b:1", "http://a:1", "https://c:1"] {
        plain.learn(of(other));
    }
    assert_eq!(plain.clients.len(), 3);
    let mut safe = reader(&[of("https://a:1")], Identity::Nobody);
    safe.learn(of("http://b:1"));
    assert_eq!(safe.clients.len(), 1, "a token does not leave TLS");
}

#[tokio::test]
async fn without_a_node_the_flag_is_named() {
    let error = reader(&[], Identity::Nobody).get("/x").await.unwrap_err();
    assert!(error.to_string().contains("--node"), "{error}");
}
