//! Random logs: determinism, and deduplication against a naive model.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Push(u8, Vec<u64>),
    Named(u8, u8, Vec<u64>),
    Part(u8, u32, Vec<u64>),
    Commit(u8, u32),
    Abort(u8),
    Limit(u64),
    Again,
}

fn keys() -> impl Strategy<Value = Vec<u64>> {
    prop::collection::vec(0..30u64, 0..8)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3u8, keys()).prop_map(|(c, k)| Step::Push(c, k)),
        1 => (0..3u8, 0..4u8, keys()).prop_map(|(c, n, k)| Step::Named(c, n, k)),
        3 => (0..3u8, 0..3u32, keys()).prop_map(|(u, p, k)| Step::Part(u, p, k)),
        2 => (0..3u8, 1..4u32).prop_map(|(u, p)| Step::Commit(u, p)),
        1 => (0..3u8).prop_map(Step::Abort),
        1 => (1..4u64).prop_map(Step::Limit),
        1 => Just(Step::Again),
    ]
}

fn command(step: &Step, at: i64) -> Option<Command> {
    let upload = |u: u8| UploadId(u128::from(u));
    Some(match step {
        Step::Push(c, keys) => Command::Ingest(vec![record(*c, at, keys, None)]),
        Step::Named(c, n, keys) => {
            let digest = keys.iter().fold(1, |a: u64, k| a.wrapping_mul(31) ^ k);
            Command::Ingest(vec![record(*c, at, keys, Some((&n.to_string(), digest)))])
        }
        Step::Part(u, part, keys) => Command::UploadPart {
            upload: upload(*u),
            part: *part,
            record: record(*u, at, keys, None),
        },
        Step::Commit(u, parts) => Command::CommitUpload {
            upload: upload(*u),
            parts: *parts,
        },
        Step::Abort(u) => Command::AbortUpload { upload: upload(*u) },
        Step::Limit(max) => Command::Control(ControlCommand::LimitCollectors { max: *max }),
        Step::Again => return None,
    })
}

/// Runs steps; a repeated proposal is the one before it.
fn run(state: &mut State, steps: &[Step], from: usize) -> Vec<Applied> {
    let mut out = Vec::new();
    let mut last = None;
    for (n, step) in steps.iter().enumerate() {
        let index = (from + n + 1) as u64;
        let next =
            command(step, index as i64).map(|command| (ProposalId(u128::from(index)), command));
        last = next.or(last);
        match &last {
            Some((id, command)) => out.push(state.apply(Position::new(1, index), *id, command)),
            None => state.skip(Position::new(1, index)),
        }
    }
    out
}

proptest! {
    #[test]
    fn equal_logs_give_equal_states_through_snapshots(
        first in prop::collection::vec(step(), 0..60),
        second in prop::collection::vec(step(), 0..60),
        per_collector in 1..40usize,
        total in 1..60usize,
    ) {
        let limits = StateLimits {
            keys_per_collector: per_collector,
            keys_total: total,
            key_age_seconds: 50,
            idempotency_keys: 3,
            recent_outcomes: 10,
        };
        // A repeated proposal must not reach over the cut: it would need the command from before.
        let second: Vec<Step> = second.into_iter().skip_while(|s| matches!(s, Step::Again)).collect();
        let (mut a, mut b) = (State::new(limits), State::new(limits));
        prop_assert_eq!(run(&mut a, &first, 0), run(&mut b, &first, 0));
        let bytes = a.to_bytes().unwrap();
        prop_assert_eq!(&bytes, &b.to_bytes().unwrap());
        let mut restored = State::from_bytes(&bytes, limits).unwrap();
        prop_assert_eq!(&restored.to_bytes().unwrap(), &bytes);
        let want = run(&mut a, &second, first.len());
        prop_assert_eq!(run(&mut restored, &second, first.len()), want);
        prop_assert_eq!(restored.to_bytes().unwrap(), a.to_bytes().unwrap());
        prop_assert!(a.dedup_keys() <= total.max(per_collector));
    }

    #[test]
    fn each_element_is_stored_once_and_uploads_are_all_or_nothing(
        steps in prop::collection::vec(step(), 0..120),
    ) {
        let mut state = State::new(StateLimits::default());
        let applied = run(&mut state, &steps, 0);
        // What a flusher would store: staged parts count with their commit only.
        let mut staged = std::collections::BTreeMap::new();
        let mut stored = BTreeSet::new();
        let mut acknowledged = BTreeSet::new();
        let mut index = steps.len() as u64 - applied.len() as u64;
        for applied in applied {
            index += 1;
            let mut pushed = Vec::new();
            match applied.effect {
                Some(Effect::Pushes(pushes)) => pushed = pushes,
                Some(Effect::Staged(record)) => { staged.insert(index, record); }
                Some(Effect::Commit(parts)) => {
                    for (at, new) in parts {
                        pushed.push((staged.remove(&at).unwrap(), new));
                    }
                }
                Some(Effect::Abort(parts)) => {
                    for at in parts {
                        prop_assert!(staged.remove(&at).is_some());
                    }
                }
                None => {}
            }
            let mut new_here = 0;
            for (record, new) in pushed {
                let record = PushRecord::decode(&record).unwrap();
                prop_assert_eq!(record.keys.len(), new.len());
                for (key, _) in record.keys.iter().zip(new).filter(|(_, new)| *new) {
                    prop_assert!(stored.insert((record.collector, *key)), "stored twice");
                    new_here += 1;
                }
            }
            if let Reply::Ingested(outcomes) = &applied.reply {
                for outcome in outcomes {
                    if let PushOutcome::Stored { position, accepted, .. } = outcome
                        && acknowledged.insert(*position)
                    {
                        prop_assert_eq!(*accepted, new_here);
                    }
                }
            }
        }
    }

    #[test]
    fn what_was_acknowledged_is_stored(pushes in prop::collection::vec((0..3u8, keys()), 0..80)) {
        let mut log = Log::new(StateLimits::default());
        let (mut model, mut stored) = (BTreeSet::new(), BTreeSet::new());
        for (collector, keys) in pushes {
            let (_, effect) = log.push(record(collector, 1, &keys, None));
            model.extend(keys.iter().map(|key| (collector, *key)));
            if let Some(Effect::Pushes(pushes)) = effect {
                for (record, new) in pushes {
                    let record = PushRecord::decode(&record).unwrap();
                    let new = record.keys.iter().zip(new).filter(|(_, new)| *new);
                    stored.extend(new.map(|(key, _)| (collector, key.raw())));
                }
            }
        }
        prop_assert_eq!(stored, model);
    }
}
