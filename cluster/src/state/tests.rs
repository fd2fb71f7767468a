use pga_storage::{ContentKey, Idempotency, PushRecord};

use super::*;
use crate::command::ControlCommand;
use crate::feature_level::{FeatureLevel, Outdated};
use crate::outcome::PushOutcome;
use crate::proposal_id::UploadId;
use crate::state::NewUser;

mod model;

pub(super) fn record(collector: u8, at: i64, keys: &[u64], name: Option<(&str, u64)>) -> Bytes {
    let text = format!("collector-{collector}");
    let record = PushRecord {
        collector: CollectorId::from_external(&text),
        external_id: text,
        hostname: "host".into(),
        version: "1".into(),
        received_at: Timestamp::from_micros(at * 1_000_000),
        idempotency: name.map(|(key, digest)| Idempotency {
            key: key.into(),
            digest,
        }),
        keys: keys.iter().copied().map(ContentKey::from_raw).collect(),
        elements: Bytes::from_static(&[0]),
    };
    record.encode().into()
}

struct Log(State, u64);

impl Log {
    fn new(limits: StateLimits) -> Self {
        Self(State::new(limits), 0)
    }

    fn apply(&mut self, command: &Command) -> Applied {
        self.1 += 1;
        let position = Position::new(1, self.1);
        self.0
            .apply(position, ProposalId(u128::from(self.1)), command)
    }

    fn push(&mut self, record: Bytes) -> (PushOutcome, Option<Effect>) {
        let applied = self.apply(&Command::Ingest(vec![record]));
        match applied.reply {
            Reply::Ingested(outcomes) => (outcomes[0], applied.effect),
            other => panic!("{other:?}"),
        }
    }
}

fn stored(index: u64, accepted: u32, repeated: u32) -> PushOutcome {
    PushOutcome::Stored {
        position: Position::new(1, index),
        accepted,
        repeated,
    }
}

#[test]
fn a_repeated_element_is_acknowledged_and_not_stored_again() {
    let mut log = Log::new(StateLimits::default());
    assert_eq!(log.push(record(1, 10, &[1, 2], None)).0, stored(1, 2, 0));
    let bigger = record(1, 11, &[1, 2, 3, 3], None);
    let (outcome, effect) = log.push(bigger.clone());
    assert_eq!(outcome, stored(2, 1, 3));
    let want = Effect::Pushes(vec![(bigger, vec![false, false, true, false])]);
    assert_eq!(effect, Some(want));
    assert_eq!(
        log.push(record(1, 12, &[1, 2, 3], None)),
        (stored(3, 0, 3), None)
    );
    assert_eq!(
        log.push(record(2, 12, &[1], None)).0,
        stored(4, 1, 0),
        "another collector"
    );
    let collector = log
        .0
        .collector(CollectorId::from_external("collector-1"))
        .unwrap();
    assert_eq!(
        (collector.pushes, collector.accepted, collector.repeated),
        (3, 3, 6)
    );
}

#[test]
fn the_second_copy_of_a_proposal_answers_as_the_first() {
    let mut state = State::new(StateLimits::default());
    let command = Command::Ingest(vec![record(1, 10, &[1, 2], None)]);
    let first = state.apply(Position::new(1, 1), ProposalId(9), &command);
    let mut state = State::from_bytes(&state.to_bytes().unwrap(), StateLimits::default()).unwrap();
    let second = state.apply(Position::new(2, 2), ProposalId(9), &command);
    assert_eq!(second.reply, first.reply);
    assert_eq!(second.effect, None);
    assert_eq!(state.applied(), Position::new(2, 2));
}

