//! One node, from its configuration to its ordered end.

mod open_store;
pub(crate) mod settings;
mod shutdown;

use std::fs;
use std::sync::{Arc, RwLock};

use pga_cluster::pki::Identity;
use pga_cluster::transport::{
    QuicError, QuicOptions, QuicTransport, SharedTransport, TransportMetrics,
};
use pga_cluster::{AppService, ClusterNode, ClusterOptions, Fatal};
use pga_config::{Config, Violation};
use pga_runtime::Live;
use pga_storage::{ReadStore, Store, StoreWriter};
use pga_web::WebMetrics;
use prometheus::Registry;
use ractor::Actor;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use self::shutdown::Parts;
use crate::actors::alerter::{Alerter, AlerterArgs};
use crate::actors::analyst::{Analyst, AnalystArgs};
use crate::actors::cluster_watcher::ClusterWatcher;
use crate::actors::flusher::Flusher;
use crate::actors::joiner::{Joiner, JoinerArgs};
use crate::actors::maintenance::Maintenance;
use crate::actors::sessions::{SessionTable, Sessions, SessionsArgs, SessionsHandle};
use crate::actors::web::{Web, WebArgs};
use crate::admin::{self, AdminServer};
use crate::api::{NodeApiImpl, QueryCache, SharedAnswers};
use crate::cluster_replica::ClusterReplica;
use crate::context::Context;
use crate::data_dir::{DataDir, file_error};
use crate::faults::Faults;
use crate::join_service::JoinService;
use crate::key_rotation;
use crate::keyring::Keyring;
use crate::metrics::Metrics;
use crate::ml_service::MlService;
use crate::node_certificate::NodeCertificate;
use crate::reload::{ConfigSource, Reloader};
use crate::replica::Replica;
use crate::replicator::Replicator;
use crate::secrets::{Secrets, pki};
use crate::supervision::{ChildSpec, NodeRoot, RootArgs};
use crate::tasks::{self, TaskKind};
use crate::{Error, Result, bootstrap, failed_attempts, https_files, https_renewal, superseding};

/// Runs a node until `stop` resolves or something fatal happens. What of `source` may change is
/// read again at SIGHUP.
///
/// # Errors
/// [`Error`], with the exit code of each case.
pub async fn serve(
    config: Config,
    source: ConfigSource,
    stop: impl Future<Output = ()> + Send,
) -> Result<()> {
    let config = Arc::new(config);
    let data = DataDir::open(&config.node.data_dir)?;
    let reloader = Arc::new(Reloader::new(source, &config));
    reloader.at_hangup();
    let mut node = Running::start(&config, &data, &reloader).await?;
    tracing::info!(
        node_id = %config.node.id,
        http = %config.http.listen,
        quic = %config.quic.listen,
        "node started"
    );
    let end = node.watch(stop).await;
    node.bootstrapping.abort();
    node.keepers.iter().for_each(JoinHandle::abort);
    shutdown::run(node.parts, &config, end.is_ok()).await;
    drop(data);
    end
}

/// Starts what looks after the node's certificates, the cluster key, and collectors that are gone.
fn keepers(
    config: &Config,
    secrets: &Secrets,
    cluster: &ClusterNode,
    (transport, identity): (&Arc<QuicTransport>, Identity),
    registry: &Registry,
) -> Result<Vec<JoinHandle<()>>> {
    let certificate = NodeCertificate::new(config, secrets, cluster, identity);
    let certificate = certificate.watch(Arc::clone(transport), registry)?;
    let key = key_rotation::watch(Arc::clone(&secrets.key), cluster.clone());
    let superseding = superseding::watch(cluster.clone());
    let https = https_renewal::watch(config, secrets, cluster);
    let all = [certificate, key, superseding].into_iter();
    Ok(all.chain(https).collect())
}

/// A node that runs.
struct Running {
    parts: Parts,
    /// Becomes `Some` when an actor failed too often.
    given_up: watch::Receiver<Option<String>>,
    bootstrapping: JoinHandle<Result<()>>,
    /// See [`keepers`].
    keepers: Vec<JoinHandle<()>>,
}

