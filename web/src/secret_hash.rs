//! What is kept of secrets that are drawn at random: their hash. Nobody can guess such a secret, so
//! a fast hash is enough.

use ring::digest::{SHA256, digest};

/// SHA-256 of a secret, as the replicated state keeps it.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, bytes).as_ref());
    out
}

/// Whether two hashes are equal, in a time that says nothing about them.
pub fn is_equal(a: &[u8; 32], b: &[u8; 32]) -> bool {
    a.iter().zip(b).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}
