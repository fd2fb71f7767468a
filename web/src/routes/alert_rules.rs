//! Rules for alerts: the defaults, what people changed and wrote, and what a rule would have done.

mod dry_run;

use http::StatusCode;
use pga_alerts::{Rule, RuleSet};
use pga_cluster::{AlertingCommand, ControlCommand, RuleEntry, State};
use pga_storage::Timestamp;
use serde_json::{Value, json};
use warp::reply::Response;

use super::decision::Note;
use super::invalid::invalid;
use super::paging::MESSAGE;
use super::request_context::RequestContext;
use super::route::{Access, Content, Handler, Route};
use super::severity::{severity_letter, severity_word};
use super::shape::{Shape, always, maybe};
use super::small_body::{small_body, small_json};
use crate::body::BodyStream;
use crate::refusal::Refusal;
use crate::reply::{content, json};

/// Largest file of rules, in bytes.
const MAX_FILE: u64 = 1 << 20;

const RULE: Shape = Shape::Object(&[
    always("key", Shape::Text),
    always("id", Shape::Text),
    always("name", Shape::Text),
    always("severity", Shape::Text),
    always("enabled", Shape::Flag),
    always("from", Shape::Text),
    always("value", Shape::Text),
    always("fire", Shape::Text),
    always("origin", Shape::Text),
    maybe("version", Shape::Integer),
    maybe("author", Shape::Text),
    maybe("changed_at", Shape::Time),
    always("firing", Shape::Integer),
    always("toml", Shape::Text),
]);

const TOML: &str = "application/toml";

pub(super) const ROUTES: &[Route] = &[
    Route::get("/api/v1/alert-rules", "alert_rules", Access::Viewer)
        .does(
            "Lists the rules for alerts: those that come with the program, and those that people wrote.",
            Handler::Plain(|ask| Box::pin(list(ask))),
        )
        .answers(Content::Json(Shape::List(&RULE))),
    Route::get("/api/v1/alert-rules.toml", "alert_rules_file", Access::Viewer)
        .does(
            "Exports all rules as one TOML file.",
            Handler::Plain(|ask| Box::pin(export(ask))),
        )
        .answers(Content::TextOf(&[TOML])),
    Route::put("/api/v1/alert-rules.toml", "alert_rules_file", Access::Admin)
        .does(
            "Imports rules from a TOML file: all or none; those that are not in it stay.",
            Handler::WithBody(|ask, body| Box::pin(import(ask, body))),
        )
        .takes(Content::Text)
        .answers(MESSAGE),
    Route::post("/api/v1/alert-rules/dry-run", "alert_rules_dry_run", Access::User)
        .does(
            "Tells when a rule would have fired over what is stored.",
            Handler::WithBody(|ask, body| Box::pin(dry_run::run(ask, body))),
        )
        .takes(dry_run::REQUEST)
        .answers(dry_run::ANSWER)
        .may(&[404]),
    Route::get("/api/v1/alert-rules/{key}", "alert_rule", Access::Viewer)
        .does("Shows a rule.", Handler::Plain(|ask| Box::pin(get(ask))))
        .answers(Content::Json(RULE)),
    Route::put("/api/v1/alert-rules/{key}", "alert_rule", Access::Admin)
        .does(
            "Stores a rule, given as the JSON of its TOML keys.",
            Handler::WithBody(|ask, body| Box::pin(put(ask, body))),
        )
        .takes(Content::Json(Shape::Any))
        .answers(Content::Json(RULE)),
    Route::patch("/api/v1/alert-rules/{key}", "alert_rule", Access::Admin)
        .does(
            "Changes some keys of a rule.",
            Handler::WithBody(|ask, body| Box::pin(patch(ask, body))),
        )
        .takes(Content::Json(Shape::Any))
        .answers(Content::Json(RULE)),
    Route::delete("/api/v1/alert-rules/{key}", "alert_rule", Access::Admin)
        .does(
            "Forgets a rule that people wrote; a default rule is then as it was delivered.",
            Handler::Plain(|ask| Box::pin(delete(ask))),
        )
        .answers(MESSAGE),
];

/// The rules as they hold: the defaults, and what people wrote in their place.
pub(super) fn rules_of(state: &State) -> RuleSet {
    let defaults = RuleSet::defaults().unwrap_or_default();
    let written = state.alert_rules().values();
    let written = written.filter_map(|entry| RuleSet::parse(&entry.text).ok());
    written.fold(defaults, RuleSet::with)
}

fn show(state: &State, defaults: &RuleSet, rule: &Rule) -> Value {
    let key = rule.key();
    let mut shown = serde_json::to_value(rule).unwrap_or_default();
    let entry = state.alert_rules().get(&key);
    let firing = state
        .alerts()
        .values()
        .filter(|alert| alert.is_firing() && alert.rule == rule.id && alert.level == rule.level);
    shown["enabled"] = json!(rule.enabled);
    shown["severity"] = json!(severity_word(rule.severity.letter()));
    shown["origin"] = json!(match (entry, defaults.get(&key)) {
        (None, _) => "default",
        (Some(_), Some(_)) => "changed",
        (Some(_), None) => "own",
    });
    if let Some(entry) = entry {
        shown["version"] = json!(entry.version);
        shown["author"] = json!(entry.author);
        shown["changed_at"] = json!(entry.at.to_string());
    }
    shown["firing"] = json!(firing.count());
    shown["toml"] = json!(RuleSet::one(rule));
    shown["key"] = json!(key);
    shown
}

