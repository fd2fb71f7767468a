//! What is looked up once per connection: the version, and which views have which columns (rule
//! C1: columns by looking, not by a table of versions).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::connection::{Connection, ReadError};

/// The views of PostgreSQL that sources read, and `pg_stat_statements` wherever it was created.
const COLUMNS: &str = "SELECT n.nspname::text, c.relname::text, a.attname::text \
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
    WHERE (n.nspname = 'pg_catalog' AND c.relname LIKE 'pg\\_%' AND c.relkind IN ('v', 'r')) \
    OR (c.relname IN ('pg_stat_statements', 'pg_stat_statements_info') AND EXISTS (\
        SELECT 1 FROM pg_extension e WHERE e.extname = 'pg_stat_statements' \
        AND e.extnamespace = n.oid))";

const SERVER: &str = "SELECT current_setting('server_version_num')::int, pg_is_in_recovery(), \
    current_database()::text, current_user::text, \
    (SELECT rolsuper FROM pg_roles WHERE rolname = current_user), \
    pg_has_role(current_user, 'pg_monitor', 'usage'), \
    has_function_privilege('pg_catalog.pg_control_system()', 'execute') \
    AND has_function_privilege('pg_catalog.pg_control_checkpoint()', 'execute')";

/// The columns of each view.
type Columns = HashMap<String, HashSet<String>>;

/// What a server is, and what it has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// `server_version_num`, such as 170004.
    pub version: i32,
    /// It is a standby.
    pub is_standby: bool,
    /// The database of the connection.
    pub database: String,
    /// The role of the connection.
    pub role: String,
    /// The role is a superuser.
    pub is_superuser: bool,
    /// The role has the rights of `pg_monitor`.
    pub is_monitor: bool,
    /// The role may read what the control file says.
    pub can_read_control: bool,
    /// One for all databases of a server that have the same.
    columns: Arc<Columns>,
    statements_schema: Option<String>,
}

impl Facts {
    /// Looks.
    pub(crate) async fn look(connection: &Connection) -> Result<Self, ReadError> {
        let rows = connection.rows("facts", SERVER).await?;
        let row = rows
            .first()
            .ok_or_else(|| ReadError::Odd("no row".to_owned()))?;
        let mut facts = Self {
            version: row.try_get(0)?,
            is_standby: row.try_get(1)?,
            database: row.try_get(2)?,
            role: row.try_get(3)?,
            is_superuser: row.try_get(4)?,
            is_monitor: row.try_get(5)?,
            can_read_control: row.try_get(6)?,
            ..Self::default()
        };
        let mut columns = Columns::new();
        for row in connection.rows("facts", COLUMNS).await? {
            let (schema, view, column): (String, String, String) =
                (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            if view == "pg_stat_statements" {
                facts.statements_schema = Some(schema);
            }
            columns.entry(view).or_default().insert(column);
        }
        facts.columns = Arc::new(columns);
        Ok(facts)
    }

    /// Takes the columns of another database if they are the same: they are some 100 kB.
    pub(crate) fn share<'a>(&mut self, mut known: impl Iterator<Item = &'a Self>) {
        if let Some(same) = known.find(|known| known.columns == self.columns) {
            self.columns = Arc::clone(&same.columns);
        }
    }

    /// Whether there is such a view.
    pub fn has_view(&self, view: &str) -> bool {
        self.columns.contains_key(view)
    }

    /// Whether a view has a column.
    pub fn has(&self, view: &str, column: &str) -> bool {
        self.columns
            .get(view)
            .is_some_and(|columns| columns.contains(column))
    }

    /// A column under its name if the view has it, else NULL under that name.
    pub(crate) fn column(&self, view: &str, column: &str, ty: &str) -> String {
        match self.has(view, column) {
            true => column.to_owned(),
            false => format!("NULL::{ty} AS {column}"),
        }
    }

    /// `pg_stat_statements` with its schema, quoted; `None` if the extension is not in this
    /// database.
    pub(crate) fn statements(&self) -> Option<String> {
        let schema = self.statements_schema.as_ref()?;
        Some(format!("\"{}\"", schema.replace('"', "\"\"")))
    }

    /// Columns that tell whose counters are read beside them: system identifier, timeline, and
    /// address where the connection has one. A standby counts for itself, also after it was
    /// promoted.
    pub(crate) fn identity(&self) -> String {
        let (system, timeline) = match self.can_read_control {
            true => (
                "(SELECT system_identifier::text FROM pg_control_system())",
                "(SELECT timeline_id FROM pg_control_checkpoint())",
            ),
            false => ("NULL::text", "NULL::int"),
        };
        format!(
            "{system} AS system_identifier, {timeline} AS timeline, \
             host(inet_server_addr()) || ' ' || inet_server_port() AS server_address"
        )
    }

    #[cfg(test)]
    pub(crate) fn of(version: i32, columns: &[(&str, &[&str])]) -> Self {
        let columns = columns.iter().map(|(view, names)| {
            let names = names.iter().map(|name| (*name).to_owned());
            ((*view).to_owned(), names.collect())
        });
        Self {
            version,
            columns: Arc::new(columns.collect()),
            ..Self::default()
        }
    }
}
