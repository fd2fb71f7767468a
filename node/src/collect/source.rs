//! Where elements come from.

use pga_storage::Timestamp;
use serde_json::Value;

use super::postgres::Database;
use super::{CollectArgs, CollectError, SimulatedServer};

/// Where elements come from.
#[derive(Debug)]
pub(super) enum Source {
    /// Real databases, one connection each.
    Postgres(Vec<Database>),
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
        let databases: Result<_, _> = args.dsn.iter().map(|dsn| Database::new(dsn)).collect();
        Ok(Self::Postgres(databases?))
    }

    /// The names that stand in the elements, once they are known.
    pub(super) fn set_collector(&mut self, collector: &str, hostname: &str) {
        if let Self::Simulated { server, seed, .. } = self {
            *server = SimulatedServer::new(*seed, collector, hostname);
        }
    }

    /// One cycle. Databases that cannot be read are left out; they are logged when that changes.
    pub(super) async fn collect(&mut self, at: Timestamp) -> Vec<Value> {
        match self {
            Self::Simulated { server, cycle, .. } => {
                let elements = server.cycle(*cycle, at);
                *cycle += 1;
                elements
            }
            Self::Postgres(databases) => {
                let mut elements = Vec::new();
                for database in databases {
                    elements.extend(database.collect(at).await);
                }
                elements
            }
        }
    }
}
