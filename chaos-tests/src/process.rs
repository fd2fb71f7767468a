//! Signals to processes this harness started, directly or through the demo.

use std::fs;
use std::time::Duration;

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};

use crate::until;

/// A node's process, by its pid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Process(u32);

impl Process {
    pub(crate) const fn new(pid: u32) -> Self {
        Self(pid)
    }

    pub(crate) const fn pid(self) -> u32 {
        self.0
    }

    /// Whether any of it runs: it is neither gone, nor dead and waiting for its parent, nor another
    /// program under the same pid.
    ///
    /// A thread that is inside a system call outlives the first thread, and holds the files open
    /// that long.
    pub(crate) fn is_alive(self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0)).unwrap_or_default();
        let mut fields = stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .split_whitespace();
        let is_ours = stat.contains("(pganalytics");
        let has_ended = matches!(fields.next(), None | Some("Z" | "X"));
        is_ours && (!has_ended || self.threads().count() > 1)
    }

    /// Sends a signal; nothing happens if the process is gone.
    pub(crate) fn signal(self, signal: Signal) -> anyhow::Result<()> {
        if !self.is_alive() {
            return Ok(());
        }
        let pid = i32::try_from(self.0).ok().and_then(Pid::from_raw);
        let pid = pid.with_context(|| format!("bad pid {}", self.0))?;
        kill_process(pid, signal).with_context(|| format!("cannot signal {}", self.0))
    }

    /// Stops it (SIGSTOP), and waits until none of its threads runs; one that is inside a system
    /// call is stopped at its end.
    pub(crate) async fn freeze(self) -> anyhow::Result<()> {
        self.signal(Signal::STOP)?;
        until("process is stopped", Duration::from_secs(10), async || {
            let running = self
                .threads()
                .find(|state| !matches!(state, 'T' | 'D' | 'Z' | 'X'));
            running.map_or(Ok(()), Err)
        })
        .await
    }

    /// The states of its threads.
    fn threads(self) -> impl Iterator<Item = char> {
        let threads = fs::read_dir(format!("/proc/{}/task", self.0));
        let stats = threads.into_iter().flatten().flatten();
        stats.filter_map(|thread| {
            let stat = fs::read_to_string(thread.path().join("stat")).ok()?;
            stat.rsplit(')').next()?.trim_start().chars().next()
        })
    }

    /// Kills it and waits until it is dead.
    pub(crate) async fn kill(self) -> anyhow::Result<()> {
        self.signal(Signal::KILL)?;
        until("process is dead", Duration::from_secs(10), async || {
            if self.is_alive() { Err(self) } else { Ok(()) }
        })
        .await
    }
}
