//! Routes of alerts: an ordered list that says which channel is told.

use std::collections::{BTreeMap, BTreeSet};

use http::StatusCode;
use pga_alerts::routing::Routing;
use pga_cluster::{Alert, AlertRoute, AlertRouteCommand, AlertRoutes, Channel, ControlCommand};
use pga_storage::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use warp::reply::Response;

use super::api_tokens::check_label;
use super::decision::Note;
use super::invalid::invalid;
use super::request_context::RequestContext;
use super::route::{Access, Content, Handler, Route};
use super::severity::severity_letter;
use super::shape::{Shape, always, maybe};
use super::silences::{GivenMatcher, MATCHER, matchers, show_matchers};
use super::small_body::small_json;
use crate::body::BodyStream;
use crate::refusal::Refusal;
use crate::reply::json;

/// An Alertmanager forgets what it does not hear of for longer.
const ALERTMANAGER_REPEAT: u32 = 120;

const ROUTE: Shape = Shape::Object(&[
    always("name", Shape::Text),
    always("matchers", Shape::List(&MATCHER)),
    always("channel", Shape::Text),
    always("continue", Shape::Flag),
    maybe("group_by", Shape::List(&Shape::Text)),
    maybe("group_wait_seconds", Shape::Integer),
    maybe("group_interval_seconds", Shape::Integer),
    maybe("repeat_interval_seconds", Shape::Integer),
]);
const LIST: Content = Content::Json(Shape::Object(&[
    always("version", Shape::Integer),
    always("by", Shape::Text),
    maybe("changed_at", Shape::Time),
    always("routes", Shape::List(&ROUTE)),
]));
const REQUEST: Content = Content::Json(Shape::Object(&[
    always("version", Shape::Integer),
    always(
        "routes",
        Shape::List(&Shape::Object(&[
            always("name", Shape::Text),
            maybe("matchers", Shape::List(&MATCHER)),
            always("channel", Shape::Text),
            maybe("continue", Shape::Flag),
            maybe("group_by", Shape::List(&Shape::Text)),
            maybe("group_wait_seconds", Shape::Integer),
            maybe("group_interval_seconds", Shape::Integer),
            maybe("repeat_interval_seconds", Shape::Integer),
        ])),
    ),
]));
const DESTINATION: Shape = Shape::Object(&[
    always("channel", Shape::Text),
    always("route", Shape::TextOrNull),
    always("group_by", Shape::List(&Shape::Text)),
    always("group_wait_seconds", Shape::Integer),
    always("group_interval_seconds", Shape::Integer),
    always("repeat_interval_seconds", Shape::Integer),
]);

