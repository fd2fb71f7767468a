//! Messages for people in chats, cut to what their receivers take.

use serde_json::{Value, json};

use super::{alerts, cut, severity, text};

/// Characters of a header and of a section that Slack takes, its escapes included.
///
/// # Source
/// Slack, Block Kit: a header block has 150, a section block 3,000; a message 50 blocks.
const SLACK: (usize, usize) = (150, 3_000);
/// Bytes of a message that Teams takes: 28 KB, by Microsoft's limits of a workflow's card; the rest
/// is for what frames the texts.
const TEAMS_BYTES: usize = 27_000;
/// Characters of the title and of another text in Teams.
const TEAMS_TEXT: (usize, usize) = (200, 1_000);

/// One line about the whole.
fn title(content: &Value) -> String {
    let firing = alerts(content)
        .filter(|alert| text(alert, "/status") == "firing")
        .count();
    let group: Vec<&str> = content["group"]
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(_, value)| value.as_str())
        .filter(|value| !value.is_empty())
        .collect();
    let first = alerts(content).next();
    let name = first.map_or("", |alert| text(alert, "/name"));
    let what = match (firing, alerts(content).count()) {
        (0, _) => "RESOLVED".to_owned(),
        (n, _) => format!("FIRING {n}"),
    };
    let is = |name: &str| content[name] == Value::Bool(true);
    let again = match (is("may_repeat"), is("is_repeat")) {
        (true, _) => " (perhaps sent before)",
        (false, true) => " (again)",
        (false, false) => "",
    };
    format!("[{what}] {name} {}{again}", group.join(" "))
        .trim()
        .to_owned()
}

/// The lines about one alert.
fn line(alert: &Value) -> String {
    let step = text(alert, "/annotations/first_step");
    let summary = text(alert, "/annotations/summary");
    let mut lines = format!("{} {}: {summary}", severity(alert), text(alert, "/name"));
    if text(alert, "/status") == "resolved" {
        lines = format!("over: {lines}");
    } else if !step.is_empty() {
        lines.push_str("\nFirst: ");
        lines.push_str(step);
    }
    lines
}

/// How many alerts the message does not have.
fn more(content: &Value, shown: usize) -> Option<String> {
    let left = alerts(content).count().saturating_sub(shown);
    let left = left + usize::try_from(content["truncated"].as_u64()?).ok()?;
    (left > 0).then(|| format!("And {left} more."))
}

pub(super) fn slack(content: &Value) -> Value {
    let (in_header, in_section) = SLACK;
    let section = |text: &str| {
        let text = escaped(text, in_section);
        json!({ "type": "section", "text": { "type": "mrkdwn", "text": text } })
    };
    let mut blocks = vec![json!({
        "type": "header",
        "text": { "type": "plain_text", "text": cut(title(content), in_header) },
    })];
    blocks.extend(alerts(content).map(|alert| section(&line(alert))));
    let shown = alerts(content).count();
    blocks.extend(more(content, shown).map(|more| section(&more)));
    json!({ "text": escaped(&title(content), in_section), "blocks": blocks })
}

/// A text with Slack's escapes, of at most so many characters; no escape is cut in two.
fn escaped(text: &str, most: usize) -> String {
    let mut all = String::new();
    let mut left = most;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let escape = match character {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            _ => "",
        };
        let takes = escape.len().max(1);
        let is_last = characters.peek().is_none();
        if left < takes + usize::from(!is_last) {
            all.push('…');
            return all;
        }
        left -= takes;
        match escape {
            "" => all.push(character),
            escape => all.push_str(escape),
        }
    }
    all
}

pub(super) fn teams(content: &Value) -> Value {
    let block = |text: String| json!({ "type": "TextBlock", "wrap": true, "text": text });
    let mut body = vec![json!({
        "type": "TextBlock", "size": "Medium", "weight": "Bolder", "wrap": true,
        "text": cut(title(content), TEAMS_TEXT.0),
    })];
    let (mut shown, mut bytes) = (0, body.iter().map(size).sum::<usize>());
    for alert in alerts(content) {
        let block = block(cut(line(alert), TEAMS_TEXT.1));
        bytes += size(&block);
        if bytes > TEAMS_BYTES {
            break;
        }
        body.push(block);
        shown += 1;
    }
    body.extend(more(content, shown).map(block));
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard", "version": "1.4", "body": body,
            },
        }],
    })
}

/// Bytes that a value takes in a list.
fn size(value: &Value) -> usize {
    value.to_string().len() + 1
}
