//! Another cluster key in place of the one in use, while the nodes run.
//!
//! 1. The node that was asked makes a key, writes it beside its own, and gives it to the others
//!    over their connections; each answers once the key is in its file. Nothing is sealed with it
//!    yet, and every node goes on with both.
//! 2. If a majority of the voters has it, one entry of the log names the key and puts every sealed
//!    secret in place of its former self: all of them, or none if the key was changed meanwhile.
//! 3. A node that finds a key named that it has not got, as it was down, asks the others for it.
//! 4. What was sealed with the key before while the entry was on its way, the leader seals anew.
//!    The key before goes an hour after nothing needs it.
//! 5. Configurations of collectors, of which there may be many, the leader seals some at a time.
//!
//! A crash before the entry is committed leaves a key in some files that nobody uses; a crash after
//! it leaves a majority that holds the key. The log and the key are each on a majority: as long as
//! there is a quorum, one of its nodes has both.

mod configurations;
mod exchange;
mod reseal;
mod rotate;
mod watch;

pub(crate) use self::{
    exchange::{give, keep},
    rotate::{Rotated, rotate},
    watch::watch,
};
