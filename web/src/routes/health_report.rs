//! The health of a server on one page: alerts, costs, advice, changes, and what is not seen.

mod html;
mod last_week;
mod outlook;
mod safety;

use http::StatusCode;
use pga_cluster::Alert;
use pga_insight::health::{Grade, Item, Report, Topic, report};
use pga_insight::words::{self, count, figure};
use pga_storage::Timestamp;
use pga_storage::query::{ElementOrder, Elements};
use serde_json::{Value, json};
use warp::reply::Response;

use super::query_string::QueryString;
use super::recommendations::{at_least, holds};
use super::request_context::RequestContext;
use super::route::{Access, Content, Handler, Route};
use super::servers::{Server, find};
use super::shape::{Shape, always, maybe};
use crate::analyses::workload::{Statement, Window, statements};
use crate::analyses::{anomalies, plan_regressions, recommendations};
use crate::questions;
use crate::refusal::Refusal;
use crate::reply::{content, json};

/// Statements and recommendations that are told.
const TOLD: usize = 10;
/// Least improvement of a recommendation, in percent.
const LEAST: f64 = 5.0;
/// Days that changes are looked back for.
const DAYS: i64 = 7;
/// What is looked for, in the last so many hours, and what is hidden without it.
const KINDS: [(&str, i64, &str); 5] = [
    ("pg_activity_sample", 1, "why it is slow, waits and locks"),
    ("pg_index", 6, "indexes that are unused, invalid or gone"),
    (
        "pg_column",
        6,
        "index advice: there are no statistics of columns",
    ),
    ("pg_setting", 6, "advice about settings, and which changed"),
    (
        "explain_plan",
        168,
        "what is wrong with plans, and that they changed",
    ),
];

const ITEM: Shape = Shape::Object(&[
    always("grade", Shape::Text),
    always("text", Shape::Text),
    always("reason", Shape::Text),
    always("since", Shape::TextOrNull),
    always("see", Shape::TextOrNull),
]);
const SECTION: Shape = Shape::Object(&[
    always("topic", Shape::Text),
    always("title", Shape::Text),
    always("grade", Shape::Text),
    always("penalty", Shape::Integer),
    always("items", Shape::List(&ITEM)),
]);

pub(super) const ROUTES: &[Route] = &[Route::get(
    "/api/v1/servers/{id}/health-report",
    "health_report",
    Access::Viewer,
)
.does(
    "Tells how a server is on one page: what will break, what costs most, what to do; with `format=html` as a page that needs nothing else.",
    Handler::Plain(|ask| Box::pin(tell(ask))),
)
.asks(&[maybe("format", Shape::Text)])
.answers(Content::JsonOrHtml(Shape::Object(&[
    always("server_id", Shape::Integer),
    always("server", Shape::Text),
    always("at", Shape::Time),
    always("coverage", Shape::Number),
    always("score", Shape::Any),
    always("grade", Shape::Text),
    always("sections", Shape::List(&SECTION)),
])))];

fn ago(now: Timestamp, days: i64) -> Timestamp {
    Timestamp::from_micros(now.micros() - days * 86_400_000_000)
}

/// What fires for a server, by the topic of its rule.
async fn alerts(ask: &RequestContext, server: &str) -> Result<Vec<(Topic, Item)>, Refusal> {
    let item = |(id, alert): (&u64, &Alert)| {
        let note = |name: &str| alert.annotations.get(name).cloned().unwrap_or_default();
        let grade = match alert.severity.as_str() {
            "c" => Grade::Red,
            "w" => Grade::Amber,
            _ => Grade::Info,
        };
        let item = Item {
            grade,
            text: note("summary"),
            reason: format!("rule {} {}. {}", alert.rule, alert.name, note("first_step")),
            since: Some(alert.active_at.to_string()),
            see: Some(format!("/api/v1/alerts/{id}")),
        };
        (Topic::of_rule(&alert.rule), item)
    };
    ask.read(|state| {
        let all = state.alerts().iter();
        let own = all.filter(|(_, alert)| {
            alert.is_firing() && alert.labels.get("server").is_some_and(|of| of == server)
        });
        own.map(item).collect()
    })
    .await
}

