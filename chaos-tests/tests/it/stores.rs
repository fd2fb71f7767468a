//! The two stores a scenario runs on.

use std::ops::{Deref, DerefMut};

use pga_chaos_tests::{Cluster, ClusterOptions, Timescale};

/// A store.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Store {
    /// SQLite on each node.
    Embedded,
    /// A real TimescaleDB.
    Timescale,
}

/// A cluster and its database, which outlives it.
#[derive(Debug)]
pub(crate) struct Setup {
    cluster: Cluster,
    pub(crate) database: Option<Timescale>,
}

impl Store {
    /// A cluster on this store.
    pub(crate) async fn cluster(self, mut options: ClusterOptions) -> anyhow::Result<Setup> {
        let database = match self {
            Self::Embedded => None,
            Self::Timescale => Some(Timescale::server().await?),
        };
        options.timescale = database.as_ref().map(|database| database.url().to_owned());
        let cluster = Cluster::start(options).await?;
        Ok(Setup { cluster, database })
    }
}

impl Deref for Setup {
    type Target = Cluster;

    fn deref(&self) -> &Cluster {
        &self.cluster
    }
}

impl DerefMut for Setup {
    fn deref_mut(&mut self) -> &mut Cluster {
        &mut self.cluster
    }
}

/// Makes two tests of each scenario, a function of the store.
macro_rules! on_both_stores {
    ($($scenario:ident),+ $(,)?) => {
        mod embedded {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $scenario() -> anyhow::Result<()> {
                    super::$scenario($crate::stores::Store::Embedded).await
                }
            )+
        }
        mod timescale {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $scenario() -> anyhow::Result<()> {
                    super::$scenario($crate::stores::Store::Timescale).await
                }
            )+
        }
    };
}
pub(crate) use on_both_stores;
