//! What a channel's receiver gets: the request that carries a notification.
//!
//! | Kind | Sends | Key that the receiver honours |
//! | --- | --- | --- |
//! | `webhook` | the notification's JSON, or a template's text | header `Idempotency-Key` |
//! | `alertmanager` | `POST /api/v2/alerts` (Alertmanager's OpenAPI) | label set |
//! | `alertmanager-webhook` | version 4 of Alertmanager's webhook body | `groupKey`, `Idempotency-Key` |
//! | `slack` | incoming webhook with blocks | none |
//! | `teams` | Workflows webhook with an Adaptive Card | none |
//! | `pagerduty` | Events API v2, one event for each alert | `dedup_key` |
//! | `email` | a mail, see [`mail`] | `Message-ID` |

mod chat;

use minijinja::{Environment, UndefinedBehavior};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::mail::{self, MailSettings};

/// How long Alertmanager believes that an alert fires without hearing of it, in seconds.
pub const ALERTMANAGER_SECONDS: i64 = 240;
/// Where PagerDuty takes events.
const PAGERDUTY: &str = "https://events.pagerduty.com/v2/enqueue";
/// Steps that a template may take.
const FUEL: u64 = 500_000;

/// The kinds of channels.
pub const KINDS: &[&str] = &[
    "webhook",
    "alertmanager",
    "alertmanager-webhook",
    "slack",
    "teams",
    "pagerduty",
    "email",
];

/// What a channel needs to send: sealed in the state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where it sends to. PagerDuty has a default.
    #[serde(default)]
    pub url: String,
    /// Key of a webhook's signature, or PagerDuty's routing key.
    #[serde(default)]
    pub secret: String,
    /// Bearer token, if the receiver asks for one.
    #[serde(default)]
    pub token: String,
    /// Template of a webhook's body, which is JSON without it, or of a mail's text.
    #[serde(default)]
    pub template: String,
    /// The mail server, sender and receivers of an e-mail channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail: Option<MailSettings>,
}

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Where to.
    pub url: String,
    /// Its body.
    pub body: String,
    /// Its media type.
    pub content_type: &'static str,
}

/// What is wrong with settings of this kind; `None` if nothing is.
pub fn problem(kind: &str, settings: &Settings) -> Option<String> {
    if !KINDS.contains(&kind) {
        return Some(format!("kind is {kind:?}: use one of {}", KINDS.join(", ")));
    }
    match (kind, &settings.mail) {
        ("email", Some(mail)) if settings.url.is_empty() => {
            return mail::problem(mail, &settings.template);
        }
        ("email", _) => {
            return Some(
                "mail is missing: host, from, to; and an e-mail channel has no url".to_owned(),
            );
        }
        (_, Some(_)) => return Some("mail is for e-mail channels only".to_owned()),
        (_, None) => {}
    }
    let is_url = settings.url.starts_with("https://") || settings.url.starts_with("http://");
    match kind {
        "pagerduty" if settings.secret.is_empty() => {
            Some("secret is missing: PagerDuty's routing key".to_owned())
        }
        "pagerduty" if settings.url.is_empty() => None,
        // It is a secret, or the beginning of one: it is not shown.
        _ if !is_url => Some("url has no scheme: write http:// or https://".to_owned()),
        _ if settings.template.is_empty() => None,
        "webhook" => {
            let example = json!({ "status": "firing", "alerts": [], "group": {}, "truncated": 0 });
            render(&settings.template, &example)
                .err()
                .map(|error| format!("template: {error}"))
        }
        _ => Some("template is for webhooks only".to_owned()),
    }
}

/// The requests that carry a notification: one, but for PagerDuty one for each alert. `now` is in
/// seconds since 1970.
///
/// # Errors
/// What is wrong with the channel's template.
pub fn messages(
    kind: &str,
    settings: &Settings,
    content: &Value,
    now: i64,
) -> Result<Vec<Message>, String> {
    let url = settings.url.clone();
    let json_message = |url: String, body: &Value| Message {
        url,
        body: body.to_string(),
        content_type: "application/json",
    };
    Ok(match kind {
        "alertmanager" => {
            let url = format!("{}/api/v2/alerts", url.trim_end_matches('/'));
            vec![json_message(url, &alertmanager(content, now))]
        }
        "alertmanager-webhook" => vec![json_message(url, &alertmanager_webhook(content))],
        "slack" => vec![json_message(url, &chat::slack(content))],
        "teams" => vec![json_message(url, &chat::teams(content))],
        "pagerduty" => {
            let url = if url.is_empty() {
                PAGERDUTY.to_owned()
            } else {
                url
            };
            let events = alerts(content).map(|alert| pagerduty(&settings.secret, content, alert));
            events
                .map(|event| json_message(url.clone(), &event))
                .collect()
        }
        _ if settings.template.is_empty() => vec![json_message(url, content)],
        _ => vec![Message {
            url,
            body: render(&settings.template, content)?,
            content_type: "text/plain; charset=utf-8",
        }],
    })
}

