//! What a rule would have done: its evaluation over stored elements, as the leader does it over
//! those that arrive.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::StatusCode;
use pga_alerts::routing::Routing;
use pga_alerts::rule::source;
use pga_alerts::{Facts, NoData, Rule, RuleSet, evaluate, is_finding, machine};
use pga_cluster::{Alert, AlertRoute, AlertState, Channel};
use pga_config::CollectorId;
use pga_storage::query::{ElementOrder, Elements};
use pga_storage::{Document, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};
use warp::reply::Response;

use super::{rule_of, rules_of};
use crate::ApiError;
use crate::body::BodyStream;
use crate::questions;
use crate::refusal::Refusal;
use crate::reply::json;
use crate::routes::invalid::invalid;
use crate::routes::request_context::RequestContext;
use crate::routes::route::Content;
use crate::routes::shape::{Shape, always, maybe};
use crate::routes::small_body::small_json;
use crate::timestamps;

/// Longest time that is looked at.
const MAX_DAYS: i64 = 31;
/// Elements that are read at most.
const MAX_ELEMENTS: usize = 200_000;
/// Elements of one page.
const PAGE: u32 = 1_000;
/// Alerts that are told at most; of more the number is.
const MAX_ALERTS: usize = 100;
const DAY: i64 = 86_400_000_000;

pub(super) const REQUEST: Content = Content::Json(Shape::Object(&[
    maybe("key", Shape::Text),
    maybe("rule", Shape::Any),
    maybe("from", Shape::Time),
    maybe("to", Shape::Time),
]));
pub(super) const ANSWER: Content = Content::Json(Shape::Object(&[
    always("message", Shape::Text),
    always("from", Shape::Time),
    always("to", Shape::Time),
    always("elements_read", Shape::Integer),
    always("is_truncated", Shape::Flag),
    always("fired", Shape::Integer),
    always("alerts", Shape::List(&Shape::Any)),
]));

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    key: Option<String>,
    rule: Option<Value>,
    from: Option<String>,
    to: Option<String>,
}

/// The channels and routes that there are now.
#[derive(Default)]
struct Setup {
    channels: BTreeMap<u64, Channel>,
    routes: Vec<AlertRoute>,
}

type Told = Arc<Setup>;

/// What the rule would have done.
#[derive(Default)]
struct Outcome {
    told: Told,
    fired: usize,
    alerts: Vec<Value>,
}

pub(super) async fn run(ask: RequestContext, body: BodyStream) -> Result<Response, Refusal> {
    let given: Request = small_json(&ask, body).await?;
    let rule = match (given.rule, given.key) {
        (Some(rule), None) => rule_of(rule)?,
        (None, Some(key)) => {
            let found = ask.read(|state| rules_of(state).get(&key).cloned()).await?;
            found.ok_or_else(super::not_found)?
        }
        _ => return Err(invalid("give either key, of a stored rule, or rule")),
    };
    if rule.from.starts_with("cluster_") {
        return Err(invalid(format!(
            "{} looks at the cluster itself, which is not stored",
            rule.key()
        )));
    }
    let (from, to) = span(given.from.as_deref(), given.to.as_deref())?;
    let (servers, told) = known(&ask).await?;
    let (mut read, mut looked_at, mut outcome) = (0, 0, Outcome::default());
    for (id, name) in servers {
        let elements = elements(&ask, &rule, id, from, to, MAX_ELEMENTS - read).await?;
        read += elements.len();
        looked_at += elements
            .iter()
            .filter(|one| one.kind == source(&rule.from))
            .count();
        let (rule, told) = (rule.clone(), Arc::clone(&told));
        let replay = move || replay(&rule, (id, &name), &elements, told);
        let replayed = pga_runtime::spawn_blocking(replay);
        let of_server = replayed.await.map_err(|_| Refusal::internal())?;
        outcome.fired += of_server.fired;
        outcome.alerts.extend(of_server.alerts);
        if read >= MAX_ELEMENTS {
            break;
        }
    }
    outcome.alerts.truncate(MAX_ALERTS);
    let message = sentence(&rule, &outcome, read, looked_at);
    let answer = json!({
        "message": message,
        "from": from.to_string(),
        "to": to.to_string(),
        "elements_read": read,
        "is_truncated": read >= MAX_ELEMENTS,
        "fired": outcome.fired,
        "alerts": outcome.alerts,
    });
    Ok(json(StatusCode::OK, &answer))
}

