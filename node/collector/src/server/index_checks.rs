//! Advised indexes that the planner is asked about.

use pga_runtime::Instant;

use super::Server;
use crate::connection::Connection;
use crate::plan::hypothetical;
use crate::sink::Sink;

impl Server {
    /// Tries the advised index that is next.
    pub(super) async fn check_indexes(&mut self, now: Instant, at: &str, out: &mut dyn Sink) {
        let facts = self.facts.get(self.target.dbname());
        let (Some(main), Some((facts, _)), true) = (&self.main, facts, self.options.explains)
        else {
            return;
        };
        let candidates = &self.options.index_candidates;
        let Some(index) = self.index_checks.next(candidates, now) else {
            return;
        };
        let checked = if index.database == facts.database {
            hypothetical::check(index, (main, facts), main, at).await
        } else {
            match Connection::open(&self.target.with_dbname(&index.database)).await {
                Ok(other) => hypothetical::check(index, (main, facts), &other, at).await,
                // That it cannot be read is told by its other sources.
                Err(_) => return,
            }
        };
        match checked {
            Ok(Some(element)) => out.push(&element.to_string()),
            Ok(None) => {}
            Err(error) => tracing::debug!(%error, "an advised index cannot be tried"),
        }
    }
}