/// The statements that take most time, each with its share.
fn costs(mut all: Vec<Statement>, coverage: f64) -> Vec<(Topic, Item)> {
    let total: f64 = all.iter().map(|one| one.total_ms).sum();
    all.sort_by(|one, other| other.total_ms.total_cmp(&one.total_ms));
    let worst = all.into_iter().filter(|one| one.total_ms > 0.0).take(TOLD);
    let item = |one: Statement| Item {
        grade: Grade::Info,
        text: format!(
            "{:.0} % of the statement time: {} of {} ms in {}: {}",
            one.total_ms / total * 100.0,
            count(one.calls as f64, "call", "calls"),
            figure(one.mean_ms()),
            one.database,
            one.text.chars().take(200).collect::<String>(),
        ),
        reason: format!("by the time {}", recommendations::last_day(coverage)),
        since: None,
        see: Some(format!("/api/v1/queries/{}/timeline", one.hash)),
    };
    worst.map(|one| (Topic::Costs, item(one))).collect()
}

/// What to do, what is worth most first; an index that is in the way is hygiene.
async fn advice(ask: &RequestContext, server: &str) -> Result<Vec<(Topic, Item)>, Refusal> {
    let listed = recommendations::list(&*ask.context.api, None).await?;
    let rows = at_least(listed.rows, LEAST).into_iter();
    let own = rows.filter(|row| holds(&row["collector_ids"], server));
    let item = |row: &Value| {
        let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        let saved = row["saved_seconds_per_day"].as_f64().filter(|s| *s > 0.0);
        let worth = match saved {
            Some(saved) => format!("saves {} a day. ", words::duration(saved)),
            None => String::new(),
        };
        Item {
            grade: Grade::Info,
            text: text("recommendation_text"),
            reason: format!(
                "{worth}{}; it costs: {}",
                text("detailed_explanation"),
                text("costs")
            ),
            since: Some(text("created_at")),
            see: Some("/api/v1/optimization-recommendations".to_owned()),
        }
    };
    let topic = |row: &Value| match row["rule"].as_str() {
        Some(rule) if rule.starts_with("drop") || rule == "invalid_index" => Topic::Hygiene,
        _ => Topic::Advice,
    };
    let (mut told, mut items) = ([0, 0], Vec::new());
    for row in own {
        let topic = topic(&row);
        let place = usize::from(topic == Topic::Hygiene);
        if let Some(told) = told.get_mut(place).filter(|told| **told < TOLD) {
            *told += 1;
            items.push((topic, item(&row)));
        }
    }
    Ok(items)
}

/// Plans that changed for the worse: those that still do are trouble.
async fn regressions(ask: &RequestContext, server: &Server) -> Result<Vec<(Topic, Item)>, Refusal> {
    let mut regressions = plan_regressions::records(&*ask.context.api, None).await?;
    let regressions = regressions.remove(&server.collector).unwrap_or_default();
    let mut items: Vec<(Topic, Item)> = Vec::new();
    for one in regressions {
        let (topic, grade) = match one.ended_at {
            None => (Topic::Trouble, Grade::Amber),
            Some(_) => (Topic::Changed, Grade::Info),
        };
        let item = Item {
            grade,
            text: format!(
                "statement {} of {}: {}",
                one.query_hash,
                one.database,
                one.text()
            ),
            reason: format!(
                "{} s an hour more than before",
                figure(one.slower.seconds_per_hour)
            ),
            since: Some(Timestamp::from_micros(one.flip.first_bad).to_string()),
            see: Some(format!(
                "/api/v1/queries/{}/plan-regressions",
                one.query_hash
            )),
        };
        items.push((topic, item));
    }
    Ok(items)
}