#[test]
fn windows_forget_by_count_by_age_and_in_total() {
    let limits = StateLimits {
        keys_per_collector: 3,
        keys_total: 5,
        key_age_seconds: 100,
        ..StateLimits::default()
    };
    let mut log = Log::new(limits);
    log.push(record(1, 10, &[1, 2, 3, 4], None));
    assert_eq!(
        log.push(record(1, 10, &[4, 1], None)).0,
        stored(2, 1, 1),
        "1 was pushed out"
    );
    assert_eq!(log.0.dedup_keys(), 3);
    log.push(record(2, 11, &[1, 2, 3], None));
    assert!(log.0.dedup_keys() <= 5, "{}", log.0.dedup_keys());
    assert_eq!(log.push(record(2, 112, &[9], None)).0, stored(4, 1, 0));
    assert_eq!(log.0.dedup_keys(), 1, "all others are too old");
}

#[test]
fn an_idempotency_key_replays_its_answer_or_conflicts() {
    let mut log = Log::new(StateLimits::default());
    let named = |keys: &[u64], digest| record(1, 10, keys, Some(("name", digest)));
    assert_eq!(log.push(named(&[1], 7)).0, stored(1, 1, 0));
    assert_eq!(log.push(named(&[1], 7)), (stored(1, 1, 0), None));
    assert_eq!(log.push(named(&[2], 8)), (PushOutcome::Conflict, None));
    assert_eq!(
        log.push(record(1, 10, &[2], None)).0,
        stored(4, 1, 0),
        "the conflict had no effect"
    );
}

#[test]
fn an_upload_takes_effect_with_its_commit_and_holds_the_flush_back() {
    let mut log = Log::new(StateLimits::default());
    log.push(record(2, 10, &[1], None));
    let upload = UploadId(5);
    for part in 0..3u32 {
        let record = record(1, 10, &[u64::from(part), 100], None);
        let applied = log.apply(&Command::UploadPart {
            upload,
            part,
            record: record.clone(),
        });
        assert_eq!(applied.effect, Some(Effect::Staged(record)));
    }
    assert_eq!(log.push(record(1, 10, &[1], None)).0, stored(5, 1, 0));
    assert_eq!(log.0.flushable(), Position::new(1, 1));
    let applied = log.apply(&Command::CommitUpload { upload, parts: 3 });
    assert_eq!(applied.reply, Reply::Ingested(vec![stored(6, 3, 3)]));
    let want = vec![
        (2, vec![true, true]),
        (3, vec![false, false]),
        (4, vec![true, false]),
    ];
    assert_eq!(applied.effect, Some(Effect::Commit(want)));
    assert_eq!(log.0.flushable(), Position::new(1, 6));
}

#[test]
fn an_incomplete_upload_has_no_effect() {
    let mut log = Log::new(StateLimits::default());
    let part = |upload, part| Command::UploadPart {
        upload: UploadId(upload),
        part,
        record: record(1, 10, &[u64::from(part)], None),
    };
    log.apply(&part(5, 0));
    log.apply(&part(5, 2));
    let applied = log.apply(&Command::CommitUpload {
        upload: UploadId(5),
        parts: 3,
    });
    assert_eq!(applied.reply, Reply::Refused(Refusal::UploadIncomplete));
    assert_eq!(applied.effect, Some(Effect::Abort(vec![1, 2])));
    assert_eq!(log.push(record(1, 10, &[0, 2], None)).0, stored(4, 2, 0));
    log.apply(&part(6, 0));
    let applied = log.apply(&Command::AbortUpload {
        upload: UploadId(6),
    });
    assert_eq!(applied.effect, Some(Effect::Abort(vec![5])));
    log.apply(&part(7, 0));
    assert_eq!(log.0.flushable(), Position::new(1, 6));
    log.apply(&Command::AbortUpload {
        upload: UploadId(7),
    });
    assert_eq!(log.0.open_uploads().count(), 0);
    assert_eq!(log.0.flushable(), Position::new(1, 8));
    let late = log.apply(&part(7, 1));
    assert_eq!(late.reply, Reply::Refused(Refusal::UploadIncomplete));
}

