//! The server's log.

use pga_runtime::Instant;

use super::Server;
use crate::log::{KIND, Log, LogHealth, LogPosition};
use crate::sink::Sink;

impl Server {
    /// Goes on in the log behind a position of an earlier run.
    pub fn resume_log(&mut self, position: LogPosition) {
        if let Some(options) = self.options.log.clone() {
            self.log = Some(Log::new(options, Some(position)));
        }
    }

    /// The place in the log behind what the last [`Server::collect`] answered: it is to be kept
    /// together with those elements, so that each event is sent once.
    pub fn log_position(&self) -> Option<&LogPosition> {
        let read = self.log.as_ref().and_then(Log::position);
        read.or(self.log_left_at.as_ref())
    }

    /// What came of reading the log; `None` if it is not read.
    pub fn log_health(&self) -> Option<&LogHealth> {
        Some(self.log.as_ref()?.health())
    }

    /// Reads the log, with or without a connection.
    pub(super) async fn read_log(&mut self, now: Instant, at: &str, out: &mut dyn Sink) {
        let Some(log) = self.log.as_mut() else {
            return;
        };
        let options = &self.options;
        let cycle = log.read(|database| options.wants(database), at).await;
        for element in &cycle.elements {
            out.push(&element.to_string());
        }
        let key = (KIND.to_owned(), String::new());
        match cycle.gap {
            Some(gap) => {
                self.gaps.insert(key, gap);
            }
            None => {
                self.gaps.remove(&key);
            }
        }
        if cycle.unnamed.is_empty() {
            return;
        }
        if let (Some(main), Some((facts, _))) = (&self.main, self.facts.get(self.target.dbname()))
            && let Err(error) = self.names.look(main, facts, now).await
        {
            tracing::debug!(%error, "the texts of statements cannot be read");
        }
        for plan in cycle.unnamed {
            if let Some((database, id)) = self.names.find(&plan.text, &plan.database)
                && let Some(element) = log.plan(&plan, database, id)
            {
                out.push(&element.to_string());
            }
        }
    }
}
