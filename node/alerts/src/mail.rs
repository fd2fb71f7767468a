//! Mails: a notification as a message of RFC 5322, in plain text and in HTML.
//!
//! The `Message-ID` is made of the notification's key, which is the same in every attempt and on
//! every node: mail programs and servers that know it already recognise a repeat. All mails of a
//! group have one `References`, so that they are shown as one thread.

use std::time::{Duration, SystemTime};

use jiff::tz::TimeZone;
use lettre::Message;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, MultiPartKind, SinglePart};
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use xxhash_rust::xxh3::xxh3_128;

use crate::zone;

/// Bodies without a template of the channel's own.
const TEXT: &str = include_str!("../templates/mail.txt");
const HTML: &str = include_str!("../templates/mail.html");
/// Steps that a template may take.
const FUEL: u64 = 500_000;
/// Receivers of one channel.
const MAX_RECEIVERS: usize = 50;
/// Longest subject, in characters.
const MAX_SUBJECT: usize = 200;

/// How the connection to the mail server is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailTls {
    /// By `STARTTLS` (RFC 3207); a server that does not offer it is refused.
    #[default]
    StartTls,
    /// From its beginning (RFC 8314).
    Implicit,
    /// Not at all: only to a server in a network of `notify.allow-targets`, and without a password.
    None,
}

/// What an e-mail channel needs to send.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailSettings {
    /// The mail server's name or address; its certificate must be for it.
    pub host: String,
    /// Its port; without it 587, 465 or 25 by `tls`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// How the connection is encrypted.
    #[serde(default)]
    pub tls: MailTls,
    /// Certificates (PEM) that are believed beside those of the public internet.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub ca: String,
    /// Name to log in with; without it nobody logs in.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub username: String,
    /// Password to log in with.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub password: String,
    /// Sender, as `address` or `Name <address>`.
    pub from: String,
    /// Receivers, likewise: one mail goes to all of them.
    pub to: Vec<String>,
    /// Zone of the times shown: `UTC`, a fixed distance from it such as `+02:00`, or the name of
    /// one such as `Europe/Berlin`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub time_zone: String,
    /// Template of the HTML body; that of the text is the channel's `template`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub html: String,
}

impl MailSettings {
    /// The server's port.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(match self.tls {
            MailTls::StartTls => 587,
            MailTls::Implicit => 465,
            MailTls::None => 25,
        })
    }

    fn mailboxes(&self) -> Result<(Mailbox, Vec<Mailbox>), String> {
        let parse = |key: &str, text: &String| {
            let parsed = text.parse::<Mailbox>();
            parsed.map_err(|error| format!("{key}: {text:?}: {error}"))
        };
        let to: Vec<Mailbox> =
            (self.to.iter().map(|text| parse("to", text))).collect::<Result<_, _>>()?;
        if to.is_empty() || to.len() > MAX_RECEIVERS {
            return Err(format!(
                "to has {} receivers: use 1 to {MAX_RECEIVERS}",
                to.len()
            ));
        }
        Ok((parse("from", &self.from)?, to))
    }
}

/// What is wrong with the settings of an e-mail channel; `None` if nothing is.
pub(crate) fn problem(settings: &MailSettings, template: &str) -> Option<String> {
    if settings.host.is_empty() || settings.host.contains(['/', '@', ' ']) {
        let text = format!("mail.host is {:?}: name the mail server", settings.host);
        return Some(text);
    }
    if settings.tls == MailTls::None && !settings.username.is_empty() {
        return Some("mail.tls is none: a password is not sent in the clear".to_owned());
    }
    if settings.username.is_empty() != settings.password.is_empty() {
        return Some("mail.username and mail.password belong together".to_owned());
    }
    let example = json!({
        "status": "firing", "alerts": [], "group": {}, "group_key": "", "cluster": "", "truncated": 0,
    });
    let made = mail(settings, template, &example, "key", 0);
    made.err().map(|error| format!("mail.{error}"))
}

