//! Channels, through which notifications go, and the notifications themselves.

mod show;

use http::StatusCode;
use pga_alerts::message::{self, Settings};
use pga_cluster::{AlertingCommand, Channel, ControlCommand, Notification, State};
use pga_storage::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use warp::reply::Response;

use self::show::{show, target};
use super::api_tokens::check_label;
use super::decision::Note;
use super::invalid::invalid;
use super::paging::{MESSAGE, PAGE, PAGE_SIZE, Page, paginated};
use super::query_string::QueryString;
use super::request_context::RequestContext;
use super::route::{Access, Content, Handler, Route};
use super::severity::severity_letter;
use super::shape::{Shape, always, maybe};
use super::silences::{GivenMatcher, MATCHER, matchers};
use super::small_body::small_json;
use crate::body::BodyStream;
use crate::refusal::Refusal;
use crate::reply::json;

const CHANNEL: Shape = Shape::Object(&[
    always("id", Shape::Integer),
    always("name", Shape::Text),
    always("kind", Shape::Text),
    always("target", Shape::Text),
    always("matchers", Shape::List(&MATCHER)),
    always("severities", Shape::List(&Shape::Text)),
    always("group_by", Shape::List(&Shape::Text)),
    always("group_wait_seconds", Shape::Integer),
    always("group_interval_seconds", Shape::Integer),
    always("repeat_interval_seconds", Shape::Integer),
    always("send_resolved", Shape::Flag),
    always("enabled", Shape::Flag),
    always("by", Shape::Text),
    always("changed_at", Shape::Time),
    always("sent", Shape::Integer),
    always("waiting", Shape::Integer),
    always("dead", Shape::Integer),
    always("last_error", Shape::TextOrNull),
]);
const REQUEST: Content = Content::Json(Shape::Object(&[
    always("name", Shape::Text),
    always("kind", Shape::Text),
    maybe("settings", Shape::Any),
    maybe("matchers", Shape::List(&MATCHER)),
    maybe("severities", Shape::List(&Shape::Text)),
    maybe("group_by", Shape::List(&Shape::Text)),
    maybe("group_wait_seconds", Shape::Integer),
    maybe("group_interval_seconds", Shape::Integer),
    maybe("repeat_interval_seconds", Shape::Integer),
    maybe("send_resolved", Shape::Flag),
    maybe("enabled", Shape::Flag),
]));
const ATTEMPT: Shape = Shape::Object(&[
    always("node", Shape::Integer),
    always("at", Shape::Time),
    always("outcome", Shape::Text),
]);
const NOTIFICATION: Shape = Shape::Object(&[
    always("id", Shape::Integer),
    always("key", Shape::Text),
    always("channel_id", Shape::Integer),
    always("channel", Shape::Text),
    always("group", Shape::Text),
    always("state", Shape::Text),
    always("queued_at", Shape::Time),
    always("next_at", Shape::Time),
    always("attempts", Shape::List(&ATTEMPT)),
    always("content", Shape::Any),
]);

pub(super) const ROUTES: &[Route] = &[
    Route::get("/api/v1/channels", "channels", Access::User)
        .does(
            "Lists the channels of notifications, without their secrets.",
            Handler::Plain(|ask| Box::pin(list(ask))),
        )
        .asks(&[PAGE, PAGE_SIZE])
        .answers(paginated!(CHANNEL)),
    Route::post("/api/v1/channels", "channels", Access::Admin)
        .does(
            "Makes a channel.",
            Handler::WithBody(|ask, body| Box::pin(store(ask, body, true))),
        )
        .takes(REQUEST)
        .answers(Content::Json(CHANNEL))
        .with_status(201),
    Route::get("/api/v1/channels/{id}", "channel", Access::User)
        .does("Shows a channel.", Handler::Plain(|ask| Box::pin(get(ask))))
        .answers(Content::Json(CHANNEL)),
    Route::put("/api/v1/channels/{id}", "channel", Access::Admin)
        .does(
            "Stores a channel; without settings those it has stay.",
            Handler::WithBody(|ask, body| Box::pin(store(ask, body, false))),
        )
        .takes(REQUEST)
        .answers(Content::Json(CHANNEL)),
    Route::delete("/api/v1/channels/{id}", "channel", Access::Admin)
        .does(
            "Deletes a channel.",
            Handler::Plain(|ask| Box::pin(delete(ask))),
        )
        .answers(MESSAGE),
    Route::post("/api/v1/channels/{id}/test", "channel_test", Access::Admin)
        .does(
            "Sends a marked message at once, and tells what the receiver answered.",
            Handler::Plain(|ask| Box::pin(test(ask))),
        )
        .answers(Content::Json(Shape::Object(&[
            always("success", Shape::Flag),
            always("outcome", Shape::Text),
            always("latency_ms", Shape::Integer),
        ]))),
    Route::get("/api/v1/notifications", "notifications", Access::User)
        .does(
            "Lists notifications, the newest first.",
            Handler::Plain(|ask| Box::pin(notifications(ask))),
        )
        .asks(&[
            PAGE,
            PAGE_SIZE,
            maybe("state", Shape::Text),
            maybe("channel_id", Shape::Integer),
        ])
        .answers(paginated!(NOTIFICATION)),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    name: String,
    kind: String,
    settings: Option<Settings>,
    #[serde(default)]
    matchers: Vec<GivenMatcher>,
    severities: Option<Vec<String>>,
    group_by: Option<Vec<String>>,
    group_wait_seconds: Option<u32>,
    group_interval_seconds: Option<u32>,
    repeat_interval_seconds: Option<u32>,
    send_resolved: Option<bool>,
    enabled: Option<bool>,
}

