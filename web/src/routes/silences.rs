//! Silences and maintenance windows: alerts that nobody is told about for a while.

use http::StatusCode;
use pga_alerts::{holds, matches};
use pga_cluster::{AlertingCommand, ControlCommand, Matcher, Silence, State, Weekly};
use pga_storage::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use warp::reply::Response;

use super::api_tokens::future;
use super::decision::Note;
use super::invalid::invalid;
use super::paging::{MESSAGE, PAGE, PAGE_SIZE, Page, paginated};
use super::query_string::QueryString;
use super::request_context::RequestContext;
use super::route::{Access, Content, Handler, Route};
use super::shape::{Shape, always, maybe};
use super::small_body::small_json;
use crate::body::BodyStream;
use crate::refusal::Refusal;
use crate::reply::json;
use crate::timestamps;

/// Matchers of one thing.
const MAX_MATCHERS: usize = 20;

pub(super) const MATCHER: Shape = Shape::Object(&[
    always("label", Shape::Text),
    maybe("operator", Shape::Text),
    always("value", Shape::Text),
]);
const WEEKLY: Shape = Shape::Object(&[
    always("days", Shape::List(&Shape::Text)),
    always("from", Shape::Text),
    always("minutes", Shape::Integer),
]);
const SILENCE: Shape = Shape::Object(&[
    always("id", Shape::Integer),
    always("matchers", Shape::List(&MATCHER)),
    always("from", Shape::Time),
    always("to", Shape::Time),
    maybe("weekly", WEEKLY),
    always("by", Shape::Text),
    always("comment", Shape::Text),
    always("is_active", Shape::Flag),
    always("alerts", Shape::Integer),
]);
const REQUEST: Content = Content::Json(Shape::Object(&[
    always("matchers", Shape::List(&MATCHER)),
    maybe("from", Shape::Time),
    maybe("to", Shape::Time),
    maybe("weekly", WEEKLY),
    always("comment", Shape::Text),
]));

pub(super) const ROUTES: &[Route] = &[
    Route::get("/api/v1/silences", "silences", Access::Viewer)
        .does("Lists silences.", Handler::Plain(|ask| Box::pin(list(ask, false))))
        .asks(&[PAGE, PAGE_SIZE])
        .answers(paginated!(SILENCE)),
    Route::post("/api/v1/silences", "silences", Access::User)
        .does(
            "Silences the alerts that match, until a time.",
            Handler::WithBody(|ask, body| Box::pin(create(ask, body, false))),
        )
        .takes(REQUEST)
        .answers(Content::Json(SILENCE))
        .with_status(201),
    Route::delete("/api/v1/silences/{id}", "silence", Access::User)
        .does("Ends a silence.", Handler::Plain(|ask| Box::pin(delete(ask, false))))
        .answers(MESSAGE),
    Route::get("/api/v1/maintenance-windows", "maintenance_windows", Access::Viewer)
        .does(
            "Lists maintenance windows.",
            Handler::Plain(|ask| Box::pin(list(ask, true))),
        )
        .asks(&[PAGE, PAGE_SIZE])
        .answers(paginated!(SILENCE)),
    Route::post("/api/v1/maintenance-windows", "maintenance_windows", Access::User)
        .does(
            "Makes a maintenance window, once or every week (in UTC), in which alerts that match are not told.",
            Handler::WithBody(|ask, body| Box::pin(create(ask, body, true))),
        )
        .takes(REQUEST)
        .answers(Content::Json(SILENCE))
        .with_status(201),
    Route::delete("/api/v1/maintenance-windows/{id}", "maintenance_window", Access::User)
        .does(
            "Ends a maintenance window.",
            Handler::Plain(|ask| Box::pin(delete(ask, true))),
        )
        .answers(MESSAGE),
];

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// A matcher, as people write it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GivenMatcher {
    label: String,
    operator: Option<String>,
    value: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenWeekly {
    days: Vec<String>,
    from: String,
    minutes: u16,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    matchers: Vec<GivenMatcher>,
    from: Option<String>,
    to: Option<String>,
    weekly: Option<GivenWeekly>,
    comment: String,
}

