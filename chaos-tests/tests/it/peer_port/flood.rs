//! Row 74: datagrams that are noise, and handshakes that are begun and never go on.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use anyhow::ensure;
use pga_chaos_tests::until;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::time::MissedTickBehavior;

use super::Siege;
use super::intruder::{ALPN, PATIENCE, peer_port};
use crate::proc::cpu_time;

/// Different handshakes. All of them are sent from each source.
const HANDSHAKES: usize = 40;
const SOURCES: usize = 100;
/// Datagrams of noise before the handshakes of each source.
const NOISE: usize = 100;
/// Between two sources: not more than 5,600 datagrams a second, however fast the sender is.
const STEP: Duration = Duration::from_millis(25);
/// How a packet with such a token begins (RFC 9000, 17.2.5).
const RETRY: u8 = 0xf0;

pub(super) async fn datagrams(siege: &Siege) -> anyhow::Result<()> {
    let to = peer_port(siege.target()?)?;
    let initials = first_packets(siege).await?;
    ensure!(initials.len() > HANDSHAKES / 2, "hardly any handshakes");
    let pid = siege.target()?.pid();
    let (began, used) = (Instant::now(), cpu_time(pid)?);
    flood(&initials, to).await?;
    // Both clocks run longer where the machine is slow.
    let (used, took) = (cpu_time(pid)? - used, began.elapsed());
    ensure!(
        used < took,
        "{used:?} of CPU time in {took:?}: more than one core"
    );
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

/// Noise, and the beginnings of handshakes from many places.
async fn flood(initials: &[Vec<u8>], to: SocketAddr) -> anyhow::Result<()> {
    let mut random = StdRng::seed_from_u64(74);
    let mut step = tokio::time::interval(STEP);
    step.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for _ in 0..SOURCES {
        step.tick().await;
        let noise: Vec<Vec<u8>> = (0..NOISE).map(|n| noise(&mut random, n)).collect();
        send_all(&noise, to)?;
        send_all(initials, to)?;
    }
    Ok(())
}

/// Half of it looks like the first packet of a connection.
fn noise(random: &mut StdRng, n: usize) -> Vec<u8> {
    let mut datagram = vec![0; random.random_range(0..1_400)];
    random.fill(datagram.as_mut_slice());
    if n.is_multiple_of(2) && datagram.len() > 6 {
        datagram[..6].copy_from_slice(&[0xc3, 0, 0, 0, 1, 8]);
    }
    datagram
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
