//! `pganalytics cluster join`.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use pga_cluster::pki::JoinBundle;
use pga_cluster::transport::join;

use super::say;
use crate::data_dir::{file_error, make_private_dir, write_private};
use crate::process::runtime;
use crate::secrets::pki;
use crate::{Error, Exit, Result};

/// Options of `cluster join`.
#[derive(Debug, Args)]
pub(crate) struct JoinArgs {
    /// File with the token; - is standard input
    #[arg(long, value_name = "FILE")]
    token: PathBuf,
    /// New directory for this node's configuration and data
    #[arg(long)]
    dir: PathBuf,
    /// host:port at which the other nodes reach this one, and on which it listens if it is an
    /// address
    #[arg(long)]
    quic: String,
    /// URL at which clients reach this node
    #[arg(long)]
    http: String,
    /// Lines to add to the configuration: a TOML file with further sections, such as the one of
    /// the store
    #[arg(long, value_name = "FILE")]
    add: Option<PathBuf>,
}

pub(super) fn run(args: &JoinArgs) -> Result<Exit> {
    let file = args.dir.join("node.toml");
    if file.exists() {
        return Err(Error::Refused(format!("{} exists", file.display())));
    }
    let bundle: JoinBundle = read_token(&args.token)?.parse().map_err(pki)?;
    let data = args.dir.join("data");
    let pki_dir = data.join("pki");
    // Before the token is spent: that the files can be written.
    make_private_dir(&args.dir)?;
    make_private_dir(&data)?;
    make_private_dir(&pki_dir)?;
    let answer = runtime(1)?
        .block_on(join(&bundle, &args.quic, &args.http))
        .map_err(|error| Error::Unavailable(pga_runtime::error_chain(&error)))?;
    let ca = pem_certificate(&answer.authority);
    write_private(&pki_dir.join("ca.pem"), ca.as_bytes())?;
    write_private(
        &pki_dir.join("cluster.id"),
        format!("{}\n", answer.cluster).as_bytes(),
    )?;
    answer
        .cluster_key
        .write(&pki_dir.join("cluster.key"))
        .map_err(pki)?;
    let identity = &answer.identity;
    identity
        .write(&pki_dir.join("node.pem"), &pki_dir.join("node.key"))
        .map_err(pki)?;
    let own = pga_cluster::Member {
        node: answer.node,
        quic: args.quic.clone(),
        http: args.http.clone(),
    };
    let mut text = crate::cluster_files::joined_node_toml(&own, &data, &answer.members);
    if let Some(add) = &args.add {
        text.push_str(&fs::read_to_string(add).map_err(|error| file_error("read", add, error))?);
    }
    write_private(&file, text.as_bytes())?;
    say(&format!("this machine is node {}", answer.node.get()))?;
    say(&format!(
        "check {file}, then: pganalytics serve --config {file}",
        file = file.display()
    ))
}

fn read_token(path: &Path) -> Result<String> {
    let mut text = String::new();
    let read = if path.as_os_str() == "-" {
        std::io::stdin().lock().read_to_string(&mut text)
    } else {
        fs::File::open(path).and_then(|mut file| file.read_to_string(&mut text))
    };
    read.map_err(|error| file_error("read", path, error))?;
    Ok(text)
}

fn pem_certificate(der: &[u8]) -> String {
    crate::cluster_files::pem("CERTIFICATE", der)
}
