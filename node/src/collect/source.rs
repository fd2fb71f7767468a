//! Where elements come from.

use std::collections::BTreeMap;

use pga_collector::{Host, LogOptions, LogPosition, Options, Server, SimulatedServer};
use pga_storage::Timestamp;
use serde_json::Value;

use super::error::CollectError;
use super::options::CollectArgs;

/// Where elements come from.
#[derive(Debug)]
pub(super) enum Source {
    /// Real servers, and the machine this runs on.
    Real {
        servers: Vec<Server>,
        host: Option<Host>,
    },
    /// A server that does not exist, and the number of the next cycle.
    Simulated {
        server: SimulatedServer,
        seed: u64,
        cycle: u64,
    },
}

/// How far the log of each server was read, by the server's address.
pub(super) type LogPositions = BTreeMap<String, LogPosition>;

impl Source {
    /// What the arguments name; the logs are read on from `positions`.
    pub(super) fn new(
        args: &CollectArgs,
        mut positions: LogPositions,
    ) -> Result<Self, CollectError> {
        if args.dsn.is_empty() {
            return Ok(Self::Simulated {
                server: SimulatedServer::new(args.seed, &args.collector_id, args.hostname()),
                seed: args.seed,
                cycle: 0,
            });
        }
        let mut servers = Vec::new();
        for (number, dsn) in args.dsn.iter().enumerate() {
            let log = LogOptions {
                directory: args.log_dir.get(number).cloned(),
                keeps_values: args.log_values,
            };
            let options = Options {
                include: args.include_database.clone(),
                exclude: args.exclude_database.clone(),
                max_cadence: args.max_cadence,
                log: (!args.no_log).then_some(log),
                explains: !args.no_explain,
            };
            let mut server = Server::new(dsn, options)?;
            if let Some(position) = positions.remove(&server.address()) {
                server.resume_log(position);
            }
            servers.push(server);
        }
        Ok(Self::Real {
            servers,
            host: (!args.no_host).then(Host::default),
        })
    }

    /// The real servers; none if one is simulated.
    pub(super) fn servers(&self) -> &[Server] {
        match self {
            Self::Real { servers, .. } => servers,
            Self::Simulated { .. } => &[],
        }
    }

    /// How far the logs were read with the last cycle.
    pub(super) fn log_positions(&self) -> LogPositions {
        let servers = self.servers().iter();
        let known =
            servers.filter_map(|server| Some((server.address(), server.log_position()?.clone())));
        known.collect()
    }

    /// The names that stand in the elements, once they are known.
    pub(super) fn set_collector(&mut self, collector: &str, hostname: &str) {
        if let Self::Simulated { server, seed, .. } = self {
            *server = SimulatedServer::new(*seed, collector, hostname);
        }
    }

    /// One cycle: what is due. What cannot be read is left out, and told once.
    pub(super) async fn collect(&mut self, at: Timestamp) -> Vec<Value> {
        let (now, at) = (pga_runtime::now(), at.to_string());
        match self {
            Self::Simulated { server, cycle, .. } => {
                let mut elements = server.cycle(*cycle, &at);
                elements.push(server.activity(*cycle, &at));
                *cycle += 1;
                elements
            }
            Self::Real { servers, host } => {
                let mut elements = Vec::new();
                for server in servers {
                    elements.extend(server.collect(now, &at).await);
                }
                if let Some(host) = host {
                    elements.extend(host.collect(now, &at));
                }
                elements
            }
        }
    }
}
