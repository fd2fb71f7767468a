//! Any bytes as messages of consensus, entries of the log, commands, and files of a state.

use std::path::Path;

use bytes::Bytes;
use openraft::raft::{AppendEntriesRequest, TransferLeaderRequest, VoteRequest};
use pga_config::NodeId;
use pga_storage::Position;
use pga_storage::log::LogEntry;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::entry_codec::{from_disk, to_disk};
use super::payload::Payload;
use super::snapshot::{Meta, parse_state, write_state_file};
use super::type_config::{Entry, LogId, TypeConfig, Vote};
use crate::command::{Command, ControlCommand};
use crate::feature_level::FeatureLevel;
use crate::fuzz_engine::{Campaign, Dice, corpus, hash};
use crate::membership::change::Change;
use crate::node::NodeStatus;
use crate::pki::JoinRequest;
use crate::proposal_id::{ProposalId, UploadId};
use crate::state::{State, StateLimits};
use crate::{Member, Reply};

/// The first byte says what the rest is read as.
fn message(input: &[u8]) -> u64 {
    let Some((&kind, bytes)) = input.split_first() else {
        return 0;
    };
    let outcome = match kind % 12 {
        0 => again::<AppendEntriesRequest<TypeConfig>>(bytes),
        1 => again::<VoteRequest<TypeConfig>>(bytes),
        2 => again::<TransferLeaderRequest<TypeConfig>>(bytes),
        3 => again::<(Vote, Meta)>(bytes),
        4 => again::<NodeStatus>(bytes),
        5 => again::<Change>(bytes),
        6 => again::<JoinRequest>(bytes),
        7 => again::<Reply>(bytes),
        8 => command(bytes),
        _ => entry(bytes),
    };
    hash(&(kind % 12, outcome))
}

/// What is understood means the same when it is written again.
fn again<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> u64 {
    match pga_storage::from_msgpack::<T>(bytes) {
        Ok(value) => {
            let first = rmp_serde::to_vec(&value).unwrap();
            let value: T = pga_storage::from_msgpack(&first).unwrap();
            assert_eq!(rmp_serde::to_vec(&value).unwrap(), first);
            hash(&first.len().min(64))
        }
        Err(error) => hash(&error.to_string().split(char::is_numeric).next()),
    }
}

fn command(bytes: &[u8]) -> u64 {
    match Command::decode(Bytes::copy_from_slice(bytes)) {
        Ok((id, command)) => {
            let encoded = command.encode(id).unwrap();
            let (same, back) = Command::decode(encoded).unwrap();
            assert!(same == id && back == command, "{command:?} became {back:?}");
            hash(&std::mem::discriminant(&command))
        }
        Err(_) => 0,
    }
}

fn entry(bytes: &[u8]) -> u64 {
    let stored = LogEntry {
        index: 7,
        term: 3,
        payload: Bytes::copy_from_slice(bytes),
    };
    match from_disk(stored) {
        Ok(entry) => {
            let shape = hash(&std::mem::discriminant(&entry.payload));
            if let Ok(stored) = to_disk(entry.clone()) {
                assert_eq!(from_disk(stored).unwrap(), entry);
            }
            shape
        }
        Err(_) => 0,
    }
}

/// The file of a state: whole and right, or an error; equal states have equal bytes.
fn state(input: &[u8]) -> u64 {
    let limits = StateLimits::default();
    let (meta, bytes) = match parse_state(Path::new("state.bin"), input.to_vec()) {
        Ok(parsed) => parsed,
        Err(error) => return hash(&error.to_string().split(char::is_numeric).next()),
    };
    let (body, crc) = (&input[16..], &input[12..16]);
    assert_eq!(
        crc32c::crc32c(body).to_le_bytes(),
        crc,
        "a wrong checksum was taken"
    );
    let mut state = match State::from_bytes(&bytes, limits) {
        Ok(state) => state,
        Err(error) => return hash(&error.to_string().split(char::is_numeric).next()),
    };
    let first = state.to_bytes().unwrap();
    let mut twin = State::from_bytes(&first, limits).unwrap();
    assert_eq!(
        twin.to_bytes().unwrap(),
        first,
        "the bytes of a state change by reading them"
    );
    // It goes on working, and two equal states go on alike (SM-1).
    let (_, next) = Command::decode(Bytes::from_static(include_bytes!(
        "../../tests/golden/command/v1/flushed.bin"
    )))
    .unwrap();
    let at = Position::new(
        state.applied().term,
        state.applied().index.saturating_add(1),
    );
    for next in [
        next,
        Command::AbortUpload {
            upload: UploadId(5),
        },
    ] {
        let id = ProposalId(u128::MAX);
        state.apply(at, id, &next);
        twin.apply(at, id, &next);
    }
    assert_eq!(
        state.to_bytes().unwrap(),
        twin.to_bytes().unwrap(),
        "equal states part"
    );
    hash(&(
        meta.last_log_id.is_some(),
        state.users().len().min(3),
        state.collectors().len().min(3),
        state.dedup_keys().min(8),
        state.open_uploads().count().min(3),
    ))
}

/// Makes length and checksum of the file right.
#[expect(clippy::ptr_arg, reason = "as a campaign wants it")]
fn repair_state(input: &mut Vec<u8>, dice: &mut Dice) {
    if input.len() < 20 {
        return;
    }
    input[..12].copy_from_slice(b"PGASNAP1\x01\0\0\0");
    if dice.once_in(2) {
        let meta = (&input[16..20]).try_into().map_or(0, u32::from_le_bytes) as usize;
        let meta = meta.min(input.len() - 20) as u32;
        input[16..20].copy_from_slice(&meta.to_le_bytes());
    }
    let crc = crc32c::crc32c(&input[16..]);
    input[12..16].copy_from_slice(&crc.to_le_bytes());
}

