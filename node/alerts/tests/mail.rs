//! Mails as they are sent.

#![expect(clippy::unwrap_used, reason = "tests")]

use pga_alerts::mail::{MailSettings, MailTls, mail};
use pga_alerts::message::{self, Settings};
use serde_json::{Value, json};

fn settings() -> MailSettings {
    MailSettings {
        host: "mail.example".into(),
        from: "pgAnalytics <alerts@example.org>".into(),
        to: vec!["ops@example.org".into(), "Ann <ann@example.org>".into()],
        time_zone: "+02:00".into(),
        ..MailSettings::default()
    }
}

fn content() -> Value {
    let alert = |severity: &str, status: &str, ends_at: Value| {
        json!({
            "id": 1, "status": status, "rule": "C1", "name": "connections_used", "severity": severity,
            "labels": { "server": "db-1" },
            "annotations": { "summary": "97 of <100> are used — all.", "first_step": "Look." },
            "starts_at": "2026-11-29T22:30:00Z", "ends_at": ends_at, "acknowledged_by": null,
        })
    };
    json!({
        "status": "firing", "cluster": "c", "group": { "server": "db-1" }, "group_key": "1/db-1",
        "truncated": 0, "is_repeat": false,
        "alerts": [
            alert("w", "firing", json!(null)), alert("c", "firing", json!(null)),
            alert("c", "resolved", json!("2026-11-29T23:00:00Z")),
        ],
    })
}

fn text_of(content: &Value) -> String {
    let mail = mail(&settings(), "", content, "00ff", 1_764_000_000).unwrap();
    // Soft line breaks of quoted-printable (RFC 2045) are no part of the text.
    let text = String::from_utf8(mail.formatted()).unwrap();
    text.replace("=\r\n", "")
}

#[test]
fn a_mail_says_how_bad_how_many_and_since_when() {
    let text = text_of(&content());
    for want in [
        "Subject: [CRITICAL 2] connections_used db-1\r\n",
        "Message-ID: <00ff@example.org>\r\n",
        "Date: Mon, 24 Nov 2025 16:00:00 +0000\r\n",
        "To: ops@example.org, Ann <ann@example.org>\r\n",
        "Auto-Submitted: auto-generated\r\n",
        "97 of <100> are used",
        "97 of &lt;100&gt; are used",
        "OVER  connections_used on db-1",
        "Since 2026-11-30 00:30:00 +02:00, over at 2026-11-30 01:00:00 +02:00",
        "First: Look.",
    ] {
        assert!(text.contains(want), "{want} is not in {text}");
    }
}

#[test]
fn the_end_is_told_in_the_thread_of_the_beginning() {
    let mut over = content();
    for alert in over["alerts"].as_array_mut().unwrap() {
        alert["status"] = json!("resolved");
    }
    let line = |text: &str, name: &str| {
        let found = text.lines().find(|line| line.starts_with(name));
        found.unwrap_or_default().to_owned()
    };
    let (begun, over) = (text_of(&content()), text_of(&over));
    assert_eq!(
        line(&over, "Subject"),
        "Subject: [RESOLVED 3] connections_used db-1"
    );
    assert_eq!(line(&over, "References"), line(&begun, "References"));
    assert!(line(&begun, "References").contains("group-"));
}

#[test]
fn a_repeat_has_the_same_id_and_is_marked() {
    let mut again = content();
    again["may_repeat"] = json!(true);
    let text = text_of(&again);
    assert!(text.contains("Message-ID: <00ff@example.org>\r\n"));
    assert!(text.contains("X-PgAnalytics-Repeat: maybe\r\n"));
    assert!(text.contains("(perhaps sent before)"), "{text}");
}

#[test]
fn a_name_cannot_add_headers() {
    let mut evil = content();
    evil["group"]["server"] = json!("db\r\nBcc: eve@example.org");
    let text = text_of(&evil);
    let (head, _) = text.split_once("\r\n\r\n").unwrap();
    assert!(!head.lines().any(|line| line.starts_with("Bcc")), "{head}");
}

#[test]
fn wrong_settings_are_named() {
    let with = |change: fn(&mut MailSettings)| {
        let mut settings = settings();
        change(&mut settings);
        let settings = Settings {
            mail: Some(settings),
            ..Settings::default()
        };
        message::problem("email", &settings).unwrap_or_default()
    };
    assert_eq!(with(|_| ()), "");
    for (found, want) in [
        (with(|one| one.host.clear()), "mail.host is"),
        (
            with(|one| one.from = "nobody".into()),
            "mail.from: \"nobody\"",
        ),
        (with(|one| one.to.clear()), "mail.to has 0"),
        (
            with(|one| one.to = vec!["a@b\r\nBcc: c@d".into()]),
            "mail.to: ",
        ),
        (
            with(|one| one.time_zone = "Mars".into()),
            "mail.time_zone is",
        ),
        (
            with(|one| one.time_zone = "+99:00".into()),
            "mail.time_zone is",
        ),
        (
            with(|one| one.html = "{% for %}".into()),
            "mail.body.html: ",
        ),
        (with(|one| one.username = "u".into()), "mail.username and"),
        (
            with(|one| {
                (one.tls, one.username, one.password) = (MailTls::None, "u".into(), "p".into());
            }),
            "mail.tls is none",
        ),
    ] {
        assert!(
            found.starts_with(want),
            "{found} does not start with {want}"
        );
    }
}

#[test]
fn a_template_of_the_channel_makes_the_text() {
    let template =
        "{% for alert in alerts %}{{ alert.name }} since {{ local(alert.starts_at) }};{% endfor %}";
    let mail = mail(&settings(), template, &content(), "00ff", 0).unwrap();
    let text = String::from_utf8(mail.formatted()).unwrap();
    assert!(
        text.contains("connections_used since 2026-11-30 00:30:00 +02:00;"),
        "{text}"
    );
}