pub(super) const ROUTES: &[Route] = &[
    Route::get("/api/v1/alert-routes", "alert_routes", Access::User)
        .does(
            "Lists the routes of alerts, in the order in which they are asked.",
            Handler::Plain(|ask| Box::pin(list(ask))),
        )
        .answers(LIST),
    Route::put("/api/v1/alert-routes", "alert_routes", Access::Admin)
        .does(
            "Puts a list of routes in place of the version that is named; 409 if there is a later one.",
            Handler::WithBody(|ask, body| Box::pin(replace(ask, body))),
        )
        .takes(REQUEST)
        .answers(LIST),
    Route::post("/api/v1/alert-routes/test", "alert_routes_test", Access::User)
        .does(
            "Says which channels would be told about an alert with these labels; nothing is sent.",
            Handler::WithBody(|ask, body| Box::pin(test(ask, body))),
        )
        .takes(Content::Json(Shape::Object(&[
            maybe("labels", Shape::Any),
            maybe("severity", Shape::Text),
            maybe("name", Shape::Text),
        ])))
        .answers(Content::Json(Shape::Object(&[always(
            "destinations",
            Shape::List(&DESTINATION),
        )]))),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenRoute {
    name: String,
    #[serde(default)]
    matchers: Vec<GivenMatcher>,
    channel: String,
    #[serde(default)]
    r#continue: bool,
    group_by: Option<Vec<String>>,
    group_wait_seconds: Option<u32>,
    group_interval_seconds: Option<u32>,
    repeat_interval_seconds: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    version: u64,
    routes: Vec<GivenRoute>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenAlert {
    #[serde(default)]
    labels: BTreeMap<String, String>,
    severity: Option<String>,
    #[serde(default)]
    name: String,
}

fn show(list: &AlertRoutes, channels: &BTreeMap<u64, Channel>) -> Value {
    let one = |route: &AlertRoute| {
        let channel = channels.get(&route.channel);
        json!({
            "name": route.name,
            "matchers": show_matchers(&route.matchers),
            "channel": channel.map_or("(deleted)", |channel| channel.name.as_str()),
            "continue": route.goes_on,
            "group_by": route.group_by,
            "group_wait_seconds": route.group_wait,
            "group_interval_seconds": route.group_interval,
            "repeat_interval_seconds": route.repeat_interval,
        })
    };
    json!({
        "version": list.version,
        "by": list.by,
        "changed_at": (list.version > 0).then(|| list.at.to_string()),
        "routes": list.routes.iter().map(one).collect::<Vec<_>>(),
    })
}

async fn list(ask: RequestContext) -> Result<Response, Refusal> {
    let shown = ask.read(|state| show(state.alert_routes(), state.channels()));
    Ok(json(StatusCode::OK, &shown.await?))
}

/// A route as it is kept, checked; errors name the route.
fn route(given: GivenRoute, channels: &BTreeMap<u64, Channel>) -> Result<AlertRoute, Refusal> {
    check_label("name", &given.name)?;
    let of = |text: String| invalid(format!("route {:?}: {text}", given.name));
    let found = channels.iter().find(|(_, one)| one.name == given.channel);
    let (id, channel) =
        found.ok_or_else(|| of(format!("there is no channel {:?}", given.channel)))?;
    let repeat = given.repeat_interval_seconds;
    let most = match channel.kind.as_str() {
        "alertmanager" => ALERTMANAGER_REPEAT,
        _ => u32::MAX,
    };
    if repeat.is_some_and(|repeat| !(60..=most).contains(&repeat)) {
        return Err(of(
            "repeat_interval_seconds must be at least 60, to an Alertmanager at most 120"
                .to_owned(),
        ));
    }
    Ok(AlertRoute {
        matchers: matchers(given.matchers)?,
        channel: *id,
        goes_on: given.r#continue,
        group_by: given.group_by,
        group_wait: given.group_wait_seconds,
        group_interval: given.group_interval_seconds,
        repeat_interval: repeat,
        name: given.name,
    })
}

async fn replace(ask: RequestContext, body: BodyStream) -> Result<Response, Refusal> {
    let given: Given = small_json(&ask, body).await?;
    let known = ask.read(|state| {
        let before = show(state.alert_routes(), state.channels());
        (state.channels().clone(), before)
    });
    let (channels, before) = known.await?;
    let mut names = BTreeSet::new();
    let twice = given.routes.iter().find(|one| !names.insert(&one.name));
    if let Some(twice) = twice {
        return Err(invalid(format!("two routes are named {:?}", twice.name)));
    }
    let routes = given.routes.into_iter().map(|one| route(one, &channels));
    let list = AlertRoutes {
        version: given.version + 1,
        routes: routes.collect::<Result<_, _>>()?,
        by: ask.actor(),
        at: Timestamp::now(),
    };
    let after = show(&list, &channels);
    let note = Note::new("alert_routes.replace", "alert routes")
        .before(before)
        .after(after.clone());
    let command = AlertRouteCommand::Replace {
        base: given.version,
        routes: list.routes,
        by: list.by,
        at: list.at,
    };
    ask.decide(ControlCommand::AlertRoute(command), note)
        .await?;
    Ok(json(StatusCode::OK, &after))
}

async fn test(ask: RequestContext, body: BodyStream) -> Result<Response, Refusal> {
    let given: GivenAlert = small_json(&ask, body).await?;
    let severity = given.severity.unwrap_or_else(|| "critical".to_owned());
    let alert = Alert {
        name: given.name,
        severity: severity_letter("severity", &severity)?.to_owned(),
        labels: given.labels,
        ..Alert::default()
    };
    let shown = ask.read(|state| {
        let found = Routing::of(state).destinations(&alert).into_iter();
        let show = found.map(|to| {
            json!({
                "channel": to.channel.name,
                "route": to.route.map(|route| route.name.as_str()),
                "group_by": to.group_by(),
                "group_wait_seconds": to.group_wait(),
                "group_interval_seconds": to.group_interval(),
                "repeat_interval_seconds": to.repeat_interval(),
            })
        });
        show.collect::<Vec<_>>()
    });
    let answer = json!({ "destinations": shown.await? });
    Ok(json(StatusCode::OK, &answer))
}
