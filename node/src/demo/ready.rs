//! Waiting until every node is ready.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};
use indicatif::ProgressBar;

use super::layout::Layout;
use crate::{Error, Result};
use pga_client::{ClientOptions, Endpoint, HttpClient};

/// Between two questions.
const PAUSE: Duration = Duration::from_millis(50);

/// Asks every node's `/readyz` until each says yes.
pub(super) async fn wait(layout: &Layout, bar: &ProgressBar, limit: Duration) -> Result<()> {
    let options = client_options(layout)?;
    let deadline = pga_runtime::now() + limit;
    for node in &layout.nodes {
        let id = node.config.node.id.get();
        bar.set_message(format!("waiting for node {id}"));
        let endpoint: Endpoint = node
            .config
            .advertised_http()
            .parse()
            .map_err(|error| Error::Internal(format!("{error}")))?;
        let mut client = HttpClient::new(endpoint, Arc::clone(&options));
        loop {
            let answer = client
                .send(Method::GET, "/readyz", None, Bytes::new())
                .await;
            let last = match answer {
                Ok(answer) if answer.status == StatusCode::OK => break,
                Ok(answer) => answer.text_start(),
                Err(error) => pga_runtime::error_chain(&error),
            };
            if pga_runtime::now() > deadline {
                return Err(Error::Unavailable(format!(
                    "node {id} does not get ready: {last}"
                )));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
    Ok(())
}

/// How the demo talks to its nodes.
pub(super) fn client_options(layout: &Layout) -> Result<Arc<ClientOptions>> {
    let options = ClientOptions::default();
    let options = match layout.ca_file() {
        None => options,
        Some(ca) => options
            .with_ca_file(&ca)
            .map_err(|error| Error::Pki(pga_runtime::error_chain(&error)))?,
    };
    Ok(Arc::new(options))
}
