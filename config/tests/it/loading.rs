//! Sources, their order, and what cannot be read.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use pga_config::{Config, Error, Values};

const MINIMAL: &str = "[node]\nid = 1\ndata-dir = \"/tmp/pga\"\n";

fn values(text: &str) -> Values {
    let mut values = Values::default();
    values.add_toml(text, Path::new("node.toml"));
    values
}

fn refused(values: Values) -> String {
    match Config::try_from(values) {
        Err(error @ Error::Invalid(_)) => error.to_string(),
        other => format!("no violations: {other:?}"),
    }
}

#[test]
fn later_sources_win() {
    let mut values = values(&format!("{MINIMAL}[raft]\nheartbeat = \"100ms\"\n"));
    assert!(values.has("raft.heartbeat"));
    let ours = ("PGANALYTICS_RAFT__HEARTBEAT".to_owned(), "80ms".to_owned());
    values.add_environment([ours, ("PATH".to_owned(), "/bin".to_owned())]);
    values.add_flag("sessions.max", "7");
    let config = Config::try_from(values).unwrap();
    assert_eq!(config.raft.heartbeat, Duration::from_millis(80));
    assert_eq!(config.sessions.max, 7);
    assert_eq!(config.log.segment_size.bytes(), 32 << 20);
}

#[test]
fn every_violation_is_reported_at_once() {
    let mut values = values(
        "[node]\nid = 0\n[raft]\nheartbeet = \"1s\"\nelection-min = 10\n[log]\nsegment-size = \"1\"\n",
    );
    values.add_environment([("PGANALYTICS_HTTP__LISTEN".to_owned(), "here".to_owned())]);
    let text = refused(values);
    for part in [
        "node.id = 0",
        "node.data-dir: is missing",
        "raft.heartbeet: unknown key; fix: did you mean `raft.heartbeat`?",
        "raft.election-min = 10: cannot be read; fix: the unit or the quotes are missing around 10",
        "log.segment-size = \"1\": cannot be read; fix: the unit is missing",
        "PGANALYTICS_HTTP__LISTEN = \"here\"",
    ] {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
}

#[test]
fn a_syntax_error_names_its_line() {
    let text = refused(values("[node]\nid = 1\ndata-dir = \n"));
    assert!(text.contains("node.toml:3"), "{text}");
}

#[test]
fn unknown_sections_and_keys_outside_a_section_are_refused() {
    let text = refused(values(&format!(
        "loose = 1\n{MINIMAL}[rafts]\nheartbeat = \"1s\"\n"
    )));
    assert!(text.contains("loose: unknown key"), "{text}");
    assert!(text.contains("rafts.heartbeat: unknown key; fix: did you mean `raft.heartbeat`"));
}

#[test]
fn a_missing_file_is_told_apart() {
    let missing = Config::load(Path::new("/nonexistent/x.toml"), [], &[]);
    assert!(matches!(missing, Err(Error::Missing(_))));
}

#[test]
fn secrets_are_taken_from_private_files_only_and_never_shown() {
    let dir = tempfile::tempdir().unwrap();
    let config_file = dir.path().join("node.toml");
    let secret_file = dir.path().join("secret");
    fs::write(&secret_file, "canary-canary-canary\n").unwrap();
    let inline = format!("{MINIMAL}[auth]\nadmin-password = \"canary-canary-canary\"\n");
    let by_file = format!(
        "{MINIMAL}[auth]\nadmin-password-file = \"{}\"\n",
        secret_file.display()
    );
    for (name, text, mode, accepted) in [
        ("inline, open", &inline, 0o644, false),
        ("inline, group", &inline, 0o640, false),
        ("inline, private", &inline, 0o600, true),
        ("file, open", &by_file, 0o644, false),
        ("file, private", &by_file, 0o600, true),
    ] {
        fs::write(&config_file, text).unwrap();
        for path in [&config_file, &secret_file] {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
        let shown = match Config::load(&config_file, [], &[]) {
            Ok(config) => {
                assert!(accepted, "{name}");
                let secret = config.auth.admin_password.as_ref().unwrap();
                assert_eq!(secret.expose(), "canary-canary-canary", "{name}");
                format!("{config:?}")
            }
            Err(error) => {
                assert!(!accepted, "{name}: {error}");
                format!("{error} {error:?}")
            }
        };
        assert!(!shown.contains("canary"), "{name}: {shown}");
    }
}
