//! What a series is about.

use std::fmt;

use pga_insight::anomalies::Kind;

/// What a series is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Subject {
    /// A statement of a database, over all users.
    Statement {
        /// `queryid`.
        hash: i64,
        /// Its database.
        database: String,
    },
    /// A database.
    Database(String),
    /// A table.
    Table {
        /// Its schema and its name, in quotes where they need them.
        relation: String,
        /// Its database.
        database: String,
    },
    /// Active sessions that wait for this class; `CPU` if for nothing.
    Wait(String),
    /// The server's WAL.
    Wal,
    /// A standby, by its slot, else by its application.
    Standby(String),
}

const OF_STATEMENT: [Kind; 6] = [
    Kind::StatementMeanMs,
    Kind::StatementCalls,
    Kind::StatementTime,
    Kind::StatementRows,
    Kind::StatementReads,
    Kind::StatementIoMs,
];
const OF_DATABASE: [Kind; 5] = [
    Kind::DatabaseTps,
    Kind::DatabaseHitRatio,
    Kind::DatabaseTempBytes,
    Kind::DatabaseDeadlocks,
    Kind::GrowthBytes,
];
const OF_TABLE: [Kind; 2] = [Kind::TableSeqRows, Kind::TableWrites];

impl Subject {
    /// A table of a database.
    pub(super) fn table(database: &str, schema: &str, name: &str) -> Self {
        Self::Table {
            relation: format!("{}.{}", quoted(schema), quoted(name)),
            database: database.to_owned(),
        }
    }

    /// Its series.
    pub(super) fn kinds(&self) -> &'static [Kind] {
        match self {
            Self::Statement { .. } => &OF_STATEMENT,
            Self::Database(_) => &OF_DATABASE,
            Self::Table { .. } => &OF_TABLE,
            Self::Wait(_) => &[Kind::WaitSessions],
            Self::Wal => &[Kind::WalBytes],
            Self::Standby(_) => &[Kind::LagSeconds],
        }
    }

    /// From its name.
    pub(super) fn parse(name: &str) -> Option<Self> {
        match name.split_once(' ')? {
            ("statement", rest) => {
                let (hash, database) = rest.split_once(' ')?;
                Some(Self::Statement {
                    hash: hash.parse().ok()?,
                    database: database.to_owned(),
                })
            }
            ("table", rest) => {
                let end = end_of_relation(rest)?;
                let (relation, database) = rest.split_at_checked(end)?;
                Some(Self::Table {
                    relation: relation.to_owned(),
                    database: database.strip_prefix(' ')?.to_owned(),
                })
            }
            ("database", name) => Some(Self::Database(name.to_owned())),
            ("wait", class) => Some(Self::Wait(class.to_owned())),
            ("server", "wal") => Some(Self::Wal),
            ("standby", name) => Some(Self::Standby(name.to_owned())),
            _ => None,
        }
    }

    /// The statement, if it is one.
    pub(super) fn hash(&self) -> Option<i64> {
        match self {
            Self::Statement { hash, .. } => Some(*hash),
            _ => None,
        }
    }

    /// The database, if it is of one.
    pub(super) fn database(&self) -> &str {
        match self {
            Self::Statement { database, .. }
            | Self::Table { database, .. }
            | Self::Database(database) => database,
            Self::Wait(_) | Self::Wal | Self::Standby(_) => "",
        }
    }
}

/// A name in quotes unless it is plain, so that it holds no space outside of them.
fn quoted(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    match !name.is_empty() && name.chars().all(is_plain) {
        true => name.to_owned(),
        false => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}

/// Where the first space outside of quotes is. A quote within quotes is two of them.
fn end_of_relation(text: &str) -> Option<usize> {
    let mut is_in_quotes = false;
    text.find(|c| {
        is_in_quotes ^= c == '"';
        c == ' ' && !is_in_quotes
    })
}

/// `statement 42 shop`, `table public.orders shop`, `database shop`, `wait Lock`, `server wal`,
/// `standby slot_1`.
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Statement { hash, database } => write!(f, "statement {hash} {database}"),
            Self::Database(name) => write!(f, "database {name}"),
            Self::Table { relation, database } => write!(f, "table {relation} {database}"),
            Self::Wait(class) => write!(f, "wait {class}"),
            Self::Wal => f.write_str("server wal"),
            Self::Standby(name) => write!(f, "standby {name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        let statement = Subject::Statement {
            hash: -42,
            database: "a b".to_owned(),
        };
        for subject in [
            statement,
            Subject::Database("a b".to_owned()),
            Subject::table("a b", "public", "orders"),
            Subject::table("a b", "of \" old", "Or ders"),
            Subject::table("a b", "", "\""),
            Subject::Wait("Lock".to_owned()),
            Subject::Wal,
            Subject::Standby("slot 1".to_owned()),
        ] {
            assert_eq!(Subject::parse(&subject.to_string()), Some(subject));
        }
        let table = Subject::table("shop", "public", "Orders");
        assert_eq!(table.to_string(), "table public.\"Orders\" shop");
        assert_eq!(Subject::parse("statement x shop"), None);
        assert_eq!(Subject::parse("table public.orders"), None);
        assert_eq!(Subject::parse("relation t"), None);
    }
}
