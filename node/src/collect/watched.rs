//! One server that this process watches, and what it is to the cluster: a collector of its own,
//! with its own id, state and spool.
//!
//! # Where its state is
//! The server that comes first has the state directory itself: the file `server` in it names that
//! one. Every other server has a directory below `servers/`, named by its hosts and ports. Each
//! keeps its own whatever else is named or left out later.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use pga_collector::{Options, Server};

use super::error::CollectError;
use super::identity::Identity;
use super::options::CollectArgs;

/// Names the server that has the state directory itself.
const OWNER: &str = "server";
/// The directories of the others.
const SERVERS: &str = "servers";

/// One server that is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Watched {
    /// Its hosts with their ports, unique in this process: `db1:5432`.
    pub(super) label: String,
    /// How it is reached; `None` for one that is made up.
    pub(super) dsn: Option<String>,
    /// Where its log is, if not where it says.
    pub(super) log_dir: Option<PathBuf>,
    /// Where its state is kept.
    pub(super) state_dir: Option<PathBuf>,
    /// What its collector calls itself.
    pub(super) collector_id: String,
    /// The host that it reports.
    pub(super) hostname: String,
    /// Whether the figures of this machine are its host's.
    pub(super) reads_host: bool,
    /// Whether it is the only one.
    pub(super) is_only: bool,
}

impl Watched {
    /// The servers that the arguments name; a simulated one if they name none.
    ///
    /// # Errors
    /// If a connection string cannot be read, or two name the same server.
    pub(super) fn all(args: &CollectArgs) -> Result<Vec<Self>, CollectError> {
        let servers = args.servers();
        if servers.is_empty() {
            return Ok(vec![Self::simulated(args)]);
        }
        let is_only = servers.len() == 1;
        let mut labels = BTreeSet::new();
        let mut all = Vec::new();
        for (number, dsn) in servers.into_iter().enumerate() {
            let server = Server::new(dsn, Options::default())?;
            let (label, is_local) = (server.hosts(), server.is_local());
            if !labels.insert(label.clone()) {
                let text = format!("--dsn: {label} is named twice; its databases are read anyway");
                return Err(CollectError::Options(text));
            }
            let place = args
                .state_dir
                .as_deref()
                .map(|root| Place::of(root, &label, is_only, number == 0));
            let is_named_alone = is_only || matches!(place, Some(Place::Root(_)));
            let collector_id = match &args.collector_id {
                Some(id) if is_named_alone => id.clone(),
                Some(id) => format!("{id}-{}", slug(&label)),
                None => name(&args.hostname(), &label, is_local, &all),
            };
            all.push(Self {
                collector_id,
                hostname: match is_only || is_local {
                    true => args.hostname(),
                    false => host_of(&label).to_owned(),
                },
                reads_host: !args.no_host && (is_only || is_local),
                dsn: Some(dsn.to_owned()),
                log_dir: args.log_dir.get(number).cloned(),
                state_dir: place.map(Place::into_dir),
                label,
                is_only,
            });
        }
        Ok(all)
    }

    fn simulated(args: &CollectArgs) -> Self {
        Self {
            label: "simulated".to_owned(),
            dsn: None,
            log_dir: None,
            state_dir: args.state_dir.clone(),
            collector_id: args.collector_id.clone().unwrap_or_else(|| args.hostname()),
            hostname: args.hostname(),
            reads_host: false,
            is_only: true,
        }
    }

    /// Makes the directory of its state, and writes down who has the root of all.
    ///
    /// # Errors
    /// If that cannot be written.
    pub(super) fn make_dir(&self, args: &CollectArgs) -> Result<(), CollectError> {
        let Some(dir) = &self.state_dir else {
            return Ok(());
        };
        let make = || {
            fs::create_dir_all(dir)?;
            if args.state_dir.as_ref() == Some(dir) {
                pga_runtime::replace_file(&dir.join(OWNER), self.label.as_bytes())?;
            }
            Ok(())
        };
        make().map_err(|error| CollectError::State(dir.clone(), error))
    }

    /// Where its state is kept, for the log.
    pub(super) fn state(&self) -> String {
        let dir = self.state_dir.as_ref();
        dir.map_or_else(|| "memory".to_owned(), |dir| dir.display().to_string())
    }
}

/// The directories below a state directory that hold the state of a server each, that of the root
/// among them.
pub(super) fn state_dirs(root: &Path) -> Vec<PathBuf> {
    let mut dirs = vec![root.to_owned()];
    let found = fs::read_dir(root.join(SERVERS)).into_iter().flatten();
    let mut others: Vec<PathBuf> = found.flatten().map(|entry| entry.path()).collect();
    others.sort();
    dirs.extend(others);
    dirs
}

/// Where the state of a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Root(PathBuf),
    Own(PathBuf),
}

impl Place {
    fn of(root: &Path, label: &str, is_only: bool, is_first: bool) -> Self {
        let own = root.join(SERVERS).join(slug(label));
        if own.exists() {
            return Self::Own(own);
        }
        let is_root = match fs::read_to_string(root.join(OWNER)) {
            Ok(owner) => owner == label,
            // A directory of a version that wrote no owner: its only server is the first.
            Err(_) => is_only || (is_first && Identity::is_there(root)),
        };
        match is_root {
            true => Self::Root(root.to_owned()),
            false => Self::Own(own),
        }
    }

