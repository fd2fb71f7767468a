use pga_server_log::{Class, Record, Values, classify, redact};

use crate::logs::{MAJORS, records};

/// Values that the recorded sessions sent, in every place that the server writes values to.
const PLANTED: [&str; 4] = ["secret", "@example.com", "'1'", "much"];

#[test]
fn no_planted_value_is_left() {
    for major in MAJORS {
        let mut planted = 0;
        for record in records(major) {
            let before = serde_json::to_string(&record).unwrap();
            planted += usize::from(PLANTED.iter().any(|value| before.contains(value)));
            let redacted = redact(record, Values::Removed);
            let event = classify(&redacted.record);
            let after = serde_json::to_string(&(&redacted.record, &event)).unwrap();
            // What the server says of a role's password.
            let after = after.replace("SCRAM secret", "");
            for value in PLANTED {
                assert!(!after.contains(value), "{major}: {value} in {after}");
            }
        }
        assert!(planted >= 10, "{major}: {planted}");
    }
}

#[test]
fn classes_and_figures_are_those_of_the_record() {
    for major in MAJORS {
        for record in records(major) {
            let before = classify(&record);
            let redacted = redact(record.clone(), Values::Removed);
            let after = classify(&redacted.record);
            assert_eq!(
                (after.class, after.level),
                (before.class, before.level),
                "{}",
                record.message
            );
            let keys = |fields: &serde_json::Map<_, _>| fields.keys().cloned().collect::<Vec<_>>();
            assert_eq!(
                keys(&after.fields),
                keys(&before.fields),
                "{}",
                record.message
            );
            if !matches!(
                after.class,
                Class::Plan | Class::SlowStatement | Class::Deadlock | Class::ProcessCrashed
            ) {
                assert_eq!(after.fields, before.fields, "{}", record.message);
            }
        }
    }
}

#[test]
fn statements_stay_readable() {
    for major in MAJORS {
        let redacted: Vec<Record> = records(major)
            .into_iter()
            .map(|record| redact(record, Values::Removed).record)
            .collect();
        let statements: Vec<&str> = redacted
            .iter()
            .filter_map(|record| record.statement.as_deref())
            .collect();
        assert!(
            statements.contains(&"SELECT * FROM missing_table WHERE note = $1;"),
            "{major}"
        );
        assert!(
            statements.contains(&"INSERT INTO customer VALUES ($1, $2, $3, NULL);"),
            "{major}"
        );
        assert!(
            statements
                .iter()
                .any(|text| text.ends_with("WHERE email = $1 AND $2/$3 = $4;")),
            "{major}"
        );
        assert!(
            redacted.iter().any(|record| record
                .message
                .ends_with("statement: SELECT pg_sleep($1), $2")),
            "{major}"
        );
    }
}
