use proptest::prelude::*;

use super::*;

fn all(format: &Format, bytes: &[u8]) -> (Vec<Record>, Counts) {
    let mut reader = Reader::new(format.clone(), Zones::default());
    let mut records = reader.feed(bytes);
    records.extend(reader.finish());
    assert_eq!(reader.pending_bytes(), 0);
    (records, reader.counts())
}

fn stderr() -> Format {
    Format::Stderr(Prefix::compile("%m [%p] "))
}

const HEAD: &str = "2026-03-01 07:59:58.101 UTC [81] ";

#[test]
fn the_parts_of_a_record_are_joined() {
    let log = format!(
        "\tlost\n{HEAD}ERROR:  42P01: no \"x\"\n\ty at character 15\n{HEAD}DETAIL:  d\n{HEAD}HINT:  h\n\
         {HEAD}QUERY:  q\n\n{HEAD}CONTEXT:  c\n\t\tc2\nnoise\n{HEAD}LOCATION:  f, a.c:12\n\
         {HEAD}BACKTRACE:  b\n{HEAD}STATEMENT:  s\n\t\ts2\n\t\n\ts4\n{HEAD}LOG:  next\n{HEAD}LOG:  ABC: x\n"
    );
    let (records, counts) = all(&stderr(), log.as_bytes());
    let time = Some(crate::Timestamp::from_micros(1_772_351_998_101_000));
    let some = |text: &str| Some(text.to_owned());
    let base = Record {
        time,
        pid: Some(81),
        ..Record::default()
    };
    let first = Record {
        severity: Severity::Error,
        sqlstate: some("42P01"),
        message: "no \"x\"\ny".to_owned(),
        detail: some("d"),
        hint: some("h"),
        internal_query: some("q"),
        internal_position: Some(15),
        context: some("c\n\tc2"),
        function: some("f"),
        location: some("a.c:12"),
        statement: some("s\n\ts2\n\ns4"),
        ..base.clone()
    };
    assert_eq!(records[0], first);
    assert_eq!(
        records[1],
        Record {
            message: "next".to_owned(),
            ..base.clone()
        }
    );
    assert_eq!(
        records[2],
        Record {
            message: "ABC: x".to_owned(),
            ..base
        }
    );
    assert_eq!(
        (counts.records, counts.unparsed_lines),
        (3, 2),
        "`lost` and `noise`"
    );
}

#[test]
fn a_part_of_another_process_is_no_part_of_the_record() {
    let other = HEAD.replace("[81]", "[82]");
    let log = format!("{HEAD}ERROR:  x\n{other}DETAIL:  not mine\n");
    let (records, counts) = all(&stderr(), log.as_bytes());
    assert_eq!(
        (records.len(), &records[0].detail, counts.unparsed_lines),
        (1, &None, 1)
    );
}

#[test]
fn an_open_record_waits_for_silence_and_is_pending() {
    let mut reader = Reader::new(stderr(), Zones::default());
    let log = format!("{HEAD}LOG:  a\nnoise\n{HEAD}LOG:  b");
    assert!(reader.feed(log.as_bytes()).is_empty());
    assert_eq!(reader.pending_bytes(), log.len() as u64);
    assert_eq!(reader.flush().len(), 1);
    assert_eq!(
        reader.pending_bytes(),
        (HEAD.len() + "LOG:  b".len()) as u64
    );
    assert!(
        reader.flush().is_empty(),
        "a line without its newline is still written"
    );
    assert!(reader.feed(b"!\n").is_empty());
    assert_eq!(reader.flush()[0].message, "b!");
    assert_eq!(reader.pending_bytes(), 0);
}

#[test]
fn csv_quotes_hold_newlines() {
    let row = |message: &str| {
        format!(
            "2026-03-01 07:59:58.101 UTC,\"bob\",\"shop\",81,\"::1:5000\",a.b,3,\"SELECT\",\
             2026-03-01 07:00:00 UTC,3/4,0,FEHLER,42P01,\"{message}\",,,,,,\"SELECT 1,\n\"\"x\"\"\",15,\
             \"f, a.c:1\",\"app\",\"client backend\",,-7\n"
        )
    };
    let log = format!("within, a \"field\"\n{}{}", row("a\n\nb"), row("c"));
    let (records, counts) = all(&Format::Csv, log.as_bytes());
    assert_eq!(counts.unparsed_lines, 1);
    assert_eq!(
        (records[0].message.as_str(), records[1].message.as_str()),
        ("a\n\nb", "c")
    );
    let record = &records[0];
    assert_eq!(record.severity, Severity::Error);
    assert_eq!(record.statement.as_deref(), Some("SELECT 1,\n\"x\""));
    assert_eq!((record.position, record.query_id), (Some(15), Some(-7)));
    assert_eq!(record.host.as_deref(), Some("::1"));
    assert_eq!(record.location.as_deref(), Some("a.c:1"));
}

