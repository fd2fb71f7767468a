use super::*;

fn group(wait: Option<(&str, &str)>, id: i64, sessions: u32) -> Group {
    Group {
        backend_type: Some("client backend".into()),
        state: Some("active".into()),
        wait_event_type: wait.map(|(class, _)| class.to_owned()),
        wait_event: wait.map(|(_, event)| event.to_owned()),
        query_id: Some(id),
        user: Some("app".into()),
        database: Some("shop".into()),
        application: Some("web".into()),
        sessions,
        parallel_workers: 0,
    }
}

fn samples(groups: &[Group]) -> Vec<Sample> {
    let sample = Sample {
        rows: groups.to_vec(),
    };
    vec![sample; 60]
}

fn question(now: &[Group], usual: &[Group]) -> Question {
    Question {
        now: samples(now),
        usual: samples(usual),
        reference: "the same time last week".into(),
        cores: Some(4),
        ..Question::default()
    }
}

fn kinds(answer: &Answer) -> Vec<&str> {
    answer.lines.iter().map(|line| line.kind).collect()
}

#[test]
fn a_lock_is_told_by_its_root_and_not_by_its_victims() {
    let victims = group(Some(("Lock", "transactionid")), 7, 6);
    let mut question = question(&[victims, group(None, 8, 1)], &[group(None, 8, 1)]);
    question.roots = vec![Root {
        pid: 12,
        user: "batch".into(),
        application: "nightly".into(),
        state: "idle in transaction".into(),
        query: "UPDATE l\n  SET v = ?".into(),
        victims: 6,
        transaction_seconds: 300.0,
        ..Root::default()
    }];
    let answer = explain(&question);
    assert!(answer.is_slower);
    assert_eq!(kinds(&answer), ["lock"]);
    assert_eq!(
        answer.lines[0].text,
        "6 sessions wait for a lock; the root is process 12 of batch (nightly), idle in transaction \
         for 5 min, last UPDATE l SET v = ?."
    );
    assert!(
        (answer.explained - 1.0).abs() < 1e-9,
        "{}",
        answer.explained
    );
}

#[test]
fn a_statement_with_more_time_a_call_and_one_with_more_calls_are_told_apart() {
    for (calls, mean, want) in [
        (
            (100.0, Some(100.0)),
            (90.0, Some(1.0)),
            "run one statement, 90 ms a call instead of 1, 100 a minute",
        ),
        ((900.0, Some(100.0)), (1.0, Some(1.0)), "9 × as many calls"),
        (
            (300.0, Some(100.0)),
            (3.0, Some(1.0)),
            "3 × as many calls, and 3 ms",
        ),
        ((300.0, None), (3.0, None), "it was not seen then"),
    ] {
        let mut question = question(
            &[group(None, 7, 6), group(None, 8, 1)],
            &[group(None, 8, 1)],
        );
        let statement = Statement {
            text: "SELECT 1".into(),
            calls_per_minute: calls,
            mean_ms: mean,
            cause: Some("index gone: a_x".into()),
        };
        question.statements.insert(7, statement);
        let answer = explain(&question);
        assert_eq!(kinds(&answer), ["statement"]);
        assert!(
            answer.lines[0].text.contains(want),
            "{}",
            answer.lines[0].text
        );
    }
}

#[test]
fn what_many_statements_share_is_told_once() {
    let many: Vec<Group> = (1..=20)
        .map(|id| group(Some(("IO", "DataFileRead")), id, 1))
        .collect();
    let answer = explain(&question(&many, &[]));
    assert_eq!(kinds(&answer), ["io"]);
    assert_eq!(
        answer.lines[0].text,
        "20 sessions instead of 0 (100 %) wait for the disk (IO/DataFileRead)."
    );
}

#[test]
fn more_runners_than_processors_wait_for_cpu() {
    let many: Vec<Group> = (1..=20).map(|id| group(None, id, 1)).collect();
    let answer = explain(&question(&many, &[]));
    assert!(
        answer.lines[0]
            .text
            .contains("there are 4: they wait for CPU"),
        "{:?}",
        answer.lines
    );
}

#[test]
fn a_load_as_usual_is_no_slowness_and_still_shown() {
    let groups = [group(None, 7, 3), group(Some(("IO", "DataFileRead")), 8, 1)];
    let answer = explain(&question(&groups, &groups));
    assert!(!answer.is_slower);
    assert!(
        answer
            .head
            .starts_with("Not slower by load: 4 sessions, usually 4 ("),
        "{}",
        answer.head
    );
    assert!(answer.head.ends_with("Of it, 100 % is:"), "{}", answer.head);
    let line = &answer.lines[0].text;
    assert!(
        line.starts_with("3 sessions (75 %; usually 3) run"),
        "{line}"
    );
    assert_eq!(kinds(&answer), ["statement", "statement"]);
}

#[test]
fn of_next_to_no_load_it_is_not_said_where_it_is() {
    let mut question = question(&[], &[]);
    question
        .now
        .extend(samples(&[group(None, 7, 1)]).drain(..2));
    let answer = explain(&question);
    assert!(!answer.is_slower && answer.lines.is_empty(), "{answer:?}");
    let head = "Not slower by load: 0 sessions, usually 0 (the same time last week).";
    assert_eq!(answer.head, head);
}

#[test]
fn too_few_samples_are_compared_with_nothing() {
    let mut question = question(&[group(None, 7, 3)], &[]);
    question.now.truncate(5);
    let answer = explain(&question);
    assert_eq!((answer.is_slower, answer.usual), (false, None));
    assert!(answer.groups.iter().all(|group| group.usual.is_none()));
    let line = &answer.lines[0].text;
    assert!(line.starts_with("3 sessions (100 %) run"), "{line}");
    question.now.clear();
    let answer = explain(&question);
    assert_eq!(answer.head, "Nothing was told of this server in this time.");
    assert!(answer.lines.is_empty(), "{:?}", answer.lines);
}

#[test]
fn idle_sessions_and_walsenders_are_no_load() {
    let mut idle = group(None, 7, 50);
    idle.state = Some("idle in transaction".into());
    let mut sender = group(None, 7, 50);
    sender.backend_type = Some("walsender".into());
    assert!(explain(&question(&[idle, sender], &[])).load.abs() < 1e-9);
}
