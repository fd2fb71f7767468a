//! Plans of the statements that cost most.

use pga_runtime::Instant;

use super::Server;
use crate::connection::Connection;
use crate::plan::TAG;
use crate::sink::Sink;

impl Server {
    /// Explains the statements that are next and have no plan in the log, which says more: that
    /// one ran.
    pub(super) async fn read_plans(&mut self, now: Instant, at: &str, out: &mut dyn Sink) {
        let facts = self.facts.get(self.target.dbname());
        let (Some(main), Some((facts, _)), true) = (&self.main, facts, self.options.explains)
        else {
            return;
        };
        let (options, log) = (&self.options, &self.log);
        let wants = |database: &str, id: i64| {
            let is_known = log.as_ref().is_some_and(|log| log.has_plan(id, database));
            options.wants(database) && !is_known
        };
        let candidates = match self.plans.next(main, facts, wants, now).await {
            Ok(candidates) => candidates,
            // The next cycle tells about a connection that is gone.
            Err(error) => {
                tracing::debug!(%error, "the statements to explain cannot be read");
                return;
            }
        };
        let mut other: Option<(String, Connection)> = None;
        for candidate in candidates {
            let database = &candidate.database;
            if *database != facts.database
                && other.as_ref().is_none_or(|(name, _)| name != database)
            {
                // Never more than one beside the main one: the last one ends first.
                drop(other.take());
                match Connection::open(&self.target.with_dbname(database)).await {
                    Ok(connection) => other = Some((database.clone(), connection)),
                    // That it cannot be read is told by its other sources.
                    Err(_) => continue,
                }
            }
            let connection = match &other {
                Some((name, connection)) if name == database => connection,
                _ => main,
            };
            let key = (TAG.to_owned(), database.clone());
            match self.plans.explain(connection, &candidate, at).await {
                Ok(None) => {}
                Ok(Some(element)) => {
                    self.gaps.remove(&key);
                    out.push(&element.to_string());
                }
                Err(gap) => {
                    self.gaps.insert(key, gap);
                }
            }
        }
    }
}
