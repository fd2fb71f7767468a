//! The ways in.

mod wrong_requests;

use anyhow::Context;
use http::Method;
use pga_chaos_tests::Cluster;
use serde_json::{Value, json};

use super::{Secret, canary};

/// What was planted, and everything that was said to it.
pub(super) struct Planted {
    pub(super) secrets: Vec<Secret>,
    /// May be read by admins: a collector's configuration is for those who set it.
    pub(super) for_admins: Secret,
    /// Answers and outputs, and what they answer.
    pub(super) said: Vec<(String, String)>,
    /// Name and password of a user who may only look.
    pub(super) viewer: (String, String),
    /// Who plants.
    admin: String,
}

impl Planted {
    /// `service` is planted; `admin` is the token of who plants.
    pub(super) fn new(service: Secret, admin: String) -> Self {
        Self {
            secrets: vec![service, ("access token", admin.clone())],
            for_admins: canary("collector-config"),
            said: Vec::new(),
            viewer: ("vera".to_owned(), canary("viewer-password").1),
            admin,
        }
    }

    fn plant(&mut self, name: &'static str) -> String {
        let secret = canary(name);
        let value = secret.1.clone();
        self.secrets.push(secret);
        value
    }

    /// The secrets that the cluster made for itself.
    pub(super) fn own_secrets(&mut self, cluster: &Cluster) -> anyhow::Result<()> {
        let password = cluster.load_args().password.context("no password")?;
        let registration = cluster.registration_secret().to_owned();
        self.secrets.push(("admin password", password));
        self.secrets.push(("registration secret", registration));
        let pki = cluster.node(1)?.data.join("pki");
        for (name, file) in [("cluster key", "cluster.key"), ("node key", "node.key")] {
            let text = std::fs::read_to_string(pki.join(file))?;
            let longest = text.lines().max_by_key(|line| line.len());
            let line = longest.context("an empty key")?.trim().to_owned();
            anyhow::ensure!(line.len() >= 32, "{file} holds no key");
            self.secrets.push((name, line));
        }
        Ok(())
    }

    /// A request as the admin; its answer, which is remembered unless it is where the secret is
    /// told once.
    async fn change(
        &mut self,
        cluster: &Cluster,
        method: Method,
        path: &str,
        body: &Value,
    ) -> anyhow::Result<Value> {
        let body = body.to_string();
        let sent = cluster.send(1, method, path, Some(&self.admin), body);
        let answer = sent.await?;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        let told: Value = serde_json::from_str(&text).unwrap_or_default();
        let is_told_once = ["token", "secret", "password"]
            .iter()
            .find_map(|name| told[name].as_str());
        match is_told_once {
            Some(secret) => self.secrets.push(("told once", secret.to_owned())),
            None => self.said.push((path.to_owned(), text)),
        }
        Ok(told)
    }

    pub(super) async fn people(&mut self, cluster: &Cluster) -> anyhow::Result<()> {
        let (name, password) = self.viewer.clone();
        self.secrets.push(("viewer password", password.clone()));
        let user = json!({
            "username": name, "email": "vera@example.test", "role": "viewer", "password": password,
        });
        let made = self
            .change(cluster, Method::POST, "/api/v1/users", &user)
            .await?;
        anyhow::ensure!(made["id"].is_number(), "no user: {made}");
        let other = json!({
            "username": "walt", "email": "walt@example.test", "role": "user",
            "password": self.plant("user-password"),
        });
        let other = self
            .change(cluster, Method::POST, "/api/v1/users", &other)
            .await?;
        let reset = format!("/api/v1/users/{}/reset-password", other["id"]);
        self.change(cluster, Method::POST, &reset, &json!({}))
            .await?;
        let token = json!({ "name": "script", "scope": "viewer" });
        let token = self
            .change(cluster, Method::POST, "/api/v1/api-tokens", &token)
            .await?;
        anyhow::ensure!(token["token"].is_string(), "no API token: {token}");
        let secret = json!({ "name": "fleet" });
        let path = "/api/v1/registration-secrets";
        let secret = self.change(cluster, Method::POST, path, &secret).await?;
        anyhow::ensure!(
            secret["secret"].is_string(),
            "no registration secret: {secret}"
        );
        Ok(())
    }

