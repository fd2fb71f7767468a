//! Options of `pganalytics collect`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use pga_config::{ByteSize, parse_duration};

use super::error::CollectError;
use crate::output::Output;
use pga_client::Endpoint;

/// Time between two cycles, where nobody says anything else.
const INTERVAL: Duration = Duration::from_secs(10);

/// Options of `pganalytics collect`.
#[derive(Clone, Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct CollectArgs {
    /// Something else than to collect until it is stopped
    #[command(subcommand)]
    pub action: Option<CollectAction>,
    /// The same as `check`
    #[arg(long, hide = true, requires = "dsn")]
    pub check: bool,
    /// Addresses of the nodes; any of them will do
    #[arg(
        long,
        env = "PGANALYTICS_NODES",
        value_delimiter = ',',
        default_value = "http://127.0.0.1:8081,http://127.0.0.1:8082,http://127.0.0.1:8083"
    )]
    pub nodes: Vec<Endpoint>,
    /// A server to read (postgres://user@host/database); once for each, which makes each a
    /// collector with an id of its own. Without it one is simulated
    #[arg(long, env = "PGANALYTICS_COLLECT_DSN", hide_env_values = true)]
    pub dsn: Vec<String>,
    /// Time between two collections, whatever the cluster's configuration says; else 10 s
    #[arg(long, value_parser = parse_duration)]
    pub interval: Option<Duration>,
    /// Only this database of each server; once for each. All by default
    #[arg(long, value_name = "NAME")]
    pub include_database: Vec<String>,
    /// Not this database; once for each
    #[arg(long, value_name = "NAME")]
    pub exclude_database: Vec<String>,
    /// Leave the machine's own figures out: where the collector runs on another one
    #[arg(long)]
    pub no_host: bool,
    /// Where the server's log is on this machine, if not where the server says; once for each
    /// --dsn
    #[arg(
        long,
        env = "PGANALYTICS_LOG_DIR",
        value_delimiter = ' ',
        value_name = "DIR"
    )]
    pub log_dir: Vec<PathBuf>,
    /// Keep values in statements, messages and plans of the log: they leave this machine
    #[arg(long, env = "PGANALYTICS_LOG_VALUES")]
    pub log_values: bool,
    /// Leave the server's log out
    #[arg(long, conflicts_with = "log_dir")]
    pub no_log: bool,
    /// Explain no statement (generic plans, which run nothing)
    #[arg(long)]
    pub no_explain: bool,
    /// Read everything at least this often, for tests
    #[arg(long, hide = true, value_parser = parse_duration)]
    pub max_cadence: Option<Duration>,
    /// What this collector calls itself; by default the host's name, and which server it reads if
    /// that is on another one or at another port than 5432
    #[arg(long, value_name = "NAME")]
    pub collector_id: Option<String>,
    /// Host name it reports; the machine's by default
    #[arg(long)]
    pub hostname: Option<String>,
    /// Registers with this secret at the start: the cluster gives the collector its id and its
    /// token
    #[arg(
        long,
        env = "PGANALYTICS_REGISTRATION_SECRET",
        hide_env_values = true,
        allow_hyphen_values = true
    )]
    pub registration_secret: Option<String>,
    /// Token of this collector, from an earlier registration
    #[arg(
        long,
        env = "PGANALYTICS_COLLECTOR_TOKEN",
        hide_env_values = true,
        allow_hyphen_values = true
    )]
    pub token: Option<String>,
    /// CA certificates (PEM) for https addresses
    #[arg(long, env = "PGANALYTICS_CA_FILE", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// Longest time to wait for one answer before another node is tried
    #[arg(long, default_value = "10s", value_parser = parse_duration)]
    pub timeout: Duration,
    /// Shows metrics for Prometheus at this address, under /metrics; nowhere without it
    #[arg(long, value_name = "ADDRESS", env = "PGANALYTICS_COLLECT_METRICS")]
    pub metrics_listen: Option<SocketAddr>,
    /// Keeps identity and undelivered cycles there, over restarts. By default
    /// /var/lib/pganalytics-collector for root, else pganalytics-collector in $XDG_STATE_HOME or
    /// ~/.local/state; a simulated server has none
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
    /// Most that undelivered cycles of a server may take; then the oldest go
    #[arg(long, default_value = "512MiB")]
    pub spool_size: ByteSize,
    /// Seed of the simulated server
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// What `collect` does instead of collecting.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum CollectAction {
    /// Read everything once, and print it
    Once {
        /// A server to read (postgres://user@host/database)
        #[arg(long)]
        dsn: String,
        /// Only these types of elements; once for each
        #[arg(long = "type", value_name = "TYPE")]
        types: Vec<String>,
        /// It always prints
        #[arg(long, hide = true)]
        print: bool,
        /// How it is printed
        #[arg(long, value_enum, default_value_t = Output::Table)]
        output: Output,
    },
    /// Register, and write what a collector needs to run as a service
    Init {
        /// Addresses of the nodes; any of them will do
        #[arg(long, alias = "node", value_delimiter = ',', required = true)]
        nodes: Vec<Endpoint>,
        /// A server to read (postgres://user@host/database); once for each
        #[arg(long, required = true)]
        dsn: Vec<String>,
        /// A registration secret of the cluster
        #[arg(
            long,
            alias = "secret",
            env = "PGANALYTICS_REGISTRATION_SECRET",
            hide_env_values = true,
            allow_hyphen_values = true
        )]
        registration_secret: String,
        /// CA certificates (PEM) for https addresses
        #[arg(long, value_name = "FILE")]
        ca_file: Option<PathBuf>,
        /// Name of the collector; the machine's by default
        #[arg(long)]
        name: Option<String>,
        /// Where identity and undelivered cycles are kept
        #[arg(
            long,
            value_name = "DIR",
            default_value = "/var/lib/pganalytics-collector"
        )]
        state_dir: PathBuf,
        /// Settings of the service
        #[arg(
            long,
            value_name = "FILE",
            default_value = "/etc/pganalytics/collector.env"
        )]
        env_file: PathBuf,
        /// The service's unit
        #[arg(
            long,
            value_name = "FILE",
            default_value = "/etc/systemd/system/pganalytics-collector.service"
        )]
        unit: PathBuf,
    },
    /// Say whether the collectors of this machine run and get rid of what they read; 1 if not
    Status {
        /// Where identity and undelivered cycles are kept; by default where `collect` of this user
        /// keeps them, else /var/lib/pganalytics-collector
        #[arg(long, value_name = "DIR")]
        state_dir: Option<PathBuf>,
        /// How it is printed
        #[arg(long, value_enum, default_value_t = Output::Table)]
        output: Output,
    },
    /// Say what the role cannot read, what is lost without it, and what would help
    Check {
        /// A server to read (postgres://user@host/database)
        #[arg(long)]
        dsn: String,
        /// How it is printed
        #[arg(long, value_enum, default_value_t = Output::Table)]
        output: Output,
    },
}

