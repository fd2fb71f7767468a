//! Real QUIC on loopback: what works, and how peers are lost and found.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::future::{BoxFuture, join_all};
use pga_cluster::Member;
use pga_cluster::pki::{ClusterKey, JoinAnswer, JoinBundle, JoinRequest, PkiError, Validity};
use pga_cluster::transport::{
    FrameReceiver, FrameSender, JoinError, Peer, QuicTransport, ReceivedSnapshot, RefusalReason,
    RpcKind, Service, ServiceError, SnapshotFile, Transport, TransportError, join,
};
use pga_config::NodeId;

use crate::transport_harness::{Cluster, Node, SECOND, start, wait_for};

async fn status(from: &Node, to: &Node, body: &'static [u8]) -> Result<Bytes, TransportError> {
    let body = Bytes::from_static(body);
    from.transport
        .call(to.id, &to.addr(), RpcKind::Status, body, 5 * SECOND)
        .await
}

#[tokio::test]
async fn calls_are_answered_and_the_service_sees_who_called() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node(1), cluster.node(2));
    assert_eq!(one.transport.rtt(two.id), None);
    assert_eq!(
        status(&one, &two, b"hello").await,
        Ok(Bytes::from_static(b"hello"))
    );
    assert_eq!(
        status(&two, &one, b"").await,
        Ok(Bytes::new()),
        "an empty body is a body"
    );
    let seen = two.service.calls.lock().unwrap().clone();
    assert_eq!(
        seen,
        [(
            Peer::Node(one.id),
            RpcKind::Status,
            Bytes::from_static(b"hello")
        )]
    );
    assert!(one.transport.rtt(two.id).unwrap() < SECOND);

    let reason = RefusalReason::Service("not the leader".into());
    let refused = TransportError::Refused {
        peer: two.id,
        reason,
    };
    assert_eq!(status(&one, &two, b"refuse").await, Err(refused));
    let failed = status(&one, &two, b"fail").await;
    assert!(
        matches!(failed, Err(TransportError::Broken { .. })),
        "{failed:?}"
    );
}

#[tokio::test]
async fn the_largest_body_passes_and_a_larger_one_is_refused_before_it_is_sent() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node(1), cluster.node(2));
    let body = Bytes::from(vec![7; 16 << 20]);
    let send = |body| {
        one.transport
            .call(two.id, "", RpcKind::Propose, body, 20 * SECOND)
    };
    assert_eq!(
        send(Bytes::from(vec![7; (16 << 20) + 1])).await,
        Err(TransportError::Refused {
            peer: two.id,
            reason: RefusalReason::Malformed
        })
    );
    let addr = two.addr();
    let answer = one
        .transport
        .call(two.id, &addr, RpcKind::Propose, body.clone(), 20 * SECOND)
        .await;
    assert!(answer == Ok(body), "16 MiB came back");
}

#[tokio::test]
async fn a_call_without_answer_times_out_as_unknown_and_nobody_there_is_unreachable() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node(1), cluster.node(2));
    assert!(status(&one, &two, b"warm").await.is_ok());
    let short = Duration::from_millis(200);
    let stick = Bytes::from_static(b"stick");
    let late = one
        .transport
        .call(two.id, &two.addr(), RpcKind::Status, stick, short)
        .await;
    assert_eq!(late, Err(TransportError::Timeout { peer: two.id }));

    let nobody = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let addr = nobody.local_addr().unwrap().to_string();
    let missing = NodeId::new(3);
    let gone = one
        .transport
        .call(missing, &addr, RpcKind::Vote, Bytes::new(), short)
        .await;
    assert!(
        matches!(gone, Err(TransportError::Unreachable { .. })),
        "{gone:?}"
    );
    let gone = one
        .transport
        .call(missing, "no port", RpcKind::Vote, Bytes::new(), SECOND)
        .await;
    assert!(
        matches!(gone, Err(TransportError::Unreachable { .. })),
        "{gone:?}"
    );
}