    /// Channels whose receiver is not there: what is said about that names no secret.
    pub(super) async fn channels(&mut self, cluster: &Cluster) -> anyhow::Result<()> {
        let hook = format!(
            "http://user:{}@127.0.0.1:1/hooks/{}?key={}",
            self.plant("hook-password"),
            self.plant("hook-path"),
            self.plant("hook-query")
        );
        let mail = json!({
            "host": "127.0.0.1", "port": 1, "tls": "starttls", "username": "mailer",
            "password": self.plant("smtp"), "from": "a@example.test", "to": ["b@example.test"],
        });
        let slack = format!("http://127.0.0.1:1/services/{}", self.plant("slack"));
        for (kind, settings) in [
            ("webhook", json!({ "url": hook })),
            ("slack", json!({ "url": slack })),
            (
                "webhook",
                json!({ "url": "http://127.0.0.1:1/", "token": self.plant("hook-token"),
                    "secret": self.plant("hook-signature") }),
            ),
            (
                "pagerduty",
                json!({ "url": "http://127.0.0.1:1/", "secret": self.plant("routing-key") }),
            ),
            ("email", json!({ "mail": mail })),
        ] {
            let body = json!({ "name": format!("c{}", self.said.len()), "kind": kind, "settings": settings });
            let made = self
                .change(cluster, Method::POST, "/api/v1/channels", &body)
                .await?;
            let id = made["id"].as_u64();
            let id = id.with_context(|| format!("no channel of {kind}: {made}"))?;
            let test = format!("/api/v1/channels/{id}/test");
            let tested = self
                .change(cluster, Method::POST, &test, &Value::Null)
                .await?;
            anyhow::ensure!(tested["success"] == false, "{kind} reached somebody");
        }
        Ok(())
    }

    pub(super) async fn collectors(&mut self, cluster: &Cluster) -> anyhow::Result<()> {
        let token = cluster.register_collector(1, "watched").await?;
        self.secrets.push(("collector token", token));
        let password = self.for_admins.1.clone();
        let toml = format!("[postgres]\nhost = \"db\"\npassword = \"{password}\"\n");
        for path in [
            "/api/v1/config-groups/default",
            "/api/v1/config-groups/other",
        ] {
            let token = self.admin.clone();
            let sent = cluster.send(1, Method::PUT, path, Some(&token), toml.clone());
            let answer = sent.await?;
            anyhow::ensure!(answer.status == 200, "{path}: {}", answer.text_start());
            self.remember(path, &answer);
        }
        Ok(())
    }

    /// Requests that are refused, with secrets where people put them by mistake.
    pub(super) async fn wrong_requests(&mut self, cluster: &Cluster) -> anyhow::Result<()> {
        let wrong = self.plant("wrong-request");
        let token = self.admin.clone();
        for (method, path, body) in wrong_requests::all(&wrong) {
            for token in [None, Some(token.as_str()), Some(wrong.as_str())] {
                let sent = cluster.send(1, method.clone(), path, token, body.clone());
                self.remember(path, &sent.await?);
            }
        }
        for path in ["/api/v1/users", "/api/v1/config/c", "/nowhere"] {
            let path = format!("{path}?token={wrong}&from={wrong}");
            let sent = cluster.send(1, Method::GET, &path, Some(&wrong), "");
            self.remember(&path, &sent.await?);
        }
        Ok(())
    }

    fn remember(&mut self, what: &str, answer: &pga_client::Answer) {
        let headers = format!("{:?}", answer.headers);
        let body = String::from_utf8_lossy(&answer.body);
        self.said
            .push((what.to_owned(), format!("{headers} {body}")));
    }

    /// Commands that fail, with secrets in what they are given.
    pub(super) async fn wrong_commands(&mut self, cluster: &Cluster) -> anyhow::Result<()> {
        let wrong = self.plant("wrong-command");
        let dsn = format!("postgres://monitor:{wrong}@127.0.0.1:1/postgres");
        let keyword = format!("host=127.0.0.1 port=1 password={wrong}");
        let file = cluster.directory().join("wrong.toml");
        let texts = [
            format!("[auth]\nadmin-password = \"{wrong}\n"),
            format!("[auth]\nadmin-password = [\"{wrong}\"]\n"),
            format!("[auth]\nadmin-pasword = \"{wrong}\"\n"),
            format!("[store]\ntimescale-url = \"{wrong}\"\n"),
            format!(
                "[store]\nkind = \"timescale\"\ntimescale-url = \"postgres://u:{wrong}@h:x/d\"\n"
            ),
            format!("admin-password = \"{wrong}\"\n"),
        ];
        let config = file.to_str().context("a path as text")?.to_owned();
        for text in texts {
            std::fs::write(&file, text)?;
            for mode in [0o644, 0o600] {
                let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
                std::fs::set_permissions(&file, mode)?;
                self.command(cluster, &["check-config", "--config", &config])
                    .await?;
                self.command(cluster, &["serve", "--config", &config])
                    .await?;
            }
        }
        std::fs::remove_file(&file)?;
        let set = format!("auth.admin-password={wrong}");
        let node = cluster
            .node(1)?
            .config
            .to_str()
            .context("a path as text")?
            .to_owned();
        for args in [
            &["collect", "check", "--dsn", &dsn][..],
            &["collect", "check", "--dsn", &keyword],
            &["collect", "once", "--dsn", &dsn],
            &["check-config", "--config", &node, "--set", &set],
        ] {
            self.command(cluster, args).await?;
        }
        Ok(())
    }

    async fn command(&mut self, cluster: &Cluster, args: &[&str]) -> anyhow::Result<()> {
        let output = cluster.program(args).await?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let said = text(&output.stdout) + &text(&output.stderr);
        self.said
            .push((args.get(..2).unwrap_or(args).join(" "), said));
        Ok(())
    }
}
