//! The memory that all proposals may claim together.

use super::evidence::Evidence;
use super::proposal::Proposal;

/// Share of the machine's memory that settings of queries may claim, all roles together.
pub(super) const QUERY_SHARE: f64 = 0.25;
/// Share that all claims and the buffers may take; the rest is for the system and sessions.
const ALL_SHARE: f64 = 0.75;

/// Settings of which each query may take the memory.
const QUERY_SETTINGS: [&str; 2] = ["work_mem", "hash_mem_multiplier"];

/// The proposals whose memory fits. Those that save more go first; of equal ones the smaller.
pub(super) fn within(of: &Evidence, mut all: Vec<Proposal>) -> Vec<Proposal> {
    let (claiming, mut kept): (Vec<_>, Vec<_>) = all
        .drain(..)
        .partition(|proposal| proposal.memory_bytes > 0.0);
    let Some(memory) = of.server.memory_bytes else {
        return kept;
    };
    let mut claiming = claiming;
    claiming.sort_by(|one, other| {
        let by_saving = other.saved_ms_per_day.total_cmp(&one.saved_ms_per_day);
        by_saving.then(one.memory_bytes.total_cmp(&other.memory_bytes))
    });
    let buffers = of
        .setting("shared_buffers")
        .and_then(|setting| setting.bytes());
    let mut queries = 0.0;
    let mut all_claims = buffers.unwrap_or(0.0);
    for proposal in claiming {
        let is_query = QUERY_SETTINGS.contains(&proposal.parameter.as_str());
        // New buffers take the place of the old ones.
        let freed = match proposal.parameter.as_str() {
            "shared_buffers" => buffers.unwrap_or(0.0),
            _ => 0.0,
        };
        let own = if is_query { proposal.memory_bytes } else { 0.0 };
        let claims = all_claims + proposal.memory_bytes - freed;
        if queries + own > QUERY_SHARE * memory || claims > ALL_SHARE * memory {
            continue;
        }
        queries += own;
        all_claims = claims;
        kept.push(proposal);
    }
    kept
}