#[test]
fn a_record_over_the_cap_is_cut_and_counted() {
    let long = "x".repeat(MAX_RECORD_BYTES + 10);
    let csv_head = "2026-03-01 07:59:58.101 UTC,,,81,,a.b,3,,,,,ERROR,42P01,";
    let short = format!("{csv_head}\"after\",,,,,,,,,,,\n");
    let json = r#"{"timestamp":"2026-03-01 07:59:58.101 UTC","error_severity":"ERROR","message":"#;
    for (name, format, log) in [
        (
            "stderr",
            stderr(),
            format!("{HEAD}ERROR:  {long}\n{HEAD}ERROR:  after\n"),
        ),
        (
            "lines",
            stderr(),
            format!(
                "{HEAD}ERROR:  a\n{}{HEAD}ERROR:  after\n",
                "\tb\n".repeat(1 << 20)
            ),
        ),
        (
            "csv",
            Format::Csv,
            format!("{csv_head}\"{long}\",,,,,,,,,,,\n{short}"),
        ),
        (
            "csv, never closed",
            Format::Csv,
            format!("{csv_head}\"{long}\n{short}"),
        ),
        (
            "json",
            Format::Json,
            format!("{json}\"{long}\\u00e9\"}}\n{json}\"after\"}}\n"),
        ),
    ] {
        let (records, counts) = all(&format, log.as_bytes());
        assert_eq!((records.len(), counts.cut_records), (2, 1), "{name}");
        assert!(records[0].is_cut && !records[1].is_cut, "{name}");
        assert!(records[0].message.len() <= MAX_RECORD_BYTES, "{name}");
        assert!(records[0].message.len() > MAX_RECORD_BYTES - 300, "{name}");
        assert_eq!(records[1].message, "after", "{name}");
    }
}

#[test]
fn json_that_is_cut_anywhere_is_read_or_counted() {
    let whole = r#"{"timestamp":"2026-03-01 07:59:58.101 UTC","pid":81,"message":"a\ud83d\ude00\"","query_id":3}"#;
    for end in 0..whole.len() {
        let line = Line {
            bytes: whole.as_bytes()[..end].to_vec(),
            is_cut: true,
            ..Line::default()
        };
        let mut counts = Counts::default();
        let record = json::record(&line, &Zones::default(), &mut counts);
        assert_eq!(record.is_some(), end >= 39, "{end}");
    }
}

/// Pieces of which logs are made, whole and broken.
const PIECES: &[&[u8]] = &[
        b"2026-03-01 07:59:58.101 UTC [81] ERROR:  42P01: a at character 3\n",
        b"2026-03-01 07:59:58.101 UTC [81] STATEMENT:  SELECT\n\t1\n",
        b"2026-03-01 07:59:58.101 UTC,\"b\",,81,,a.b,3,,,,,ERROR,42P01,\"x\ny\",,,,,,,,,,\"client backend\"\n",
        b"{\"timestamp\":\"2026-03-01 07:59:58.101 UTC\",\"message\":\"m\"}\n",
        b"2026-03-01 07:59:58",
        b"\n",
        b"\t",
        b"\"",
        b",",
        b"\xe9\xff",
        "é☃".as_bytes(),
        b"LOG:  ",
    ];

fn log() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        3 => prop::sample::select(PIECES).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..8),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn cutting_the_input_anywhere_gives_the_same_records(
        log in log(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        prefix in prop::sample::select(&["%m [%p] ", "%a %u ", "", "%q%u@%d ", "%-7a%t"][..]),
    ) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(log.len() + 1)).collect();
        cuts.sort_unstable();
        for format in [Format::Json, Format::Csv, Format::Stderr(Prefix::compile(prefix))] {
            let whole = all(&format, &log);
            let mut reader = Reader::new(format, Zones::default());
            let mut records = Vec::new();
            let mut from = 0;
            for to in cuts.iter().copied().chain([log.len()]) {
                records.extend(reader.feed(&log[from..to]));
                prop_assert!(reader.pending_bytes() <= to as u64);
                from = to;
            }
            records.extend(reader.finish());
            prop_assert_eq!((records, reader.counts()), whole);
        }
    }

    #[test]
    fn reading_on_from_the_position_kept_neither_repeats_nor_skips(
        log in log(),
        cut in any::<prop::sample::Index>(),
    ) {
        for format in [Format::Json, Format::Csv, stderr()] {
            let (whole, _) = all(&format, &log);
            let mut reader = Reader::new(format.clone(), Zones::default());
            let at = cut.index(log.len() + 1);
            let mut records = reader.feed(&log[..at]);
            let kept = at - usize::try_from(reader.pending_bytes()).unwrap();
            records.extend(all(&format, &log[kept..]).0);
            prop_assert_eq!(records, whole);
        }
    }

    #[test]
    fn any_prefix_compiles_and_no_line_panics(prefix in ".{0,20}|[%adq@ -]{0,12}", line in ".{0,80}") {
        let log = format!("{line}\n");
        let _ = all(&Format::Stderr(Prefix::compile(&prefix)), log.as_bytes());
    }
}
