//! `pganalytics why`: why a server is slow, in plain sentences.

use pga_client::Reader;
use serde_json::Value;

use super::cluster::say;
use super::remote::{RemoteArgs, read_failed};
use crate::output::{Output, OutputArgs, Rows};
use crate::process::runtime;
use crate::{Error, Exit, Result};

/// What is asked.
#[derive(Debug, clap::Args)]
pub(super) struct WhyArgs {
    /// The server: its name, or its number
    server: String,
    #[command(flatten)]
    remote: RemoteArgs,
    /// The end of the window, such as 2026-11-29T03:10:00Z; now if it is not given
    #[arg(long)]
    at: Option<String>,
    /// The length of the window
    #[arg(long, default_value_t = 10)]
    minutes: u32,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &WhyArgs) -> Result<Exit> {
    let mut reader = args.remote.reader()?;
    let answer = runtime(1)?.block_on(async {
        let id = number(&mut reader, &args.server).await?;
        let mut path = format!("/api/v1/servers/{id}/why?minutes={}", args.minutes);
        if let Some(at) = &args.at {
            path.push_str("&at=");
            path.push_str(at);
        }
        get(&mut reader, &path).await
    })?;
    match args.output.form() {
        Output::Json => say(&answer.to_string()),
        Output::Csv => say(groups(&answer).csv().trim_end()),
        Output::Table => {
            let lines = answer["lines"].as_array().into_iter().flatten();
            let lines = lines.map(|line| format!("- {}", text(&line["text"])));
            let all: Vec<String> = [text(&answer["head"])].into_iter().chain(lines).collect();
            say(&all.join("\n"))
        }
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The load by what it comes from, and what is usual.
fn groups(answer: &Value) -> Rows {
    const COLUMNS: [&str; 4] = ["dimension", "group", "load", "usual"];
    let mut rows = Rows::new(COLUMNS);
    for group in answer["groups"].as_array().into_iter().flatten() {
        rows.push(COLUMNS.map(|name| text(&group[name])));
    }
    rows
}

/// The number of the server, which may be given by its name.
async fn number(reader: &mut Reader, server: &str) -> Result<i64> {
    if let Ok(number) = server.parse() {
        return Ok(number);
    }
    let mut names = Vec::new();
    for page in 1.. {
        let path = format!("/api/v1/servers?page_size=100&page={page}");
        let list = get(reader, &path).await?;
        let servers = list["data"].as_array().cloned().unwrap_or_default();
        for found in &servers {
            if found["name"].as_str() == Some(server)
                && let Some(id) = found["id"].as_i64()
            {
                return Ok(id);
            }
            names.extend(found["name"].as_str().map(str::to_owned));
        }
        if servers.len() < 100 {
            break;
        }
    }
    names.truncate(20);
    let known = match &names[..] {
        [] => "no collector has pushed one yet".to_owned(),
        names => format!("known are {}", names.join(", ")),
    };
    Err(Error::Refused(format!(
        "there is no server {server:?}: {known}"
    )))
}

async fn get(reader: &mut Reader, path: &str) -> Result<Value> {
    let reading = reader.get(path).await;
    Ok(reading.map_err(read_failed)?.body)
}
