//! What statements did over a window, part by part: a small line beside each row of a list.

use std::collections::{BTreeMap, BTreeSet};

use http::StatusCode;
use pga_storage::Timestamp;
use pga_storage::query::{StatementPart, StatementParts};
use serde_json::{Value, json};
use warp::reply::Response;

use super::bounded::Bounded;
use super::query_string::QueryString;
use super::reads::{MIN_POSITION, at_position, collector, window};
use super::request_context::RequestContext;
use super::route::{Access, Content, Handler, Route};
use super::shape::{Shape, always, maybe, number};
use crate::ReadScope;
use crate::refusal::Refusal;
use crate::reply::json;

/// Parts of a window.
const PARTS: Bounded = Bounded::new("parts", 1, 240, 30);
const HOURS: Bounded = Bounded::new("hours", 1, 720, 24);
/// The shortest part: most collectors take a sample a minute.
const SHORTEST: i64 = 60_000_000;
/// Statements of one question.
const MAX_HASHES: usize = 100;
/// Rows that are read: one for each statement and part in which it ran.
const MAX_ROWS: u32 = 200_000;

const PART: Shape = Shape::Object(&[
    always("query_hash", Shape::Integer),
    always("database_name", Shape::Text),
    always("calls", Shape::List(&Shape::NumberOrNull)),
    always("total_time", Shape::List(&Shape::NumberOrNull)),
]);

pub(super) const ROUTES: &[Route] = &[Route::get(
    "/api/v1/collectors/{id}/queries/parts",
    "query_parts",
    Access::Viewer,
)
.does(
    "Tells calls and milliseconds of statements in equal parts of a window; null where nothing was sampled.",
    Handler::Plain(|ask| Box::pin(parts(ask))),
)
.asks(&[
    always("hashes", Shape::Text),
    number(PARTS),
    number(HOURS),
    maybe("from", Shape::Text),
    maybe("to", Shape::Text),
    MIN_POSITION,
])
.answers(Content::Json(Shape::Object(&[
    always("from", Shape::Time),
    always("to", Shape::Time),
    always("step_seconds", Shape::Number),
    always("is_cut", Shape::Flag),
    always("statements", Shape::List(&PART)),
])))];

/// The query ids that are asked for.
fn hashes(args: &QueryString) -> Result<BTreeSet<i64>, Refusal> {
    let text = args.text("hashes").unwrap_or_default();
    let found: Result<BTreeSet<i64>, _> = text.split(',').map(str::parse).collect();
    match found {
        Ok(found) if found.len() <= MAX_HASHES => Ok(found),
        _ => {
            let text = format!(
                "hashes is {text:?}: write 1 to {MAX_HASHES} query ids with commas between them"
            );
            Err(Refusal::bad("argument", text))
        }
    }
}

/// Equal parts of a window, counted since 1970.
#[derive(Clone, Copy, Debug)]
struct Parts {
    step_micros: i64,
    first: i64,
    /// The first one after the window.
    end: i64,
}

impl Parts {
    /// Whole parts that hold the window, at most one more than `wanted`.
    fn of((from, to): (Timestamp, Timestamp), wanted: u32) -> Self {
        let length = to.micros().saturating_sub(from.micros());
        let step_micros = length
            .saturating_add(i64::from(wanted) - 1)
            .div_euclid(i64::from(wanted))
            .max(SHORTEST);
        let first = from.micros().div_euclid(step_micros);
        let end = to.micros().saturating_sub(1).div_euclid(step_micros) + 1;
        Self {
            step_micros,
            first,
            end,
        }
    }

    fn begin_of(self, part: i64) -> Timestamp {
        Timestamp::from_micros(part.saturating_mul(self.step_micros))
    }