fn not_found() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "not_found", "Channel not found")
}

fn id_of(ask: &RequestContext) -> Result<u64, Refusal> {
    ask.segment().parse().map_err(|_| not_found())
}

async fn list(ask: RequestContext) -> Result<Response, Refusal> {
    let page = Page::of(&QueryString::parse(&ask.query)?);
    let answer = ask.read(|state| {
        let all: Vec<_> = state.channels().iter().collect();
        page.answer(&all, |(id, channel)| show(state, **id, channel))
    });
    Ok(json(StatusCode::OK, &answer.await?))
}

async fn get(ask: RequestContext) -> Result<Response, Refusal> {
    let id = id_of(&ask)?;
    let shown = ask.read(|state| Some(show(state, id, state.channels().get(&id)?)));
    Ok(json(StatusCode::OK, &shown.await?.ok_or_else(not_found)?))
}

fn channel(
    ask: &RequestContext,
    given: Given,
    before: Option<&Channel>,
) -> Result<Channel, Refusal> {
    check_label("name", &given.name)?;
    let (settings, target) = match (&given.settings, before) {
        (Some(settings), _) => {
            if let Some(problem) = message::problem(&given.kind, settings) {
                return Err(invalid(problem));
            }
            let plain = serde_json::to_vec(settings).map_err(|_| Refusal::internal())?;
            let sealed = ask.context.api.seal_channel(&plain)?;
            (sealed.into(), target(&given.kind, settings))
        }
        (None, Some(before)) if before.kind == given.kind => {
            (before.settings.clone(), before.target.clone())
        }
        (None, _) => {
            return Err(invalid(
                "settings is missing: url, secret, token, template, mail",
            ));
        }
    };
    let severities = given
        .severities
        .unwrap_or_else(|| vec!["critical".into(), "warning".into()]);
    let severities = severities
        .iter()
        .map(|text| severity_letter("severities", text));
    let group_by = given.group_by.unwrap_or_else(|| vec!["server".into()]);
    let is_alertmanager = given.kind == "alertmanager";
    // Alertmanager groups and repeats by itself, and forgets what it does not hear of.
    let (wait, interval, repeat) = if is_alertmanager {
        (0, 0, 60)
    } else {
        (30, 300, 14_400)
    };
    let repeat_interval = given.repeat_interval_seconds.unwrap_or(repeat);
    if repeat_interval < 60 || is_alertmanager && repeat_interval > 120 {
        let text = "repeat_interval_seconds must be at least 60, for an Alertmanager at most 120";
        return Err(invalid(text));
    }
    Ok(Channel {
        name: given.name,
        kind: given.kind,
        settings,
        target,
        matchers: matchers(given.matchers)?,
        severities: severities
            .map(|one| one.map(str::to_owned))
            .collect::<Result<_, _>>()?,
        group_by,
        group_wait: given.group_wait_seconds.unwrap_or(wait),
        group_interval: given.group_interval_seconds.unwrap_or(interval),
        repeat_interval,
        send_resolved: given.send_resolved.unwrap_or(true),
        is_enabled: given.enabled.unwrap_or(true),
        by: ask.actor(),
        at: Timestamp::now(),
    })
}

