//! Row 74: datagrams that are noise, and handshakes that are begun and never go on.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use anyhow::ensure;
use pga_chaos_tests::until;
use rand::{Rng, SeedableRng};

use super::Siege;
use super::intruder::{ALPN, PATIENCE, peer_port};

const NOISE: u32 = 5_000;
/// Different handshakes, and how often each is sent from somewhere else.
const HANDSHAKES: usize = 40;
const SOURCES: usize = 25;
/// How a packet with such a token begins (RFC 9000, 17.2.5).
const RETRY: u8 = 0xf0;

pub(super) async fn datagrams(siege: &Siege) -> anyhow::Result<()> {
    let to = peer_port(siege.target()?)?;
    let initials = first_packets(siege).await?;
    let sent = tokio::task::spawn_blocking(move || {
        let mut random = rand::rngs::StdRng::seed_from_u64(74);
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        for round in 0..NOISE {
            let mut datagram = vec![0; random.random_range(0..1_400)];
            random.fill(datagram.as_mut_slice());
            // Half of them look like the first packet of a connection.
            if round % 2 == 0 && datagram.len() > 6 {
                datagram[..6].copy_from_slice(&[0xc3, 0, 0, 0, 1, 8]);
            }
            socket.send_to(&datagram, to).ok();
        }
        for _ in 0..SOURCES {
            send_all(&initials, to)?;
        }
        std::io::Result::Ok(initials)
    });
    let initials = sent.await??;
    ensure!(initials.len() > HANDSHAKES / 2, "hardly any handshakes");
    // Who cannot show that it receives what is sent to it gets no more than that.
    let mut sources = Vec::new();
    until("a retry token", PATIENCE, async || {
        sources.push(send_all(&initials, to).map_err(|error| error.to_string())?);
        let kinds: Vec<u8> = sources.iter().flat_map(answers).collect();
        if kinds.contains(&RETRY) {
            return Ok(());
        }
        Err(format!("{kinds:x?}"))
    })
    .await
}

/// Sends all packets from a new place.
fn send_all(packets: &[Vec<u8>], to: SocketAddr) -> std::io::Result<UdpSocket> {
    let source = UdpSocket::bind("127.0.0.1:0")?;
    source.set_nonblocking(true)?;
    for packet in packets {
        // A full queue loses it, as a network does.
        source.send_to(packet, to).ok();
    }
    Ok(source)
}

/// The kinds of the packets that have come back.
fn answers(source: &UdpSocket) -> Vec<u8> {
    let mut packet = [0; 2_000];
    let answers = std::iter::from_fn(|| source.recv_from(&mut packet).ok().map(|_| packet[0]));
    answers.map(|first| first & 0xf0).collect()
}

/// The first packets of real handshakes, caught by a socket that never answers.
async fn first_packets(siege: &Siege) -> anyhow::Result<Vec<Vec<u8>>> {
    let identity = siege.stolen.identity(1)?;
    let mut packets = Vec::new();
    let mut buffer = vec![0; 2_000];
    for _ in 0..HANDSHAKES {
        // Each catches its first packet only, not the one that gives up.
        let catcher = tokio::net::UdpSocket::bind("127.0.0.1:0").await?;
        let intruder = siege.stolen.client(Some(&identity), ALPN)?;
        let connecting = intruder.dial(catcher.local_addr()?, siege.target)?;
        let caught = catcher.recv_from(&mut buffer);
        if let Ok(caught) = tokio::time::timeout(Duration::from_secs(5), caught).await {
            packets.push(buffer[..caught?.0].to_vec());
        }
        drop(connecting);
        intruder.endpoint.close(0_u32.into(), b"");
    }
    Ok(packets)
}
