//! Taking values out of statements: parameter values never leave the host unless asked for.
//!
//! `pg_stat_statements` normalises its texts; `pg_stat_activity` shows what was sent.

/// Statements are cut here, in characters.
const MAX: usize = 2_000;

/// The statement with `?` in place of each literal: strings of every form, numbers, bit strings.
/// Comments go, since clients put values there too.
pub(crate) fn redact(sql: &str) -> String {
    let letters: Vec<char> = sql.chars().collect();
    let (mut out, mut at) = (String::with_capacity(sql.len()), 0);
    while let Some(&letter) = letters.get(at) {
        let next = letters.get(at + 1).copied();
        match (letter, next) {
            ('\'', _) => {
                let is_escaped =
                    matches!(out.chars().next_back(), Some('e' | 'E')) && is_prefix(&out);
                drop_prefix(&mut out);
                at = end_of_string(&letters, at, is_escaped);
                out.push('?');
            }
            ('"', _) => {
                let end = end_of_quoted(&letters, at, '"');
                out.extend(letters.get(at..end).unwrap_or_default());
                at = end;
            }
            ('-', Some('-')) => {
                at = position(&letters, at, |letter| letter == '\n');
            }
            ('/', Some('*')) => at = end_of_comment(&letters, at),
            ('$', _) => match dollar_tag(&letters, at) {
                Some(tag) => {
                    at = end_of_dollar(&letters, at, &tag);
                    out.push('?');
                }
                None => {
                    out.push(letter);
                    at += 1;
                    at = copy_word(&letters, at, &mut out);
                }
            },
            (digit, _) if digit.is_ascii_digit() => {
                at = position(&letters, at, |letter| {
                    !(letter.is_alphanumeric() || letter == '.' || letter == '_')
                });
                out.push('?');
            }
            (word, _) if word.is_alphabetic() || word == '_' => {
                at = copy_word(&letters, at, &mut out);
            }
            _ => {
                out.push(letter);
                at += 1;
            }
        }
        if out.len() > MAX {
            out.truncate(out.char_indices().nth(MAX).map_or(out.len(), |(at, _)| at));
            return out;
        }
    }
    out
}

fn position(letters: &[char], from: usize, stop: impl Fn(char) -> bool) -> usize {
    let rest = letters.get(from..).unwrap_or_default();
    let found = rest.iter().position(|letter| stop(*letter));
    found.map_or(letters.len(), |found| from + found)
}

/// Copies a name or a keyword; digits in it are no literal.
fn copy_word(letters: &[char], from: usize, out: &mut String) -> usize {
    let end = position(letters, from, |letter| {
        !(letter.is_alphanumeric() || letter == '_' || letter == '$')
    });
    out.extend(letters.get(from..end).unwrap_or_default());
    end
}

/// Whether the last letter of `out` stands alone: the E of E'…'.
fn is_prefix(out: &str) -> bool {
    let before = out.chars().rev().nth(1);
    before.is_none_or(|before| !(before.is_alphanumeric() || before == '_'))
}

/// Takes the letter before a string away that belongs to it: E, B, X, N, and U&.
fn drop_prefix(out: &mut String) {
    if out.ends_with("U&") || out.ends_with("u&") {
        out.truncate(out.len() - 2);
    } else if matches!(
        out.chars().next_back(),
        Some('e' | 'E' | 'b' | 'B' | 'x' | 'X' | 'n' | 'N')
    ) && is_prefix(out)
    {
        out.pop();
    }
}

fn end_of_string(letters: &[char], from: usize, is_escaped: bool) -> usize {
    let mut at = from + 1;
    while let Some(&letter) = letters.get(at) {
        match letter {
            '\\' if is_escaped => at += 2,
            '\'' if letters.get(at + 1) == Some(&'\'') => at += 2,
            '\'' => return at + 1,
            _ => at += 1,
        }
    }
    letters.len()
}

fn end_of_quoted(letters: &[char], from: usize, quote: char) -> usize {
    let end = position(letters, from + 1, |letter| letter == quote);
    (end + 1).min(letters.len())
}

fn end_of_comment(letters: &[char], from: usize) -> usize {
    let (mut at, mut depth) = (from + 2, 1);
    while depth > 0 && at < letters.len() {
        match (letters.get(at), letters.get(at + 1)) {
            (Some('/'), Some('*')) => (at, depth) = (at + 2, depth + 1),
            (Some('*'), Some('/')) => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
    }
    at
}

/// The tag of a dollar-quoted string that begins here, with its dollars.
fn dollar_tag(letters: &[char], from: usize) -> Option<Vec<char>> {
    let end = position(letters, from + 1, |letter| {
        !(letter.is_alphanumeric() || letter == '_')
    });
    let first = letters.get(from + 1)?;
    let is_tag = letters.get(end) == Some(&'$') && !first.is_ascii_digit();
    is_tag.then(|| letters.get(from..=end).unwrap_or_default().to_vec())
}

fn end_of_dollar(letters: &[char], from: usize, tag: &[char]) -> usize {
    let body = from + tag.len();
    let rest = letters.get(body..).unwrap_or_default();
    let found = rest.windows(tag.len()).position(|window| window == tag);
    found.map_or(letters.len(), |found| body + found + tag.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_go_and_the_statement_stays() {
        for (sql, want) in [
            (
                "SELECT * FROM t1 WHERE a = 5 AND b='x''y'",
                "SELECT * FROM t1 WHERE a = ? AND b=?",
            ),
            (
                r"SELECT E'it\'s', U&'d\0061t', B'01', x'ff'",
                "SELECT ?, ?, ?, ?",
            ),
            (
                "SELECT $$a 'b' 1$$, $tag$ $$ 2 $tag$ , $1",
                "SELECT ?, ? , $1",
            ),
            (
                "SELECT 1.5e10, -3, a1, \"Col 2\"",
                "SELECT ?, -?, a1, \"Col 2\"",
            ),
            (
                "SELECT 1 /* secret /* nested */ 'x */ , 2 -- gone 3\n, 4",
                "SELECT ?  , ? \n, ?",
            ),
            ("INSERT INTO t VALUES ('open", "INSERT INTO t VALUES (?"),
            ("SELECT type 'x', table_e'y'", "SELECT type ?, table_e?"),
        ] {
            assert_eq!(redact(sql), want, "{sql}");
        }
    }

    #[test]
    fn a_long_statement_is_cut() {
        let sql = format!("SELECT {}", "a, ".repeat(5_000));
        assert!(redact(&sql).chars().count() <= MAX);
    }
}