/// The servers with their names, and who is told.
async fn known(ask: &RequestContext) -> Result<(Vec<(CollectorId, String)>, Told), Refusal> {
    ask.read(|state| {
        let servers = state.watched().map(|(id, collector)| {
            let entry = state.collector_entry(*id);
            (*id, entry.display_name(collector).to_owned())
        });
        let setup = Setup {
            channels: state.channels().clone(),
            routes: state.alert_routes().routes.clone(),
        };
        (servers.collect(), Arc::new(setup))
    })
    .await
}

/// What came of it, for people.
fn sentence(rule: &Rule, outcome: &Outcome, read: usize, looked_at: usize) -> String {
    match outcome.fired {
        _ if looked_at == 0 => format!(
            "Nothing of type {} is stored in this time; plain samples are not replayed.",
            rule.from
        ),
        n if read >= MAX_ELEMENTS => format!(
            "It would have fired {n} times in the first {read} elements; there are more: take a shorter time."
        ),
        0 => "It would not have fired.".to_owned(),
        1 => "It would have fired once.".to_owned(),
        n => format!("It would have fired {n} times."),
    }
}

/// The time that is looked at: by default the last seven days.
fn span(from: Option<&str>, to: Option<&str>) -> Result<(Timestamp, Timestamp), Refusal> {
    let time = |text: &str| {
        timestamps::parse_text(text).map_err(|_| {
            invalid(format!(
                "{text:?} is no time: write one such as 2027-01-31T00:00:00Z"
            ))
        })
    };
    let to = to.map_or_else(|| Ok(Timestamp::now()), time)?;
    let week = Timestamp::from_micros(to.micros() - 7 * DAY);
    let from = from.map_or(Ok(week), time)?;
    if from >= to || to.micros() - from.micros() > MAX_DAYS * DAY {
        return Err(invalid(format!(
            "from must be before to, by at most {MAX_DAYS} days"
        )));
    }
    Ok((from, to))
}

/// What the rule looks at, in the order of time.
async fn elements(
    ask: &RequestContext,
    rule: &Rule,
    collector: CollectorId,
    from: Timestamp,
    to: Timestamp,
    most: usize,
) -> Result<Vec<Document>, Refusal> {
    let mut kinds = rule.with();
    kinds.insert(source(&rule.from).to_owned());
    // Tells that a server is heard although it has nothing of a type.
    kinds.insert("pg_activity_sample".to_owned());
    let mut all = Vec::new();
    for kind in kinds {
        let mut cursor = None;
        loop {
            let query = Elements {
                collector: teller(&kind, collector),
                kind: Some(kind.clone()),
                from: Some(from),
                to: Some(to),
                order: ElementOrder::Ascending,
                limit: PAGE,
                cursor: cursor.take(),
            };
            let page = questions::ask(&*ask.context.api, query.collector, &query).await;
            let page = match page {
                // Nothing was ever found.
                Err(ApiError::NotFound(_)) if is_finding(&kind) => break,
                page => page?,
            };
            let mine = page.data.iter();
            all.extend(mine.filter_map(|text| document(&kind, text, collector)));
            cursor = page.next_cursor;
            if cursor.is_none() || all.len() >= most {
                break;
            }
        }
    }
    all.sort_by_key(|document| document.time);
    all.truncate(most);
    Ok(all)
}

/// Under whose id elements of a type about a server are stored.
fn teller(kind: &str, server: CollectorId) -> CollectorId {
    match is_finding(kind) {
        true => CollectorId::FINDINGS,
        false => server,
    }
}

