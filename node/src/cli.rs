//! The command line.

mod backup;
mod channel;
mod check_config;
mod cluster;
mod collect;
mod config_args;
mod explain;
mod load;
mod manuals;
mod remote;
mod restore;
mod serve;
mod status_table;
mod top;
mod user;
mod why;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::collect::CollectArgs;
use crate::demo::DemoArgs;
use crate::{Exit, Result, demo};
use pga_loadgen::LoadArgs;

/// What scripts may rely on; see [`Exit`].
const EXIT_CODES: &str = "Exit codes:
   0  all went well
   1  the work was done and its result is bad, or it was refused
  64  the command line is wrong
  65  files are damaged, or of a newer version
  66  a file is missing
  69  nothing answers at the other end
  70  a fault of the program
  71  the port is in use
  74  reading or writing a file failed
  75  another process holds the data directory
  76  a newer version of the program is needed
  77  the rights of a file are wrong, or a node does not allow it
  78  the configuration is wrong";

/// Clustered PostgreSQL monitoring.
#[derive(Debug, Parser)]
#[command(name = "pganalytics", version, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a cluster on this machine from nothing, to try it out
    Demo(DemoArgs),
    /// Run one node
    Serve(serve::ServeArgs),
    /// Check a configuration, and touch nothing
    CheckConfig(check_config::CheckConfigArgs),
    /// Make and look after a cluster
    #[command(subcommand)]
    Cluster(cluster::ClusterCommand),
    /// Add users, and look after them
    #[command(subcommand)]
    User(user::UserCommand),
    /// List channels of notifications, and try one
    #[command(subcommand)]
    Channel(channel::ChannelCommand),
    /// Back a running cluster up into a file, through a node on this machine; or verify such a file
    Backup(backup::BackupArgs),
    /// Make the files of a new cluster that begins with a backup
    Restore(Box<restore::RestoreArgs>),
    /// Read a PostgreSQL server, and push what it finds
    Collect(Box<CollectArgs>),
    /// Show where a plan's time goes, and what is wrong with it
    Explain(explain::ExplainArgs),
    /// Tell why a server is slow, now or at another time
    Why(Box<why::WhyArgs>),
    /// Watch the cluster and its servers in a terminal
    Top(Box<top::TopArgs>),
    /// Print the completions of a shell
    Completions(manuals::CompletionsArgs),
    /// Write manual pages
    Man(manuals::ManArgs),
    /// Push simulated load, and verify that nothing was lost or stored twice
    Load(LoadArgs),
}

impl Cli {
    /// Reads the command line.
    ///
    /// # Errors
    /// The exit code, after the text was written: 0 for help and version, 64 for a wrong line.
    pub fn read() -> std::result::Result<Self, Exit> {
        Self::try_parse().map_err(|error| {
            let exit = if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Ok
            };
            match error.print() {
                Ok(()) => exit,
                Err(_) => Exit::Io,
            }
        })
    }

    /// Carries the command out, and answers the exit code.
    ///
    /// # Errors
    /// [`crate::Error`], which knows its own exit code.
    pub fn run(self) -> Result<Exit> {
        match self.command {
            Command::Demo(args) => demo::run(&args),
            Command::Serve(args) => serve::run(&args),
            Command::CheckConfig(args) => check_config::run(&args),
            Command::Cluster(command) => cluster::run(command),
            Command::User(command) => user::run(command),
            Command::Channel(command) => channel::run(&command),
            Command::Backup(args) => backup::run(&args),
            Command::Restore(args) => restore::run(&args),
            Command::Collect(args) => collect::run(*args),
            Command::Explain(args) => explain::run(&args),
            Command::Why(args) => why::run(&args),
            Command::Top(args) => top::run(&args),
            Command::Completions(args) => manuals::completions(&args, Self::command()),
            Command::Man(args) => manuals::man(&args, Self::command()),
            Command::Load(args) => load::run(&args),
        }
    }
}