#[test]
fn node_ids_are_never_reused_and_tokens_work_once() {
    let mut log = Log::new(StateLimits::default());
    let at = Timestamp::from_micros(1);
    log.0
        .set_members(Position::new(1, 0), [1, 2, 3].map(NodeId::new));
    let control = |control| Command::Control(control);
    let token = |byte, expires| {
        control(ControlCommand::AddJoinToken {
            certificate_sha256: [byte; 32],
            expires_at: Timestamp::from_micros(expires),
            at,
        })
    };
    let spend = |byte, at| {
        control(ControlCommand::UseJoinToken {
            certificate_sha256: [byte; 32],
            quic: "q".into(),
            http: "h".into(),
            at: Timestamp::from_micros(at),
        })
    };
    log.apply(&token(1, 100));
    log.apply(&token(2, 100));
    assert_eq!(
        log.apply(&spend(1, 50)).reply,
        Reply::NodeId(NodeId::new(4))
    );
    assert_eq!(
        log.apply(&spend(1, 50)).reply,
        Reply::Refused(Refusal::BadToken)
    );
    let retire = ControlCommand::RetireNode {
        node: NodeId::new(4),
    };
    log.apply(&control(retire));
    let back = ControlCommand::SetNode {
        node: NodeId::new(4),
        quic: "q".into(),
        http: "h".into(),
    };
    assert_eq!(
        log.apply(&control(back)).reply,
        Reply::Refused(Refusal::Retired)
    );
    assert_eq!(
        log.apply(&spend(2, 50)).reply,
        Reply::NodeId(NodeId::new(5))
    );
    log.apply(&token(3, 100));
    assert_eq!(
        log.apply(&spend(3, 100)).reply,
        Reply::Refused(Refusal::BadToken),
        "expired"
    );
}

#[test]
fn bootstrap_happens_once() {
    let mut log = Log::new(StateLimits::default());
    let admin = NewUser {
        username: "admin".into(),
        email: "a@b".into(),
        role: "admin".into(),
        password_hash: "x".into(),
    };
    let at = Timestamp::from_micros(1);
    let bootstrap = Command::Control(ControlCommand::Bootstrap {
        token_key: Bytes::from_static(b"t"),
        ca_key: Bytes::from_static(b"c"),
        admin: admin.clone(),
        registration_secret_hash: [7; 32],
        at,
    });
    assert_eq!(log.apply(&bootstrap).reply, Reply::Done);
    let again = log.apply(&bootstrap).reply;
    assert_eq!(again, Reply::Refused(Refusal::AlreadyBootstrapped));
    let taken = log.apply(&Command::Control(ControlCommand::AddUser {
        user: admin,
        at,
    }));
    assert_eq!(taken.reply, Reply::Refused(Refusal::Taken));
    assert_eq!(log.0.user("admin").unwrap().id, 1);
    assert_eq!(log.0.token_key().unwrap(), &Bytes::from_static(b"t"));
}

#[test]
fn a_newer_or_damaged_state_is_an_error() {
    let mut log = Log::new(StateLimits::default());
    log.push(record(1, 10, &[1, 2], Some(("k", 1))));
    let bytes = log.0.to_bytes().unwrap();
    assert!(State::from_bytes(&bytes[..bytes.len() - 1], StateLimits::default()).is_err());
    for (_, state, ..) in formats() {
        let whole = state.to_bytes().unwrap();
        assert!(State::from_bytes(&whole[..whole.len() - 1], StateLimits::default()).is_err());
    }
    let mut newer = bytes;
    newer[0] = 4;
    let error = State::from_bytes(&newer, StateLimits::default()).unwrap_err();
    let newer = Outdated::Format { found: 4, known: 3 };
    assert!(matches!(error, ImageError::Outdated(found) if found == newer));
}

