//! How long tokens last.

use std::time::Duration;

/// How long a user's access token lasts.
pub(crate) const ACCESS_LIFETIME: Duration = Duration::from_secs(15 * 60);
/// How long a user's refresh token lasts.
pub(crate) const REFRESH_LIFETIME: Duration = Duration::from_secs(24 * 3600);
/// How long a collector's token lasts: as long as its certificate. Some original collectors never
/// renew it, and take a push that is refused with 401 for a success (contract Q14), so an end would
/// lose all that they read after it. Deleting a collector ends its token at once.
pub(super) const COLLECTOR_LIFETIME: Duration = Duration::from_secs(365 * 24 * 3600);
/// A collector may refresh a token that expired this long ago.
pub(super) const REFRESH_GRACE: Duration = Duration::from_secs(24 * 3600);
