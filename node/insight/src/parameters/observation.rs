//! Switches that let a server tell what the other proposals need.

use super::evidence::Evidence;
use super::proposal::{Proposal, Reason, Scope};
use crate::words::count;

/// A switch that is off, with what is not seen without it.
struct Switch {
    name: &'static str,
    off: &'static str,
    on: &'static str,
    hidden: &'static str,
}

const SWITCHES: [Switch; 4] = [
    Switch {
        name: "track_io_timing",
        off: "off",
        on: "on",
        hidden: "0 reads have a time",
    },
    Switch {
        name: "compute_query_id",
        off: "off",
        on: "on",
        hidden: "0 sessions tell which statement they run",
    },
    Switch {
        name: "log_lock_waits",
        off: "off",
        on: "on",
        hidden: "0 waits for locks are logged with their holders",
    },
    Switch {
        name: "log_temp_files",
        off: "-1",
        on: "10MB",
        hidden: "0 temporary files are logged with their statements",
    },
];

pub(super) fn propose(of: &Evidence) -> Vec<Proposal> {
    let switches = SWITCHES.iter().filter_map(|switch| turned(of, switch));
    switches.chain(entries(of)).collect()
}

fn turned(of: &Evidence, switch: &Switch) -> Option<Proposal> {
    let current = of.setting(switch.name)?;
    if current.value != switch.off {
        return None;
    }
    let reason = Reason {
        evidence: format!("{} = {}: {}", switch.name, current.value, switch.hidden),
        risk: "small: a call of the clock, or lines in the log",
        measured_by: "the gap in what is told is closed",
    };
    Proposal::server(of, Scope::Reload, switch.name, switch.on.to_owned(), reason)
}

/// Room for twice the statements, if some were given up. It takes a restart.
fn entries(of: &Evidence) -> Option<Proposal> {
    let given_up = of.statements_given_up.filter(|count| *count > 0.0)?;
    let name = "pg_stat_statements.max";
    let current = of.setting(name)?.number()?;
    let reason = Reason {
        evidence: format!(
            "pg_stat_statements gave up statements {} for want of room for more than {current:.0}",
            count(given_up, "time", "times")
        ),
        risk: "a restart; a few MiB of shared memory",
        measured_by: "dealloc stays as it is",
    };
    let value = format!("{:.0}", 2.0 * current);
    Proposal::server(of, Scope::Restart, name, value, reason)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{evidence, proposes, set, silent, unset};
    use super::*;

    #[test]
    fn switches_that_are_off_are_told() {
        for (name, off, unit, on) in [
            ("track_io_timing", "off", "", "on"),
            ("compute_query_id", "off", "", "on"),
            ("log_lock_waits", "off", "", "on"),
            ("log_temp_files", "-1", "kB", "10MB"),
        ] {
            let mut of = evidence();
            set(&mut of, name, off, unit);
            assert_eq!(proposes(&of, name, on).scope, Scope::Reload);
            silent(&of, &[("unknown", &|of| unset(of, name))]);
        }
    }

    #[test]
    fn statements_that_are_given_up_get_room() {
        let of = Evidence {
            statements_given_up: Some(3.0),
            ..evidence()
        };
        assert_eq!(
            proposes(&of, "pg_stat_statements.max", "10000").scope,
            Scope::Restart
        );
        silent(
            &of,
            &[
                ("none", &|of| of.statements_given_up = Some(0.0)),
                ("unknown", &|of| of.statements_given_up = None),
                ("unknown setting", &|of| unset(of, "pg_stat_statements.max")),
            ],
        );
    }
}