/// A stored element; nothing for a finding about another server.
fn document(kind: &str, text: &str, server: CollectorId) -> Option<Document> {
    let body: Value = serde_json::from_str(text).ok()?;
    let about = body["collector_id"].as_str();
    if is_finding(kind) && about != Some(server.to_string().as_str()) {
        return None;
    }
    let time = timestamps::parse_text(body.get("timestamp")?.as_str()?).ok()?;
    let database = body
        .get("database")
        .and_then(Value::as_str)
        .unwrap_or_default();
    Some(Document {
        kind: kind.to_owned(),
        time,
        database: database.to_owned(),
        body: text.as_bytes().to_vec(),
    })
}

fn replay(
    rule: &Rule,
    (id, server): (CollectorId, &str),
    elements: &[Document],
    told: Told,
) -> Outcome {
    let mut facts = Facts::default();
    let rules = RuleSet::parse(&RuleSet::one(rule)).unwrap_or_default();
    facts.keep(rules.keeps());
    let mut alerts = BTreeMap::<u64, Alert>::new();
    let mut done = Outcome {
        told,
        ..Outcome::default()
    };
    let mut elements = elements.iter().peekable();
    while let Some(element) = elements.next() {
        facts.take(teller(&element.kind, id), element.time, element);
        let at = element.time;
        if elements.peek().is_some_and(|next| next.time == at) {
            continue;
        }
        let evaluation = evaluate(rule, facts.server(id), server, None, at);
        let mut seen = Vec::new();
        for reading in &evaluation.readings {
            let fingerprint = machine::fingerprint(&reading.labels);
            seen.push(fingerprint);
            let next = machine::step(rule, alerts.get(&fingerprint), reading, at);
            done.take(&mut alerts, fingerprint, next);
        }
        let silent: Vec<u64> = alerts
            .keys()
            .filter(|key| !seen.contains(key))
            .copied()
            .collect();
        for fingerprint in silent {
            let is_stale =
                evaluation.is_stale || rule.no_data == NoData::Hold && evaluation.without_data > 0;
            let alert = alerts.get(&fingerprint);
            let next = alert.and_then(|alert| machine::silent(Some(rule), alert, is_stale, at, at));
            done.take(&mut alerts, fingerprint, next);
        }
    }
    let firing = alerts.values().filter(|alert| alert.is_firing());
    let firing: Vec<Value> = firing.map(|alert| done.show(alert)).collect();
    done.alerts.extend(firing);
    done
}

impl Outcome {
    fn take(&mut self, alerts: &mut BTreeMap<u64, Alert>, fingerprint: u64, next: Option<Alert>) {
        let Some(next) = next else {
            return;
        };
        let was_firing = alerts.get(&fingerprint).is_some_and(Alert::is_firing);
        match next.state {
            AlertState::Firing if !was_firing => self.fired += 1,
            AlertState::Resolved if was_firing => self.alerts.push(self.show(&next)),
            _ => {}
        }
        match next.fired_at {
            None if next.is_over() => drop(alerts.remove(&fingerprint)),
            _ => drop(alerts.insert(fingerprint, next)),
        }
    }

    /// An alert, and the names of the channels that it would be told through.
    fn show(&self, alert: &Alert) -> Value {
        let routing = Routing {
            channels: &self.told.channels,
            routes: &self.told.routes,
        };
        let channels = routing.destinations(alert);
        let channels = channels.iter().map(|to| to.channel.name.as_str());
        json!({
            "labels": alert.labels,
            "summary": alert.annotations.get("summary"),
            "value": serde_json::from_str::<Value>(&alert.value).unwrap_or_default(),
            "fired_at": alert.fired_at.map(|at| at.to_string()),
            "resolved_at": alert.resolved_at.map(|at| at.to_string()),
            "channels": channels.collect::<Vec<_>>(),
        })
    }
}
