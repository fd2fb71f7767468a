//! What a prediction of a statement rests on (contract 1.14).

use http::StatusCode;
use pga_insight::plan::Plan;
use pga_storage::Timestamp;
use serde_json::{Value, json};
use warp::reply::Response;

use super::analyses::{hash_of, statement_unknown};
use super::request_context::RequestContext;
use super::route::{Access, Content, Handler, Route};
use super::shape::{Shape, always, maybe};
use crate::analyses::prediction::{KnownRelation, figures, known};
use crate::analyses::workload::plans;
use crate::refusal::Refusal;
use crate::reply::json;

/// Pages of 8 KiB in a megabyte.
const PAGES: f64 = 128.0;

const FEATURES: Shape = Shape::Object(&[
    always("query_hash", Shape::Integer),
    always("fingerprint_hash", Shape::Integer),
    always("mean_execution_time_ms", Shape::Number),
    always("stddev_execution_time_ms", Shape::Any),
    always("min_execution_time_ms", Shape::Any),
    always("max_execution_time_ms", Shape::Number),
    always("calls_per_minute", Shape::Number),
    always("index_count", Shape::Any),
    maybe("index_scans", Shape::Integer),
    maybe("sequential_scans", Shape::Integer),
    maybe("table_row_count", Shape::Number),
    maybe("mean_table_size_mb", Shape::Number),
    maybe("avg_row_width_bytes", Shape::Number),
    always("scan_type", Shape::Text),
    always("execution_complexity", Shape::Number),
    always("volume_impact", Shape::Number),
    always("optimization_opportunity", Shape::Number),
    always("features", Shape::Any),
    always("relations", Shape::List(&RELATION)),
]);
const RELATION: Shape = Shape::Object(&[
    always("database", Shape::Text),
    always("schema", Shape::Text),
    always("name", Shape::Text),
    maybe("pages", Shape::Number),
    maybe("rows", Shape::Number),
    maybe("dead_share", Shape::Number),
    maybe("visible_share", Shape::Number),
    maybe("indexes", Shape::Number),
    maybe("row_width_bytes", Shape::Number),
]);

pub(super) const ROUTES: &[Route] = &[Route::get(
    "/api/v1/ml/features/{hash}",
    "ml_features",
    Access::Viewer,
)
.does(
    "Tells what a prediction of a statement rests on. What is not known is left out or null; \
             of tables the largest that the statement names counts, as its collector told it last.",
    Handler::Plain(|ask| Box::pin(features(ask))),
)
.answers(Content::Json(FEATURES))];

/// How a statement reads its tables, by its newest plan.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Scans {
    /// The node that says most of it.
    kind: &'static str,
    /// How much it leaves to gain (contract, section 11).
    score: f64,
    /// Nodes that scan an index, and that scan a whole table; nothing without a plan.
    counts: Option<(usize, usize)>,
}

impl Scans {
    fn of(plan: Option<&Plan>) -> Self {
        let Some(plan) = plan else {
            return Self {
                kind: "unknown",
                score: 0.5,
                counts: None,
            };
        };
        let nodes = plan.root.preorder();
        let names: Vec<&str> = nodes.iter().map(|node| node.kind.as_str()).collect();
        let count = |is: &dyn Fn(&str) -> bool| names.iter().filter(|name| is(name)).count();
        let indexes = count(&|name| name.starts_with("Index") || name == "Bitmap Index Scan");
        let tables = count(&|name| name == "Seq Scan");
        let (kind, score) = match names.iter().find(|name| name.contains("Scan")) {
            _ if tables > 0 => ("Seq Scan", 1.0),
            Some(name) if name.starts_with("Bitmap") => ("Bitmap Heap Scan", 0.5),
            Some(name) if name.starts_with("Index Only") => ("Index Only Scan", 0.5),
            Some(_) if indexes < 2 => ("Index Scan", 0.7),
            Some(_) => ("Index Scan", 0.5),
            None => ("unknown", 0.5),
        };
        Self {
            kind,
            score,
            counts: Some((indexes, tables)),
        }
    }
}

fn relation(known: &KnownRelation) -> Value {
    let figures = &known.figures;
    without_nulls(json!({
        "database": known.database,
        "schema": known.schema,
        "name": known.name,
        "pages": figures.pages,
        "rows": figures.rows,
        "dead_share": figures.dead_share,
        "visible_share": figures.visible_share,
        "indexes": figures.indexes,
        "row_width_bytes": figures.row_width,
    }))
}

fn without_nulls(mut object: Value) -> Value {
    if let Some(object) = object.as_object_mut() {
        object.retain(|_, value| !value.is_null());
    }
    object
}

/// The contract's fields of the tables of a statement.
fn tables(relations: &[KnownRelation]) -> Value {
    let largest = relations.first().map(|one| one.figures);
    let pages: Vec<f64> = relations
        .iter()
        .filter_map(|one| one.figures.pages)
        .collect();
    let mean = match pages.is_empty() {
        true => None,
        false => Some(pages.iter().sum::<f64>() / pages.len() as f64 / PAGES),
    };
    without_nulls(json!({
        "table_row_count": largest.and_then(|one| one.rows),
        "mean_table_size_mb": mean,
        "avg_row_width_bytes": largest.and_then(|one| one.row_width),
    }))
}

async fn features(ask: RequestContext) -> Result<Response, Refusal> {
    let hash = hash_of(&ask)?;
    let api = &*ask.context.api;
    let found = figures(api, hash).await?.ok_or_else(statement_unknown)?;
    let (statement, collector, seconds) = found;
    let scans = Scans::of(plans(api, collector).await?.get(&hash));
    let known_minutes = seconds * statement.coverage / 60.0;
    let calls = match known_minutes > 0.0 {
        true => statement.calls as f64 / known_minutes,
        false => 0.0,
    };
    let mean = statement.mean_ms();
    let volume = mean * calls;
    let spread = statement.deviation_ms();
    let complexity = spread
        .filter(|_| mean > 0.0)
        .map_or(0.0, |sd| (sd / mean).min(1.0));
    let known = known(api, hash, Timestamp::now()).await?;
    let relations = known.as_ref().map(|known| known.relations.as_slice());
    let relations = relations.unwrap_or_default();
    let largest = relations.first();
    let mut answer = json!({
        "query_hash": hash,
        "fingerprint_hash": pga_insight::fingerprint(&statement.text).hash,
        "mean_execution_time_ms": mean,
        "stddev_execution_time_ms": spread,
        "min_execution_time_ms": null,
        "max_execution_time_ms": statement.max_ms,
        "calls_per_minute": calls,
        "index_count": largest.and_then(|one| one.figures.indexes),
        "scan_type": scans.kind,
        "execution_complexity": complexity,
        "volume_impact": volume,
        "optimization_opportunity": 0.6 * (volume / 10_000.0).min(1.0) + 0.4 * scans.score,
        "features": known.as_ref().map_or_else(|| json!({}), |known| known.features()),
        "relations": relations.iter().map(relation).collect::<Vec<Value>>(),
    });
    let scans = without_nulls(json!({
        "index_scans": scans.counts.map(|(indexes, _)| indexes),
        "sequential_scans": scans.counts.map(|(_, tables)| tables),
    }));
    for more in [tables(relations), scans] {
        if let (Some(answer), Value::Object(more)) = (answer.as_object_mut(), more) {
            answer.extend(more);
        }
    }
    Ok(json(StatusCode::OK, &answer))
}