impl CollectArgs {
    /// The defaults, against these nodes.
    pub fn for_nodes(nodes: Vec<Endpoint>) -> Self {
        Self {
            action: None,
            check: false,
            nodes,
            dsn: Vec::new(),
            include_database: Vec::new(),
            exclude_database: Vec::new(),
            no_host: false,
            log_dir: Vec::new(),
            log_values: false,
            no_log: false,
            no_explain: false,
            max_cadence: None,
            interval: None,
            metrics_listen: None,
            collector_id: None,
            hostname: None,
            registration_secret: None,
            token: None,
            ca_file: None,
            timeout: Duration::from_secs(10),
            state_dir: None,
            spool_size: ByteSize::new(512 << 20),
            seed: 1,
        }
    }

    /// The servers to read. An environment variable names several URLs with spaces between them; a
    /// connection string of keys and values has spaces of its own.
    pub(crate) fn servers(&self) -> Vec<&str> {
        let is_url =
            |part: &str| part.starts_with("postgres://") || part.starts_with("postgresql://");
        let are_urls = |dsn: &str| !dsn.is_empty() && dsn.split_whitespace().all(is_url);
        let each = self.dsn.iter().flat_map(|dsn| match are_urls(dsn) {
            true => dsn.split_whitespace().collect(),
            false => vec![dsn.as_str()],
        });
        each.collect()
    }

    pub(super) fn validate(&self) -> Result<(), CollectError> {
        let wrong = if self.nodes.is_empty() {
            "--nodes: write at least one address"
        } else if self.interval.is_some_and(|interval| interval.is_zero()) {
            "--interval: longer than 0"
        } else if self.token.is_some() && self.servers().len() > 1 {
            "--token: it is of one collector, and each --dsn is one: use --registration-secret"
        } else if self.collector_id.as_deref() == Some("") {
            "--collector-id: not empty"
        } else if !self.log_dir.is_empty() && self.log_dir.len() != self.servers().len() {
            "--log-dir: write one for each --dsn, in their order, or none"
        } else {
            return Ok(());
        };
        Err(CollectError::Options(wrong.to_owned()))
    }

    /// Time between two cycles, where the command line names none and the configuration says this.
    pub(super) fn interval(&self, configured: Option<Duration>) -> Duration {
        self.interval.or(configured).unwrap_or(INTERVAL)
    }

    /// What it reports as its host. A machine without a name, as some containers are, is
    /// `localhost`: the cluster takes no collector without one.
    pub fn hostname(&self) -> String {
        let machine = rustix::system::uname();
        let machine = machine.nodename().to_string_lossy();
        named(self.hostname.as_deref().unwrap_or(&machine))
    }
}

/// A host's name, which is never empty.
fn named(host: &str) -> String {
    match host.trim() {
        "" => "localhost".to_owned(),
        host => host.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_without_a_name_is_localhost() {
        assert_eq!(named("db-1"), "db-1");
        assert_eq!(named(""), "localhost");
        assert_eq!(named(" "), "localhost");
    }

    #[test]
    fn urls_with_spaces_between_them_are_several_servers_and_keys_and_values_are_one() {
        let servers = |dsn: &[&str]| {
            let args = CollectArgs {
                dsn: dsn.iter().map(|one| (*one).to_owned()).collect(),
                ..CollectArgs::for_nodes(Vec::new())
            };
            args.servers()
                .into_iter()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            servers(&["postgres://a/x postgresql://b/y", "postgres://c/z"]),
            ["postgres://a/x", "postgresql://b/y", "postgres://c/z"]
        );
        assert_eq!(
            servers(&["host=db1 user=monitor"]),
            ["host=db1 user=monitor"]
        );
        assert_eq!(
            servers(&[""]),
            [""],
            "an empty one is an error, not a simulated server"
        );
    }
}
