//! Reads routes of a cluster: by whichever node answers, as a user or with a token.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{Answer, ClientError, ClientOptions, Endpoint, HttpClient, ReadError};

/// Most nodes that it remembers.
const MAX_NODES: usize = 64;

/// As whom the nodes are asked.
#[derive(Clone, Default)]
pub enum Identity {
    /// As nobody.
    #[default]
    Nobody,
    /// With an API token.
    Token(String),
    /// As a user, who logs in when it is needed.
    User {
        /// Name.
        username: String,
        /// Password.
        password: String,
    },
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nobody => "Nobody",
            Self::Token(_) => "Token",
            Self::User { .. } => "User",
        })
    }
}

/// What a node answered to a question.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The body.
    pub body: Value,
    /// Seconds for which no quorum has confirmed that the node knew all that was committed; `None`
    /// if it does not tell.
    pub age_seconds: Option<f64>,
}

/// Asks one node at a time, and goes on to the next when it goes away.
#[derive(Debug)]
pub struct Reader {
    clients: Vec<HttpClient>,
    at: usize,
    options: Arc<ClientOptions>,
    identity: Identity,
    session: Option<String>,
}

impl Reader {
    /// Connects to nobody yet. Without a node every question is [`ReadError::NoNode`].
    pub fn new(nodes: &[Endpoint], options: ClientOptions, identity: Identity) -> Self {
        let options = Arc::new(options);
        let mut reader = Self {
            clients: Vec::new(),
            at: 0,
            options,
            identity,
            session: None,
        };
        for node in nodes {
            reader.learn(node.clone());
        }
        reader
    }

    /// The node that is asked next.
    pub fn node(&self) -> Option<&Endpoint> {
        self.clients.get(self.at).map(HttpClient::endpoint)
    }

    /// Remembers another node of the cluster, if it is as well protected as those that were named.
    pub fn learn(&mut self, node: Endpoint) {
        let is_known = self.clients.iter().any(|known| *known.endpoint() == node);
        let is_safe = match self.clients.first() {
            Some(first) => node.is_tls() || !first.endpoint().is_tls(),
            None => true,
        };
        if !is_known && is_safe && self.clients.len() < MAX_NODES {
            let client = HttpClient::new(node, Arc::clone(&self.options));
            self.clients.push(client);
        }
    }

    /// Asks the next node from now on.
    pub fn next_node(&mut self) {
        self.at = (self.at + 1) % self.clients.len().max(1);
    }

    /// Reads a route, once from each node until one answers.
    ///
    /// # Errors
    /// [`ReadError::Denied`] if the identity is not good for it, [`ReadError::Answer`] if a node
    /// refuses for another reason, and otherwise why the last node has no answer.
    pub async fn get(&mut self, path: &str) -> Result<Reading, ReadError> {
        let mut last = ReadError::NoNode;
        for _ in 0..self.clients.len() {
            match self.try_get(path).await {
                Ok(reading) => return Ok(reading),
                Err(error) if error.is_node_away() => last = error,
                Err(error) => return Err(error),
            }
            self.next_node();
        }
        Err(last)
    }

    /// Posts to a route of the node that it is at, without a body. What that did, no other node is
    /// asked to do again.
    ///
    /// # Errors
    /// As [`Reader::get`].
    pub async fn post(&mut self, path: &str) -> Result<Value, ReadError> {
        let answer = self.send(Method::POST, path, Bytes::new()).await?;
        self.checked(path, &answer)
    }

    async fn try_get(&mut self, path: &str) -> Result<Reading, ReadError> {
        let mut answer = self.send(Method::GET, path, Bytes::new()).await?;
        if answer.status == StatusCode::UNAUTHORIZED && self.session.take().is_some() {
            answer = self.send(Method::GET, path, Bytes::new()).await?;
        }
        let body = self.checked(path, &answer)?;
        let age = answer.headers.get("x-pganalytics-age-seconds");
        let age = age.and_then(|value| value.to_str().ok()?.parse().ok());
        Ok(Reading {
            body,
            age_seconds: age,
        })
    }

    /// Sends a question with the token, after a login where one is needed.
    async fn send(&mut self, method: Method, path: &str, body: Bytes) -> Result<Answer, ReadError> {
        if self.session.is_none() {
            self.session = match self.identity.clone() {
                Identity::Nobody => None,
                Identity::Token(token) => Some(token),
                Identity::User { username, password } => {
                    Some(self.login(&username, &password).await?)
                }
            };
        }
        let token = self.session.clone();
        let client = self.clients.get_mut(self.at).ok_or(ReadError::NoNode)?;
        Ok(client.send(method, path, token.as_deref(), body).await?)
    }

    async fn login(&mut self, username: &str, password: &str) -> Result<String, ReadError> {
        const PATH: &str = "/api/v1/auth/login";
        let body = json!({"username": username, "password": password}).to_string();
        let client = self.clients.get_mut(self.at).ok_or(ReadError::NoNode)?;
        let answer = client.send(Method::POST, PATH, None, body.into()).await?;
        let answer = self.checked(PATH, &answer)?;
        let token = answer.get("token").and_then(Value::as_str);
        token.map(str::to_owned).ok_or(ReadError::NoJson {
            node: self.name(),
            path: PATH.to_owned(),
        })
    }

    fn name(&self) -> String {
        self.node().map(ToString::to_string).unwrap_or_default()
    }

    /// The body of an answer, if it is one that says yes.
    fn checked(&self, path: &str, answer: &Answer) -> Result<Value, ReadError> {
        let (node, path) = (self.name(), path.to_owned());
        let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
        if answer.status.is_success() {
            return body.ok_or(ReadError::NoJson { node, path });
        }
        let told = body.and_then(|body| body.get("error")?.as_str().map(str::to_owned));
        let (status, told) = (
            answer.status.as_u16(),
            told.unwrap_or_else(|| answer.text_start()),
        );
        let denied = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&answer.status);
        Err(if denied {
            let try_this = match (&self.identity, status) {
                (Identity::Nobody, _) => {
                    "give an API token (--token or PGANALYTICS_TOKEN), or log in (--username)"
                }
                (Identity::Token(_), 401) => {
                    "the token is wrong, over or revoked: make another one (POST /api/v1/api-tokens)"
                }
                (Identity::User { .. }, 401) => {
                    "check --username and PGANALYTICS_PASSWORD; `pganalytics user list` shows who may log in"
                }
                (_, _) => "the user or token may not read this: an admin has to allow it",
            };
            ReadError::Denied {
                node,
                status,
                told,
                try_this,
            }
        } else {
            ReadError::Answer {
                node,
                path,
                status,
                told,
            }
        })
    }
}

impl From<ClientError> for ReadError {
    fn from(error: ClientError) -> Self {
        Self::Away(error)
    }
}

#[cfg(test)]
mod tests;
