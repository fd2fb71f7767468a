//! Conditions of a node, without their constants.

mod served;

use serde::Serialize;

pub(crate) use self::served::Served;
use crate::token_text;

/// Where a node tests a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Inside the index.
    IndexCond,
    /// On each row.
    Filter,
    /// On each pair of rows.
    JoinFilter,
    /// By a hash table.
    HashCond,
    /// By merging sorted inputs.
    MergeCond,
    /// On rows of a bitmap whose match was lossy.
    RecheckCond,
    /// Once, before the first row.
    OneTimeFilter,
    /// On the place of a row in its table.
    TidCond,
    /// The order that an index gives.
    OrderBy,
}

impl Place {
    /// All places, with EXPLAIN's names.
    pub(super) const ALL: [(Self, &'static str); 9] = [
        (Self::IndexCond, "Index Cond"),
        (Self::Filter, "Filter"),
        (Self::JoinFilter, "Join Filter"),
        (Self::HashCond, "Hash Cond"),
        (Self::MergeCond, "Merge Cond"),
        (Self::RecheckCond, "Recheck Cond"),
        (Self::OneTimeFilter, "One-Time Filter"),
        (Self::TidCond, "TID Cond"),
        (Self::OrderBy, "Order By"),
    ];
}

/// A condition, its constants and parameters as `?`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Condition {
    /// Where it is tested.
    pub place: Place,
    /// Its terms, which all must hold, in the order of the alphabet.
    pub terms: Vec<String>,
    /// Whether it holds a parameter: the plan is generic.
    pub has_parameter: bool,
}

impl Condition {
    /// Reads what EXPLAIN writes.
    pub(super) fn read(place: Place, text: &str) -> Self {
        let mut terms = and_terms(&without_casts(&token_text(text)));
        terms.sort_unstable();
        terms.dedup();
        Self {
            place,
            terms,
            has_parameter: has_parameter(text),
        }
    }

    /// Columns that it names, in the order of their first use, as the statement calls them.
    #[must_use]
    pub fn columns(&self) -> Vec<String> {
        let mut columns: Vec<String> = Vec::new();
        for term in &self.terms {
            for column in columns_of(term) {
                if !columns.contains(&column) {
                    columns.push(column);
                }
            }
        }
        columns
    }

    /// Whether a column stands inside a cast or a function, where no plain index or pruning helps.
    #[must_use]
    pub fn wraps_column(&self) -> bool {
        self.terms.iter().any(|term| {
            let words = words(term);
            let cast = words
                .iter()
                .zip(words.iter().skip(1))
                .any(|(word, next)| (is_column(word) || *word == ")") && next.starts_with("::"));
            let call = words.windows(3).any(|three| match three {
                [name, open, inner] => is_column(name) && *open == "(" && is_column(inner),
                _ => false,
            });
            cast || call
        })
    }
}

/// Whether `$1` or the like stands in the text, outside of literals.
fn has_parameter(text: &str) -> bool {
    let outside = text.split('\'').step_by(2);
    outside.into_iter().any(|part| {
        part.split('$')
            .skip(1)
            .any(|after| after.starts_with(|c: char| c.is_ascii_digit()))
    })
}

/// Drops the types of constants: a parameter has none, and the two must be equal.
fn without_casts(text: &str) -> String {
    let mut parts = text.split("?::");
    let mut clean = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let is_type = |c: char| c.is_alphanumeric() || matches!(c, '_' | '[' | ']' | '.' | '"');
        let mut rest = part.trim_start_matches(is_type);
        for more in [
            " with time zone",
            " without time zone",
            " varying",
            " precision",
        ] {
            rest = rest.strip_prefix(more).unwrap_or(rest);
        }
        clean.push('?');
        clean.push_str(rest);
    }
    clean
}

