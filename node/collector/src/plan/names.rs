//! Query ids of statements whose log records have none: before PostgreSQL 14, and on `stderr` with
//! a prefix without `%Q`. They are found by the statement's text.

use std::collections::HashMap;
use std::time::Duration;

use pga_runtime::Instant;
use pga_server_log::statement_without_values;

use super::TAG;
use crate::connection::{Connection, ReadError};
use crate::facts::Facts;
use crate::schedule::Due;

/// How often texts are looked up, while there are plans without an id.
const EVERY: Duration = Duration::from_secs(10);
/// Statements that are known, those with the most time; and how much of their texts is compared,
/// in characters.
const MOST: (usize, usize) = (2_000, 10_000);

/// Texts of statements, and whose they are.
#[derive(Debug, Default)]
pub(crate) struct Names {
    due: Due,
    ids: HashMap<String, Vec<(String, i64)>>,
}

impl Names {
    /// Looks the texts up, if it is time.
    pub(crate) async fn look(
        &mut self,
        main: &Connection,
        facts: &Facts,
        now: Instant,
    ) -> Result<(), ReadError> {
        let Some(schema) = facts.statements().filter(|_| self.due.is_due(now)) else {
            return Ok(());
        };
        self.due.read(now, EVERY);
        let (most, length) = MOST;
        let sql = format!(
            "SELECT d.datname::text, s.queryid, left(s.query, {length}) \
             FROM {schema}.pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid \
             WHERE s.queryid IS NOT NULL ORDER BY s.total_exec_time DESC LIMIT {most}"
        );
        self.ids.clear();
        for row in main.rows(TAG, &sql).await? {
            let (database, id, text): (String, i64, String) =
                (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            self.add(&text, database, id);
        }
        Ok(())
    }

    fn add(&mut self, text: &str, database: String, id: i64) {
        let owners = self.ids.entry(bare(text)).or_default();
        if !owners.contains(&(database.clone(), id)) {
            owners.push((database, id));
        }
    }

    /// The database and the id of a statement by its text; of a database, if that is known. `None`
    /// if there is none, or more than one.
    pub(crate) fn find(&self, text: &str, database: &str) -> Option<(&str, i64)> {
        let text: String = text.chars().take(MOST.1).collect();
        let owners = self.ids.get(&bare(&text))?.iter();
        let mut owners = owners.filter(|(name, _)| database.is_empty() || name == database);
        let (name, id) = owners.next()?;
        owners.next().is_none().then_some((name, *id))
    }
}

/// A text by which two forms of one statement are equal: no values, no numbers of parameters, one
/// space for each gap.
fn bare(text: &str) -> String {
    let text = statement_without_values(text);
    let mut out = String::with_capacity(text.len());
    for word in text.trim_end_matches([';', ' ', '\n']).split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        let mut letters = word.chars().peekable();
        while let Some(letter) = letters.next() {
            out.push(letter);
            while letter == '$' && letters.next_if(char::is_ascii_digit).is_some() {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_found_by_its_text_if_that_is_one() {
        let mut names = Names::default();
        names.add(
            "SELECT *\n FROM t WHERE a = $1 AND b = $2",
            "shop".into(),
            5,
        );
        names.add("SELECT $1", "shop".into(), 6);
        names.add("SELECT $1", "mall".into(), 7);
        for (text, database, want) in [
            (
                "SELECT * FROM t WHERE a = 'x' AND b = 7 ;",
                "",
                Some(("shop", 5)),
            ),
            (
                "SELECT * FROM t WHERE a = $2 AND b = $1",
                "shop",
                Some(("shop", 5)),
            ),
            ("SELECT * FROM t WHERE a = 1 AND b = 7", "mall", None),
            ("SELECT 1", "", None),
            ("SELECT 1", "mall", Some(("mall", 7))),
            ("SELECT b", "", None),
        ] {
            assert_eq!(names.find(text, database), want, "{text} {database}");
        }
    }
}
