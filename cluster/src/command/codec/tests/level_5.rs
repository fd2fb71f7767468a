//! One of each command that feature level 5 brought.

use bytes::Bytes;
use pga_storage::Timestamp;

use crate::command::{Command, ControlCommand};
use crate::state::{TokenKey, TokenKeyCommand};

pub(super) fn samples() -> Vec<(&'static str, Command)> {
    let add = TokenKeyCommand::Add {
        id: 1,
        key: TokenKey {
            sealed: Bytes::from_static(b"sealed"),
            at: Timestamp::from_micros(9),
        },
        followed_before: Timestamp::from_micros(8),
    };
    let add = Command::Control(ControlCommand::TokenKey(add));
    vec![("control-token-key-add", add)]
}
