//! What the server does beside its sessions' statements: vacuum, checkpoints, standbys, the disk.

use super::Line;
use crate::words::{duration, figure};

/// Seconds that a standby has to replay behind to be spoken of.
const MIN_LAG: f64 = 10.0;
/// Requested checkpoints in ten minutes that are spoken of.
const MIN_REQUESTED: f64 = 2.0;
/// Blocks that have to be read in a minute for a time of reads to mean something.
const MIN_BLOCKS: f64 = 100.0;
/// Factor by which reads have to take longer than usual.
const SLOWER_READS: f64 = 2.0;
/// Vacuums that are told, the longest first.
const MAX_VACUUMS: usize = 3;

/// What goes on beside the sessions' statements in the window.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Beside {
    /// Commands of VACUUM that ran.
    pub vacuums: Vec<Vacuum>,
    /// Whether autovacuum runs to prevent wraparound: then it does not give way to locks.
    pub prevents_wraparound: bool,
    /// Checkpoints that were requested, by the amount of WAL or by somebody, and minutes in which.
    pub requested_checkpoints: Option<(f64, f64)>,
    /// Standbys.
    pub standbys: Vec<Standby>,
    /// Reads from the disk or the system's cache now.
    pub reads: Option<Reads>,
    /// Reads in the time that is compared with.
    pub usual_reads: Option<Reads>,
}

/// A VACUUM that was seen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Vacuum {
    /// The table with its schema, or its number.
    pub relation: String,
    /// Its database.
    pub database: String,
    /// What it did last.
    pub phase: String,
    /// Seconds for which it has been seen, at least.
    pub seconds: f64,
}

/// A standby.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Standby {
    /// Its `application_name`.
    pub name: String,
    /// Seconds that it replays behind; the greatest of the window.
    pub replay_lag: f64,
    /// Whether commits wait for it.
    pub is_synchronous: bool,
}

/// Blocks that were read.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Reads {
    /// Milliseconds a block, as `track_io_timing` measures.
    pub ms: f64,
    /// Blocks a minute.
    pub per_minute: f64,
}

/// What is worth a line. What does not matter to a load as usual is not told.
pub(super) fn lines(beside: &Beside, is_slower: bool) -> Vec<Line> {
    let mut texts: Vec<String> = Vec::new();
    texts.extend(beside.standbys.iter().filter_map(standby));
    if is_slower {
        texts.extend(reads(beside));
        texts.extend(checkpoints(beside));
        texts.extend(vacuums(beside));
    }
    let line = |text| Line {
        kind: "beside",
        text,
        load: None,
        share: 0.0,
        root: None,
    };
    texts.into_iter().map(line).collect()
}

fn standby(of: &Standby) -> Option<String> {
    let waits = match of.is_synchronous {
        true => ": commits wait for it",
        false => ", and its readers see that much less",
    };
    let lag = duration(of.replay_lag);
    (of.replay_lag >= MIN_LAG).then(|| format!("Standby {} replays {lag} behind{waits}.", of.name))
}

fn reads(beside: &Beside) -> Option<String> {
    let (now, usual) = (beside.reads?, beside.usual_reads?);
    let are_known = now.per_minute >= MIN_BLOCKS && usual.ms > 0.0;
    let are_slower = now.ms >= SLOWER_READS * usual.ms;
    let megabytes = now.per_minute * 8_192.0 / 60.0 / 1e6;
    (are_known && are_slower).then(|| {
        format!(
            "A read of a block takes {} ms instead of {}; {} MB/s are read.",
            figure(now.ms),
            figure(usual.ms),
            figure(megabytes)
        )
    })
}

fn checkpoints(beside: &Beside) -> Option<String> {
    let (requested, minutes) = beside.requested_checkpoints?;
    let are_many = minutes > 0.0 && requested * 10.0 / minutes >= MIN_REQUESTED && requested >= 2.0;
    are_many.then(|| {
        format!(
            "{requested:.0} checkpoints were requested in {minutes:.0} min: WAL reaches \
             max_wal_size before checkpoint_timeout, or somebody asks for them."
        )
    })
}

fn vacuums(beside: &Beside) -> Vec<String> {
    let mut all: Vec<&Vacuum> = beside.vacuums.iter().collect();
    all.sort_by(|one, other| other.seconds.total_cmp(&one.seconds));
    let why = match beside.prevents_wraparound {
        true => "; autovacuum runs to prevent wraparound and does not give way to locks",
        false => "",
    };
    let told = all.into_iter().take(MAX_VACUUMS).map(|of| {
        format!(
            "VACUUM works on {} in {} ({}), seen for {}{why}.",
            of.relation,
            of.database,
            of.phase,
            duration(of.seconds)
        )
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(beside: &Beside, is_slower: bool) -> Vec<String> {
        lines(beside, is_slower)
            .into_iter()
            .map(|line| line.text)
            .collect()
    }

    fn reads(ms: f64) -> Option<Reads> {
        let per_minute = 6_000.0;
        Some(Reads { ms, per_minute })
    }

    #[test]
    fn what_goes_on_beside_is_told_with_its_figures() {
        let beside = Beside {
            vacuums: vec![Vacuum {
                relation: "public.orders".into(),
                database: "shop".into(),
                phase: "scanning heap".into(),
                seconds: 420.0,
            }],
            prevents_wraparound: true,
            requested_checkpoints: Some((5.0, 10.0)),
            standbys: vec![Standby {
                name: "db2".into(),
                replay_lag: 95.0,
                is_synchronous: true,
            }],
            reads: reads(4.0),
            usual_reads: reads(0.5),
        };
        assert_eq!(
            texts(&beside, true),
            [
                "Standby db2 replays 95 s behind: commits wait for it.",
                "A read of a block takes 4 ms instead of 0.5; 0.819 MB/s are read.",
                "5 checkpoints were requested in 10 min: WAL reaches max_wal_size before \
                 checkpoint_timeout, or somebody asks for them.",
                "VACUUM works on public.orders in shop (scanning heap), seen for 7 min; autovacuum \
                 runs to prevent wraparound and does not give way to locks.",
            ]
        );
        assert_eq!(texts(&beside, false).len(), 1, "only the standby");
    }

    #[test]
    fn what_is_as_usual_is_not_told() {
        let beside = Beside {
            requested_checkpoints: Some((1.0, 10.0)),
            standbys: vec![Standby {
                name: "db2".into(),
                replay_lag: 2.0,
                is_synchronous: false,
            }],
            reads: reads(0.9),
            usual_reads: reads(0.5),
            ..Beside::default()
        };
        assert_eq!(texts(&beside, true), [""; 0]);
    }
}
