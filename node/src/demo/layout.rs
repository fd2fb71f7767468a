//! The demo's directory: made on the first run, reused on the next.

use std::fs;
use std::path::{Path, PathBuf};

use pga_config::{Config, Member, NodeId};
use serde_json::{Value, json};

use super::options::DemoArgs;
use crate::cluster_files::{NewCluster, node_dir, node_file};
use crate::data_dir::file_error;
use crate::{Error, Result};

/// One node of the demo.
#[derive(Clone, Debug)]
pub(super) struct DemoNode {
    pub(super) config_file: PathBuf,
    pub(super) config: Config,
}

/// The demo's cluster on disk.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) dir: PathBuf,
    pub(super) nodes: Vec<DemoNode>,
    pub(super) password: String,
    pub(super) registration_secret: String,
    username: String,
}

impl Layout {
    /// Makes the files if there are none, and reads them.
    pub(super) fn prepare(args: &DemoArgs) -> Result<Self> {
        let first = NodeId::new(1);
        if !node_file(&args.dir, first).exists() {
            fs::create_dir_all(&args.dir).map_err(|e| file_error("create", &args.dir, e))?;
            let dir = fs::canonicalize(&args.dir).map_err(|e| file_error("find", &args.dir, e))?;
            new_cluster(args, dir)?.write()?;
        }
        let dir = fs::canonicalize(&args.dir).map_err(|e| file_error("find", &args.dir, e))?;
        let nodes = load(&dir)?;
        if nodes.len() != usize::from(args.nodes) {
            return Err(Error::Refused(format!(
                "{} holds a cluster of {count} nodes: pass --nodes {count}, or another --dir",
                dir.display(),
                count = nodes.len()
            )));
        }
        let first_config = nodes.first().map(|node| node.config.clone());
        let first_config = first_config.ok_or_else(|| Error::Refused("no nodes".to_owned()))?;
        let secret = |name: &str| {
            let path = node_dir(&dir, first).join(name);
            fs::read_to_string(&path).map_err(|e| file_error("read", &path, e))
        };
        Ok(Self {
            password: secret("admin.password")?,
            registration_secret: secret("registration.secret")?,
            username: first_config.auth.admin_username,
            dir,
            nodes,
        })
    }

    /// What a program needs to use the cluster; `pids` in the order of the nodes.
    pub(super) fn json(&self, pids: &[u32]) -> Value {
        let nodes = self.nodes.iter().zip(pids).map(|(node, pid)| {
            json!({
                "id": node.config.node.id.get(),
                "pid": pid,
                "http": node.config.advertised_http(),
                "quic": node.config.advertised_quic(),
                "config": node.config_file.display().to_string(),
                "data": node.config.node.data_dir.display().to_string(),
            })
        });
        json!({
            "nodes": nodes.collect::<Vec<_>>(),
            "admin": { "username": self.username, "password": self.password },
            "registration_secret": self.registration_secret,
        })
    }

    /// The same for people.
    pub(super) fn text(&self, feed: Option<&str>) -> String {
        let mut text = String::from("The cluster is ready.\n\n");
        for node in &self.nodes {
            text.push_str(&format!(
                "  node {}   {}   QUIC {}   {}\n",
                node.config.node.id.get(),
                node.config.advertised_http(),
                node.config.advertised_quic(),
                node.config_file.display()
            ));
        }
        let http = self.nodes.first().map(|node| node.config.advertised_http());
        let ca = self.dir.join("ca.pem");
        text.push_str(&format!(
            "\n  user {}   password {}\n  registration secret {}\n  certificate authority {}\n\n  \
             {}status:  pganalytics cluster status --node {}\n  ctrl-c stops all of it",
            self.username,
            self.password,
            self.registration_secret,
            ca.display(),
            feed.map(|feed| format!("{feed}\n  ")).unwrap_or_default(),
            http.unwrap_or_default(),
        ));
        text
    }

    /// The certificate authority, if the nodes serve HTTPS.
    pub(super) fn ca_file(&self) -> Option<PathBuf> {
        let has_tls = self.nodes.iter().any(|node| node.config.has_tls());
        has_tls.then(|| self.dir.join("ca.pem"))
    }
}

fn new_cluster(args: &DemoArgs, dir: PathBuf) -> Result<NewCluster> {
    let scheme = if args.tls { "https" } else { "http" };
    let port = |base: u16, n: u16| {
        let port = base.checked_add(n - 1);
        port.ok_or_else(|| Error::Refused(format!("port {base} leaves no room for {n} nodes")))
    };
    let member = |n: u16| {
        Ok(Member {
            id: NodeId::new(n.into()),
            quic: format!("127.0.0.1:{}", port(args.quic_base_port, n)?),
            http: format!("{scheme}://127.0.0.1:{}", port(args.http_base_port, n)?),
        })
    };
    Ok(NewCluster {
        dir,
        data_dir: None,
        members: (1..=args.nodes).map(member).collect::<Result<_>>()?,
        timescale: args.timescale.clone(),
        is_demo: true,
    })
}

fn load(dir: &Path) -> Result<Vec<DemoNode>> {
    let mut nodes = Vec::new();
    for n in 1.. {
        let config_file = node_file(dir, NodeId::new(n));
        if !config_file.exists() {
            break;
        }
        let config = Config::load(&config_file, [], &[])?;
        nodes.push(DemoNode {
            config_file,
            config,
        });
    }
    Ok(nodes)
}
