//! One of each command that feature level 7 brought.

use pga_config::CollectorId;
use pga_storage::Timestamp;

use crate::command::{Command, ControlCommand};
use crate::state::{CollectorCommand, ConfigCommand, ConfigTarget, ConfigText, SealedConfig};

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
    let remove = ConfigCommand::Remove {
        target: ConfigTarget::Group("web".into()),
        author: "ann".into(),
        at,
    };
    let supersede = CollectorCommand::Supersede {
        collector: CollectorId::from_external("db-1"),
        by: CollectorId::from_external("db-2"),
        at,
    };
    let supersede = Command::Control(ControlCommand::Collector(supersede));
    [
        ("control-collector-config-store-sealed", store),
        ("control-collector-config-seal", seal),
        ("control-collector-config-remove", remove),
    ]
    .map(|(name, command)| {
        let command = ControlCommand::CollectorConfig(command);
        (name, Command::Control(command))
    })
    .into_iter()
    .chain([("control-collector-supersede", supersede)])
    .collect()
}
