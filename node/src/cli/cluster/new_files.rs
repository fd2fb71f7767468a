//! The files of a new cluster: who its nodes are, and where its files go.

use std::path::PathBuf;

use clap::Args;
use pga_config::{Member, NodeId};

use crate::cli::cluster::say;
use crate::cluster_files::{NewCluster, node_file};
use crate::data_dir::file_error;
use crate::{Error, Result};

/// Who the nodes of a new cluster are, and where its files go.
#[derive(Debug, Args)]
pub(crate) struct NewFiles {
    /// New directory for the files
    #[arg(long)]
    dir: PathBuf,
    /// A node as QUIC address and URL: 10.0.0.1:7080,https://10.0.0.1:8080 (once per node; the
    /// first creates a cluster that begins with nothing)
    #[arg(long = "member", required = true, value_name = "HOST:PORT,URL")]
    members: Vec<String>,
    /// Data directory on the machines of the nodes
    #[arg(long, default_value = "/var/lib/pganalytics")]
    data_dir: PathBuf,
    /// All nodes run on this machine, each with its data directory where it is made
    #[arg(long, conflicts_with = "data_dir")]
    in_place: bool,
    /// Connection URL of a TimescaleDB that all nodes share; without it each node has its own
    /// store
    #[arg(long, env = "PGANALYTICS_TIMESCALE_URL", hide_env_values = true)]
    timescale: Option<String>,
}

impl NewFiles {
    /// The cluster that they describe.
    ///
    /// # Errors
    /// `Refused` if a member is written wrong.
    pub(crate) fn cluster(&self) -> Result<NewCluster> {
        let members = (1..).zip(&self.members).map(|(id, text)| member(id, text));
        let dir = std::path::absolute(&self.dir);
        Ok(NewCluster {
            dir: dir.map_err(|error| file_error("find", &self.dir, error))?,
            data_dir: (!self.in_place).then(|| self.data_dir.clone()),
            members: members.collect::<Result<_>>()?,
            timescale: self.timescale.clone(),
            is_demo: false,
        })
    }

    /// Tells what to do with the files of `cluster`.
    ///
    /// # Errors
    /// `File` if nobody listens.
    pub(crate) fn explain(&self, cluster: &NewCluster) -> Result<()> {
        for member in cluster.members.iter().filter(|_| !self.in_place) {
            say(&format!(
                "node {id}: copy {file} to its machine, and the content of {dir}/node-{id} to {data} there (mode 0700)",
                id = member.id.get(),
                file = node_file(&cluster.dir, member.id).display(),
                dir = cluster.dir.display(),
                data = self.data_dir.display(),
            ))?;
        }
        let place = match self.in_place {
            true => format!(
                "for each node: pganalytics serve --config {}/",
                cluster.dir.display()
            ),
            false => "on each machine: pganalytics serve --config ".to_owned(),
        };
        say(&format!("then, {place}node-N.toml")).map(drop)
    }
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