fn render(template: &str, content: &Value) -> Result<String, String> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    let text = environment.render_str(template, content);
    text.map_err(|error| error.to_string())
}

fn alerts(content: &Value) -> impl Iterator<Item = &Value> {
    content["alerts"].as_array().into_iter().flatten()
}

fn text<'a>(alert: &'a Value, pointer: &str) -> &'a str {
    alert
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// The labels with what Alertmanager's users expect: `alertname` and `severity`.
fn labels(alert: &Value) -> Value {
    let mut labels = alert["labels"].clone();
    labels["alertname"] = alert["name"].clone();
    labels["severity"] = json!(severity(alert));
    labels
}

fn severity(alert: &Value) -> &'static str {
    crate::matching::severity(text(alert, "/severity"))
}

fn rfc3339(seconds: i64) -> String {
    pga_storage::Timestamp::from_micros(seconds.saturating_mul(1_000_000)).to_string()
}

fn alertmanager(content: &Value, now: i64) -> Value {
    let alert = |alert: &Value| {
        let ends_at = match alert["ends_at"].as_str() {
            Some(ends_at) => ends_at.to_owned(),
            None => rfc3339(now + ALERTMANAGER_SECONDS),
        };
        // Without startsAt it takes endsAt for the start.
        json!({
            "labels": labels(alert),
            "annotations": alert["annotations"],
            "startsAt": alert["starts_at"],
            "endsAt": ends_at,
        })
    };
    alerts(content).map(alert).collect()
}

fn alertmanager_webhook(content: &Value) -> Value {
    let alert = |alert: &Value| {
        json!({
            "status": alert["status"],
            "labels": labels(alert),
            "annotations": alert["annotations"],
            "startsAt": alert["starts_at"],
            "endsAt": alert["ends_at"].as_str().unwrap_or("0001-01-01T00:00:00Z"),
            "generatorURL": "",
            "fingerprint": alert["fingerprint"],
        })
    };
    let alerts: Vec<Value> = alerts(content).map(alert).collect();
    json!({
        "version": "4",
        "groupKey": content["group_key"],
        "truncatedAlerts": content["truncated"],
        "status": content["status"],
        "receiver": "pganalytics",
        "groupLabels": content["group"],
        "commonLabels": common(&alerts, "labels"),
        "commonAnnotations": common(&alerts, "annotations"),
        "externalURL": "",
        "alerts": alerts,
    })
}

/// What all alerts have alike.
fn common(alerts: &[Value], field: &str) -> Value {
    let first = alerts.first().and_then(|alert| alert[field].as_object());
    let mut common = first.cloned().unwrap_or_default();
    common.retain(|name, value| {
        alerts
            .iter()
            .all(|alert| alert[field].get(name) == Some(value))
    });
    Value::Object(common)
}

fn pagerduty(key: &str, content: &Value, alert: &Value) -> Value {
    let action = match (text(alert, "/status"), alert["acknowledged_by"].is_string()) {
        ("resolved", _) => "resolve",
        (_, true) => "acknowledge",
        _ => "trigger",
    };
    let source = match text(alert, "/labels/server") {
        "" => text(content, "/cluster"),
        server => server,
    };
    json!({
        "routing_key": key,
        "event_action": action,
        "dedup_key": format!("{}-{}", text(alert, "/fingerprint"), alert["incident"]),
        "payload": {
            "summary": cut(text(alert, "/annotations/summary").to_owned(), 1_024),
            "source": source,
            "severity": severity(alert),
            "component": alert["name"],
            "custom_details": { "labels": alert["labels"], "annotations": alert["annotations"] },
        },
    })
}

/// A text of at most so many characters.
fn cut(text: String, most: usize) -> String {
    if text.chars().count() <= most {
        return text;
    }
    text.chars()
        .take(most.saturating_sub(1))
        .chain(['…'])
        .collect()
}

#[cfg(test)]
mod tests;