impl Running {
    /// Starts everything, the cluster's part first.
    async fn start(config: &Arc<Config>, data: &DataDir, reloader: &Arc<Reloader>) -> Result<Self> {
        let secrets = secrets(config)?;
        data.claim(config.node.id, secrets.cluster)?;
        let listener = listen(config)?;
        let registry = Registry::new();
        let collectors = settings::collector_certificates(config, &secrets)?;
        let tls = https_files::watch(config, collectors.clone(), &registry)?;
        let options = settings::web(config, tls, collectors, reloader.limits());
        let metrics = Metrics::register(&registry).map_err(internal)?;
        let names = pga_web::routes().map(|route| route.name);
        let web_metrics = WebMetrics::register(&registry, names).map_err(internal)?;
        let store = open_store::open(config, data, &secrets).await?;
        let failures = &options.failures;
        let desk = JoinService::new(secrets.clone(), config, failures);
        let (cluster, transport, identity) =
            start_cluster(config, data, desk, &store, &registry).await?;
        let own = (&transport, identity);
        let mut keepers = keepers(config, &secrets, &cluster, own, &registry)?;
        keepers.push(failed_attempts::watch(failures, &cluster));
        let writer = Arc::clone(&store);
        let context = context(config, reloader.config(), &cluster, writer, metrics.clone());
        let table = Arc::new(SessionTable::default());
        let (stop_web, stopping) = watch::channel(false);
        let (drained, is_drained) = watch::channel(false);
        let web = WebArgs {
            listener: Arc::new(listener),
            api: Arc::new(front(&context, &cluster, &table, &secrets, store)?),
            options,
            metrics: web_metrics,
            registry,
            stop: stopping,
            drained: Arc::new(drained),
            faults: context.faults.clone(),
        };
        let (given_up, is_given_up) = watch::channel(None);
        let args = RootArgs {
            children: children(&context, &cluster, &secrets, table, web),
            metrics,
            given_up,
        };
        let (root, _) = Actor::spawn(None, NodeRoot, args).await.map_err(internal)?;
        admin::serve(
            &data.admin_socket(),
            door(&context, &cluster, &secrets, reloader),
        )?;
        let bootstrapping = bootstrapping(&cluster, config, secrets);
        Ok(Self {
            parts: Parts {
                cluster,
                transport,
                root,
                stop_web,
                is_drained,
            },
            given_up: is_given_up,
            bootstrapping,
            keepers,
        })
    }

    /// Waits for the end: asked for, or an error.
    async fn watch(&mut self, stop: impl Future<Output = ()> + Send) -> Result<()> {
        let mut fatal = self.parts.cluster.fatal();
        tokio::pin!(stop);
        let mut is_bootstrapping = true;
        loop {
            tokio::select! {
                () = &mut stop => return Ok(()),
                why = fatal.wait_for(Option::is_some) => {
                    let why = why.ok().and_then(|why| why.clone());
                    let why = why.unwrap_or_else(|| Fatal::Stopped("consensus ended".into()));
                    return Err(Error::Ended(why));
                }
                why = self.given_up.wait_for(Option::is_some) => {
                    let why = why.ok().and_then(|why| why.clone());
                    return Err(Error::Internal(why.unwrap_or_default()));
                }
                done = &mut self.bootstrapping, if is_bootstrapping => match done {
                    Ok(Ok(())) => is_bootstrapping = false,
                    Ok(Err(error)) => return Err(error),
                    Err(error) => return Err(internal(error)),
                },
            }
        }
    }
}

fn bootstrapping(
    cluster: &ClusterNode,
    config: &Arc<Config>,
    secrets: Secrets,
) -> JoinHandle<Result<()>> {
    let (cluster, config) = (cluster.clone(), Arc::clone(config));
    let run = async move { bootstrap::run(cluster, &config, &secrets).await };
    tasks::spawn(TaskKind::Effect, run)
}

