//! What the machine does to any program: time its host takes away, disk syncs.

use std::fs;
use std::io::Write;
use std::time::Instant;

use anyhow::Context;

use crate::durations::Durations;

/// Syncs of the disk probe.
const SYNCS: u32 = 300;
/// Bytes written before each of them.
const SYNC_BYTES: usize = 8 << 10;

/// CPU time of the machine so far, in clock ticks of all cores.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CpuTicks {
    all: u64,
    stolen: u64,
}

impl CpuTicks {
    /// As the kernel has counted them.
    pub(crate) fn now() -> anyhow::Result<Self> {
        let stat = fs::read_to_string("/proc/stat")?;
        let line = stat
            .lines()
            .next()
            .and_then(|line| line.strip_prefix("cpu "));
        // User, nice, system, idle, iowait, irq, softirq, steal; what follows is counted in user
        // and nice already.
        let ticks = line.context("no cpu line")?.split_whitespace().take(8);
        let ticks: Vec<u64> = ticks.map(str::parse).collect::<Result<_, _>>()?;
        Ok(Self {
            all: ticks.iter().sum(),
            stolen: ticks.get(7).copied().context("no steal")?,
        })
    }

    /// Percent of the time since `earlier`, idle or not, that the host gave to others.
    pub(crate) fn stolen_since(self, earlier: Self) -> f64 {
        let all = self.all.saturating_sub(earlier.all).max(1);
        self.stolen.saturating_sub(earlier.stolen) as f64 * 100.0 / all as f64
    }
}

/// Times of single `fdatasync` calls after 8 KiB were added to a file, where clusters have their
/// data.
pub(crate) fn syncs() -> anyhow::Result<Durations> {
    let mut file = tempfile::tempfile()?;
    let mut times = Vec::new();
    for _ in 0..SYNCS {
        let begun = Instant::now();
        file.write_all(&[0xA5; SYNC_BYTES])?;
        file.sync_data()?;
        times.push(begun.elapsed());
    }
    Ok(times.into())
}
