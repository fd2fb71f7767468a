//! What is sent again is stored once (DEDUP-1).

use anyhow::ensure;
use pga_chaos_tests::ClusterOptions;
use serde_json::json;
use uuid::Uuid;

use crate::bodies::{elements, from_new_collector, one_cycle, position, same_elements, samples};
use crate::stores::{Store, on_both_stores};

on_both_stores!(
    a_push_resent_to_another_node_is_stored_once,
    a_push_resent_inside_a_bigger_one_is_stored_once,
);

async fn a_push_resent_to_another_node_is_stored_once(store: Store) -> anyhow::Result<()> {
    let cluster = store.cluster(ClusterOptions::default()).await?;
    let (collector, push) = from_new_collector(one_cycle()?);
    let sent = elements(&push)?;
    let mut at = String::new();
    for (n, to) in cluster.ids().into_iter().enumerate() {
        let answer = cluster.push_ok(to, push.to_string()).await?;
        let want = if n == 0 { (14, 0) } else { (0, 14) };
        let got = (&answer["metrics_inserted"], &answer["metrics_repeated"]);
        ensure!(
            got == (&json!(want.0), &json!(want.1)),
            "to node {to}: {answer}"
        );
        at = position(&answer)?;
    }
    for from in cluster.ids() {
        let read = cluster.elements(from, &collector, Some(&at)).await?;
        same_elements(&format!("node {from}"), sent, &read)?;
    }
    Ok(())
}

async fn a_push_resent_inside_a_bigger_one_is_stored_once(store: Store) -> anyhow::Result<()> {
    let cluster = store.cluster(ClusterOptions::default()).await?;
    let collector = Uuid::new_v4().to_string();
    let mut at = String::new();
    // A collector whose answer was lost sends what it had again, with what came since, and a new
    // envelope time.
    for (to, until, inserted, repeated) in [(1, 10, 10, 0), (2, 25, 15, 10), (3, 25, 0, 25)] {
        let mut push = samples(&collector, 0..until);
        push["timestamp"] = json!(format!("2026-09-21T14:{to:02}:00Z"));
        let answer = cluster.push_ok(to, push.to_string()).await?;
        ensure!(
            answer["metrics_inserted"] == json!(inserted),
            "to node {to}: {answer}"
        );
        ensure!(
            answer["metrics_repeated"] == json!(repeated),
            "to node {to}: {answer}"
        );
        at = position(&answer)?;
    }
    let push = samples(&collector, 0..25);
    for from in cluster.ids() {
        let read = cluster.elements(from, &collector, Some(&at)).await?;
        same_elements(&format!("node {from}"), elements(&push)?, &read)?;
    }
    Ok(())
}
