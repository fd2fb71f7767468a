//! When the host took a core away.
//!
//! On each core a thread of the highest priority (`SCHED_FIFO`, sched(7)) does nothing but sleep
//! for a millisecond, again and again. No program of this machine can keep it from waking up in
//! time; if it does wake up late, its core was not running, or deep in the kernel.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use rustix::thread::{CpuSet, gettid, sched_setaffinity};

const SLEEP: Duration = Duration::from_millis(1);
/// A wake-up that is later than this is a stall.
const STALL: Duration = Duration::from_millis(1);
/// What a stall does to a push that begins up to this long after it: it waits for the work that
/// piled up.
const BEFORE: Duration = Duration::from_millis(20);
/// What a push may take undisturbed. Whether a push counts as disturbed must not depend on how long
/// it took, or the slow ones would be picked out.
const AFTER: Duration = Duration::from_millis(50);

/// The threads that watch the cores.
#[derive(Debug)]
pub(crate) struct Watch {
    is_over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<anyhow::Result<Vec<Stall>>>>,
}

/// A time without a core: from when to when.
#[derive(Clone, Copy, Debug)]
struct Stall {
    from: Instant,
    to: Instant,
}

/// All stalls of a time.
#[derive(Debug)]
pub(crate) struct Stalls(Vec<Stall>);

impl Watch {
    /// Begins to watch. Needs root, and `chrt`.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let is_over = Arc::new(AtomicBool::new(false));
        let cores = thread::available_parallelism()?.get();
        let threads = (0..cores).map(|core| {
            let over = Arc::clone(&is_over);
            thread::spawn(move || watch(core, &over))
        });
        let threads = threads.collect();
        Ok(Self { is_over, threads })
    }

    /// Ends it.
    pub(crate) fn stop(self) -> anyhow::Result<Stalls> {
        self.is_over.store(true, Ordering::Relaxed);
        let mut all = Vec::new();
        for thread in self.threads {
            all.extend(thread.join().ok().context("a watch panicked")??);
        }
        Ok(Stalls(all))
    }
}

impl Stalls {
    /// How many, and how long together, of all cores.
    pub(crate) fn total(&self) -> (usize, Duration) {
        let length = |stall: &Stall| stall.to - stall.from;
        (self.0.len(), self.0.iter().map(length).sum())
    }

    /// Whether there was none about the time `begun`.
    pub(crate) fn spared(&self, begun: Instant) -> bool {
        let is_near = |stall: &Stall| stall.to + BEFORE > begun && stall.from < begun + AFTER;
        !self.0.iter().any(is_near)
    }
}

fn watch(core: usize, is_over: &AtomicBool) -> anyhow::Result<Vec<Stall>> {
    let mut own = CpuSet::new();
    own.set(core);
    sched_setaffinity(None, &own).with_context(|| format!("core {core}"))?;
    let tid = gettid().as_raw_nonzero().to_string();
    let set = Command::new("chrt")
        .args(["--fifo", "--pid", "50", &tid])
        .output();
    let set = set.context("chrt")?;
    ensure!(
        set.status.success(),
        "{}",
        String::from_utf8_lossy(&set.stderr)
    );
    let mut stalls = Vec::new();
    let mut from = Instant::now();
    while !is_over.load(Ordering::Relaxed) {
        thread::sleep(SLEEP);
        let to = Instant::now();
        if to - from > SLEEP + STALL {
            stalls.push(Stall { from, to });
        }
        from = to;
    }
    Ok(stalls)
}
