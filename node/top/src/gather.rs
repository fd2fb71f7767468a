//! One round of questions to the cluster.

use pga_client::{ReadError, Reader};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::figures::{self, Figures, Server};
use crate::model::{Snapshot, Wish};

/// Servers whose figures one round asks for; the others have their turn in the next ones.
const SERVERS_A_ROUND: usize = 8;
/// Statements that are listed.
const STATEMENTS: usize = 50;
/// How old figures may be to be shown, in seconds; their ages are shown with them.
const LOOK_BACK: f64 = 900.0;
/// Types of elements that have figures, with what our collector or a stock one sends.
const TYPES: [&str; 4] = [
    "pg_activity_sample",
    "pg_sender",
    "pg_replication",
    "pg_database",
];

/// Asks, and remembers whose turn it is.
#[derive(Debug)]
pub(crate) struct Gatherer {
    pub(crate) reader: Reader,
    turn: usize,
}

impl Gatherer {
    pub(crate) fn new(reader: Reader) -> Self {
        Self { reader, turn: 0 }
    }

    /// One round, which renews what is `known`. What the nodes cannot tell now, such as the figures
    /// of servers while the database is away, stays as it was, and the snapshot says why. Dropped
    /// half way, it costs the connection and nothing else.
    ///
    /// # Errors
    /// If no node tells the status of the cluster.
    pub(crate) async fn round(
        &mut self,
        wish: &Wish,
        now: f64,
        known: Snapshot,
    ) -> Result<Snapshot, ReadError> {
        let status = self.reader.get("/api/v1/cluster/status").await?;
        let cluster = figures::cluster(&status.body);
        for node in &cluster.nodes {
            if let Ok(endpoint) = node.http.parse() {
                self.reader.learn(endpoint);
            }
        }
        let node = self.reader.node().map(ToString::to_string);
        let mut snapshot = Snapshot {
            node: node.unwrap_or_default(),
            node_age: status.age_seconds,
            cluster,
            fault: None,
            ..known
        };
        match self.servers(&mut snapshot, wish, now).await {
            Err(error @ ReadError::Denied { .. }) => Err(error),
            Err(error) => {
                snapshot.fault = Some(pga_runtime::error_chain(&error));
                Ok(snapshot)
            }
            Ok(()) => Ok(snapshot),
        }
    }

    /// Renews what is known of servers.
    async fn servers(
        &mut self,
        snapshot: &mut Snapshot,
        wish: &Wish,
        now: f64,
    ) -> Result<(), ReadError> {
        let alerts = "/api/v1/alerts?state=firing&page_size=100";
        snapshot.alerts = figures::alerts(&self.reader.get(alerts).await?.body);
        let servers = self.reader.get("/api/v1/servers?page_size=100").await?.body;
        snapshot.servers = figures::servers(&servers);
        snapshot.servers_total = servers["total"].as_f64().unwrap_or_default();
        for server in self.whose_turn(&snapshot.servers, wish) {
            let figures = self.figures(&server, now).await?;
            snapshot.figures.insert(server.id, figures);
        }
        let mut all = snapshot.servers.iter();
        if let Some(server) = all.find(|server| Some(server.id) == wish.server) {
            snapshot.statements = self.statements(&server.collector, wish, now).await?;
        }
        Ok(())
    }

    /// The server that is looked at, and the next few of the others.
    fn whose_turn(&mut self, servers: &[Server], wish: &Wish) -> Vec<Server> {
        let looked_at = servers
            .iter()
            .filter(|server| Some(server.id) == wish.server);
        let begin = self.turn % servers.len().max(1);
        let others = servers.iter().cycle().skip(begin).take(servers.len());
        let others = others.filter(|server| Some(server.id) != wish.server);
        self.turn = begin + SERVERS_A_ROUND;
        let turn = looked_at.chain(others).take(SERVERS_A_ROUND);
        turn.cloned().collect()
    }

    async fn figures(&mut self, server: &Server, now: f64) -> Result<Figures, ReadError> {
        let mut figures = Figures::default();
        let collector = format!("/api/v1/collectors/{}", server.collector);
        let databases = format!("{collector}/databases?limit=100&{}", from(now, LOOK_BACK));
        if let Some(answer) = self.known(&databases).await? {
            figures.add_databases(&answer);
        }
        for kind in TYPES {
            let window = from(now, LOOK_BACK);
            let path = format!("{collector}/metrics?type={kind}&order=desc&limit=1&{window}");
            let answer = self.known(&path).await?.unwrap_or_default();
            if let Some(element) = answer["data"].get(0) {
                figures.add_element(element);
            }
        }
        Ok(figures)
    }

    async fn statements(
        &mut self,
        collector: &str,
        wish: &Wish,
        now: f64,
    ) -> Result<Vec<figures::Statement>, ReadError> {
        let window = from(now, wish.window_seconds);
        let order = wish.order;
        let path = format!(
            "/api/v1/collectors/{collector}/queries/slow?order={order}&limit={STATEMENTS}&{window}"
        );
        let answer = self.known(&path).await?.unwrap_or_default();
        Ok(figures::statements(&answer, wish.window_seconds))
    }

    /// An answer; nothing if the node knows nothing of that collector yet.
    async fn known(&mut self, path: &str) -> Result<Option<Value>, ReadError> {
        match self.reader.get(path).await {
            Ok(reading) => Ok(Some(reading.body)),
            Err(ReadError::Answer { status: 404, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The window that ends now, as parameters of a route.
fn from(now: f64, seconds: f64) -> String {
    let time = |at: f64| {
        let at = time::Duration::seconds_f64(at);
        let at = OffsetDateTime::UNIX_EPOCH.checked_add(at);
        at.and_then(|at| at.format(&Rfc3339).ok())
            .unwrap_or_default()
    };
    format!("from={}&to={}", time(now - seconds), time(now))
}
