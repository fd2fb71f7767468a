use std::collections::VecDeque;
use std::sync::Mutex;

use pga_alerts::mail::MailSettings;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::*;

#[test]
fn a_signature_is_that_of_another_program() {
    // Python 3: hmac.new(b'key', b'7.{}', 'sha256').hexdigest()
    let want = "sha256=77bc83bd1f40422311e47918b203449aecf84b02c1568bb1b570ac2a474cc2d8";
    let found = sign("key", 7, "{}");
    assert_eq!(found, want);
    assert_ne!(found, sign("key", 8, "{}"));
    assert_ne!(found, sign("other", 7, "{}"));
}

/// What a receiver was sent, and what it is going to answer.
#[derive(Clone, Default)]
struct Script {
    answers: Arc<Mutex<VecDeque<String>>>,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Script {
    fn of(answers: &[&str]) -> Self {
        let answers = answers.iter().map(|answer| (*answer).to_owned());
        Self {
            answers: Arc::new(Mutex::new(answers.collect())),
            ..Self::default()
        }
    }

    fn next(&self) -> String {
        self.answers.lock().unwrap().pop_front().unwrap_or_default()
    }

    fn heard(&self) -> usize {
        self.heard.lock().unwrap().len()
    }

    /// Takes connections one after the other; the port.
    async fn serve<F: Future<Output = ()> + Send>(
        &self,
        talk: impl Fn(Self, BufReader<TcpStream>) -> F + Send + 'static,
    ) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let script = self.clone();
        drop(pga_runtime::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                talk(script.clone(), BufReader::new(stream)).await;
            }
        }));
        port
    }
}

async fn http(script: Script, mut stream: BufReader<TcpStream>) {
    let (mut length, mut line) = (0, String::new());
    while stream.read_line(&mut line).await.unwrap() > 2 {
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        line.clear();
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    let body = String::from_utf8(body).unwrap();
    script.heard.lock().unwrap().push(body);
    let answer = script.next();
    let (status, text) = answer.split_once(' ').unwrap_or((&answer, ""));
    let head = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\n", text.len());
    let answer = format!("{head}connection: close\r\n\r\n{text}");
    drop(stream.write_all(answer.as_bytes()).await);
}

/// Answers each command of SMTP that the script has an answer for, by `COMMAND code text`; else
/// well.
async fn mail(script: Script, mut stream: BufReader<TcpStream>) {
    let refuse = script.answers.lock().unwrap().front().cloned();
    let refuse = refuse.unwrap_or_default();
    let (refused, with) = refuse.split_once(' ').unwrap_or(("none", ""));
    let (mut line, mut is_text) = (String::new(), false);
    stream.write_all(b"220 hello\r\n").await.unwrap();
    while stream
        .read_line(&mut line)
        .await
        .is_ok_and(|bytes| bytes > 0)
    {
        let command = line
            .split([' ', '\r'])
            .next()
            .unwrap_or_default()
            .to_uppercase();
        let answer = match command.as_str() {
            "." if is_text && refused == "." => with,
            "." if is_text => "250 taken",
            _ if is_text => "",
            command if command == refused => with,
            "DATA" => "354 go on",
            "QUIT" => "221 bye",
            _ => "250 well",
        };
        is_text = (is_text || command == "DATA" && answer.starts_with("354")) && command != ".";
        if !answer.is_empty() {
            let answer = format!("{answer}\r\n");
            drop(stream.write_all(answer.as_bytes()).await);
        }
        line.clear();
    }
}

fn loopback() -> Notify {
    Notify {
        allow_targets: "127.0.0.0/8".to_owned(),
    }
}

async fn sent(kind: &str, script: &Script, alerts: usize) -> Result<String, Failure> {
    let port = script.serve(http).await;
    let settings = Settings {
        url: format!("http://127.0.0.1:{port}/hook"),
        secret: "key".into(),
        ..Settings::default()
    };
    let mut content = example("c");
    content["alerts"] = serde_json::json!(vec![content["alerts"][0].clone(); alerts]);
    send(kind, &settings, &content, "k", &loopback()).await
}

#[tokio::test]
async fn each_receiver_says_whether_to_send_again() {
    let kinds = message::KINDS.iter().filter(|kind| **kind != "email");
    for kind in kinds {
        for (answer, want) in [
            ("200 ok", None),
            ("202", None),
            ("400 invalid event", Some(true)),
            ("413", Some(true)),
            ("422", Some(true)),
            ("401", Some(false)),
            ("403", Some(false)),
            ("404", Some(false)),
            ("408", Some(false)),
            ("410", Some(false)),
            ("429 slower", Some(false)),
            ("302", Some(false)),
            ("500", Some(false)),
            ("503 later", Some(false)),
        ] {
            let found = sent(kind, &Script::of(&[answer]), 1).await;
            let is_final = found.as_ref().err().map(Failure::is_final);
            assert_eq!(is_final, want, "{kind}, {answer}: {found:?}");
        }
    }
}

#[tokio::test]
async fn one_event_that_is_refused_holds_up_no_other() {
    let script = Script::of(&["202", "400 bad", "202"]);
    let failure = sent("pagerduty", &script, 3).await.unwrap_err();
    assert_eq!((script.heard(), failure.is_final()), (3, true));
    assert!(failure.to_string().contains("400"), "{failure}");
    let script = Script::of(&["400 bad", "503", "202"]);
    let failure = sent("pagerduty", &script, 3).await.unwrap_err();
    assert_eq!(
        (script.heard(), failure.is_final()),
        (2, false),
        "all again"
    );
}

#[tokio::test]
async fn the_answer_that_is_kept_is_cut_between_characters() {
    for word in ["a", "é", "🐘", "x🐘"] {
        let answer = format!("500 {}", word.repeat(60_000));
        let failure = sent("webhook", &Script::of(&[&answer]), 1)
            .await
            .unwrap_err();
        let said = failure.to_string();
        assert!(
            said.len() <= MAX_ANSWER && said.len() > MAX_ANSWER - 8,
            "{word}"
        );
        assert!(said.ends_with('…') && !said.contains('\u{fffd}'), "{said}");
    }
}

#[tokio::test]
async fn a_mail_server_says_whether_to_send_again() {
    for (refusal, want) in [
        ("", None),
        ("MAIL 550 5.7.1 not you", Some(true)),
        ("RCPT 550 5.1.1 nobody", Some(true)),
        ("RCPT 450 4.2.0 grey", Some(false)),
        ("DATA 554 5.6.0 no", Some(true)),
        (". 552 5.3.4 too large", Some(true)),
        (". 451 4.3.0 later", Some(false)),
        ("MAIL 530 5.7.0 log in first", Some(false)),
        ("EHLO 554 5.0.0 not now", Some(false)),
    ] {
        let script = Script::of(&[refusal]);
        let settings = Settings {
            mail: Some(MailSettings {
                host: "127.0.0.1".into(),
                port: Some(script.serve(mail).await),
                tls: pga_alerts::mail::MailTls::None,
                from: "a@example.org".into(),
                to: vec!["b@example.org".into()],
                ..MailSettings::default()
            }),
            ..Settings::default()
        };
        let found = send("email", &settings, &example("c"), "k", &loopback()).await;
        let is_final = found.as_ref().err().map(Failure::is_final);
        assert_eq!(is_final, want, "{refusal}: {found:?}");
    }
}
