//! What an operator does on the command line.

use std::path::Path;

use anyhow::{Context, ensure};
use tokio::process::Command;

use super::{Cluster, Node};
use crate::process::Process;
use crate::{free_ports, program};

impl Cluster {
    /// Runs `pganalytics cluster <args> --config <of node id>`; what it printed.
    ///
    /// # Errors
    /// If it fails, with what it said.
    pub async fn command(&self, id: u64, args: &[&str]) -> anyhow::Result<String> {
        let mut command = Command::new(program()?);
        command.arg("cluster").args(args);
        command.arg("--config").arg(&self.node(id)?.config);
        output(command).await
    }

    /// Lets a new node join through node 1, and waits until it is ready; its id.
    ///
    /// # Errors
    /// If any step fails, with what it said.
    pub async fn join(&mut self) -> anyhow::Result<u64> {
        let first = self.nodes.first().context("no nodes")?.id;
        let token = self.command(first, &["token"]).await?;
        let directory = self
            .directory
            .path()
            .join(format!("joined-{}", self.nodes.len()));
        let token_file = directory.with_extension("token");
        std::fs::write(&token_file, token)?;
        let port = free_ports(2)?;
        let http = format!("http://127.0.0.1:{port}");
        let mut command = Command::new(program()?);
        command.args(["cluster", "join", "--http", &http]);
        command.args(["--quic", &format!("127.0.0.1:{}", port + 1)]);
        command.arg("--token").arg(&token_file);
        command.arg("--dir").arg(&directory);
        if let Some(url) = &self.options.timescale {
            let add = directory.with_extension("toml");
            write_private(
                &add,
                &format!("\n[store]\nkind = \"timescale\"\ntimescale-url = \"{url}\"\n"),
            )?;
            command.arg("--add").arg(&add);
        }
        let said = output(command).await?;
        let id = said.split_whitespace().find_map(|word| word.parse().ok());
        let id = id.with_context(|| format!("no id in {said:?}"))?;
        self.nodes.push(Node {
            id,
            http: http.parse()?,
            config: directory.join("node.toml"),
            data: directory.join("data"),
            process: Process::new(0),
            child: None,
        });
        self.restart(id).await?;
        Ok(id)
    }
}

fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = std::fs::OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(path)?;
    Ok(file.write_all(text.as_bytes())?)
}

async fn output(mut command: Command) -> anyhow::Result<String> {
    let output = command.output().await?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(
        output.status.success(),
        "{command:?}: {} {said}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(said)
}
