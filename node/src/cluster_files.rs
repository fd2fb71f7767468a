//! The files a new cluster starts from: certificates, keys, secrets, and one configuration per
//! node.
//!
//! # Layout
//! `node-1.toml`, `node-2.toml`, … and beside each its data directory `node-1/` with `pki/`. The
//! first node, which creates the cluster, also has `pki/ca.key`, `admin.password` and
//! `registration.secret`; they are needed once. All files have mode 0600.

mod node_toml;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use base64::Engine;
use pga_cluster::ClusterId;
use pga_cluster::pki::{CertificateAuthority, ClusterKey, Validity};
use pga_config::{Member, NodeId};

pub(crate) use self::node_toml::joined as joined_node_toml;
use crate::Result;
use crate::data_dir::{make_private_dir, write_private};
use crate::secrets::pki;

/// What a new cluster looks like.
#[derive(Clone, Debug)]
pub(crate) struct NewCluster {
    /// Where the files go.
    pub(crate) dir: PathBuf,
    /// Where the data directories will be when the nodes run; `None`: where they are made.
    pub(crate) data_dir: Option<PathBuf>,
    /// The voters; the first one creates the cluster.
    pub(crate) members: Vec<Member>,
    /// Connection URL of the shared store; `None`: each node has its own.
    pub(crate) timescale: Option<String>,
    /// A trial on this machine.
    pub(crate) is_demo: bool,
}

impl NewCluster {
    /// Writes all files of a cluster that begins with nothing.
    pub(crate) fn write(&self) -> Result<()> {
        let key = ClusterKey::random().map_err(pki)?;
        let issued = self.write_identities(&key)?;
        if let Some(first) = self.members.first() {
            write_secrets(&issued.authority, &node_dir(&self.dir, first.id))?;
        }
        self.write_configurations(true)
    }

    /// Writes the data directories: a new cluster's id and authority, what that issues, and `key`.
    pub(crate) fn write_identities(&self, key: &ClusterKey) -> Result<Issued> {
        make_private_dir(&self.dir)?;
        let cluster = ClusterId::random();
        let validity = Validity::for_next(Validity::AUTHORITY);
        let authority = CertificateAuthority::create(cluster, validity).map_err(pki)?;
        write_private(
            &self.dir.join("ca.pem"),
            authority.certificate_pem().as_bytes(),
        )?;
        for member in &self.members {
            let data = node_dir(&self.dir, member.id);
            let pki_dir = data.join("pki");
            make_private_dir(&data)?;
            make_private_dir(&pki_dir)?;
            write_private(
                &pki_dir.join("ca.pem"),
                authority.certificate_pem().as_bytes(),
            )?;
            write_private(
                &pki_dir.join("cluster.id"),
                format!("{cluster}\n").as_bytes(),
            )?;
            key.write(&pki_dir.join("cluster.key")).map_err(pki)?;
            issue(&authority, member, &pki_dir)?;
            if let Some(url) = &self.timescale {
                write_private(&data.join("timescale.url"), url.as_bytes())?;
            }
        }
        Ok(Issued { cluster, authority })
    }

    /// Writes the configurations, with which the nodes can be started. The first node creates the
    /// cluster, if `creates`.
    pub(crate) fn write_configurations(&self, creates: bool) -> Result<()> {
        for (n, member) in self.members.iter().enumerate() {
            let text = node_toml::text(self, member, creates && n == 0);
            write_private(&node_file(&self.dir, member.id), text.as_bytes())?;
        }
        Ok(())
    }
}

/// Who a new cluster is.
#[derive(Debug)]
pub(crate) struct Issued {
    /// Its id.
    pub(crate) cluster: ClusterId,
    /// Its authority.
    pub(crate) authority: CertificateAuthority,
}

/// What the first node needs once, to create the cluster.
fn write_secrets(authority: &CertificateAuthority, data: &Path) -> Result<()> {
    let key = pem("PRIVATE KEY", authority.key_der());
    write_private(&data.join("pki/ca.key"), key.as_bytes())?;
    write_private(&data.join("admin.password"), random_text(18).as_bytes())?;
    write_private(
        &data.join("registration.secret"),
        random_text(32).as_bytes(),
    )
}

/// The configuration of a node.
pub(crate) fn node_file(dir: &Path, node: NodeId) -> PathBuf {
    dir.join(format!("node-{}.toml", node.get()))
}

/// The data directory of a node.
pub(crate) fn node_dir(dir: &Path, node: NodeId) -> PathBuf {
    dir.join(format!("node-{}", node.get()))
}

fn issue(authority: &CertificateAuthority, member: &Member, dir: &Path) -> Result<()> {
    let validity = Validity::for_next(Validity::NODE);
    let identity = authority.issue_node(member.id, validity).map_err(pki)?;
    identity
        .write(&dir.join("node.pem"), &dir.join("node.key"))
        .map_err(pki)?;
    let names = https_names(&member.http);
    if names.is_empty() {
        return Ok(());
    }
    let identity = authority.issue_https(&names, validity).map_err(pki)?;
    identity
        .write(&dir.join("https.pem"), &dir.join("https.key"))
        .map_err(pki)
}

/// The names of a certificate for an `https` URL; none for another one.
pub(crate) fn https_names(url: &str) -> Vec<String> {
    let mut names: Vec<String> = https_host(url).into_iter().collect();
    if names.iter().any(|name| name == "127.0.0.1") {
        names.push("localhost".to_owned());
    }
    names
}

/// The host of an `https` URL.
fn https_host(url: &str) -> Option<String> {
    let rest = url.strip_prefix("https://")?.trim_end_matches('/');
    let host = rest.rsplit_once(':').map_or(rest, |(host, _)| host);
    Some(host.trim_matches(['[', ']']).to_owned())
}

/// The address to listen on for an advertised `host:port`: itself if it is an address, else all.
fn listen_address(advertised: &str) -> SocketAddr {
    let port = advertised
        .rsplit_once(':')
        .and_then(|(_, port)| port.parse().ok());
    let any = SocketAddr::from(([0, 0, 0, 0], port.unwrap_or_default()));
    advertised.parse().unwrap_or(any)
}

/// A random text of `bytes` random bytes: letters and digits only, since a text that begins with a
/// hyphen is an option where somebody writes it in a command line.
fn random_text(bytes: usize) -> String {
    let random: Vec<u8> = (0..bytes).map(|_| pga_runtime::random()).collect();
    hex::encode(random)
}

/// DER as PEM.
pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let mut out = format!("-----BEGIN {label}-----\n");
    for line in text.as_bytes().chunks(64) {
        out.push_str(&String::from_utf8_lossy(line));
        out.push('\n');
    }
    out + "-----END " + label + "-----\n"
}
