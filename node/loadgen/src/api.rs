//! The requests of the load generator besides pushing: registering, logging in, reading pages.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Method, Request};
use http_body_util::Full;
use pga_runtime::Instant;
use pga_storage::Position;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{LoadArgs, LoadError};
use pga_client::{Answer, ClientError, ClientOptions, Endpoint, HttpClient};

/// Elements asked for at once.
const PAGE: u32 = 1_000;
/// Pause before a node is asked again that could not answer yet.
const RETRY_PAUSE: Duration = Duration::from_millis(250);

/// Who reads back.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// User name.
    pub username: String,
    /// Password.
    pub password: String,
}

/// Registers one collector; its id and its token.
pub(crate) async fn register(
    args: &LoadArgs,
    options: &Arc<ClientOptions>,
    secret: &str,
    n: u32,
) -> Result<(String, Option<String>), LoadError> {
    #[derive(Deserialize)]
    struct Registered {
        collector_id: String,
        token: String,
    }
    let node = args
        .nodes
        .get(n as usize % args.nodes.len().max(1))
        .ok_or_else(|| LoadError::Options("--nodes: write at least one address".to_owned()))?;
    let mut client = HttpClient::new(node.clone(), Arc::clone(options));
    let body = json!({"name": format!("load-{n}"), "hostname": "load", "version": "3.0.0"});
    let request = Request::builder()
        .method(Method::POST)
        .uri("/api/v1/collectors/register")
        .header(CONTENT_TYPE, "application/json")
        .header("X-Registration-Secret", secret)
        .body(Full::new(Bytes::from(body.to_string())))
        .map_err(ClientError::from)?;
    let answer = client.send_request(request).await?;
    let registered: Registered = parse(&client, &answer)?;
    Ok((registered.collector_id, Some(registered.token)))
}

#[derive(Default, Deserialize)]
pub(crate) struct Page {
    pub(crate) data: Vec<Value>,
    pub(crate) next_cursor: Option<String>,
}

/// Reads elements back through one node.
#[derive(Debug)]
pub(crate) struct Reader {
    client: HttpClient,
    credentials: Option<Credentials>,
    token: Option<String>,
    deadline: Instant,
}

impl Reader {
    pub(crate) fn new(
        node: &Endpoint,
        options: &Arc<ClientOptions>,
        credentials: Option<Credentials>,
        deadline: Instant,
    ) -> Self {
        Self {
            client: HttpClient::new(node.clone(), Arc::clone(options)),
            credentials,
            token: None,
            deadline,
        }
    }

    /// One page of a collector's elements, once the node's store holds `position`.
    pub(crate) async fn page(
        &mut self,
        collector: &str,
        position: Option<Position>,
        cursor: Option<&str>,
    ) -> Result<Page, LoadError> {
        let mut path = format!("/api/v1/collectors/{collector}/metrics?limit={PAGE}");
        if let Some(position) = position {
            path.push_str(&format!("&min_position={position}"));
        }
        if let Some(cursor) = cursor {
            path.push_str(&format!("&cursor={}", escaped(cursor)));
        }
        let answer = self.get(&path).await?;
        if answer.status == 404 {
            // Nothing of this collector was ever acknowledged.
            return Ok(Page::default());
        }
        parse(&self.client, &answer)
    }

    /// Asks until there is an answer, or the deadline is over.
    async fn get(&mut self, path: &str) -> Result<Answer, LoadError> {
        loop {
            if self.token.is_none() {
                self.token = self.login().await?;
            }
            let answer = self
                .client
                .send(Method::GET, path, self.token.as_deref(), Bytes::new())
                .await;
            let is_over = pga_runtime::now() >= self.deadline;
            match answer {
                Ok(answer) if answer.status == 401 && self.token.is_some() && !is_over => {
                    self.token = None;
                }
                Ok(answer) if answer.status.is_success() || is_over => return Ok(answer),
                // Not there yet, or overloaded.
                Ok(answer) if answer.status.is_server_error() || answer.status == 429 => {}
                Ok(answer) => return Ok(answer),
                Err(error) if is_over => return Err(error.into()),
                Err(error) => tracing::debug!(error = %error, "reading back again"),
            }
            tokio::time::sleep(RETRY_PAUSE).await;
        }
    }

    async fn login(&mut self) -> Result<Option<String>, LoadError> {
        #[derive(Deserialize)]
        struct Login {
            token: String,
        }
        let Some(credentials) = &self.credentials else {
            return Ok(None);
        };
        let body = json!({"username": credentials.username, "password": credentials.password});
        let body = Bytes::from(body.to_string());
        let answer = self
            .client
            .send(Method::POST, "/api/v1/auth/login", None, body)
            .await?;
        let login: Login = parse(&self.client, &answer)?;
        Ok(Some(login.token))
    }
}

fn parse<T: for<'a> Deserialize<'a>>(client: &HttpClient, answer: &Answer) -> Result<T, LoadError> {
    let endpoint = client.endpoint().to_string();
    if !answer.status.is_success() {
        return Err(LoadError::Client(ClientError::Answer {
            endpoint,
            status: answer.status.as_u16(),
            body: answer.text_start(),
        }));
    }
    serde_json::from_slice(&answer.body).map_err(|error| LoadError::Answer {
        node: endpoint,
        what: error.to_string(),
    })
}

/// Percent-encodes everything but letters, digits, `-`, `_`, `.` and `~` (RFC 3986, section 2.3).
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
