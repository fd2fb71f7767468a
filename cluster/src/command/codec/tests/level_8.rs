//! One of each command that feature level 8 brought.

use pga_config::CollectorId;
use pga_storage::Timestamp;

use crate::command::{Command, ControlCommand};
use crate::state::{CollectorCertificateCommand, CollectorCommand, InsightCommand, Registration};

pub(super) fn samples() -> Vec<(&'static str, Command)> {
    let at = Timestamp::from_micros(9);
    let register = CollectorCommand::Register {
        collector: CollectorId::from_external("db-1"),
        hostname: "db1".into(),
        version: Some("3.0.0".into()),
        registration: Registration {
            name: "db1".into(),
            address: None,
            certificate_sha256: [3; 32],
            at,
        },
        secret: Some(7),
    };
    let issued = CollectorCertificateCommand::Issued {
        change: register,
        expires_at: Timestamp::from_micros(99),
    };
    let delete = InsightCommand::DeleteMoment { id: 3 };
    [
        (
            "control-collector-certificate-issued",
            ControlCommand::CollectorCertificate(issued),
        ),
        (
            "control-insight-delete-moment",
            ControlCommand::Insight(Box::new(delete)),
        ),
    ]
    .map(|(name, command)| (name, Command::Control(command)))
    .into()
}
