//! Where elements come from.

use std::collections::BTreeMap;

use pga_collector::{Host, LogPosition, Server, SimulatedServer, Sink};
use pga_storage::Timestamp;

use super::error::CollectError;
use super::options::CollectArgs;
use super::settings::Settings;
use super::watched::Watched;

/// Where elements come from.
#[derive(Debug)]
pub(super) enum Source {
    /// A real server, and the machine this runs on, if that is its host.
    Real {
        server: Box<Server>,
        host: Option<Box<Host>>,
    },
    /// A server that does not exist, and the number of the next cycle.
    Simulated {
        server: SimulatedServer,
        seed: u64,
        cycle: u64,
    },
}

/// How far the log of a server was read, by the server's address.
pub(super) type LogPositions = BTreeMap<String, LogPosition>;

impl Source {
    /// The server that is watched; its log is read on from `positions`.
    pub(super) fn new(
        args: &CollectArgs,
        watched: &Watched,
        settings: &Settings,
        mut positions: LogPositions,
    ) -> Result<Self, CollectError> {
        let Some(dsn) = &watched.dsn else {
            return Ok(Self::Simulated {
                server: SimulatedServer::new(args.seed, &watched.collector_id, args.hostname()),
                seed: args.seed,
                cycle: 0,
            });
        };
        let options = settings.options(args, watched.log_dir.as_deref());
        let mut server = Box::new(Server::new(dsn, options)?);
        if let Some(position) = positions.remove(&server.address()) {
            server.resume_log(position);
        }
        let mut source = Self::Real {
            server,
            host: watched.reads_host.then(Box::default),
        };
        source.follow(args, watched, settings);
        Ok(source)
    }

    /// Reads what a configuration says from the next cycle on.
    pub(super) fn follow(&mut self, args: &CollectArgs, watched: &Watched, settings: &Settings) {
        let Self::Real { server, host } = self else {
            return;
        };
        let options = settings.options(args, watched.log_dir.as_deref());
        if let Some(host) = host {
            host.set_options(options.clone());
        }
        server.set_options(options);
    }

    /// The real server; `None` if one is simulated.
    pub(super) fn server(&self) -> Option<&Server> {
        match self {
            Self::Real { server, .. } => Some(server),
            Self::Simulated { .. } => None,
        }
    }

    /// How far the log was read with the last cycle.
    pub(super) fn log_positions(&self) -> LogPositions {
        let server = self.server();
        let known =
            server.and_then(|server| Some((server.address(), server.log_position()?.clone())));
        known.into_iter().collect()
    }

    /// The names that stand in the elements, once they are known.
    pub(super) fn set_collector(&mut self, collector: &str, hostname: &str) {
        if let Self::Simulated { server, seed, .. } = self {
            *server = SimulatedServer::new(*seed, collector, hostname);
        }
    }

    /// One cycle: what is due. What cannot be read is left out, and told once.
    pub(super) async fn collect(&mut self, at: Timestamp, out: &mut dyn Sink) {
        let (now, at) = (pga_runtime::now(), at.to_string());
        match self {
            Self::Simulated { server, cycle, .. } => {
                let elements = server.cycle(*cycle, &at).into_iter();
                let activity = server.activity(*cycle, &at);
                elements
                    .chain([activity])
                    .for_each(|one| out.push(&one.to_string()));
                *cycle += 1;
            }
            Self::Real { server, host } => {
                server.collect(now, &at, out).await;
                let elements = host.iter_mut().flat_map(|host| host.collect(now, &at));
                elements.for_each(|one| out.push(&one.to_string()));
            }
        }
    }
}
