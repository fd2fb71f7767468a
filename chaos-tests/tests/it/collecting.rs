//! `pganalytics collect` as a process of its own.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use pga_chaos_tests::{Cluster, program};

/// A running collector of one server; it ends with its value, as `kill -9` does it.
pub(crate) struct Collecting(Child);

impl Collecting {
    /// Starts it under an id, which is its host's name too.
    pub(crate) fn start(
        cluster: &Cluster,
        id: &str,
        dsn: &str,
        state: &Path,
        arguments: &[&str],
    ) -> anyhow::Result<Self> {
        let nodes: Vec<String> = cluster
            .endpoints()
            .iter()
            .map(ToString::to_string)
            .collect();
        let child = Command::new(program()?)
            .args(["collect", "--collector-id", id, "--hostname", id])
            .args(["--nodes", &nodes.join(","), "--dsn", dsn, "--state-dir"])
            .arg(state)
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self(child))
    }

    /// As `kill -9` does it.
    pub(crate) fn kill(mut self) -> anyhow::Result<()> {
        self.0.kill()?;
        self.0.wait()?;
        Ok(())
    }
}

impl Drop for Collecting {
    fn drop(&mut self) {
        let killed = self.0.kill().and_then(|()| self.0.wait());
        drop(killed);
    }
}
