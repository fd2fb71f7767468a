use proptest::prelude::*;

use super::*;
use crate::Severity;

fn record(severity: Severity, code: &str, message: &str) -> Record {
    let sqlstate = (!code.is_empty()).then(|| code.to_owned());
    Record {
        severity,
        sqlstate,
        message: message.to_owned(),
        ..Record::default()
    }
}

/// Severity, code, message, and what is left of it.
const MESSAGES: &[(Severity, &str, &str, &str)] = &[
    (
        Severity::Error,
        "22P02",
        "invalid input syntax for type integer: \"a \"b\" c\"",
        "invalid input syntax for type integer: \"?\"",
    ),
    (
        Severity::Error,
        "22P02",
        "ungültige Eingabesyntax für Typ integer: »x«",
        "ungültige Eingabesyntax für Typ integer: »?«",
    ),
    (
        Severity::Error,
        "22003",
        "value \"99\" is out of range for type integer",
        "value \"?\" is out of range for type integer",
    ),
    (
        Severity::Error,
        "22021",
        "invalid byte sequence for encoding \"UTF8\": 0xe9 0x20",
        "invalid byte sequence for encoding \"UTF8\"",
    ),
    (
        Severity::Error,
        "22P04",
        "missing data for column \"email\"",
        "missing data for column \"email\"",
    ),
    (
        Severity::Error,
        "",
        "invalid input syntax for type uuid: \"x",
        "invalid input syntax for type uuid: \"?",
    ),
    (
        Severity::Error,
        "42601",
        "syntax error at or near \"SELEC\"",
        "syntax error at or near \"SELEC\"",
    ),
    (
        Severity::Error,
        "42601",
        "unterminated quoted string at or near \"'secret\"",
        "unterminated quoted string at or near \"?\"",
    ),
    (
        Severity::Error,
        "42601",
        "trailing junk after numeric literal at or near \"123abc\"",
        "trailing junk after numeric literal at or near \"?\"",
    ),
    (
        Severity::Error,
        "42P01",
        "relation \"a\" does not exist",
        "relation \"a\" does not exist",
    ),
    (
        Severity::Log,
        "22023",
        "invalid value for parameter \"work_mem\": \"much\"",
        "invalid value for parameter \"work_mem\": \"?\"",
    ),
    (
        Severity::Log,
        "00000",
        "duration: 1.5 ms  statement: SELECT 'x'",
        "duration: 1.5 ms  statement: SELECT $1",
    ),
    (
        Severity::Log,
        "00000",
        "duration: 1.5 ms  parse P: 1: SELECT 'x'",
        "duration: 1.5 ms  parse P: $1: SELECT $2",
    ),
    (
        Severity::Log,
        "00000",
        "duration: 1.5 ms  execute <unnamed>: SELECT 2, $1",
        "duration: 1.5 ms  execute <unnamed>: SELECT $2, $1",
    ),
    (
        Severity::Log,
        "00000",
        "duration: 1.5 ms",
        "duration: 1.5 ms",
    ),
    (
        Severity::Log,
        "00000",
        "statement: SELECT 'open",
        "statement",
    ),
    (
        Severity::Log,
        "00000",
        "Dauer: 1.5 ms  Anweisung: SELECT 7",
        "Dauer: 1.5 ms  Anweisung: SELECT $1",
    ),
    (
        Severity::Log,
        "00000",
        "durée : 1.5 ms, instruction : SELECT 7",
        "durée : 1.5 ms, instruction : SELECT $1",
    ),
    (
        Severity::Log,
        "00000",
        "продолжительность: 1.5 мс, оператор: SELECT 7",
        "продолжительность: 1.5 мс, оператор: SELECT $1",
    ),
    (
        Severity::Log,
        "00000",
        "parameter \"primary_conninfo\" changed to \"password=x\"",
        "parameter \"primary_conninfo\" changed to \"?\"",
    ),
    (
        Severity::Log,
        "00000",
        "parameter \"work_mem\" changed to \"4MB\"",
        "parameter \"work_mem\" changed to \"4MB\"",
    ),
    (
        Severity::Log,
        "00000",
        "temporary file: path \"base/1\", size 7",
        "temporary file: path \"base/1\", size 7",
    ),
];

