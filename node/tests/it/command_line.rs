//! What holds for every command: a description, a page of the manual, and the forms of output.

use clap::{Command, CommandFactory as _};
use pga_node::cli::Cli;

use super::program::{Demo, run};

/// The program's definition, as it is shown.
fn program() -> Command {
    let mut program = Cli::command().disable_help_subcommand(true);
    program.build();
    program
}

/// Calls `see` with every command that is shown, and its whole name.
fn walk(command: &Command, name: &str, see: &mut impl FnMut(&Command, &str)) {
    see(command, name);
    for below in command
        .get_subcommands()
        .filter(|below| !below.is_hide_set())
    {
        walk(below, &format!("{name}-{}", below.get_name()), see);
    }
}

#[test]
fn every_command_and_option_is_described_and_has_its_page() {
    let dir = tempfile::tempdir().unwrap();
    let pages = dir.path().join("man1");
    let made = run(&["man", "--dir", pages.to_str().unwrap()]);
    assert!(made.status.success(), "{made:?}");
    let mut names = Vec::new();
    walk(&program(), "pganalytics", &mut |command, name| {
        assert!(command.get_about().is_some(), "{name} has no description");
        for option in command
            .get_arguments()
            .filter(|option| !option.is_hide_set())
        {
            let (id, help) = (option.get_id(), option.get_help());
            assert!(help.is_some(), "{name}: {id} has no description");
        }
        let page = std::fs::read_to_string(pages.join(format!("{name}.1")));
        let page = page.unwrap_or_else(|error| panic!("{name} has no page: {error}"));
        let about = command.get_about().unwrap().to_string();
        let first = about.split(['\'', '-', ',', '.']).next().unwrap();
        assert!(
            page.contains(first),
            "the page of {name} does not say {first:?}"
        );
        names.push(format!("{name}.1"));
    });
    let mut written: Vec<String> = std::fs::read_dir(&pages)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    written.sort();
    names.sort();
    assert_eq!(written, names, "pages, and commands");
    assert!(names.len() > 20, "{names:?}");
}

#[test]
fn completions_know_every_command() {
    for shell in ["bash", "zsh", "fish"] {
        let made = run(&["completions", shell]);
        assert!(made.status.success(), "{made:?}");
        let script = String::from_utf8(made.stdout).unwrap();
        for command in program()
            .get_subcommands()
            .filter(|command| !command.is_hide_set())
        {
            assert!(
                script.contains(command.get_name()),
                "{shell}: {}",
                command.get_name()
            );
        }
    }
}

/// Bash takes the script, and completes with it.
#[test]
fn bash_completes_commands_and_values() {
    let script = String::from_utf8(run(&["completions", "bash"]).stdout).unwrap();
    for (words, at, want) in [
        ("pganalytics clu", 1, "cluster"),
        ("pganalytics cluster sta", 2, "status"),
        ("pganalytics explain --output ", 3, "csv"),
    ] {
        let ask = format!(
            "{script}\nCOMP_WORDS=({words} {})\nCOMP_CWORD={at}\n\
             _pganalytics pganalytics \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"\n\
             echo \"${{COMPREPLY[@]}}\"",
            if words.ends_with(' ') { "\"\"" } else { "" },
        );
        let bash = std::process::Command::new("bash")
            .args(["-c", &ask])
            .output()
            .unwrap();
        let found = String::from_utf8(bash.stdout).unwrap();
        assert!(
            found.split_whitespace().any(|word| word == want),
            "{words:?}: {found:?}"
        );
    }
}

#[test]
fn every_command_that_reads_has_the_three_forms() {
    for name in [
        "cluster-status",
        "user-list",
        "channel-list",
        "why",
        "explain",
        "backup-verify",
        "check-config",
        "collect-once",
        "collect-check",
    ] {
        let mut found = Vec::new();
        walk(&program(), "pganalytics", &mut |command, whole| {
            if whole == format!("pganalytics-{name}") {
                let output = command
                    .get_arguments()
                    .find(|option| option.get_id() == "output");
                let values = output.unwrap().get_possible_values();
                found = values
                    .iter()
                    .map(|value| value.get_name().to_owned())
                    .collect();
            }
        });
        assert_eq!(found, ["table", "json", "csv"], "{name}");
    }
}

/// A node that runs: `top` shows it, and who may not read hears what to do.
#[test]
fn top_and_cluster_status_read_a_node_and_say_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let demo = Demo::start(dir.path(), 1);
    let node = format!("http://{}", demo.http(0));
    let password = demo.json["admin"]["password"].as_str().unwrap();
    let top = |who: &[&str]| run(&[&["top", "--once", "--node", &node], who].concat());
    let shown = top(&["--username", "admin", "--password", password]);
    let text = String::from_utf8(shown.stdout).unwrap();
    assert!(
        shown.status.success() && text.contains("n1*") && text.contains("leader"),
        "{text}"
    );
    for (who, code, part) in [
        (&[][..], 77, "--token"),
        (&["--token", "x"], 77, "the token is wrong"),
        (
            &["--username", "admin", "--password", "x"],
            77,
            "PGANALYTICS_PASSWORD",
        ),
        (&["--username", "admin"], 64, "--password"),
        (
            &[
                "--username",
                "admin",
                "--password",
                password,
                "--server",
                "x",
            ],
            1,
            "no server \"x\"",
        ),
    ] {
        let refused = top(who);
        let text = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(code), "{who:?}: {text}");
        assert!(text.contains(part), "{who:?}: {text}");
    }
    let status = |form: &str| {
        let shown = run(&["cluster", "status", "--node", &node, "--output", form]);
        assert!(shown.status.success(), "{shown:?}");
        String::from_utf8(shown.stdout).unwrap()
    };
    assert!(status("table").contains(" ROLE "));
    assert!(status("csv").starts_with("node,role,reachable,"));
    let json: serde_json::Value = serde_json::from_str(&status("json")).unwrap();
    assert_eq!(json["nodes"][0]["role"], "leader");
    let away = run(&["cluster", "status", "--node", "http://127.0.0.1:1"]);
    assert_eq!(away.status.code(), Some(69));
    assert!(
        String::from_utf8(away.stderr)
            .unwrap()
            .contains("is the node running")
    );
}