#[tokio::test]
async fn concurrent_callers_share_one_connection() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node(1), cluster.node(2));
    let answers = join_all((0..50).map(|_| status(&one, &two, b"x"))).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(two.metrics.inbound_connections(), 1);
}

#[tokio::test]
async fn frames_keep_their_order_and_the_end_is_orderly() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node(1), cluster.node(2));
    let (mut sender, mut receiver) = one
        .transport
        .open_stream(two.id, &two.addr(), 5 * SECOND)
        .await
        .unwrap();
    let writer = pga_runtime::spawn(async move {
        for number in 0..1_000_u32 {
            let size = if number % 100 == 0 { 1 << 20 } else { 8 };
            let mut frame = number.to_be_bytes().to_vec();
            frame.resize(size, 0);
            sender.send(frame.into()).await.unwrap();
        }
        assert!(
            sender.send(Bytes::new()).await.is_err(),
            "an empty frame is no frame"
        );
        sender.finish().await.unwrap();
    });
    for number in 0..1_000_u32 {
        let frame = receiver.recv().await.unwrap().unwrap();
        assert_eq!(frame[..4], number.to_be_bytes());
    }
    assert_eq!(receiver.recv().await, Ok(None));
    writer.await.unwrap();
}

#[tokio::test]
async fn a_sender_that_is_dropped_breaks_the_stream() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node(1), cluster.node(2));
    let (sender, mut receiver) = one
        .transport
        .open_stream(two.id, &two.addr(), 5 * SECOND)
        .await
        .unwrap();
    drop(sender);
    let end = tokio::time::timeout(5 * SECOND, receiver.recv())
        .await
        .unwrap();
    assert!(matches!(end, Err(TransportError::Broken { .. })), "{end:?}");
}

#[tokio::test]
async fn a_snapshot_arrives_whole_and_leaves_nothing_behind() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node(1), cluster.node(2));
    let big: Vec<u8> = (0..3_000_000_u32).map(|at| (at % 251) as u8).collect();
    let contents = [
        ("state.bin", big),
        ("empty", Vec::new()),
        ("small", b"x".to_vec()),
    ];
    let mut files = Vec::new();
    for (name, bytes) in &contents {
        let path = cluster.dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        files.push(SnapshotFile {
            name: (*name).to_owned(),
            path,
        });
    }
    let header = Bytes::from_static(b"header");
    let answer = one
        .transport
        .send_snapshot(two.id, &two.addr(), header.clone(), files, 5 * SECOND)
        .await;
    assert_eq!(answer, Ok(Bytes::from_static(b"installed")));
    let seen = two.service.snapshots.lock().unwrap().pop().unwrap();
    assert_eq!((seen.0, seen.1), (Peer::Node(one.id), header));
    let want = contents
        .iter()
        .map(|(name, bytes)| ((*name).to_owned(), bytes.clone()));
    assert!(seen.2 == want.collect::<Vec<_>>(), "contents differ");
    assert_eq!(std::fs::read_dir(&two.spool).unwrap().count(), 0);
}

#[tokio::test]
async fn a_name_outside_the_directory_is_refused_and_the_sender_learns_it() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node(1), cluster.node(2));
    let path = cluster.dir.path().join("file");
    std::fs::write(&path, vec![1; 4 << 20]).unwrap();
    let files = vec![SnapshotFile {
        name: "../escape".into(),
        path,
    }];
    let answer = one
        .transport
        .send_snapshot(two.id, &two.addr(), Bytes::new(), files, 5 * SECOND)
        .await;
    assert_eq!(
        answer,
        Err(TransportError::Refused {
            peer: two.id,
            reason: RefusalReason::Malformed
        })
    );
    assert!(two.service.snapshots.lock().unwrap().is_empty());
}

