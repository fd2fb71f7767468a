//! The port through which the web layer reads and changes the control state.
//!
//! Changes go as the commands of the state's own domains, and what is read is that state: a
//! decision passes from route to domain once (design D14), and no type in between has to be kept
//! alike.

use std::fmt::Debug;

use futures::future::BoxFuture;
use pga_cluster::{ControlCommand, State};

use crate::api_error::ApiError;

/// The replicated control state, as one node has it.
pub trait ControlPlane: Debug + Send + Sync + 'static {
    /// Waits until this node has applied everything that was committed when the call began.
    ///
    /// # Errors
    /// `Unavailable` without a quorum.
    fn linearize(&self) -> BoxFuture<'_, Result<(), ApiError>>;

    /// Makes a change. On return it is committed, and this node has applied it.
    ///
    /// # Errors
    /// `Refused` if the state refused it, certainly without effect; `Unavailable` if there is no
    /// quorum, or if its outcome is unknown.
    fn decide(&self, command: ControlCommand) -> BoxFuture<'_, Result<(), ApiError>>;

    /// Shows this node's state to `look`, which must be quick and must not call back.
    fn look(&self, look: &mut dyn FnMut(&State));
}

/// What `read` makes of this node's state.
pub(crate) fn view<C: ControlPlane + ?Sized, T>(
    plane: &C,
    read: impl FnOnce(&State) -> T,
) -> Option<T> {
    let (mut read, mut found) = (Some(read), None);
    plane.look(&mut |state| found = read.take().map(|read| read(state)));
    found
}