#[test]
fn messages_lose_their_values() {
    for (severity, code, message, want) in MESSAGES {
        let severity = *severity;
        let got = redact(record(severity, code, message), Values::Removed);
        assert_eq!(got.record.message, *want, "{message}");
        let kept = redact(record(severity, code, message), Values::Kept);
        assert_eq!(kept.record.message, *message);
    }
}

/// Code, detail, and what is left of it.
const DETAILS: &[(&str, &str, Option<&str>)] = &[
    (
        "23505",
        "Key (a, b)=(1, x) y) already exists.",
        Some("Key (a, b) already exists."),
    ),
    (
        "23503",
        "Key (a)=(1) is not present in table \"t\".",
        Some("Key (a) is not present in table \"t\"."),
    ),
    (
        "23P01",
        "Key (d)=([5,6)) conflicts with existing key (d)=([1,10)).",
        Some("Key (d) conflicts with existing key."),
    ),
    (
        "23514",
        "Failing row contains (3, eve, null).",
        Some("Failing row contains"),
    ),
    ("23514", "Fehlgeschlagene Zeile enthält (3, eve).", None),
    (
        "23505",
        "Schlüssel »(id)=(1)« existiert bereits.",
        Some("Schlüssel »(id)"),
    ),
    ("22P02", "Token \"secret\" is invalid.", None),
    (
        "00000",
        "parameters: $1 = 'a''$2 = x', $2 = NULL",
        Some("parameters: $1, $2"),
    ),
    ("00000", "Parameters: $1 = '1'", Some("Parameters: $1")),
    (
        "00000",
        "Failed process was running: SELECT 7",
        Some("Failed process was running: SELECT $1"),
    ),
    (
        "00000",
        "The failed archive command was: scp -i key",
        Some("The failed archive command was"),
    ),
    (
        "00000",
        "Process holding the lock: 1. Wait queue: 2.",
        Some("Process holding the lock: 1. Wait queue: 2."),
    ),
    (
        "40P01",
        "Process 1 waits for ShareLock on transaction 780; blocked by process 2.\nProcess 1: SELECT 7,\n'x'\nProcess 2: SELECT 'open",
        Some(
            "Process 1 waits for ShareLock on transaction 780; blocked by process 2.\nProcess 1: SELECT $1,\n$2\nProcess 2: ",
        ),
    ),
];

#[test]
fn details_lose_their_values() {
    for (code, detail, want) in DETAILS {
        let record = Record {
            detail: Some((*detail).to_owned()),
            ..record(Severity::Error, code, "x")
        };
        assert_eq!(
            redact(record, Values::Removed).record.detail.as_deref(),
            *want,
            "{detail}"
        );
    }
}

#[test]
fn contexts_lose_their_values() {
    for (context, want) in [
        (
            "PL/pgSQL function f(integer) line 3 at RAISE",
            "PL/pgSQL function f(integer) line 3 at RAISE",
        ),
        (
            "SQL statement \"SELECT 'x',\n7 FROM \"T\"\"\nPL/pgSQL function f() line 3 at PERFORM",
            "SQL statement \"SELECT $1,\n$2 FROM \"T\"\"\nPL/pgSQL function f() line 3 at PERFORM",
        ),
        (
            "COPY t, line 1, column a: \"secret\"",
            "COPY t, line 1, column a",
        ),
        ("COPY t, line 1: \"12\tsecret\nmore\"", "COPY t, line 1"),
        (
            "unnamed portal with parameters: $1 = 'x'",
            "unnamed portal with parameters",
        ),
        (
            "portal \"p\" parameter $3 = 'x'",
            "portal \"p\" parameter $3",
        ),
        ("JSON data, line 1: {\"a\": secret", "JSON data, line 1"),
        (
            "SQL-Anweisung »SELECT 'x', 7«",
            "SQL-Anweisung »SELECT $1, $2«",
        ),
        (
            "istruzione SQL \"SELECT 'x'\"",
            "istruzione SQL \"SELECT $1\"",
        ),
        (
            "while updating tuple (0,2) in relation \"account\"",
            "while updating tuple (0,2) in relation \"account\"",
        ),
        ("something's open", ""),
    ] {
        let record = Record {
            context: Some(context.to_owned()),
            ..Record::default()
        };
        assert_eq!(
            redact(record, Values::Removed).record.context.as_deref(),
            Some(want),
            "{context}"
        );
    }
}

