//! HTTP front of a pgAnalytics node: decodes what clients send, asks the node, maps the answer.
//!
//! # What it guarantees
//! Every request has a bound on its size, its time and the memory it takes; a client error never
//! reaches the node (ACK-2); a panic in a handler is an answer with 500, and the server lives on.
//! # Map
//! [`serve()`] is the entry point, [`NodeApi`] the port to the node, [`WebOptions`] what it allows,
//! [`routes()`] the table of its routes, those that are not built included.

mod admission;
mod analyses;
mod api_error;
mod auth;
mod body;
mod cache_outcome;
mod connection;
mod context;
mod control_plane;
mod decode;
mod gauge;
mod metrics;
pub mod new_user;
mod node_addresses;
mod node_api;
mod options;
mod peer;
mod protocol;
mod questions;
mod refusal;
mod reply;
mod request_id;
mod routes;
pub mod secret_hash;
mod serve;
mod timestamps;
mod tls;

pub use self::{
    admission::{AdmissionPermit, Taken},
    analyses::{jobs::JobRunner, watch::Watch},
    api_error::ApiError,
    auth::{FailedAttempts, FailureLimit, TokenKey, TokenKeys, hash_password},
    cache_outcome::note_cache,
    control_plane::ControlPlane,
    decode::{DecodeError, DecodedPush, PushRoute, Rejected, RejectedElement, decode_push},
    metrics::WebMetrics,
    node_api::{
        CacheFigures, ChannelTest, Channels, Configurations, Credentials, Health, Ingest, NodeApi,
        Operations, Predictor, Principal, Push, PushAck, PushNote, PushProblem, ReadScope, Reads,
        Registered, Registration, StoreAt, Via,
    },
    options::{WebLimits, WebOptions},
    routes::{Access, Route, routes},
    serve::serve,
    tls::{CollectorCertificates, tls_config},
};