#[tokio::test]
async fn votes_pass_while_all_places_for_other_calls_are_taken() {
    let cluster = Cluster::new();
    let mut options = cluster.options(2);
    options.limits.calls = 4;
    let (one, two) = (cluster.node(1), start(options));
    let addr = two.addr();
    let stuck: Vec<_> = (0..4)
        .map(|_| {
            let (transport, addr) = (Arc::clone(&one.transport), addr.clone());
            let id = two.id;
            pga_runtime::spawn(async move {
                let body = Bytes::from_static(b"stick");
                transport
                    .call(id, &addr, RpcKind::Propose, body, 20 * SECOND)
                    .await
            })
        })
        .collect();
    wait_for("four stuck calls", || {
        two.service.stuck.load(Ordering::SeqCst) == 4
    })
    .await;
    assert_eq!(
        status(&one, &two, b"fifth").await,
        Err(TransportError::Refused {
            peer: two.id,
            reason: RefusalReason::Overloaded
        })
    );
    let vote = one.transport.call(
        two.id,
        &addr,
        RpcKind::Vote,
        Bytes::from_static(b"v"),
        SECOND,
    );
    assert_eq!(vote.await, Ok(Bytes::from_static(b"v")));
    stuck.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn a_peer_that_restarts_on_a_new_port_is_found_again() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node(1), cluster.node(2));
    assert!(status(&one, &two, b"before").await.is_ok());
    two.transport.shutdown().await;
    drop(two);
    let two = cluster.node(2);
    assert_eq!(
        status(&one, &two, b"after").await,
        Ok(Bytes::from_static(b"after"))
    );
}

#[tokio::test]
async fn a_peer_that_crashed_and_restarted_on_its_port_is_found_well_before_the_idle_timeout() {
    let cluster = Cluster::new();
    let one = cluster.node(1);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let mut options = cluster.options(2);
    let first = options.clone();
    let two = runtime.spawn(async move { start(first) }).await.unwrap();
    assert!(status(&one, &two, b"before").await.is_ok());
    let addr = two.transport.local_addr();
    options.listen = addr;
    // A crash says no goodbye: what would say it is stopped first.
    runtime.shutdown_background();
    drop(two);
    let started = pga_runtime::now();
    let two = loop {
        match std::net::UdpSocket::bind(addr) {
            Ok(socket) => {
                drop(socket);
                break start(options);
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
        assert!(started.elapsed() < 5 * SECOND, "port is not free");
    };
    let restarted = pga_runtime::now();
    let short = Duration::from_millis(300);
    while one
        .transport
        .call(
            two.id,
            &addr.to_string(),
            RpcKind::Vote,
            Bytes::from_static(b"v"),
            short,
        )
        .await
        .is_err()
    {
        assert!(
            restarted.elapsed() < 2 * SECOND,
            "the old connection was kept"
        );
    }
}

#[tokio::test]
async fn a_dead_peer_is_noticed_within_the_idle_timeout() {
    let cluster = Cluster::new();
    let one = cluster.node(1);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let options = cluster.options(2);
    let two = runtime.spawn(async move { start(options) }).await.unwrap();
    let (_sender, mut receiver) = one
        .transport
        .open_stream(two.id, &two.addr(), 5 * SECOND)
        .await
        .unwrap();
    assert!(status(&one, &two, b"alive").await.is_ok());
    std::mem::forget(two);
    runtime.shutdown_background();
    // After three seconds of silence, and whatever a busy machine adds.
    let end = tokio::time::timeout(30 * SECOND, receiver.recv())
        .await
        .unwrap();
    assert!(matches!(end, Err(TransportError::Broken { .. })), "{end:?}");
}

#[tokio::test]
async fn certificates_of_a_new_authority_are_taken_over_without_a_restart() {
    let (old, new) = (Cluster::new(), Cluster::new());
    let (one, two) = (old.node(1), old.node(2));
    assert!(status(&one, &two, b"before").await.is_ok());
    let both = [old.ca.certificate().clone(), new.ca.certificate().clone()];
    one.transport.reload(&new.identity(1), &both).unwrap();
    two.transport.reload(&new.identity(2), &both).unwrap();
    assert!(status(&one, &two, b"open connections stay").await.is_ok());
    let mut options = old.options(3);
    options.identity = new.identity(3);
    options.trusted = vec![new.ca.certificate().clone()];
    let three = start(options);
    assert!(status(&three, &two, b"new authority alone").await.is_ok());
    assert!(status(&one, &three, b"and back").await.is_ok());
}

/// Lets joiners in once per token.
struct Doorman {
    answer: JoinAnswer,
    spent: Mutex<Vec<[u8; 32]>>,
}

impl Service for Doorman {
    fn call(
        &self,
        from: Peer,
        kind: RpcKind,
        body: Bytes,
    ) -> BoxFuture<'_, Result<Bytes, ServiceError>> {
        Box::pin(async move {
            let Peer::Joiner { certificate_sha256 } = from else {
                return Err(ServiceError::refused("not a joiner"));
            };
            assert_eq!(kind, RpcKind::Join);
            assert_eq!(JoinRequest::decode(&body).unwrap().quic, "10.0.0.4:7080");
            let mut spent = self.spent.lock().unwrap();
            if spent.contains(&certificate_sha256) {
                return Err(ServiceError::refused("join token is spent"));
            }
            spent.push(certificate_sha256);
            Ok(self.answer.encode().unwrap())
        })
    }

    fn stream(&self, _: Peer, _: FrameSender, _: FrameReceiver) -> BoxFuture<'_, ()> {
        panic!("a joiner reached a stream")
    }

    fn snapshot(
        &self,
        _: Peer,
        _: Bytes,
        _: ReceivedSnapshot,
    ) -> BoxFuture<'_, Result<Bytes, ServiceError>> {
        panic!("a joiner reached a snapshot")
    }
}

