//! Ports nobody uses.

use std::net::{TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the range from which the kernel takes ports by itself, and beside that of the database
/// servers.
const RANGE: std::ops::Range<u16> = 10_000..19_000;

/// The next port to try in this process; 0 before the first.
static NEXT: AtomicU16 = AtomicU16::new(0);

/// The first of `count` consecutive ports that are free for TCP and UDP on loopback, not given out
/// before by this process.
///
/// # Errors
/// If there are none.
pub fn free_ports(count: u16) -> anyhow::Result<u16> {
    // Far from that of processes that were started just before and after: they have near numbers.
    let spread = std::process::id().wrapping_mul(0x9E37_79B1);
    let start = u16::try_from(spread % u32::from(RANGE.end - RANGE.start))?;
    for _ in 0..1_000 {
        let step = NEXT.fetch_add(count, Ordering::Relaxed);
        let span = RANGE.end - RANGE.start - count;
        let base = RANGE.start + (start.wrapping_add(step)) % span;
        let is_free = |port| {
            TcpListener::bind(("127.0.0.1", port)).is_ok()
                && UdpSocket::bind(("127.0.0.1", port)).is_ok()
        };
        if (base..base + count).all(is_free) {
            return Ok(base);
        }
    }
    anyhow::bail!("no {count} free ports in {RANGE:?}")
}
