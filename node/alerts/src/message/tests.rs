use super::*;

fn content() -> Value {
    json!({
        "status": "firing", "cluster": "c", "group": { "server": "db-1" }, "group_key": "1/db-1",
        "truncated": 0, "is_repeat": false,
        "alerts": [{
            "id": 1, "status": "firing", "rule": "C1", "name": "connections_used",
            "severity": "c", "labels": { "server": "db-1", "rule": "C1" },
            "annotations": { "summary": "97 of <100> are used.", "first_step": "Look." },
            "fingerprint": "00ff", "incident": 2,
            "starts_at": "2026-11-29T03:00:00Z", "ends_at": null, "acknowledged_by": null,
        }],
    })
}

fn body(kind: &str, content: &Value) -> Value {
    let settings = Settings {
        url: "http://receiver".into(),
        secret: "key".into(),
        ..Settings::default()
    };
    assert_eq!(problem(kind, &settings), None);
    let messages = messages(kind, &settings, content, 0).unwrap();
    serde_json::from_str(&messages[0].body).unwrap()
}

#[test]
fn each_receiver_gets_what_it_understands() {
    let alertmanager = body("alertmanager", &content());
    assert_eq!(alertmanager[0]["labels"]["alertname"], "connections_used");
    assert_eq!(alertmanager[0]["startsAt"], "2026-11-29T03:00:00Z");
    assert_eq!(alertmanager[0]["endsAt"], "1970-01-01T00:04:00Z");
    let webhook = body("alertmanager-webhook", &content());
    assert_eq!(
        (&webhook["version"], &webhook["groupKey"]),
        (&json!("4"), &json!("1/db-1"))
    );
    assert_eq!(webhook["commonLabels"]["severity"], "critical");
    let slack = body("slack", &content());
    assert_eq!(slack["text"], "[FIRING 1] connections_used db-1");
    assert!(
        slack["blocks"][1].to_string().contains("&lt;100&gt;"),
        "{slack}"
    );
    let pager = body("pagerduty", &content());
    assert_eq!(
        (&pager["event_action"], &pager["dedup_key"]),
        (&json!("trigger"), &json!("00ff-2"))
    );
    assert_eq!(pager["payload"]["source"], "db-1");
    assert_eq!(body("webhook", &content()), content());
    assert!(
        body("teams", &content())
            .to_string()
            .contains("97 of <100>")
    );
}

#[test]
fn the_end_is_told_under_the_same_key() {
    let mut over = content();
    over["alerts"][0]["status"] = json!("resolved");
    over["alerts"][0]["ends_at"] = json!("2026-11-29T04:00:00Z");
    assert_eq!(body("pagerduty", &over)["event_action"], "resolve");
    assert_eq!(body("pagerduty", &over)["dedup_key"], "00ff-2");
    assert_eq!(
        body("alertmanager", &over)[0]["endsAt"],
        "2026-11-29T04:00:00Z"
    );
    assert_eq!(
        body("slack", &over)["text"],
        "[RESOLVED] connections_used db-1"
    );
}

#[test]
fn a_template_makes_the_body_and_a_wrong_one_is_refused() {
    let mut settings = Settings {
        url: "http://receiver".into(),
        template: "{% for alert in alerts %}{{ alert.name }}={{ alert.status }}{% endfor %}".into(),
        ..Settings::default()
    };
    assert_eq!(problem("webhook", &settings), None);
    let sent = messages("webhook", &settings, &content(), 0).unwrap();
    assert_eq!(sent[0].body, "connections_used=firing");
    settings.template = "{{ nothing }}".into();
    assert!(problem("webhook", &settings).unwrap().contains("template"));
    settings.template = "{% for a in range(1000000) %}x{% endfor %}".into();
    assert!(problem("webhook", &settings).is_some(), "it never ends");
    assert!(
        problem("slack", &Settings::default())
            .unwrap()
            .contains("url")
    );
    assert!(problem("fax", &settings).unwrap().contains("pagerduty"));
}

/// So many alerts whose texts are made of a word, longer than any receiver takes.
fn large(alerts: usize, word: &str) -> Value {
    let mut content = content();
    let mut alert = content["alerts"][0].clone();
    alert["annotations"]["summary"] = json!(word.repeat(4_000));
    alert["annotations"]["first_step"] = json!(word.repeat(4_000));
    content["alerts"] = json!(vec![alert; alerts]);
    content["group"]["server"] = json!(word.repeat(2_000));
    content["truncated"] = json!(7);
    content
}

/// ASCII, two, three and four bytes a character, what JSON escapes, and what Slack does; with one
/// character before them the cut falls inside another byte.
const WORDS: [&str; 8] = ["a", "é", "…", "🐘", "\u{1}", "\"", "&<", "x🐘é"];

#[test]
fn teams_gets_at_most_28_kb_and_is_told_how_many_are_missing() {
    for word in WORDS {
        let card = body("teams", &large(20, word));
        let bytes = card.to_string().len();
        assert!(bytes <= 28 * 1_024, "{word}: {bytes}");
        let blocks = card["attachments"][0]["content"]["body"]
            .as_array()
            .unwrap();
        let shown = blocks.len() - 2;
        assert!(shown >= 4, "{word}: {shown}");
        let last = blocks.last().unwrap()["text"].as_str().unwrap();
        assert_eq!(last, format!("And {} more.", 27 - shown), "{word}");
    }
    let card = body("teams", &content()).to_string();
    assert!(!card.contains("more."), "{card}");
}

#[test]
fn slack_gets_no_text_that_is_too_long_and_no_half_of_an_escape() {
    for word in WORDS {
        let message = body("slack", &large(20, word));
        let blocks = message["blocks"].as_array().unwrap();
        assert_eq!(
            blocks.len(),
            22,
            "a header, 20 alerts, and how many are missing"
        );
        for (place, block) in blocks.iter().enumerate() {
            let text = block["text"]["text"].as_str().unwrap();
            let most = if place == 0 { 150 } else { 3_000 };
            assert!(text.chars().count() <= most, "{word}: {place}");
            let halves = text.split('&').skip(1);
            let is_whole = |tail: &str| ["amp;", "lt;", "gt;"].iter().any(|e| tail.starts_with(e));
            assert!(
                place == 0 || halves.into_iter().all(is_whole),
                "{word}: {text}"
            );
        }
        assert_eq!(blocks[21]["text"]["text"], "And 7 more.");
    }
}

#[test]
fn pagerduty_gets_a_summary_of_1024_characters() {
    for word in WORDS {
        let event = body("pagerduty", &large(1, word));
        let summary = event["payload"]["summary"].as_str().unwrap();
        assert_eq!(summary.chars().count(), 1_024, "{word}");
        assert!(
            summary.ends_with('…') && summary.starts_with(word),
            "{word}"
        );
        assert!(event.to_string().len() < 512 * 1_024, "{word}");
    }
}
