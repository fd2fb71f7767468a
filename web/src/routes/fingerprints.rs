//! Families of statements: those that PostgreSQL's parser finds alike, over databases, servers and
//! versions (contract 1.9).

use std::collections::{BTreeMap, BTreeSet};

use http::StatusCode;
use pga_config::CollectorId;
use pga_insight::{Fingerprint, FingerprintKind, fingerprint_all};
use pga_storage::Timestamp;
use pga_storage::query::{ElementOrder, Elements, FirstSeen, QueryOrder, QueryStats, TopQueries};
use serde_json::{Value, json};
use warp::reply::Response;

use super::bounded::Bounded;
use super::query_string::QueryString;
use super::reads::{QUERY_STATS, window};
use super::request_context::RequestContext;
use super::route::{Access, Content, Handler, Route};
use super::shape::{Field, Shape, always, maybe, number};
use crate::questions;
use crate::refusal::Refusal;
use crate::reply::json;

const LIMIT: Bounded = Bounded::of_contract("limit", 1, 100, 20);
const HOURS: Bounded = Bounded::new("hours", 1, 720, 24);
/// Statements of one collector that are put into families: those that took most time.
const MAX_STATEMENTS: u32 = 1_000;
/// Statements that a family shows.
const MAX_SAMPLES: usize = 5;

const ASKS: &[Field] = &[
    number(LIMIT),
    number(HOURS),
    maybe("from", Shape::Text),
    maybe("to", Shape::Text),
];
const SERVER: Shape = Shape::Object(&[
    always("collector_id", Shape::Text),
    always("hostname", Shape::Text),
    always("server_version", Shape::TextOrNull),
    always("databases", Shape::List(&Shape::Text)),
    always("query_hashes", Shape::List(&Shape::Integer)),
    always("calls", Shape::Integer),
    always("total_time", Shape::Number),
    always("first_seen", Shape::Time),
    always("last_seen", Shape::Time),
]);
const FAMILY: Shape = Shape::Object(&[
    always("fingerprint_hash", Shape::Integer),
    always("kind", Shape::Text),
    always("normalized_query", Shape::Text),
    always("total_calls", Shape::Integer),
    always("total_time", Shape::Number),
    always("unique_query_count", Shape::Integer),
    always("avg_execution_time", Shape::Number),
    always("max_execution_time", Shape::Number),
    always("min_execution_time", Shape::Number),
    always("sample_queries", Shape::List(&Shape::Text)),
    always("databases", Shape::List(&Shape::Text)),
    always("query_hashes", Shape::List(&Shape::Integer)),
    always("servers", Shape::List(&SERVER)),
    always("first_seen", Shape::Time),
    always("last_seen", Shape::Time),
]);

pub(super) const ROUTES: &[Route] = &[
    Route::get(
        "/api/v1/queries/fingerprints",
        "fingerprints",
        Access::Viewer,
    )
    .does(
        "Lists families of statements of a window, those with the most calls first: under which ids, on which servers and versions.",
        Handler::Plain(|ask| Box::pin(families(ask))),
    )
    .asks(ASKS)
    .answers(Content::Json(Shape::Object(&[
        always("data", Shape::List(&FAMILY)),
        always("count", Shape::Integer),
    ]))),
    Route::get(
        "/api/v1/queries/fingerprints/{fingerprint}/queries",
        "fingerprint_queries",
        Access::Viewer,
    )
    .does(
        "Lists the statements of a family, the newest first.",
        Handler::Plain(|ask| Box::pin(members(ask))),
    )
    .asks(ASKS)
    .answers(Content::Json(Shape::Object(&[
        always("fingerprint_hash", Shape::Integer),
        always("queries", Shape::List(&QUERY_STATS)),
        always("count", Shape::Integer),
    ]))),
];

/// A family and its statements.
struct Family {
    fingerprint: Fingerprint,
    members: Vec<QueryStats>,
}

