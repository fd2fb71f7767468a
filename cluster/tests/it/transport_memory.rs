//! The simulated network: the same seed gives the same run, and each fault shows as the real one
//! would.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use pga_cluster::transport::{
    LinkFaults, MemoryNetwork, MemoryTransport, Peer, RefusalReason, RpcKind, Service,
    SnapshotFile, TraceEvent, Transport, TransportError,
};
use pga_config::NodeId;

use crate::transport_harness::{Echo, SECOND};

const ONE: NodeId = NodeId::new(1);
const TWO: NodeId = NodeId::new(2);

struct Simulated {
    network: Arc<MemoryNetwork>,
    one: Arc<MemoryTransport>,
    echo: Arc<Echo>,
    dir: tempfile::TempDir,
}

fn attach(
    network: &Arc<MemoryNetwork>,
    node: NodeId,
    dir: &tempfile::TempDir,
) -> (Arc<MemoryTransport>, Arc<Echo>) {
    let echo = Arc::new(Echo::default());
    let service: Arc<dyn Service> = Arc::<Echo>::clone(&echo);
    let addr = format!("{node}:1");
    (
        network.attach(node, addr, dir.path().join(node.to_string()), service),
        echo,
    )
}

fn simulated(seed: u64) -> Simulated {
    let dir = tempfile::tempdir().unwrap();
    let network = MemoryNetwork::new(seed);
    let (one, _) = attach(&network, ONE, &dir);
    let (_, echo) = attach(&network, TWO, &dir);
    Simulated {
        network,
        one,
        echo,
        dir,
    }
}

impl Simulated {
    async fn call(&self, body: &'static [u8]) -> Result<Bytes, TransportError> {
        self.one
            .call(
                TWO,
                "n2:1",
                RpcKind::Append,
                Bytes::from_static(body),
                SECOND,
            )
            .await
    }
}

