//! What can go wrong with identities and secrets.

use std::io;
use std::path::PathBuf;

/// Why an identity or a secret could not be made, read or used. The texts hold no secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PkiError {
    /// A certificate or key could not be generated.
    #[error("cannot issue a certificate")]
    Issue(#[from] rcgen::Error),
    /// A name may not stand in a certificate of this kind.
    #[error("certificate name {name:?} is not allowed here")]
    Name {
        /// The name.
        name: String,
    },
    /// PEM, DER or another encoding is not what was expected.
    #[error("{what} is malformed")]
    Malformed {
        /// What was being read.
        what: &'static str,
    },
    /// The private key does not belong to the certificate.
    #[error("private key and certificate do not belong together")]
    KeyMismatch,
    /// A sealed secret does not open with this key in this context.
    #[error("cannot open the sealed secret: wrong cluster key, wrong context or damaged")]
    Unseal,
    /// The system's random number generator failed.
    #[error("no randomness")]
    Random,
    /// The join token ran out.
    #[error("join token has expired")]
    Expired,
    /// A file with a secret can be read by others.
    #[error("{} must be readable by its owner alone, its mode is {mode:o}", path.display())]
    Exposed {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A file operation failed.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was tried, as a verb.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
}
