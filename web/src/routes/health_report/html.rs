//! The report as a page that needs nothing else: no script, no other file.

use std::fmt::Write as _;

use pga_insight::health::{Grade, Item, Report};
use pga_storage::Timestamp;

const STYLE: &str = "body{font:15px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}\
li{margin:.4em 0;overflow-wrap:anywhere}small{color:#666;display:block}\
.red{color:#b00020}.amber{color:#8a5a00}.green{color:#1b6e2c}.info{color:#333}";

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            letter => out.push(letter),
        }
    }
    out
}

fn word(grade: Grade) -> &'static str {
    match grade {
        Grade::Red => "red",
        Grade::Amber => "amber",
        Grade::Info => "info",
        Grade::Green => "green",
    }
}

fn line(item: &Item) -> String {
    let since = item.since.as_deref();
    let since = since.map(|at| format!("Since {}.", minute(at)));
    let end = match item.reason.ends_with(['.', '?']) || item.reason.is_empty() {
        true => "",
        false => ".",
    };
    let small = format!("{}{end} {}", item.reason, since.unwrap_or_default());
    format!(
        "<li class=\"{}\">{}<small>{}</small></li>\n",
        word(item.grade),
        escaped(&item.text),
        escaped(small.trim()),
    )
}

/// A time to the minute, for people.
fn minute(time: &str) -> String {
    let minute: String = time.chars().take(16).collect();
    format!("{} UTC", minute.replace('T', " "))
}

/// Renders the report of a server as of a time.
pub(super) fn page(server: &str, at: Timestamp, report: &Report) -> String {
    let server = escaped(server);
    let score = match report.score {
        Some(score) => format!("{score} of 100"),
        None => "no score: less than 80 % of the last day was seen".to_owned(),
    };
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <title>Health of {server}</title><style>{STYLE}</style></head><body>\n\
         <h1>Health of {server}</h1><p class=\"{}\">{score}, at {}</p>\n",
        word(report.grade),
        minute(&at.to_string()),
    );
    for section in &report.sections {
        let (grade, title) = (word(section.grade), section.title);
        // INVARIANT: writing to a string does not fail.
        let _infallible = writeln!(out, "<h2 class=\"{grade}\">{title}</h2>");
        if section.items.is_empty() {
            out.push_str("<p>Nothing.</p>\n");
            continue;
        }
        out.push_str("<ul>\n");
        section
            .items
            .iter()
            .for_each(|item| out.push_str(&line(item)));
        out.push_str("</ul>\n");
    }
    out.push_str("</body></html>\n");
    out
}

#[cfg(test)]
mod tests {
    use pga_insight::health::{Topic, report};

    use super::*;

    #[test]
    fn what_came_from_outside_is_no_markup() {
        let item = Item {
            grade: Grade::Red,
            text: "SELECT '<script>' & \"x\"".to_owned(),
            ..Item::default()
        };
        let told = report(vec![(Topic::WillBreak, item)], 1.0);
        let at = Timestamp::from_micros(1_767_225_600_000_000);
        let page = page("<b>db</b>", at, &told);
        assert!(page.contains("at 2026-01-01 00:00 UTC"), "{page}");
        assert!(!page.contains("<script") && !page.contains("<b>"), "{page}");
        let line = "<li class=\"red\">SELECT &#39;&lt;script&gt;&#39; &amp; &quot;x&quot;<small>";
        assert!(page.contains(line), "{page}");
        assert!(page.contains("85 of 100"), "{page}");
        let unseen = super::page("db", at, &report(Vec::new(), 0.5));
        assert!(unseen.contains("no score") && unseen.contains("<p>Nothing.</p>"));
    }
}