    fn into_dir(self) -> PathBuf {
        match self {
            Self::Root(dir) | Self::Own(dir) => dir,
        }
    }
}

/// What a collector calls itself, where nobody says: as its machine, with the port of a server
/// there if that is not the usual one, and with the host of a server elsewhere. No two of `others`
/// and it have the same name.
fn name(hostname: &str, label: &str, is_local: bool, others: &[Watched]) -> String {
    let short = match label.rsplit_once(':') {
        Some((_, port)) if port != "5432" => format!("{hostname}_{port}"),
        _ => hostname.to_owned(),
    };
    match is_local && others.iter().all(|one| one.collector_id != short) {
        true => short,
        false => format!("{hostname}-{}", slug(label)),
    }
}

/// A label as a part of a path or a name.
fn slug(label: &str) -> String {
    let letter = |c: char| match c {
        c if c.is_ascii_alphanumeric() || ".-_".contains(c) => c,
        _ => '_',
    };
    label.trim_matches('/').chars().map(letter).collect()
}

/// The first host of a label, without its port.
fn host_of(label: &str) -> &str {
    let first = label.split(',').next().unwrap_or(label);
    let host = first.rsplit_once(':').map_or(first, |(host, _)| host);
    host.trim_matches(['[', ']'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(root: &Path, hosts: &[&str]) -> CollectArgs {
        let mut args = CollectArgs::for_nodes(Vec::new());
        let dsn = |host: &&str| format!("postgres://u@{host}/d?sslmode=disable");
        args.dsn = hosts.iter().map(dsn).collect();
        args.state_dir = Some(root.to_owned());
        args.hostname = Some("here".to_owned());
        args
    }

    /// Label, collector id, directory below the root, host name, whether the host is read.
    type Seen = (String, String, String, String, bool);

    fn all(root: &Path, hosts: &[&str]) -> Vec<Seen> {
        let args = args(root, hosts);
        let found = Watched::all(&args).unwrap();
        let see = |one: &Watched| {
            one.make_dir(&args).unwrap();
            let dir = one.state_dir.as_ref().unwrap().strip_prefix(root).unwrap();
            (
                one.label.clone(),
                one.collector_id.clone(),
                dir.display().to_string(),
                one.hostname.clone(),
                one.reads_host,
            )
        };
        found.iter().map(see).collect()
    }

    fn seen(parts: [&str; 4], reads_host: bool) -> Seen {
        let [label, id, dir, host] = parts.map(str::to_owned);
        (label, id, dir, host, reads_host)
    }

    #[test]
    fn a_server_keeps_its_place_whatever_comes_and_goes() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        let first = seen(["db1:5432", "here-db1_5432", "", "here"], true);
        assert_eq!(all(root, &["db1"]), [first], "alone");
        let db1 = seen(["db1:5432", "here-db1_5432", "", "db1"], false);
        let id = "here_5433";
        let local = seen(
            ["127.0.0.1:5433", id, "servers/127.0.0.1_5433", "here"],
            true,
        );
        let both = all(root, &["127.0.0.1:5433", "db1"]);
        assert_eq!(both, [local.clone(), db1], "another order");
        let (_, _, place, _, _) = &all(root, &["127.0.0.1:5433"])[0];
        assert_eq!(*place, local.2, "the other one alone");
        let (_, _, place, _, _) = &all(root, &["db2"])[0];
        assert_eq!(*place, "servers/db2_5432", "a third one alone");
    }

    #[test]
    fn who_is_not_named_is_named_after_host_and_server() {
        let name = |id: Option<&str>, hosts: &[&str]| -> Vec<String> {
            let dir = tempfile::tempdir().unwrap();
            let mut args = args(dir.path(), hosts);
            args.collector_id = id.map(str::to_owned);
            let all = Watched::all(&args).unwrap();
            all.into_iter().map(|one| one.collector_id).collect()
        };
        assert_eq!(name(None, &["localhost"]), ["here"]);
        assert_eq!(name(None, &["127.0.0.1:5433"]), ["here_5433"]);
        assert_eq!(name(None, &["db1"]), ["here-db1_5432"]);
        assert_eq!(
            name(None, &["localhost", "db1", "127.0.0.1"]),
            ["here", "here-db1_5432", "here-127.0.0.1_5432"]
        );
        assert_eq!(name(Some("x"), &["db1"]), ["x"]);
        assert_eq!(name(Some("x"), &["a", "b"]), ["x-a_5432", "x-b_5432"]);
        assert_eq!(name(None, &[]), ["here"], "a simulated server");
    }

    #[test]
    fn an_older_state_directory_goes_on_with_its_first_server() {
        let dir = tempfile::tempdir().unwrap();
        let identity = Identity {
            collector_id: "c".to_owned(),
            token: "t".to_owned(),
            certificate: None,
        };
        identity.write(dir.path()).unwrap();
        let dirs: Vec<String> = all(dir.path(), &["db1", "db2"])
            .into_iter()
            .map(|(_, _, dir, _, _)| dir)
            .collect();
        assert_eq!(dirs, ["", "servers/db2_5432"]);
        assert_eq!(state_dirs(dir.path()).len(), 2);
    }

    #[test]
    fn a_server_is_named_once() {
        let dir = tempfile::tempdir().unwrap();
        let error = Watched::all(&args(dir.path(), &["db1", "db1:5432"])).unwrap_err();
        assert!(error.to_string().contains("named twice"), "{error}");
    }
}
