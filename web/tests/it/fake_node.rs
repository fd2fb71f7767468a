//! A node that remembers pushes and answers as it is told.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, SaltString};
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use pga_cluster::pki::ClusterKey;
use pga_cluster::{
    Channel, CollectorCertificateCommand, CollectorCommand, Command, ConfigText, ControlCommand,
    FeatureLevel, NewUser, PeopleCommand, ProposalId, Reply, State, StateLimits,
};
use pga_config::CollectorId;
use pga_insight::prediction::Answer;
use pga_storage::store::{Day, TableUse};
use pga_storage::{Position, ReadStore, Timestamp};
use pga_web::{
    AdmissionPermit, ApiError, ChannelTest, Channels, Configurations, ControlPlane, Credentials,
    Health, Ingest, Operations, Predictor, Push, PushAck, PushNote, ReadScope, Reads, Registered,
    Registration, TokenKey, TokenKeys,
};
use serde_json::Value;

use crate::fake_store::FakeStore;

pub(crate) const SECRET: &str = "registration-secret";
pub(crate) const PASSWORD: &str = "correct horse";
pub(crate) const CLUSTER: &str = "cluster-a";
pub(crate) const KEY: &[u8; 32] = b"0123456789abcdef0123456789abcdef";

#[derive(Debug)]
pub(crate) struct FakeNode {
    /// The control state, and how many commands it has applied.
    pub(crate) state: Mutex<(State, u64)>,
    pub(crate) pushes: Mutex<Vec<Push>>,
    pub(crate) notes: Mutex<Vec<PushNote>>,
    pub(crate) store: Arc<FakeStore>,
    pub(crate) revoked: Mutex<HashSet<CollectorId>>,
    pub(crate) push_error: Mutex<Option<ApiError>>,
    /// Why no push is taken on.
    pub(crate) full: Mutex<Option<ApiError>>,
    /// A push is answered only while nobody holds this.
    pub(crate) quorum: tokio::sync::Mutex<()>,
    pub(crate) push_panics: AtomicBool,
    /// Whether nobody can tell what is committed.
    pub(crate) no_quorum: AtomicBool,
    pub(crate) store_down: AtomicBool,
    pub(crate) view_age: Mutex<Option<Duration>>,
}

impl Default for FakeNode {
    /// With the users admin, ann (user), vic (viewer), and sleeper, who may not log in.
    fn default() -> Self {
        let node = Self {
            state: Mutex::new((State::new(StateLimits::default()), 0)),
            pushes: Mutex::default(),
            notes: Mutex::default(),
            store: Arc::default(),
            revoked: Mutex::default(),
            push_error: Mutex::default(),
            full: Mutex::default(),
            quorum: tokio::sync::Mutex::default(),
            push_panics: AtomicBool::default(),
            no_quorum: AtomicBool::default(),
            store_down: AtomicBool::default(),
            view_age: Mutex::new(Some(Duration::ZERO)),
        };
        node.begin();
        node
    }
}

impl FakeNode {
    /// A collector gets a certificate.
    fn issued(&self, change: CollectorCommand) -> Reply {
        let issued = CollectorCertificateCommand::Issued {
            change,
            expires_at: Timestamp::from_micros(9_000_000),
        };
        self.apply(&Command::Control(ControlCommand::CollectorCertificate(
            issued,
        )))
    }

    fn begin(&self) {
        self.apply(&Command::RaiseLevel {
            level: FeatureLevel::CURRENT,
            since: "3.0.0".into(),
        });
        for (name, role) in [
            ("admin", "admin"),
            ("ann", "user"),
            ("vic", "viewer"),
            ("sleeper", "user"),
        ] {
            let user = NewUser {
                username: name.into(),
                email: format!("{name}@example.test"),
                role: role.into(),
                password_hash: HASH.clone(),
            };
            let at = Timestamp::from_micros(1);
            self.apply(&Command::Control(ControlCommand::AddUser { user, at }));
        }
        self.apply(&Command::Control(ControlCommand::People(
            PeopleCommand::Update {
                user_id: 4,
                email: None,
                full_name: None,
                role: None,
                is_active: Some(false),
                at: Timestamp::from_micros(2),
            },
        )));
    }

