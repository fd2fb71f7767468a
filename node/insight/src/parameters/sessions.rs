//! Connections, idle transactions, time limits.

use super::evidence::Evidence;
use super::load::{DdlWait, IdleHolder, RunAway};
use super::proposal::{Proposal, Reason, Scope};
use crate::words::count;

/// Holders that stay longer do harm, in seconds.
const LONG_HOLDER_SECONDS: f64 = 300.0;

pub(super) fn propose(of: &Evidence) -> Vec<Proposal> {
    let mut all: Vec<Proposal> = pooler(of).into_iter().collect();
    all.extend(of.idle_holders.iter().filter_map(|told| idle(of, told)));
    all.extend(of.ddl_waits.iter().filter_map(|told| lock(of, told)));
    all.extend(of.run_aways.iter().filter_map(|told| run_away(of, told)));
    all
}

/// A pooler; never more connections.
fn pooler(of: &Evidence) -> Option<Proposal> {
    let told = of.connections?;
    let current = of.setting("max_connections")?;
    if told.used_share <= 0.8 || told.idle_share <= 0.7 {
        return None;
    }
    let reason = Reason {
        evidence: format!(
            "{:.0} % of {} connections are used, {:.0} % of these are idle",
            told.used_share * 100.0,
            current.value,
            told.idle_share * 100.0
        ),
        risk: "what a session keeps, such as prepared statements, is lost in transaction pooling",
        measured_by: "processors' time and waits for connections",
    };
    let value = "a pooler in transaction mode, the limit as it is".to_owned();
    Some(Proposal {
        undo: "connect past the pooler".to_owned(),
        ..Proposal::new(
            "max_connections",
            Some(current),
            value,
            Scope::Application,
            reason,
        )
    })
}

fn idle(of: &Evidence, told: &IdleHolder) -> Option<Proposal> {
    let name = "idle_in_transaction_session_timeout";
    let proposed = (2.0 * told.harmless_p999_seconds).max(60.0);
    if told.longest_seconds <= LONG_HOLDER_SECONDS || is_below(of, &told.role, name, proposed)? {
        return None;
    }
    let reason = Reason {
        evidence: format!(
            "an idle transaction of {} held others up for {:.0} s; 99.9 % of the harmless ones \
             are over in {:.0} s",
            told.role, told.longest_seconds, told.harmless_p999_seconds
        ),
        risk: "sessions that stay idle longer get an error",
        measured_by: "blocked time",
    };
    Proposal::role(of, &told.role, name, seconds(proposed), reason)
}

fn lock(of: &Evidence, told: &DdlWait) -> Option<Proposal> {
    let name = "lock_timeout";
    let is_short = is_below(of, &told.role, name, 5.0)?;
    if told.queued < 1.0 || told.longest_seconds <= 5.0 || is_short {
        return None;
    }
    let reason = Reason {
        evidence: format!(
            "DDL of {} waited {:.0} s for its lock with {} behind it",
            told.role,
            told.longest_seconds,
            count(told.queued, "session", "sessions")
        ),
        risk: "DDL that waits longer fails and is tried again",
        measured_by: "sessions that wait for locks",
    };
    Proposal::role(of, &told.role, name, seconds(5.0), reason)
}

fn run_away(of: &Evidence, told: &RunAway) -> Option<Proposal> {
    let name = "statement_timeout";
    let proposed = (10.0 * told.p999_ms / 1_000.0).ceil();
    let is_known = told.p99_ms > 0.0 && told.p999_ms >= told.p99_ms;
    let runs_away = told.longest_ms > 10.0 * told.p99_ms && told.longest_ms > 1_000.0 * proposed;
    if !is_known || !runs_away || is_below(of, &told.role, name, proposed)? {
        return None;
    }
    let reason = Reason {
        evidence: format!(
            "a statement of {} ran {:.0} s; 99.9 % are over in {:.1} s",
            told.role,
            told.longest_ms / 1_000.0,
            told.p999_ms / 1_000.0
        ),
        risk: "statements that run longer get an error",
        measured_by: "sessions that wait for locks, and the longest statement",
    };
    Proposal::role(of, &told.role, name, seconds(proposed), reason)
}

