//! Where elements come from.

use pga_collector::{Host, Options, Server};
use pga_storage::Timestamp;
use serde_json::Value;
use tokio::time::Instant;

use super::{CollectArgs, CollectError, SimulatedServer};

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

impl Source {
    pub(super) fn new(args: &CollectArgs) -> Result<Self, CollectError> {
        if args.dsn.is_empty() {
            return Ok(Self::Simulated {
                server: SimulatedServer::new(args.seed, &args.collector_id, args.hostname()),
                seed: args.seed,
                cycle: 0,
            });
        }
        let options = Options {
            include: args.include_database.clone(),
            exclude: args.exclude_database.clone(),
            max_cadence: args.max_cadence,
        };
        let servers = args.dsn.iter().map(|dsn| Server::new(dsn, options.clone()));
        Ok(Self::Real {
            servers: servers.collect::<Result<_, _>>()?,
            host: (!args.no_host).then(Host::default),
        })
    }

    /// The names that stand in the elements, once they are known.
    pub(super) fn set_collector(&mut self, collector: &str, hostname: &str) {
        if let Self::Simulated { server, seed, .. } = self {
            *server = SimulatedServer::new(*seed, collector, hostname);
        }
    }

    /// One cycle: what is due. What cannot be read is left out, and told once.
    pub(super) async fn collect(&mut self, at: Timestamp) -> Vec<Value> {
        match self {
            Self::Simulated { server, cycle, .. } => {
                let mut elements = server.cycle(*cycle, at);
                elements.push(server.activity(*cycle, at));
                *cycle += 1;
                elements
            }
            Self::Real { servers, host } => {
                let (now, at) = (Instant::now(), at.to_string());
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
