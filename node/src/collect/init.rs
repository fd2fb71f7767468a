//! `collect init`: registers, and writes what a collector needs to run as a service.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use super::error::CollectError;
use super::metrics::Metrics;
use super::once::check;
use super::options::CollectArgs;
use super::report::Report;
use super::sender::Sender;
use super::state_dir::StateDir;
use super::watched::Watched;
use crate::output::Output;

/// The unit as it ships.
const UNIT: &str = include_str!("../../../config/systemd/pganalytics-collector.service");
/// Where the unit's own `ExecStart` and `EnvironmentFile` look by default.
const STATE_DIR: &str = "/var/lib/pganalytics-collector";
const ENV_FILE: &str = "/etc/pganalytics/collector.env";

/// Registers this collector, keeps its identity, and writes its settings and its unit. Answers what
/// was done and what is left to do, for people.
///
/// # Errors
/// If the cluster does not take the collector, or a file cannot be written.
pub async fn init(
    args: &CollectArgs,
    env_file: &Path,
    unit: &Path,
) -> Result<String, CollectError> {
    if args.dsn.is_empty() {
        let text =
            "--dsn: write at least one server, such as postgres://monitor@localhost/postgres";
        return Err(CollectError::Options(text.to_owned()));
    }
    if args.dsn.iter().any(|dsn| dsn.contains(' ')) {
        let text =
            "--dsn: write the server as a URL, such as postgres://monitor@localhost/postgres";
        return Err(CollectError::Options(text.to_owned()));
    }
    let Some(state_dir) = args.state_dir.as_deref() else {
        return Err(CollectError::Options("--state-dir: write one".to_owned()));
    };
    let mut text = String::new();
    for dsn in &args.dsn {
        let (found, is_good) = check(dsn, Output::Table).await?;
        if !is_good {
            let misses = found.lines().filter(|line| !line.starts_with("ok"));
            text.push_str("Some things cannot be read yet:\n");
            misses.for_each(|line| text.push_str(&format!("{line}\n")));
        }
    }
    let _held = StateDir::take(state_dir)?;
    let metrics = Arc::new(Metrics::new()?);
    for watched in Watched::all(args)? {
        watched.make_dir(args)?;
        let report = Arc::new(Report::new(&watched, Arc::clone(&metrics)));
        let sender = Sender::new(args, &watched, report).await?;
        let (label, id) = (&watched.label, sender.collector());
        text.push_str(&format!("Registered for {label} as {id}.\n"));
    }
    write(env_file, &settings(args), 0o600)?;
    write(unit, &unit_text(state_dir, env_file), 0o644)?;
    text.push_str(&format!(
        "Wrote {}, {} and {}.\nStart it: systemctl daemon-reload && systemctl enable --now pganalytics-collector\n",
        state_dir.display(),
        env_file.display(),
        unit.display()
    ));
    Ok(text)
}

/// The settings as an environment file (systemd.exec(5)): a value in quotes, with escapes.
fn settings(args: &CollectArgs) -> String {
    let quoted = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"");
    let nodes: Vec<String> = args.nodes.iter().map(ToString::to_string).collect();
    let mut text = String::new();
    let mut set = |name: &str, value: &str| {
        text.push_str(&format!("{name}=\"{}\"\n", quoted(value)));
    };
    set("PGANALYTICS_NODES", &nodes.join(","));
    set("PGANALYTICS_COLLECT_DSN", &args.dsn.join(" "));
    if let Some(ca) = &args.ca_file {
        set("PGANALYTICS_CA_FILE", &ca.display().to_string());
    }
    text
}

/// The unit that ships, with the paths of this machine.
fn unit_text(state_dir: &Path, env_file: &Path) -> String {
    let program = std::env::current_exe().ok();
    let program = program
        .as_deref()
        .unwrap_or(Path::new("/usr/bin/pganalytics"));
    let text = UNIT
        .replace(STATE_DIR, &state_dir.display().to_string())
        .replace(ENV_FILE, &env_file.display().to_string());
    text.replace("/usr/bin/pganalytics", &program.display().to_string())
}

fn write(path: &Path, text: &str, mode: u32) -> Result<(), CollectError> {
    let write = || -> io::Result<()> {
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir)?;
        }
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(mode);
        options.open(path)?.write_all(text.as_bytes())
    };
    write().map_err(|error| CollectError::State(path.to_owned(), error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_quoted_for_the_unit() {
        let mut args = CollectArgs::for_nodes(vec!["http://10.0.0.1:8080".parse().unwrap()]);
        args.dsn = vec![r#"postgres://u:a"b\c@db1/postgres"#.to_owned()];
        let want = "PGANALYTICS_NODES=\"http://10.0.0.1:8080\"\n\
                    PGANALYTICS_COLLECT_DSN=\"postgres://u:a\\\"b\\\\c@db1/postgres\"\n";
        assert_eq!(settings(&args), want);
    }

    #[test]
    fn the_unit_has_the_paths_that_were_given() {
        let text = unit_text(Path::new("/srv/state"), Path::new("/srv/env"));
        assert!(text.contains("EnvironmentFile=/srv/env"), "{text}");
        assert!(text.contains("collect --state-dir /srv/state"), "{text}");
        assert!(!text.contains(ENV_FILE), "{text}");
    }
}
