use pga_server_log::{Record, Severity};

use crate::logs::{MAJORS, formats, read, records};

/// A record without what the formats count apart: each numbers its own lines.
fn comparable(record: Record) -> Record {
    Record {
        line_num: None,
        ..record
    }
}

#[test]
fn each_format_gives_equal_records() {
    for major in MAJORS {
        let want: Vec<Record> = records(major).into_iter().map(comparable).collect();
        assert!(want.len() > 90, "{major}: {}", want.len());
        for (extension, format) in formats(major) {
            for piece in [1, 1_000, 1 << 20] {
                let (records, counts) = read("pg", major, extension, format.clone(), piece);
                let got: Vec<Record> = records.into_iter().map(comparable).collect();
                for (got, want) in got.iter().zip(&want) {
                    assert_eq!(got, want, "{major}.{extension}");
                }
                assert_eq!(got.len(), want.len(), "{major}.{extension}");
                assert_eq!(
                    (counts.unparsed_lines, counts.cut_records),
                    (0, 0),
                    "{major}.{extension}"
                );
                assert!(
                    counts.replaced_characters >= 2,
                    "{major}.{extension}: the LATIN1 database"
                );
            }
        }
    }
}

#[test]
fn a_record_has_all_that_the_server_wrote() {
    for major in MAJORS {
        let records = records(major);
        let missing = records
            .iter()
            .find(|record| record.message.contains("missing_table"))
            .unwrap();
        assert_eq!(missing.severity, Severity::Error);
        assert_eq!(missing.sqlstate.as_deref(), Some("42P01"));
        assert_eq!(missing.message, "relation \"missing_table\" does not exist");
        assert_eq!(missing.position, Some(15));
        assert_eq!(missing.application.as_deref(), Some("shop"));
        assert_eq!(missing.host.as_deref(), Some("127.0.0.1"));
        assert_eq!(missing.function.as_deref(), Some("parserOpenTable"));
        assert_eq!(missing.backend_type.as_deref(), Some("client backend"));
        let lines = records
            .iter()
            .find_map(|record| record.statement.as_ref().filter(|text| text.contains('\n')));
        assert!(
            lines
                .unwrap()
                .contains("\n\temail -- the address\n  FROM customer"),
            "{major}"
        );
        let in_depth = records
            .iter()
            .find(|record| record.internal_query.is_some())
            .unwrap();
        assert!(
            in_depth.internal_position.is_some() && in_depth.position.is_none(),
            "{major}"
        );
        assert_eq!(
            records.iter().any(|record| record.query_id.is_some()),
            major >= 14,
            "{major}"
        );
        assert!(
            records
                .iter()
                .any(|record| record.message.contains("Größe – ☃")),
            "{major}"
        );
    }
}