/// What the local operator asks.
fn door(
    context: &Context,
    cluster: &ClusterNode,
    secrets: &Secrets,
    reloader: &Arc<Reloader>,
) -> AdminServer {
    AdminServer {
        cluster: cluster.clone(),
        secrets: secrets.clone(),
        faults: context.faults.clone(),
        store: Arc::clone(&context.store),
        backups: Arc::new(Semaphore::new(1)),
        reloader: Arc::clone(reloader),
    }
}

fn context(
    config: &Arc<Config>,
    live: Live<Config>,
    cluster: &ClusterNode,
    store: Arc<dyn StoreWriter>,
    metrics: Metrics,
) -> Arc<Context> {
    let replica: Arc<dyn Replica> = Arc::new(ClusterReplica(cluster.clone()));
    Arc::new(Context {
        node: config.node.id,
        replicator: Arc::new(Replicator::new(
            Arc::clone(&replica),
            config,
            metrics.clone(),
        )),
        replica,
        store,
        metrics,
        faults: Faults::default(),
        config: Arc::clone(config),
        live,
    })
}

fn front(
    context: &Context,
    cluster: &ClusterNode,
    table: &Arc<SessionTable>,
    secrets: &Secrets,
    store: Arc<dyn ReadStore>,
) -> Result<NodeApiImpl> {
    let timeout = context.config.replication.timeout;
    Ok(NodeApiImpl {
        cluster: cluster.clone(),
        replica: Arc::clone(&context.replica),
        store,
        cache: QueryCache::new(
            context.config.cache.max_size.bytes(),
            shared_answers(context, secrets)?,
            context.metrics.clone(),
        ),
        written: Arc::clone(&context.store),
        replicator: Arc::clone(&context.replicator),
        sessions: SessionsHandle::new(Arc::clone(table), timeout),
        secrets: secrets.clone(),
        config: Arc::clone(&context.config),
        live: context.live.clone(),
        token_keys: RwLock::default(),
        ml: MlService::new(&context.config.ml.url),
    })
}

/// The cache that nodes share, where there is one.
fn shared_answers(context: &Context, secrets: &Secrets) -> Result<Option<Arc<SharedAnswers>>> {
    let url = context.config.cache.redis_url.as_ref();
    let shared = url.map(|url| SharedAnswers::new(url, secrets, context.metrics.clone()));
    let invalid = |problem| {
        let violation = Violation {
            key: "cache.redis-url".to_owned(),
            value: None,
            problem,
            fix: "write redis://user:password@host:6379/0, or rediss:// for TLS".to_owned(),
        };
        Error::Config(pga_config::Error::Invalid(vec![violation]))
    };
    shared.transpose().map_err(invalid)
}

fn internal(error: impl std::error::Error) -> Error {
    Error::Internal(pga_runtime::error_chain(&error))
}

fn secrets(config: &Config) -> Result<Secrets> {
    let file = config.ca_file();
    let authority = CertificateDer::from_pem_file(&file)
        .map_err(|error| Error::Pki(format!("cannot read {}: {error}", file.display())))?;
    let id_file = file.with_file_name("cluster.id");
    let id = fs::read_to_string(&id_file).map_err(|error| file_error("read", &id_file, error))?;
    Ok(Secrets {
        cluster: id
            .trim()
            .parse()
            .map_err(|_| Error::Pki(format!("{} holds no cluster id", id_file.display())))?,
        authority,
        key: Arc::new(Keyring::read(&config.cluster_key_file()).map_err(pki)?),
    })
}

