//! Why a server is slow at a time: its load by group, compared with another time.

mod beside;

use std::collections::{BTreeMap, BTreeSet};

use http::StatusCode;
use pga_config::CollectorId;
use pga_insight::why::{Question, Root, Sample, Statement, explain};
use pga_storage::Timestamp;
use pga_storage::query::{ElementOrder, Elements, QueryOrder, TopQueries};
use serde_json::{Value, json};
use warp::reply::Response;

use super::bounded::Bounded;
use super::query_string::QueryString;
use super::request_context::RequestContext;
use super::route::{Access, Content, Handler, Route};
use super::servers::find;
use super::shape::{Shape, always, maybe, number};
use crate::analyses::plan_regressions;
use crate::questions;
use crate::refusal::Refusal;
use crate::reply::json;

const MINUTES: Bounded = Bounded::new("minutes", 1, 60, 10);
const MINUTE: i64 = 60_000_000;
/// Samples that a time needs to be compared with.
const MIN_SAMPLES: usize = 30;
/// Elements read of one window.
const MAX_SAMPLES: usize = 2_200;
/// Elements of one page.
const PAGE: u32 = 500;
/// Statements of a window whose calls and times are looked up.
const MAX_STATEMENTS: u32 = 1_000;

const LOAD: Shape = Shape::Object(&[
    always("dimension", Shape::Text),
    always("group", Shape::Text),
    always("load", Shape::Number),
    always("usual", Shape::NumberOrNull),
]);
const LINE: Shape = Shape::Object(&[
    always("kind", Shape::Text),
    always("text", Shape::Text),
    always("share", Shape::Number),
    maybe("dimension", Shape::Text),
    maybe("group", Shape::Text),
    maybe("load", Shape::Number),
    maybe("usual", Shape::NumberOrNull),
    maybe("root", Shape::Any),
]);

pub(super) const ROUTES: &[Route] = &[Route::get("/api/v1/servers/{id}/why", "server_why", Access::Viewer)
    .does(
        "Tells why a server is slow: its load by what sessions wait for, run and come from, compared with another time.",
        Handler::Plain(|ask| Box::pin(why(ask))),
    )
    .asks(&[maybe("at", Shape::Time), number(MINUTES)])
    .answers(Content::Json(Shape::Object(&[
        always("server_id", Shape::Integer),
        always("from", Shape::Time),
        always("to", Shape::Time),
        always("head", Shape::Text),
        always("is_slower", Shape::Flag),
        always("load", Shape::Number),
        always("usual", Shape::NumberOrNull),
        always("reference", Shape::Text),
        always("error", Shape::Number),
        always("samples", Shape::List(&Shape::Integer)),
        always("lines", Shape::List(&LINE)),
        always("explained", Shape::Number),
        always("groups", Shape::List(&LOAD)),
    ])))];

/// A time of one server.
#[derive(Clone, Copy)]
struct Window {
    collector: CollectorId,
    from: Timestamp,
    to: Timestamp,
}

impl Window {
    fn minutes(self) -> f64 {
        (self.to.micros() - self.from.micros()) as f64 / MINUTE as f64
    }

    fn earlier(self, minutes: i64) -> Self {
        let back = |at: Timestamp| Timestamp::from_micros(at.micros() - minutes * MINUTE);
        Self {
            from: back(self.from),
            to: back(self.to),
            ..self
        }
    }

    /// The elements of a type, oldest first.
    async fn elements(self, ask: &RequestContext, kind: &str) -> Result<Vec<Value>, Refusal> {
        let (mut all, mut cursor) = (Vec::new(), None);
        loop {
            let query = Elements {
                collector: self.collector,
                kind: Some(kind.to_owned()),
                from: Some(self.from),
                to: Some(self.to),
                order: ElementOrder::Ascending,
                limit: PAGE,
                cursor: cursor.take(),
            };
            let page = questions::ask(&*ask.context.api, query.collector, &query).await?;
            all.extend(
                page.data
                    .iter()
                    .filter_map(|text| serde_json::from_str(text).ok()),
            );
            cursor = page.next_cursor;
            if cursor.is_none() || all.len() >= MAX_SAMPLES {
                return Ok(all);
            }
        }
    }

    async fn samples(self, ask: &RequestContext) -> Result<Vec<Sample>, Refusal> {
        let elements = self.elements(ask, "pg_activity_sample").await?;
        let read = elements.into_iter().map(serde_json::from_value);
        Ok(read.filter_map(Result::ok).collect())
    }

    /// What each statement did, over databases and users.
    async fn statements(self, ask: &RequestContext) -> Result<Ran, Refusal> {
        let query = TopQueries {
            collector: self.collector,
            database: None,
            order: QueryOrder::Total,
            from: self.from,
            to: self.to,
            limit: MAX_STATEMENTS,
            has_texts: true,
        };
        let found = questions::ask(&*ask.context.api, query.collector, &query).await?;
        let (mut of, mut coverage) = (BTreeMap::<i64, (String, i64, f64)>::new(), 0.0_f64);
        for one in found {
            coverage = coverage.max(one.coverage.unwrap_or(1.0));
            let sum = of.entry(one.query_hash).or_insert((one.query_text, 0, 0.0));
            (sum.1, sum.2) = (sum.1 + one.calls, sum.2 + one.total_time);
        }
        let minutes = self.minutes() * coverage;
        Ok(Ran { of, minutes })
    }
}

