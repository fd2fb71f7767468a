//! Password checks.

use std::sync::LazyLock;

use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};

use crate::context::Context;
use crate::refusal::Refusal;

/// Hash of no password: an unknown user costs as much time as a known one.
static NOBODY: LazyLock<String> = LazyLock::new(|| {
    let salt = SaltString::encode_b64(b"pganalytics-none").ok();
    let Some(salt) = salt else {
        return String::new();
    };
    Argon2::default()
        .hash_password(b"-", &salt)
        .map(|hash| hash.to_string())
        .unwrap_or_default()
});

/// Whether `password` belongs to `hash` (a PHC string, Argon2); never without a hash.
///
/// Runs on a blocking thread, a bounded number at once: a check costs tens of milliseconds and 19 MiB.
pub(crate) async fn check_password(
    context: &Context,
    hash: Option<String>,
    password: String,
) -> Result<bool, Refusal> {
    let _permit = context
        .password_checks
        .acquire()
        .await
        .map_err(|_| Refusal::internal())?;
    let check = move || {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| NOBODY.clone());
        let matches = PasswordHash::new(&hash).is_ok_and(|hash| {
            Argon2::default()
                .verify_password(password.as_bytes(), &hash)
                .is_ok()
        });
        known && matches
    };
    tokio::task::spawn_blocking(check)
        .await
        .map_err(|_| Refusal::internal())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_for_unknown_users_is_a_real_one() {
        assert!(PasswordHash::new(&NOBODY).is_ok());
    }
}
