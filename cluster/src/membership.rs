//! Who is a member: changes of the membership, what all members know, and who may ask for what.

pub(crate) mod change;
pub(crate) mod levels;
pub(crate) mod rpc_authorization;
