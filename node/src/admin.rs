//! The local operator's door: a Unix socket in the data directory.
//!
//! Whoever may use the directory (mode 0700) may use the socket: it is how `pganalytics cluster …`
//! acts on a running node without a password. One request and one answer per connection, each a
//! line of JSON; a backup has more (`backup.rs`).

mod backup;
mod client;
mod requests;
mod server;
mod staged;
mod user_request;
mod users;

pub(crate) use self::server::{AdminServer, serve};
pub(crate) use self::{
    backup::Staging,
    client::call,
    requests::{AdminAnswer, AdminRequest},
    staged::Staged,
    user_request::{Hidden, UserLine, UserRequest},
};