#[tokio::test]
async fn a_joiner_is_let_in_once_even_if_the_first_node_is_away() {
    let cluster = Cluster::new();
    let validity = Validity::for_next(Validity::JOIN);
    let answer = JoinAnswer {
        node: NodeId::new(4),
        identity: cluster.identity(4),
        authority: cluster.ca.certificate().clone(),
        cluster_key: ClusterKey::random().unwrap(),
        cluster: cluster.id,
        members: Vec::new(),
    };
    let doorman = Arc::new(Doorman {
        answer: answer.clone(),
        spent: Mutex::default(),
    });
    let two = QuicTransport::bind(cluster.options(2), doorman).unwrap();
    let away = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let member = |node, addr: std::net::SocketAddr| Member {
        node: NodeId::new(node),
        quic: addr.to_string(),
        http: String::new(),
    };
    let bundle = JoinBundle {
        cluster: cluster.id,
        authority: cluster.ca.certificate().clone(),
        identity: cluster.ca.issue_join([5; 16], validity).unwrap(),
        token: [5; 16],
        members: vec![
            member(1, away.local_addr().unwrap()),
            member(2, two.local_addr()),
        ],
        expires_at: validity.not_after,
    };
    let bundle: JoinBundle = bundle.to_text().unwrap().parse().unwrap();
    let joined = join(&bundle, "10.0.0.4:7080", "http://10.0.0.4:8080")
        .await
        .unwrap();
    assert_eq!(joined.node, answer.node);
    assert_eq!(joined.cluster_key, answer.cluster_key);

    let again = JoinBundle {
        members: vec![member(2, two.local_addr())],
        ..bundle.clone()
    };
    let refused = join(&again, "10.0.0.4:7080", "").await;
    assert!(
        matches!(
            &refused,
            Err(JoinError::Transport(TransportError::Refused { .. }))
        ),
        "{refused:?}"
    );
    let late = JoinBundle {
        expires_at: pga_storage::Timestamp::from_micros(1),
        ..bundle
    };
    let refused = join(&late, "10.0.0.4:7080", "").await;
    assert!(
        matches!(refused, Err(JoinError::Pki(PkiError::Expired))),
        "{refused:?}"
    );
}
