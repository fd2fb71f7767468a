//! Row 74: datagrams that are noise, and handshakes that are begun and never go on.

use std::net::UdpSocket;
use std::time::Duration;

use anyhow::ensure;
use rand::{Rng, SeedableRng};

use super::Siege;
use super::intruder::{ALPN, peer_port};

const NOISE: u32 = 5_000;
/// Different handshakes, and how often each is sent from somewhere else.
const HANDSHAKES: usize = 40;
const SOURCES: usize = 25;

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
            let source = UdpSocket::bind("127.0.0.1:0")?;
            for packet in &initials {
                source.send_to(packet, to).ok();
            }
        }
        std::io::Result::Ok(initials.len())
    });
    ensure!(sent.await?? > HANDSHAKES / 2, "hardly any handshakes");
    Ok(())
}

/// The first packets of real handshakes, caught by a socket that never answers.
async fn first_packets(siege: &Siege) -> anyhow::Result<Vec<Vec<u8>>> {
    let catcher = tokio::net::UdpSocket::bind("127.0.0.1:0").await?;
    let identity = siege.stolen.identity(1)?;
    let mut packets = Vec::new();
    let mut buffer = vec![0; 2_000];
    for _ in 0..HANDSHAKES {
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