    /// Makes a collector known, by the id that it writes.
    pub(crate) fn know(&self, external_id: &str) {
        let register = CollectorCommand::Register {
            collector: CollectorId::from_external(external_id),
            hostname: external_id.to_owned(),
            version: None,
            registration: pga_cluster::Registration {
                name: external_id.to_owned(),
                address: None,
                certificate_sha256: [7; 32],
                at: Timestamp::from_micros(1_000_000),
            },
            secret: None,
        };
        self.apply(&Command::Control(ControlCommand::Collector(register)));
    }

    pub(crate) fn apply(&self, command: &Command) -> Reply {
        let mut state = self.state.lock().unwrap();
        state.1 += 1;
        let (position, id) = (Position::new(1, state.1), ProposalId(state.1.into()));
        state.0.apply(position, id, command).reply
    }

    fn hash() -> String {
        let salt = SaltString::encode_b64(b"0123456789").unwrap();
        Argon2::default()
            .hash_password(PASSWORD.as_bytes(), &salt)
            .unwrap()
            .to_string()
    }
}

static HASH: LazyLock<String> = LazyLock::new(FakeNode::hash);

impl ControlPlane for FakeNode {
    fn linearize(&self) -> BoxFuture<'_, Result<(), ApiError>> {
        let refused = self.no_quorum.load(Ordering::Relaxed);
        async move {
            match refused {
                true => Err(ApiError::Unavailable {
                    reason: "no_quorum",
                    retry_after: Duration::from_secs(1),
                }),
                false => Ok(()),
            }
        }
        .boxed()
    }

    fn decide(&self, command: ControlCommand) -> BoxFuture<'_, Result<(), ApiError>> {
        let reply = self.apply(&Command::Control(command));
        async move {
            match reply {
                Reply::Refused(refusal) => Err(ApiError::Refused(refusal)),
                _ => Ok(()),
            }
        }
        .boxed()
    }

    fn look(&self, look: &mut dyn FnMut(&State)) {
        look(&self.state.lock().unwrap().0);
    }
}

fn position() -> Position {
    Position::new(3, 17)
}

fn not_ahead(min_position: Option<Position>) -> Result<(), ApiError> {
    match min_position.filter(|wanted| wanted.index > position().index) {
        None => Ok(()),
        Some(wanted) => Err(ApiError::PositionAhead {
            wanted,
            committed: position(),
        }),
    }
}

impl Configurations for FakeNode {
    fn seal_config(&self, toml: &str) -> Result<ConfigText, ApiError> {
        let key = ClusterKey::from_bytes([7; 32]);
        ConfigText::sealed(&key, toml).map_err(|_| ApiError::Internal)
    }

    fn open_config(&self, text: &ConfigText) -> Result<String, ApiError> {
        let key = ClusterKey::from_bytes([7; 32]);
        let opened = text.open(|context, sealed| key.open(context, sealed));
        opened.map_err(|_| ApiError::Internal)
    }
}

impl Channels for FakeNode {
    fn seal_channel(&self, settings: &[u8]) -> Result<Vec<u8>, ApiError> {
        Ok(settings.iter().rev().copied().collect())
    }

    fn test_channel(&self, channel: Channel) -> BoxFuture<'_, Result<ChannelTest, ApiError>> {
        let outcome = Ok(format!("200 {}", channel.target));
        let latency = Duration::from_millis(7);
        async move { Ok(ChannelTest { outcome, latency }) }.boxed()
    }
}

impl Predictor for FakeNode {
    fn predictor(&self) -> Option<&'static str> {
        None
    }

    fn predict(&self, _body: Value) -> BoxFuture<'_, Result<Answer, String>> {
        async { Err("there is none".to_owned()) }.boxed()
    }

    fn is_predictor_healthy(&self) -> BoxFuture<'_, bool> {
        async { false }.boxed()
    }
}

impl Ingest for FakeNode {
    fn note(&self, note: PushNote) {
        self.notes.lock().unwrap().push(note);
    }

    fn admits_pushes(&self) -> Result<(), ApiError> {
        self.full.lock().unwrap().clone().map_or(Ok(()), Err)
    }