fn listen(config: &Config) -> Result<std::net::TcpListener> {
    let address = config.http.listen;
    let listen = || {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    listen().map_err(|source| Error::Listen {
        address: address.to_string(),
        source,
    })
}

async fn start_cluster(
    config: &Config,
    data: &DataDir,
    desk: JoinService,
    store: &Arc<dyn Store>,
    registry: &Registry,
) -> Result<(ClusterNode, Arc<QuicTransport>, Identity)> {
    let desk = Arc::new(desk);
    let secrets = desk.secrets();
    let options = ClusterOptions {
        node: config.node.id,
        cluster: secrets.cluster,
        members: settings::members(config),
        dir: data.raft(),
        timings: settings::timings(config),
        buffer: settings::buffer(config),
        batching: settings::batching(config),
        snapshots: settings::snapshots(config),
        limits: pga_cluster::StateLimits::default(),
        own_store: (!store.is_shared()).then(|| Arc::clone(store) as Arc<dyn StoreWriter>),
        flushed: open_store::watermark(store.as_ref()).await,
        app: Some(Arc::clone(&desk) as Arc<dyn AppService>),
        feature_level: pga_cluster::FeatureLevel::CURRENT,
        registry: registry.clone(),
    };
    let identity = bootstrap::identity(config)?;
    let quic = QuicOptions {
        cluster: secrets.cluster,
        node: config.node.id,
        listen: config.quic.listen,
        identity: identity.clone(),
        trusted: vec![secrets.authority.clone()],
        spool: data.raft().join("arriving"),
        limits: settings::quic(config),
        metrics: TransportMetrics::register(registry).map_err(internal)?,
    };
    let mut port = Err(Error::Internal("the peer port was not opened".to_owned()));
    let connect = |service| match QuicTransport::bind(quic, service) {
        Ok(transport) => {
            port = Ok(Arc::clone(&transport));
            Ok(transport as SharedTransport)
        }
        Err(error) => {
            let why = pga_runtime::error_chain(&error);
            port = Err(port_error(config, error));
            Err(pga_cluster::Error::Fatal(why))
        }
    };
    let started = ClusterNode::start(options, connect).await;
    // A port that cannot be opened has its own exit code.
    let transport = port?;
    let cluster = started?;
    desk.open(cluster.clone());
    Ok((cluster, transport, identity))
}

fn port_error(config: &Config, error: QuicError) -> Error {
    match error {
        QuicError::Socket(source) => Error::Listen {
            address: format!("{} (UDP)", config.quic.listen),
            source,
        },
        QuicError::Spool { path, source } => file_error("use", &path, source),
        error => Error::Pki(pga_runtime::error_chain(&error)),
    }
}

/// The root's children, in the order of their start.
fn children(
    context: &Arc<Context>,
    cluster: &ClusterNode,
    secrets: &Secrets,
    table: Arc<SessionTable>,
    web: WebArgs,
) -> Vec<ChildSpec> {
    let alerter = AlerterArgs {
        context: Arc::clone(context),
        cluster: cluster.clone(),
        secrets: secrets.clone(),
    };
    let analyst = AnalystArgs {
        context: Arc::clone(context),
        api: Arc::clone(&web.api),
        jobs: web.metrics.jobs(),
    };
    let joiner = JoinerArgs {
        context: Arc::clone(context),
        cluster: cluster.clone(),
    };
    let sessions = {
        let context = Arc::clone(context);
        move || SessionsArgs {
            context: Arc::clone(&context),
            table: Arc::clone(&table),
        }
    };
    let shared = |context: &Arc<Context>| {
        let context = Arc::clone(context);
        move || Arc::clone(&context)
    };
    vec![
        child("cluster_watcher", || ClusterWatcher, shared(context)),
        child("joiner", || Joiner, move || joiner.clone()),
        child("sessions", || Sessions, sessions),
        child("flusher", || Flusher, shared(context)),
        child("alerter", || Alerter, move || alerter.clone()),
        child("analyst", || Analyst, move || analyst.clone()),
        child("maintenance", || Maintenance, shared(context)),
        child("web", || Web, move || web.clone()),
    ]
}

fn child<A, N, G>(name: &'static str, new: N, args: G) -> ChildSpec
where
    A: Actor,
    N: Fn() -> A + Send + Sync + 'static,
    G: Fn() -> A::Arguments + Send + Sync + 'static,
{
    ChildSpec {
        name,
        start: Box::new(move |supervisor| {
            let (actor, args) = (new(), args());
            Box::pin(async move {
                let (actor, _) = Actor::spawn_linked(None, actor, args, supervisor).await?;
                Ok(actor.get_cell())
            })
        }),
    }
}
