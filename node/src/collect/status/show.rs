//! What a status means, and how it is printed.

use pga_storage::Timestamp;
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Skew, Status};
use crate::output::{Output, Rows};

/// A cycle may be late by so much before the collector counts as one that does not run, beside
/// three of its intervals. In seconds.
const LATE: f64 = 30.0;
/// What waits may wait so long, beside five intervals, in seconds.
const UNDELIVERED: f64 = 60.0;
/// A difference of clocks that somebody should look at, in seconds.
const SKEW: f64 = 2.0;
/// Letters of a line on a terminal.
const WIDTH: usize = 100;
/// Letters of a server's hosts and ports in the table, so that it is no wider than that.
const MAX_SERVER: usize = 36;
/// Gaps that are named one by one.
const MAX_GAPS: usize = 5;

/// A status, what is wrong, and what to do.
#[derive(Debug, Serialize)]
pub(super) struct Judged {
    /// `running`, `stopped`, `not running`, `not delivering`, or `left out`: the collector was
    /// started again without this server.
    state: &'static str,
    /// What to do, the most urgent first.
    to_do: Vec<String>,
    #[serde(flatten)]
    status: Status,
}

impl Judged {
    /// As it looks at `now`, where `process` is the one that started last.
    pub(super) fn of(status: Status, now: Timestamp, process: u32) -> Self {
        let age = |text: &Option<String>| seconds_since(text.as_deref()?, now);
        let since_cycle = age(&status.cycle_at).or_else(|| seconds_since(&status.started_at, now));
        let since_push = age(&status.pushed_at).or_else(|| seconds_since(&status.started_at, now));
        let interval = status.interval_seconds;
        let is_late = since_cycle.is_none_or(|age| age > interval * 3.0 + LATE);
        let is_full = status.spool_cycles > 0
            && since_push.is_none_or(|age| age > interval * 5.0 + UNDELIVERED);
        let state = match (&status.stopped_at, is_late, is_full) {
            _ if status.process != process => "left out",
            (Some(_), _, _) => "stopped",
            (None, true, _) => "not running",
            (None, false, true) => "not delivering",
            (None, false, false) => "running",
        };
        Self {
            to_do: to_do(state, &status),
            state,
            status,
        }
    }

    /// Whether it runs and gets rid of what it reads.
    pub(super) fn is_good(&self) -> bool {
        ["running", "left out"].contains(&self.state)
    }
}

fn seconds_since(text: &str, now: Timestamp) -> Option<f64> {
    let at = OffsetDateTime::parse(text, &Rfc3339)
        .ok()
        .map(Timestamp::from)?;
    Some((now.micros() - at.micros()) as f64 / 1e6)
}

fn to_do(state: &str, status: &Status) -> Vec<String> {
    let mut all = Vec::new();
    let why = status.push_error.as_deref().unwrap_or("no answer yet");
    match state {
        "stopped" | "not running" => all.push(
            "start it: systemctl start pganalytics-collector; its log says why it ended \
             (journalctl -u pganalytics-collector)"
                .to_owned(),
        ),
        "not delivering" => all.push(format!(
            "no node takes what it reads ({why}): look whether one of --nodes is up and can be \
             reached from here"
        )),
        "left out" if status.spool_cycles > 0 => all.push(format!(
            "{} cycles wait that were read before it was left out: name it with --dsn again to \
             deliver them",
            status.spool_cycles
        )),
        _ => {}
    }
    if state == "left out" {
        return all;
    }
    if status.spool_dropped_cycles > 0 {
        all.push(format!(
            "{} cycles are lost because the spool was full: give it more room (--spool-size)",
            status.spool_dropped_cycles
        ));
    }
    if let (Some(version), Some(error)) = (status.config_refused, &status.config_error) {
        all.push(format!(
            "version {version} of the configuration is refused: {error}"
        ));
    }
    if let Some(clock) = status
        .clock
        .filter(|clock| clock.ahead_seconds.abs() > SKEW)
    {
        let side = match clock.ahead_seconds > 0.0 {
            true => "ahead of",
            false => "behind",
        };
        all.push(format!(
            "this machine's clock is {:.1} s {side} the nodes': look at its time service",
            clock.ahead_seconds.abs()
        ));
    }
    all.extend(gaps(status));
    all
}

/// What is not read, and what would help.
fn gaps(status: &Status) -> Vec<String> {
    let mut all = Vec::new();
    for gap in status.gaps.iter().take(MAX_GAPS) {
        let database = match gap.database.as_str() {
            "" => String::new(),
            name => format!(" of {name}"),
        };
        let help = match gap.help.as_str() {
            "" => String::new(),
            help => format!(": {help}"),
        };
        let (source, reason) = (&gap.source, &gap.reason);
        all.push(format!("{source}{database} is not read ({reason}){help}"));
    }
    if status.gaps.len() > MAX_GAPS {
        let left = status.gaps.len() - MAX_GAPS;
        all.push(format!(
            "and {left} more sources are not read: collect check"
        ));
    }
    all
}

