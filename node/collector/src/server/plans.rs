//! Plans of the statements that cost most.

use serde_json::Value;
use tokio::time::Instant;

use super::Server;
use crate::connection::{Connection, ReadError};
use crate::facts::Facts;
use crate::plan::TAG;

impl Server {
    /// Explains the statements that are next.
    pub(super) async fn read_plans(
        &mut self,
        main: &Connection,
        facts: &Facts,
        (now, at): (Instant, &str),
        out: &mut Vec<Value>,
    ) -> Result<(), ReadError> {
        let options = &self.options;
        let wants = |database: &str| options.wants(database);
        let candidates = self.plans.next(main, facts, wants, now).await?;
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
                    out.push(element);
                }
                Err(gap) => {
                    self.gaps.insert(key, gap);
                }
            }
        }
        Ok(())
    }
}
