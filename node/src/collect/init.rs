//! `collect init`: registers, and writes what a collector needs to run as a service.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
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
const PROGRAM: &str = "/usr/bin/pganalytics";
/// Where systemd makes state directories, and gives them to the unit's user.
const MANAGED: &str = "/var/lib";
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
    // The service runs in another directory than this command.
    let whole = |path: &Path| {
        let whole = std::path::absolute(path);
        whole.map_err(|error| CollectError::State(path.to_owned(), error))
    };
    let (state_dir, env_file) = (&whole(state_dir)?, &whole(env_file)?);
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
    let made = Unit::new(state_dir, env_file)?;
    write(unit, &made.text(), 0o644)?;
    if is_in_a_home(&made.program) {
        text.push_str(&format!(
            "{} is in a home directory, which the service's user may not read: copy it to \
             /usr/local/bin, and run this again with the copy.\n",
            made.program.display()
        ));
    }
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
        let ca = std::path::absolute(ca).unwrap_or_else(|_| ca.clone());
        set("PGANALYTICS_CA_FILE", &ca.display().to_string());
    }
    text
}

/// What the unit of this machine has in place of what the one that ships has.
#[derive(Debug)]
struct Unit<'a> {
    program: PathBuf,
    env_file: &'a Path,
    state_dir: &'a Path,
    /// Number of the user whose directory it is.
    owner: u32,
}

impl<'a> Unit<'a> {
    fn new(state_dir: &'a Path, env_file: &'a Path) -> Result<Self, CollectError> {
        let metadata = fs::metadata(state_dir);
        let metadata =
            metadata.map_err(|error| CollectError::State(state_dir.to_owned(), error))?;
        let program = std::env::current_exe();
        Ok(Self {
            program: program.unwrap_or_else(|_| PROGRAM.into()),
            env_file,
            state_dir,
            owner: metadata.uid(),
        })
    }

    /// The unit that ships, with the paths of this machine. A directory that systemd does not
    /// manage stays its owner's, who then runs the collector.
    fn text(&self) -> String {
        let state_dir = self.state_dir.display().to_string();
        let managed = self.state_dir.strip_prefix(MANAGED).ok();
        let mut text = UNIT
            .replace(PROGRAM, &self.program.display().to_string())
            .replace(ENV_FILE, &self.env_file.display().to_string())
            .replace(STATE_DIR, &state_dir);
        let (user, room) = match managed {
            Some(name) => (
                "DynamicUser=yes".to_owned(),
                format!("StateDirectory={}", name.display()),
            ),
            None => (
                format!("User={}", self.owner),
                format!("ReadWritePaths={state_dir}"),
            ),
        };
        text = text.replace("DynamicUser=yes", &user);
        text = text.replace("StateDirectory=pganalytics-collector", &room);
        if is_in_a_home(self.state_dir) || is_in_a_home(&self.program) {
            text = text.replace("ProtectHome=yes", "ProtectHome=read-only");
        }
        text
    }
}

/// Whether a unit with `ProtectHome=yes` finds nothing there.
fn is_in_a_home(path: &Path) -> bool {
    let mut homes = ["/home", "/root", "/run/user"].into_iter();
    homes.any(|home| path.starts_with(home))
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
        let text = |program: &str, state_dir: &str| {
            let unit = Unit {
                program: program.into(),
                env_file: Path::new("/srv/env"),
                state_dir: Path::new(state_dir),
                owner: 1_007,
            };
            unit.text()
        };
        let has = |text: &str, line: &str| text.lines().any(|found| found == line);
        let usual = text(PROGRAM, STATE_DIR);
        assert_eq!(usual, UNIT.replace(ENV_FILE, "/srv/env"));
        for (program, state_dir, user, room, home) in [
            (
                "/opt/p",
                "/var/lib/a/b",
                "DynamicUser=yes",
                "StateDirectory=a/b",
                "yes",
            ),
            (
                "/opt/p",
                "/srv/state",
                "User=1007",
                "ReadWritePaths=/srv/state",
                "yes",
            ),
            (
                "/opt/p",
                "/home/u/s",
                "User=1007",
                "ReadWritePaths=/home/u/s",
                "read-only",
            ),
            (
                "/root/p",
                "/var/lib/a",
                "DynamicUser=yes",
                "StateDirectory=a",
                "read-only",
            ),
        ] {
            let text = text(program, state_dir);
            let start = format!("ExecStart={program} collect --state-dir {state_dir}");
            let home = format!("ProtectHome={home}");
            for line in [
                start.as_str(),
                user,
                room,
                &home,
                "EnvironmentFile=/srv/env",
            ] {
                assert!(has(&text, line), "no {line} in {text}");
            }
            assert!(!text.contains("pganalytics-collector\n"), "{text}");
        }
    }
}
