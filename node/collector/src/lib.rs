//! What a PostgreSQL server and its host can tell, read at no cost to them.
//!
//! # Map
//! A [`Server`] is one PostgreSQL server. Each call of [`Server::collect`] reads the sources that
//! are due and answers their elements. A source is one file below `source/`: the type of its
//! elements, how often, on which databases, and its query, which is built from the columns that
//! the server has; [`kinds`] lists them. What it reads goes to a [`Sink`], source by source.
//! [`Facts`] is what is looked up once per connection. [`check()`] says what a role is missing.
//! [`Host`] reads the machine. [`LogOptions`] say how the server's log is read, [`LogPosition`] how
//! far it was. [`SimulatedServer`] makes up what a server that does not exist would tell.
//!
//! # What it guarantees
//! - One connection to the maintenance database and one more at a time for the others.
//! - Each source is read in a read-only transaction with `statement_timeout`, `lock_timeout` and
//!   `idle_in_transaction_session_timeout`. Nothing is written.
//! - A source that cannot be read is an element of type `collector_gaps` that says why and what
//!   would help; the others are read.
//! - A source that takes more than 5 % of its own cadence, three times running, is read half as
//!   often; `collector_cost` shows the time of each.

mod check;
mod connection;
mod cost;
mod facts;
mod gap;
mod host;
mod log;
mod options;
mod plan;
mod schedule;
mod server;
mod simulated;
mod sink;
mod source;

pub use self::check::{Finding, check};
pub use self::facts::Facts;
pub use self::gap::Gap;
pub use self::host::Host;
pub use self::log::{LogHealth, LogOptions, LogPosition};
pub use self::options::Options;
pub use self::plan::IndexCandidate;
pub use self::server::{CollectError, Server, SourceCost, kinds};
pub use self::simulated::SimulatedServer;
pub use self::sink::Sink;