/// A state with something of everything.
fn sample() -> State {
    let mut log = Log::new(StateLimits::default());
    log.0
        .set_members(Position::new(1, 0), [1, 2, 3].map(NodeId::new));
    let at = Timestamp::from_micros(1);
    log.apply(&Command::Control(ControlCommand::Bootstrap {
        token_key: Bytes::from_static(b"token"),
        ca_key: Bytes::from_static(b"ca"),
        admin: NewUser {
            username: "admin".into(),
            email: "a@b".into(),
            role: "admin".into(),
            password_hash: "x".into(),
        },
        registration_secret_hash: [7; 32],
        at,
    }));
    log.apply(&Command::Control(ControlCommand::AddJoinToken {
        certificate_sha256: [1; 32],
        expires_at: Timestamp::from_micros(100),
        at,
    }));
    log.apply(&Command::Control(ControlCommand::SetNode {
        node: NodeId::new(2),
        quic: "q".into(),
        http: "h".into(),
    }));
    log.apply(&Command::Control(ControlCommand::RetireNode {
        node: NodeId::new(9),
    }));
    log.apply(&Command::Control(ControlCommand::RegisterCollector {
        collector: CollectorId::from_external("collector-2"),
        name: "two".into(),
        hostname: "host".into(),
        address: None,
        version: Some("1".into()),
        certificate_sha256: [2; 32],
        at,
    }));
    log.push(record(1, 10, &[1, 2], Some(("name", 7))));
    log.apply(&Command::UploadPart {
        upload: UploadId(5),
        part: 0,
        record: record(1, 11, &[3], None),
    });
    let position = Position::new(1, 6);
    log.apply(&Command::Flushed { position });
    log.0
}

/// States of each format, the newest last: what they say of the limit of collectors, and of the
/// level.
fn formats() -> Vec<(u8, State, Option<u64>, u32)> {
    let raised = |commands: &[Command]| {
        let mut state = sample();
        for (command, n) in commands.iter().zip(1..) {
            let at = Position::new(1, state.applied().index + 1);
            state.apply(at, ProposalId(99 + n), command);
        }
        state
    };
    let limit = Command::Control(ControlCommand::LimitCollectors { max: 7 });
    let raise = Command::RaiseLevel {
        level: FeatureLevel::SECTIONS,
        since: "3.0.0".into(),
    };
    vec![
        (1, sample(), None, 0),
        (2, raised(std::slice::from_ref(&limit)), Some(7), 0),
        (3, raised(&[limit, raise]), Some(7), 1),
    ]
}

#[test]
fn the_golden_states_decode_and_those_that_are_written_keep_their_bytes() {
    for (format, state, limit, level) in formats() {
        let root = env!("CARGO_MANIFEST_DIR");
        let path = format!("{root}/tests/golden/state/v{format}.bin");
        let bytes = state.to_bytes().unwrap();
        if format > 1 && std::env::var_os("PGA_WRITE_GOLDEN").is_some() {
            std::fs::write(&path, &bytes).unwrap();
        }
        let golden = std::fs::read(&path).unwrap();
        let found = State::from_bytes(&golden, StateLimits::default()).unwrap();
        assert_eq!(found.to_bytes().unwrap(), bytes, "v{format}");
        assert!(format == 1 || golden == bytes, "v{format}");
        assert_eq!(found.max_collectors(), limit, "v{format}");
        assert_eq!(found.feature_level(), FeatureLevel::new(level));
        assert_eq!(found.users().len(), 1);
        assert_eq!(found.open_uploads().count(), 1);
        assert!(found.is_retired(NodeId::new(9)));
    }
}

/// A command that no domain takes for its own would be refused for ever.
#[test]
fn every_command_of_the_control_plane_has_a_domain() {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/command/v1");
    let mut names = Vec::new();
    for file in std::fs::read_dir(dir).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if !name.starts_with("control-") {
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        let (_, command) = Command::decode(bytes.into()).unwrap();
        let reply = Log::new(StateLimits::default()).apply(&command).reply;
        assert_ne!(reply, Reply::Refused(Refusal::Unknown), "{name}");
        names.push(name);
    }
    assert_eq!(names.len(), 56, "{names:?}");
}

