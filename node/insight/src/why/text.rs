//! The sentences, with their figures always beside what they are compared with.

use super::{Line, Load, Question, Root};
use crate::words::{count, duration, figure};

/// Longest text of a statement in a sentence, in characters.
const MAX_SQL: usize = 160;

pub(super) fn head(
    question: &Question,
    load: f64,
    usual: Option<f64>,
    is_slower: bool,
    explained: f64,
) -> String {
    if question.now.is_empty() {
        return "Nothing was told of this server in this time.".to_owned();
    }
    let is_now = sessions(load);
    let percent = percent(explained);
    let where_it_is = match explained > 0.0 {
        true => format!(" Of it, {percent} is:"),
        false => String::new(),
    };
    match usual.map(tenths) {
        None => {
            format!("Load is {is_now}; there is nothing to compare it with yet.{where_it_is}")
        }
        Some(usual) if is_slower => format!(
            "Load is {is_now}, usually {usual} ({}); {percent} of the increase is explained below.",
            question.reference
        ),
        Some(usual) => format!(
            "Not slower by load: {is_now}, usually {usual} ({}).{where_it_is}",
            question.reference
        ),
    }
}

pub(super) fn lock(root: &Root, load: Load, share: f64) -> Line {
    let relation = match root.relation.as_str() {
        "" => String::new(),
        relation => format!(" on {relation}"),
    };
    let queue = match root.queued {
        0 => String::new(),
        queued => format!(
            " {queued} of them {} for process {}, which waits itself: {}.",
            if queued == 1 { "waits" } else { "wait" },
            root.queue_pid,
            cut(&root.queue_query)
        ),
    };
    let text = format!(
        "{} for a lock{relation}; the root is process {} of {} ({}), {} for {}, last {}.{queue}",
        count(f64::from(root.victims), "session waits", "sessions wait"),
        root.pid,
        root.user,
        named(&root.application),
        root.state,
        duration(root.transaction_seconds),
        cut(&root.query),
    );
    Line {
        kind: "lock",
        text,
        load: Some(load),
        share,
        root: Some(root.clone()),
    }
}

/// A group that explains a part of the load.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found<'a> {
    pub(super) dimension: &'static str,
    pub(super) group: &'a str,
    /// Sessions now, and usually if that is known.
    pub(super) now: f64,
    pub(super) usual: Option<f64>,
    pub(super) share: f64,
    pub(super) is_slower: bool,
}

impl Found<'_> {
    /// How many sessions, and what they do.
    fn told(&self, one: &str, many: &str) -> String {
        let (now, share) = (sessions(self.now), percent(self.share));
        let verb = if tenths(self.now) == "1" { one } else { many };
        match self.usual.map(tenths) {
            None => format!("{now} ({share}) {verb}"),
            Some(usual) if self.is_slower => format!("{now} instead of {usual} ({share}) {verb}"),
            Some(usual) => format!("{now} ({share}; usually {usual}) {verb}"),
        }
    }
}

/// The line about the largest group.
pub(super) fn line(question: &Question, found: &Found<'_>) -> Line {
    let id = found.group.parse::<i64>().ok();
    let id = id.filter(|_| found.dimension == "statement");
    let (kind, text) = match (found.dimension, id, found.group) {
        (_, Some(id), _) => ("statement", statement(question, id, found)),
        ("wait_event" | "wait_class", _, "CPU") => ("cpu", cpu(question, found)),
        ("wait_event", _, event) if event.starts_with("IO/") => {
            let waits = found.told("waits", "wait");
            ("io", format!("{waits} for the disk ({event})."))
        }
        ("wait_event" | "wait_class", _, event) => {
            let waits = found.told("waits", "wait");
            ("group", format!("{waits} for {event}."))
        }
        (dimension, _, group) => {
            let are = found.told("is", "are");
            ("group", format!("{are} of {dimension} {}.", named(group)))
        }
    };
    Line {
        kind,
        text,
        load: Some(Load {
            dimension: found.dimension,
            group: found.group.to_owned(),
            load: found.now,
            usual: found.usual,
        }),
        share: found.share,
        root: None,
    }
}

/// What changed about a statement: more calls, more time a call, or both, by the larger factor.
fn statement(question: &Question, id: i64, found: &Found<'_>) -> String {
    let Some(known) = question.statements.get(&id) else {
        let runs = found.told("runs", "run");
        return format!("{runs} statement {id}, of which pg_stat_statements tells nothing yet.");
    };
    let (calls, mean) = (known.calls_per_minute, known.mean_ms);
    let [ms, a_minute] = [mean.0, calls.0].map(figure);
    let now = format!("{ms} ms a call, {a_minute} a minute");
    let what = match (calls.1, mean.1) {
        _ if found.usual.is_none() => now,
        (Some(calls_then), Some(mean_then)) if calls_then > 0.0 && mean_then > 0.0 => {
            let (more_calls, more_time) = (calls.0 / calls_then, mean.0 / mean_then);
            let ms_then = figure(mean_then);
            let times = figure((more_calls * 10.0).round() / 10.0);
            if more_time.abs().ln() >= more_calls.abs().ln() * 2.0 && more_time > 1.2 {
                format!("{ms} ms a call instead of {ms_then}, {a_minute} a minute")
            } else if more_calls.abs().ln() >= more_time.abs().ln() * 2.0 && more_calls > 1.2 {
                format!(
                    "{times} × as many calls ({a_minute} a minute), about the same time a call ({ms} ms)"
                )
            } else if more_calls > 1.2 && more_time > 1.2 {
                format!("{times} × as many calls, and {ms} ms a call instead of {ms_then}")
            } else {
                now
            }
        }
        _ => format!("{now}; it was not seen then"),
    };
    let cause = known.cause.as_ref();
    let cause = cause.map_or_else(String::new, |cause| {
        format!(" It has another plan: {cause}.")
    });
    let runs = found.told("runs", "run");
    format!("{runs} one statement, {what}.{cause} {}", cut(&known.text))
}

fn cpu(question: &Question, found: &Found<'_>) -> String {
    match question.cores {
        Some(cores) if found.now >= f64::from(cores) + 0.1 => {
            let want = found.told("wants", "want");
            format!("{want} a processor, and there are {cores}: they wait for CPU.")
        }
        Some(cores) => {
            let run = found.told("runs", "run");
            format!("{run} on a processor, of which there are {cores}.")
        }
        None => format!("{} on a processor.", found.told("runs", "run")),
    }
}

pub(super) fn rest(explained: f64, whole: f64, is_slower: bool) -> Option<Line> {
    let left = 1.0 - explained;
    (left > 0.2 && whole > 0.5).then(|| Line {
        kind: "rest",
        text: match is_slower {
            true => format!("{} of the increase is not explained.", percent(left)),
            false => format!("{} of the load is in smaller groups.", percent(left)),
        },
        load: None,
        share: left,
        root: None,
    })
}

/// A load to a tenth of a session.
fn tenths(load: f64) -> String {
    figure((load * 10.0).round() / 10.0)
}

fn sessions(load: f64) -> String {
    count((load * 10.0).round() / 10.0, "session", "sessions")
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

fn named(text: &str) -> &str {
    if text.is_empty() { "no name" } else { text }
}

fn cut(sql: &str) -> String {
    let one_line: Vec<&str> = sql.split_whitespace().collect();
    let one_line = one_line.join(" ");
    if one_line.chars().count() <= MAX_SQL {
        return one_line;
    }
    one_line.chars().take(MAX_SQL - 1).chain(['…']).collect()
}