async fn list(ask: RequestContext) -> Result<Response, Refusal> {
    let shown = ask.read_latest(|state| {
        let defaults = RuleSet::defaults().unwrap_or_default();
        let rules = rules_of(state);
        let shown: Vec<Value> = rules
            .iter()
            .map(|rule| show(state, &defaults, rule))
            .collect();
        shown
    });
    Ok(json(StatusCode::OK, &shown.await?))
}

fn not_found() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "not_found", "Alert rule not found")
}

async fn shown(ask: &RequestContext, key: &str) -> Result<Value, Refusal> {
    let shown = ask.read(|state| {
        let defaults = RuleSet::defaults().unwrap_or_default();
        let rules = rules_of(state);
        rules.get(key).map(|rule| show(state, &defaults, rule))
    });
    shown.await?.ok_or_else(not_found)
}

async fn get(ask: RequestContext) -> Result<Response, Refusal> {
    Ok(json(StatusCode::OK, &shown(&ask, ask.segment()).await?))
}

async fn export(ask: RequestContext) -> Result<Response, Refusal> {
    let text = ask.read(|state| rules_of(state).to_toml()).await?;
    Ok(content(StatusCode::OK, TOML, text))
}

/// The rule in a JSON value, checked.
fn rule_of(mut given: Value) -> Result<Rule, Refusal> {
    if let Some(severity) = given.get("severity").and_then(Value::as_str) {
        given["severity"] = json!(severity_letter("severity", severity)?);
    }
    let rule: Rule = serde_json::from_value(given).map_err(|error| invalid(error.to_string()))?;
    let checked = RuleSet::parse(&RuleSet::one(&rule));
    checked.map_err(|error| invalid(error.to_string()))?;
    Ok(rule)
}

async fn store(ask: &RequestContext, rules: &[Rule], note: Note) -> Result<(), Refusal> {
    let entry = |rule: &Rule| {
        let entry = RuleEntry {
            text: RuleSet::one(rule),
            author: ask.actor(),
            at: Timestamp::now(),
            version: 0,
        };
        (rule.key(), entry)
    };
    let rules = rules.iter().map(entry).collect();
    let command = AlertingCommand::PutRules { rules };
    ask.decide(ControlCommand::Alerting(Box::new(command)), note)
        .await
}

async fn put(ask: RequestContext, body: BodyStream) -> Result<Response, Refusal> {
    let rule = rule_of(small_json(&ask, body).await?)?;
    let key = rule.key();
    if key != ask.segment() {
        let text = format!(
            "the rule is {key:?} by its id and level, and the path says {:?}",
            ask.segment()
        );
        return Err(invalid(text));
    }
    let note = Note::new("alert-rule.store", &key).after(json!({ "toml": RuleSet::one(&rule) }));
    store(&ask, &[rule], note).await?;
    Ok(json(StatusCode::OK, &shown(&ask, &key).await?))
}

async fn patch(ask: RequestContext, body: BodyStream) -> Result<Response, Refusal> {
    let given: Value = small_json(&ask, body).await?;
    let Value::Object(given) = given else {
        return Err(invalid("the body is no object"));
    };
    let key = ask.segment().to_owned();
    let found = ask.read(|state| rules_of(state).get(&key).cloned()).await?;
    let before = found.ok_or_else(not_found)?;
    let mut changed = serde_json::to_value(&before).unwrap_or_default();
    for (name, value) in given {
        if name == "id" || name == "level" {
            return Err(invalid(format!(
                "{name} cannot be changed: store another rule"
            )));
        }
        changed[name] = value;
    }
    let rule = rule_of(changed)?;
    let note = Note::new("alert-rule.store", &key)
        .before(json!({ "toml": RuleSet::one(&before) }))
        .after(json!({ "toml": RuleSet::one(&rule) }));
    store(&ask, &[rule], note).await?;
    Ok(json(StatusCode::OK, &shown(&ask, &key).await?))
}

async fn import(ask: RequestContext, body: BodyStream) -> Result<Response, Refusal> {
    let bytes = small_body(&ask, body, MAX_FILE).await?;
    let text = std::str::from_utf8(&bytes).map_err(|_| invalid("the file is not UTF-8"))?;
    let given = RuleSet::parse(text).map_err(|error| invalid(error.to_string()))?;
    let known = ask.read(rules_of).await?;
    // What is as it was makes no version.
    let rules: Vec<Rule> = (given.iter())
        .filter(|rule| known.get(&rule.key()) != Some(*rule))
        .cloned()
        .collect();
    let count = rules.len();
    if count > 0 {
        let keys: Vec<String> = rules.iter().map(Rule::key).collect();
        let note = Note::new("alert-rule.import", keys.join(", "));
        store(&ask, &rules, note).await?;
    }
    let message = format!(
        "{count} rules stored, {} were as they are",
        given.iter().count() - count
    );
    Ok(json(StatusCode::OK, &json!({ "message": message })))
}

async fn delete(ask: RequestContext) -> Result<Response, Refusal> {
    let key = ask.segment().to_owned();
    let found = ask
        .read(|state| state.alert_rules().get(&key).cloned())
        .await?;
    let Some(before) = found else {
        let is_default = RuleSet::defaults().unwrap_or_default().get(&key).is_some();
        return Err(match is_default {
            true => invalid(format!(
                "{key} is a default rule: set enabled to false in its place"
            )),
            false => not_found(),
        });
    };
    let note = Note::new("alert-rule.delete", &key).before(json!({ "toml": before.text }));
    let command = AlertingCommand::DeleteRule { id: key };
    ask.decide(ControlCommand::Alerting(Box::new(command)), note)
        .await?;
    Ok(json(
        StatusCode::OK,
        &json!({ "message": "Alert rule deleted" }),
    ))
}
