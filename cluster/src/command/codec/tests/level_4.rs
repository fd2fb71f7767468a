//! One of each command that feature level 4 brought.

use pga_storage::Timestamp;

use crate::command::{Command, ControlCommand};
use crate::state::{Decision, InsightCommand, Moment};

const AT: Timestamp = Timestamp::from_micros(9);

pub(super) fn samples() -> Vec<(&'static str, Command)> {
    let decision = Decision {
        verdict: "dismissed".into(),
        note: "known".into(),
        by: "ann".into(),
        at: AT,
    };
    let decide = InsightCommand::Decide {
        finding: 77,
        decision,
    };
    let moment = Moment {
        name: "before 2.0".into(),
        description: String::new(),
        kind: "pre_deploy".into(),
        from: AT,
        to: Timestamp::from_micros(10),
        metadata: Some("{}".into()),
        by: "ann".into(),
        at: AT,
    };
    let put = InsightCommand::PutMoment { moment };
    [
        ("control-insight-decide", decide),
        ("control-insight-put-moment", put),
    ]
    .map(|(name, command)| {
        let command = ControlCommand::Insight(Box::new(command));
        (name, Command::Control(command))
    })
    .into()
}
