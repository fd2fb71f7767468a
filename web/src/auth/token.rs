//! Tokens: HS256 with the cluster's key, with the claims of contract 4.1 and of RFC 7519.

use std::time::Duration;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use pga_cluster::{FeatureLevel, User};
use pga_config::CollectorId;
use pga_storage::Timestamp;
use serde::{Deserialize, Serialize};

use super::TokenKeys;
use super::lifetimes::{ACCESS_LIFETIME, COLLECTOR_LIFETIME, REFRESH_GRACE, REFRESH_LIFETIME};
use crate::refusal::Refusal;

const LEEWAY_SECONDS: u64 = 5;
const ISSUER: &str = "pganalytics";
/// Whom tokens of users are for.
const AUDIENCE: &str = "pganalytics-api";
/// Whom tokens of collectors are for.
const COLLECTOR_AUDIENCE: &str = "pganalytics-ingest";

/// What separates users from collectors, who share the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// A person or a script.
    User,
    /// A collector.
    Collector,
}

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Use {
    /// Requests.
    Access,
    /// A new access token.
    Refresh,
}

/// Which refresh token of which session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SessionRef {
    pub(crate) id: u128,
    pub(crate) generation: u64,
}

/// The claims of a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    pub(crate) kind: Kind,
    #[serde(rename = "type")]
    pub(crate) usage: Use,
    pub(crate) sub: String,
    pub(crate) iss: String,
    pub(crate) exp: u64,
    pub(crate) iat: u64,
    pub(crate) nbf: u64,
    /// Whom it is for; tokens of users from before feature level 2, and of collectors from before
    /// level 8, do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) aud: Option<String>,
    /// The cluster that signed it: another may have been given the same key
    /// (`auth.token-key`). Tokens of older versions name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cluster: Option<String>,
    /// Its own random name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) jti: Option<String>,
    /// The user's session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sid: Option<String>,
    /// Generation of a refresh token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) generation: Option<u64>,
    /// What a browser has to send along when it changes something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) csrf: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) role: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) collector_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hostname: Option<String>,
}

impl Claims {
    /// Claims of a user, from now on.
    pub(crate) fn user(user: &User, usage: Use, session: Option<SessionRef>, csrf: &str) -> Self {
        let lifetime = match usage {
            Use::Access => ACCESS_LIFETIME,
            Use::Refresh => REFRESH_LIFETIME,
        };
        Self {
            user_id: Some(user.id),
            username: Some(user.username.clone()),
            email: Some(user.email.clone()),
            role: Some(user.role.clone()),
            aud: Some(AUDIENCE.into()),
            sid: session.map(|session| format!("{:032x}", session.id)),
            generation: session
                .filter(|_| usage == Use::Refresh)
                .map(|session| session.generation),
            csrf: Some(csrf.to_owned()),
            ..Self::new(Kind::User, usage, format!("user:{}", user.id), lifetime)
        }
    }

    /// Claims of a collector, from now on, as all nodes of a cluster at `level` take them.
    pub(crate) fn of_collector(
        id: CollectorId,
        hostname: Option<String>,
        level: FeatureLevel,
    ) -> Self {
        let subject = format!("collector:{id}");
        let has_audience = level >= FeatureLevel::COLLECTOR_AUDIENCE;
        Self {
            aud: has_audience.then(|| COLLECTOR_AUDIENCE.into()),
            collector_id: Some(id.to_string()),
            hostname,
            ..Self::new(Kind::Collector, Use::Access, subject, COLLECTOR_LIFETIME)
        }
    }

    fn new(kind: Kind, usage: Use, sub: String, lifetime: Duration) -> Self {
        let now = pga_runtime::unix_time().as_secs();
        Self {
            kind,
            usage,
            sub,
            iss: ISSUER.into(),
            exp: now + lifetime.as_secs(),
            iat: now,
            nbf: now,
            aud: None,
            cluster: None,
            jti: Some(format!("{:032x}", pga_runtime::random::<u128>())),
            sid: None,
            generation: None,
            csrf: None,
            user_id: None,
            username: None,
            email: None,
            role: None,
            collector_id: None,
            hostname: None,
        }
    }

    /// The user's session, if the token names one.
    pub(crate) fn session(&self) -> Result<Option<u128>, Refusal> {
        let Some(sid) = &self.sid else {
            return Ok(None);
        };
        let sid = u128::from_str_radix(sid, 16);
        sid.map(Some)
            .map_err(|_| Refusal::unauthorized("Invalid token"))
    }

    /// The collector, if these are the claims of one.
    pub(crate) fn collector(&self) -> Option<CollectorId> {
        let id = self
            .collector_id
            .as_deref()
            .filter(|_| self.kind == Kind::Collector)?;
        Some(CollectorId::from_external(id))
    }

    /// The token.
    pub(crate) fn sign(&self, keys: &TokenKeys) -> Result<String, Refusal> {
        let claims = Self {
            cluster: Some(keys.cluster.clone()),
            ..self.clone()
        };
        let signing = keys.signing(Timestamp::now());
        let mut header = Header::new(Algorithm::HS256);
        header.kid = (signing.id > 0).then(|| signing.id.to_string());
        let key = EncodingKey::from_secret(&signing.key);
        jsonwebtoken::encode(&header, &claims, &key).map_err(|_| Refusal::internal())
    }

    /// The claims of `token`, if it is ours and valid now.
    pub(crate) fn verify(keys: &TokenKeys, token: &str) -> Result<Self, Refusal> {
        verify(keys, token, Duration::from_secs(LEEWAY_SECONDS))
    }

    /// The same for a refresh by a collector, whose token may just have expired (contract Q22).
    pub(crate) fn verify_for_refresh(keys: &TokenKeys, token: &str) -> Result<Self, Refusal> {
        verify(keys, token, REFRESH_GRACE)
    }
}

fn verify(keys: &TokenKeys, token: &str, leeway: Duration) -> Result<Claims, Refusal> {
    let header = jsonwebtoken::decode_header(token);
    let header = header.map_err(|_| Refusal::unauthorized("Invalid token"))?;
    let key = keys.verifying(header.kid.as_deref(), Timestamp::now())?;
    let mut validation = Validation::new(Algorithm::HS256);
    validation.leeway = leeway.as_secs();
    validation.validate_nbf = true;
    validation.set_required_spec_claims(&["exp", "nbf", "iss"]);
    validation.set_issuer(&[ISSUER]);
    // Not all have one: it is looked at below.
    validation.validate_aud = false;
    let data = jsonwebtoken::decode::<Claims>(token, &DecodingKey::from_secret(key), &validation)
        .map_err(|error| match error.kind() {
        ErrorKind::ExpiredSignature => Refusal::unauthorized("Token expired"),
        _ => Refusal::unauthorized("Invalid token"),
    })?;
    let is_foreign = match (&data.claims.aud, data.claims.kind) {
        (Some(audience), Kind::User) => audience != AUDIENCE,
        (Some(audience), Kind::Collector) => audience != COLLECTOR_AUDIENCE,
        (None, _) => false,
    };
    let is_foreign =
        is_foreign || matches!(&data.claims.cluster, Some(cluster) if *cluster != keys.cluster);
    // No token of ours starts in the future, so none is taken from outside.
    if is_foreign || data.claims.nbf > pga_runtime::unix_time().as_secs() + LEEWAY_SECONDS {
        return Err(Refusal::unauthorized("Invalid token"));
    }
    Ok(data.claims)
}
