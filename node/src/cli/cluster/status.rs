//! `pganalytics cluster status`.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use clap::Args;
use http::Method;
use pga_cluster::ClusterStatus;
use pga_config::Config;

use super::{environment, say};
use crate::admin::{AdminAnswer, AdminRequest, call};
use crate::cli::status_table::table;
use crate::process::runtime;
use crate::{Error, Exit, Result};
use pga_client::{ClientOptions, Endpoint, HttpClient};

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
    /// Certificate authority of an https URL (PEM)
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Access token, where the status is not open
    #[arg(long, env = "PGANALYTICS_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// One line of JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &StatusArgs) -> Result<Exit> {
    let status = match (&args.node, &args.config) {
        (Some(node), _) => over_http(args, node)?,
        (None, Some(config)) => {
            let config = Config::load(config, environment(), &[])?;
            match call(&config.node.data_dir, &AdminRequest::Status)? {
                AdminAnswer::Status { status } => status,
                _ => return Err(Error::Internal("unexpected answer of the node".to_owned())),
            }
        }
        (None, None) => return Err(Error::Refused("give --config or --node".to_owned())),
    };
    if args.json {
        let json = serde_json::to_string(&status);
        return say(&json.map_err(|error| Error::Internal(error.to_string()))?);
    }
    say(table(&status).trim_end())
}

fn over_http(args: &StatusArgs, node: &Endpoint) -> Result<ClusterStatus> {
    let failed =
        |error: pga_client::ClientError| Error::Unavailable(pga_runtime::error_chain(&error));
    let mut options = ClientOptions::default();
    if let Some(ca) = &args.ca {
        options = options.with_ca_file(ca).map_err(failed)?;
    }
    let answer = runtime(1)?.block_on(async {
        let mut client = HttpClient::new(node.clone(), Arc::new(options));
        client
            .send(
                Method::GET,
                STATUS_PATH,
                args.token.as_deref(),
                Bytes::new(),
            )
            .await
    });
    let answer = answer.map_err(failed)?;
    if !answer.status.is_success() {
        let text = answer.text_start();
        return Err(Error::Refused(format!(
            "{node} answers {}: {text}",
            answer.status
        )));
    }
    serde_json::from_slice(&answer.body)
        .map_err(|error| Error::Unavailable(format!("{node} answers no status: {error}")))
}
