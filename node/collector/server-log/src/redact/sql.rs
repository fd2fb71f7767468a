//! Statements without their literals.

use super::lexer::{Kind, Quotes, lex, lex_start};

/// The statement with `$n` for each literal, counted on from its own parameters, and without
/// comments, in which clients put values too. `None` if it does not lex.
pub(super) fn without_literals(sql: &str, quotes: Quotes) -> Option<String> {
    Some(redact(sql, quotes, None)?.0)
}

/// As [`without_literals`], and where a character of the statement (from 1) went.
pub(super) fn with_position(sql: &str, position: Option<u32>) -> Option<(String, Option<u32>)> {
    redact(sql, Quotes::Names, position)
}

/// The statement with `$n` for each literal and without comments, as far as it lexes: what a
/// server cut off within a literal, a comment or a quoted name is left out from there on.
///
/// ```
/// use pga_server_log::statement_without_values;
///
/// let cut_off = "SELECT a FROM t WHERE b = 'x";
/// assert_eq!(statement_without_values(cut_off), "SELECT a FROM t WHERE b = ");
/// ```
#[must_use]
pub fn statement_without_values(sql: &str) -> String {
    let (tokens, _) = lex_start(sql, Quotes::Names);
    written(tokens, None).0
}

/// Whether a text is one whole statement: it lexes, and no semicolon stands before its end.
#[must_use]
pub fn is_one_statement(sql: &str) -> bool {
    let Some(tokens) = lex(sql, Quotes::Names) else {
        return false;
    };
    let mut rest = tokens
        .iter()
        .filter(|(kind, text)| *kind != Kind::Comment && !text.trim().is_empty())
        .skip_while(|(_, text)| *text != ";");
    rest.all(|(_, text)| *text == ";")
}

fn redact(sql: &str, quotes: Quotes, position: Option<u32>) -> Option<(String, Option<u32>)> {
    Some(written(lex(sql, quotes)?, position))
}

/// The tokens with parameters in place of literals, and where a character of them went.
fn written(tokens: Vec<(Kind, &str)>, position: Option<u32>) -> (String, Option<u32>) {
    let parameters = tokens.iter().filter(|(kind, _)| *kind == Kind::Parameter);
    let numbers = parameters.filter_map(|(_, text)| text.get(1..)?.parse::<u32>().ok());
    let mut last = numbers.max().unwrap_or(0);
    let mut out = String::new();
    let wanted = position.and_then(|position| usize::try_from(position).ok());
    let (mut read, mut written, mut moved) = (0_usize, 0_usize, None);
    for (kind, text) in tokens {
        let length = text.chars().count();
        if let Some(wanted) = wanted.filter(|wanted| (read + 1..=read + length).contains(wanted)) {
            let offset = if kind == Kind::Other {
                wanted - read
            } else {
                1
            };
            moved = u32::try_from(written + offset).ok();
        }
        read += length;
        let before = out.len();
        match kind {
            Kind::Literal => {
                last = last.saturating_add(1);
                out.push_str(&format!("${last}"));
            }
            Kind::Comment => out.push(' '),
            Kind::Parameter | Kind::Other => out.push_str(text),
        }
        written += out.get(before..).map_or(0, |text| text.chars().count());
    }
    (out, moved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_become_parameters() {
        for (sql, want) in [
            (
                "SELECT 'it''s', 5, a1 FROM t2",
                Some("SELECT $1, $2, a1 FROM t2"),
            ),
            (
                r"SELECT E'a\'b', U&'d\0061t', B'01', x'ff'",
                Some("SELECT $1, $2, $3, $4"),
            ),
            ("SELECT $2, $$a 'b$$, $t$ $$ $t$", Some("SELECT $2, $3, $4")),
            (
                "SELECT 1 /* s /* n */ 'x */ -- y\n, \"Col 2\"",
                Some("SELECT $1    \n, \"Col 2\""),
            ),
            ("a-1.5e-3+.5", Some("a-$1+$2")),
            ("SELECT 'open", None),
            ("SELECT $x$ open", None),
            ("SELECT /* open", None),
            ("SELECT \"open", None),
            (r"SELECT 'a\'b\'c'", None),
            ("", Some("")),
        ] {
            assert_eq!(
                without_literals(sql, Quotes::Names).as_deref(),
                want,
                "{sql}"
            );
        }
    }

    #[test]
    fn what_was_cut_off_is_left_out_from_the_open_literal_on() {
        for (sql, want) in [
            ("SELECT 'a', b /* x */", "SELECT $1, b  "),
            ("INSERT INTO t VALUES ('open", "INSERT INTO t VALUES ("),
            ("SELECT $x$ open", "SELECT "),
            ("SELECT a, \"na", "SELECT a, "),
        ] {
            assert_eq!(statement_without_values(sql), want, "{sql}");
        }
    }

    #[test]
    fn one_statement_has_no_semicolon_before_its_end() {
        for (sql, want) in [
            ("SELECT 1", true),
            ("SELECT ';' /* ; */ ; -- ;", true),
            ("SELECT 1; COMMIT", false),
            ("SELECT 'open", false),
            ("SELECT $1;\n", true),
        ] {
            assert_eq!(is_one_statement(sql), want, "{sql}");
        }
    }

    #[test]
    fn a_position_moves_with_its_token() {
        for (sql, position, want) in [
            ("SELECT 'long literal', x", 24, Some(12)),
            ("SELECT 'é', abc", 14, Some(13)),
            ("SELECT 'long literal'", 12, Some(8)),
            ("SELECT x", 99, None),
        ] {
            let (out, moved) = with_position(sql, Some(position)).unwrap();
            assert_eq!(moved, want, "{sql} -> {out}");
        }
    }
}
