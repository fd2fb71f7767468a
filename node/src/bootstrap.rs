//! The first start of a cluster: its members, then its secrets and its first user, once.

use pga_storage::Timestamp;
use std::time::Duration;

use pga_cluster::pki::{Identity, read_private_file};
use pga_cluster::{
    ClusterNode, Command, ControlCommand, Member, NO_PASSWORD, NewUser, ProposeError, Refusal,
};
use pga_config::{Config, Secret};
use pga_web::secret_hash::sha256;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;

use crate::secrets::{CA_KEY, Secrets, TOKEN_KEY, pki};
use crate::{Error, Result};

/// How long one attempt to propose the secrets may take.
const ATTEMPT: Duration = Duration::from_secs(10);

/// Creates the cluster if this node is to and there is none, and sees to it that its secrets are in
/// the log.
pub(crate) async fn run(node: ClusterNode, config: &Config, secrets: &Secrets) -> Result<()> {
    if !config.cluster.bootstrap {
        return Ok(());
    }
    if !node.is_initialized() {
        let members = config.cluster.members.0.iter().map(|member| Member {
            node: member.id,
            quic: member.quic.clone(),
            http: member.http.clone(),
        });
        match node.initialize(members.collect()).await {
            Ok(()) => tracing::info!(cluster_id = %secrets.cluster, "cluster created"),
            Err(pga_cluster::Error::Initialized) => {}
            Err(error) => return Err(error.into()),
        }
    }
    if node.with_state(|state| state.token_key().is_some()) {
        return Ok(());
    }
    let command = command(config, secrets).await?;
    loop {
        let deadline = pga_runtime::now() + ATTEMPT;
        match node
            .propose(Command::Control(command.clone()), deadline)
            .await
        {
            Ok(_) | Err(ProposeError::Refused(Refusal::AlreadyBootstrapped)) => return Ok(()),
            Err(ProposeError::Refused(refusal)) => return Err(Error::Refused(refusal.to_string())),
            Err(ProposeError::Stopped) => return Ok(()),
            Err(error) => tracing::debug!(%error, "cluster secrets not yet committed"),
        }
        if node.with_state(|state| state.token_key().is_some()) {
            return Ok(());
        }
    }
}

async fn command(config: &Config, secrets: &Secrets) -> Result<ControlCommand> {
    let key_file = config.ca_file().with_file_name("ca.key");
    let ca_key = read_private_file(&key_file).map_err(pki)?;
    let ca_key = PrivatePkcs8KeyDer::from_pem_slice(&ca_key)
        .map_err(|_| Error::Pki(format!("{} is no PEM key", key_file.display())))?;
    let token_key = match &config.auth.token_key {
        Some(key) => key.expose().as_bytes().to_vec(),
        None => pga_runtime::random::<[u8; 32]>().to_vec(),
    };
    let missing = |key: &str| Error::Refused(format!("{key} is needed to create the cluster"));
    let password = config.auth.admin_password.clone();
    if password.is_none() && !config.auth.allow_setup {
        return Err(missing("auth.admin-password"));
    }
    let registration = config.auth.registration_secret.as_ref().map(Secret::expose);
    let registration = registration.ok_or_else(|| missing("auth.registration-secret"))?;
    let key = secrets.key.in_use(None)?;
    let seal = |context, secret: &[u8]| key.seal(context, secret).map_err(pki);
    Ok(ControlCommand::Bootstrap {
        token_key: seal(TOKEN_KEY, &token_key)?.into(),
        ca_key: seal(CA_KEY, ca_key.secret_pkcs8_der())?.into(),
        admin: NewUser {
            username: config.auth.admin_username.clone(),
            email: config.auth.admin_email.clone(),
            role: "admin".to_owned(),
            password_hash: match password {
                Some(password) => hash(password.expose().to_owned()).await?,
                None => NO_PASSWORD.to_owned(),
            },
        },
        registration_secret_hash: sha256(registration.as_bytes()),
        at: Timestamp::now(),
    })
}

/// The hash of a password, made on a thread of its own.
pub(crate) async fn hash(password: String) -> Result<String> {
    let hashed = pga_runtime::spawn_blocking(move || pga_web::hash_password(&password)).await;
    let hashed = hashed.map_err(|error| Error::Internal(error.to_string()))?;
    hashed.ok_or_else(|| Error::Internal("the password cannot be hashed".to_owned()))
}

/// Reads this node's identity, and checks that it is this node's and still valid.
pub(crate) fn identity(config: &Config) -> Result<Identity> {
    use pga_cluster::pki::{ExpiryWarning, expiry_warning, is_for_name, node_server_name};
    let identity = Identity::read(&config.cert_file(), &config.key_file()).map_err(pki)?;
    let name = node_server_name(config.node.id);
    if !is_for_name(identity.certificate(), &name) {
        let file = config.cert_file();
        return Err(Error::Pki(format!("{} is not for {name}", file.display())));
    }
    match expiry_warning(identity.not_after().map_err(pki)?) {
        Some(ExpiryWarning::Expired) => Err(Error::Pki(format!(
            "{} has expired: issue a new one",
            config.cert_file().display()
        ))),
        Some(warning) => {
            tracing::warn!(?warning, "the node's certificate expires soon");
            Ok(identity)
        }
        None => Ok(identity),
    }
}
