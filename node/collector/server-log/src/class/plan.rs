//! Plans that `auto_explain` writes.

use serde_json::{Map, Value};

use super::pattern::number;

/// Adds `ms`, `format`, `plan`, `query_text` and, where it is known, `query_identifier`.
///
/// In JSON the plan is auto_explain's whole object, in text its lines behind the query's text. XML
/// and YAML are taken as text.
pub(super) fn add(message: &str, fields: &mut Map<String, Value>) {
    let Some((head, document)) = message.split_once(" ms  ") else {
        return;
    };
    let ms = head.rsplit_once(' ').and_then(|(_, text)| number(text));
    fields.extend(ms.map(|ms| ("ms".to_owned(), ms)));
    let document = document
        .split_once('\n')
        .map_or("", |(_, document)| document);
    match serde_json::from_str::<Map<String, Value>>(document) {
        Ok(plan) => {
            fields.insert("format".to_owned(), Value::from("json"));
            let known = [
                ("Query Text", "query_text"),
                ("Query Identifier", "query_identifier"),
            ];
            let known = known
                .into_iter()
                .filter_map(|(theirs, ours)| Some((ours.to_owned(), plan.get(theirs)?.clone())));
            fields.extend(known.collect::<Vec<_>>());
            fields.insert("plan".to_owned(), Value::Object(plan));
        }
        Err(_) => {
            let (query, plan) = split(document);
            fields.insert("format".to_owned(), Value::from("text"));
            if !query.is_empty() {
                fields.insert("query_text".to_owned(), Value::from(query));
            }
            let identifier = plan
                .lines()
                .find_map(|line| line.strip_prefix("Query Identifier: "));
            let identifier = identifier.and_then(number);
            fields.extend(identifier.map(|id| ("query_identifier".to_owned(), id)));
            fields.insert("plan".to_owned(), Value::from(plan));
        }
    }
}

/// The text of the query and the lines of the plan. The query may have many lines; the plan starts
/// at the first one that has costs or follows the parameters.
pub(crate) fn split(document: &str) -> (&str, &str) {
    let Some(body) = document.strip_prefix("Query Text: ") else {
        return ("", document);
    };
    let mut at = 0;
    for line in body.split_inclusive('\n') {
        let is_plan =
            line.contains("(cost=") && line.contains(" rows=") && line.contains(" width=");
        if at > 0 && (is_plan || line.starts_with("Query Parameters: ")) {
            break;
        }
        at += line.len();
    }
    let (query, plan) = body.split_at_checked(at).unwrap_or((body, ""));
    (query.trim_end(), plan)
}
