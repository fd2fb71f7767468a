use super::*;
use crate::Timestamp;
use crate::format::record::some;
use crate::format::severity::Severity;

fn read(prefix: &str, line: &str) -> Option<(Record, Label, String)> {
    let (record, label, rest) = Prefix::compile(prefix).parse(line, &Zones::default())?;
    Some((record, label, rest.to_owned()))
}

const TIME: Option<Timestamp> = Some(Timestamp::from_micros(1_772_351_998_101_000));

#[test]
fn the_usual_prefixes_are_read() {
    let shop = |record: Record| Record {
        user: some("bob"),
        database: some("shop"),
        ..record
    };
    let timed = Record {
        time: TIME,
        pid: Some(81),
        ..Record::default()
    };
    for (prefix, line, want) in [
        (
            "%m [%p] ",
            "2026-03-01 07:59:58.101 UTC [81] ERROR:  x",
            timed.clone(),
        ),
        (
            "%m [%p] %q%u@%d ",
            "2026-03-01 07:59:58.101 UTC [81] ERROR:  x",
            timed.clone(),
        ),
        (
            "%m [%p] %q%u@%d ",
            "2026-03-01 07:59:58.101 UTC [81] bob@shop ERROR:  x",
            shop(timed),
        ),
        (
            "%t:%r:%u@%d:[%p]: ",
            "2026-03-01 07:59:58 UTC:10.0.0.7(5000):bob@shop:[81]: ERROR:  x",
            shop(Record {
                time: Some(Timestamp::from_micros(1_772_351_998_000_000)),
                pid: Some(81),
                host: some("10.0.0.7"),
                ..Record::default()
            }),
        ),
        ("", "ERROR:  x", Record::default()),
        ("%", "ERROR:  x", Record::default()),
        ("100%% %Z", "100% ERROR:  x", Record::default()),
        (
            "%n %e %c %l %Q %v %x %s|",
            "1772351998.101 42P01 65e1.1f 7 -12 3/4 0 2026-03-01 07:00:00 UTC|ERROR:  x",
            Record {
                time: TIME,
                sqlstate: some("42P01"),
                session_id: some("65e1.1f"),
                line_num: Some(7),
                query_id: Some(-12),
                ..Record::default()
            },
        ),
    ] {
        let want = (want, Label::Severity(Severity::Error), "x".to_owned());
        assert_eq!(read(prefix, line), Some(want), "{prefix}");
    }
}

#[test]
fn empty_values_and_padding_are_read() {
    for (prefix, line, user, pid) in [
        (
            "%u|%d|%a|%r|%h|%i|%v|%P|%Q|",
            "|||||||||LOG:  x",
            None,
            None,
        ),
        ("%-10u %p ", "bob        7 LOG:  x", some("bob"), Some(7)),
        (
            "%10u %5p ",
            "       bob     7 LOG:  x",
            some("bob"),
            Some(7),
        ),
        (
            "%-3u %-5p.",
            "robert 7    .LOG:  x",
            some("robert"),
            Some(7),
        ),
        (
            "%u %p ",
            "bob LOG:  x 7 LOG:  y",
            some("bob LOG:  x"),
            Some(7),
        ),
        ("%u@%d ", "a@b@c d LOG:  x", some("a"), None),
        ("%u%d", "bobshopLOG:  x", None, None),
    ] {
        let (record, _, _) = read(prefix, line).unwrap_or_else(|| panic!("{prefix}"));
        assert_eq!((record.user, record.pid), (user, pid), "{prefix}");
    }
}

#[test]
fn a_session_is_told_from_a_background_process() {
    let prefix = "%p %q%u@%d/%a %e ";
    let (record, _, rest) = read(prefix, "7 LOG:  a@b/c 00000 d").unwrap();
    assert_eq!((record.user, rest.as_str()), (None, "a@b/c 00000 d"));
    let (record, _, _) = read(prefix, "7 a@b/my app x 42P01 ERROR:  x").unwrap();
    assert_eq!(record.application, some("my app x"));
    let (record, label, _) = read(prefix, "7 HIBA:  x").unwrap();
    assert_eq!((record.user, label), (None, Label::Unknown));
}

#[test]
fn other_lines_have_no_prefix() {
    for line in [
        "\tSELECT 1",
        "2026-03-01 07:59:58.101 UTC [81] no label",
        "2026-03-01 07:59:58.101 UTC [] LOG",
        "sh: 1: command not found",
        "",
    ] {
        assert_eq!(read("%m [%p] ", line), None, "{line}");
    }
    let long = format!("{} LOG:  x", "a".repeat(MAX_LINE));
    assert_eq!(read("%a %u %d %r ", &long), None);
}

const MAX_LINE: usize = 100_000;

#[test]
fn the_text_behind_the_prefix_is_whole() {
    let text = "ü".repeat(MAX_LINE);
    let (_, _, rest) = read("%p ", &format!("7 LOG:  {text}")).unwrap();
    assert_eq!(rest, text);
}

#[test]
fn issues_are_named() {
    let ambiguous = PrefixIssue::Ambiguous {
        escapes: "%u%d".to_owned(),
    };
    for (prefix, want) in [
        ("%m [%p] %q%u@%d/%a %e %Q %c:%l ", vec![]),
        (
            "%m [%p] ",
            vec![PrefixIssue::NoIdentity, PrefixIssue::NoSqlstate],
        ),
        ("%t %c %l %e %u%d", vec![ambiguous]),
        (
            "",
            vec![
                PrefixIssue::NoTime,
                PrefixIssue::NoProcess,
                PrefixIssue::NoIdentity,
                PrefixIssue::NoSqlstate,
            ],
        ),
    ] {
        assert_eq!(Prefix::compile(prefix).issues(), want, "{prefix}");
    }
}