fn member(id: u64) -> Member {
    Member {
        node: NodeId::new(id),
        quic: format!("127.0.0.1:{}", 7_080 + id),
        http: format!("http://127.0.0.1:{}", 8_080 + id),
    }
}

fn membership() -> openraft::Membership<u64, Member> {
    let voters = std::collections::BTreeSet::from([1, 2]);
    let nodes: std::collections::BTreeMap<u64, Member> =
        (1..4).map(|id| (id, member(id))).collect();
    openraft::Membership::new(vec![voters], nodes).unwrap()
}

fn entries() -> Vec<Entry> {
    let command = Command::Ingest(vec![Bytes::from_static(b"a record"), Bytes::new()]);
    [
        openraft::EntryPayload::Blank,
        openraft::EntryPayload::Membership(membership()),
        openraft::EntryPayload::Normal(Payload(command.encode(ProposalId(4)).unwrap())),
    ]
    .into_iter()
    .zip(0..)
    .map(|(payload, index)| Entry {
        log_id: LogId::new_term_index(2, index),
        payload,
    })
    .collect()
}

fn messages() -> Vec<(&'static str, Vec<u8>)> {
    fn made(kind: u8, value: &impl Serialize) -> Vec<u8> {
        [vec![kind], rmp_serde::to_vec(value).unwrap()].concat()
    }
    let last = Some(LogId::new_term_index(2, 2));
    let append = AppendEntriesRequest::<TypeConfig> {
        vote: Vote::new_committed(2, 1),
        prev_log_id: last,
        entries: entries(),
        leader_commit: last,
    };
    let vote = VoteRequest::<TypeConfig>::new(Vote::new(3, 2), last);
    let transfer = TransferLeaderRequest::<TypeConfig>::new(Vote::new_committed(2, 1), 3, last);
    let lead = Command::Control(ControlCommand::RetireNode {
        node: NodeId::new(9),
    });
    let mut all = vec![
        ("append", made(0, &append)),
        ("vote", made(1, &vote)),
        ("transfer", made(2, &transfer)),
        (
            "snapshot-header",
            made(3, &(Vote::new_committed(2, 1), meta())),
        ),
        ("add", made(5, &Change::Add(member(4)))),
        (
            "join",
            made(
                6,
                &JoinRequest {
                    quic: "a:1".into(),
                    http: "http://a".into(),
                    feature_level: FeatureLevel::BASE,
                },
            ),
        ),
        ("reply", made(7, &Reply::Done)),
        (
            "retire",
            [&[8], &lead.encode(ProposalId(1)).unwrap()[..]].concat(),
        ),
    ];
    for (name, entry) in ["entry-blank", "entry-membership", "entry-command"]
        .into_iter()
        .zip(entries())
    {
        all.push((name, [&[9], &to_disk(entry).unwrap().payload[..]].concat()));
    }
    // An unknown field, nested deeper than a stack is long.
    let nested = [&[0, 0x81, 0xa1, b'z'], &[0x91; 30_000][..], &[0xc0]].concat();
    all.push(("nested", nested));
    all.extend(commands());
    all
}

/// Commands of golden files.
fn commands() -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    let names = [
        "ingest",
        "upload-part",
        "commit-upload",
        "flushed",
        "control-add-user",
        "control-set-node",
        "raise-level",
    ];
    names.into_iter().map(|name| {
        let golden = format!(
            "{}/tests/golden/command/v1/{name}.bin",
            env!("CARGO_MANIFEST_DIR")
        );
        (name, [vec![8], std::fs::read(golden).unwrap()].concat())
    })
}

fn meta() -> Meta {
    Meta {
        last_log_id: Some(LogId::new_term_index(2, 6)),
        last_membership: openraft::StoredMembership::new(
            Some(LogId::new_term_index(1, 1)),
            membership(),
        ),
    }
}

fn states() -> Vec<(&'static str, Vec<u8>)> {
    let golden = |version: u32| {
        let root = env!("CARGO_MANIFEST_DIR");
        std::fs::read(format!("{root}/tests/golden/state/v{version}.bin")).unwrap()
    };
    let dir = tempfile::tempdir().unwrap();
    let made = |state: &[u8]| {
        let path = dir.path().join("state.bin");
        write_state_file(&path, &meta(), state).unwrap();
        std::fs::read(&path).unwrap()
    };
    vec![
        ("golden-v1", made(&golden(1))),
        ("golden-v2", made(&golden(2))),
        ("golden-v3", made(&golden(3))),
        (
            "empty",
            made(&State::new(StateLimits::default()).to_bytes().unwrap()),
        ),
        ("no-state", made(b"")),
    ]
}

#[test]
fn any_bytes_as_messages() {
    let campaign = Campaign {
        corpus: corpus(env!("CARGO_MANIFEST_DIR"), "messages"),
        iterations: 40_000,
        repair: |_, _| {},
        // serde reserves up to 1 MiB for a sequence before its items are there.
        memory: |input| (3 << 20) + 64 * input.len() as u64,
        target: message,
    };
    campaign.run(messages());
}

#[test]
fn any_bytes_as_a_state() {
    let campaign = Campaign {
        corpus: corpus(env!("CARGO_MANIFEST_DIR"), "state"),
        iterations: 10_000,
        repair: repair_state,
        memory: |input| (3 << 20) + 64 * input.len() as u64,
        target: state,
    };
    campaign.run(states());
}
