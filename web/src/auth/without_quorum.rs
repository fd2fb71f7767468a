//! Tokens on a node that has no quorum.
//!
//! Revocations are entries of the log: a node that no quorum confirms its state to does not hear of
//! them. How long it goes on to take what may have been revoked is a choice between answers and
//! safety (`auth.reads-without-quorum`), and has a bound either way.

use std::time::Duration;

use pga_config::ReadsWithoutQuorum;

use super::lifetimes::ACCESS_LIFETIME;
use crate::context::Context;
use crate::refusal::Refusal;
use crate::{Principal, Via};

/// Within this time a revocation holds on every node, where reads without a quorum are refused.
const REVOKED_WITHIN: Duration = Duration::from_secs(5);

/// Refuses who could have been turned away by what this node has not heard of.
///
/// An access token ends by itself, and no new one is issued without a quorum. What lasts longer, an
/// API token or a collector's token and certificate, is taken no longer than that.
///
/// # Errors
/// 503
pub(crate) fn check(context: &Context, caller: &Principal) -> Result<(), Refusal> {
    let longest = match (context.options.limits.now().reads_without_quorum, caller) {
        (_, Principal::Anonymous) => return Ok(()),
        (ReadsWithoutQuorum::Refuse, _) => REVOKED_WITHIN,
        (
            ReadsWithoutQuorum::Serve,
            Principal::User {
                via: Via::Session(_),
                ..
            },
        ) => return Ok(()),
        (ReadsWithoutQuorum::Serve, _) => ACCESS_LIFETIME,
    };
    let age = context.api.view_age();
    if age.is_some_and(|age| age <= longest) {
        return Ok(());
    }
    let since = age.map_or_else(
        || "since this node started".to_owned(),
        |age| format!("for {} s", age.as_secs()),
    );
    Err(Refusal::unavailable(
        "no_quorum",
        format!(
            "Temporarily unavailable: {since} no quorum has confirmed that this node knows which \
             tokens were revoked"
        ),
    ))
}