/// Whether a limit of a role is set and not higher.
fn is_below(of: &Evidence, role: &str, name: &str, seconds: f64) -> Option<bool> {
    let current = of.role_setting(role, name)?.seconds()?;
    Some(current > 0.0 && current <= seconds)
}

fn seconds(of: f64) -> String {
    format!("{:.0}s", of.ceil())
}

#[cfg(test)]
mod tests {
    use super::super::load::Connections;
    use super::super::testing::{evidence, proposes, set, silent, unset};
    use super::*;

    #[test]
    fn idle_connections_ask_for_a_pooler() {
        let of = Evidence {
            connections: Some(Connections {
                used_share: 0.9,
                idle_share: 0.8,
            }),
            ..evidence()
        };
        let told = proposes(
            &of,
            "max_connections",
            "a pooler in transaction mode, the limit as it is",
        );
        assert_eq!((told.scope, told.statement), (Scope::Application, None));
        let with = |used_share, idle_share| {
            move |of: &mut Evidence| {
                of.connections = Some(Connections {
                    used_share,
                    idle_share,
                });
            }
        };
        silent(
            &of,
            &[("few", &with(0.8, 0.8)), ("working", &with(0.9, 0.7))],
        );
    }

    #[test]
    fn idle_transactions_that_hold_others_up_end() {
        let of = Evidence {
            idle_holders: vec![IdleHolder {
                role: "app".to_owned(),
                longest_seconds: 400.0,
                harmless_p999_seconds: 45.0,
            }],
            ..evidence()
        };
        let name = "idle_in_transaction_session_timeout";
        assert_eq!(proposes(&of, name, "90s").scope, Scope::Role);
        let mut short = of.clone();
        short.idle_holders[0].harmless_p999_seconds = 2.0;
        proposes(&short, name, "60s");
        silent(
            &of,
            &[
                ("short", &|of| of.idle_holders[0].longest_seconds = 300.0),
                ("set", &|of| set(of, name, "60000", "ms")),
                ("unknown", &|of| unset(of, name)),
            ],
        );
    }

    #[test]
    fn ddl_gives_up_its_place_in_the_queue() {
        let of = Evidence {
            ddl_waits: vec![DdlWait {
                role: "migration".to_owned(),
                queued: 12.0,
                longest_seconds: 40.0,
            }],
            ..evidence()
        };
        let told = proposes(&of, "lock_timeout", "5s");
        assert_eq!(
            told.statement.as_deref(),
            Some("ALTER ROLE \"migration\" SET lock_timeout = '5s';")
        );
        silent(
            &of,
            &[
                ("alone", &|of| of.ddl_waits[0].queued = 0.0),
                ("short", &|of| of.ddl_waits[0].longest_seconds = 5.0),
                ("set", &|of| set(of, "lock_timeout", "2000", "ms")),
            ],
        );
    }

    #[test]
    fn statements_that_run_away_end() {
        let of = Evidence {
            run_aways: vec![RunAway {
                role: "app".to_owned(),
                longest_ms: 600_000.0,
                p99_ms: 500.0,
                p999_ms: 2_000.0,
            }],
            ..evidence()
        };
        proposes(&of, "statement_timeout", "20s");
        silent(
            &of,
            &[
                ("usual", &|of| of.run_aways[0].longest_ms = 5_000.0),
                ("within the limit", &|of| {
                    of.run_aways[0].longest_ms = 19_000.0
                }),
                ("set", &|of| set(of, "statement_timeout", "10000", "ms")),
                ("unknown", &|of| of.run_aways[0].p99_ms = 0.0),
            ],
        );
    }
}
