//! Statements whose literals are secrets.

use std::borrow::Cow;

use super::lexer::{Token, TokenKind, lex};

/// Objects whose definitions hold passwords or connection strings.
const SECRET_OBJECTS: [&str; 8] = [
    "role",
    "user",
    "group",
    "subscription",
    "server",
    "foreign",
    "system",
    "database",
];

/// Replaces every literal of a statement that may define a secret, before anything else sees it.
///
/// The hash then does not depend on the secret either: it could be guessed from the hash.
pub(super) fn without_secrets(sql: &str) -> Cow<'_, str> {
    let tokens = lex(sql);
    if !may_hold_secret(&tokens) {
        return Cow::Borrowed(sql);
    }
    let mut clean = String::with_capacity(sql.len());
    for token in tokens {
        match token.kind {
            TokenKind::Literal => clean.push_str("'?'"),
            TokenKind::Comment => clean.push(' '),
            _ => clean.push_str(token.text),
        }
    }
    Cow::Owned(clean)
}

/// Whether `CREATE` or `ALTER` of such an object stands anywhere: a string may hold several
/// statements.
fn may_hold_secret(tokens: &[Token<'_>]) -> bool {
    let is_word = |kind| !matches!(kind, TokenKind::Space | TokenKind::Comment);
    let mut words = tokens.iter().filter(|token| is_word(token.kind)).peekable();
    while let Some(word) = words.next() {
        let defines = ["create", "alter"]
            .iter()
            .any(|verb| word.text.eq_ignore_ascii_case(verb));
        let object = words.peek().map_or("", |next| next.text);
        if defines
            && SECRET_OBJECTS
                .iter()
                .any(|name| object.eq_ignore_ascii_case(name))
        {
            return true;
        }
    }
    false
}
