//! Options of `pganalytics load`.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use pga_config::parse_duration;

use crate::{Kind, LoadError};
use pga_client::{ClientOptions, Endpoint};

/// How fast each collector pushes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rate {
    /// As fast as it is answered, without a pause.
    Max,
    /// This many pushes a second, over all collectors.
    PerSecond(f64),
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "max" {
            return Ok(Self::Max);
        }
        match text.parse::<f64>() {
            Ok(rate) if rate > 0.0 && rate.is_finite() => Ok(Self::PerSecond(rate)),
            _ => Err("write max, or a number of pushes per second".to_owned()),
        }
    }
}

/// Options of `pganalytics load`.
#[derive(Clone, Debug, clap::Args)]
pub struct LoadArgs {
    /// Addresses of the nodes; collectors spread over them and fail over between them
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "http://127.0.0.1:8081,http://127.0.0.1:8082,http://127.0.0.1:8083"
    )]
    pub nodes: Vec<Endpoint>,
    /// Simulated collectors
    #[arg(long, default_value_t = 10)]
    pub collectors: u32,
    /// Elements of one push
    #[arg(long, default_value_t = 100)]
    pub elements: u32,
    /// Time between two pushes of one collector
    #[arg(long, default_value = "1s", value_parser = parse_duration)]
    pub interval: Duration,
    /// How long to push
    #[arg(long, default_value = "60s", value_parser = parse_duration)]
    pub duration: Duration,
    /// What is pushed: plain samples, or the elements of whole collection cycles
    #[arg(long, value_enum, default_value_t = Kind::Samples)]
    pub kind: Kind,
    /// `max` pushes without a pause; a number is pushes per second over all collectors. Overrides
    /// --interval
    #[arg(long)]
    pub rate: Option<Rate>,
    /// Read everything back through each node, and count what is lost, duplicated or phantom
    #[arg(long)]
    pub verify: bool,
    /// Longest time to wait for what was acknowledged to be readable
    #[arg(long, default_value = "2m", value_parser = parse_duration)]
    pub verify_timeout: Duration,
    /// With --verify: count in this database too
    #[arg(long, value_name = "URL")]
    pub timescale: Option<String>,
    /// Who reads back
    #[arg(long)]
    pub username: Option<String>,
    /// Password of --username
    #[arg(
        long,
        env = "PGANALYTICS_PASSWORD",
        hide_env_values = true,
        allow_hyphen_values = true
    )]
    pub password: Option<String>,
    /// Register each collector with this secret, and push with its token
    #[arg(
        long,
        env = "PGANALYTICS_REGISTRATION_SECRET",
        hide_env_values = true,
        allow_hyphen_values = true
    )]
    pub registration_secret: Option<String>,
    /// CA certificates (PEM) for https addresses
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// Longest time to wait for one answer before another node is tried
    #[arg(long, default_value = "5s", value_parser = parse_duration)]
    pub timeout: Duration,
    /// A push that is not acknowledged within this time has failed
    #[arg(long, default_value = "30s", value_parser = parse_duration)]
    pub give_up: Duration,
    /// Same collector ids and values with the same seed; without it they are fresh
    #[arg(long)]
    pub seed: Option<u64>,
    /// Report as one line of JSON
    #[arg(long)]
    pub json: bool,
}

impl LoadArgs {
    /// The defaults, against these nodes.
    pub fn for_nodes(nodes: Vec<Endpoint>) -> Self {
        Self {
            nodes,
            collectors: 10,
            elements: 100,
            interval: Duration::from_secs(1),
            duration: Duration::from_secs(60),
            kind: Kind::Samples,
            rate: None,
            verify: false,
            verify_timeout: Duration::from_secs(120),
            timescale: None,
            username: None,
            password: None,
            registration_secret: None,
            ca_file: None,
            timeout: Duration::from_secs(5),
            give_up: Duration::from_secs(30),
            seed: None,
            json: false,
        }
    }

    /// Time between two pushes of one collector; `None` is no pause at all.
    pub(crate) fn pause(&self) -> Option<Duration> {
        match self.rate {
            Some(Rate::Max) => None,
            Some(Rate::PerSecond(rate)) => {
                Some(Duration::from_secs_f64(f64::from(self.collectors) / rate))
            }
            None => Some(self.interval),
        }
    }

    pub(crate) fn client_options(&self) -> Result<ClientOptions, LoadError> {
        let connect = self.timeout.min(Duration::from_secs(2));
        let options = ClientOptions::new(connect, self.timeout);
        match &self.ca_file {
            Some(path) => Ok(options.with_ca_file(path)?),
            None => Ok(options),
        }
    }

    pub(crate) fn validate(&self) -> Result<(), LoadError> {
        let wrong = if self.nodes.is_empty() {
            "--nodes: write at least one address"
        } else if self.collectors == 0 {
            "--collectors: at least 1"
        } else if self.elements == 0 {
            "--elements: at least 1"
        } else if self.username.is_some() && self.password.is_none() {
            "--username needs --password, or PGANALYTICS_PASSWORD"
        } else if self.timescale.is_some() && !self.verify {
            "--timescale needs --verify"
        } else {
            return Ok(());
        };
        Err(LoadError::Options(wrong.to_owned()))
    }
}
