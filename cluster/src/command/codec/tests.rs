use pga_config::{CollectorId, NodeId};
use pga_storage::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::command::ControlCommand;
use crate::feature_level::FeatureLevel;
use crate::state::NewUser;

mod level_2;
mod level_3;
mod level_4;
mod level_5;
mod level_6;
mod level_7;
mod level_8;

#[expect(clippy::too_many_lines, reason = "a table of all commands")]
fn samples() -> Vec<(&'static str, Command)> {
    let upload = UploadId(7);
    vec![
        (
            "ingest",
            Command::Ingest(vec![
                Bytes::from_static(b"one"),
                Bytes::new(),
                Bytes::from_static(b"three"),
            ]),
        ),
        (
            "upload-part",
            Command::UploadPart {
                upload,
                part: 3,
                record: Bytes::from_static(b"record"),
            },
        ),
        ("commit-upload", Command::CommitUpload { upload, parts: 4 }),
        ("abort-upload", Command::AbortUpload { upload }),
        (
            "flushed",
            Command::Flushed {
                position: Position::new(2, 99),
            },
        ),
        (
            "control-add-user",
            Command::Control(ControlCommand::AddUser {
                user: NewUser {
                    username: "ann".into(),
                    email: "ann@example.com".into(),
                    role: "viewer".into(),
                    password_hash: "$argon2id$".into(),
                },
                at: Timestamp::from_micros(5),
            }),
        ),
        (
            "control-bootstrap",
            Command::Control(ControlCommand::Bootstrap {
                token_key: Bytes::from_static(b"sealed key"),
                ca_key: Bytes::from_static(b"sealed ca"),
                admin: NewUser {
                    username: "admin".into(),
                    email: "admin@example.com".into(),
                    role: "admin".into(),
                    password_hash: "$argon2id$".into(),
                },
                registration_secret_hash: [3; 32],
                at: Timestamp::from_micros(6),
            }),
        ),
        (
            "control-logged-in",
            Command::Control(ControlCommand::LoggedIn {
                user_id: 2,
                at: Timestamp::from_micros(7),
            }),
        ),
        (
            "control-register-collector",
            Command::Control(ControlCommand::RegisterCollector {
                collector: CollectorId::from_external("db-1"),
                name: "db 1".into(),
                hostname: "db1.example.com".into(),
                address: Some("10.0.0.9".into()),
                version: None,
                certificate_sha256: [4; 32],
                at: Timestamp::from_micros(8),
            }),
        ),
        (
            "control-add-join-token",
            Command::Control(ControlCommand::AddJoinToken {
                certificate_sha256: [5; 32],
                expires_at: Timestamp::from_micros(10),
                at: Timestamp::from_micros(9),
            }),
        ),
        (
            "control-use-join-token",
            Command::Control(ControlCommand::UseJoinToken {
                certificate_sha256: [5; 32],
                quic: "127.0.0.1:7084".into(),
                http: "http://127.0.0.1:8084".into(),
                at: Timestamp::from_micros(9),
            }),
        ),
        (
            "control-retire-node",
            Command::Control(ControlCommand::RetireNode {
                node: NodeId::new(4),
            }),
        ),
        (
            "control-set-node",
            Command::Control(ControlCommand::SetNode {
                node: NodeId::new(2),
                quic: "127.0.0.1:7082".into(),
                http: "http://127.0.0.1:8082".into(),
            }),
        ),
        (
            "raise-level",
            Command::RaiseLevel {
                level: FeatureLevel::new(7),
                since: "3.4.0".into(),
            },
        ),
        (
            "control-limit-collectors",
            Command::Control(ControlCommand::LimitCollectors { max: 100_000 }),
        ),
    ]
}

fn all_samples() -> impl Iterator<Item = (&'static str, Command)> {
    let later = [
        level_2::samples(),
        level_3::samples(),
        level_4::samples(),
        level_5::samples(),
        level_6::samples(),
        level_7::samples(),
        level_8::samples(),
    ];
    samples().into_iter().chain(later.into_iter().flatten())
}

#[test]
fn golden_entries_keep_their_bytes() {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/command/v1");
    for (name, command) in all_samples() {
        let bytes = command.encode(ProposalId(0x0102)).unwrap();
        let path = format!("{dir}/{name}.bin");
        if std::env::var_os("PGA_WRITE_GOLDEN").is_some() {
            std::fs::create_dir_all(dir).unwrap();
            std::fs::write(&path, &bytes).unwrap();
        }
        assert_eq!(std::fs::read(&path).unwrap(), bytes, "{name}");
        assert_eq!(
            Command::decode(bytes).unwrap(),
            (ProposalId(0x0102), command),
            "{name}"
        );
    }
}

#[test]
fn newer_and_damaged_entries_are_unknown() {
    for (name, command) in samples() {
        let bytes = command.encode(ProposalId(1)).unwrap().to_vec();
        let mut newer = bytes.clone();
        newer[0] = VERSION + 1;
        assert_eq!(Command::decode(newer.into()), Err(UnknownCommand), "{name}");
        let mut kind = bytes.clone();
        kind[17] = 200;
        assert_eq!(Command::decode(kind.into()), Err(UnknownCommand), "{name}");
        let ends = !matches!(
            command,
            Command::UploadPart { .. } | Command::RaiseLevel { .. }
        );
        if ends {
            let mut longer = bytes.clone();
            longer.push(0);
            let decoded = Command::decode(longer.into());
            let same = matches!(command, Command::Control(_)) && decoded.is_ok();
            assert!(decoded == Err(UnknownCommand) || same, "{name}");
        }
    }
    assert_eq!(Command::decode(Bytes::new()), Err(UnknownCommand));
}

proptest! {
    #[test]
    fn ingest_round_trips(records in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..20), id: u128) {
        let command = Command::Ingest(records.into_iter().map(Bytes::from).collect());
        let bytes = command.encode(ProposalId(id)).unwrap();
        prop_assert_eq!(Command::decode(bytes).unwrap(), (ProposalId(id), command));
    }

    #[test]
    fn any_bytes_decode_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut framed = vec![VERSION];
        framed.extend_from_slice(&bytes);
        let _ignored = Command::decode(framed.into());
        let _ignored = Command::decode(bytes.into());
    }
}
