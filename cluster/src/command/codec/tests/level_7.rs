//! One of each command that feature level 7 brought.

use pga_config::CollectorId;
use pga_storage::Timestamp;

use crate::command::{Command, ControlCommand};
use crate::state::{ConfigCommand, ConfigTarget, ConfigText, SealedConfig};

pub(super) fn samples() -> Vec<(&'static str, Command)> {
    let text = || ConfigText::plain("sealed:0102030405060708:AAAA");
    let at = Timestamp::from_micros(9);
    let store = ConfigCommand::Store {
        target: ConfigTarget::Group("web".into()),
        base: None,
        text: text(),
        author: "ann".into(),
        comment: String::new(),
        at,
    };
    let seal = ConfigCommand::Seal {
        texts: vec![SealedConfig {
            target: ConfigTarget::Collector(CollectorId::from_external("db-1")),
            version: 3,
            at,
            text: text(),
        }],
    };
    [
        ("control-collector-config-store-sealed", store),
        ("control-collector-config-seal", seal),
    ]
    .map(|(name, command)| {
        (
            name,
            Command::Control(ControlCommand::CollectorConfig(command)),
        )
    })
    .into()
}
