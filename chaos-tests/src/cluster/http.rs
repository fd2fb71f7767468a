//! Requests to one node of the cluster.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use pga_client::{Answer, HttpClient};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Cluster;
use crate::until;

/// How long a login may wait for a leader.
const LOGIN_LIMIT: Duration = Duration::from_secs(30);

impl Cluster {
    /// A GET without a token.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn get(&self, id: u64, path: &str) -> anyhow::Result<Answer> {
        let mut client = self.client(id)?;
        Ok(client.send(Method::GET, path, None, Bytes::new()).await?)
    }

    /// A request with or without a token; whatever the answer is.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn send(
        &self,
        id: u64,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: impl Into<Bytes>,
    ) -> anyhow::Result<Answer> {
        let mut client = self.client(id)?;
        Ok(client.send(method, path, token, body.into()).await?)
    }

    /// A GET with the first user's token, whose answer has to be a success.
    ///
    /// # Errors
    /// If there is no answer, or another one.
    pub async fn get_json(&self, id: u64, path: &str) -> anyhow::Result<Value> {
        let token = self.login(id).await?;
        let mut client = self.client(id)?;
        let answer = client
            .send(Method::GET, path, Some(&token), Bytes::new())
            .await?;
        ensure!(
            answer.status.is_success(),
            "{path}: {} {}",
            answer.status,
            answer.text_start()
        );
        serde_json::from_slice(&answer.body).with_context(|| format!("{path}: no JSON"))
    }

    /// Logs the first user in; the access token.
    ///
    /// # Errors
    /// If that is refused.
    pub async fn login(&self, id: u64) -> anyhow::Result<String> {
        #[derive(Deserialize)]
        struct Login {
            token: String,
        }
        let body = json!({"username": self.admin.0, "password": self.admin.1}).to_string();
        // Without a leader a node says when to come back: as a client does that heeds it.
        let answer = until("login", LOGIN_LIMIT, async || {
            let mut client = self.client(id).map_err(|error| format!("{error:#}"))?;
            let path = "/api/v1/auth/login";
            let sent = client.send(Method::POST, path, None, body.clone().into());
            let answer = sent.await.map_err(|error| format!("{error:#}"))?;
            match answer.status {
                StatusCode::SERVICE_UNAVAILABLE => Err(answer.text_start()),
                _ => Ok(answer),
            }
        })
        .await?;
        ensure!(
            answer.status.is_success(),
            "login: {} {}",
            answer.status,
            answer.text_start()
        );
        let login: Login = serde_json::from_slice(&answer.body)?;
        Ok(login.token)
    }

    /// Registers a collector of this name; its token.
    ///
    /// # Errors
    /// If that is refused.
    pub async fn register_collector(&self, id: u64, name: &str) -> anyhow::Result<String> {
        let body = json!({"name": name, "hostname": "db-1.example.test"}).to_string();
        let request = Request::builder()
            .method(Method::POST)
            .uri("/api/v1/collectors/register")
            .header("content-type", "application/json")
            .header("x-registration-secret", self.registration_secret())
            .body(Full::new(Bytes::from(body)))?;
        let answer = self.client(id)?.send_request(request).await?;
        ensure!(
            answer.status.is_success(),
            "register: {} {}",
            answer.status,
            answer.text_start()
        );
        let registered: Value = serde_json::from_slice(&answer.body)?;
        let token = registered["token"].as_str().context("no token")?;
        Ok(token.to_owned())
    }

    /// Posts `body` to the push route of one node, with these headers besides; whatever the answer
    /// is.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn push(
        &self,
        id: u64,
        body: impl Into<Bytes>,
        headers: &[(&str, &str)],
    ) -> anyhow::Result<Answer> {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri("/api/v1/metrics/push")
            .header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into()))?;
        Ok(self.client(id)?.send_request(request).await?)
    }

    /// As [`Cluster::push`], and the answer has to be the acknowledgement.
    ///
    /// # Errors
    /// If it is not.
    pub async fn push_ok(&self, id: u64, body: impl Into<Bytes>) -> anyhow::Result<Value> {
        let answer = self.push(id, body, &[]).await?;
        ensure!(
            answer.status == 200,
            "push: {} {}",
            answer.status,
            answer.text_start()
        );
        Ok(serde_json::from_slice(&answer.body)?)
    }

    /// All elements of a collector, as node `id` reads them, at `position`
    /// (`<group>.<term>.<index>`) or later; asks again for a while if the node's store is not
    /// there yet.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn elements(
        &self,
        id: u64,
        collector: &str,
        position: Option<&str>,
    ) -> anyhow::Result<Vec<Value>> {
        let mut all = Vec::new();
        let mut cursor = String::new();
        loop {
            let mut path = format!("/api/v1/collectors/{collector}/metrics?limit=1000{cursor}");
            if let Some(position) = position {
                path.push_str(&format!("&min_position={position}"));
            }
            let page = self.page(id, &path).await?;
            let data = page.get("data").and_then(Value::as_array);
            all.extend(data.context("page without data")?.iter().cloned());
            match page.get("next_cursor").and_then(Value::as_str) {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(all),
            }
        }
    }

    /// One page of elements, once the store has got there.
    async fn page(&self, id: u64, path: &str) -> anyhow::Result<Value> {
        until(
            "the store has got there",
            Duration::from_secs(180),
            async || match self.get_json(id, path).await {
                Err(error) if format!("{error:#}").contains("behind_min_position") => Err(error),
                Err(error) if format!("{error:#}").contains("collector not found") => {
                    Ok(Ok(serde_json::json!({ "data": [] })))
                }
                answer => Ok(answer),
            },
        )
        .await?
    }

    /// `/metrics` of one node.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn metrics(&self, id: u64) -> anyhow::Result<String> {
        let answer = self.get(id, "/metrics").await?;
        ensure!(
            answer.status.is_success(),
            "{}: {}",
            answer.status,
            answer.text_start()
        );
        Ok(String::from_utf8(answer.body.to_vec())?)
    }

    /// A client of one node, with a connection of its own.
    ///
    /// # Errors
    /// If there is no such node.
    pub fn client(&self, id: u64) -> anyhow::Result<HttpClient> {
        let endpoint = self.node(id)?.http.clone();
        Ok(HttpClient::new(endpoint, Arc::clone(&self.client)))
    }
}
