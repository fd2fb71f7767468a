//! What a process uses, from `/proc`.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::Context;
use pga_chaos_tests::until;

/// How much more resident memory than before a process may keep, in per cent.
const MORE_PERCENT: u64 = 5;
/// How long memory may take to go back; bounds a hang.
const RETURN: Duration = Duration::from_secs(60);
/// Memory has settled when it has not become less for so long: the allocator gives back after one
/// second what nobody uses.
const SETTLED: Duration = Duration::from_secs(3);
/// Clock ticks of `/proc/*/stat`: 100 a second on every Linux.
const TICK: Duration = Duration::from_millis(10);

/// The resident memory that a process had.
///
/// While it is measured the process is asked for something again and again, as every node is: the
/// allocator's own thread may miss that there is memory to give back until more is freed (it never
/// makes a thread that frees wait for it).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    pid: u32,
    before_kib: u64,
}

impl Memory {
    /// Of a process that has gone through its start and has its caches filled; waits until it has
    /// given back what it does not need. It is the most of the last seconds: a lucky low
    /// reading is nothing to hold a process to.
    pub(crate) async fn settled(
        pid: u32,
        mut ask: impl AsyncFnMut() -> anyhow::Result<()>,
    ) -> anyhow::Result<Self> {
        let mut least = resident_kib(pid)?;
        let (mut before_kib, mut since) = (least, Instant::now());
        while since.elapsed() < SETTLED {
            tokio::time::sleep(Duration::from_millis(100)).await;
            ask().await?;
            let now = resident_kib(pid)?;
            // Less than one part in a hundred is no reason to go on waiting.
            if now * 100 < least * 99 {
                (before_kib, since) = (now, Instant::now());
            }
            least = least.min(now);
            before_kib = before_kib.max(now);
        }
        Ok(Self { pid, before_kib })
    }

    /// Waits until the same process has no more than it had, but for [`MORE_PERCENT`].
    pub(crate) async fn is_back(
        &self,
        mut ask: impl AsyncFnMut() -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let before = self.before_kib;
        until("memory is back", RETURN, async || {
            let now = resident_kib(self.pid).map_err(|error| format!("{error:#}"))?;
            if now * 100 <= before * (100 + MORE_PERCENT) {
                return Ok(());
            }
            ask().await.map_err(|error| format!("{error:#}"))?;
            Err(format!("{now} KiB, before {before} KiB"))
        })
        .await
    }
}

/// Resident memory that the process has taken: pages of its program, which the kernel maps as they
/// are first run, are none that it could give back.
pub(crate) fn resident_kib(pid: u32) -> anyhow::Result<u64> {
    let path = format!("/proc/{pid}/status");
    let status = fs::read_to_string(path).context("the process is gone")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    let kib = line.context("the process is dead")?.trim_end_matches("kB");
    Ok(kib.trim().parse()?)
}

/// CPU time of all threads so far, of user and system.
pub(crate) fn cpu_time(pid: u32) -> anyhow::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).context("the process is gone")?;
    let (_, fields) = stat.rsplit_once(") ").context("bad stat")?;
    // Fields 14 and 15; the state, after the name, is field 3.
    let times = fields.split_whitespace().skip(11).take(2);
    let ticks: Vec<u32> = times.map(str::parse).collect::<Result<_, _>>()?;
    Ok(TICK * ticks.iter().sum::<u32>())
}
