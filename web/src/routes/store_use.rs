//! What the store takes on disk, by table and day.

use http::StatusCode;
use pga_storage::store::TableUse;
use serde_json::{Value, json};
use warp::reply::Response;

use super::request_context::RequestContext;
use super::route::{Access, Content, Handler, Route};
use super::shape::{Shape, always, maybe};
use crate::refusal::Refusal;
use crate::reply::json;

pub(super) const ROUTES: &[Route] = &[Route::get(
    "/api/v1/cluster/store",
    "store_use",
    Access::Admin,
)
.does(
    "Tells what this node's store, or the one that all nodes share, takes on disk, by table and \
     day (UTC). It reads much of the store.",
    Handler::Plain(|ask| Box::pin(store_use(ask))),
)
.answers(Content::Json(Shape::Object(&[
    always("size_bytes", Shape::Integer),
    always(
        "tables",
        Shape::List(&Shape::Object(&[
            always("table", Shape::Text),
            maybe("type", Shape::Text),
            always("size_bytes", Shape::Integer),
            always(
                "days",
                Shape::List(&Shape::Object(&[
                    always("day", Shape::Text),
                    always("size_bytes", Shape::Integer),
                ])),
            ),
        ])),
    ),
])))];

async fn store_use(ask: RequestContext) -> Result<Response, Refusal> {
    let mut tables = ask.context.api.disk_use().await?;
    tables.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.table.cmp(&b.table)));
    let whole: u64 = tables.iter().map(|table| table.bytes).sum();
    let body = json!({
        "size_bytes": whole,
        "tables": tables.iter().map(show).collect::<Vec<_>>(),
    });
    Ok(json(StatusCode::OK, &body))
}

fn show(table: &TableUse) -> Value {
    let days = table.days.iter().map(|(day, bytes)| {
        let start = day.start().to_string();
        json!({ "day": start.get(..10), "size_bytes": bytes })
    });
    let mut shown = json!({
        "table": table.table,
        "size_bytes": table.bytes,
        "days": days.collect::<Vec<_>>(),
    });
    if let Some(kind) = &table.kind {
        shown["type"] = json!(kind);
    }
    shown
}
