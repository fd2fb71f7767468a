//! Exit codes and messages that scripts and supervisors rely on.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use rustix::fs::{FlockOperation, flock};

use super::program::{Demo, http, run};

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
            "no collector",
            &["collect", "status", "--state-dir", "/nonexistent/collector"],
            66,
            "/nonexistent/collector",
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

/// Secrets that older versions made begin so, one in 64 of them.
#[test]
fn a_secret_may_begin_with_a_hyphen() {
    let nowhere = "http://127.0.0.1:1";
    let output = run(&["collect", "--nodes", nowhere, "--registration-secret", "-K"]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(69), "{text}");
    assert!(text.contains("127.0.0.1:1"), "{text}");
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
    let metrics = http.trim_start_matches("http://");
    let output = run(&["collect", "--metrics-listen", metrics]);
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

/// Rows 78 to 86 of bad input: each is found before anything is touched.
#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn each_wrong_setting_is_78_and_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = cluster(dir.path(), "http://127.0.0.1:17997");
    let member = |id: u32, port: u16| {
        format!("{{ id = {id}, quic = \"127.0.0.1:{port}\", http = \"http://127.0.0.1:{port}\" }}")
    };
    let members = |a: String, b: String| format!("cluster.members=[{a}, {b}]");
    for (name, setting, part) in [
        (
            "80 election too short",
            "raft.election-min=300ms".to_owned(),
            "raft.election-min",
        ),
        ("80 zero", "raft.heartbeat=0ms".into(), "raft.heartbeat"),
        ("80 negative", "raft.heartbeat=-1s".into(), "raft.heartbeat"),
        ("80 no unit", "raft.heartbeat=10".into(), "raft.heartbeat"),
        (
            "81 id twice",
            members(member(1, 1), member(1, 2)),
            "have this id",
        ),
        (
            "81 address twice",
            members(member(1, 1), member(2, 1)),
            "have this address",
        ),
        (
            "83 short key",
            "auth.token-key=short".into(),
            "auth.token-key",
        ),
        (
            "83 known key",
            "auth.token-key=default-insecure-secret".into(),
            "auth.token-key",
        ),
        (
            "85 open without TLS",
            "http.listen=0.0.0.0:8080".into(),
            "without TLS",
        ),
        (
            "79 unknown key",
            "raft.hartbeat=1s".into(),
            "raft.heartbeat",
        ),
    ] {
        for command in ["serve", "check-config"] {
            let output = run(&[command, "--config", &file, "--set", &setting]);
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(78), "{name}, {command}: {text}");
            assert!(text.contains(part), "{name}, {command}: {text}");
        }
    }
    let even = members(member(1, 1), member(2, 2));
    let output = run(&["check-config", "--config", &file, "--set", &even]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "81 even: {output:?}");
    assert!(
        text.contains("warning") && text.contains("even number"),
        "{text}"
    );
    assert!(!dir.path().join("c/node-1/raft").exists());
}

#[test]
fn a_broken_file_is_78_with_its_line_and_an_open_one_with_secrets_too() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("node.toml");
    let head = "[node]\nid = 1\ndata-dir = \"/nonexistent/x\"\n";
    for (name, text, part) in [
        ("78 syntax", format!("{head}[raft\n"), "node.toml:4: "),
        (
            "82 secret",
            format!("{head}[auth]\ntoken-key = \"{}\"\n", "k".repeat(48)),
            "chmod 600",
        ),
    ] {
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        let output = run(&["check-config", "--config", file.to_str().unwrap()]);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(78), "{name}: {text}");
        assert!(text.contains(part), "{name}: {text}");
    }
}