/// What statements did in a window.
#[derive(Debug, Default)]
struct Ran {
    /// Text, calls and time in milliseconds of each statement, by its id.
    of: BTreeMap<i64, (String, i64, f64)>,
    /// Minutes of the window that were seen: a server may not have been watched for all of it.
    minutes: f64,
}

impl Ran {
    /// Calls a minute, and milliseconds a call.
    fn rates(&self, calls: i64, time: f64) -> (f64, f64) {
        let calls_of = calls as f64;
        (
            calls_of / self.minutes.max(1.0),
            if calls > 0 { time / calls_of } else { 0.0 },
        )
    }
}

/// What the window is compared with: last week, else yesterday, else the hours before.
async fn usual(
    ask: &RequestContext,
    window: Window,
) -> Result<Option<(Window, Vec<Sample>, &'static str)>, Refusal> {
    let before = Window {
        from: Timestamp::from_micros(window.from.micros() - 360 * MINUTE),
        to: window.from,
        ..window
    };
    let times = [
        (window.earlier(7 * 1_440), "the same time last week"),
        (window.earlier(1_440), "the same time yesterday"),
        (before, "the 6 hours before"),
    ];
    for (time, name) in times {
        let samples = time.samples(ask).await?;
        if samples.len() >= MIN_SAMPLES {
            return Ok(Some((time, samples, name)));
        }
    }
    Ok(None)
}

async fn why(ask: RequestContext) -> Result<Response, Refusal> {
    let server = find(&ask)?;
    let args = QueryString::parse(&ask.query)?;
    let to = args.time("at")?.unwrap_or_else(Timestamp::now);
    let minutes = i64::from(args.number(MINUTES));
    let window = Window {
        collector: server.collector,
        from: Timestamp::from_micros(to.micros() - minutes * MINUTE),
        to,
    };
    let mut question = Question {
        now: window.samples(&ask).await?,
        roots: roots(&window.elements(&ask, "pg_blocking").await?),
        cores: cores(&window.elements(&ask, "sysstat").await?),
        ..Question::default()
    };
    let then = usual(&ask, window).await?;
    let reference = then.as_ref().map(|(time, _, _)| *time);
    question.beside = beside::beside(&ask, window, reference).await?;
    let ran_then = match &then {
        Some((time, _, _)) => time.statements(&ask).await?,
        None => Ran::default(),
    };
    if let Some((_, samples, name)) = then {
        (question.usual, question.reference) = (samples, name.to_owned());
    }
    let causes = causes(&ask, window).await?;
    let rows = question.now.iter().flat_map(|sample| &sample.rows);
    let seen: BTreeSet<i64> = rows.filter_map(|group| group.query_id).collect();
    let ran = window.statements(&ask).await?;
    for (id, (text, calls, time)) in ran.of.iter().filter(|(id, _)| seen.contains(id)) {
        let then = ran_then.of.get(id).filter(|(_, calls, _)| *calls > 0);
        let (calls, ms) = ran.rates(*calls, *time);
        let (calls_then, ms_then) = then
            .map(|(_, calls, time)| ran_then.rates(*calls, *time))
            .unzip();
        let statement = Statement {
            text: text.clone(),
            calls_per_minute: (calls, calls_then),
            mean_ms: (ms, ms_then),
            cause: causes.get(id).cloned(),
        };
        question.statements.insert(*id, statement);
    }
    let answer = pga_runtime::spawn_blocking(move || explain(&question)).await;
    let answer = answer.map_err(|_| Refusal::internal())?;
    let mut shown = serde_json::to_value(answer).map_err(|_| Refusal::internal())?;
    shown["server_id"] = json!(server.entry.server_id);
    shown["from"] = json!(window.from.to_string());
    shown["to"] = json!(window.to.to_string());
    Ok(json(StatusCode::OK, &shown))
}

/// Why statements have other plans and take longer, of those that did so in the window.
async fn causes(ask: &RequestContext, window: Window) -> Result<BTreeMap<i64, String>, Refusal> {
    let mut all = plan_regressions::records(&*ask.context.api, None).await?;
    let own = all.remove(&window.collector).unwrap_or_default();
    let (from, to) = (window.from.micros(), window.to.micros());
    let then = own
        .into_iter()
        .filter(|one| one.flip.first_bad < to && one.ended_at.is_none_or(|ended| ended > from));
    Ok(then.map(|one| (one.query_hash, one.cause())).collect())
}

/// Those who hold up most, of the sample in which most were held up.
fn roots(blocking: &[Value]) -> Vec<Root> {
    let of = |element: &Value| {
        let rows = element["rows"].as_array().cloned().unwrap_or_default();
        let roots = pga_alerts::lock_roots(&rows)
            .into_iter()
            .map(serde_json::from_value);
        roots.filter_map(Result::ok).collect::<Vec<Root>>()
    };
    let worst = blocking.iter().map(of);
    worst
        .max_by_key(|roots| roots.iter().map(|root| root.victims).sum::<u32>())
        .unwrap_or_default()
}

fn cores(sysstat: &[Value]) -> Option<u32> {
    let cores = sysstat.last()?.pointer("/cpu/cores")?.as_u64()?;
    u32::try_from(cores).ok()
}
