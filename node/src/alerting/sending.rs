//! Sends one notification: an HTTP request to a checked address.

use pga_storage::Timestamp;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::Full;
use pga_alerts::brief;
use pga_alerts::message::{self, Message, Settings};
use pga_config::Notify;
use ring::hmac;
use tokio_rustls::TlsConnector;

use super::connection::{CONNECT, MAX_READ, REQUEST, trusting};
use super::failure::Failure;
use super::{smtp, target};
use pga_client::{ClientOptions, Endpoint, HttpClient};

/// Bytes of a receiver's answer that are kept.
pub(super) const MAX_ANSWER: usize = 500;

/// Believes what the public internet's browsers believe.
static PUBLIC: LazyLock<Result<TlsConnector, String>> = LazyLock::new(|| {
    let roots = webpki_roots::TLS_SERVER_ROOTS.iter().cloned();
    trusting(rustls::RootCertStore::from_iter(roots))
});

/// Sends a notification's content to its channel; what the receiver said.
///
/// # Errors
/// [`Failure`]: what went wrong; the receiver may have it all the same. Of more than one message
/// all are sent although one is refused for good.
pub(crate) async fn send(
    kind: &str,
    settings: &Settings,
    content: &serde_json::Value,
    key: &str,
    notify: &Notify,
) -> Result<String, Failure> {
    let now = Timestamp::now().micros() / 1_000_000;
    if kind == "email" {
        return smtp::send(settings, content, key, now, notify).await;
    }
    let mut said = Ok("nothing to send".to_owned());
    for one in message::messages(kind, settings, content, now)? {
        match request(settings, &one, key, now, notify).await {
            Ok(answer) if said.is_ok() => said = Ok(answer),
            Ok(_) => {}
            // The others are not to suffer for it.
            Err(failure) if failure.is_final() => said = Err(failure),
            Err(failure) => return Err(failure),
        }
    }
    said
}

/// A message that tests a channel, and says so.
pub(crate) fn example(cluster: &str) -> serde_json::Value {
    let now = Timestamp::now().to_string();
    serde_json::json!({
        "status": "firing", "cluster": cluster, "group": { "server": "test" },
        "group_key": "test", "truncated": 0, "is_repeat": false, "is_test": true,
        "alerts": [{
            "id": 0, "status": "firing", "rule": "TEST", "level": "", "name": "channel_test",
            "severity": "i", "labels": { "server": "test", "rule": "TEST" },
            "annotations": {
                "summary": "This is a test of the channel: nothing is wrong.",
                "first_step": "Nothing to do.",
            },
            "value": 0, "fingerprint": "0000000000000000", "incident": 0,
            "starts_at": now, "ends_at": null, "acknowledged_by": null,
        }],
    })
}

async fn request(
    settings: &Settings,
    message: &Message,
    key: &str,
    now: i64,
    notify: &Notify,
) -> Result<String, Failure> {
    let uri: Uri = message
        .url
        .parse()
        .map_err(|error| format!("url: {error}"))?;
    let (scheme, authority) = (uri.scheme_str(), uri.authority());
    let (Some(scheme), Some(authority)) = (scheme, authority) else {
        return Err(format!("url {:?} has no host", message.url).into());
    };
    let base = format!("{scheme}://{authority}");
    let endpoint: Endpoint = base
        .parse()
        .map_err(|_| format!("url {base:?} is no address"))?;
    let address = target::resolve(endpoint.host(), endpoint.port(), notify).await;
    let address = address.map_err(|error| error.to_string())?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header(
            USER_AGENT,
            concat!("pganalytics/", env!("CARGO_PKG_VERSION")),
        )
        .header(CONTENT_TYPE, message.content_type)
        .header("idempotency-key", key);
    if !settings.token.is_empty() {
        request = request.header(AUTHORIZATION, format!("Bearer {}", settings.token));
    }
    if !settings.secret.is_empty() {
        let signature = sign(&settings.secret, now, &message.body);
        request = request.header("x-pganalytics-timestamp", now.to_string());
        request = request.header("x-pganalytics-signature", signature);
    }
    let body = Full::new(Bytes::from(message.body.clone()));
    let request = request.body(body).map_err(|error| error.to_string())?;
    let options = ClientOptions::new(CONNECT, REQUEST)
        .with_address(address, PUBLIC.clone()?)
        .with_cut_answers(MAX_READ);
    let mut client = HttpClient::new(endpoint, Arc::new(options));
    let answer = client.send_request(request).await;
    let answer = answer.map_err(|error| pga_runtime::error_chain(&error))?;
    let said = String::from_utf8_lossy(&answer.body);
    let said = brief(&format!("{} {}", answer.status, said.trim()), MAX_ANSWER);
    let said = said.trim().to_owned();
    match answer.status {
        status if status.is_success() => Ok(said),
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND | StatusCode::TEMPORARY_REDIRECT => {
            Err(format!("{said}: redirects are not followed").into())
        }
        status => Err(Failure::of_status(status, said)),
    }
}

/// HMAC-SHA-256 over time and body, as `sha256=` and hex digits (RFC 2104).
fn sign(secret: &str, now: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("{now}.{body}").as_bytes());
    format!("sha256={}", hex::encode(tag))
}

#[cfg(test)]
mod tests;
