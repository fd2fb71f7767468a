//! The validated configuration of a node.

mod relations;

use std::path::{Path, PathBuf};

use crate::section::{Change, Key};
use crate::sections::{
    Auth, Buffer, Cache, Cluster, Http, Limits, Log, Logging, Ml, Node, Notify, Quic, Raft,
    Replication, Sessions, Store,
};
use crate::{Error, Values, Violation};

/// Keys of earlier versions: a file that has them is still taken.
const RETIRED: [&str; 4] = [
    "quic.max-streams",
    "replication.batch-pushes",
    "replication.in-flight",
    "store.retention-interval",
];

/// All settings of a node. There is none that was not validated (CFG-1).
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each section's type says what it is")]
pub struct Config {
    pub node: Node,
    pub cluster: Cluster,
    pub quic: Quic,
    pub http: Http,
    pub raft: Raft,
    pub log: Log,
    pub buffer: Buffer,
    pub store: Store,
    pub replication: Replication,
    pub sessions: Sessions,
    pub limits: Limits,
    pub cache: Cache,
    pub auth: Auth,
    pub ml: Ml,
    pub notify: Notify,
    pub logging: Logging,
    warnings: Vec<Violation>,
}

impl TryFrom<Values> for Config {
    type Error = Error;

    fn try_from(mut values: Values) -> Result<Self, Error> {
        let config = Self::take(&mut values);
        let retired = values.take_retired(&RETIRED);
        let names: Vec<String> = Self::keys().into_iter().map(|key| key.name).collect();
        let mut violations = values.finish(&names);
        let Some(mut config) = config else {
            return Err(Error::Invalid(violations));
        };
        violations.extend(relations::violations(&config));
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        config.warnings = relations::warnings(&config);
        config.warnings.extend(retired);
        Ok(config)
    }
}

impl Config {
    /// Loads the settings: defaults, then the file, then environment variables, then flags (dotted
    /// key, text).
    ///
    /// # Errors
    /// `Missing` or `Unreadable` for the file; `Invalid` with every violation.
    pub fn load(
        file: &Path,
        environment: impl IntoIterator<Item = (String, String)>,
        flags: &[(String, String)],
    ) -> Result<Self, Error> {
        let mut values = Values::default();
        values.add_file(file)?;
        values.add_environment(environment);
        for (key, value) in flags {
            values.add_flag(key, value);
        }
        Self::try_from(values)
    }

    fn take(values: &mut Values) -> Option<Self> {
        // Each section is read before any is given up, so that all violations are found.
        let node = Node::take(values);
        let cluster = Cluster::take(values);
        let quic = Quic::take(values);
        let http = Http::take(values);
        let raft = Raft::take(values);
        let log = Log::take(values);
        let buffer = Buffer::take(values);
        let store = Store::take(values);
        let replication = Replication::take(values);
        let sessions = Sessions::take(values);
        let limits = Limits::take(values);
        let cache = Cache::take(values);
        let auth = Auth::take(values);
        let ml = Ml::take(values);
        let notify = Notify::take(values);
        let logging = Logging::take(values);
        Some(Self {
            node: node?,
            cluster: cluster?,
            quic: quic?,
            http: http?,
            raft: raft?,
            log: log?,
            buffer: buffer?,
            store: store?,
            replication: replication?,
            sessions: sessions?,
            limits: limits?,
            cache: cache?,
            auth: auth?,
            ml: ml?,
            notify: notify?,
            logging: logging?,
            warnings: Vec::new(),
        })
    }

    /// Every key there is, in the order of the reference.
    pub fn keys() -> Vec<Key> {
        [
            Node::keys(),
            Cluster::keys(),
            Quic::keys(),
            Http::keys(),
            Raft::keys(),
            Log::keys(),
            Buffer::keys(),
            Store::keys(),
            Replication::keys(),
            Sessions::keys(),
            Limits::keys(),
            Cache::keys(),
            Auth::keys(),
            Ml::keys(),
            Notify::keys(),
            Logging::keys(),
        ]
        .concat()
    }

    /// Takes those values of `newer` that may change while the node runs; tells all keys that
    /// differ, in the order of the reference.
    ///
    /// # Errors
    /// `Invalid` if what may change does not go with what may not; nothing is taken then.
    pub fn reload(&mut self, newer: &Self) -> Result<Vec<Change>, Error> {
        let mut next = self.clone();
        let changes = [
            next.node.reload(&newer.node),
            next.cluster.reload(&newer.cluster),
            next.quic.reload(&newer.quic),
            next.http.reload(&newer.http),
            next.raft.reload(&newer.raft),
            next.log.reload(&newer.log),
            next.buffer.reload(&newer.buffer),
            next.store.reload(&newer.store),
            next.replication.reload(&newer.replication),
            next.sessions.reload(&newer.sessions),
            next.limits.reload(&newer.limits),
            next.cache.reload(&newer.cache),
            next.auth.reload(&newer.auth),
            next.ml.reload(&newer.ml),
            next.notify.reload(&newer.notify),
            next.logging.reload(&newer.logging),
        ]
        .concat();
        let violations = relations::violations(&next);
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        next.warnings.clone_from(&newer.warnings);
        *self = next;
        Ok(changes)
    }

    /// What is allowed and probably not meant.
    pub fn warnings(&self) -> &[Violation] {
        &self.warnings
    }

    /// The CA's certificate.
    pub fn ca_file(&self) -> PathBuf {
        self.pki_file(self.quic.ca_file.as_ref(), "ca.pem")
    }

    /// This node's certificate.
    pub fn cert_file(&self) -> PathBuf {
        self.pki_file(self.quic.cert_file.as_ref(), "node.pem")
    }

    /// This node's private key.
    pub fn key_file(&self) -> PathBuf {
        self.pki_file(self.quic.key_file.as_ref(), "node.key")
    }

    /// The key that opens the cluster's replicated secrets.
    pub fn cluster_key_file(&self) -> PathBuf {
        self.pki_file(self.quic.cluster_key_file.as_ref(), "cluster.key")
    }

    fn pki_file(&self, given: Option<&PathBuf>, default: &str) -> PathBuf {
        given.map_or_else(
            || self.node.data_dir.join("pki").join(default),
            PathBuf::clone,
        )
    }

    /// `host:port` at which the peers reach this node.
    pub fn advertised_quic(&self) -> String {
        let given = self.quic.advertise.clone();
        given.unwrap_or_else(|| self.quic.listen.to_string())
    }

    /// URL at which clients reach this node.
    pub fn advertised_http(&self) -> String {
        let scheme = if self.has_tls() { "https" } else { "http" };
        let given = self.http.advertise.clone();
        given.unwrap_or_else(|| format!("{scheme}://{}", self.http.listen))
    }

    /// Whether HTTP is served over TLS.
    pub fn has_tls(&self) -> bool {
        self.http.tls_cert_file.is_some()
    }
}
