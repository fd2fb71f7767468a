//! One of each command that feature level 6 brought.

use bytes::Bytes;
use pga_storage::Timestamp;

use crate::command::{Command, ControlCommand};
use crate::state::{ClusterKeyCommand, Resealed};

pub(super) fn samples() -> Vec<(&'static str, Command)> {
    let seal = ClusterKeyCommand::Seal {
        replaces: Some([1; 32]),
        key: [2; 32],
        secrets: vec![Resealed {
            was: Bytes::from_static(b"was"),
            is: Bytes::from_static(b"is"),
        }],
        at: Timestamp::from_micros(9),
    };
    let seal = Command::Control(ControlCommand::ClusterKey(seal));
    vec![("control-cluster-key-seal", seal)]
}