/// Rows 87 to 89.
#[test]
fn a_data_directory_that_cannot_be_used_has_its_code() {
    let dir = tempfile::tempdir().unwrap();
    let file = cluster(dir.path(), "http://127.0.0.1:17996");
    let data = dir.path().join("c/node-1");
    let lock = fs::File::create(data.join("lock")).unwrap();
    flock(&lock, FlockOperation::NonBlockingLockExclusive).unwrap();
    let output = run(&["serve", "--config", &file]);
    assert_eq!(output.status.code(), Some(75), "87 locked: {output:?}");
    drop(lock);
    if !rustix::process::geteuid().is_root() {
        return;
    }
    std::os::unix::fs::chown(&data, Some(65_534), None).unwrap();
    let output = run(&["serve", "--config", &file]);
    assert_eq!(output.status.code(), Some(77), "88 other owner: {output:?}");
    std::os::unix::fs::chown(&data, Some(0), None).unwrap();

    let sealed = dir.path().join("sealed");
    fs::create_dir(&sealed).unwrap();
    let sealed = sealed.to_str().unwrap();
    let options = ["-t", "tmpfs", "-o", "ro,mode=0700", "none", sealed];
    let mounted = Command::new("mount").args(options).status().unwrap();
    assert!(mounted.success());
    let setting = format!("node.data-dir={sealed}");
    let output = run(&["serve", "--config", &file, "--set", &setting]);
    let unmounted = Command::new("umount").arg(sealed).status().unwrap();
    assert!(unmounted.success());
    assert_eq!(output.status.code(), Some(74), "89 read-only: {output:?}");
}

/// Row 90.
#[test]
fn a_log_of_a_later_format_is_65_and_stays_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let demo = Demo::start(dir.path(), 1);
    let node = demo.json["nodes"][0].clone();
    drop(demo);
    let log = Path::new(node["data"].as_str().unwrap()).join("raft/log");
    let files: Vec<_> = fs::read_dir(&log)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    let contents = || {
        files
            .iter()
            .map(|file| fs::read(file).unwrap())
            .collect::<Vec<_>>()
    };
    for file in &files {
        let mut bytes = fs::read(file).unwrap();
        if bytes.len() >= 16 {
            bytes[8..12].copy_from_slice(&2u32.to_le_bytes());
            bytes[12..16].copy_from_slice(&(!2u32).to_le_bytes());
            fs::write(file, bytes).unwrap();
        }
    }
    let before = contents();
    assert!(!before.is_empty());
    let output = run(&["serve", "--config", node["config"].as_str().unwrap()]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(65), "{text}");
    assert_eq!(contents(), before, "touched");
}

/// CRC32C, bit by bit.
fn crc32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32| (crc >> 1) ^ (0x82F6_3B78 & (crc & 1).wrapping_neg());
    let byte = |crc: u32, byte: &u8| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc));
    !bytes.iter().fold(!0, byte)
}

/// Has a node build snapshots until it has flushed what one can hold.
#[expect(clippy::disallowed_methods, reason = "a real process is waited for")]
fn snapshot(config: &str, dir: &Path) -> std::path::PathBuf {
    for _ in 0..200 {
        let made = run(&["cluster", "snapshot", "--config", config]);
        assert!(made.status.success(), "{made:?}");
        let is_done = |path: &std::path::PathBuf| path.join("state.bin").exists();
        let mut found = fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        if let Some(found) = found.find(is_done) {
            return found;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("no snapshot");
}

#[test]
fn a_state_of_a_later_version_is_76_and_stays_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let demo = Demo::start(dir.path(), 1);
    let node = demo.json["nodes"][0].clone();
    let config = node["config"].as_str().unwrap();
    // Of now: what is older than the retention is not stored.
    let now = pga_runtime::unix_time();
    let push = format!(
        r#"{{"collector_id":"c","hostname":"h","timestamp":{},
        "metrics":[{{"name":"m","value":1.5,"labels":{{}}}}]}}"#,
        now.as_secs()
    );
    let answer = http(&demo.http(0), "POST /api/v1/metrics/push", push.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let snapshots = Path::new(node["data"].as_str().unwrap()).join("raft/snapshots");
    let file = snapshot(config, &snapshots).join("state.bin");
    drop(demo);
    // Magic, format, checksum of all that follows, length of the meta, meta, and the state: its
    // format first.
    let mut bytes = fs::read(&file).unwrap();
    let meta = u32::from_le_bytes(bytes[16..20].try_into().unwrap()) as usize;
    bytes[20 + meta] = 200;
    let checksum = crc32c(&bytes[16..]);
    bytes[12..16].copy_from_slice(&checksum.to_le_bytes());
    fs::write(&file, &bytes).unwrap();
    let output = run(&["serve", "--config", config]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(76), "{text}");
    assert!(text.contains("format 200"), "{text}");
    assert_eq!(fs::read(&file).unwrap(), bytes, "touched");
}
