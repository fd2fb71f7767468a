//! The port to what is outside of the product: time, chance and tasks come in here, and nowhere
//! else. Files that are replaced whole, pauses between attempts and the text of an error are here,
//! too, since every crate needs them.
//!
//! Lints forbid the ways around time, chance and tasks (`clippy.toml`), so that a test which pauses
//! time, sets the wall clock and the seed decides all that a piece of code takes from outside of
//! itself. Pauses and timeouts are tokio's (`tokio::time::sleep`): they follow [`now`].

mod backoff;
mod clock;
mod error_chain;
mod file;
mod live;
mod random;
mod task;

pub use self::{
    backoff::Backoff,
    clock::{Instant, now, unix_time},
    error_chain::error_chain,
    file::{replace_file, sync_dir},
    live::Live,
    random::{random, rng, uuid},
    task::{spawn, spawn_blocking},
};
#[cfg(feature = "simulation")]
pub use self::{clock::set_wall_clock, random::seed};
