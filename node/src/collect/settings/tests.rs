//! Tests of the configuration as the collector follows it.

use super::*;

fn args() -> CollectArgs {
    CollectArgs::for_nodes(Vec::new())
}

fn parse(text: &str) -> Settings {
    Settings::parse(3, text).unwrap()
}

fn seconds(n: u64) -> Option<Duration> {
    Some(Duration::from_secs(n))
}

#[test]
fn every_section_that_a_node_takes_is_a_type_that_is_read() {
    let mut read: Vec<&str> = pga_collector::kinds().collect();
    read.extend(["sysstat", "disk_usage"]);
    read.extend(AS_THEY_COME);
    for section in collector_toml::V3_TYPES
        .iter()
        .chain(&collector_toml::TYPES)
    {
        for kind in kinds(section) {
            assert!(read.contains(&kind), "[{section}] is about {kind}");
        }
    }
    let sections = || {
        collector_toml::V3_TYPES
            .iter()
            .chain(&collector_toml::TYPES)
    };
    for kind in read {
        assert!(sections().any(|section| *section == kind), "no [{kind}]");
    }
}

#[test]
fn what_is_read_follows_the_configuration() {
    let settings = parse(
        "[collector]\npush_interval = 30\ninterval = 20\nmax_relations = 700\n\
         config_pull_interval = 3\n\
         [postgres]\ndatabases = \"shop, mall\"\nexclude_databases = \"old\"\nhost = \"x\"\n\
         [pg_table]\ninterval = 300\n[pg_locks]\nenabled = false\ninterval = 7\n\
         [pg_blocking]\nenabled = true\n[pg_log]\nenabled = false\ninterval = 5\n\
         [pg_plan]\nenabled = false\n[sysstat]\nenabled = false\n",
    );
    assert_eq!(settings.interval(), seconds(30));
    assert_eq!(settings.pull_every(), seconds(10), "never more often");
    assert_eq!(settings.unused(), ["pg_log.interval", "postgres.host"]);
    let options = settings.options(&args(), None);
    assert_eq!(options.include, ["shop", "mall"]);
    assert_eq!(options.exclude, ["old"]);
    assert_eq!(options.max_relations, Some(700));
    let off: Vec<&str> = options.off.iter().map(String::as_str).collect();
    let want = ["pg_log", "pg_long_transaction", "pg_plan", "sysstat"];
    assert_eq!(off, want, "its own section counts more than [pg_locks]");
    assert_eq!(options.cadences.get("pg_table").copied(), seconds(300));
    assert_eq!(options.cadences.get("pg_blocking").copied(), seconds(7));
    assert_eq!((options.log, options.explains), (None, false));
    assert_eq!(
        parse("[collector]\ninterval = 20\n").interval(),
        seconds(20)
    );
}

#[test]
fn options_of_the_command_line_win() {
    let mut args = args();
    args.include_database = vec!["mine".to_owned()];
    args.exclude_database = vec!["not".to_owned()];
    args.no_log = true;
    args.no_explain = true;
    let settings = parse(
        "[postgres]\ndatabases = \"shop\"\nexclude_databases = \"old\"\n\
         [pg_log]\nenabled = true\n[pg_plan]\nenabled = true\n",
    );
    let options = settings.options(&args, None);
    assert_eq!(
        (options.include, options.exclude),
        (vec!["mine".to_owned()], vec!["not".to_owned()])
    );
    assert_eq!((options.log, options.explains), (None, false));
    let nothing = Settings::default().options(&self::args(), Some(Path::new("/log")));
    assert!(nothing.explains && nothing.off.is_empty());
    assert_eq!(
        nothing.log.unwrap().directory.as_deref(),
        Some(Path::new("/log"))
    );
}

#[test]
fn a_version_with_a_fault_is_refused_as_a_whole() {
    for (text, want) in [
        (
            "[pg_table]\ninterval = 30\n[pg_tabel]\ninterval = 3\n",
            "did you mean pg_table?",
        ),
        ("[collector\n", "line 1"),
        ("[pg_wal]\nenabled = 1\n", "true or false"),
    ] {
        let error = Settings::parse(4, text).unwrap_err();
        assert!(error.contains(want), "{text}: {error}");
    }
}

#[test]
fn changes_name_what_was_and_what_is_and_no_password() {
    let before = parse("[pg_table]\ninterval = 60\n[pg_wal]\nenabled = false\n");
    let after = parse("[pg_table]\ninterval = 300\n[postgres]\npassword = \"hush\"\n");
    assert_eq!(
        after.changes(&before),
        [
            "pg_table.interval 60 → 300",
            "pg_wal.enabled false → default"
        ]
    );
    assert_eq!(after.unused(), ["postgres.password"]);
    assert!(after.changes(&after).is_empty());
    assert!(!format!("{after:?}").contains("hush"));
}
