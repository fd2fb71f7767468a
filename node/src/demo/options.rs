//! Options of `pganalytics demo`.

use std::path::PathBuf;

use clap::Args;

/// Options of `demo`.
#[derive(Clone, Debug, Args)]
pub(crate) struct DemoArgs {
    /// Directory of the cluster; an existing one goes on from where it was
    #[arg(long, default_value = "pganalytics-demo")]
    pub(super) dir: PathBuf,
    /// How many nodes
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=9))]
    pub(super) nodes: u16,
    /// TimescaleDB that all nodes share; without it each node has its own store
    #[arg(long, value_name = "URL")]
    pub(super) timescale: Option<String>,
    /// A PostgreSQL database to watch, once for each; without it a simulated server is watched
    #[arg(long, value_name = "URL")]
    pub(super) dsn: Vec<String>,
    /// HTTP port of the first node; the others follow
    #[arg(long, default_value_t = 8081)]
    pub(super) http_base_port: u16,
    /// QUIC port of the first node; the others follow
    #[arg(long, default_value_t = 7081)]
    pub(super) quic_base_port: u16,
    /// Feed the cluster with nothing
    #[arg(long)]
    pub(super) no_collector: bool,
    /// Serve HTTPS
    #[arg(long)]
    pub(super) tls: bool,
    /// Print one line of JSON on standard output once every node is ready
    #[arg(long)]
    pub(super) json: bool,
    /// End when standard input is closed
    #[arg(long, hide = true)]
    pub(super) exit_with_parent: bool,
}
