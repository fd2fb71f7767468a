//! `[notify]`: notifications about alerts.

use ipnet::IpNet;

use crate::section::section;

section! {
    /// Notifications about alerts.
    Notify = "notify" {
        /// Networks beside the public internet that notifications may go to, as `address/bits` with
        /// commas between; loopback, private and link-local addresses are refused without it.
        allow_targets @ live: String = "",
    }
}

impl Notify {
    /// The networks of `allow_targets`; what is none as its text.
    pub fn networks(&self) -> impl Iterator<Item = Result<IpNet, &str>> {
        let parts = self.allow_targets.split(',').map(str::trim);
        let parts = parts.filter(|part| !part.is_empty());
        parts.map(|part| part.parse().map_err(|_| part))
    }
}