#[test]
fn a_level_never_goes_down() {
    let mut log = Log::new(StateLimits::default());
    for (level, want) in [(2, 2), (1, 2), (3, 3)] {
        let raise = Command::RaiseLevel {
            level: FeatureLevel::new(level),
            since: level.to_string(),
        };
        assert_eq!(log.apply(&raise).reply, Reply::Done);
        let found = log.0.cluster_level();
        assert_eq!(found.level, FeatureLevel::new(want));
        assert_eq!(found.since, want.to_string());
    }
}

fn register(collector: u8) -> Command {
    Command::Control(ControlCommand::RegisterCollector {
        collector: CollectorId::from_external(&format!("collector-{collector}")),
        name: "name".into(),
        hostname: "host".into(),
        address: None,
        version: None,
        certificate_sha256: [0; 32],
        at: Timestamp::from_micros(1),
    })
}

fn limit_collectors(log: &mut Log, max: u64) {
    let limit = ControlCommand::LimitCollectors { max };
    assert_eq!(log.apply(&Command::Control(limit)).reply, Reply::Done);
}

/// However many proposals of however many nodes were under way when the last place was taken: the
/// log puts them in an order.
#[test]
fn no_collector_becomes_known_beyond_the_limit() {
    let full = Reply::Refused(Refusal::CollectorsFull);
    let mut log = Log::new(StateLimits::default());
    log.push(record(1, 1, &[1], None));
    limit_collectors(&mut log, 3);
    let together = [2, 3, 4, 1].map(|collector| record(collector, 2, &[2], Some(("k", 1))));
    let applied = log.apply(&Command::Ingest(together.to_vec()));
    let Reply::Ingested(outcomes) = applied.reply else {
        panic!("{:?}", applied.reply);
    };
    let index = log.1;
    let taken = stored(index, 1, 0);
    assert_eq!(outcomes, [taken, taken, PushOutcome::CollectorsFull, taken]);
    let Some(Effect::Pushes(pushes)) = applied.effect else {
        panic!("{:?}", applied.effect);
    };
    assert_eq!(pushes.len(), 3, "a refused push is not stored");
    assert_eq!(log.apply(&register(5)).reply, full);
    assert_eq!(log.apply(&register(2)).reply, Reply::Done, "a known one");
    // A large push is refused as a whole, with its parts.
    let upload = UploadId(1);
    log.apply(&Command::UploadPart {
        upload,
        part: 0,
        record: record(6, 3, &[3], None),
    });
    let applied = log.apply(&Command::CommitUpload { upload, parts: 1 });
    let refused = Reply::Ingested(vec![PushOutcome::CollectorsFull]);
    assert_eq!(applied.reply, refused);
    assert!(matches!(applied.effect, Some(Effect::Abort(_))));
    assert_eq!((log.0.collectors().len(), log.0.dedup_keys()), (3, 4));
    // A node that got the state in a snapshot decides alike.
    log.0 = State::from_bytes(&log.0.to_bytes().unwrap(), StateLimits::default()).unwrap();
    assert_eq!(log.apply(&register(7)).reply, full);
    // The name of what was refused is free: with more room the same push is stored.
    limit_collectors(&mut log, 4);
    let again = log.push(record(4, 2, &[2], Some(("k", 1)))).0;
    assert_eq!(again, stored(log.1, 1, 0));
    // A lower limit takes nobody away.
    limit_collectors(&mut log, 1);
    assert_eq!(log.push(record(4, 4, &[9], None)).0, stored(log.1, 1, 0));
    assert_eq!(
        log.push(record(8, 4, &[9], None)).0,
        PushOutcome::CollectorsFull
    );
    assert_eq!(log.0.collectors().len(), 4);
}