/// The matchers, checked.
pub(super) fn matchers(given: Vec<GivenMatcher>) -> Result<Vec<Matcher>, Refusal> {
    if given.len() > MAX_MATCHERS {
        return Err(invalid(format!(
            "there are more than {MAX_MATCHERS} matchers"
        )));
    }
    let check = |one: GivenMatcher| {
        let operator = one.operator.unwrap_or_else(|| "=".to_owned());
        if !["=", "!=", "~", "!~"].contains(&operator.as_str()) {
            return Err(invalid(format!(
                "operator is {operator:?}: use =, !=, ~ or !~"
            )));
        }
        if one.label.is_empty() || one.value.len() > 500 {
            return Err(invalid(
                "a matcher needs a label, and a value of at most 500 bytes",
            ));
        }
        Ok(Matcher {
            label: one.label,
            operator,
            value: one.value,
        })
    };
    given.into_iter().map(check).collect()
}

/// Matchers, as they are shown.
pub(super) fn show_matchers(matchers: &[Matcher]) -> Value {
    let show =
        |one: &Matcher| json!({ "label": one.label, "operator": one.operator, "value": one.value });
    matchers.iter().map(show).collect()
}

fn weekly(given: GivenWeekly) -> Result<Weekly, Refusal> {
    let day = |name: &String| {
        let found = DAYS.iter().position(|day| *day == name.to_lowercase());
        let found = found.and_then(|day| u8::try_from(day).ok());
        found.ok_or_else(|| invalid(format!("{name:?} is no day: use {}", DAYS.join(", "))))
    };
    let days: Vec<u8> = given.days.iter().map(day).collect::<Result<_, _>>()?;
    let minute = given.from.split_once(':').and_then(|(hour, minute)| {
        let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
        (hour < 24 && minute < 60).then_some(hour * 60 + minute)
    });
    let from_minute = minute.ok_or_else(|| {
        invalid(format!(
            "from is {:?}: write a time of day in UTC, such as 02:00",
            given.from
        ))
    })?;
    if days.is_empty() || !(1..=1_440).contains(&given.minutes) {
        return Err(invalid("weekly needs days, and 1 to 1440 minutes"));
    }
    Ok(Weekly {
        days,
        from_minute,
        minutes: given.minutes,
    })
}

fn show(state: &State, id: u64, silence: &Silence, at: Timestamp) -> Value {
    let firing = state.alerts().values().filter(|alert| {
        let mut labels = alert.labels.clone();
        labels.insert("severity".to_owned(), alert.severity.clone());
        labels.insert("name".to_owned(), alert.name.clone());
        alert.is_firing() && matches(&silence.matchers, &labels)
    });
    let mut shown = json!({
        "id": id,
        "matchers": show_matchers(&silence.matchers),
        "from": silence.from.to_string(),
        "to": silence.to.to_string(),
        "by": silence.by,
        "comment": silence.comment,
        "is_active": holds(silence, at),
        "alerts": firing.count(),
    });
    if let Some(weekly) = &silence.weekly {
        let days = weekly
            .days
            .iter()
            .filter_map(|day| DAYS.get(usize::from(*day)));
        shown["weekly"] = json!({
            "days": days.collect::<Vec<_>>(),
            "from": format!("{:02}:{:02}", weekly.from_minute / 60, weekly.from_minute % 60),
            "minutes": weekly.minutes,
        });
    }
    shown
}

