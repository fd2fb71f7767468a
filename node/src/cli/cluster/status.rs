//! `pganalytics cluster status`.

use std::path::PathBuf;

use clap::Args;
use pga_client::Endpoint;
use pga_cluster::ClusterStatus;
use pga_config::Config;

use super::{environment, say};
use crate::admin::{AdminAnswer, AdminRequest, call};
use crate::cli::remote::{IdentityArgs, read_failed};
use crate::cli::status_table::{csv, table};
use crate::output::{Output, OutputArgs};
use crate::process::runtime;
use crate::{Error, Exit, Result};

const STATUS_PATH: &str = "/api/v1/cluster/status";

/// Options of `cluster status`.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Configuration file of a node that runs on this machine
    #[arg(
        long,
        short,
        value_name = "FILE",
        conflicts_with = "node",
        required_unless_present = "node"
    )]
    config: Option<PathBuf>,
    /// URL of any node
    #[arg(long, value_name = "URL")]
    node: Option<Endpoint>,
    #[command(flatten)]
    identity: IdentityArgs,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &StatusArgs) -> Result<Exit> {
    let status = match (&args.node, &args.config) {
        (Some(node), _) => over_http(&args.identity, node)?,
        (None, Some(config)) => {
            let config = Config::load(config, environment(), &[])?;
            match call(&config.node.data_dir, &AdminRequest::Status)? {
                AdminAnswer::Status { status } => status,
                _ => return Err(Error::Internal("unexpected answer of the node".to_owned())),
            }
        }
        (None, None) => return Err(Error::Refused("give --config or --node".to_owned())),
    };
    match args.output.form() {
        Output::Table => say(table(&status).trim_end()),
        Output::Csv => say(csv(&status).trim_end()),
        Output::Json => {
            let json = serde_json::to_string(&status);
            say(&json.map_err(|error| Error::Internal(error.to_string()))?)
        }
    }
}

fn over_http(identity: &IdentityArgs, node: &Endpoint) -> Result<ClusterStatus> {
    let mut reader = identity.reader(node)?;
    let reading = runtime(1)?.block_on(reader.get(STATUS_PATH));
    serde_json::from_value(reading.map_err(read_failed)?.body)
        .map_err(|error| Error::Unavailable(format!("{node} answers no status: {error}")))
}
