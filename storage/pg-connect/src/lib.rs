//! How pgAnalytics finds, trusts and opens a PostgreSQL server: libpq's rules.
//!
//! A [`Target`] is made from a connection string or URL and an [`Environment`]. It knows the
//! hosts, the TLS mode, the certificates and where passwords are. [`Target::connect`] opens one
//! session on the first host that suits.

mod connect;
mod conninfo;
mod environment;
mod error;
mod host;
mod passfile;
mod service_file;
mod session;
mod session_attrs;
mod settings;
mod ssl_mode;
mod target;
mod tls;
mod url;
mod verifier;

pub use self::connect::{Connected, Driver};
pub use self::environment::Environment;
pub use self::error::{ConnectError, HostFailure, Reason};
pub use self::session::Session;
pub use self::target::Target;
