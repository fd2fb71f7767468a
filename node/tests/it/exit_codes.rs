//! Exit codes and messages that scripts and supervisors rely on.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::program::run;

/// Files of a one-node cluster, and its configuration file.
fn cluster(dir: &Path, http: &str) -> String {
    let files = dir.join("c");
    let data = files.join("node-1");
    let member = format!("127.0.0.1:17999,{http}");
    let made = run(&[
        "cluster",
        "init",
        "--dir",
        files.to_str().unwrap(),
        "--data-dir",
        data.to_str().unwrap(),
        "--member",
        &member,
    ]);
    assert!(made.status.success(), "{made:?}");
    let file = files.join("node-1.toml");
    file.to_str().unwrap().to_owned()
}

#[test]
fn wrong_settings_end_with_their_code_and_touch_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let bad = dir.path().join("bad.toml");
    fs::write(
        &bad,
        "[node]\nid = 1\ndata-dir = \"/nonexistent/x\"\n[raft]\nheartbeet = \"1s\"\n",
    )
    .unwrap();
    let bad = bad.to_str().unwrap();
    for (name, args, code, part) in [
        ("help", &["--help"][..], 0, ""),
        ("no command", &[], 64, "Usage"),
        ("unknown flag", &["serve", "--nonsense"], 64, "--nonsense"),
        (
            "missing file",
            &["serve", "--config", "/nonexistent.toml"],
            66,
            "does not exist",
        ),
        (
            "unknown key",
            &["serve", "--config", bad],
            78,
            "raft.heartbeat",
        ),
        (
            "check",
            &["check-config", "--config", bad],
            78,
            "raft.heartbeat",
        ),
        (
            "check flag",
            &["serve", "--check-config", "--config", bad],
            78,
            "raft.heartbeat",
        ),
        (
            "no node",
            &["cluster", "status", "--node", "http://127.0.0.1:1"],
            69,
            "127.0.0.1:1",
        ),
    ] {
        let output = run(args);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{name}: {text}");
        assert!(text.contains(part), "{name}: {text}");
    }
    assert!(!Path::new("/nonexistent").exists());
}

#[test]
fn a_port_in_use_is_71_and_wide_rights_are_77() {
    let dir = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let http = format!("http://{}", taken.local_addr().unwrap());
    let file = cluster(dir.path(), &http);
    let valid = run(&["check-config", "--config", &file]);
    assert_eq!(valid.status.code(), Some(0), "{valid:?}");

    let output = run(&["serve", "--config", &file]);
    assert_eq!(output.status.code(), Some(71), "{output:?}");

    let data = dir.path().join("c/node-1");
    fs::set_permissions(&data, fs::Permissions::from_mode(0o755)).unwrap();
    let output = run(&["serve", "--config", &file]);
    assert_eq!(output.status.code(), Some(77), "{output:?}");
}

#[test]
fn a_configuration_with_an_exposed_secret_or_another_clusters_data_is_78() {
    let dir = tempfile::tempdir().unwrap();
    let file = cluster(dir.path(), "http://127.0.0.1:17998");
    let data = dir.path().join("c/node-1");
    fs::write(data.join("identity"), "node 7\ncluster x\n").unwrap();
    let output = run(&["serve", "--config", &file]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(78), "{text}");
    assert!(text.contains("belongs to node 7"), "{text}");

    let secret = data.join("admin.password");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).unwrap();
    let output = run(&["check-config", "--config", &file]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(78), "{text}");
    assert!(
        text.contains("auth.admin-password-file") && text.contains("chmod 600"),
        "{text}"
    );
}
