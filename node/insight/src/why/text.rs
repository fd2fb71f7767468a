//! The sentences, with their figures always beside what they are compared with.

use super::{Line, Load, Question, Root, Statement};

/// Longest text of a statement in a sentence, in characters.
const MAX_SQL: usize = 160;

pub(super) fn head(
    question: &Question,
    load: f64,
    usual: Option<f64>,
    is_slower: bool,
    explained: f64,
) -> String {
    let percent = (explained * 100.0).round();
    match usual {
        None if question.now.is_empty() => {
            "Nothing was told of this server in this time.".to_owned()
        }
        None => format!(
            "Load is {load:.1} sessions; there is nothing to compare it with yet. Where it is, in {percent}%:"
        ),
        Some(usual) if is_slower => format!(
            "Load is {load:.1} sessions, usually {usual:.1} ({}); {percent}% of the increase is explained below.",
            question.reference
        ),
        Some(usual) => format!(
            "Not slower by load: {load:.1} sessions, usually {usual:.1} ({}). Where it is, in {percent}%:",
            question.reference
        ),
    }
}

pub(super) fn lock(root: &Root, load: (f64, f64), share: f64) -> Line {
    let relation = match root.relation.as_str() {
        "" => String::new(),
        relation => format!(" on {relation}"),
    };
    let queue = match root.queued {
        0 => String::new(),
        queued => format!(
            " {queued} of them wait for process {}, which waits itself: {}.",
            root.queue_pid,
            cut(&root.queue_query)
        ),
    };
    let text = format!(
        "{} sessions wait for a lock{relation}; the root is process {} of {} ({}), {} for {}, last {}.{queue}",
        root.victims,
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
        load: Some(Load {
            dimension: "wait_class",
            group: "Lock".to_owned(),
            load: load.0,
            usual: load.1,
        }),
        share,
        root: Some(root.clone()),
    }
}

pub(super) fn line(
    question: &Question,
    dimension: &'static str,
    group: &str,
    load: (f64, f64),
    share: f64,
) -> Line {
    let (now, usual) = load;
    let percent = (share * 100.0).round();
    let change = match question.usual.is_empty() {
        true => format!("{now:.1} sessions ({percent}%)"),
        false => format!("{now:.1} sessions instead of {usual:.1} ({percent}%)"),
    };
    let id = group
        .parse::<i64>()
        .ok()
        .filter(|_| dimension == "statement");
    let (kind, text) = match (dimension, id, group) {
        (_, Some(id), _) => {
            let known = question.statements.get(&id);
            ("statement", statement(id, known, &change))
        }
        ("wait_event" | "wait_class", _, "CPU") => ("cpu", cpu(question, now, &change)),
        ("wait_event", _, event) if event.starts_with("IO/") => {
            ("io", format!("{change} wait for the disk ({event})."))
        }
        ("wait_event" | "wait_class", _, event) => ("group", format!("{change} wait for {event}.")),
        (dimension, _, group) => (
            "group",
            format!("{change} are of {dimension} {}.", named(group)),
        ),
    };
    Line {
        kind,
        text,
        load: Some(Load {
            dimension,
            group: group.to_owned(),
            load: now,
            usual,
        }),
        share,
        root: None,
    }
}

/// What changed about a statement: more calls, more time a call, or both, by the larger factor.
fn statement(id: i64, known: Option<&Statement>, change: &str) -> String {
    let Some(known) = known else {
        return format!("{change} run statement {id}, of which pg_stat_statements tells nothing.");
    };
    let (calls, mean) = (known.calls_per_minute, known.mean_ms);
    let now = format!("{:.2} ms a call at {:.0} calls a minute", mean.0, calls.0);
    let what = match (calls.1, mean.1) {
        (Some(calls_then), Some(mean_then)) if calls_then > 0.0 && mean_then > 0.0 => {
            let (more_calls, more_time) = (calls.0 / calls_then, mean.0 / mean_then);
            if more_time.abs().ln() >= more_calls.abs().ln() * 2.0 && more_time > 1.2 {
                format!(
                    "{:.2} ms a call instead of {mean_then:.2}, at {:.0} calls a minute",
                    mean.0, calls.0
                )
            } else if more_calls.abs().ln() >= more_time.abs().ln() * 2.0 && more_calls > 1.2 {
                format!(
                    "{more_calls:.1} × as many calls ({:.0} a minute), about the same time a call ({:.2} ms)",
                    calls.0, mean.0
                )
            } else if more_calls > 1.2 && more_time > 1.2 {
                format!(
                    "{more_calls:.1} × as many calls, and {:.2} ms a call instead of {mean_then:.2}",
                    mean.0
                )
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
    format!("{change}: {what}.{cause} {}", cut(&known.text))
}

fn cpu(question: &Question, now: f64, change: &str) -> String {
    match question.cores {
        Some(cores) if now > f64::from(cores) => {
            format!("{change} want a processor, and there are {cores}: they wait for CPU.")
        }
        Some(cores) => format!("{change} run on one of {cores} processors."),
        None => format!("{change} run on a processor."),
    }
}

pub(super) fn rest(explained: f64, whole: f64, is_slower: bool) -> Option<Line> {
    let left = 1.0 - explained;
    (left > 0.2 && whole > 0.5).then(|| Line {
        kind: "rest",
        text: match is_slower {
            true => format!("{:.0}% of the increase is not explained.", left * 100.0),
            false => format!("{:.0}% of the load is in smaller groups.", left * 100.0),
        },
        load: None,
        share: left,
        root: None,
    })
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

pub(super) fn duration(seconds: f64) -> String {
    match seconds.max(0.0) as u64 {
        whole @ 0..120 => format!("{whole} s"),
        whole @ 120..7_200 => format!("{} min", whole / 60),
        whole => format!("{} h", whole / 3_600),
    }
}
