//! Opening a session: hosts in their order, TLS as the mode says, the first server that suits.

use std::future::Future;
use std::pin::Pin;

use tokio_postgres::config::SslMode as DriverMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, Error, NoTls, SimpleQueryMessage};

use crate::host::Host;
use crate::session_attrs::{Role, SessionAttrs};
use crate::{ConnectError, HostFailure, Reason, Session, Target};

const ROLE: &str = "SELECT pg_catalog.pg_is_in_recovery(), \
                    pg_catalog.current_setting('default_transaction_read_only')";

/// What moves a connection's bytes. It ends with the connection, and must be polled until then.
pub type Driver = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// An open session.
pub struct Connected {
    /// The client.
    pub client: Client,
    /// The connection behind it.
    pub connection: Driver,
    /// Statements to begin every transaction with. They are there if a pooler refused the
    /// session's settings, because its server connections are not the session's own.
    pub begin_with: Option<String>,
}

impl std::fmt::Debug for Connected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connected")
            .field("begin_with", &self.begin_with)
            .finish_non_exhaustive()
    }
}

impl Target {
    /// Opens `session` on the first host that takes it and is what `target_session_attrs` asks for.
    ///
    /// As in libpq, a server that refuses the login ends the search. One that is starting up or
    /// shutting down does not.
    ///
    /// # Errors
    /// `Hosts`: what each host said.
    pub async fn connect(&self, session: &Session) -> Result<Connected, ConnectError> {
        let limit = self.connect_timeout.unwrap_or(session.connect_timeout);
        let mut failures = Vec::new();
        for &wanted in self.attrs.passes() {
            for host in &self.hosts {
                let attempt = Box::pin(self.try_host(host, wanted, session, &mut failures));
                match tokio::time::timeout(limit, attempt).await {
                    Ok(Some(connected)) => return Ok(connected),
                    Ok(None) => {}
                    Err(_elapsed) => failures.push(failure(host, "", Reason::TimedOut(limit))),
                }
                if failures.last().is_some_and(is_final) {
                    return Err(ConnectError::Hosts(failures));
                }
            }
        }
        Err(ConnectError::Hosts(failures))
    }

    async fn try_host(
        &self,
        host: &Host,
        wanted: SessionAttrs,
        session: &Session,
        failures: &mut Vec<HostFailure>,
    ) -> Option<Connected> {
        let attempts: &[DriverMode] = match self.tls.mode.attempts() {
            _ if host.is_socket() => &[DriverMode::Disable],
            attempts => attempts,
        };
        for &mode in attempts {
            let note = match mode {
                _ if attempts.len() == 1 => "",
                DriverMode::Disable => " without TLS",
                _ => " with TLS",
            };
            let reason = match self.try_mode(host, mode, session).await {
                Ok(mut connected) => match role(&mut connected, wanted, session).await {
                    Ok(true) => return Some(connected),
                    Ok(false) => Reason::Unsuitable(wanted.word()),
                    Err(error) => Reason::Refused(error),
                },
                Err(reason) => reason,
            };
            let is_about_tls = matches!(&reason, Reason::Refused(error) if !is_unreachable(error));
            failures.push(failure(host, note, reason));
            if !is_about_tls {
                break;
            }
        }
        None
    }

    async fn try_mode(
        &self,
        host: &Host,
        mode: DriverMode,
        session: &Session,
    ) -> Result<Connected, Reason> {
        let mut plain = self.config(host);
        plain
            .ssl_mode(mode)
            .application_name(&session.application_name);
        if let Some(limit) = session.tcp_user_timeout {
            plain.tcp_user_timeout(limit);
        }
        if let Some(idle) = session.keepalives_idle {
            plain.keepalives_idle(idle);
        }
        let options = session.options();
        if options.is_empty() {
            return self.open(&plain).await;
        }
        let mut config = plain.clone();
        let given = config.get_options().unwrap_or_default().to_owned();
        config.options(format!("{given} {options}").trim());
        match self.open(&config).await {
            Err(Reason::Refused(error)) if refuses_options(&error) => {
                // A pooler, whose server connections keep what one client sets for the next.
                let begin_with = Some(session.set_local());
                Ok(Connected {
                    begin_with,
                    ..self.open(&plain).await?
                })
            }
            outcome => outcome,
        }
    }

    async fn open(&self, config: &Config) -> Result<Connected, Reason> {
        let (client, connection): (_, Driver) = if config.get_ssl_mode() == DriverMode::Disable {
            let (client, connection) = config.connect(NoTls).await.map_err(Reason::Refused)?;
            (client, Box::pin(connection))
        } else {
            let tls = self
                .tls
                .connector()
                .map_err(|error| Reason::Setting(Box::new(error)))?;
            let (client, connection) = config.connect(tls).await.map_err(Reason::Refused)?;
            (client, Box::pin(connection))
        };
        Ok(Connected {
            client,
            connection,
            begin_with: None,
        })
    }
}

/// Whether the server is `wanted`.
async fn role(
    connected: &mut Connected,
    wanted: SessionAttrs,
    session: &Session,
) -> Result<bool, Error> {
    if wanted == SessionAttrs::Any {
        return Ok(true);
    }
    let Connected {
        client, connection, ..
    } = connected;
    let mut asked = Box::pin(client.simple_query(ROLE));
    let answer = tokio::select! {
        biased;
        answer = &mut asked => answer?,
        ended = connection => {
            ended?;
            return Ok(false);
        }
    };
    let is_on = |column: usize, word: &str| {
        answer.iter().any(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(column) == Some(word),
            _ => false,
        })
    };
    // What the session asked for itself says nothing about the server.
    let is_read_only = is_on(1, "on") && !session.sets("default_transaction_read_only");
    Ok(wanted.suits(Role {
        is_standby: is_on(0, "t"),
        is_read_only,
    }))
}

fn failure(host: &Host, note: &str, reason: Reason) -> HostFailure {
    HostFailure {
        place: format!("{host}{note}"),
        reason,
    }
}

/// Whether no other host is asked: the server is there and says no, or a file is wrong.
fn is_final(failure: &HostFailure) -> bool {
    match &failure.reason {
        Reason::Refused(error) => error
            .code()
            .is_some_and(|code| *code != SqlState::CANNOT_CONNECT_NOW),
        Reason::Setting(_) => true,
        Reason::TimedOut(_) | Reason::Unsuitable(_) => false,
    }
}

/// Whether nobody answered: TLS makes no difference then.
fn is_unreachable(error: &Error) -> bool {
    error.to_string().starts_with("error connecting to server")
}

/// PgBouncer's answer to settings it does not track.
fn refuses_options(error: &Error) -> bool {
    error.as_db_error().is_some_and(|error| {
        *error.code() == SqlState::PROTOCOL_VIOLATION
            && error.message().contains("unsupported startup parameter")
    })
}
