//! Whether who asks may: one place, by the table.

use http::HeaderMap;

use super::table::Access;
use crate::Principal;
use crate::auth::{forbidden, pushing_collector, require_user};
use crate::context::Context;
use crate::refusal::Refusal;

/// Who asks, if that is somebody who may.
pub(super) fn admit(
    access: Access,
    context: &Context,
    headers: &HeaderMap,
) -> Result<Principal, Refusal> {
    match access {
        Access::Anyone | Access::Credentials => Ok(Principal::Anonymous),
        Access::ViewerUnlessOpen if context.options.open_status => Ok(Principal::Anonymous),
        Access::Collector => {
            let sender = pushing_collector(context, headers)?;
            Ok(sender.map_or(Principal::Anonymous, Principal::Collector))
        }
        Access::ViewerUnlessOpen | Access::Viewer | Access::User | Access::Admin => {
            let claims = require_user(context, headers)?;
            let role = claims.role.unwrap_or_default();
            if !is_enough(access, &role) {
                return Err(forbidden("Your role may not do this"));
            }
            Ok(Principal::User {
                id: claims.user_id.unwrap_or_default(),
                username: claims.username.unwrap_or_default(),
                role,
            })
        }
    }
}

/// Whether a user with `role` may; every user is a viewer.
fn is_enough(access: Access, role: &str) -> bool {
    match access {
        Access::Admin => role == "admin",
        Access::User => matches!(role, "admin" | "user"),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_higher_role_may_what_a_lower_one_may() {
        for (role, want) in [
            ("admin", [true, true, true]),
            ("user", [true, true, false]),
            ("viewer", [true, false, false]),
            ("", [true, false, false]),
        ] {
            let levels = [Access::Viewer, Access::User, Access::Admin];
            assert_eq!(levels.map(|access| is_enough(access, role)), want, "{role}");
        }
    }
}
