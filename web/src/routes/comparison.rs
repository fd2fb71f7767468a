//! What statements cost in the windows of two snapshots (contract 1.12).

use http::StatusCode;
use pga_config::CollectorId;
use pga_insight::comparison::{Comparison, Tolerance};
use serde_json::{Value, json};
use warp::reply::Response;

use super::analyses::hash_of;
use super::bounded::Bounded;
use super::query_string::QueryString;
use super::request_context::RequestContext;
use super::route::{Access, Content, Handler, Route};
use super::shape::{Field, Shape, always, maybe, number};
use crate::analyses::comparison::of_server;
use crate::analyses::workload::Window;
use crate::refusal::Refusal;
use crate::reply::json;

const LIMIT: Bounded = Bounded::of_contract("limit", 1, 100, 50);
const ROW: Shape = Shape::Object(&[
    always("collector_id", Shape::Text),
    always("query_hash", Shape::Integer),
    maybe("database_name", Shape::Text),
    always("before_calls", Shape::Integer),
    always("after_calls", Shape::Integer),
    always("calls_change", Shape::Integer),
    maybe("calls_change_percent", Shape::Number),
    always("before_mean_time", Shape::Number),
    always("after_mean_time", Shape::Number),
    always("mean_time_change", Shape::Number),
    maybe("mean_time_change_percent", Shape::Number),
    always("before_max_time", Shape::Any),
    always("after_max_time", Shape::Any),
    always("max_time_change", Shape::Any),
    always("before_cache_hits", Shape::Integer),
    always("after_cache_hits", Shape::Integer),
    always("before_cache_reads", Shape::Integer),
    always("after_cache_reads", Shape::Integer),
    always("improvement_status", Shape::Text),
    always("seconds_per_hour_change", Shape::Number),
]);
const ASKS: &[Field] = &[
    always("before_snapshot", Shape::Integer),
    always("after_snapshot", Shape::Integer),
    maybe("collector_id", Shape::Text),
    maybe("tolerance", Shape::Number),
    number(LIMIT),
];
/// Members of a row that the contract has as whole numbers.
const WHOLE: [&str; 7] = [
    "before_calls",
    "after_calls",
    "calls_change",
    "before_cache_hits",
    "after_cache_hits",
    "before_cache_reads",
    "after_cache_reads",
];

pub(super) const ROUTES: &[Route] = &[
    Route::get("/api/v1/queries/comparison", "comparison", Access::Viewer)
        .does(
            "Compares what statements cost in the windows of two snapshots, the largest change first.",
            Handler::Plain(|ask| Box::pin(all(ask))),
        )
        .asks(ASKS)
        .answers(Content::Json(Shape::Object(&[
            always("before_snapshot", Shape::Integer),
            always("after_snapshot", Shape::Integer),
            always("comparisons", Shape::List(&ROW)),
            always("count", Shape::Integer),
            always("improved_count", Shape::Integer),
            always("degraded_count", Shape::Integer),
            always("unchanged_count", Shape::Integer),
            always("inconclusive_count", Shape::Integer),
            always("not_comparable_count", Shape::Integer),
            always("new_count", Shape::Integer),
            always("gone_count", Shape::Integer),
        ])))
        .may(&[404]),
    Route::get(
        "/api/v1/queries/{hash}/comparison",
        "comparison",
        Access::Viewer,
    )
    .does(
        "Compares what one statement cost in the windows of two snapshots.",
        Handler::Plain(|ask| Box::pin(one(ask))),
    )
    .asks(ASKS)
    .answers(Content::Json(Shape::Object(&[
        always("query_hash", Shape::Integer),
        always("before_snapshot", Shape::Integer),
        always("after_snapshot", Shape::Integer),
        always("comparison", ROW),
        always("comparisons", Shape::List(&ROW)),
    ]))),
];

/// What is compared.
struct Asked {
    snapshots: (u64, u64),
    windows: (Window, Window),
    collectors: Vec<CollectorId>,
    tolerance: Tolerance,
}