async fn store(ask: RequestContext, body: BodyStream, is_new: bool) -> Result<Response, Refusal> {
    let id = if is_new { None } else { Some(id_of(&ask)?) };
    let given: Given = small_json(&ask, body).await?;
    let before = match id {
        None => None,
        Some(id) => {
            let found = ask.read(|state| {
                Some((
                    state.channels().get(&id)?.clone(),
                    show(state, id, state.channels().get(&id)?),
                ))
            });
            Some(found.await?.ok_or_else(not_found)?)
        }
    };
    let channel = channel(&ask, given, before.as_ref().map(|(channel, _)| channel))?;
    let name = channel.name.clone();
    let mut note = Note::new("channel.store", &name)
        .after(json!({ "kind": channel.kind, "target": channel.target }));
    if let Some((_, before)) = before {
        note = note.before(before);
    }
    let command = AlertingCommand::PutChannel { id, channel };
    ask.decide(ControlCommand::Alerting(Box::new(command)), note)
        .await?;
    let shown = ask.read_here(|state| {
        let (id, channel) = state
            .channels()
            .iter()
            .find(|(_, channel)| channel.name == name)?;
        Some(show(state, *id, channel))
    })?;
    let status = if is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok(json(status, &shown.ok_or_else(Refusal::internal)?))
}

async fn delete(ask: RequestContext) -> Result<Response, Refusal> {
    let id = id_of(&ask)?;
    let found = ask
        .read(|state| Some(show(state, id, state.channels().get(&id)?)))
        .await?;
    let before = found.ok_or_else(not_found)?;
    let routes = ask.read_here(|state| {
        let routes = state.alert_routes().routes.iter();
        let mine = routes.filter(|route| route.channel == id);
        mine.map(|route| route.name.clone()).collect::<Vec<_>>()
    })?;
    if !routes.is_empty() {
        let text = format!("routes send alerts to it: {}", routes.join(", "));
        return Err(Refusal::new(StatusCode::CONFLICT, "conflict", text));
    }
    let name = before["name"].as_str().unwrap_or_default().to_owned();
    let note = Note::new("channel.delete", name).before(before);
    let command = AlertingCommand::DeleteChannel { id };
    ask.decide(ControlCommand::Alerting(Box::new(command)), note)
        .await?;
    Ok(json(
        StatusCode::OK,
        &json!({ "message": "Channel deleted" }),
    ))
}

async fn test(ask: RequestContext) -> Result<Response, Refusal> {
    let id = id_of(&ask)?;
    let channel = ask.read(|state| state.channels().get(&id).cloned()).await?;
    let channel = channel.ok_or_else(not_found)?;
    let tested = ask.context.api.test_channel(channel).await?;
    let answer = json!({
        "success": tested.outcome.is_ok(),
        "outcome": tested.outcome.unwrap_or_else(|error| error),
        "latency_ms": u64::try_from(tested.latency.as_millis()).unwrap_or(u64::MAX),
    });
    Ok(json(StatusCode::OK, &answer))
}

fn show_notification(state: &State, id: u64, one: &Notification) -> Value {
    let attempts = one.attempts.iter().map(|attempt| {
        json!({
            "node": attempt.node.get(),
            "at": attempt.at.to_string(),
            "outcome": attempt.outcome,
        })
    });
    let channel = state.channels().get(&one.channel);
    json!({
        "id": id,
        "key": one.key,
        "channel_id": one.channel,
        "channel": channel.map_or("(deleted)", |channel| channel.name.as_str()),
        "group": one.group,
        "state": one.state.name(),
        "queued_at": one.queued_at.to_string(),
        "next_at": one.next_at.to_string(),
        "attempts": attempts.collect::<Vec<_>>(),
        "content": serde_json::from_str::<Value>(&one.content).unwrap_or_default(),
    })
}

async fn notifications(ask: RequestContext) -> Result<Response, Refusal> {
    let args = QueryString::parse(&ask.query)?;
    let page = Page::of(&args);
    let wanted = args.text("state");
    let channel = match args.text("channel_id") {
        None => None,
        Some(text) => Some(
            text.parse::<u64>()
                .map_err(|_| invalid(format!("channel_id is {text:?}: use a number")))?,
        ),
    };
    let answer = ask.read(|state| {
        let all: Vec<_> = (state.notifications().iter().rev())
            .filter(|(_, one)| wanted.is_none_or(|wanted| one.state.name() == wanted))
            .filter(|(_, one)| channel.is_none_or(|channel| one.channel == channel))
            .collect();
        page.answer(&all, |(id, one)| show_notification(state, **id, one))
    });
    Ok(json(StatusCode::OK, &answer.await?))
}