/// All of them as they are at `now`, in the form that is asked for.
pub(super) fn text(all: &[Judged], output: Output, now: Timestamp) -> String {
    match output {
        Output::Json => {
            let lines = all.iter().filter_map(|one| serde_json::to_string(one).ok());
            lines.map(|line| line + "\n").collect()
        }
        Output::Csv => rows(all).csv(),
        Output::Table => {
            let mut text = short(all, now).table();
            for one in all.iter().filter(|one| !one.to_do.is_empty()) {
                text.push_str(&format!("\n\n{}", who(&one.status)));
                for what in &one.to_do {
                    text.push_str(&wrapped(what));
                }
            }
            text
        }
    }
}

/// What a person looks at first: no wider than [`WIDTH`]. The rest is in the other forms.
fn short(all: &[Judged], now: Timestamp) -> Rows {
    let mut rows = Rows::new([
        "server", "state", "config", "cycle", "pushed", "waiting", "gaps",
    ]);
    let ago = |time: &Option<String>| match time.as_deref() {
        None => "never".to_owned(),
        Some(time) => seconds_since(time, now).map_or_else(String::new, age),
    };
    for Judged { state, status, .. } in all {
        let config = status.config_version;
        rows.push([
            cut(&status.server, MAX_SERVER),
            (*state).to_owned(),
            config.map_or_else(|| "own".to_owned(), |version| version.to_string()),
            ago(&status.cycle_at),
            ago(&status.pushed_at),
            status.spool_cycles.to_string(),
            status.gaps.len().to_string(),
        ]);
    }
    rows
}

/// The line above what is to be done for a collector.
fn who(status: &Status) -> String {
    let to = status.pushed_to.as_deref();
    let to = to.map_or_else(String::new, |node| format!(", last push to {node}"));
    let text = format!("{}: collector {}{to}", status.server, status.collector_id);
    cut(&text, WIDTH)
}

/// For how long something is over, in its largest whole unit.
fn age(seconds: f64) -> String {
    let units = [(86_400.0, "d"), (3_600.0, "h"), (60.0, "min")];
    let unit = units.iter().find(|(size, _)| seconds >= *size);
    let (size, name) = unit.copied().unwrap_or((1.0, "s"));
    format!("{:.0} {name} ago", (seconds.max(0.0) / size).floor())
}

/// A text of at most so many letters.
fn cut(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        None => text.to_owned(),
        Some(_) => text.chars().take(max - 1).chain(['…']).collect(),
    }
}

/// A point of a list, in lines of at most [`WIDTH`] letters where its words allow it.
fn wrapped(text: &str) -> String {
    let mut lines = String::new();
    let mut width = WIDTH;
    for word in text.split_whitespace() {
        let letters = word.chars().count();
        if width + 1 + letters > WIDTH {
            lines.push_str(if lines.is_empty() { "\n- " } else { "\n  " });
            width = 2;
        } else {
            lines.push(' ');
            width += 1;
        }
        lines.push_str(word);
        width += letters;
    }
    lines
}

/// All that a row can hold, for programs.
fn rows(all: &[Judged]) -> Rows {
    let mut rows = Rows::new([
        "server",
        "state",
        "collector",
        "config",
        "last_cycle",
        "elements",
        "seconds",
        "last_push",
        "to",
        "waiting",
        "waiting_bytes",
        "dropped",
        "clock_ahead_s",
        "clock_error_s",
        "gaps",
    ]);
    for Judged { state, status, .. } in all {
        let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "never".to_owned());
        let config = match (status.config_version, status.config_refused) {
            (None, None) => "own".to_owned(),
            (None, Some(refused)) => format!("own, {refused} refused"),
            (Some(runs), None) => runs.to_string(),
            (Some(runs), Some(refused)) => format!("{runs}, {refused} refused"),
        };
        let seconds = |of: fn(Skew) -> f64| {
            let clock = status.clock.map(of);
            clock.map_or_else(String::new, |seconds| format!("{seconds:.2}"))
        };
        rows.push([
            status.server.clone(),
            (*state).to_owned(),
            status.collector_id.clone(),
            config,
            text(&status.cycle_at),
            status.cycle_elements.to_string(),
            format!("{:.2}", status.cycle_seconds),
            text(&status.pushed_at),
            status.pushed_to.clone().unwrap_or_default(),
            status.spool_cycles.to_string(),
            status.spool_bytes.to_string(),
            status.spool_dropped_cycles.to_string(),
            seconds(|clock| clock.ahead_seconds),
            seconds(|clock| clock.error_seconds),
            status.gaps.len().to_string(),
        ]);
    }
    rows
}

#[cfg(test)]
mod tests;
