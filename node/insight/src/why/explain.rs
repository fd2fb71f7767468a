//! The answer: load by group, and the greedy walk over what grew.

use std::collections::BTreeMap;

use super::{Answer, Group, Line, Load, Question, Sample, beside, text};

/// Samples below which nothing is compared.
const MIN_SAMPLES: usize = 30;
/// Increase that is spoken of: sessions, and share of the usual load.
const MIN_INCREASE: (f64, f64) = (1.0, 0.3);
/// Load below which nothing is said of where it is: one session in one of twenty samples.
const LEAST: f64 = 0.05;
/// Share of the increase that a line has to explain.
const MIN_SHARE: f64 = 0.1;
/// The narrower of two groups wins if its share is less by at most so much.
const NARROWER: f64 = 0.05;
/// Lines at most, and the share explained at which no more are looked for.
const ENOUGH: (usize, f64) = (5, 0.8);
/// Where nearly everything comes from says nothing: above this share of both loads an application,
/// user or database is no cause.
const EVERYTHING: f64 = 0.9;
/// Groups of a dimension that are told.
const MAX_GROUPS: usize = 8;

/// The dimensions, the narrowest first.
const DIMENSIONS: [&str; 6] = [
    "statement",
    "wait_event",
    "application",
    "user",
    "database",
    "wait_class",
];

/// A part of the load: its groups, in the order of [`DIMENSIONS`], and how many sessions on
/// average.
struct Part {
    groups: [String; 6],
    sessions: Sessions,
    waits_for_lock: bool,
}

/// Sessions on average.
#[derive(Clone, Copy, Debug, Default)]
struct Sessions {
    now: f64,
    usual: f64,
    /// What is to be explained of them: those that are more than usual, or all where the load is
    /// not higher.
    asked: f64,
}

impl Sessions {
    fn sum<'a>(of: impl Iterator<Item = &'a Part>) -> Self {
        of.fold(Self::default(), |sum, part| Self {
            now: sum.now + part.sessions.now,
            usual: sum.usual + part.sessions.usual,
            asked: sum.asked + part.sessions.asked,
        })
    }
}

/// Tells why the load is what it is.
pub fn explain(question: &Question) -> Answer {
    let mut parts = parts(question);
    let all = Sessions::sum(parts.iter());
    let (load, usual) = (all.now, all.usual);
    let has_usual = question.usual.len() >= MIN_SAMPLES && question.now.len() >= MIN_SAMPLES;
    let increase = if has_usual { load - usual } else { load };
    let is_slower = has_usual && increase >= MIN_INCREASE.0.max(MIN_INCREASE.1 * usual);
    let groups = groups(&parts, has_usual);
    for Part { sessions, .. } in &mut parts {
        sessions.asked = match is_slower {
            true => sessions.now - sessions.usual,
            // Without an increase it is told where the load is, rather than nothing.
            false => sessions.now,
        };
    }
    let whole = if is_slower { increase } else { load };
    let mut lines = Vec::new();
    lines.extend(lock(question, &mut parts, whole, has_usual));
    let mut explained = lines.iter().fold(0.0, |sum, line: &Line| sum + line.share);
    while lines.len() < ENOUGH.0 && explained < ENOUGH.1 && whole >= LEAST {
        let Some((dimension, group, share)) = largest(&parts, whole, is_slower) else {
            break;
        };
        let taken = take(&mut parts, dimension, &group);
        let usual = has_usual.then_some(taken.usual);
        let found = text::Found {
            dimension: DIMENSIONS[dimension],
            group: &group,
            now: taken.now,
            usual,
            share,
            is_slower,
        };
        lines.push(text::line(question, &found));
        explained += share;
    }
    let explained = explained.min(1.0);
    lines.extend(text::rest(explained, whole, is_slower));
    lines.extend(beside::lines(&question.beside, is_slower));
    let n = question.now.len().max(1) as f64;
    Answer {
        head: text::head(
            question,
            load,
            has_usual.then_some(usual),
            is_slower,
            explained,
        ),
        is_slower,
        load,
        usual: has_usual.then_some(usual),
        reference: if has_usual {
            question.reference.clone()
        } else {
            String::new()
        },
        error: (load / n).sqrt(),
        samples: (question.now.len(), question.usual.len()),
        lines,
        explained,
        groups,
    }
}

pub(super) fn is_load(group: &Group) -> bool {
    group.state.as_deref() == Some("active") && group.backend_type.as_deref() != Some("walsender")
}