/// The terms between the uppermost ANDs, without the parentheses around each.
fn and_terms(text: &str) -> Vec<String> {
    let text = unwrapped(text);
    let mut terms = vec![String::new()];
    let mut depth = 0_i32;
    for word in words(text) {
        depth += match word {
            "(" => 1,
            ")" => -1,
            _ => 0,
        };
        if depth == 0 && word == "and" {
            terms.push(String::new());
        } else if let Some(term) = terms.last_mut() {
            if !term.is_empty() {
                term.push(' ');
            }
            term.push_str(word);
        }
    }
    if let [only] = terms.as_slice() {
        return vec![only.clone()];
    }
    terms
        .iter()
        .map(|term| unwrapped(term).trim().to_owned())
        .collect()
}

/// Takes off parentheses that enclose the whole text.
fn unwrapped(text: &str) -> &str {
    let mut text = text.trim();
    while let Some(inner) = text
        .strip_prefix('(')
        .and_then(|inner| inner.strip_suffix(')'))
    {
        let mut depth = 0_i32;
        let stays_inside = inner.chars().all(|c| {
            depth += match c {
                '(' => 1,
                ')' => -1,
                _ => 0,
            };
            depth >= 0
        });
        if !stays_inside {
            break;
        }
        text = inner.trim();
    }
    text
}

/// Words of a normalised text: parentheses apart, casts with their type, quoted names whole.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut begun: Option<usize> = None;
    let mut is_quoted = false;
    let word = |from: Option<usize>, to: usize| from.and_then(|from| text.get(from..to));
    for (at, letter) in text.char_indices() {
        let is_cast = text.get(at..).is_some_and(|rest| rest.starts_with("::"));
        match letter {
            '"' => {
                is_quoted = !is_quoted;
                begun = begun.or(Some(at));
            }
            _ if is_quoted => {}
            '(' | ')' | ',' => {
                words.extend(word(begun.take(), at));
                words.extend(text.get(at..=at));
            }
            _ if letter.is_whitespace() => words.extend(word(begun.take(), at)),
            ':' if is_cast && begun.is_some() => {
                words.extend(word(begun, at));
                begun = Some(at);
            }
            _ => begun = begun.or(Some(at)),
        }
    }
    words.extend(word(begun, text.len()));
    words
}

fn columns_of(term: &str) -> Vec<String> {
    let words = words(term);
    let nexts = words.iter().skip(1).copied().chain([""]);
    let columns = words
        .iter()
        .zip(nexts)
        .filter(|(word, next)| is_column(word) && *next != "(");
    columns.map(|(word, _)| (*word).to_owned()).collect()
}

fn is_column(word: &str) -> bool {
    const KEYWORDS: [&str; 17] = [
        "and", "or", "not", "is", "null", "true", "false", "any", "all", "array", "case", "when",
        "then", "else", "end", "in", "row",
    ];
    let first = word.chars().next();
    let is_name = first.is_some_and(|c| c.is_alphabetic() || c == '_' || c == '"');
    is_name && !KEYWORDS.contains(&word) && !word.starts_with("subplan")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_and_the_order_of_terms_do_not_matter() {
        for (one, other) in [
            ("(id = 1)", "(id = $1)"),
            (
                "((a = 1) AND (b = 'x'::text))",
                "((b = 'y'::text) AND (a = 2))",
            ),
            ("(st = ANY ('{a,b}'::text[]))", "(st = ANY ($1))"),
            ("(t > '2026-01-01'::timestamp with time zone)", "(t > $2)"),
        ] {
            let read = |text| Condition::read(Place::Filter, text).terms;
            assert_eq!(read(one), read(other));
        }
    }

    #[test]
    fn columns_and_wrappings_are_found() {
        for (text, columns, wraps) in [
            (
                "((o.a = 1) AND (lower(b) = 'x'::text))",
                vec!["b", "o.a"],
                true,
            ),
            ("((t)::date = '2026-01-01'::date)", vec!["t"], true),
            ("(a = $1)", vec!["a"], false),
            ("(a IS NOT NULL)", vec!["a"], false),
        ] {
            let condition = Condition::read(Place::Filter, text);
            assert_eq!(condition.columns(), columns, "{:?}", condition.terms);
            assert_eq!(condition.wraps_column(), wraps, "{text}");
            assert_eq!(condition.has_parameter, text.contains('$'), "{text}");
        }
    }
}