/// All families of the window that is asked for.
async fn all(ask: &RequestContext, args: &QueryString) -> Result<Vec<Family>, Refusal> {
    let (from, to) = window(args, args.number(HOURS))?;
    let collectors = ask
        .read(|state| state.watched().map(|(id, _)| *id).collect::<Vec<_>>())
        .await?;
    let mut statements = Vec::new();
    for collector in collectors {
        let query = TopQueries {
            collector,
            database: None,
            order: QueryOrder::Total,
            from,
            to,
            limit: MAX_STATEMENTS,
            has_texts: true,
        };
        let found = questions::ask(&*ask.context.api, query.collector, &query).await?;
        statements.extend(found);
    }
    // Parsing is work, and needs a deep stack of its own.
    let grouped = pga_runtime::spawn_blocking(move || group(statements)).await;
    grouped.map_err(|_| Refusal::internal())
}

fn group(statements: Vec<QueryStats>) -> Vec<Family> {
    let texts: Vec<&str> = statements
        .iter()
        .map(|one| one.query_text.as_str())
        .collect();
    let fingerprints = fingerprint_all(&texts);
    let mut families = BTreeMap::<i64, Family>::new();
    for (fingerprint, statement) in fingerprints.into_iter().zip(statements) {
        let family = families.entry(fingerprint.hash).or_insert_with(|| Family {
            fingerprint,
            members: Vec::new(),
        });
        family.members.push(statement);
    }
    families.into_values().collect()
}

/// What is known of a server.
#[derive(Clone, Debug, Default)]
struct Server {
    host: String,
    version: Option<String>,
    /// The oldest sample that is kept, by query id and database.
    first_seen: BTreeMap<(i64, String), Timestamp>,
}

/// Servers by the ids of their collectors.
type Servers = BTreeMap<String, Server>;

/// What is known of all servers that families are of.
async fn servers(ask: &RequestContext, families: &[Family]) -> Result<Servers, Refusal> {
    let members = families.iter().flat_map(|family| &family.members);
    let mut statements = BTreeMap::<&String, BTreeSet<(i64, String)>>::new();
    for one in members {
        let name = (one.query_hash, one.database_name.clone());
        statements
            .entry(&one.collector_id)
            .or_default()
            .insert(name);
    }
    let mut servers = Servers::new();
    for (id, statements) in statements {
        let collector = CollectorId::from_external(id);
        let query = Elements {
            collector,
            kind: Some("pg_identity".to_owned()),
            from: None,
            to: None,
            order: ElementOrder::Descending,
            limit: 1,
            cursor: None,
        };
        let page = questions::ask(&*ask.context.api, collector, &query).await?;
        let newest = page.data.first();
        let newest = newest.and_then(|text| serde_json::from_str::<Value>(text).ok());
        let version = newest.and_then(|one| Some(one["server_version"].as_str()?.to_owned()));
        let host = ask.read_here(|state| {
            let known = state.collector(collector);
            known.map_or_else(String::new, |known| known.hostname.clone())
        })?;
        let question = FirstSeen {
            collector,
            statements: statements.into_iter().collect(),
        };
        let found = questions::ask(&*ask.context.api, collector, &question).await?;
        let first_seen = question.statements.into_iter().zip(found);
        let first_seen = first_seen.filter_map(|(name, first)| Some((name, first?)));
        let server = Server {
            host,
            version,
            first_seen: first_seen.collect(),
        };
        servers.insert(id.clone(), server);
    }
    Ok(servers)
}

/// When the first of these statements was seen, as far as samples are kept.
fn first_seen<'a>(
    members: impl IntoIterator<Item = &'a QueryStats>,
    servers: &Servers,
) -> Timestamp {
    let first = members.into_iter().map(|one| {
        let server = servers.get(&one.collector_id);
        let name = (one.query_hash, one.database_name.clone());
        let first = server.and_then(|server| server.first_seen.get(&name));
        first.copied().unwrap_or(one.time)
    });
    first.min().unwrap_or_default()
}

