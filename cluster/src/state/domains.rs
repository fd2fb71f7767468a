//! The domains of the control plane: each has its commands, its apply, its section in a snapshot,
//! and its tests in a file of its own. A new one is that file, a line in the list below, and its
//! command in `control.rs`, where the compiler asks for it.

pub(crate) mod alert_command;
pub(crate) mod alert_routes;
pub(crate) mod alerting;
pub(crate) mod alerts;
pub(crate) mod api_tokens;
pub(crate) mod audit;
pub(crate) mod cluster_key;
pub(crate) mod collector_book;
pub(crate) mod collector_certificates;
pub(crate) mod collector_config;
pub(crate) mod collector_health;
pub(crate) mod collectors;
mod config_text;
pub(crate) mod deleted_moments;
pub(crate) mod insight;
pub(crate) mod nodes;
pub(crate) mod notifications;
pub(crate) mod people;
pub(crate) mod registration_secrets;
pub(crate) mod secrets;
pub(crate) mod sessions;
pub(crate) mod token_keys;
pub(crate) mod users;

pub use self::alert_command::AlertCommand;
pub use self::alert_routes::{AlertRoute, AlertRouteCommand, AlertRoutes};
pub(super) use self::alerting::Alerting;
pub use self::alerting::{AlertingCommand, Channel, Matcher, RuleEntry, Silence, Weekly};
pub(super) use self::alerts::Alerts;
pub use self::alerts::{Acknowledgement, Alert, AlertChange, AlertState, Comment};
pub(super) use self::api_tokens::ApiTokens;
pub use self::api_tokens::{ApiToken, ApiTokenCommand};
pub(super) use self::audit::Audit;
pub use self::audit::AuditEntry;
pub(super) use self::cluster_key::ClusterKeyInUse;
pub use self::cluster_key::{ClusterKeyCommand, KeyInUse, Resealed};
pub(super) use self::collector_book::CollectorBook;
pub use self::collector_book::{CollectorCommand, CollectorEntry, DEFAULT_GROUP, Liveness};
pub use self::collector_certificates::CollectorCertificateCommand;
pub(super) use self::collector_certificates::CollectorCertificates;
pub(super) use self::collector_config::CollectorConfigs;
pub use self::collector_config::{
    ConfigCommand, ConfigTarget, ConfigVersion, MAX_CONFIG_VERSIONS, SealedConfig,
};
pub(super) use self::collector_health::CollectorsHealth;
pub use self::collector_health::{CollectorError, CollectorHealth, CollectorHealthCommand};
pub(super) use self::collectors::Collectors;
pub use self::collectors::{Collector, Registration};
pub use self::config_text::ConfigText;
pub(super) use self::deleted_moments::DeletedMoments;
pub(super) use self::insight::Insight;
pub use self::insight::{Decision, InsightCommand, Moment};
pub(super) use self::nodes::Nodes;
pub(super) use self::notifications::Notifications;
pub use self::notifications::{
    Attempt, AttemptRecord, AttemptStep, GroupState, Notification, NotificationState,
};
pub(super) use self::people::People;
pub use self::people::{NO_PASSWORD, PeopleCommand, Person};
pub(super) use self::registration_secrets::RegistrationSecrets;
pub use self::registration_secrets::{RegistrationSecret, RegistrationSecretCommand};
pub(super) use self::secrets::{Sealed, Secrets};
pub(super) use self::sessions::Sessions;
pub use self::sessions::{Session, SessionCommand};
pub(super) use self::token_keys::TokenKeys;
pub use self::token_keys::{TokenKey, TokenKeyCommand};
pub(super) use self::users::Users;
pub use self::users::{NewUser, User};
use super::image_error::ImageError;
use super::section::{Sections, put};
use crate::feature_level::FeatureLevel;

/// Makes the struct of all domains from their list.
macro_rules! domains {
    ($($field:ident: $domain:ty),+ $(,)?) => {
        /// All domains.
        #[derive(Debug, Default)]
        pub(super) struct Domains {
            $(pub(super) $field: $domain,)+
        }

        impl Domains {
            /// Puts all their sections into a snapshot.
            pub(super) fn put(
                &self,
                level: FeatureLevel,
                out: &mut Vec<u8>,
            ) -> Result<(), ImageError> {
                $(put(&self.$field, level, out)?;)+
                Ok(())
            }

            /// Takes all their sections out of a snapshot.
            pub(super) fn take(sections: &mut Sections<'_>) -> Result<Self, ImageError> {
                Ok(Self {
                    $($field: sections.take()?,)+
                })
            }
        }
    };
}

domains! {
    users: Users,
    collectors: Collectors,
    nodes: Nodes,
    secrets: Secrets,
    people: People,
    sessions: Sessions,
    api_tokens: ApiTokens,
    registration_secrets: RegistrationSecrets,
    collector_book: CollectorBook,
    collector_configs: CollectorConfigs,
    audit: Audit,
    alerting: Alerting,
    alerts: Alerts,
    notifications: Notifications,
    insight: Insight,
    token_keys: TokenKeys,
    alert_routes: AlertRoutes,
    collector_health: CollectorsHealth,
    cluster_key: ClusterKeyInUse,
    collector_certificates: CollectorCertificates,
    deleted_moments: DeletedMoments,
}