async fn list(ask: RequestContext, windows: bool) -> Result<Response, Refusal> {
    let page = Page::of(&QueryString::parse(&ask.query)?);
    let answer = ask.read_latest(|state| {
        let at = Timestamp::now();
        let all: Vec<_> = (state.silences().iter().rev())
            .filter(|(_, silence)| silence.is_window == windows && silence.to > at)
            .collect();
        page.answer(&all, |(id, silence)| show(state, **id, silence, at))
    });
    Ok(json(StatusCode::OK, &answer.await?))
}

/// A silence or window, checked.
fn silence(given: Given, by: String, is_window: bool, at: Timestamp) -> Result<Silence, Refusal> {
    let matchers = matchers(given.matchers)?;
    if matchers.is_empty() && !is_window {
        return Err(invalid(
            "matchers is empty: that would silence everything; match severity ~ * if that is meant",
        ));
    }
    if given.comment.trim().is_empty() {
        return Err(invalid("comment is empty: say why"));
    }
    let from = match given.from {
        None => at,
        Some(text) => timestamps::parse_text(&text).map_err(|_| {
            invalid(format!(
                "from is {text:?}: write a time such as 2027-01-31T00:00:00Z"
            ))
        })?,
    };
    let weekly = given.weekly.map(weekly).transpose()?;
    if weekly.is_some() && !is_window {
        return Err(invalid("weekly is for maintenance windows"));
    }
    let to = match (future("to", given.to.as_deref(), at)?, &weekly) {
        (Some(to), _) => to,
        // A window that repeats has no end of its own.
        (None, Some(_)) => Timestamp::from_micros(at.micros() + 10 * 365 * 86_400_000_000),
        (None, None) => return Err(invalid("to is missing: until when?")),
    };
    if from >= to {
        return Err(invalid("from is not before to"));
    }
    Ok(Silence {
        matchers,
        from,
        to,
        weekly,
        is_window,
        by,
        comment: given.comment,
        at,
    })
}

async fn create(
    ask: RequestContext,
    body: BodyStream,
    is_window: bool,
) -> Result<Response, Refusal> {
    let given: Given = small_json(&ask, body).await?;
    let at = Timestamp::now();
    let silence = silence(given, ask.actor(), is_window, at)?;
    let action = if is_window {
        "maintenance-window.create"
    } else {
        "silence.create"
    };
    let note = Note::new(action, &silence.comment).after(json!({
        "matchers": show_matchers(&silence.matchers), "to": silence.to.to_string(),
    }));
    let command = AlertingCommand::PutSilence {
        id: None,
        silence: silence.clone(),
    };
    ask.decide(ControlCommand::Alerting(Box::new(command)), note)
        .await?;
    let shown = ask.read_here(|state| {
        let found = state
            .silences()
            .iter()
            .rev()
            .find(|(_, known)| **known == silence)?;
        Some(show(state, *found.0, found.1, at))
    })?;
    Ok(json(
        StatusCode::CREATED,
        &shown.ok_or_else(Refusal::internal)?,
    ))
}

async fn delete(ask: RequestContext, windows: bool) -> Result<Response, Refusal> {
    let what = if windows {
        "Maintenance window"
    } else {
        "Silence"
    };
    let not_found = || {
        Refusal::new(
            StatusCode::NOT_FOUND,
            "not_found",
            format!("{what} not found"),
        )
    };
    let id: u64 = ask.segment().parse().map_err(|_| not_found())?;
    let found = ask.read(|state| state.silences().get(&id).cloned()).await?;
    let before = found
        .filter(|silence| silence.is_window == windows)
        .ok_or_else(not_found)?;
    let action = if windows {
        "maintenance-window.delete"
    } else {
        "silence.delete"
    };
    let note = Note::new(action, &before.comment)
        .before(json!({ "matchers": show_matchers(&before.matchers) }));
    let command = AlertingCommand::DeleteSilence { id };
    ask.decide(ControlCommand::Alerting(Box::new(command)), note)
        .await?;
    Ok(json(
        StatusCode::OK,
        &json!({ "message": format!("{what} ended") }),
    ))
}
