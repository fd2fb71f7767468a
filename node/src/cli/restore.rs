//! `pganalytics restore`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::backup::passphrase;
use super::cluster::{NewFiles, say};
use crate::backup::{self, RestoreOptions};
use crate::process::runtime;
use crate::{Exit, Result};

/// Options of `restore`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  pganalytics restore cluster.pgab --passphrase-file secret.txt --dir new \\\n    \
                  --member 10.0.0.1:7080,https://10.0.0.1:8080 --member 10.0.0.2:7080,https://10.0.0.2:8080 \\\n    \
                  --member 10.0.0.3:7080,https://10.0.0.3:8080"
)]
pub(crate) struct RestoreArgs {
    /// The backup
    file: PathBuf,
    /// File with its passphrase, if it is encrypted
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Copy of pki/cluster.key of any node of the old cluster, for a backup that is not encrypted
    #[arg(long, value_name = "FILE")]
    cluster_key_file: Option<PathBuf>,
    #[command(flatten)]
    files: NewFiles,
    /// Take the database as it is, whatever position it is at: rows that are not there are lost,
    /// and what is newer than the backup stays
    #[arg(long)]
    any_database_position: bool,
    /// One line of JSON, and nothing meanwhile
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &RestoreArgs) -> Result<Exit> {
    let options = RestoreOptions {
        file: &args.file,
        passphrase: passphrase(args.passphrase_file.as_deref())?,
        key_file: args.cluster_key_file.as_deref(),
        cluster: args.files.cluster()?,
        any_database_position: args.any_database_position,
        is_quiet: args.json,
    };
    let made = runtime(1)?.block_on(backup::restore(&options))?;
    let (position, made_at) = (made.at.to_string(), &made.contents.head.created_at);
    if args.json {
        let line = json!({
            "cluster": made.cluster.to_string(),
            "position": position,
            "backup": backup::json(&args.file, &made.contents),
        });
        return say(&line.to_string());
    }
    say(&format!(
        "a new cluster, {}, begins with the backup of {made_at}, at position {position}",
        made.cluster
    ))?;
    say(
        "nodes of the old cluster cannot join it; users log in again; who trusts the cluster's own authority needs the new ca.pem",
    )?;
    args.files.explain(&options.cluster)?;
    Ok(Exit::Ok)
}
