//! The HTTP front over real sockets, against a fake node.

mod auth;
mod bad_input;
mod fake_node;
mod limits;
mod push;
mod raw_http;
mod reads;
mod server;
