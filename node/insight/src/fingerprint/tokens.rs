//! Fingerprints of texts that the parser does not take.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::collapse::collapse;
use super::lexer::{TokenKind, lex};
use super::{Fingerprint, FingerprintKind};

/// Version of this normalisation; another one gives other hashes.
const SEED: u64 = 2;

/// Answers a statement as tokens: placeholders for literals, names folded to lower case, comments
/// left out, lists of literals as one.
#[must_use]
pub fn token_text(sql: &str) -> String {
    join(&normalised(sql, false))
}

/// Whether `whole`, as [`token_text`] answers it, is a continuation of the cut text `cut`.
#[must_use]
pub fn absorbs(whole: &str, cut: &str) -> bool {
    whole.len() >= cut.len() && whole.starts_with(cut)
}

/// Puts `?` for each literal and number; the rest stays as it is, comments left out.
pub(crate) fn without_constants(sql: &str) -> String {
    let replaced = lex(sql).into_iter().map(|token| match token.kind {
        TokenKind::Comment => " ",
        TokenKind::Literal | TokenKind::Number => "?",
        _ => token.text,
    });
    replaced.collect()
}

/// The fingerprint by tokens; the last token of a cut text is left out.
pub(super) fn fingerprint(sql: &str, is_cut: bool) -> Fingerprint {
    let normalized = join(&normalised(sql, is_cut));
    let hash = xxh3_64_with_seed(normalized.as_bytes(), SEED).cast_signed();
    Fingerprint {
        hash,
        kind: FingerprintKind::Tokens,
        normalized,
    }
}

fn normalised(sql: &str, is_cut: bool) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    for token in lex(sql) {
        match token.kind {
            TokenKind::Space | TokenKind::Comment => {}
            TokenKind::Literal | TokenKind::Number | TokenKind::Parameter => {
                tokens.push("?".to_owned());
            }
            TokenKind::Name => tokens.push(token.text.to_lowercase()),
            TokenKind::QuotedName | TokenKind::Other => tokens.push(token.text.to_owned()),
        }
    }
    if is_cut {
        tokens.pop();
    }
    while !is_cut && tokens.last().is_some_and(|token| token == ";") {
        tokens.pop();
    }
    collapse(tokens)
}

/// Joins tokens with the spaces that a reader expects.
fn join(tokens: &[String]) -> String {
    let mut text = String::new();
    let mut glued = true;
    for token in tokens {
        let closes = matches!(token.as_str(), "," | ")" | "." | ";" | "::" | "]" | "[");
        if !glued && !closes {
            text.push(' ');
        }
        text.push_str(token);
        glued = matches!(token.as_str(), "(" | "." | "::" | "[");
    }
    text
}