/// The mail that carries a notification. `key` is the notification's, `now` is in seconds since
/// 1970.
///
/// # Errors
/// What is wrong with an address, the zone or a template.
pub fn mail(
    settings: &MailSettings,
    template: &str,
    content: &Value,
    key: &str,
    now: i64,
) -> Result<Message, String> {
    let (from, to) = settings.mailboxes()?;
    let zone = zone::parse(&settings.time_zone)?;
    let or = |own: &str, default: &'static str| match own {
        "" => default.to_owned(),
        own => own.to_owned(),
    };
    let text = render("body.txt", &or(template, TEXT), content, &zone)?;
    let html = render("body.html", &or(&settings.html, HTML), content, &zone)?;
    let domain = from.email.domain().to_owned();
    let id = |name: &str| format!("<{name}@{domain}>");
    let group = format!("{}/{}", content["cluster"], content["group_key"]);
    let thread = id(&format!("group-{:032x}", xxh3_128(group.as_bytes())));
    // The boundary is made of the key: the same mail has the same bytes.
    let body = MultiPart::builder()
        .kind(MultiPartKind::Alternative)
        .boundary(format!("part-{key}"))
        .singlepart(SinglePart::plain(text))
        .singlepart(SinglePart::html(html));
    let date = SystemTime::UNIX_EPOCH + Duration::from_secs(now.unsigned_abs());
    let mut message = Message::builder()
        .from(from)
        .date(date)
        .subject(subject(content))
        .message_id(Some(id(key)))
        .in_reply_to(thread.clone())
        .references(thread);
    for receiver in to {
        message = message.to(receiver);
    }
    // RFC 3834: nobody's holiday notice answers it.
    for (name, value) in [
        ("Auto-Submitted", "auto-generated"),
        ("X-PgAnalytics-Key", key),
        (
            "X-PgAnalytics-Repeat",
            if is(content, "may_repeat") {
                "maybe"
            } else {
                "no"
            },
        ),
    ] {
        let name =
            HeaderName::new_from_ascii(name.to_owned()).map_err(|error| error.to_string())?;
        message = message.raw_header(HeaderValue::new(name, value.to_owned()));
    }
    message.multipart(body).map_err(|error| error.to_string())
}

fn is(content: &Value, name: &str) -> bool {
    content[name] == Value::Bool(true)
}

/// The worst severity and how many fire, then what and where.
fn subject(content: &Value) -> String {
    let alerts = || content["alerts"].as_array().into_iter().flatten();
    let firing = || alerts().filter(|alert| alert["status"] == "firing");
    let worst = ["c", "w", "i"]
        .into_iter()
        .find(|letter| firing().any(|alert| alert["severity"] == *letter));
    let truncated = content["truncated"].as_u64().unwrap_or(0);
    let number = |shown: usize| u64::try_from(shown).unwrap_or(0) + truncated;
    let head = match worst {
        Some(letter) => format!(
            "{} {}",
            word(letter).to_uppercase(),
            number(firing().count())
        ),
        None => format!("RESOLVED {}", number(alerts().count())),
    };
    let mut names: Vec<&str> = alerts()
        .filter_map(|alert| alert["name"].as_str())
        .collect();
    names.dedup();
    let shown = names.iter().take(3).copied().collect::<Vec<_>>().join(", ");
    let more = if names.len() > 3 { ", …" } else { "" };
    let group = content["group"].as_object().into_iter().flatten();
    let group: Vec<&str> = group
        .filter_map(|(_, value)| value.as_str())
        .filter(|value| !value.is_empty())
        .collect();
    let again = if is(content, "is_repeat") {
        " (again)"
    } else {
        ""
    };
    let twice = if is(content, "may_repeat") {
        " (perhaps sent before)"
    } else {
        ""
    };
    let text = format!("[{head}] {shown}{more} {}", group.join(" "));
    let text: String = text
        .trim()
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MAX_SUBJECT)
        .collect();
    format!("{text}{again}{twice}")
}

fn word(letter: &str) -> &'static str {
    match letter {
        "c" => "critical",
        "w" => "warning",
        _ => "info",
    }
}

fn render(name: &str, template: &str, content: &Value, zone: &TimeZone) -> Result<String, String> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Lenient);
    environment.set_fuel(Some(FUEL));
    let is_html = std::path::Path::new(name)
        .extension()
        .is_some_and(|end| end == "html");
    environment.set_auto_escape_callback(move |_| {
        if is_html {
            AutoEscape::Html
        } else {
            AutoEscape::None
        }
    });
    environment.add_function("severity", |alert: minijinja::Value| {
        let letter = alert.get_attr("severity")?;
        Ok(word(letter.as_str().unwrap_or_default()))
    });
    let zone = zone.clone();
    environment.add_function("local", move |text: &str| zone::local(text, &zone));
    let rendered = environment.render_named_str(name, template, content);
    rendered.map_err(|error| format!("{name}: {error:#}"))
}
