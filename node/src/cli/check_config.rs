//! `pganalytics check-config`.

use clap::Args;
use pga_config::Config;
use serde_json::json;

use super::cluster::say;
use super::config_args::ConfigArgs;
use crate::output::{Output, OutputArgs, Rows};
use crate::{Exit, Result};

/// Options of `check-config`.
#[derive(Debug, Args)]
pub(super) struct CheckConfigArgs {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &CheckConfigArgs) -> Result<Exit> {
    check(&args.config, args.output.form())
}

/// Tells that a configuration is valid, and what is worth a thought about it.
///
/// # Errors
/// `Config` with all that is wrong.
pub(super) fn check(args: &ConfigArgs, form: Output) -> Result<Exit> {
    let config = args.load()?;
    let file = args.config.display();
    let warnings: Vec<String> = config.warnings().iter().map(ToString::to_string).collect();
    let reloaded = Config::keys().into_iter().filter(|key| key.is_live);
    let reloaded: Vec<String> = reloaded.map(|key| key.name).collect();
    match form {
        Output::Table => {
            for warning in &warnings {
                say(&format!("warning: {warning}"))?;
            }
            say(&format!("{file} is valid"))?;
            let keys = reloaded.join(", ");
            say(&format!(
                "a running node takes these anew at SIGHUP or `cluster reload`, others need a restart: {keys}"
            ))
        }
        Output::Json => {
            let found = json!({"file": file.to_string(), "is_valid": true, "warnings": warnings, "reloaded": reloaded});
            say(&found.to_string())
        }
        Output::Csv => {
            let mut rows = Rows::new(["warning"]);
            for warning in warnings {
                rows.push([warning]);
            }
            say(rows.csv().trim_end())
        }
    }
}
