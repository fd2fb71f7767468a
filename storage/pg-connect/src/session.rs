//! What a caller wants of a session.

use std::time::Duration;

/// The caller's part of a session: its name, its settings, its patience.
#[derive(Clone, Debug)]
pub struct Session {
    pub(crate) application_name: String,
    pub(crate) connect_timeout: Duration,
    pub(crate) tcp_user_timeout: Option<Duration>,
    pub(crate) keepalives_idle: Option<Duration>,
    pub(crate) settings: Vec<(&'static str, String)>,
}

impl Session {
    /// A session under this `application_name`, with 5 s for each host.
    pub fn new(application_name: impl Into<String>) -> Self {
        Self {
            application_name: application_name.into(),
            connect_timeout: Duration::from_secs(5),
            tcp_user_timeout: None,
            keepalives_idle: None,
            settings: Vec::new(),
        }
    }

    /// Waits so long for each host, where the target has no `connect_timeout`.
    #[must_use]
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// Ends the connection when sent data stays unacknowledged so long.
    #[must_use]
    pub fn tcp_user_timeout(mut self, limit: Duration) -> Self {
        self.tcp_user_timeout = Some(limit);
        self
    }

    /// Asks a silent peer after so long whether it is there.
    #[must_use]
    pub fn keepalives_idle(mut self, idle: Duration) -> Self {
        self.keepalives_idle = Some(idle);
        self
    }

    /// Gives a server setting (`statement_timeout`, …) a value. The value is a word.
    #[must_use]
    pub fn set(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.settings.push((name, value.into()));
        self
    }

    pub(crate) fn sets(&self, name: &str) -> bool {
        self.settings.iter().any(|(set, _)| *set == name)
    }

    /// The settings as the `options` of a start-up message.
    pub(crate) fn options(&self) -> String {
        let words: Vec<String> = self
            .settings
            .iter()
            .map(|(name, value)| {
                format!(
                    "-c {name}={}",
                    value.replace('\\', "\\\\").replace(' ', "\\ ")
                )
            })
            .collect();
        words.join(" ")
    }

    /// The settings as statements for the beginning of a transaction.
    pub(crate) fn set_local(&self) -> String {
        let statements: Vec<String> = self
            .settings
            .iter()
            .map(|(name, value)| format!("SET LOCAL {name} = '{}'", value.replace('\'', "''")))
            .collect();
        statements.join("; ")
    }
}
