//! Rules between keys (CFG-1).

use std::path::Path;
use std::time::Duration;

use pga_config::{Config, Values};

const BASE: &str = "[node]\nid = 1\ndata-dir = \"/tmp/pga\"\n";
const MEMBER: &str = "{ id = 1, quic = \"a:1\", http = \"http://a:2\" }";

fn load(flags: &[(&str, &str)]) -> Result<Config, String> {
    let mut values = Values::default();
    values.add_toml(BASE, Path::new("node.toml"));
    for (key, value) in flags {
        values.add_flag(key, value);
    }
    Config::try_from(values).map_err(|error| error.to_string())
}

#[expect(clippy::too_many_lines, reason = "one table")]
#[test]
fn broken_rules_are_refused_with_their_key() {
    let twice = format!("[{MEMBER}, {MEMBER}]");
    let rows: &[(&[(&str, &str)], &str)] = &[
        (
            &[("raft.election-min", "300ms")],
            "raft.election-min = 300ms: must be more than 3 x",
        ),
        (
            &[("raft.election-max", "320ms")],
            "raft.election-max = 320ms",
        ),
        (
            &[("raft.heartbeat", "0s")],
            "raft.heartbeat = 0ms: must not be zero",
        ),
        (&[("raft.heartbeat", "-1s")], "raft.heartbeat = \"-1s\""),
        (
            &[("cluster.members", &twice)],
            "cluster.members = 1: two members have this id",
        ),
        (
            &[("cluster.members", &twice)],
            "cluster.members = a:1: two members have this address",
        ),
        (
            &[("cluster.members", "[{ id = 1 }]")],
            "\"quic\" is missing",
        ),
        (&[("cluster.bootstrap", "true")], "is not among its members"),
        (
            &[("cluster.bootstrap", "true")],
            "auth.admin-password: the node that creates",
        ),
        (
            &[("http.listen", "0.0.0.0:8080")],
            "http.listen = 0.0.0.0:8080: is reachable from outside",
        ),
        (&[("quic.listen", "0.0.0.0:7080")], "set quic.advertise"),
        (
            &[("http.tls-cert-file", "/c.pem")],
            "set both http.tls-cert-file",
        ),
        (
            &[("node.demo", "true"), ("quic.listen", "10.0.0.1:7080")],
            "node.demo = true",
        ),
        (
            &[("auth.token-key", "short")],
            "auth.token-key: is shorter than 32 bytes",
        ),
        (
            &[("auth.token-key", "default-insecure-secret")],
            "default that everyone knows",
        ),
        (
            &[("auth.registration-secret", "short")],
            "auth.registration-secret: is shorter",
        ),
        (
            &[("store.kind", "timescale")],
            "store.timescale-url: is missing",
        ),
        (
            &[("store.kind", "mysql")],
            "write one of: \"embedded\" \"timescale\"",
        ),
        (&[("sessions.max", "0")], "sessions.max = 0"),
        (
            &[("limits.max-collectors", "0")],
            "limits.max-collectors = 0",
        ),
        (
            &[("limits.write-timeout", "0s")],
            "limits.write-timeout = 0ms: must not be zero",
        ),
        (
            &[("log.max-size", "64MiB")],
            "log.max-size = 64MiB: must be from 128MiB",
        ),
        (
            &[("limits.max-push-body", "1GiB")],
            "limits.max-push-body = 1GiB: must be from",
        ),
    ];
    for (flags, want) in rows {
        let text = load(flags).unwrap_err();
        assert!(text.contains(want), "{want:?} is not in:\n{text}");
    }
}

#[test]
fn defaults_hold_every_rule() {
    let config = load(&[]).unwrap();
    assert_eq!(config.warnings(), []);
    assert_eq!(config.advertised_http(), "http://127.0.0.1:8080");
}

#[test]
fn slow_and_silent_clients_are_cut_off_by_default() {
    let limits = load(&[]).unwrap().limits;
    assert!(limits.header_timeout <= Duration::from_secs(10));
    assert!(limits.body_timeout <= Duration::from_secs(30));
    assert!(limits.write_timeout <= Duration::from_secs(30));
    assert!(
        limits.max_connections > 10_000,
        "10,000 idle ones leave room"
    );
}

#[test]
fn an_even_number_of_voters_is_a_warning() {
    let two = format!("[{MEMBER}, {{ id = 2, quic = \"b:1\", http = \"http://b:2\" }}]");
    let config = load(&[("cluster.members", &two)]).unwrap();
    assert_eq!(config.warnings().len(), 1);
    assert_eq!(config.cluster.members.0.len(), 2);
}

#[test]
fn pushes_without_a_token_are_a_choice_that_is_warned_of() {
    let config = load(&[("auth.push-authentication", "optional")]).unwrap();
    let told: Vec<_> = config.warnings().iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "auth.push-authentication = optional: whoever reaches the HTTP port may push in any \
             collector's name; fix: give collectors tokens, and write \"required\""
        ]
    );
    let defaults = load(&[]).unwrap().auth;
    assert_eq!(defaults.push_authentication.word(), "required");
    assert_eq!(defaults.reads_without_quorum.word(), "serve");
}

#[test]
fn a_key_that_nobody_needs_any_more_is_a_warning_that_names_it() {
    let config = load(&[("quic.max-streams", "lots")]).unwrap();
    let told: Vec<_> = config.warnings().iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "quic.max-streams: the program sees to it itself now, the value has no effect; fix: remove it"
        ]
    );
}

#[test]
fn every_default_of_the_table_can_be_read() {
    for key in Config::keys() {
        let Some(default) = key.default else { continue };
        let read = load(&[(&key.name, default)]);
        assert!(read.is_ok(), "{}: {read:?}", key.name);
    }
}

#[test]
fn a_running_node_takes_what_may_change_and_tells_what_may_not() {
    let mut running = load(&[]).unwrap();
    let newer = load(&[
        ("logging.level", "debug"),
        ("limits.max-elements", "7"),
        ("raft.heartbeat", "80ms"),
        ("auth.admin-password", "a-long-password"),
    ]);
    let changes = running.reload(&newer.unwrap()).unwrap();
    let told = changes
        .iter()
        .map(|change| (change.key.as_str(), change.is_live));
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            ("raft.heartbeat", false),
            ("limits.max-elements", true),
            ("auth.admin-password", false),
            ("logging.level", true),
        ]
    );
    assert_eq!(running.logging.level, "debug");
    assert_eq!(running.limits.max_elements, 7);
    assert_eq!(running.raft.heartbeat, load(&[]).unwrap().raft.heartbeat);

    // A larger push does not go with the room that there is until the restart.
    let small = [
        ("limits.max-push-body", "16MiB"),
        ("limits.max-in-flight", "32MiB"),
    ];
    let mut running = load(&small).unwrap();
    let newer = load(&[
        ("limits.max-push-body", "64MiB"),
        ("limits.max-elements", "8"),
    ]);
    let refused = running.reload(&newer.unwrap()).unwrap_err().to_string();
    assert!(refused.contains("limits.max-in-flight"), "{refused}");
    assert_eq!(running, load(&small).unwrap());
}
