//! `[auth]`: users, tokens and registration.

use crate::section::section;
use crate::setting::words;

words! {
    /// Whether a push has to show whose it is.
    PushAuthentication {
        /// A push without a good token or certificate is refused.
        Required = "required",
        /// Such a push is taken in the name that it gives.
        Optional = "optional",
    }
}

words! {
    /// What a node without a quorum answers to who shows a token: it cannot know whether that was
    /// revoked in the meantime.
    ReadsWithoutQuorum {
        /// Reads, until the token would have ended anyway.
        Serve = "serve",
        /// Nothing.
        Refuse = "refuse",
    }
}

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
        /// Whether a push needs a collector's token or certificate. With `optional` whoever reaches
        /// the port may push in any collector's name: for networks where everybody is trusted only.
        push_authentication: PushAuthentication = "required",
        /// Whether a node without a quorum answers reads. It does not hear of revocations: with
        /// `serve` it takes sessions until their access tokens end (15 minutes), and API tokens and
        /// collectors until it has had no quorum for as long; with `refuse` nobody once it has had
        /// none for 5 s, so that a revocation holds everywhere by then, and nobody sees anything on
        /// such a node.
        reads_without_quorum @ live: ReadsWithoutQuorum = "serve",
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