/// Calls and frames over a bad network.
async fn busy_run(seed: u64) -> (Vec<TraceEvent>, Vec<bool>) {
    let simulated = simulated(seed);
    simulated.network.set_faults(LinkFaults {
        min_delay: Duration::from_millis(1),
        max_delay: Duration::from_millis(40),
        lost_per_million: 100_000,
    });
    let calls = join_all((0..50).map(|_| simulated.call(b"x")));
    let frames = async {
        let Ok((mut sender, mut receiver)) = simulated.one.open_stream(TWO, "n2:1", SECOND).await
        else {
            return;
        };
        for _ in 0..20 {
            if sender.send(Bytes::from_static(b"frame")).await.is_err() {
                break;
            }
            receiver.recv().await.ok();
        }
    };
    let (outcomes, ()) = futures::future::join(calls, frames).await;
    (
        simulated.network.trace(),
        outcomes.iter().map(Result::is_ok).collect(),
    )
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_gives_the_same_trace_and_another_seed_another() {
    let first = busy_run(7).await;
    assert!(
        first.1.contains(&true) && first.1.contains(&false),
        "both outcomes occur"
    );
    assert_eq!(first, busy_run(7).await);
    assert_ne!(first.0, busy_run(8).await.0);
}

#[tokio::test(start_paused = true)]
async fn calls_streams_and_snapshots_work_as_over_a_real_network() {
    let simulated = simulated(1);
    assert_eq!(
        simulated.call(b"hello").await,
        Ok(Bytes::from_static(b"hello"))
    );
    let seen = simulated.echo.calls.lock().unwrap().clone();
    assert_eq!(
        seen,
        [(
            Peer::Node(ONE),
            RpcKind::Append,
            Bytes::from_static(b"hello")
        )]
    );
    let reason = RefusalReason::Service("not the leader".into());
    assert_eq!(
        simulated.call(b"refuse").await,
        Err(TransportError::Refused { peer: TWO, reason })
    );

    let opened = simulated.one.open_stream(TWO, "n2:1", SECOND).await;
    let (mut sender, mut receiver) = opened.unwrap();
    for number in 0..10_u8 {
        sender.send(vec![number].into()).await.unwrap();
    }
    sender.finish().await.unwrap();
    for number in 0..10_u8 {
        assert_eq!(receiver.recv().await, Ok(Some(vec![number].into())));
    }
    assert_eq!(receiver.recv().await, Ok(None));

    let path = simulated.dir.path().join("file");
    std::fs::write(&path, b"content").unwrap();
    let files = vec![SnapshotFile {
        name: "state".into(),
        path,
    }];
    let answer = simulated
        .one
        .send_snapshot(TWO, "n2:1", Bytes::new(), files, SECOND)
        .await;
    assert_eq!(answer, Ok(Bytes::from_static(b"installed")));
    let seen = simulated.echo.snapshots.lock().unwrap().pop().unwrap();
    assert_eq!(seen.2, [("state".to_owned(), b"content".to_vec())]);
}

#[tokio::test(start_paused = true)]
async fn a_cut_in_either_direction_is_an_unknown_outcome() {
    let simulated = simulated(1);
    for (from, to, reached) in [(ONE, TWO, 0), (TWO, ONE, 1)] {
        simulated.network.cut(from, to);
        let started = pga_runtime::now();
        assert_eq!(
            simulated.call(b"x").await,
            Err(TransportError::Timeout { peer: TWO })
        );
        assert_eq!(started.elapsed(), SECOND);
        assert_eq!(
            simulated.echo.calls.lock().unwrap().len(),
            reached,
            "cut from {from}"
        );
        simulated.network.heal();
    }
    assert!(simulated.call(b"x").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_stream_over_a_cut_link_stalls_and_then_breaks() {
    let simulated = simulated(1);
    let opened = simulated.one.open_stream(TWO, "n2:1", SECOND).await;
    let (mut sender, mut receiver) = opened.unwrap();
    simulated.network.cut(TWO, ONE);
    let started = pga_runtime::now();
    sender.send(Bytes::from_static(b"x")).await.unwrap();
    let end = receiver.recv().await;
    assert!(matches!(end, Err(TransportError::Broken { .. })), "{end:?}");
    assert!(started.elapsed() >= 3 * SECOND);
    let opened = simulated.one.open_stream(TWO, "n2:1", SECOND).await;
    assert!(
        matches!(opened, Err(TransportError::Unreachable { .. })),
        "{opened:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_detached_node_breaks_what_it_served_and_is_found_at_its_new_address() {
    let simulated = simulated(1);
    let opened = simulated.one.open_stream(TWO, "n2:1", SECOND).await;
    let (mut sender, mut receiver) = opened.unwrap();
    let (network, echo) = (Arc::clone(&simulated.network), Arc::clone(&simulated.echo));
    let crash = async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        network.detach(TWO);
    };
    let (stuck, ()) = futures::future::join(simulated.call(b"stick"), crash).await;
    assert_eq!(stuck, Err(TransportError::Timeout { peer: TWO }));
    assert!(receiver.recv().await.is_err());
    assert!(sender.send(Bytes::from_static(b"x")).await.is_err());
    drop((sender, receiver, simulated.echo));
    tokio::task::yield_now().await;
    assert_eq!(
        Arc::strong_count(&echo),
        1,
        "the service of a former incarnation is dropped"
    );

    let gone = simulated
        .one
        .call(TWO, "n2:1", RpcKind::Vote, Bytes::new(), SECOND)
        .await;
    assert!(
        matches!(gone, Err(TransportError::Unreachable { .. })),
        "{gone:?}"
    );
    let moved: Arc<dyn Service> = echo;
    simulated
        .network
        .attach(TWO, "n2:2", simulated.dir.path().join("n2"), moved);
    let found = simulated
        .one
        .call(TWO, "n2:2", RpcKind::Vote, Bytes::new(), SECOND)
        .await;
    assert_eq!(found, Ok(Bytes::new()));
}
