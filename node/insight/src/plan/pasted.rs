//! Plans as people have them at hand: copied from a terminal, a client or a log.

use serde_json::{Deserializer, Value};

use super::document::Plan;
use super::error::{Error, Result};
use super::json::parse_json;
use super::text::parse_text;

/// Reads a plan that EXPLAIN or auto_explain wrote, as text or JSON, with what clients put around
/// it: a heading, quotes around each line, the `+` of psql at line ends, the first words of a log
/// record.
///
/// # Errors
/// If there is no plan, if what begins as JSON is none, or if the nodes nest too deep.
pub fn parse_pasted(text: &str) -> Result<Plan> {
    let lines: Vec<String> = text.lines().map(bare).collect();
    let is_json = |line: &String| line.trim_start().starts_with(['{', '[']);
    // A log record may name what comes: only what has a plan in it is JSON.
    let Some(begin) = lines.iter().position(is_json) else {
        return parse_text(&lines.join("\n"));
    };
    let document = lines.get(begin..).unwrap_or_default().join("\n");
    let mut values = Deserializer::from_str(&document).into_iter::<Value>();
    match values.next() {
        Some(Ok(value)) => parse_json(&value),
        Some(Err(error)) => parse_text(&lines.join("\n")).map_err(|_| Error::NoJson {
            detail: error.to_string(),
        }),
        None => Err(Error::NoPlan),
    }
}

/// A line without what a client put around it.
fn bare(line: &str) -> String {
    let line = line.trim_end();
    let line = line.strip_suffix('+').map_or(line, str::trim_end);
    let quoted = line
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    match quoted {
        // Lines within JSON begin with a space.
        Some(inner) => inner.replace("\"\"", "\""),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
Seq Scan on t  (cost=0.00..9.00 rows=9 width=4) (actual time=0.1..90.0 rows=10 loops=1)
  Filter: (\"A b\" = 1)
Execution Time: 91.0 ms";
    const JSON: &str = r#"[
  {
    "Plan": {
      "Node Type": "Seq Scan",
      "Relation Name": "t"
    },
    "Execution Time": 91.0
  }
]"#;

    fn read(text: &str) -> Plan {
        parse_pasted(text).unwrap()
    }

    fn each(text: &str, of: impl Fn(&str) -> String) -> String {
        let lines: Vec<String> = text.lines().map(of).collect();
        lines.join("\n")
    }

    #[test]
    fn what_clients_put_around_a_plan_is_left_out() {
        let psql = |text: &str| {
            let rows = each(text, |line| format!(" {line:<40}+"));
            format!("        QUERY PLAN        \n--------------\n{rows}\n(1 row)\n")
        };
        let quoted = |text: &str| each(text, |line| format!("\"{}\"", line.replace('"', "\"\"")));
        let record = |text: &str| format!("LOG:  duration: 91.000 ms  plan:\n{text}");
        for (name, text) in [
            ("text", TEXT.to_owned()),
            ("psql's text", psql(TEXT)),
            ("quoted text", quoted(TEXT)),
            ("a record", record(TEXT)),
            ("line ends of Windows", TEXT.replace('\n', "\r\n")),
        ] {
            let plan = read(&text);
            assert_eq!(plan.root.title(), "Seq Scan on t", "{name}");
            assert_eq!(plan.execution_ms, Some(91.0), "{name}");
            assert_eq!(plan.root.conditions.len(), 1, "{name}");
        }
        for (name, text) in [
            ("JSON", JSON.to_owned()),
            ("psql's JSON", psql(JSON)),
            ("a record", record(JSON)),
        ] {
            let plan = read(&text);
            assert_eq!(plan.root.title(), "Seq Scan on t", "{name}");
            assert_eq!(plan.execution_ms, Some(91.0), "{name}");
        }
    }

    #[test]
    fn what_is_no_plan_is_said() {
        let cut = JSON.get(..60).unwrap();
        for (text, want) in [
            ("", "no plan in the document"),
            ("hello", "no plan in the document"),
            ("{}", "no plan in the document"),
            ("[]", "no plan in the document"),
            (cut, "the document is no JSON: EOF"),
        ] {
            let error = parse_pasted(text).unwrap_err().to_string();
            assert!(error.starts_with(want), "{text}: {error}");
        }
    }
}