/// What is not usual: what still is not is trouble.
async fn unusual(
    ask: &RequestContext,
    server: &Server,
    now: Timestamp,
) -> Result<Vec<(Topic, Item)>, Refusal> {
    let found = anomalies::since(&*ask.context.api, ago(now, DAYS)).await?;
    let mut items = Vec::new();
    let id = server.collector.to_string();
    let own = found
        .iter()
        .filter(|one| one.collector_id == id && one.part_of.is_none());
    for one in own.take(TOLD) {
        let shown = one.show();
        let (topic, grade) = match (one.ended, shown["severity"].as_str()) {
            (None, Some("high")) => (Topic::Trouble, Grade::Amber),
            (None, _) => (Topic::Trouble, Grade::Info),
            (Some(_), _) => (Topic::Changed, Grade::Info),
        };
        let number = |name: &str| shown[name].as_f64().unwrap_or_default();
        let (is, was) = (number("metric_value"), number("baseline_value"));
        let name = shown["metric_name"].as_str().unwrap_or_default();
        let item = Item {
            grade,
            text: format!(
                "{}: {name} was {}, usually {}",
                one.subject,
                figure(is),
                figure(was)
            ),
            reason: format!(
                "anomaly of severity {}",
                shown["severity"].as_str().unwrap_or("")
            ),
            since: Some(anomalies::time(one.started)),
            see: Some("/api/v1/anomalies?severity=all&state=all".to_owned()),
        };
        items.push((topic, item));
    }
    Ok(items)
}

/// What no collector tells, and what that hides.
async fn not_seen(
    ask: &RequestContext,
    server: &Server,
    (now, coverage): (Timestamp, f64),
) -> Result<Vec<(Topic, Item)>, Refusal> {
    let mut items = Vec::new();
    if coverage < 0.99 {
        let item = Item {
            grade: if coverage < 0.8 {
                Grade::Amber
            } else {
                Grade::Info
            },
            text: format!("{} % of the last day was seen", figure(coverage * 100.0)),
            reason: "what happened in the rest is not in this report".to_owned(),
            ..Item::default()
        };
        items.push((Topic::NotSeen, item));
    }
    for (kind, hours, hidden) in KINDS {
        let query = Elements {
            collector: server.collector,
            kind: Some(kind.to_owned()),
            from: Some(Window::hours_before(now, hours).from),
            to: None,
            order: ElementOrder::Descending,
            limit: 1,
            cursor: None,
        };
        let page = questions::ask(&*ask.context.api, query.collector, &query).await?;
        if page.data.is_empty() {
            let item = Item {
                grade: Grade::Info,
                text: format!(
                    "no {kind} came in the last {}",
                    match hours {
                        1 => "hour".to_owned(),
                        hours => format!("{hours} hours"),
                    }
                ),
                reason: format!("it hides {hidden}"),
                ..Item::default()
            };
            items.push((Topic::NotSeen, item));
        }
    }
    Ok(items)
}

async fn tell(ask: RequestContext) -> Result<Response, Refusal> {
    let server = find(&ask)?;
    let args = QueryString::parse(&ask.query)?;
    let is_html = match args.text("format") {
        None | Some("json") => false,
        Some("html") => true,
        Some(other) => {
            let text = format!("format is {other:?}: it is json or html");
            return Err(Refusal::bad("argument", text));
        }
    };
    let (now, name) = (Timestamp::now(), server.name());
    let day = Window::hours_before(now, 24);
    let all = statements(&*ask.context.api, server.collector, day, None).await?;
    let coverage = all.values().map(|one| one.coverage).fold(0.0, f64::max);
    let mut items = alerts(&ask, &name).await?;
    let safety = safety::tell(&ask, &server, now).await?.into_iter();
    let is_told = |item: &Item| items.iter().any(|(_, told)| told.text == item.text);
    let safety: Vec<(Topic, Item)> = safety.filter(|(_, item)| !is_told(item)).collect();
    items.extend(safety);
    items.extend(costs(all.into_values().collect(), coverage));
    items.extend(advice(&ask, &server.collector.to_string()).await?);
    items.extend(regressions(&ask, &server).await?);
    items.extend(unusual(&ask, &server, now).await?);
    items.extend(outlook::tell(&ask, &server, now).await?);
    items.extend(last_week::tell(&ask, &server, now).await?);
    items.extend(not_seen(&ask, &server, (now, coverage)).await?);
    let report: Report = report(items, coverage);
    if is_html {
        let page = html::page(&name, now, &report);
        return Ok(content(StatusCode::OK, "text/html; charset=utf-8", page));
    }
    let mut answer = serde_json::to_value(report).map_err(|_| Refusal::internal())?;
    answer["server_id"] = json!(server.entry.server_id);
    answer["server"] = json!(name);
    answer["at"] = json!(now.to_string());
    answer["coverage"] = json!(coverage);
    Ok(json(StatusCode::OK, &answer))
}
