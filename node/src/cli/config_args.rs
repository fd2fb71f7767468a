//! Which configuration a command is about.

use std::path::PathBuf;

use clap::Args;
use pga_config::Config;

use crate::Result;

/// Where the settings come from.
#[derive(Clone, Debug, Args)]
pub(crate) struct ConfigArgs {
    /// Configuration file (TOML)
    #[arg(long, short, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Sets one key over file and environment, such as raft.heartbeat=200ms
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE", value_parser = parse_flag)]
    pub(crate) set: Vec<(String, String)>,
}

impl ConfigArgs {
    /// Loads and validates the settings.
    pub(crate) fn load(&self) -> Result<Config> {
        let variables = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Ok(Config::load(&self.config, variables, &self.set)?)
    }
}

fn parse_flag(text: &str) -> std::result::Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write SECTION.KEY=VALUE")?;
    Ok((key.trim().to_owned(), value.to_owned()))
}
