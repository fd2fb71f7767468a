//! From a command to its answer: what is joined into entries, proposed to the leader, and waited
//! for; and whether a proposal would succeed.

pub(crate) mod batcher;
pub(crate) mod confirmation;
pub(crate) mod prober;
pub(crate) mod propose;
pub(crate) mod read_index;
pub(crate) mod readiness;
pub(crate) mod uploads;