fn of(group: &Group) -> [String; 6] {
    let text = |value: &Option<String>| value.clone().filter(|text| !text.is_empty());
    let class = text(&group.wait_event_type).unwrap_or_else(|| "CPU".to_owned());
    let event = match text(&group.wait_event) {
        Some(event) if group.wait_event_type.is_some() => format!("{class}/{event}"),
        _ => "CPU".to_owned(),
    };
    let none = || "(none)".to_owned();
    [
        group.query_id.map_or_else(none, |id| id.to_string()),
        event,
        text(&group.application).unwrap_or_else(none),
        text(&group.user).unwrap_or_else(none),
        text(&group.database).unwrap_or_else(none),
        class,
    ]
}

fn parts(question: &Question) -> Vec<Part> {
    let mut parts = BTreeMap::<[String; 6], Part>::new();
    let mut add = |samples: &[Sample], is_now: bool| {
        let n = samples.len().max(1) as f64;
        for group in samples
            .iter()
            .flat_map(|sample| &sample.rows)
            .filter(|group| is_load(group))
        {
            let groups = of(group);
            let part = parts.entry(groups.clone()).or_insert_with(|| Part {
                waits_for_lock: group.wait_event_type.as_deref() == Some("Lock"),
                groups,
                sessions: Sessions::default(),
            });
            let sessions = f64::from(group.sessions + group.parallel_workers) / n;
            if is_now {
                part.sessions.now += sessions;
            } else {
                part.sessions.usual += sessions;
            }
        }
    };
    add(&question.now, true);
    add(&question.usual, false);
    parts.into_values().collect()
}

/// Loads by group of one dimension.
fn by_group(parts: &[Part], dimension: usize) -> BTreeMap<&str, Sessions> {
    let mut groups = BTreeMap::<&str, Vec<&Part>>::new();
    for part in parts {
        let name = part.groups.get(dimension).map_or("", String::as_str);
        groups.entry(name).or_default().push(part);
    }
    let sums = groups.into_iter();
    sums.map(|(name, parts)| (name, Sessions::sum(parts.into_iter())))
        .collect()
}

fn groups(parts: &[Part], has_usual: bool) -> Vec<Load> {
    let mut all = Vec::new();
    for (place, dimension) in DIMENSIONS.into_iter().enumerate() {
        let mut loads: Vec<Load> = by_group(parts, place)
            .into_iter()
            .map(|(group, sessions)| Load {
                dimension,
                group: group.to_owned(),
                load: sessions.now,
                usual: has_usual.then_some(sessions.usual),
            })
            .collect();
        let most = |of: &Load| of.load.max(of.usual.unwrap_or(0.0));
        loads.sort_by(|one, other| most(other).total_cmp(&most(one)));
        loads.truncate(MAX_GROUPS);
        all.extend(loads);
    }
    all
}

/// The group that explains most, the narrower one if two are about alike.
fn largest(parts: &[Part], whole: f64, is_slower: bool) -> Option<(usize, String, f64)> {
    let mut best: Option<(usize, String, f64)> = None;
    let all = Sessions::sum(parts.iter());
    let is_everything = |of: Sessions| {
        of.now >= EVERYTHING * all.now && (!is_slower || of.usual >= EVERYTHING * all.usual)
    };
    for (dimension, name) in DIMENSIONS.into_iter().enumerate() {
        for (group, sessions) in by_group(parts, dimension) {
            let share = sessions.asked / whole;
            // The narrowest dimensions come first: a wider one must explain clearly more.
            let has_to = best
                .as_ref()
                .map_or(MIN_SHARE, |(at, _, most)| match *at == dimension {
                    true => *most,
                    false => most + NARROWER,
                });
            let is_origin = ["application", "user", "database"].contains(&name);
            let says_nothing = group == "(none)" || is_origin && is_everything(sessions);
            if !says_nothing && share > has_to {
                best = Some((dimension, group.to_owned(), share));
            }
        }
    }
    best
}

/// Puts the sessions of a group aside; their loads.
fn take(parts: &mut Vec<Part>, dimension: usize, group: &str) -> Sessions {
    let is_in = |part: &Part| part.groups.get(dimension).is_some_and(|name| name == group);
    let taken = Sessions::sum(parts.iter().filter(|part| is_in(part)));
    parts.retain(|part| !is_in(part));
    taken
}

/// The line about those who wait for a lock: the root is the cause, whatever they run.
fn lock(question: &Question, parts: &mut Vec<Part>, whole: f64, has_usual: bool) -> Option<Line> {
    let root = question.roots.iter().max_by_key(|root| root.victims)?;
    let waiting = Sessions::sum(parts.iter().filter(|part| part.waits_for_lock));
    let share = waiting.asked / whole;
    if share.is_nan() || share < MIN_SHARE {
        return None;
    }
    parts.retain(|part| !part.waits_for_lock);
    let load = Load {
        dimension: "wait_class",
        group: "Lock".to_owned(),
        load: waiting.now,
        usual: has_usual.then_some(waiting.usual),
    };
    Some(text::lock(root, load, share))
}