async fn asked(ask: &RequestContext, args: &QueryString) -> Result<Asked, Refusal> {
    let id = |name: &str| {
        let given = args.text(name).unwrap_or_default();
        given.parse::<u64>().map_err(|_| {
            Refusal::bad(
                "argument",
                format!("{name} is {given:?}: it is the id of a snapshot"),
            )
        })
    };
    let snapshots = (id("before_snapshot")?, id("after_snapshot")?);
    let mut tolerance = Tolerance::default();
    if let Some(given) = args.text("tolerance") {
        let share = given
            .parse::<f64>()
            .ok()
            .filter(|share| (0.0..=10.0).contains(share));
        tolerance.mean_share = share.ok_or_else(|| {
            let text = format!("tolerance is {given:?}: it is a share, such as 0.1");
            Refusal::bad("argument", text)
        })?;
    }
    let only = args.text("collector_id").map(CollectorId::from_external);
    let (before, after, mut collectors) = ask
        .read(|state| {
            let of = |id: u64| {
                let moment = state.moments().get(&id)?;
                let (from, to) = (moment.from, moment.to);
                Some(Window { from, to })
            };
            let collectors: Vec<CollectorId> = state.watched().map(|(id, _)| *id).collect();
            (of(snapshots.0), of(snapshots.1), collectors)
        })
        .await?;
    collectors.retain(|id| only.is_none_or(|only| only == *id));
    let missing = |what: &str, id: u64| {
        Refusal::new(
            StatusCode::NOT_FOUND,
            "not_found",
            format!("There is no {what} {id}"),
        )
    };
    let before = before.ok_or_else(|| missing("snapshot", snapshots.0))?;
    let after = after.ok_or_else(|| missing("snapshot", snapshots.1))?;
    if let Some(only) = only.filter(|_| collectors.is_empty()) {
        return Err(Refusal::new(
            StatusCode::NOT_FOUND,
            "not_found",
            format!("There is no collector {only}"),
        ));
    }
    Ok(Asked {
        snapshots,
        windows: (before, after),
        collectors,
        tolerance,
    })
}

/// The rows of all servers, the largest change first, and how many are of each kind.
async fn rows(ask: &RequestContext, asked: &Asked) -> Result<(Vec<Value>, Value), Refusal> {
    let (mut rows, mut counts) = (Vec::new(), [0_usize; 7]);
    for collector in &asked.collectors {
        let api = &*ask.context.api;
        let found = of_server(api, *collector, asked.windows, asked.tolerance).await?;
        for (sum, count) in counts.iter_mut().zip(counts_of(&found)) {
            *sum += count;
        }
        for row in found.comparisons {
            let mut shown = serde_json::to_value(row).map_err(|_| Refusal::internal())?;
            for name in WHOLE {
                let whole = shown[name].as_f64().map(|number| number.round() as i64);
                shown[name] = json!(whole);
            }
            shown["collector_id"] = json!(collector.to_string());
            rows.push(shown);
        }
    }
    let change = |row: &Value| row["seconds_per_hour_change"].as_f64().unwrap_or(0.0).abs();
    rows.sort_by(|one, other| change(other).total_cmp(&change(one)));
    let [
        improved,
        degraded,
        unchanged,
        inconclusive,
        not_comparable,
        new,
        gone,
    ] = counts;
    let counts = json!({
        "improved_count": improved, "degraded_count": degraded, "unchanged_count": unchanged,
        "inconclusive_count": inconclusive, "not_comparable_count": not_comparable,
        "new_count": new, "gone_count": gone,
    });
    Ok((rows, counts))
}

const fn counts_of(found: &Comparison) -> [usize; 7] {
    [
        found.improved_count,
        found.degraded_count,
        found.unchanged_count,
        found.inconclusive_count,
        found.not_comparable_count,
        found.new_count,
        found.gone_count,
    ]
}

async fn all(ask: RequestContext) -> Result<Response, Refusal> {
    let args = QueryString::parse(&ask.query)?;
    let limit = args.number(LIMIT) as usize;
    let asked = asked(&ask, &args).await?;
    let (mut rows, mut answer) = rows(&ask, &asked).await?;
    answer["count"] = json!(rows.len());
    rows.truncate(limit);
    answer["before_snapshot"] = json!(asked.snapshots.0);
    answer["after_snapshot"] = json!(asked.snapshots.1);
    answer["comparisons"] = Value::Array(rows);
    Ok(json(StatusCode::OK, &answer))
}

async fn one(ask: RequestContext) -> Result<Response, Refusal> {
    let hash = hash_of(&ask)?;
    let args = QueryString::parse(&ask.query)?;
    let asked = asked(&ask, &args).await?;
    let (mut rows, _) = rows(&ask, &asked).await?;
    rows.retain(|row| row["query_hash"].as_i64() == Some(hash));
    let first = rows.first().cloned().ok_or_else(|| {
        let text = "The statement ran in neither window";
        Refusal::new(StatusCode::NOT_FOUND, "not_found", text)
    })?;
    let answer = json!({
        "query_hash": hash,
        "before_snapshot": asked.snapshots.0,
        "after_snapshot": asked.snapshots.1,
        "comparison": first,
        "comparisons": rows,
    });
    Ok(json(StatusCode::OK, &answer))
}
