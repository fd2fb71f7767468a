//! Which statements are the same statement.
//!
//! PostgreSQL's own parser decides; a text that it does not take (cut, or of another dialect) is
//! compared by its tokens. Both leave literals, comments and white space out.

mod collapse;
mod labels;
mod lexer;
mod parser;
mod secrets;
mod tokens;

use crate::large_stack::on_large_stack;
use std::borrow::Cow;

pub use self::labels::{Labels, labels};
pub(crate) use self::tokens::without_constants;
pub use self::tokens::{absorbs, token_text};

use self::secrets::without_secrets;

/// Statements longer than this, in bytes, are compared by their tokens.
const MAX_PARSED_BYTES: usize = 1 << 20;

/// How the hash of a [`Fingerprint`] was made. Hashes of different kinds are never compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FingerprintKind {
    /// From PostgreSQL's parse tree.
    Parser,
    /// From the tokens of a text that the parser did not take.
    Tokens,
}

/// Identity of a family of statements that differ in literals only.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Fingerprint {
    /// The 64 bits of the hash as a signed number, which is what a `bigint` column holds.
    pub hash: i64,
    /// How the hash was made.
    pub kind: FingerprintKind,
    /// The text without literals and comments; safe to store.
    pub normalized: String,
}

/// Answers the fingerprint of one statement.
///
/// A string of several statements has one fingerprint; [`fingerprint_statements`] tells them
/// apart. The call starts a thread with a large stack; for many texts use [`fingerprint_all`].
///
/// ```
/// let one = pga_insight::fingerprint("SELECT * FROM orders WHERE id = 1");
/// let two = pga_insight::fingerprint("select * from orders where id=2 -- again");
/// assert_eq!(one.hash, two.hash);
/// assert_eq!(one.normalized, "SELECT * FROM orders WHERE id = $1");
/// ```
#[must_use]
pub fn fingerprint(sql: &str) -> Fingerprint {
    let clean = without_secrets(sql);
    on_large_stack(|| parsed(&clean))
        .flatten()
        .unwrap_or_else(|| tokens::fingerprint(&clean, false))
}

/// Answers the fingerprints of many statements, in their order, with one thread.
#[must_use]
pub fn fingerprint_all(statements: &[&str]) -> Vec<Fingerprint> {
    let clean: Vec<Cow<'_, str>> = statements.iter().map(|sql| without_secrets(sql)).collect();
    let whole = |sql: &Cow<'_, str>| parsed(sql).unwrap_or_else(|| tokens::fingerprint(sql, false));
    on_large_stack(|| clean.iter().map(whole).collect()).unwrap_or_else(|| {
        clean
            .iter()
            .map(|sql| tokens::fingerprint(sql, false))
            .collect()
    })
}

/// Answers the fingerprint of each statement of a string that may hold several, in their order.
#[must_use]
pub fn fingerprint_statements(sql: &str) -> Vec<Fingerprint> {
    let parts = on_large_stack(|| parser::split(sql)).unwrap_or_else(|| vec![sql]);
    fingerprint_all(&parts)
}

/// Answers the fingerprint of a text of `pg_stat_activity`, which may be cut.
///
/// `query_size` is the server's `track_activity_query_size` in bytes. A text that ends within four
/// bytes of it and does not parse is cut: its last token is not trusted.
#[must_use]
pub fn fingerprint_activity(sql: &str, query_size: usize) -> Fingerprint {
    let clean = without_secrets(sql);
    let may_be_cut = (query_size.saturating_sub(4)..query_size).contains(&sql.len());
    on_large_stack(|| parsed(&clean))
        .flatten()
        .unwrap_or_else(|| tokens::fingerprint(&clean, may_be_cut))
}

/// The fingerprint by the parser; only on a large stack.
fn parsed(sql: &str) -> Option<Fingerprint> {
    if sql.len() > MAX_PARSED_BYTES {
        return None;
    }
    let (hash, normalized) = parser::fingerprint(sql)?;
    Some(Fingerprint {
        hash,
        kind: FingerprintKind::Parser,
        normalized,
    })
}

#[cfg(test)]
mod tests;
