//! The end of a cluster, and another one in its place.

use std::path::{Path, PathBuf};
use std::process::Output;

use anyhow::{Context, ensure};
use tokio::process::Command;

use super::Cluster;
use crate::program;

impl Cluster {
    /// Runs the program with these arguments; what became of it.
    ///
    /// # Errors
    /// If it cannot be started.
    pub async fn program(&self, args: &[&str]) -> anyhow::Result<Output> {
        let mut command = Command::new(program()?);
        let output = command.args(args).output().await;
        output.context("cannot run the program")
    }

    /// As [`Cluster::program`]; what it printed.
    ///
    /// # Errors
    /// If it fails, with what it said.
    pub async fn program_ok(&self, args: &[&str]) -> anyhow::Result<String> {
        let output = self.program(args).await?;
        ensure!(
            output.status.success(),
            "{args:?}: {} {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Kills all nodes at once and deletes all that they had.
    ///
    /// # Errors
    /// If one does not die, or a file stays.
    pub async fn destroy(&mut self) -> anyhow::Result<()> {
        for id in self.ids() {
            self.strike(id)?;
        }
        for id in self.ids() {
            self.kill(id).await?;
            let node = self.node(id)?;
            std::fs::remove_dir_all(&node.data)?;
            std::fs::remove_file(&node.config)?;
        }
        Ok(())
    }

    /// Runs `pganalytics restore` for as many nodes at the same addresses, with these arguments
    /// besides; where the new files are. The members are those that the nodes had, so that it can
    /// be called after [`Cluster::destroy`].
    ///
    /// # Errors
    /// If the program cannot be started.
    pub async fn restore(
        &self,
        members: &[String],
        args: &[&str],
    ) -> anyhow::Result<(PathBuf, Output)> {
        let dir = self.directory.path().join("restored");
        let dir_text = dir.to_str().context("a path as text")?;
        let mut all = vec!["restore", "--in-place", "--dir", dir_text];
        for member in members {
            all.extend(["--member", member]);
        }
        if let Some(url) = &self.options.timescale {
            all.extend(["--timescale", url]);
        }
        all.extend(args);
        let output = self.program(&all).await?;
        Ok((dir, output))
    }

    /// The nodes as `--member` wants them.
    ///
    /// # Errors
    /// If a configuration cannot be read.
    pub fn members(&self) -> anyhow::Result<Vec<String>> {
        let member = |node: &super::Node| {
            let text = std::fs::read_to_string(&node.config)?;
            let line = text
                .split("[quic]")
                .nth(1)
                .and_then(|rest| rest.split('"').nth(1));
            let quic = line.context("no address in the configuration")?;
            Ok(format!("{quic},{}", node.http))
        };
        self.nodes.iter().map(member).collect()
    }

    /// Starts the nodes whose files `restore` made in `dir`, in the place of those that are dead,
    /// and waits until they are ready.
    ///
    /// # Errors
    /// If one does not become ready; with the end of its log.
    pub async fn start_restored(&mut self, dir: &Path) -> anyhow::Result<()> {
        for node in &mut self.nodes {
            node.config = dir.join(format!("node-{}.toml", node.id));
            node.data = dir.join(format!("node-{}", node.id));
        }
        for id in self.ids() {
            self.spawn(id)?;
        }
        for id in self.ids() {
            self.wait_ready(id).await?;
        }
        Ok(())
    }
}
