//! What is for one collector: it sees its own, and users see everybody's.

use pga_config::CollectorId;

use super::request_context::RequestContext;
use crate::Principal;
use crate::auth::forbidden;
use crate::refusal::Refusal;

impl RequestContext {
    /// Refuses who is neither the collector itself nor a user; `what` is what it is about.
    ///
    /// # Errors
    /// 403, never 401, which old collectors answer with the same request for ever (contract Q11).
    pub(super) fn require_own(&self, collector: CollectorId, what: &str) -> Result<(), Refusal> {
        let may = match &self.caller {
            Principal::Collector(own) => *own == collector,
            Principal::User { .. } => true,
            Principal::Anonymous => self.context.options.is_open,
        };
        match may {
            true => Ok(()),
            false => Err(forbidden(&format!(
                "{what} is for its own collector, with its token"
            ))),
        }
    }
}
