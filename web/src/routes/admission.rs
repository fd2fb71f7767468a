//! Whether who asks may: one place, by the table.

use http::{HeaderMap, StatusCode};

use super::request_context::RequestContext;
use super::route::{Access, Route};
use crate::auth::{
    forbidden, may_be_known_elsewhere, pushing_collector, require_user, without_quorum,
};
use crate::context::Context;
use crate::control_plane::view;
use crate::peer::Peer;
use crate::refusal::Refusal;
use crate::{Principal, Via};

/// What a user may ask whose password somebody else chose.
const WITH_ANY_PASSWORD: [&str; 2] = ["me", "change_password"];

/// Who asks, if that is somebody who may.
///
/// A session or a collector that another node has just made may not be known here yet. Whoever
/// shows its token waits until this node knows what the cluster does, rather than be sent away.
pub(super) async fn admit(route: &Route, ask: &RequestContext) -> Result<Principal, Refusal> {
    let admit = || {
        admit_known(
            route.access,
            route.method,
            &ask.context,
            &ask.headers,
            &ask.peer,
        )
    };
    let caller = match admit() {
        Err(refusal)
            if refusal.status == StatusCode::UNAUTHORIZED
                && may_be_known_elsewhere(&ask.context, &ask.headers, &ask.peer) =>
        {
            ask.context.api.linearize().await?;
            admit()?
        }
        admitted => admitted?,
    };
    // A push is no read: it waits for a quorum itself.
    if route.access != Access::Collector {
        without_quorum::check(&ask.context, &caller)?;
    }
    password_is_own(route, &ask.context, &caller)?;
    Ok(caller)
}

/// Who has a password that somebody else chose does nothing before it is changed. API tokens go on:
/// they were made with a password of the user's own.
fn password_is_own(route: &Route, context: &Context, caller: &Principal) -> Result<(), Refusal> {
    let Principal::User {
        id,
        via: Via::Session(_),
        ..
    } = caller
    else {
        return Ok(());
    };
    let must_change = view(&*context.api, |state| {
        state.person(*id).must_change_password
    });
    if WITH_ANY_PASSWORD.contains(&route.name) || must_change == Some(false) {
        return Ok(());
    }
    let text = "The password was chosen by somebody else: change it first, with \
                POST /api/v1/auth/change-password";
    Err(Refusal::new(
        StatusCode::FORBIDDEN,
        "temporary_password",
        text,
    ))
}

/// Who asks, if this node knows that it is somebody who may.
fn admit_known(
    access: Access,
    method: &str,
    context: &Context,
    headers: &HeaderMap,
    peer: &Peer,
) -> Result<Principal, Refusal> {
    match access {
        Access::Anyone | Access::Credentials => Ok(Principal::Anonymous),
        Access::ViewerUnlessOpen if context.options.is_open => Ok(Principal::Anonymous),
        Access::Caller => Ok(who_asks(context, method, headers, peer)),
        Access::Collector => {
            let sender = pushing_collector(context, headers, peer)?;
            Ok(sender.map_or(Principal::Anonymous, Principal::Collector))
        }
        Access::ViewerUnlessOpen | Access::Viewer | Access::User | Access::Admin => {
            let caller = require_user(context, method, headers)?;
            match &caller {
                Principal::User { role, .. } if is_enough(access, role) => Ok(caller),
                _ => Err(forbidden("Your role may not do this")),
            }
        }
    }
}

/// Who asks; nobody if that cannot be told, which is no error here.
fn who_asks(context: &Context, method: &str, headers: &HeaderMap, peer: &Peer) -> Principal {
    if let Ok(user) = require_user(context, method, headers) {
        return user;
    }
    match pushing_collector(context, headers, peer) {
        Ok(Some(collector)) => Principal::Collector(collector),
        Ok(None) | Err(_) => Principal::Anonymous,
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
