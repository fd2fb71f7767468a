use pga_alerts::{RuleSet, evaluate};

use super::*;

const NOW: Timestamp = Timestamp::from_micros(1_796_000_000_000_000);

fn in_days(days: i64) -> Timestamp {
    Timestamp::from_micros(NOW.micros() + days * 86_400_000_000)
}

fn node(id: u64, change: impl FnOnce(&mut NodeStatus, &mut Condition)) -> NodeStatus {
    let text = json!({
        "id": id, "role": "follower", "http": "", "quic": "", "term": 1, "leader": 1, "last": 9,
        "committed": 9, "applied": 9, "flushed": 9, "lag": 0, "backlog_bytes": 0,
        "reachable": true, "clock_ahead_micros": 499_000,
    });
    let mut node: NodeStatus = serde_json::from_value(text).unwrap();
    let mut told = Condition {
        restarts: 3,
        certificates: [("node", 300), ("ca", 3_000)]
            .map(|(name, days)| (name.to_owned(), in_days(days)))
            .into(),
        disk_used_bytes: Some(50),
        disk_bytes: Some(100),
    };
    change(&mut node, &mut told);
    node.condition = Some(told);
    node
}

fn cluster(nodes: Vec<NodeStatus>) -> ClusterStatus {
    let text = json!({ "cluster_id": "7067616e-616c-8974-8963-7366696e6473", "group": 0,
        "term": 1, "leader": 1, "nodes": nodes });
    serde_json::from_value(text).unwrap()
}

/// What the rules say of a cluster whose third node differs: keys, and what they are about.
fn said(change: impl FnOnce(&mut NodeStatus, &mut Condition)) -> Vec<String> {
    let status = cluster(vec![
        node(1, |_, _| ()),
        node(2, |_, _| ()),
        node(3, change),
    ]);
    let rows = [
        ("cluster_node", nodes(&status)),
        ("cluster_disk", disks(&status)),
        ("cluster_certificate", certificates(&status, NOW)),
    ];
    let rules = RuleSet::defaults().unwrap();
    let mut said = Vec::new();
    for rule in rules.iter() {
        let Some((_, rows)) = rows.iter().find(|(kind, _)| *kind == rule.from) else {
            continue;
        };
        let evaluation = evaluate(rule, None, "", Some(rows), NOW);
        assert_eq!((evaluation.error, evaluation.without_data), (None, 0));
        for reading in evaluation.readings.iter().filter(|reading| reading.fire) {
            let subject = reading.labels.get("node").or(reading.labels.get("subject"));
            said.push(format!("{} {}", rule.key(), subject.unwrap()));
            let summary = &reading.annotations["summary"];
            assert!(!summary.contains("is missing"), "{summary}");
        }
    }
    said
}

#[test]
fn every_node_is_judged_by_what_it_told() {
    let nothing: [&str; 0] = [];
    assert_eq!(said(|_, _| ()), nothing);
    assert_eq!(said(|_, told| told.restarts = 4), ["N2 n3"]);
    assert_eq!(said(|node, _| node.role = NodeRole::Recovering), ["N2 n3"]);
    assert_eq!(
        said(|node, _| node.clock_ahead_micros = Some(-501_000)),
        ["N2 n3"]
    );
    assert_eq!(said(|_, told| told.disk_used_bytes = Some(91)), ["N4 n3"]);
    let ends = |name: &'static str, days: i64| {
        said(move |_, told| told.certificates.extend([(name.to_owned(), in_days(days))]))
    };
    assert_eq!(ends("node", 29), ["N5 node n3"]);
    assert_eq!(
        ends("https", 2),
        ["N5 https of node n3", "N5.near https of node n3"]
    );
    assert_eq!(ends("ca", 29), ["N5 the cluster's CA"]);
}

#[test]
fn a_node_of_an_earlier_version_says_nothing() {
    let mut silent = node(2, |_, _| ());
    (silent.condition, silent.clock_ahead_micros) = (None, None);
    let status = cluster(vec![silent]);
    assert_eq!(nodes(&status).len(), 1);
    assert!(disks(&status).is_empty() && certificates(&status, NOW).is_empty());
}