    /// What the wanted statements did. In a part with a row of any statement somebody looked: who
    /// has no row there did nothing.
    fn lay_out(self, rows: Vec<StatementPart>, wanted: &BTreeSet<i64>) -> Vec<Value> {
        let looked_at: BTreeSet<i64> = rows.iter().map(|row| row.part).collect();
        let mut statements = BTreeMap::<(i64, String), BTreeMap<i64, (i64, f64)>>::new();
        for row in rows {
            if wanted.contains(&row.query_hash) {
                let of = statements
                    .entry((row.query_hash, row.database))
                    .or_default();
                of.insert(row.part, (row.calls, row.total_ms));
            }
        }
        let shown = statements.into_iter().map(|((hash, database), did)| {
            let values = |of: fn(&(i64, f64)) -> f64| -> Vec<Option<f64>> {
                let value = |part: i64| match did.get(&part) {
                    Some(figures) => Some(of(figures)),
                    None => looked_at.contains(&part).then_some(0.0),
                };
                (self.first..self.end).map(value).collect()
            };
            json!({
                "query_hash": hash,
                "database_name": database,
                "calls": values(|(calls, _)| *calls as f64),
                "total_time": values(|(_, total)| *total),
            })
        });
        shown.collect()
    }
}

async fn parts(ask: RequestContext) -> Result<Response, Refusal> {
    let args = QueryString::parse(&ask.query)?;
    let hashes = hashes(&args)?;
    let asked = window(&args, args.number(HOURS))?;
    let parts = Parts::of(asked, args.number(PARTS));
    let (from, to) = (parts.begin_of(parts.first), parts.begin_of(parts.end));
    let question = StatementParts {
        collector: collector(ask.segment())?,
        from,
        to,
        step_micros: parts.step_micros,
        limit: MAX_ROWS,
    };
    let scope = ReadScope {
        collector: Some(question.collector),
        min_position: args.position("min_position")?,
    };
    let (rows, position) = ask.question(&question, scope).await?;
    let is_cut = rows.len() >= MAX_ROWS as usize;
    let body = json!({
        "from": from.to_string(),
        "to": to.to_string(),
        "step_seconds": parts.step_micros as f64 / 1e6,
        "is_cut": is_cut,
        "statements": parts.lay_out(rows, &hashes),
    });
    Ok(at_position(json(StatusCode::OK, &body), position, &ask))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(query_hash: i64, part: i64, calls: i64) -> StatementPart {
        StatementPart {
            database: "shop".to_owned(),
            query_hash,
            part,
            calls,
            total_ms: calls as f64 * 2.5,
            ..StatementPart::default()
        }
    }

    #[test]
    fn who_did_nothing_while_somebody_looked_has_a_zero_and_else_nothing_is_known() {
        let parts = Parts {
            step_micros: SHORTEST,
            first: 10,
            end: 14,
        };
        let rows = vec![row(7, 10, 3), row(7, 12, 1), row(8, 11, 9)];
        let told = parts.lay_out(rows, &BTreeSet::from([7, 9]));
        let want = json!([{ "query_hash": 7, "database_name": "shop",
            "calls": [3.0, 0.0, 1.0, null], "total_time": [7.5, 0.0, 2.5, null] }]);
        assert_eq!(Value::Array(told), want);
    }

    #[test]
    fn whole_parts_hold_the_window() {
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        for (from, to, wanted, step, count) in [
            (0, 3_600, 30, 120, 30),
            (61, 3_661, 30, 120, 31),
            (0, 60, 30, 60, 1),
            (59, 61, 30, 60, 2),
            (0, 86_400, 7, 12_342, 7),
        ] {
            let parts = Parts::of((at(from), at(to)), wanted);
            let about = format!("{from} to {to} in {wanted}");
            assert_eq!(parts.end - parts.first, count, "{about}");
            assert!(parts.begin_of(parts.first) <= at(from), "{about}");
            assert!(parts.begin_of(parts.end) >= at(to), "{about}");
            assert_eq!(parts.step_micros.div_euclid(1_000_000), step, "{about}");
        }
    }

    #[test]
    fn query_ids_are_numbers_and_not_too_many() {
        let asked = |text: &str| QueryString::parse(text).and_then(|args| hashes(&args));
        assert_eq!(asked("hashes=-5,7").ok(), Some(BTreeSet::from([-5, 7])));
        let many: Vec<String> = (0..=MAX_HASHES).map(|n| n.to_string()).collect();
        for wrong in [
            "",
            "hashes=",
            "hashes=1,x",
            &format!("hashes={}", many.join(",")),
        ] {
            assert!(asked(wrong).is_err(), "{wrong}");
        }
    }
}
