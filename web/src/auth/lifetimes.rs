//! How long tokens last.

use std::time::Duration;

/// How long a user's access token lasts.
pub(crate) const ACCESS_LIFETIME: Duration = Duration::from_secs(15 * 60);
/// How long a user's refresh token lasts.
pub(crate) const REFRESH_LIFETIME: Duration = Duration::from_secs(24 * 3600);
/// How long a collector's token lasts: collectors assume an hour whatever `expires_at` says
/// (contract Q22).
pub(super) const COLLECTOR_LIFETIME: Duration = Duration::from_secs(3600);
/// A collector may refresh a token that expired this long ago.
pub(super) const REFRESH_GRACE: Duration = Duration::from_secs(24 * 3600);
