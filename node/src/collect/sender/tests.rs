//! Tests of the sender against a node that answers what a test wants.

use super::*;
use crate::collect::fake_node::FakeNode;
use crate::collect::metrics::Metrics;
use crate::collect::pull::Fetched;

const BODY: &[u8] = br#"{"collector_id":"c","metrics":[]}"#;

/// A sender of one node, its report, and a directory for its state.
async fn sender(node: &FakeNode, dir: &std::path::Path) -> (Sender, Arc<Report>) {
    let mut args = CollectArgs::for_nodes(vec![node.endpoint.clone()]);
    args.state_dir = Some(dir.to_owned());
    let watched = Watched::all(&args).unwrap().remove(0);
    watched.make_dir(&args).unwrap();
    let report = Report::new(&watched, Arc::new(Metrics::new().unwrap()));
    let report = Arc::new(report);
    let sender = Sender::new(&args, &watched, Arc::clone(&report)).await;
    (sender.unwrap(), report)
}

fn config(node: &FakeNode, version: u64, text: &str) {
    node.set(|answers| answers.config = Some((version, text.to_owned())));
}

/// What was said to run, pull by pull.
fn said(node: &FakeNode) -> Vec<String> {
    let pulls = node.asked("/api/v1/config/");
    pulls.into_iter().filter_map(|pull| pull.runs).collect()
}

#[tokio::test]
async fn a_new_version_runs_is_kept_and_the_cluster_is_told() {
    let (node, dir) = (FakeNode::start().await, tempfile::tempdir().unwrap());
    config(&node, 4, "[collector]\npush_interval = 7\n");
    let (mut sender, report) = sender(&node, dir.path()).await;
    let settings = sender.settings();
    sender.pull().await;
    assert_eq!(settings.borrow().interval(), Some(Duration::from_secs(7)));
    assert_eq!(said(&node), ["0", "4"], "asked, then told");
    assert_eq!(report.status().config_version, Some(4));
    sender.pull().await;
    assert_eq!(said(&node), ["0", "4", "4"], "nothing is new");

    // No node is there at the next start.
    node.set(|answers| answers.pull_status = Some(503));
    let (again, _) = self::sender(&node, dir.path()).await;
    let settings = again.settings();
    assert_eq!(settings.borrow().version(), Some(4));
    assert_eq!(settings.borrow().interval(), Some(Duration::from_secs(7)));
}

#[tokio::test]
async fn a_bad_version_is_refused_and_the_one_before_goes_on() {
    let (node, dir) = (FakeNode::start().await, tempfile::tempdir().unwrap());
    config(&node, 1, "[pg_wal]\nenabled = false\n");
    let (mut sender, report) = sender(&node, dir.path()).await;
    sender.pull().await;
    config(
        &node,
        2,
        "[pg_io]\nenabled = false\n[pg_new_thing]\nenabled = true\n",
    );
    for _ in 0..2 {
        sender.pull().await;
    }
    let status = report.status();
    assert_eq!(
        (status.config_version, status.config_refused),
        (Some(1), Some(2))
    );
    assert!(status.config_error.unwrap().contains("line 3"));
    assert_eq!(
        said(&node),
        ["0", "1", "1", "1"],
        "the bad one is fetched once"
    );
    assert_eq!(Fetched::kept(dir.path()).unwrap().version, 1);
    config(&node, 3, "");
    sender.pull().await;
    let status = report.status();
    assert_eq!(
        (status.config_version, status.config_refused),
        (Some(3), None)
    );
    node.set(|answers| answers.config = None);
    sender.pull().await;
    assert_eq!(report.status().config_version, None);
    assert_eq!(Fetched::kept(dir.path()), None);
}

/// 401 made the original ask again at once, for ever (contract Q11).
#[tokio::test]
async fn a_refused_pull_is_not_repeated_by_pushes() {
    let (node, dir) = (FakeNode::start().await, tempfile::tempdir().unwrap());
    let (mut sender, _) = sender(&node, dir.path()).await;
    for status in [401, 403, 500] {
        node.set(|answers| answers.pull_status = Some(status));
        let before = said(&node).len();
        sender.pull().await;
        assert_eq!(said(&node).len(), before + 1, "{status}");
    }
    config(&node, 9, "");
    for _ in 0..5 {
        assert!(sender.push(Bytes::from_static(BODY)).await);
    }
    let soon = pga_runtime::now() + Duration::from_secs(1);
    assert!(sender.timer.due() > soon, "the pause after a failure holds");
    assert_eq!(said(&node).len(), 3);
}

#[tokio::test]
async fn a_push_names_a_version_and_one_pull_follows() {
    let (node, dir) = (FakeNode::start().await, tempfile::tempdir().unwrap());
    let (sender, report) = sender(&node, dir.path()).await;
    let outgoing = Arc::new(Outgoing::new(Spool::in_memory(1_000)));
    let sending = pga_runtime::spawn(sender.run(Arc::clone(&outgoing)));
    config(&node, 5, "");
    let end = pga_runtime::now() + Duration::from_secs(60);
    while report.status().config_version != Some(5) {
        assert!(pga_runtime::now() < end, "not in time");
        outgoing.with(|spool| spool.add(Bytes::from_static(BODY), None).unwrap());
        outgoing.ring();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    sending.abort();
    let pulls = said(&node);
    assert!(pulls == ["0", "0", "5"] || pulls == ["0", "5"], "{pulls:?}");
}

#[tokio::test]
async fn bodies_are_packed_as_the_node_takes_them() {
    let (node, dir) = (FakeNode::start().await, tempfile::tempdir().unwrap());
    let (mut sender, _) = sender(&node, dir.path()).await;
    for takes_zstd in [true, true, false, false] {
        node.set(|answers| answers.takes_zstd = takes_zstd);
        assert!(sender.push(Bytes::from_static(BODY)).await);
    }
    let pushes = node.asked("/metrics/push");
    let encodings: Vec<_> = pushes.iter().map(|push| push.encoding.as_deref()).collect();
    let (gzip, zstd) = (Some("gzip"), Some("zstd"));
    assert_eq!(
        encodings,
        [gzip, zstd, zstd, gzip],
        "as its last answer said"
    );
    assert_eq!(
        zstd::bulk::decompress(&pushes[1].body, 1_000).unwrap(),
        BODY
    );
}

#[tokio::test]
async fn a_clock_that_is_off_is_seen() {
    let (node, dir) = (FakeNode::start().await, tempfile::tempdir().unwrap());
    let (mut sender, report) = sender(&node, dir.path()).await;
    node.set(|answers| answers.behind = 90);
    assert!(sender.push(Bytes::from_static(BODY)).await);
    let clock = report.status().clock.unwrap();
    let wrong = (clock.ahead_seconds - 90.0).abs();
    assert!(wrong <= clock.error_seconds + 0.001, "{clock:?}");
}
