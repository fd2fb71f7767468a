//! `[auth]`: users, tokens and registration.

use std::time::Duration;

use crate::section::section;

section! {
    /// Users, tokens and registration. The first user and the registration secret are read when the cluster is created.
    Auth = "auth" {
        /// How long an access token is valid.
        access_token_ttl: Duration = "15m",
        /// How long a refresh token is valid.
        refresh_token_ttl: Duration = "24h",
        /// Name of the first user.
        admin_username: String = "admin",
        /// Mail address of the first user.
        admin_email: String = "admin@localhost",
    }
    secrets {
        /// Password of the first user; needed by the node with `cluster.bootstrap`.
        admin_password,
        /// What a collector shows when it registers; needed by the node with `cluster.bootstrap`.
        registration_secret,
        /// Signing key of tokens taken over from another installation, at least 32 bytes; by default a random one is made.
        token_key,
    }
}
