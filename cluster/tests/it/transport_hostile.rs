//! What must not get through the peer port: bad inputs 67 to 76.

use std::time::Duration;

use bytes::Bytes;
use pga_cluster::ClusterId;
use pga_cluster::pki::Validity;
use pga_cluster::transport::{RefusalReason, RpcKind, Transport, TransportError};
use pga_config::{CollectorId, NodeId};
use pga_storage::Timestamp;

use crate::transport_harness::{
    Cluster, Node, Raw, SECOND, exchange, framed, hello, start, wait_for,
};

const ALPN: &[u8] = b"pga-raft/1";
/// Opening and kind of a status call.
const STATUS: [u8; 2] = [2, 7];

fn vote(from: &Node, to: &Node) -> impl Future<Output = Result<Bytes, TransportError>> {
    let (transport, id, addr) = (from.transport.clone(), to.id, to.addr());
    async move {
        transport
            .call(
                id,
                &addr,
                RpcKind::Vote,
                Bytes::from_static(b"v"),
                4 * SECOND,
            )
            .await
    }
}

fn nothing_arrived(node: &Node) {
    assert!(
        node.service.calls.lock().unwrap().is_empty(),
        "a call reached the service"
    );
}

#[tokio::test]
async fn a_certificate_that_is_missing_foreign_or_expired_ends_in_tls() {
    let cluster = Cluster::new();
    let two = cluster.node(2);
    let stranger = Cluster::new().identity(1);
    let second = 1_000_000;
    let past = Validity {
        not_before: Timestamp::from_micros(second),
        not_after: Timestamp::from_micros(1_000_000 * second),
    };
    let expired = cluster.ca.issue_node(NodeId::new(1), past).unwrap();
    let https = cluster
        .ca
        .issue_https(&["127.0.0.1".into()], Validity::for_next(SECOND))
        .unwrap();
    for (name, identity) in [
        ("none", None),
        ("other authority", Some(&stranger)),
        ("expired", Some(&expired)),
        ("server only", Some(&https)),
    ] {
        let before = two.metrics.refused_by_server("tls");
        let raw = Raw::new(cluster.ca.certificate(), identity, ALPN);
        // With TLS 1.3 the client may believe for a moment that it is connected.
        if let Ok(connection) = raw.connect(two.transport.local_addr(), 2).await {
            let why = tokio::time::timeout(4 * SECOND, connection.closed())
                .await
                .unwrap();
            assert!(
                why.to_string().contains("handshake failed"),
                "{name}: {why}"
            );
        }
        wait_for(name, || two.metrics.refused_by_server("tls") == before + 1).await;
    }
    nothing_arrived(&two);
}

#[tokio::test]
async fn a_server_with_another_name_or_authority_is_not_talked_to() {
    let cluster = Cluster::new();
    let (one, three) = (cluster.node(1), cluster.node(3));
    let addr = three.addr();
    let wrong = one.transport.call(
        NodeId::new(2),
        &addr,
        RpcKind::Vote,
        Bytes::from_static(b"v"),
        4 * SECOND,
    );
    let wrong = wrong.await;
    assert!(
        matches!(wrong, Err(TransportError::Unreachable { .. })),
        "{wrong:?}"
    );
    nothing_arrived(&three);
    let foreign = Cluster::new().node(3);
    let wrong = vote(&one, &foreign).await;
    assert!(
        matches!(wrong, Err(TransportError::Unreachable { .. })),
        "{wrong:?}"
    );
    nothing_arrived(&foreign);
}

#[tokio::test]
async fn another_cluster_of_the_same_authority_is_refused_by_name() {
    let cluster = Cluster::new();
    let mut options = cluster.options(1);
    options.cluster = ClusterId::random();
    let (one, two) = (start(options), cluster.node(2));
    let reason = RefusalReason::ClusterMismatch;
    assert_eq!(
        vote(&one, &two).await,
        Err(TransportError::Refused {
            peer: two.id,
            reason
        })
    );
    two.refused("cluster_mismatch").await;
    nothing_arrived(&two);
}

