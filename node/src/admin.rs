//! The local operator's door: a Unix socket in the data directory.
//!
//! Whoever may use the directory (mode 0700) may use the socket: it is how `pganalytics cluster …` acts on a running node
//! without a password. One request and one answer per connection, each a line of JSON.

mod client;
mod requests;
mod server;
mod users;

pub(crate) use self::server::{AdminServer, serve};
pub(crate) use self::{
    client::call,
    requests::{AdminAnswer, AdminRequest},
    users::{Hidden, UserLine, UserRequest},
};
