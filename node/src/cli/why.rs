//! `pganalytics why`: why a server is slow, in plain sentences.

use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use serde_json::Value;

use super::cluster::say;
use crate::process::runtime;
use crate::{Error, Exit, Result};
use pga_client::{ClientOptions, Endpoint, HttpClient};

/// What is asked.
#[derive(Debug, clap::Args)]
pub(super) struct WhyArgs {
    /// The server: its name, or its number
    server: String,
    /// A node to ask
    #[arg(
        long,
        env = "PGANALYTICS_NODE",
        default_value = "http://127.0.0.1:8080"
    )]
    node: Endpoint,
    /// An API token (POST /api/v1/api-tokens)
    #[arg(long, env = "PGANALYTICS_TOKEN", hide_env_values = true)]
    token: String,
    /// CA certificates to believe, for https
    #[arg(long, env = "PGANALYTICS_CA_FILE")]
    ca_file: Option<std::path::PathBuf>,
    /// The end of the window, such as 2026-11-29T03:10:00Z; now if it is not given
    #[arg(long)]
    at: Option<String>,
    /// The length of the window
    #[arg(long, default_value_t = 10)]
    minutes: u32,
    /// Print the whole answer as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &WhyArgs) -> Result<Exit> {
    let mut options = ClientOptions::default();
    if let Some(path) = &args.ca_file {
        let believing = options.with_ca_file(path);
        options = believing.map_err(|error| Error::Refused(pga_runtime::error_chain(&error)))?;
    }
    let mut client = HttpClient::new(args.node.clone(), Arc::new(options));
    let answer = runtime(1)?.block_on(async {
        let id = number(&mut client, args).await?;
        let mut path = format!("/api/v1/servers/{id}/why?minutes={}", args.minutes);
        if let Some(at) = &args.at {
            path.push_str("&at=");
            path.push_str(at);
        }
        get(&mut client, &path, &args.token).await
    })?;
    if args.json {
        return say(&answer.to_string());
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let lines = answer["lines"].as_array().into_iter().flatten();
    let lines = lines.map(|line| format!("- {}", text(&line["text"])));
    let all: Vec<String> = [text(&answer["head"])].into_iter().chain(lines).collect();
    say(&all.join("\n"))
}

/// The number of the server, which may be given by its name.
async fn number(client: &mut HttpClient, args: &WhyArgs) -> Result<i64> {
    if let Ok(number) = args.server.parse() {
        return Ok(number);
    }
    let mut names = Vec::new();
    for page in 1.. {
        let path = format!("/api/v1/servers?page_size=100&page={page}");
        let list = get(client, &path, &args.token).await?;
        let servers = list["data"].as_array().cloned().unwrap_or_default();
        for server in &servers {
            if server["name"].as_str() == Some(&args.server)
                && let Some(id) = server["id"].as_i64()
            {
                return Ok(id);
            }
            names.extend(server["name"].as_str().map(str::to_owned));
        }
        if servers.len() < 100 {
            break;
        }
    }
    names.truncate(20);
    let known = names.join(", ");
    Err(Error::Refused(format!(
        "there is no server {:?}: known are {known}",
        args.server
    )))
}

async fn get(client: &mut HttpClient, path: &str, token: &str) -> Result<Value> {
    let answer = client
        .send(Method::GET, path, Some(token), Bytes::new())
        .await;
    let answer = answer.map_err(|error| Error::Unavailable(pga_runtime::error_chain(&error)))?;
    if !answer.status.is_success() {
        let text = format!(
            "{} answers {}: {}",
            client.endpoint(),
            answer.status,
            answer.text_start()
        );
        return Err(Error::Refused(text));
    }
    serde_json::from_slice(&answer.body).map_err(|error| Error::Refused(error.to_string()))
}