#[tokio::test]
async fn an_id_that_is_ours_or_not_in_the_certificate_is_refused() {
    let cluster = Cluster::new();
    let two = cluster.node(2);
    let (joiner, collector) = {
        let validity = Validity::for_next(Validity::JOIN);
        let join = cluster.ca.issue_join([1; 16], validity).unwrap();
        (
            join,
            cluster
                .ca
                .issue_collector(CollectorId::FINDINGS, "node-1.cluster", validity)
                .unwrap(),
        )
    };
    for (name, identity, from, to) in [
        ("another node's id", cluster.identity(3), 1, 2),
        ("our own id", cluster.identity(2), 2, 2),
        ("meant for another", cluster.identity(1), 1, 5),
        ("join certificate as node", joiner, 1, 2),
        ("collector certificate as node", collector, 1, 2),
    ] {
        let before = two.metrics.refused_by_server("node_mismatch");
        let raw = Raw::new(cluster.ca.certificate(), Some(&identity), ALPN);
        let connection = raw.connect(two.transport.local_addr(), 2).await.unwrap();
        let answer = exchange(&connection, &hello(1, cluster.id, from, to))
            .await
            .unwrap();
        assert_eq!(answer.get(4), Some(&2), "{name}: {answer:?}");
        let closed = tokio::time::timeout(4 * SECOND, connection.closed())
            .await
            .unwrap();
        assert!(
            closed.to_string().contains("node_mismatch"),
            "{name}: {closed}"
        );
        assert_eq!(
            two.metrics.refused_by_server("node_mismatch"),
            before + 1,
            "{name}"
        );
    }
    nothing_arrived(&two);
}

#[tokio::test]
async fn another_protocol_or_version_is_refused() {
    let cluster = Cluster::new();
    let two = cluster.node(2);
    let raw = Raw::new(cluster.ca.certificate(), Some(&cluster.identity(1)), b"h3");
    assert!(raw.connect(two.transport.local_addr(), 2).await.is_err());
    two.refused("alpn").await;

    let raw = Raw::new(cluster.ca.certificate(), Some(&cluster.identity(1)), ALPN);
    let connection = raw.connect(two.transport.local_addr(), 2).await.unwrap();
    let answer = exchange(&connection, &hello(2, cluster.id, 1, 2))
        .await
        .unwrap();
    assert_eq!(answer.get(4), Some(&3), "{answer:?}");
    two.refused("version_mismatch").await;
    nothing_arrived(&two);
}

/// A connection that has said hello properly, as node 1.
async fn greeted(cluster: &Cluster, to: &Node) -> (Raw, quinn::Connection) {
    let raw = Raw::new(cluster.ca.certificate(), Some(&cluster.identity(1)), ALPN);
    let connection = raw
        .connect(to.transport.local_addr(), to.id.get())
        .await
        .unwrap();
    let hello = hello(1, cluster.id, 1, to.id.get());
    let answer = exchange(&connection, &hello).await.unwrap();
    assert_eq!(answer.get(4), Some(&0), "{answer:?}");
    (raw, connection)
}

#[tokio::test]
async fn frames_of_impossible_length_reset_the_stream_and_spare_the_connection() {
    let cluster = Cluster::new();
    let two = cluster.node(2);
    let (_raw, connection) = greeted(&cluster, &two).await;
    let whole = framed(&[&STATUS[..], b"body"].concat());
    for (name, bytes) in [
        ("2^62, as QUIC would write it", vec![0xff; 8]),
        ("2^32 - 1", vec![0xff, 0xff, 0xff, 0xff, 2, 7]),
        (
            "one over the cap",
            ((16_u32 << 20) + 65).to_be_bytes().to_vec(),
        ),
        ("0", vec![0; 4]),
        ("cut in the length", whole[..3].to_vec()),
        ("cut in the body", whole[..whole.len() - 1].to_vec()),
        ("empty", Vec::new()),
    ] {
        let answer = exchange(&connection, &bytes).await;
        assert!(
            matches!(
                answer,
                Err(quinn::ReadToEndError::Read(quinn::ReadError::Reset(_)))
            ),
            "{name}: {answer:?}"
        );
    }
    nothing_arrived(&two);
    for (name, body) in [
        ("unknown opening", vec![9, 9]),
        ("unknown kind", vec![2, 99]),
        ("no kind", vec![2]),
    ] {
        let answer = exchange(&connection, &framed(&body)).await.unwrap();
        assert_eq!(answer[4..], [1, 5], "{name}");
    }
    nothing_arrived(&two);
    let answer = exchange(&connection, &whole).await.unwrap();
    assert_eq!(answer[4..], *b"\0body");
}

#[tokio::test]
async fn streams_that_are_never_finished_are_capped_then_given_up() {
    let cluster = Cluster::new();
    let mut options = cluster.options(2);
    options.limits.request_timeout = SECOND;
    options.limits.concurrent_streams = 64;
    let two = start(options);
    let (_raw, connection) = greeted(&cluster, &two).await;
    let mut held = Vec::new();
    let more = async {
        for _ in 0..10_000 {
            let (mut send, recv) = connection.open_bi().await.unwrap();
            send.write_all(&[0, 0, 1, 0, 2, 7, 1, 2, 3]).await.ok();
            held.push((send, recv));
        }
    };
    let capped = tokio::time::timeout(Duration::from_millis(700), more).await;
    assert!(capped.is_err(), "10,000 streams were opened");
    assert!(held.len() <= 64, "{} streams", held.len());
    for (_, recv) in &mut held {
        let end = tokio::time::timeout(4 * SECOND, recv.read_to_end(16))
            .await
            .unwrap();
        assert!(matches!(
            end,
            Err(quinn::ReadToEndError::Read(quinn::ReadError::Reset(_)))
        ));
    }
    drop(held);
    let request = framed(&[&STATUS[..], b"ok"].concat());
    let one_more = exchange(&connection, &request);
    assert_eq!(one_more.await.unwrap()[4..], *b"\0ok");
}

