//! The HTTP/1.1 client of the command line tools: one kept-alive connection to one node, and the
//! push that fails over between nodes.
//!
//! It is made to cost little: a load generator shares its machine with the nodes it measures. The
//! connection is driven by the request that waits for it, so that there is no task per connection
//! and no hand-over between threads.

mod clock_reading;
mod compression;
mod connection;
mod endpoint;
mod error;
mod http_client;
mod pusher;
mod reader;

pub use self::{
    clock_reading::ClockReading,
    compression::Encoding,
    endpoint::{Endpoint, ParseEndpointError},
    error::{ClientError, ReadError},
    http_client::{Answer, ClientOptions, HttpClient},
    pusher::{Next, PushPolicy, Pushed, PushedOutcome, Pusher},
    reader::{Identity, Reader, Reading},
};
