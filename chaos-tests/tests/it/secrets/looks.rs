//! The ways out.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use http::Method;
use pga_chaos_tests::Cluster;
use serde_json::{Value, json};

use super::Secret;
use super::plants::Planted;

/// Where secrets were found.
pub(super) struct Findings {
    planted: Planted,
    found: Vec<String>,
    looked_at: usize,
}

impl Findings {
    pub(super) fn new(planted: Planted) -> Self {
        Self {
            planted,
            found: Vec::new(),
            looked_at: 0,
        }
    }

    fn look(&mut self, place: &str, text: &[u8], also: Option<&Secret>) {
        self.looked_at += 1;
        let text = String::from_utf8_lossy(text);
        for (name, secret) in self.planted.secrets.iter().chain(also) {
            if let Some(at) = text.find(secret) {
                let before = text.get(..at).unwrap_or_default().chars().rev().take(100);
                let before: String = before.collect::<Vec<_>>().into_iter().rev().collect();
                self.found.push(format!("{place}: {name} after {before:?}"));
            }
        }
    }

    /// Answers to what planted the secrets.
    pub(super) fn in_what_was_said(&mut self) {
        let secret = self.planted.for_admins.clone();
        for (what, text) in std::mem::take(&mut self.planted.said) {
            self.look(&what, text.as_bytes(), Some(&secret));
        }
    }

    /// Every GET of the document, as an admin and as a viewer, of everything that lists tell.
    pub(super) async fn in_reads(&mut self, cluster: &Cluster) -> anyhow::Result<()> {
        let admin = cluster.login(1).await?;
        let (username, password) = self.planted.viewer.clone();
        let login = json!({ "username": username, "password": password }).to_string();
        let login = cluster
            .send(1, Method::POST, "/api/v1/auth/login", None, login)
            .await?;
        let login: Value = serde_json::from_slice(&login.body)?;
        let viewer = login["token"].as_str().context("the viewer has no token")?;
        let document = cluster.get(1, "/api/v1/openapi.json").await?;
        let document: Value = serde_json::from_slice(&document.body)?;
        let paths = document["paths"].as_object().context("no paths")?;
        let collectors = cluster.get_json(1, "/api/v1/collectors").await?;
        let collector = collectors["data"][0]["id"]
            .as_str()
            .context("no collector")?;
        let secret = self.planted.for_admins.clone();
        for (path, methods) in paths {
            if methods.get("get").is_none() {
                continue;
            }
            for id in ["1", "2", "3", "4", "5", "default", collector] {
                let path = filled(path, id);
                for (token, hidden) in [(admin.as_str(), None), (viewer, Some(&secret))] {
                    let sent = cluster.send(1, Method::GET, &path, Some(token), "");
                    let answer = sent.await?;
                    self.look(&format!("GET {path}"), &answer.body, hidden);
                }
                if !path.contains(id) {
                    break;
                }
            }
        }
        Ok(())
    }

    /// What commands tell about the cluster, its backup among them.
    pub(super) async fn in_reports(&mut self, cluster: &Cluster) -> anyhow::Result<()> {
        let text = |path: &Path| path.to_str().map(str::to_owned).context("a path as text");
        let config = text(&cluster.node(1)?.config)?;
        let passphrase = cluster.directory().join("passphrase");
        fs::write(&passphrase, "twelve bytes or more\n")?;
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(&passphrase, private)?;
        let (passphrase, backup) = (
            text(&passphrase)?,
            text(&cluster.directory().join("c.pgab"))?,
        );
        let secret = self.planted.for_admins.clone();
        for args in [
            &[
                "backup",
                "--json",
                "--passphrase-file",
                &passphrase,
                "--config",
                &config,
                &backup,
            ][..],
            &[
                "backup",
                "verify",
                "--json",
                "--passphrase-file",
                &passphrase,
                &backup,
            ],
            &["user", "list", "--json", "--config", &config],
            &["cluster", "status", "--json", "--config", &config],
            &["check-config", "--json", "--config", &config],
        ] {
            let said = cluster.program_ok(args).await?;
            self.look(&args[..2].join(" "), said.as_bytes(), Some(&secret));
        }
        for node in cluster.nodes() {
            let metrics = cluster.metrics(node.id).await?;
            self.look("metrics", metrics.as_bytes(), Some(&secret));
        }
        Ok(())
    }

    /// Logs, and what lies on the disks: all but the files that are made to hold keys.
    pub(super) fn in_files(&mut self, cluster: &Cluster) -> anyhow::Result<()> {
        let secret = self.planted.for_admins.clone();
        let mut files = Vec::new();
        files_below(cluster.directory(), &mut files)?;
        let mut lines = 0;
        for path in files {
            let text = fs::read(&path)?;
            let is_log = !path.components().any(|part| part.as_os_str() == "raft")
                && path
                    .extension()
                    .is_some_and(|end| end == "log" || end == "stderr");
            if is_log {
                lines += text.iter().filter(|byte| **byte == b'\n').count();
            }
            // Secrets are hashed or sealed on disk, those in a collector's configuration too.
            self.look(&path.display().to_string(), &text, Some(&secret));
        }
        ensure!(
            lines > 100,
            "only {lines} lines of logs: the level is not debug"
        );
        Ok(())
    }

    pub(super) fn none(self) -> anyhow::Result<()> {
        ensure!(self.looked_at > 500, "only {} places", self.looked_at);
        ensure!(self.found.is_empty(), "{}", self.found.join("\n"));
        Ok(())
    }
}

/// The path with `id` in place of its braces.
fn filled(path: &str, id: &str) -> String {
    let words = path.split('/');
    let words = words.map(|word| if word.starts_with('{') { id } else { word });
    words.collect::<Vec<_>>().join("/")
}

fn files_below(directory: &Path, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        let kind = entry.file_type()?;
        // Keys, and the configurations and first passwords that the demo made for its nodes.
        let is_made_for_secrets = name == "pki"
            || ["toml", "key", "secret", "password", "json"]
                .iter()
                .any(|end| path.extension().is_some_and(|has| has == *end));
        if kind.is_dir() && !is_made_for_secrets {
            files_below(&path, found)?;
        } else if kind.is_file() && !is_made_for_secrets {
            found.push(path);
        }
    }
    Ok(())
}
