//! `pganalytics cluster …`.

mod init;
mod join;
mod new_files;
mod status;

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use pga_config::{Config, NodeId, parse_duration};

pub(super) use self::new_files::NewFiles;
use crate::admin::{AdminAnswer, AdminRequest, call};
use crate::data_dir::file_error;
use crate::key_rotation::Rotated;
use crate::reload::Reloaded;
use crate::{Error, Exit, Result};

/// Commands on a cluster.
#[derive(Debug, Subcommand)]
pub(crate) enum ClusterCommand {
    /// Make certificates, secrets and configurations of a new cluster
    Init(init::InitArgs),
    /// Print a token with which one node can join (a secret)
    Token {
        #[command(flatten)]
        node: LocalNode,
        /// How long the token is valid
        #[arg(long, default_value = "24h", value_parser = parse_duration)]
        ttl: Duration,
    },
    /// Get an identity from a running cluster, and write this machine's configuration
    Join(join::JoinArgs),
    /// Show the nodes, who leads, and how far each is
    Status(status::StatusArgs),
    /// Hand the leadership over
    TransferLeader {
        #[command(flatten)]
        node: LocalNode,
        /// To which node
        #[arg(long)]
        to: NodeId,
    },
    /// Take a node out for ever: its id is not used again
    Remove {
        #[command(flatten)]
        node: LocalNode,
        /// Which node
        #[arg(long)]
        id: NodeId,
    },
    /// Build a snapshot now
    Snapshot {
        #[command(flatten)]
        node: LocalNode,
    },
    /// Let the node read its configuration again, as SIGHUP does: it takes what may change while it
    /// runs
    Reload {
        #[command(flatten)]
        node: LocalNode,
    },
    /// Change the key that seals the cluster's secrets, while its nodes run
    RotateKey {
        #[command(flatten)]
        node: LocalNode,
    },
    /// Make an actor panic (builds for fault tests only)
    #[command(hide = true)]
    InjectPanic {
        #[command(flatten)]
        node: LocalNode,
        /// Which actor
        #[arg(long)]
        actor: String,
    },
}

/// A node that runs on this machine, reached through the socket in its data directory.
#[derive(Debug, Args)]
pub(crate) struct LocalNode {
    /// Configuration file of a node that runs on this machine
    #[arg(long, short, value_name = "FILE")]
    config: PathBuf,
}

impl LocalNode {
    pub(super) fn ask(&self, request: &AdminRequest) -> Result<AdminAnswer> {
        let config = Config::load(&self.config, environment(), &[])?;
        call(&config.node.data_dir, request)
    }
}

/// The settings in the environment.
pub(super) fn environment() -> impl Iterator<Item = (String, String)> {
    let variables = std::env::vars_os();
    variables
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

pub(super) fn run(command: ClusterCommand) -> Result<Exit> {
    let answer = match command {
        ClusterCommand::Init(args) => return init::run(&args),
        ClusterCommand::Join(args) => return join::run(&args),
        ClusterCommand::Status(args) => return status::run(&args),
        ClusterCommand::Token { node, ttl } => node.ask(&AdminRequest::Token {
            ttl_seconds: ttl.as_secs(),
        }),
        ClusterCommand::TransferLeader { node, to } => {
            node.ask(&AdminRequest::TransferLeader { to })
        }
        ClusterCommand::Remove { node, id } => node.ask(&AdminRequest::Remove { node: id }),
        ClusterCommand::Snapshot { node } => node.ask(&AdminRequest::Snapshot),
        ClusterCommand::Reload { node } => node.ask(&AdminRequest::Reload),
        ClusterCommand::RotateKey { node } => node.ask(&AdminRequest::RotateKey),
        ClusterCommand::InjectPanic { node, actor } => {
            node.ask(&AdminRequest::InjectPanic { actor })
        }
    };
    match answer? {
        AdminAnswer::Done => say("done"),
        AdminAnswer::Token { token } => say(&token),
        AdminAnswer::Position { position } => say(&format!("snapshot as of {position}")),
        AdminAnswer::Reloaded { reloaded } => say_reloaded(&reloaded),
        AdminAnswer::KeyRotated { rotated } => say_rotated(&rotated),
        AdminAnswer::Status { .. }
        | AdminAnswer::Working { .. }
        | AdminAnswer::Staged { .. }
        | AdminAnswer::Users { .. }
        | AdminAnswer::Password { .. }
        | AdminAnswer::Failed { .. } => {
            Err(Error::Internal("unexpected answer of the node".to_owned()))
        }
    }
}

fn say_rotated(rotated: &Rotated) -> Result<Exit> {
    let list = |nodes: &[NodeId]| {
        let ids: Vec<String> = nodes.iter().map(ToString::to_string).collect();
        ids.join(", ")
    };
    let held = list(&rotated.held);
    say(&format!(
        "the cluster has a new key, and these nodes have it on disk: {held}"
    ))?;
    match rotated.later.is_empty() {
        true => Ok(Exit::Ok),
        false => say(&format!(
            "these were not reached, and take it when they are back: {}",
            list(&rotated.later)
        )),
    }
}

fn say_reloaded(reloaded: &Reloaded) -> Result<Exit> {
    for key in &reloaded.taken {
        say(&format!("{key}: taken"))?;
    }
    for key in &reloaded.need_restart {
        say(&format!("{key}: needs a restart"))?;
    }
    match reloaded == &Reloaded::default() {
        true => say("nothing has changed"),
        false => Ok(Exit::Ok),
    }
}

/// Writes a line to standard output.
pub(super) fn say(line: &str) -> Result<Exit> {
    writeln!(std::io::stdout().lock(), "{line}")
        .map_err(|error| file_error("write to", "standard output".as_ref(), error))?;
    Ok(Exit::Ok)
}