#[tokio::test]
async fn a_connection_that_never_says_hello_is_closed() {
    let cluster = Cluster::new();
    let mut options = cluster.options(2);
    options.limits.handshake_timeout = SECOND;
    let two = start(options);
    let raw = Raw::new(cluster.ca.certificate(), Some(&cluster.identity(1)), ALPN);
    let connection = raw.connect(two.transport.local_addr(), 2).await.unwrap();
    tokio::time::timeout(4 * SECOND, connection.closed())
        .await
        .unwrap();
    two.refused("timeout").await;
}

/// Frames of a snapshot with one file `a` of 8 bytes.
fn snapshot(frames: &[Vec<u8>]) -> Vec<u8> {
    let mut out = framed(&[4]);
    frames.iter().for_each(|frame| out.extend(framed(frame)));
    out
}

fn file(name: &[u8], size: u64) -> Vec<u8> {
    [&[1], &size.to_be_bytes()[..], name].concat()
}

fn chunk(offset: u64, crc: u32, data: &[u8]) -> Vec<u8> {
    [
        &[2],
        &offset.to_be_bytes()[..],
        &crc.to_be_bytes()[..],
        data,
    ]
    .concat()
}

fn end(files: u32, bytes: u64) -> Vec<u8> {
    [&[3], &files.to_be_bytes()[..], &bytes.to_be_bytes()[..]].concat()
}

#[tokio::test]
async fn a_snapshot_out_of_order_damaged_or_endless_is_discarded() {
    let cluster = Cluster::new();
    let mut options = cluster.options(2);
    options.limits.snapshot_bytes = 1_000;
    options.limits.request_timeout = SECOND;
    let two = start(options);
    let (_raw, connection) = greeted(&cluster, &two).await;
    let data = *b"8 bytes.";
    let crc = crc32c::crc32c(&data);
    let good = [file(b"a", 8), chunk(0, crc, &data), end(1, 8)];
    for (name, frames) in [
        (
            "wrong checksum",
            vec![file(b"a", 8), chunk(0, crc ^ 1, &data), end(1, 8)],
        ),
        (
            "out of order",
            vec![
                file(b"a", 16),
                chunk(8, crc, &data),
                chunk(0, crc, &data),
                end(1, 16),
            ],
        ),
        (
            "longer than said",
            vec![file(b"a", 7), chunk(0, crc, &data), end(1, 8)],
        ),
        (
            "shorter than said",
            vec![file(b"a", 9), chunk(0, crc, &data), end(1, 8)],
        ),
        ("endless", vec![file(b"a", 1_001)]),
        (
            "same name twice",
            vec![file(b"a", 0), file(b"a", 0), end(2, 0)],
        ),
        ("path", vec![file(b"../a", 0), end(1, 0)]),
        ("chunk without file", vec![chunk(0, crc, &data)]),
        (
            "wrong count",
            vec![file(b"a", 8), chunk(0, crc, &data), end(2, 8)],
        ),
    ] {
        let answer = exchange(&connection, &snapshot(&frames)).await.unwrap();
        assert_eq!(answer[4..], [1, 5], "{name}");
    }
    let cut = exchange(&connection, &snapshot(&good[..2])).await;
    assert!(cut.is_err(), "a snapshot without its end mark: {cut:?}");
    assert!(two.service.snapshots.lock().unwrap().is_empty());
    wait_for("empty spool", || {
        std::fs::read_dir(&two.spool).unwrap().count() == 0
    })
    .await;

    let answer = exchange(&connection, &snapshot(&good)).await.unwrap();
    assert_eq!(answer[4..], *b"\0installed");
}

#[tokio::test]
async fn random_datagrams_do_not_disturb_the_peers() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.node(1), cluster.node(2));
    assert!(vote(&one, &two).await.is_ok());
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    for round in 0..2_000_u32 {
        // Half of them look like the first packet of a connection.
        let first = if round % 2 == 0 { 0xc3 } else { 0x40 };
        let mut datagram: Vec<u8> = (0..1_200_u32).map(|at| (at * 31 + round) as u8).collect();
        datagram[..6].copy_from_slice(&[first, 0, 0, 0, 1, 8]);
        socket.send_to(&datagram, two.transport.local_addr()).ok();
    }
    assert_eq!(vote(&one, &two).await, Ok(Bytes::from_static(b"v")));
}