#[test]
fn plans_lose_their_values() {
    let json = "duration: 3 ms  plan:\n{\"Query Text\": \"SELECT 7\", \"Query Parameters\": \"$1 = 'x'\", \"Plan\": {\"Node Type\": \"Index Scan 1\", \"Filter\": \"(a = 'x'::text)\", \"Output\": [\"b\", \"5\"], \"Rows\": 8}}";
    let got = redact(record(Severity::Log, "00000", json), Values::Removed)
        .record
        .message;
    let (head, document) = got.split_once('\n').unwrap();
    assert_eq!(head, "duration: 3 ms  plan:");
    let got: serde_json::Value = serde_json::from_str(document).unwrap();
    let want = serde_json::json!({"Query Text": "SELECT $1", "Plan": {"Node Type": "Index Scan 1", "Filter": "(a = $1::text)", "Output": ["b", "$1"], "Rows": 8}});
    assert_eq!(got, want);

    let text = "duration: 3 ms  plan:\nQuery Text: SELECT 'a\nb'\nQuery Parameters: $1 = 'x'\nSeq Scan on t  (cost=0.00..1.00 rows=1 width=4)\n  Filter: (a = 'x\n(b'::text)\n  Rows Removed by Filter: 5\n  Output: 'open\nsecret";
    let got = redact(record(Severity::Log, "00000", text), Values::Removed);
    let want = "duration: 3 ms  plan:\nQuery Text: SELECT $1\nSeq Scan on t  (cost=0.00..1.00 rows=1 width=4)\n  Filter: (a = $1::text)\n  Rows Removed by Filter: 5\n  Output";
    assert_eq!(got.record.message, want);
    assert_eq!(got.dropped, 1);
}

#[test]
fn a_statement_that_does_not_lex_is_dropped() {
    let statement = Some("SELECT 'open".to_owned());
    let got = redact(
        Record {
            statement,
            position: Some(8),
            ..Record::default()
        },
        Values::Removed,
    );
    assert_eq!(
        (got.record.statement, got.record.position, got.dropped),
        (None, None, 1)
    );
}

/// Pieces of statements; each is whole, so that a statement of them lexes.
const PIECES: &[&str] = &[
    "SELECT",
    "a1",
    "\"q 'n\"",
    "'x''y'",
    "$$z$$",
    "-- it's\n",
    "/* d' /* e */ */",
    "E'\\''",
    "5e-3",
    "||",
    "$7",
    "U&'u'",
];

/// Ways in which a client sends a value.
const PLANTED: &[&str] = &[
    "'PLANTED'",
    "'it''s PLANTED'",
    "E'\\'PLANTED'",
    "$q$ ' PLANTED $q$",
    "-- PLANTED\n",
    "/* PLANTED */",
    "N'PLANTED'",
];

proptest! {
    #[test]
    fn no_value_of_a_statement_survives(
        before in prop::collection::vec(prop::sample::select(PIECES), 0..6),
        planted in prop::sample::select(PLANTED),
        after in prop::collection::vec(prop::sample::select(PIECES), 0..6),
    ) {
        let sql = [before.join(" "), planted.to_owned(), after.join(" ")].join(" ");
        let message = format!("duration: 1.0 ms  statement: {sql}");
        let record = Record { statement: Some(sql), ..record(Severity::Log, "00000", &message) };
        let got = redact(record, Values::Removed);
        prop_assert_eq!(got.dropped, 0);
        prop_assert!(got.record.statement.is_some_and(|text| !text.contains("PLANTED")));
        prop_assert!(!got.record.message.contains("PLANTED"));
    }

    #[test]
    fn no_text_panics(text in ".{0,60}|[a-z(),=$:\"'/* »«\\n-]{0,60}", code in "(00000|22P02|23505|40P01|42601|)") {
        let message = format!("duration: 1 ms  plan:\n{text}");
        let some = || Some(text.clone());
        let whole = Record { statement: some(), internal_query: some(), detail: some(), context: some(), position: Some(9), ..record(Severity::Log, &code, &message) };
        let short = record(Severity::Error, &code, &text);
        for record in [whole, short] {
            let redacted = redact(record, Values::Removed).record;
            prop_assert!(crate::classify(&redacted).class >= crate::Class::ServerStart);
        }
    }
}
