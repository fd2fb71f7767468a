//! `[auth]`: users, tokens and registration.

use crate::section::section;

section! {
    /// Users, tokens and registration. The first user and the registration secret are read when the
    /// cluster is created.
    Auth = "auth" {
        /// Name of the first user.
        admin_username: String = "admin",
        /// Mail address of the first user.
        admin_email: String = "admin@localhost",
        /// Whether the cluster may be created without a first user: whoever is the first to ask
        /// `POST /api/v1/auth/setup` becomes admin.
        allow_setup: bool = "false",
    }
    secrets {
        /// Password of the first user; needed by the node with `cluster.bootstrap`, unless
        /// `auth.allow-setup`.
        admin_password,
        /// What a collector shows when it registers; needed by the node with `cluster.bootstrap`.
        registration_secret,
        /// Signing key of tokens taken over from another installation, at least 32 bytes; by
        /// default a random one is made.
        token_key,
    }
}
