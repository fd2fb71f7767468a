//! One row of the table of routes.

use std::time::Duration;

use futures::future::BoxFuture;
use warp::reply::Response;

use super::request_context::RequestContext;
use super::shape::{Field, Shape};
use crate::body::BodyStream;
use crate::metrics::WebMetrics;
use crate::refusal::Refusal;

/// What a handler makes of a request.
pub(super) type Outcome = Result<Response, Refusal>;

/// Who may ask. Each of the last three includes those after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody.
    Anyone,
    /// Whoever shows the password, secret or token that the request itself is about.
    Credentials,
    /// Everybody; who asks is told to the handler, which decides.
    Caller,
    /// A collector with its own token; in a demo everybody.
    Collector,
    /// As [`Access::Viewer`], but everybody where the settings say so.
    ViewerUnlessOpen,
    /// Every user.
    Viewer,
    /// Users with the role `user` or `admin`.
    User,
    /// Users with the role `admin`.
    Admin,
}

/// What runs for a route.
#[derive(Clone, Copy, Debug)]
pub(super) enum Handler {
    /// Does not look at the body.
    Plain(fn(RequestContext) -> BoxFuture<'static, Outcome>),
    /// Reads the body.
    WithBody(fn(RequestContext, BodyStream) -> BoxFuture<'static, Outcome>),
    /// Answers 501.
    NotBuilt,
}

/// What a request or an answer holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Content {
    /// Nothing that anybody looks at.
    Nothing,
    /// Plain text.
    Text,
    /// Text of these media types.
    TextOf(&'static [&'static str]),
    /// A document for browsers.
    Html,
    /// JSON, or such a document where that is asked for.
    JsonOrHtml(Shape),
    /// JSON.
    Json(Shape),
    /// A binary push frame.
    Frame,
}

/// One method of one path.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// HTTP method.
    pub method: &'static str,
    /// Path; a segment in braces stands for any one segment.
    pub path: &'static str,
    /// Label of the metrics.
    pub name: &'static str,
    /// Who may ask.
    pub access: Access,
    /// What it does, in one sentence.
    pub summary: &'static str,
    pub(super) handler: Handler,
    /// Arguments in the query string.
    pub(super) query: &'static [Field],
    pub(super) body: Content,
    pub(super) answer: Content,
    /// Status of success.
    pub(super) success: u16,
    /// Refusals that do not follow from the rest.
    pub(super) also: &'static [u16],
    /// Answers 304 to whoever shows the tag of what is still so.
    pub(super) has_tag: bool,
    /// What 503 holds, if it is no refusal.
    pub(super) unavailable: Content,
    /// Told each outcome, and how long it took.
    pub(super) observe: Option<fn(&WebMetrics, &Outcome, Duration)>,
}

impl Route {
    const fn new(
        method: &'static str,
        path: &'static str,
        name: &'static str,
        access: Access,
    ) -> Self {
        Self {
            method,
            path,
            name,
            access,
            summary: "",
            handler: Handler::NotBuilt,
            query: &[],
            body: Content::Nothing,
            answer: Content::Nothing,
            success: 200,
            also: &[],
            has_tag: false,
            unavailable: Content::Nothing,
            observe: None,
        }
    }

    pub(super) const fn get(path: &'static str, name: &'static str, access: Access) -> Self {
        Self::new("GET", path, name, access)
    }

    pub(super) const fn post(path: &'static str, name: &'static str, access: Access) -> Self {
        Self::new("POST", path, name, access)
    }

    pub(super) const fn put(path: &'static str, name: &'static str, access: Access) -> Self {
        Self::new("PUT", path, name, access)
    }

    pub(super) const fn patch(path: &'static str, name: &'static str, access: Access) -> Self {
        Self::new("PATCH", path, name, access)
    }

    pub(super) const fn delete(path: &'static str, name: &'static str, access: Access) -> Self {
        Self::new("DELETE", path, name, access)
    }

    pub(super) const fn does(mut self, summary: &'static str, handler: Handler) -> Self {
        self.summary = summary;
        self.handler = handler;
        self
    }

    pub(super) const fn asks(mut self, query: &'static [Field]) -> Self {
        self.query = query;
        self
    }

    pub(super) const fn takes(mut self, body: Content) -> Self {
        self.body = body;
        self
    }

    pub(super) const fn answers(mut self, answer: Content) -> Self {
        self.answer = answer;
        self
    }

    /// Success is this status.
    pub(super) const fn with_status(mut self, status: u16) -> Self {
        self.success = status;
        self
    }

    /// Refuses with these statuses, too, beside those that follow from the rest.
    pub(super) const fn may(mut self, also: &'static [u16]) -> Self {
        self.also = also;
        self
    }

    /// Answers 304 to whoever shows the tag of what is still so.
    pub(super) const fn tagged(mut self) -> Self {
        self.has_tag = true;
        self
    }

    /// Answers 503 with the content of success where the node cannot do its work.
    pub(super) const fn or_unavailable(mut self) -> Self {
        self.unavailable = self.answer;
        self
    }

    pub(super) const fn observed(mut self, observe: fn(&WebMetrics, &Outcome, Duration)) -> Self {
        self.observe = Some(observe);
        self
    }

    /// Whether it tells what the cluster holds, so that its answer says as of when.
    pub(super) fn reads_state(&self) -> bool {
        self.method == "GET" && !matches!(self.access, Access::Anyone)
    }

    /// Whether it does what the contract says, rather than to answer 501.
    pub const fn is_built(&self) -> bool {
        !matches!(self.handler, Handler::NotBuilt)
    }
}
