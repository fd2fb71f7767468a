//! A node that remembers pushes and answers as it is told.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, SaltString};
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use pga_config::CollectorId;
use pga_storage::Position;
use pga_storage::store::{CollectorQuery, ElementPage, ElementQuery, QueryStats, StatsQuery};
use pga_web::{
    ApiError, Health, NodeApi, Push, PushAck, Registered, Registration, User, UserSecret,
};

pub(crate) const SECRET: &str = "registration-secret";
pub(crate) const PASSWORD: &str = "correct horse";
pub(crate) const KEY: &[u8; 32] = b"0123456789abcdef0123456789abcdef";

#[derive(Debug, Default)]
pub(crate) struct FakeNode {
    pub(crate) pushes: Mutex<Vec<Push>>,
    pub(crate) queries: Mutex<Vec<ElementQuery>>,
    pub(crate) revoked: Mutex<HashSet<CollectorId>>,
    pub(crate) push_error: Mutex<Option<ApiError>>,
    /// Why no push is taken on.
    pub(crate) full: Mutex<Option<ApiError>>,
    /// A push is answered only while nobody holds this.
    pub(crate) quorum: tokio::sync::Mutex<()>,
    pub(crate) push_panics: AtomicBool,
    pub(crate) store_down: AtomicBool,
    pub(crate) view_age: Mutex<Option<Duration>>,
}

impl FakeNode {
    fn hash() -> String {
        let salt = SaltString::encode_b64(b"0123456789").unwrap();
        Argon2::default()
            .hash_password(PASSWORD.as_bytes(), &salt)
            .unwrap()
            .to_string()
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

impl NodeApi for FakeNode {
    fn admits_pushes(&self) -> Result<(), ApiError> {
        self.full.lock().unwrap().clone().map_or(Ok(()), Err)
    }

    fn push(&self, push: Push) -> BoxFuture<'_, Result<PushAck, ApiError>> {
        async move {
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

    fn elements(
        &self,
        query: ElementQuery,
        min_position: Option<Position>,
    ) -> BoxFuture<'_, Result<(ElementPage, Position), ApiError>> {
        async move {
            if min_position.is_some_and(|min| min.index > position().index) {
                return Err(ApiError::Unavailable {
                    reason: "min_position",
                    retry_after: Duration::from_millis(1_500),
                });
            }
            self.queries.lock().unwrap().push(query);
            let data = vec!["{\"a\":1}".into(), "{\"b\":2}".into()];
            Ok((
                ElementPage {
                    data,
                    next_cursor: Some("a\"b".into()),
                },
                position(),
            ))
        }
        .boxed()
    }

    fn top_queries(
        &self,
        _query: CollectorQuery,
        min_position: Option<Position>,
    ) -> BoxFuture<'_, Result<(Vec<QueryStats>, Position), ApiError>> {
        async move {
            not_ahead(min_position)?;
            Ok((
                vec![QueryStats {
                    query_hash: -5,
                    ..QueryStats::default()
                }],
                position(),
            ))
        }
        .boxed()
    }

    fn timeline(
        &self,
        _query: StatsQuery,
        min_position: Option<Position>,
    ) -> BoxFuture<'_, Result<(Vec<QueryStats>, Position), ApiError>> {
        async move {
            not_ahead(min_position)?;
            Ok((vec![], position()))
        }
        .boxed()
    }

    fn cluster_status(&self) -> BoxFuture<'_, Result<Bytes, ApiError>> {
        async { Ok(Bytes::from_static(b"{\"nodes\":[]}")) }.boxed()
    }

    fn user(&self, username: &str) -> BoxFuture<'_, Result<Option<UserSecret>, ApiError>> {
        let known = matches!(username, "admin" | "sleeper");
        let user = User {
            id: 1,
            username: username.into(),
            email: "admin@example.test".into(),
            full_name: None,
            role: "admin".into(),
            is_active: username == "admin",
            last_login: None,
            created_at: "2026-01-01T00:00:00Z".into(),
            updated_at: "2026-01-01T00:00:00Z".into(),
        };
        async move {
            Ok(known.then(|| UserSecret {
                user,
                password_hash: Self::hash(),
            }))
        }
        .boxed()
    }

    fn logged_in(&self, _user_id: i64) -> BoxFuture<'_, Result<(), ApiError>> {
        async { Ok(()) }.boxed()
    }

    fn token_key(&self) -> Option<Vec<u8>> {
        Some(KEY.to_vec())
    }

    fn register(&self, registration: Registration) -> BoxFuture<'_, Result<Registered, ApiError>> {
        async move {
            if registration.secret.as_deref() != Some(SECRET) {
                return Err(ApiError::Unauthorized("registration secret"));
            }
            Ok(Registered {
                collector: CollectorId::from_external(&registration.name),
                certificate: "CERT".into(),
                private_key: "KEY".into(),
            })
        }
        .boxed()
    }

    fn knows_collector(&self, collector: CollectorId) -> bool {
        !self.revoked.lock().unwrap().contains(&collector)
    }

    fn view_age(&self) -> Option<Duration> {
        *self.view_age.lock().unwrap()
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
