//! The contract's LIMIT and batch_size: what a statement asks for at once.

use super::evidence::Evidence;
use super::load::{Inserts, RowLoad};
use super::proposal::{Proposal, Reason, Scope};
use super::setting::MIB;

/// A page of rows.
const PAGE: f64 = 1_000.0;
/// Least rows of a batch, if a mebibyte holds as many.
const MIN_BATCH: f64 = 100.0;

pub(super) fn propose(of: &Evidence) -> Vec<Proposal> {
    let pages = of.row_loads.iter().filter_map(page);
    pages.chain(of.inserts.iter().filter_map(batch)).collect()
}

fn page(told: &RowLoad) -> Option<Proposal> {
    let taken = told.rows_taken?;
    if told.rows_per_call <= PAGE || taken >= 0.5 * told.rows_per_call {
        return None;
    }
    let proposed = taken.clamp(1.0, PAGE).ceil();
    let reason = Reason {
        evidence: format!(
            "a call gives {:.0} rows, of which the client takes {taken:.0}",
            told.rows_per_call
        ),
        risk: "the client sees a page instead of all rows",
        measured_by: "rows/call",
    };
    let proposal = Proposal {
        undo: "the statement as it was".to_owned(),
        ..Proposal::new(
            "LIMIT",
            None,
            format!("{proposed:.0}"),
            Scope::Statement,
            reason,
        )
    };
    Some(proposal.for_families(vec![told.fingerprint]))
}

fn batch(told: &Inserts) -> Option<Proposal> {
    let fits = MIB / told.row_bytes.filter(|bytes| *bytes > 0.0)?;
    let proposed = fits.clamp(1.0, 1_000.0).floor();
    let commits = told.commits_per_second / told.calls_per_second;
    if told.calls_per_second <= 100.0 || commits < 0.8 || proposed < 2.0 {
        return None;
    }
    let proposed = if proposed > MIN_BATCH {
        (proposed / 100.0).floor() * 100.0
    } else {
        proposed
    };
    let reason = Reason {
        evidence: format!(
            "{:.0} inserts of one row and {:.0} commits a second",
            told.calls_per_second, told.commits_per_second
        ),
        risk: "a row waits for its batch; a failure takes back all of it",
        measured_by: "calls and commits a second",
    };
    let current = Some("1".to_owned());
    let proposal = Proposal {
        current,
        undo: "one row a statement".to_owned(),
        ..Proposal::new(
            "batch_size",
            None,
            format!("{proposed:.0}"),
            Scope::Statement,
            reason,
        )
    };
    Some(proposal.for_families(vec![told.fingerprint]))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{evidence, proposes, silent};
    use super::*;

    #[test]
    fn rows_that_nobody_takes_are_not_asked_for() {
        let of = Evidence {
            row_loads: vec![RowLoad {
                fingerprint: 4,
                rows_per_call: 50_000.0,
                rows_taken: Some(20.0),
            }],
            ..evidence()
        };
        assert_eq!(proposes(&of, "LIMIT", "20").fingerprints, [4]);
        let mut many = of.clone();
        many.row_loads[0].rows_taken = Some(5_000.0);
        proposes(&many, "LIMIT", "1000");
        silent(
            &of,
            &[
                ("few", &|of| of.row_loads[0].rows_per_call = 1_000.0),
                ("taken", &|of| of.row_loads[0].rows_taken = Some(50_000.0)),
                ("unknown", &|of| of.row_loads[0].rows_taken = None),
            ],
        );
    }

    #[test]
    fn single_rows_go_in_batches_of_a_mebibyte() {
        let of = Evidence {
            inserts: vec![Inserts {
                fingerprint: 5,
                calls_per_second: 500.0,
                commits_per_second: 500.0,
                row_bytes: Some(200.0),
            }],
            ..evidence()
        };
        let told = proposes(&of, "batch_size", "1000");
        assert_eq!(
            (told.current.as_deref(), told.fingerprints),
            (Some("1"), vec![5])
        );
        let mut wide = of.clone();
        wide.inserts[0].row_bytes = Some(4_096.0);
        proposes(&wide, "batch_size", "200");
        wide.inserts[0].row_bytes = Some(MIB / 20.0);
        proposes(&wide, "batch_size", "20");
        silent(
            &of,
            &[
                ("slow", &|of| of.inserts[0].calls_per_second = 100.0),
                ("one transaction", &|of| {
                    of.inserts[0].commits_per_second = 5.0
                }),
                ("huge rows", &|of| of.inserts[0].row_bytes = Some(MIB)),
                ("unknown rows", &|of| of.inserts[0].row_bytes = None),
            ],
        );
    }
}
