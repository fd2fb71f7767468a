//! `pganalytics channel …`: where alerts are told, and whether that works.

use std::time::Duration;

use clap::Subcommand;
use serde_json::Value;

use super::cluster::say;
use super::remote::{PATIENCE, RemoteArgs, read_failed};
use crate::output::{Output, OutputArgs, Rows};
use crate::process::runtime;
use crate::{Error, Exit, Result};

/// How long a node may take: a receiver has ten seconds.
const OF_RECEIVER: Duration = Duration::from_secs(20);

/// Commands on channels.
#[derive(Debug, Subcommand)]
pub(crate) enum ChannelCommand {
    /// List the channels of notifications
    List {
        #[command(flatten)]
        remote: RemoteArgs,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Send a marked message through a channel now, and say what the receiver answered; 1 if it did
    /// not take it
    Test {
        /// The channel: its name, or its number
        channel: String,
        #[command(flatten)]
        remote: RemoteArgs,
    },
}

pub(super) fn run(command: &ChannelCommand) -> Result<Exit> {
    match command {
        ChannelCommand::List { remote, output } => list(remote, output),
        ChannelCommand::Test { channel, remote } => test(channel, remote),
    }
}

async fn channels(reader: &mut pga_client::Reader) -> Result<Vec<Value>> {
    let mut all = Vec::new();
    for page in 1.. {
        let path = format!("/api/v1/channels?page_size=100&page={page}");
        let list = reader.get(&path).await.map_err(read_failed)?.body;
        let found = list["data"].as_array().cloned().unwrap_or_default();
        let is_last = found.len() < 100;
        all.extend(found);
        if is_last {
            break;
        }
    }
    Ok(all)
}

fn list(remote: &RemoteArgs, output: &OutputArgs) -> Result<Exit> {
    const COLUMNS: [&str; 7] = [
        "id",
        "name",
        "kind",
        "target",
        "enabled",
        "dead",
        "last_error",
    ];
    let mut reader = remote.reader(PATIENCE)?;
    let all = runtime(1)?.block_on(channels(&mut reader))?;
    let mut rows = Rows::new(COLUMNS);
    for one in &all {
        rows.push(COLUMNS.map(|name| text(&one[name])));
    }
    match output.form() {
        Output::Json => say(&Value::Array(all).to_string()),
        Output::Csv => say(rows.csv().trim_end()),
        Output::Table => say(rows.table().trim_end()),
    }
}

fn test(channel: &str, remote: &RemoteArgs) -> Result<Exit> {
    let mut reader = remote.reader(OF_RECEIVER)?;
    let answer = runtime(1)?.block_on(async {
        let all = channels(&mut reader).await?;
        let is_it = |one: &&Value| text(&one["name"]) == channel || text(&one["id"]) == channel;
        let found = all.iter().find(is_it).ok_or_else(|| {
            let names: Vec<String> = all.iter().map(|one| text(&one["name"])).collect();
            Error::Refused(format!(
                "there is no channel {channel:?}; there are: {}",
                names.join(", ")
            ))
        })?;
        let path = format!("/api/v1/channels/{}/test", text(&found["id"]));
        reader.post(&path).await.map_err(read_failed)
    })?;
    let (outcome, took) = (text(&answer["outcome"]), text(&answer["latency_ms"]));
    if answer["success"] == true {
        return say(&format!("the receiver answered after {took} ms: {outcome}"));
    }
    Err(Error::Refused(format!(
        "not taken after {took} ms: {outcome}"
    )))
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
