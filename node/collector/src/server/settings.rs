//! Other options while it runs.

use super::Server;
use crate::log::{KIND as LOG, Log};
use crate::options::Options;
use crate::plan::TAG as PLANS;
use crate::source::SOURCES;

/// The types of elements that a server is read for and that can be left out, or be read more or
/// less often; the plans of statements and the machine's own aside.
pub fn kinds() -> impl Iterator<Item = &'static str> {
    SOURCES.iter().map(|source| source.kind)
}

impl Server {
    /// Reads with other options from the next [`Server::collect`] on. A source with another cadence
    /// is due at once. A log that comes back goes on where it was left.
    pub fn set_options(&mut self, options: Options) {
        for source in SOURCES {
            let of = |options: &Options| options.cadence(source.kind, source.cadence);
            if of(&self.options) == of(&options) {
                continue;
            }
            self.due.retain(|(kind, _), _| *kind != source.kind);
            self.gaps.retain(|(kind, _), _| kind != source.kind);
        }
        let is_read = |database: &str| database.is_empty() || options.wants(database);
        self.gaps.retain(|(_, database), _| is_read(database));
        if self.options.log != options.log {
            let left_at = self.log_position().cloned();
            self.gaps.retain(|(kind, _), _| kind != LOG);
            self.log = options
                .log
                .clone()
                .map(|log| Log::new(log, left_at.clone()));
            self.log_left_at = left_at;
        }
        if !options.explains {
            self.gaps.retain(|(kind, _), _| kind != PLANS);
        }
        self.options = options;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::log::LogOptions;
    use crate::schedule::Due;

    #[test]
    fn another_cadence_is_due_at_once_and_the_others_are_not() {
        let dsn = "postgres://u@127.0.0.1:1/d?sslmode=disable";
        let mut server = Server::new(dsn, Options::default()).unwrap();
        let now = pga_runtime::now();
        for kind in ["pg_wal", "pg_io"] {
            let mut due = Due::default();
            due.read(now, Duration::from_secs(60));
            server.due.insert((kind, String::new()), due);
        }
        let options = Options {
            cadences: [("pg_io".to_owned(), Duration::from_secs(10))].into(),
            log: Some(LogOptions::default()),
            ..Options::default()
        };
        server.set_options(options);
        let kinds: Vec<_> = server.due.keys().map(|(kind, _)| *kind).collect();
        assert_eq!(kinds, ["pg_wal"]);
        assert!(server.log.is_some());
        server.set_options(Options::default());
        assert!(server.log.is_none());
    }
}
