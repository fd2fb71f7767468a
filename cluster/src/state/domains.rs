//! The domains of the control plane: each has its commands, its apply, its section in a snapshot,
//! and its tests in a file of its own. A new one is that file and a line in the list below.

mod collectors;
mod nodes;
mod secrets;
mod users;

pub(super) use self::collectors::Collectors;
pub use self::collectors::{Collector, Registration};
pub(super) use self::nodes::Nodes;
pub(super) use self::secrets::{Sealed, Secrets};
pub use self::users::User;
pub(super) use self::users::Users;
use super::ImageError;
use super::section::{Section, Sections, put};
use crate::command::{ControlCommand, Refusal, Reply};

/// What a domain answers: `None` if the command is not one of its own.
pub(super) type Outcome = Option<Result<Reply, Refusal>>;

/// A domain of the control plane.
pub(super) trait Domain: Section {
    /// Applies a command of its own, purely (SM-1).
    fn apply(&mut self, command: &ControlCommand) -> Outcome;
}

/// Makes the struct of all domains from their list.
macro_rules! domains {
    ($($field:ident: $domain:ty),+ $(,)?) => {
        /// All domains.
        #[derive(Debug, Default)]
        pub(super) struct Domains {
            $(pub(super) $field: $domain,)+
        }

        impl Domains {
            /// Has the domain apply a command whose own it is.
            pub(super) fn apply(&mut self, command: &ControlCommand) -> Outcome {
                $(
                    if let Some(outcome) = self.$field.apply(command) {
                        return Some(outcome);
                    }
                )+
                None
            }

            /// Puts all their sections into a snapshot.
            pub(super) fn put(&self, out: &mut Vec<u8>) -> Result<(), ImageError> {
                $(put(&self.$field, out)?;)+
                Ok(())
            }

            /// Takes all their sections out of a snapshot.
            pub(super) fn take(sections: &mut Sections<'_>) -> Result<Self, ImageError> {
                Ok(Self {
                    $($field: sections.take()?,)+
                })
            }
        }
    };
}

domains! {
    users: Users,
    collectors: Collectors,
    nodes: Nodes,
    secrets: Secrets,
}