    fn push(
        &self,
        push: Push,
        permit: AdmissionPermit,
    ) -> BoxFuture<'_, Result<PushAck, ApiError>> {
        async move {
            let _permit = permit;
            assert!(!self.push_panics.load(Ordering::Relaxed), "told to panic");
            drop(self.quorum.lock().await);
            if let Some(error) = self.push_error.lock().unwrap().clone() {
                return Err(error);
            }
            let accepted = push.elements.len() as u64;
            self.pushes.lock().unwrap().push(push);
            Ok(PushAck {
                position: position(),
                accepted,
                repeated: 0,
            })
        }
        .boxed()
    }
}

impl Reads for FakeNode {
    fn store_at(
        &self,
        scope: ReadScope,
    ) -> BoxFuture<'_, Result<(Arc<dyn ReadStore>, Position), ApiError>> {
        let store: Arc<dyn ReadStore> = Arc::clone(&self.store) as Arc<dyn ReadStore>;
        async move {
            not_ahead(scope.min_position)?;
            Ok((store, position()))
        }
        .boxed()
    }

    fn cache(&self) -> BoxFuture<'_, Option<pga_web::CacheFigures>> {
        async { None }.boxed()
    }

    fn view_age(&self) -> Option<Duration> {
        *self.view_age.lock().unwrap()
    }
}

impl Operations for FakeNode {
    fn cluster_status(&self) -> BoxFuture<'_, Result<Bytes, ApiError>> {
        async { Ok(Bytes::from_static(b"{\"nodes\":[]}")) }.boxed()
    }

    fn disk_use(&self) -> BoxFuture<'_, Result<Vec<TableUse>, ApiError>> {
        let day = Day::of(Timestamp::from_micros(1_764_460_800_000_000));
        let table = TableUse {
            table: "elements".to_owned(),
            kind: Some("pg_log".to_owned()),
            bytes: 4_096,
            days: [(day, 4_096)].into(),
        };
        async move { Ok(vec![table]) }.boxed()
    }

    fn health(&self) -> BoxFuture<'_, Health> {
        let store_ok = !self.store_down.load(Ordering::Relaxed);
        async move {
            Health {
                ready: true,
                reason: String::new(),
                store_ok,
            }
        }
        .boxed()
    }
}

impl Credentials for FakeNode {
    fn token_keys(&self) -> Option<Arc<TokenKeys>> {
        let state = self.state.lock().unwrap();
        let later = state.0.token_keys().iter().map(|(id, key)| TokenKey {
            id: *id,
            key: key.sealed.to_vec(),
            at: key.at,
        });
        Some(Arc::new(TokenKeys::new(
            CLUSTER.to_owned(),
            KEY.to_vec(),
            later.collect(),
        )))
    }

    fn seal_token_key(&self, key: &[u8]) -> Result<Vec<u8>, ApiError> {
        Ok(key.to_vec())
    }

    fn register(&self, registration: Registration) -> BoxFuture<'_, Result<Registered, ApiError>> {
        async move {
            if registration.secret.as_deref() != Some(SECRET) {
                return Err(ApiError::Unauthorized("registration secret"));
            }
            let collector = CollectorId::from_external(&registration.name);
            let register = CollectorCommand::Register {
                collector,
                hostname: registration.hostname,
                version: registration.version,
                registration: pga_cluster::Registration {
                    name: registration.name,
                    address: registration.address,
                    certificate_sha256: [7; 32],
                    at: Timestamp::from_micros(1_000_000),
                },
                secret: None,
            };
            self.issued(register);
            Ok(Registered {
                collector,
                certificate: "CERT".into(),
                private_key: "KEY".into(),
                not_after: Timestamp::from_micros(9_000_000),
            })
        }
        .boxed()
    }

    fn renew_certificate(
        &self,
        collector: CollectorId,
    ) -> BoxFuture<'_, Result<Registered, ApiError>> {
        async move {
            let renew = CollectorCommand::RenewCertificate {
                collector,
                certificate_sha256: [8; 32],
                at: Timestamp::from_micros(2_000_000),
            };
            match self.issued(renew) {
                Reply::Refused(_) => Err(ApiError::NotFound("registration")),
                _ => Ok(Registered {
                    collector,
                    certificate: "CERT 2".into(),
                    private_key: "KEY 2".into(),
                    not_after: Timestamp::from_micros(9_000_000),
                }),
            }
        }
        .boxed()
    }

    fn knows_collector(&self, collector: CollectorId) -> bool {
        !self.revoked.lock().unwrap().contains(&collector)
    }
}
