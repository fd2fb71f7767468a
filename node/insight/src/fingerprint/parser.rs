//! Calls of PostgreSQL's parser, each to be made on a large stack.

use pg_query::FingerprintOptions;

use super::lexer::{Token, TokenKind, lex};
use super::tokens::token_text;

/// The hash and the normalised text of a statement; nothing if it does not parse.
///
/// The options keep relations apart: the default of version 18 lets an alias replace the name of
/// its relation, so that statements over different tables would be one.
pub(super) fn fingerprint(sql: &str) -> Option<(i64, String)> {
    let compat = FingerprintOptions::RANGEVAR_PG17_COMPAT;
    let hash = pg_query::fingerprint(sql, 0, compat).ok()?.value;
    // Very deep trees have a hash, but cannot be normalised.
    let text = pg_query::normalize(sql).map_or_else(|_| token_text(sql), |t| without_literals(&t));
    Some((hash.cast_signed(), text))
}

/// The statements of a string; the whole string if it cannot be split.
pub(super) fn split(sql: &str) -> Vec<&str> {
    match pg_query::split_with_scanner(sql) {
        Ok(parts) if !parts.is_empty() => parts,
        _ => vec![sql],
    }
}

/// Takes out what the parser keeps: comments, and literals of utility statements.
fn without_literals(normalized: &str) -> String {
    let mut text = String::with_capacity(normalized.len());
    for Token { kind, text: token } in lex(normalized) {
        match kind {
            TokenKind::Comment => text.push(' '),
            TokenKind::Literal => text.push('?'),
            _ => text.push_str(token),
        }
    }
    let end = text.trim_end().len();
    text.truncate(end);
    let start = text.len() - text.trim_start().len();
    text.split_off(start)
}
