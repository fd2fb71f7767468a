//! One PostgreSQL server, or several that stand for one.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{ChannelBinding, SslNegotiation};

use crate::host::Host;
use crate::session_attrs::SessionAttrs;
use crate::settings::Settings;
use crate::ssl_mode::SslMode;
use crate::tls::Tls;
use crate::{ConnectError, Environment, passfile};

/// Where a database is and how to get in. Neither `Display` nor `Debug` shows the password.
///
/// It follows libpq, with these differences:
/// - there is no default host, because libpq's depends on how it was built;
/// - a named `sslrootcert`, `sslcert` or `sslkey` must exist;
/// - only names of the certificate's `subjectAltName` count, and its common name does not;
/// - a certificate that stands itself in `sslrootcert` is trusted also after its end.
#[derive(Clone)]
pub struct Target {
    pub(crate) hosts: Vec<Host>,
    pub(crate) tls: Tls,
    pub(crate) attrs: SessionAttrs,
    pub(crate) connect_timeout: Option<Duration>,
    /// What is the same for all hosts.
    pub(crate) base: Config,
    user: String,
    dbname: String,
    passfile: Option<PathBuf>,
}

impl Target {
    /// Reads a connection string or URL, and the service file it may name.
    ///
    /// # Errors
    /// `Syntax` or `Setting`: what is wrong and what helps.
    pub fn parse(text: &str, environment: &Environment) -> Result<Self, ConnectError> {
        let settings = Settings::read(text, environment)?;
        let user = settings
            .get("user")
            .or_else(|| environment.get("USER"))
            .ok_or_else(|| settings.bad("user", "no user is named", "name one, or set PGUSER"))?;
        let dbname = settings.get("dbname").unwrap_or(user);
        let connect_timeout = settings
            .number("connect_timeout")?
            .map(|seconds| match seconds {
                0 => Duration::MAX,
                seconds => Duration::from_secs(seconds.into()),
            });
        let target = Self {
            hosts: Host::all(&settings)?,
            tls: Tls::read(&settings, environment)?,
            attrs: settings
                .word("target_session_attrs", &SessionAttrs::WORDS)?
                .unwrap_or(SessionAttrs::Any),
            connect_timeout,
            base: base(&settings, user, dbname)?,
            user: user.to_owned(),
            dbname: dbname.to_owned(),
            passfile: match settings.get("passfile") {
                Some(path) => Some(PathBuf::from(path)),
                None => environment.at_home(".pgpass"),
            },
        };
        Ok(target)
    }

    /// Reads the certificates and keys once, so that a mistake shows before the first connection.
    ///
    /// # Errors
    /// `Setting`: which file cannot be used.
    pub fn check_files(&self) -> Result<(), ConnectError> {
        if self.tls.mode != SslMode::Disable {
            self.tls.connector()?;
        }
        Ok(())
    }

    /// The hosts with their ports, with commas between them: `db1:5432`.
    pub fn hosts(&self) -> String {
        let hosts: Vec<String> = self.hosts.iter().map(ToString::to_string).collect();
        hosts.join(",")
    }

    /// Whether all hosts are this machine, as far as their names say: sockets, `localhost`,
    /// loopback addresses.
    pub fn is_local(&self) -> bool {
        self.hosts.iter().all(Host::is_local)
    }

    /// The name of the database.
    pub fn dbname(&self) -> &str {
        &self.dbname
    }

    /// The same server and role, with another database.
    #[must_use]
    pub fn with_dbname(&self, dbname: &str) -> Self {
        let mut target = self.clone();
        target.base.dbname(dbname);
        dbname.clone_into(&mut target.dbname);
        target
    }

    /// What the driver needs for `host`; the password file is read anew.
    pub(crate) fn config(&self, host: &Host) -> Config {
        let mut config = self.base.clone();
        config.host(&host.name).port(host.port);
        if let Some(address) = host.address {
            config.hostaddr(address);
        }
        if config.get_password().is_none()
            && let Some(path) = &self.passfile
        {
            let port = host.port.to_string();
            let wanted = [host.name.as_str(), &port, &self.dbname, &self.user];
            if let Some(password) = passfile::look_up(path, wanted) {
                config.password(password);
            }
        }
        if self.tls.is_direct {
            config.ssl_negotiation(SslNegotiation::Direct);
        }
        config
    }
}

fn base(settings: &Settings, user: &str, dbname: &str) -> Result<Config, ConnectError> {
    let mut config = Config::new();
    config.user(user).dbname(dbname);
    if let Some(password) = settings.get("password") {
        config.password(password);
    }
    if let Some(options) = settings.get("options") {
        config.options(options);
    }
    let bindings = [
        ("disable", ChannelBinding::Disable),
        ("prefer", ChannelBinding::Prefer),
        ("require", ChannelBinding::Require),
    ];
    if let Some(binding) = settings.word("channel_binding", &bindings)? {
        config.channel_binding(binding);
    }
    if let Some(is_on) = settings.number("keepalives")? {
        config.keepalives(is_on != 0);
    }
    let seconds = |name| Ok(settings.number(name)?.filter(|n| *n > 0).map(u64::from));
    if let Some(idle) = seconds("keepalives_idle")? {
        config.keepalives_idle(Duration::from_secs(idle));
    }
    if let Some(interval) = seconds("keepalives_interval")? {
        config.keepalives_interval(Duration::from_secs(interval));
    }
    if let Some(count) = settings.number("keepalives_count")?.filter(|n| *n > 0) {
        config.keepalives_retries(count);
    }
    if let Some(limit) = seconds("tcp_user_timeout")? {
        config.tcp_user_timeout(Duration::from_millis(limit));
    }
    Ok(config)
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "postgres://{}@", self.user)?;
        for (i, host) in self.hosts.iter().enumerate() {
            let between = if i == 0 { "" } else { "," };
            write!(f, "{between}{host}")?;
        }
        write!(f, "/{}?sslmode={}", self.dbname, self.tls.mode.word())?;
        match self.attrs {
            SessionAttrs::Any => Ok(()),
            attrs => write!(f, "&target_session_attrs={}", attrs.word()),
        }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests;
