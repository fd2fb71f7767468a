//! `pganalytics cluster init`.

use clap::Args;

use super::new_files::NewFiles;
use crate::{Error, Exit, Result};

/// Options of `cluster init`.
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    #[command(flatten)]
    files: NewFiles,
}

pub(super) fn run(args: &InitArgs) -> Result<Exit> {
    let cluster = args.files.cluster()?;
    if cluster.dir.exists() {
        let dir = cluster.dir.display();
        return Err(Error::Refused(format!(
            "{dir} exists: a cluster is made once"
        )));
    }
    cluster.write()?;
    args.files.explain(&cluster)?;
    Ok(Exit::Ok)
}
