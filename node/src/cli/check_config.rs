//! `pganalytics check-config`.

use std::io::Write;

use super::config_args::ConfigArgs;
use crate::data_dir::file_error;
use crate::{Exit, Result};

pub(super) fn run(args: &ConfigArgs) -> Result<Exit> {
    let config = args.load()?;
    let mut out = std::io::stdout().lock();
    let mut write = || {
        for warning in config.warnings() {
            writeln!(out, "warning: {warning}")?;
        }
        writeln!(out, "{} is valid", args.config.display())
    };
    write().map_err(|error| file_error("write to", "standard output".as_ref(), error))?;
    Ok(Exit::Ok)
}
