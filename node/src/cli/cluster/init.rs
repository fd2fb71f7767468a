//! `pganalytics cluster init`.

use std::path::PathBuf;

use clap::Args;
use pga_config::{Member, NodeId};

use super::say;
use crate::cluster_files::{NewCluster, node_file};
use crate::{Error, Exit, Result};

/// Options of `cluster init`.
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// New directory for the files
    #[arg(long)]
    dir: PathBuf,
    /// A node as QUIC address and URL: 10.0.0.1:7080,https://10.0.0.1:8080 (once per node; the first creates the cluster)
    #[arg(long = "member", required = true, value_name = "HOST:PORT,URL")]
    members: Vec<String>,
    /// Data directory on the machines of the nodes
    #[arg(long, default_value = "/var/lib/pganalytics")]
    data_dir: PathBuf,
    /// Connection URL of a TimescaleDB that all nodes share; without it each node has its own store
    #[arg(long, env = "PGANALYTICS_TIMESCALE_URL", hide_env_values = true)]
    timescale: Option<String>,
}

pub(super) fn run(args: &InitArgs) -> Result<Exit> {
    if args.dir.exists() {
        let dir = args.dir.display();
        return Err(Error::Refused(format!(
            "{dir} exists: a cluster is made once"
        )));
    }
    let members = (1..).zip(&args.members).map(|(id, text)| member(id, text));
    let cluster = NewCluster {
        dir: args.dir.clone(),
        data_dir: Some(args.data_dir.clone()),
        members: members.collect::<Result<_>>()?,
        timescale: args.timescale.clone(),
        is_demo: false,
    };
    cluster.write()?;
    for member in &cluster.members {
        let file = node_file(&args.dir, member.id);
        say(&format!(
            "node {id}: copy {file} to its machine, and the content of {dir}/node-{id} to {data} there (mode 0700)",
            id = member.id.get(),
            file = file.display(),
            dir = args.dir.display(),
            data = args.data_dir.display(),
        ))?;
    }
    say("then, on each machine: pganalytics serve --config node-N.toml")
}

fn member(id: u64, text: &str) -> Result<Member> {
    let (quic, http) = text
        .split_once(',')
        .ok_or_else(|| Error::Refused(format!("--member {text}: write HOST:PORT,URL")))?;
    Ok(Member {
        id: NodeId::new(id),
        quic: quic.trim().to_owned(),
        http: http.trim().trim_end_matches('/').to_owned(),
    })
}
