//! Matchers of labels, silences and maintenance windows.

use std::collections::BTreeMap;
use std::slice;

use pga_cluster::{Alert, Matcher, Silence};
use pga_storage::Timestamp;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Whether all matchers hold for an alert: for its labels, its `name` and its `severity`, which may
/// be written as a word or as its letter.
pub fn fits(matchers: &[Matcher], alert: &Alert) -> bool {
    let labels = |severity: &str| {
        let mut labels = alert.labels.clone();
        labels.insert("severity".to_owned(), severity.to_owned());
        labels.insert("name".to_owned(), alert.name.clone());
        labels
    };
    let (words, letters) = (labels(severity(&alert.severity)), labels(&alert.severity));
    matchers.iter().all(|matcher| {
        let is_letter = matcher.label == "severity" && matcher.value.len() == 1;
        let labels = if is_letter { &letters } else { &words };
        matches(slice::from_ref(matcher), labels)
    })
}

/// The word for a severity's letter.
pub(crate) fn severity(letter: &str) -> &'static str {
    match letter {
        "c" => "critical",
        "w" => "warning",
        _ => "info",
    }
}

/// Whether all matchers hold; a label that is not there is empty.
pub fn matches(matchers: &[Matcher], labels: &BTreeMap<String, String>) -> bool {
    matchers.iter().all(|matcher| {
        let value = labels.get(&matcher.label).map_or("", String::as_str);
        match matcher.operator.as_str() {
            "!=" => value != matcher.value,
            "~" => like(&matcher.value, value),
            "!~" => !like(&matcher.value, value),
            _ => value == matcher.value,
        }
    })
}

/// Whether a text has the form of a pattern, in which `*` stands for any characters.
fn like(pattern: &str, text: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(rest) = text.strip_prefix(head) else {
        return false;
    };
    let starts = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
    starts
        .into_iter()
        .any(|at| like(tail, rest.get(at..).unwrap_or_default()))
}

/// Whether nobody is to be told about an alert now.
pub fn is_silenced<'a>(
    silences: impl IntoIterator<Item = &'a Silence>,
    alert: &Alert,
    now: Timestamp,
) -> bool {
    let holds = |silence: &Silence| holds(silence, now) && fits(&silence.matchers, alert);
    silences.into_iter().any(holds)
}

/// Whether a silence holds now.
pub fn holds(silence: &Silence, now: Timestamp) -> bool {
    if now < silence.from || now >= silence.to {
        return false;
    }
    let Some(weekly) = &silence.weekly else {
        return true;
    };
    // 1970-01-01 was a Thursday; day 0 is Monday.
    let minutes = now.micros().div_euclid(60_000_000);
    (0..=1).any(|back| {
        let day = minutes.div_euclid(1_440) - back;
        let weekday = (day + 3).rem_euclid(7);
        let into = minutes - day * 1_440 - i64::from(weekly.from_minute);
        weekly.days.iter().any(|named| i64::from(*named) == weekday)
            && (0..i64::from(weekly.minutes)).contains(&into)
    })
}

/// The time in a text of RFC 3339.
pub(crate) fn time(text: &str) -> Option<Timestamp> {
    let parsed = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    let micros = i64::try_from(parsed.unix_timestamp_nanos() / 1_000).ok()?;
    Some(Timestamp::from_micros(micros))
}

#[cfg(test)]
mod tests {
    use pga_cluster::Weekly;

    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, text, want) in [
            ("db-*", "db-1", true),
            ("db-*", "web", false),
            ("*a*b", "xaxb", true),
            ("*a*b", "xbxa", false),
            ("db", "db-1", false),
            ("*", "", true),
        ] {
            assert_eq!(like(pattern, text), want, "{pattern} {text}");
        }
    }

    #[test]
    fn a_severity_is_a_word_or_its_letter() {
        let alert = Alert {
            name: "Disk full".into(),
            severity: "c".into(),
            ..Alert::default()
        };
        for (label, operator, value, want) in [
            ("severity", "=", "critical", true),
            ("severity", "=", "c", true),
            ("severity", "!=", "critical", false),
            ("severity", "!=", "w", true),
            ("severity", "~", "crit*", true),
            ("severity", "~", "*", true),
            ("severity", "=", "warning", false),
            ("name", "=", "Disk full", true),
        ] {
            let matcher = Matcher {
                label: label.into(),
                operator: operator.into(),
                value: value.into(),
            };
            assert_eq!(fits(&[matcher], &alert), want, "{label} {operator} {value}");
        }
    }

    #[test]
    fn a_weekly_window_holds_over_midnight() {
        let silence = Silence {
            matchers: Vec::new(),
            from: Timestamp::from_micros(0),
            to: Timestamp::from_micros(i64::MAX),
            weekly: Some(Weekly {
                days: vec![6],
                from_minute: 23 * 60,
                minutes: 120,
            }),
            is_window: true,
            by: String::new(),
            comment: String::new(),
            at: Timestamp::from_micros(0),
        };
        for (text, want) in [
            ("2026-11-29T22:59:59Z", false),
            ("2026-11-29T23:00:00Z", true),
            ("2026-11-30T00:59:59Z", true),
            ("2026-11-30T01:00:00Z", false),
            ("2026-11-28T23:30:00Z", false),
        ] {
            assert_eq!(holds(&silence, time(text).unwrap()), want, "{text}");
        }
    }
}
