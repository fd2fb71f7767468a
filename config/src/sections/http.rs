//! `[http]`: the port for collectors, people and Prometheus.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::section::section;
use crate::setting::words;

words! {
    /// What certificates of clients are worth on the HTTPS port.
    ClientCertificates {
        /// Nobody is asked for one.
        Off = "off",
        /// A collector's certificate does for its pushes, and so does its token.
        Optional = "optional",
        /// A push needs its collector's certificate.
        Required = "required",
    }
}

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
        /// Whether collectors show who they are by the certificate that the cluster issued them:
        /// `optional` (it does in place of a token, and must name the same collector as the token),
        /// `required` (no push without it; people and scripts need none) or `off`. Needs TLS.
        client_certificates: ClientCertificates = "optional",
        /// How long a read with `min_position` waits for the store to get there.
        min_position_timeout: Duration = "10s",
    }
}
