//! max_wal_size, checkpoint_timeout, wal_compression.

use super::evidence::Evidence;
use super::load::Checkpoints;
use super::proposal::{Proposal, Reason, Scope};
use super::setting::{MIB, size};

/// Fewer checkpoints tell nothing.
const MIN_CHECKPOINTS: f64 = 5.0;
/// Share of full pages in WAL that is large.
const LARGE_FULL_PAGES: f64 = 0.4;

pub(super) fn propose(of: &Evidence) -> Vec<Proposal> {
    let Some(checkpoints) = of.checkpoints else {
        return Vec::new();
    };
    let all = [
        wal_size(of, checkpoints),
        timeout(of, checkpoints),
        compression(of, checkpoints),
    ];
    all.into_iter().flatten().collect()
}

fn wal_size(of: &Evidence, told: Checkpoints) -> Option<Proposal> {
    let all = told.timed + told.requested;
    let current = of.setting("max_wal_size")?.bytes()?;
    let proposed = (1.5 * told.wal_bytes_per_timeout? / MIB).ceil() * MIB;
    let requested = told.requested / all;
    if all < MIN_CHECKPOINTS || requested <= 0.2 || proposed <= current {
        return None;
    }
    let reason = Reason {
        evidence: format!(
            "{:.0} % of {all:.0} checkpoints came before their time, at {} of WAL a \
             checkpoint_timeout",
            requested * 100.0,
            size(told.wal_bytes_per_timeout?)
        ),
        risk: "recovery takes longer; WAL takes more disk",
        measured_by: "requested share of checkpoints",
    };
    Proposal::server(of, Scope::Reload, "max_wal_size", size(proposed), reason)
}

fn timeout(of: &Evidence, told: Checkpoints) -> Option<Proposal> {
    let share = told.full_page_share?;
    let current = of.setting("checkpoint_timeout")?.seconds()?;
    let is_timed = told.timed > told.requested && told.timed + told.requested >= MIN_CHECKPOINTS;
    if share <= LARGE_FULL_PAGES || !is_timed || current >= 900.0 {
        return None;
    }
    let reason = Reason {
        evidence: format!(
            "{:.0} % of WAL is full pages, which each checkpoint starts anew; checkpoints come by \
             time",
            share * 100.0
        ),
        risk: "recovery takes longer",
        measured_by: "share of full pages in WAL",
    };
    let value = "15min".to_owned();
    Proposal::server(of, Scope::Reload, "checkpoint_timeout", value, reason)
}

fn compression(of: &Evidence, told: Checkpoints) -> Option<Proposal> {
    let share = told.full_page_share?;
    let busy = of.server.cpu_busy?;
    let method = if of.server.major? < 15 { "on" } else { "lz4" };
    let is_on = of.setting("wal_compression")?.is_on() != Some(false);
    if share <= LARGE_FULL_PAGES || busy >= 0.6 || is_on {
        return None;
    }
    let reason = Reason {
        evidence: format!(
            "{:.0} % of WAL is full pages, and the processors are busy {:.0} %",
            share * 100.0,
            busy * 100.0
        ),
        risk: "processors; a server built without lz4 refuses it, then pglz",
        measured_by: "WAL/s",
    };
    Proposal::server(
        of,
        Scope::Reload,
        "wal_compression",
        method.to_owned(),
        reason,
    )
}

#[cfg(test)]
mod tests {
    use super::super::testing::{GIB, evidence, proposes, set, silent};
    use super::*;

    fn told(checkpoints: Checkpoints) -> Evidence {
        Evidence {
            checkpoints: Some(checkpoints),
            ..evidence()
        }
    }

    fn with(change: fn(&mut Checkpoints)) -> impl Fn(&mut Evidence) {
        move |of: &mut Evidence| change(of.checkpoints.as_mut().unwrap())
    }

    #[test]
    fn checkpoints_before_their_time_ask_for_wal() {
        let of = told(Checkpoints {
            timed: 50.0,
            requested: 50.0,
            wal_bytes_per_timeout: Some(8.0 * GIB),
            full_page_share: None,
        });
        let told = proposes(&of, "max_wal_size", "12288MB");
        assert_eq!(
            told.undo,
            "ALTER SYSTEM SET max_wal_size = '1024MB'; SELECT pg_reload_conf();"
        );
        silent(
            &of,
            &[
                ("timed", &with(|of| of.requested = 10.0)),
                ("few", &with(|of| (of.timed, of.requested) = (2.0, 2.0))),
                ("unknown WAL", &with(|of| of.wal_bytes_per_timeout = None)),
                (
                    "little WAL",
                    &with(|of| of.wal_bytes_per_timeout = Some(0.5 * GIB)),
                ),
            ],
        );
    }

    #[test]
    fn full_pages_ask_for_rarer_checkpoints() {
        let mut of = told(Checkpoints {
            timed: 50.0,
            requested: 1.0,
            wal_bytes_per_timeout: None,
            full_page_share: Some(0.5),
        });
        set(&mut of, "wal_compression", "lz4", "");
        proposes(&of, "checkpoint_timeout", "15min");
        silent(
            &of,
            &[
                ("few pages", &with(|of| of.full_page_share = Some(0.4))),
                ("requested", &with(|of| of.requested = 60.0)),
                ("set", &|of| set(of, "checkpoint_timeout", "900", "s")),
            ],
        );
    }

    #[test]
    fn full_pages_are_compressed_where_processors_idle() {
        let mut of = told(Checkpoints {
            timed: 50.0,
            requested: 1.0,
            wal_bytes_per_timeout: None,
            full_page_share: Some(0.5),
        });
        set(&mut of, "checkpoint_timeout", "900", "s");
        proposes(&of, "wal_compression", "lz4");
        let mut old = of.clone();
        old.server.major = Some(14);
        proposes(&old, "wal_compression", "on");
        silent(
            &of,
            &[
                ("busy", &|of| of.server.cpu_busy = Some(0.6)),
                ("unknown load", &|of| of.server.cpu_busy = None),
                ("on", &|of| set(of, "wal_compression", "pglz", "")),
                ("few pages", &with(|of| of.full_page_share = Some(0.3))),
                ("unknown", &with(|of| of.full_page_share = None)),
            ],
        );
    }
}
