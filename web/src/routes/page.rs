//! The web page: one document for all its addresses, one script, one style sheet, out of the
//! binary. No service and no other host is asked.
//!
//! Script and style sheet stand below a folder that is named after their content, so a browser may
//! keep them for ever; the document names the folder and is asked for each time.

use std::io::Write;
use std::sync::LazyLock;

use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, ETAG, HeaderValue,
    IF_NONE_MATCH, VARY,
};
use http::{HeaderMap, StatusCode};
use hyper::body::Bytes;
use ring::digest::{SHA256, digest};
use warp::reply::Response;

use super::request_context::RequestContext;
use super::route::{Access, Content, Handler, Outcome, Route};
use crate::refusal::Refusal;
use crate::reply::content;

const SCRIPT: &[u8] = include_bytes!("../../ui/dist/app.js");
const STYLE: &[u8] = include_bytes!("../../ui/dist/app.css");
/// What the page may do, before the addresses that it may ask: those of nodes, to see which of them
/// answer while its own is away.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; \
    form-action 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'; \
    connect-src 'self'";

/// A file, plain and packed.
struct File {
    plain: Bytes,
    packed: Option<Bytes>,
    tag: String,
}

impl File {
    fn new(plain: Vec<u8>) -> Self {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        let packed = encoder.write_all(&plain).and_then(|()| encoder.finish());
        Self {
            tag: format!("\"{}\"", name_of(&[&plain])),
            packed: packed.ok().map(Bytes::from),
            plain: Bytes::from(plain),
        }
    }
}

/// Twelve digits that are others for another content.
fn name_of(parts: &[&[u8]]) -> String {
    let all = digest(&SHA256, &parts.concat());
    hex::encode(all.as_ref().get(..6).unwrap_or_default())
}

static BUILD: LazyLock<String> = LazyLock::new(|| name_of(&[SCRIPT, STYLE]));
static SCRIPT_FILE: LazyLock<File> = LazyLock::new(|| File::new(SCRIPT.to_vec()));
static STYLE_FILE: LazyLock<File> = LazyLock::new(|| File::new(STYLE.to_vec()));
static DOCUMENT: LazyLock<File> = LazyLock::new(|| {
    let build = &*BUILD;
    let text = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>pgAnalytics</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\">\
         <link rel=\"icon\" href=\"data:,\">\
         <link rel=\"stylesheet\" href=\"/ui/{build}/app.css\">\
         <script type=\"module\" src=\"/ui/{build}/app.js\"></script></head>\
         <body><div id=\"app\"><noscript>This page needs JavaScript.</noscript></div></body></html>"
    );
    File::new(text.into_bytes())
});

const fn page(path: &'static str) -> Route {
    Route::get(path, "page", Access::Anyone)
        .does(
            "Shows the web page.",
            Handler::Plain(|ask| Box::pin(document(ask))),
        )
        .answers(Content::Html)
        .tagged()
}

pub(super) const ROUTES: &[Route] = &[
    page("/"),
    page("/alerts"),
    page("/alerts/rules"),
    page("/alerts/channels"),
    page("/alerts/silences"),
    page("/findings"),
    page("/cluster"),
    page("/collectors"),
    page("/people"),
    page("/account"),
    page("/collectors/{id}"),
    page("/audit"),
    page("/servers/{id}"),
    page("/servers/{id}/why"),
    page("/servers/{id}/activity"),
    page("/servers/{id}/queries"),
    page("/servers/{id}/queries/{hash}"),
    page("/servers/{id}/tables"),
    page("/servers/{id}/snapshots"),
    page("/servers/{id}/advice"),
    page("/servers/{id}/unusual"),
    page("/servers/{id}/logs"),
    page("/servers/{id}/replication"),
    Route::get("/ui/{build}/{file}", "page_file", Access::Anyone)
        .does(
            "Gives the web page's script and style sheet.",
            Handler::Plain(|ask| Box::pin(async move { asset(&ask) })),
        )
        .answers(Content::TextOf(&["text/javascript", "text/css"]))
        .may(&[404])
        .tagged(),
];

async fn document(ask: RequestContext) -> Outcome {
    let html = "text/html; charset=utf-8";
    let mut response = file(&ask.headers, &DOCUMENT, html, "no-cache");
    let nodes = ask.context.nodes.of(&*ask.context.api).await;
    let policy = format!("{POLICY} {}", nodes.join(" "));
    let policy = HeaderValue::try_from(policy.trim_end())
        .unwrap_or_else(|_| HeaderValue::from_static(POLICY));
    response
        .headers_mut()
        .insert(CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}

fn asset(ask: &RequestContext) -> Outcome {
    let gone = || Refusal::new(StatusCode::NOT_FOUND, "unknown_path", "Not found");
    // A node of another version has another folder: the page is loaded anew then.
    if ask.segment() != BUILD.as_str() {
        return Err(gone());
    }
    let (found, media_type) = match ask.segment_at(1) {
        "app.js" => (&*SCRIPT_FILE, "text/javascript; charset=utf-8"),
        "app.css" => (&*STYLE_FILE, "text/css; charset=utf-8"),
        _ => return Err(gone()),
    };
    let for_ever = "public, max-age=31536000, immutable";
    Ok(file(&ask.headers, found, media_type, for_ever))
}

fn file(
    headers: &HeaderMap,
    file: &File,
    media_type: &'static str,
    keep: &'static str,
) -> Response {
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
    };
    let takes_gzip = text(ACCEPT_ENCODING).is_some_and(|coding| coding.contains("gzip"));
    let packed = file.packed.as_ref().filter(|_| takes_gzip);
    let mut response = if text(IF_NONE_MATCH) == Some(file.tag.as_str()) {
        let mut response = Response::default();
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        content(
            StatusCode::OK,
            media_type,
            packed.unwrap_or(&file.plain).clone(),
        )
    };
    let added = response.headers_mut();
    if packed.is_some() {
        added.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    added.insert(VARY, HeaderValue::from_static("accept-encoding"));
    added.insert(CACHE_CONTROL, HeaderValue::from_static(keep));
    if let Ok(tag) = HeaderValue::from_str(&file.tag) {
        added.insert(ETAG, tag);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the first load takes, as it is sent.
    #[test]
    fn the_page_is_small() {
        let sent = |file: &File| file.packed.as_ref().map_or(0, Bytes::len);
        let bytes = sent(&SCRIPT_FILE);
        assert!(
            bytes > 10_000 && bytes <= 80 << 10,
            "{bytes} bytes of script"
        );
        assert!(sent(&STYLE_FILE) < 10 << 10);
    }

    #[test]
    fn the_document_names_its_files() {
        let text = String::from_utf8_lossy(&DOCUMENT.plain).into_owned();
        assert!(text.contains(&format!("/ui/{}/app.js", *BUILD)), "{text}");
        assert_eq!(BUILD.len(), 12);
    }
}
