//! Identities and secrets of a cluster (design D9): its certificate authority, the certificates
//! issued by it, the cluster key that seals what is replicated, and what a new node needs to join.
//!
//! Who is who stands in the subject alternative name of a certificate, under the reserved suffix
//! `.cluster`: `node-<id>.cluster` is a node, `join-<hex>.cluster` the holder of a join token.
//! Certificates for other purposes come from the same authority and cannot carry such a name, so
//! they open nothing on the peer port: those of the HTTPS port, and those of collectors, which are
//! named `<uuid>.collector`.

mod authority;
mod certificate;
mod cluster_key;
mod error;
mod identity;
mod join_bundle;
mod join_exchange;
mod private_file;
mod validity;

pub use self::{
    authority::CertificateAuthority,
    certificate::{
        ExpiryWarning, collector_name, dns_names, expiry_warning, is_for_name, is_of_authority,
        join_server_name, named_collector, node_server_name, not_after, renew_at, thumbprint,
    },
    cluster_key::ClusterKey,
    error::PkiError,
    identity::Identity,
    join_bundle::JoinBundle,
    join_exchange::{JoinAnswer, JoinRequest},
    private_file::{create_private_dir, read_private_file, write_private_file},
    validity::Validity,
};