/// What a family is on each server.
fn on_servers(members: &[QueryStats], servers: &Servers) -> Vec<Value> {
    let mut own = BTreeMap::<&String, Vec<&QueryStats>>::new();
    for member in members {
        own.entry(&member.collector_id).or_default().push(member);
    }
    let show = |(id, members): (&String, Vec<&QueryStats>)| {
        let databases: BTreeSet<&str> = members
            .iter()
            .map(|one| one.database_name.as_str())
            .collect();
        let hashes: BTreeSet<i64> = members.iter().map(|one| one.query_hash).collect();
        let last = members.iter().map(|one| one.time).max().unwrap_or_default();
        let server = servers.get(id).cloned().unwrap_or_default();
        json!({
            "collector_id": id,
            "hostname": server.host,
            "server_version": server.version,
            "databases": databases,
            "query_hashes": hashes,
            "calls": members.iter().map(|one| one.calls).sum::<i64>(),
            "total_time": members.iter().map(|one| one.total_time).sum::<f64>(),
            "first_seen": first_seen(members.iter().copied(), servers).to_string(),
            "last_seen": last.to_string(),
        })
    };
    own.into_iter().map(show).collect()
}

fn show(family: &Family, servers: &Servers) -> Value {
    let members = &family.members;
    let calls: i64 = members.iter().map(|one| one.calls).sum();
    let time: f64 = members.iter().map(|one| one.total_time).sum();
    let most = |of: fn(&QueryStats) -> f64| members.iter().map(of).fold(0.0, f64::max);
    let least = members
        .iter()
        .map(|one| one.min_time)
        .fold(f64::INFINITY, f64::min);
    let mut samples: Vec<&str> = members.iter().map(|one| one.query_text.as_str()).collect();
    let mut databases: Vec<&str> = members
        .iter()
        .map(|one| one.database_name.as_str())
        .collect();
    let mut hashes: Vec<i64> = members.iter().map(|one| one.query_hash).collect();
    for list in [&mut samples, &mut databases] {
        list.sort_unstable();
        list.dedup();
    }
    hashes.sort_unstable();
    hashes.dedup();
    samples.truncate(MAX_SAMPLES);
    let last: Timestamp = members.iter().map(|one| one.time).max().unwrap_or_default();
    json!({
        "fingerprint_hash": family.fingerprint.hash,
        "kind": match family.fingerprint.kind {
            FingerprintKind::Parser => "parser",
            FingerprintKind::Tokens => "tokens",
        },
        "normalized_query": family.fingerprint.normalized,
        "total_calls": calls,
        "total_time": time,
        "unique_query_count": hashes.len(),
        "avg_execution_time": if calls > 0 { time / calls as f64 } else { 0.0 },
        "max_execution_time": most(|one| one.max_time),
        "min_execution_time": if least.is_finite() { least } else { 0.0 },
        "sample_queries": samples,
        "databases": databases,
        "query_hashes": hashes,
        "servers": on_servers(members, servers),
        "first_seen": first_seen(members, servers).to_string(),
        "last_seen": last.to_string(),
    })
}

async fn families(ask: RequestContext) -> Result<Response, Refusal> {
    let args = QueryString::parse(&ask.query)?;
    let limit = args.number(LIMIT) as usize;
    let mut families = all(&ask, &args).await?;
    let calls = |family: &Family| family.members.iter().map(|one| one.calls).sum::<i64>();
    families.sort_by_key(|family| (std::cmp::Reverse(calls(family)), family.fingerprint.hash));
    families.truncate(limit);
    let servers = servers(&ask, &families).await?;
    let data: Vec<Value> = families.iter().map(|one| show(one, &servers)).collect();
    Ok(json(
        StatusCode::OK,
        &json!({ "count": data.len(), "data": data }),
    ))
}

async fn members(ask: RequestContext) -> Result<Response, Refusal> {
    let args = QueryString::parse(&ask.query)?;
    let limit = args.number(LIMIT) as usize;
    let hash: i64 = ask
        .segment()
        .parse()
        .map_err(|_| Refusal::bad("argument", "The fingerprint is no 64-bit number"))?;
    let family = all(&ask, &args)
        .await?
        .into_iter()
        .find(|family| family.fingerprint.hash == hash);
    let mut family = family.ok_or_else(|| {
        Refusal::new(
            StatusCode::NOT_FOUND,
            "not_found",
            "No statement of this fingerprint in the window",
        )
    })?;
    family
        .members
        .sort_by_key(|one| (std::cmp::Reverse(one.time), one.query_hash));
    family.members.truncate(limit);
    let answer = json!({
        "fingerprint_hash": hash, "count": family.members.len(), "queries": family.members,
    });
    Ok(json(StatusCode::OK, &answer))
}
