//! One of each command that feature level 2 brought.

use pga_config::CollectorId;
use pga_storage::Timestamp;

use crate::command::{Command, ControlCommand};
use crate::state::NewUser;
use crate::state::{
    ApiToken, ApiTokenCommand, AuditEntry, CollectorCommand, ConfigCommand, ConfigTarget,
    ConfigText, PeopleCommand, Registration, RegistrationSecret, RegistrationSecretCommand,
    SessionCommand,
};

const AT: Timestamp = Timestamp::from_micros(9);

pub(super) fn samples() -> Vec<(&'static str, Command)> {
    let all = [
        people(),
        sessions(),
        tokens_and_secrets(),
        collectors(),
        configs(),
    ];
    let all = all.into_iter().flatten();
    all.map(|(name, command)| (name, Command::Control(command)))
        .collect()
}

fn user() -> NewUser {
    NewUser {
        username: "ben".into(),
        email: "ben@example.com".into(),
        role: "user".into(),
        password_hash: "$argon2id$".into(),
    }
}

fn people() -> Vec<(&'static str, ControlCommand)> {
    let commands = [
        (
            "control-people-add",
            PeopleCommand::Add {
                user: user(),
                full_name: "Ben".into(),
                must_change_password: true,
                at: AT,
            },
        ),
        (
            "control-people-update",
            PeopleCommand::Update {
                user_id: 2,
                email: Some("b@example.com".into()),
                full_name: None,
                role: Some("viewer".into()),
                is_active: Some(false),
                at: AT,
            },
        ),
        (
            "control-people-set-password",
            PeopleCommand::SetPassword {
                user_id: 2,
                password_hash: "$argon2id$".into(),
                must_change_password: false,
                keep: Some(7),
                at: AT,
            },
        ),
        (
            "control-people-rehash",
            PeopleCommand::Rehash {
                user_id: 2,
                old_hash: "$2a$".into(),
                password_hash: "$argon2id$".into(),
            },
        ),
        (
            "control-people-delete",
            PeopleCommand::Delete { user_id: 2 },
        ),
        (
            "control-people-set-up",
            PeopleCommand::SetUp {
                user: user(),
                at: AT,
            },
        ),
    ];
    commands
        .map(|(name, command)| (name, ControlCommand::People(command)))
        .into()
}

fn sessions() -> Vec<(&'static str, ControlCommand)> {
    let commands = [
        (
            "control-session-begin",
            SessionCommand::Begin {
                session: u128::MAX,
                user_id: 1,
                address: "::1".into(),
                expires_at: AT,
                at: AT,
            },
        ),
        (
            "control-session-refresh",
            SessionCommand::Refresh {
                session: 7,
                generation: 3,
                expires_at: AT,
                at: AT,
            },
        ),
        ("control-session-end", SessionCommand::End { session: 7 }),
    ];
    commands
        .map(|(name, command)| (name, ControlCommand::Session(command)))
        .into()
}

fn tokens_and_secrets() -> Vec<(&'static str, ControlCommand)> {
    let token = ApiToken {
        name: "grafana".into(),
        user_id: 1,
        scope: "viewer".into(),
        sha256: [6; 32],
        created_at: AT,
        expires_at: Some(AT),
        last_used_at: None,
    };
    let secret = RegistrationSecret {
        name: "fleet".into(),
        description: "the fleet".into(),
        sha256: [7; 32],
        created_by: "admin".into(),
        created_at: AT,
        expires_at: None,
        max_uses: Some(3),
        uses: 0,
        last_used_at: None,
        is_revoked: false,
    };
    let create = ApiTokenCommand::Create { id: 8, token };
    let used = ApiTokenCommand::Used { id: 8, at: AT };
    let make = RegistrationSecretCommand::Create { id: 9, secret };
    let revoke = RegistrationSecretCommand::Revoke { id: 9 };
    vec![
        ("control-api-token-create", ControlCommand::ApiToken(create)),
        (
            "control-api-token-revoke",
            ControlCommand::ApiToken(ApiTokenCommand::Revoke { id: 8 }),
        ),
        ("control-api-token-used", ControlCommand::ApiToken(used)),
        (
            "control-registration-secret-create",
            ControlCommand::RegistrationSecret(make),
        ),
        (
            "control-registration-secret-revoke",
            ControlCommand::RegistrationSecret(revoke),
        ),
    ]
}

fn collectors() -> Vec<(&'static str, ControlCommand)> {
    let collector = CollectorId::from_external("db-2");
    let commands = [
        (
            "control-collector-register",
            CollectorCommand::Register {
                collector,
                hostname: "db2".into(),
                version: Some("1.0".into()),
                registration: Registration {
                    name: "db 2".into(),
                    address: None,
                    certificate_sha256: [8; 32],
                    at: AT,
                },
                secret: Some(9),
            },
        ),
        (
            "control-collector-update",
            CollectorCommand::Update {
                collector,
                name: Some("billing".into()),
                description: None,
                environment: Some("production".into()),
                group: Some("web".into()),
                at: AT,
            },
        ),
        (
            "control-collector-delete",
            CollectorCommand::Delete { collector },
        ),
        (
            "control-collector-config-told",
            CollectorCommand::ConfigTold {
                collector,
                version: 4,
                at: AT,
            },
        ),
        (
            "control-collector-renew-certificate",
            CollectorCommand::RenewCertificate {
                collector,
                certificate_sha256: [9; 32],
                at: AT,
            },
        ),
    ];
    commands
        .map(|(name, command)| (name, ControlCommand::Collector(command)))
        .into()
}

fn configs() -> Vec<(&'static str, ControlCommand)> {
    let store = ConfigCommand::Store {
        target: ConfigTarget::Group("web".into()),
        base: Some(0),
        text: ConfigText::plain("[tls]\nverify = true\n"),
        author: "ann".into(),
        comment: "first".into(),
        at: AT,
    };
    let delete = ConfigCommand::Delete {
        target: ConfigTarget::Collector(CollectorId::from_external("db-2")),
    };
    let entry = AuditEntry {
        at: AT,
        actor: "ann".into(),
        user_id: Some(1),
        address: "10.0.0.1".into(),
        action: "collector-config.store".into(),
        target: "group web".into(),
        before: None,
        after: Some("{}".into()),
        request_id: "r-1".into(),
    };
    let audited = ControlCommand::Audited {
        change: Box::new(ControlCommand::CollectorConfig(store.clone())),
        entry,
    };
    vec![
        (
            "control-collector-config-store",
            ControlCommand::CollectorConfig(store),
        ),
        (
            "control-collector-config-delete",
            ControlCommand::CollectorConfig(delete),
        ),
        ("control-audited", audited),
    ]
}
