use pga_server_log::{Class, Format, Level, classify};
use serde_json::json;

use crate::logs::read;

/// What a standby says from its start to its promotion, and how much it matters.
#[test]
fn a_standby_tells_its_conflicts_its_link_and_its_promotion() {
    for (major, waits) in [(13, 0), (18, 2)] {
        let (records, _) = read("standby", major, "csv", Format::Csv, 1_000);
        let events: Vec<_> = records.iter().map(classify).collect();
        let of = |class: Class| events.iter().filter(move |event| event.class == class);
        let field = |class: Class, key: &str| -> Vec<serde_json::Value> {
            of(class)
                .filter_map(|event| event.fields.get(key).cloned())
                .collect()
        };
        assert_eq!(
            field(Class::ServerReady, "is_read_only"),
            [json!(true), json!(false)],
            "{major}"
        );
        assert_eq!(field(Class::StandbyLink, "timeline"), [json!(1)], "{major}");
        assert_eq!(
            of(Class::StandbyLink).count(),
            3,
            "{major}: start, loss, refusal"
        );
        assert_eq!(field(Class::Promotion, "timeline"), [json!(2)], "{major}");
        assert_eq!(of(Class::Promotion).count(), 3, "{major}");
        let kinds = field(Class::RecoveryConflict, "kind");
        assert!(
            kinds.contains(&json!("snapshot")) && kinds.contains(&json!("lock")),
            "{major}: {kinds:?}"
        );
        assert!(
            field(Class::RecoveryConflict, "ms").len() >= waits,
            "{major}"
        );
        assert!(
            of(Class::CrashRecovery).all(|event| event.level == Level::Notice),
            "{major}"
        );
        assert_eq!(of(Class::SerializationFailure).count(), 0, "{major}");
    }
}
