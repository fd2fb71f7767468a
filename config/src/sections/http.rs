//! `[http]`: the port for collectors, people and Prometheus.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::section::section;

section! {
    /// The port for collectors, people and Prometheus.
    Http = "http" {
        /// Address on which this node serves HTTP. Other than loopback needs TLS.
        listen: SocketAddr = "127.0.0.1:8080",
        /// URL at which clients reach this node, if it is another than `listen`.
        advertise: Option<String>,
        /// Server certificate chain (PEM); with `tls-key-file` it turns TLS on.
        tls_cert_file: Option<PathBuf>,
        /// Key of the server certificate (PEM, mode 0600).
        tls_key_file: Option<PathBuf>,
        /// How long a read with `min_position` waits for the store to get there.
        min_position_timeout: Duration = "10s",
    }
}
