//! What an index could look up of a condition.

use super::{Condition, is_column, words};

/// Operators that a B-tree looks up.
const COMPARISONS: [&str; 5] = ["=", "<", ">", "<=", ">="];
/// Operators of patterns (LIKE, ILIKE, regular expressions, prefixes).
const PATTERNS: [&str; 5] = ["~~", "~~*", "~", "~*", "^@"];

/// What an index on one table could look up of a condition: what is compared with something that
/// is not of this table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Served {
    /// Columns that stand by themselves, without the table's name.
    pub(crate) columns: Vec<String>,
    /// Functions and casts of columns, as the condition writes them.
    pub(crate) expressions: Vec<String>,
    /// Columns that are compared with a pattern.
    pub(crate) patterns: Vec<String>,
}

impl Served {
    /// Answers what an index on the table that the statement calls `alias` could look up.
    pub(crate) fn of(condition: &Condition, alias: Option<&str>) -> Self {
        let mut served = Self::default();
        for term in &condition.terms {
            served.add(term, alias);
        }
        served
    }

    fn add(&mut self, term: &str, alias: Option<&str>) {
        let words = words(term);
        let words = unwrapped(&words);
        let outside = outside(words);
        if outside.iter().any(|(_, word)| ["or", "not"].contains(word)) {
            return;
        }
        if let [column @ .., "is", "null"] = words {
            self.compared(column, alias);
            return;
        }
        if let [column] = words {
            // A boolean column.
            self.compared(&[column], alias);
            return;
        }
        let is_symbol = |word: &&str| !word.starts_with("::") && word.chars().all(is_operator);
        let mut symbols = outside.iter().filter(|(_, word)| is_symbol(word));
        let (Some((from, _)), to) = (symbols.next(), symbols.next_back()) else {
            return;
        };
        let to = to.map_or(*from, |(to, _)| *to);
        let Some(operator) = words.get(*from..=to).map(<[&str]>::concat) else {
            return;
        };
        let (left, right) = (
            words.get(..*from).unwrap_or_default(),
            words.get(to + 1..).unwrap_or_default(),
        );
        if PATTERNS.contains(&operator.as_str()) {
            if let Side::Column(name) = side(left, alias) {
                put(&mut self.patterns, name);
            }
        } else if COMPARISONS.contains(&operator.as_str()) {
            match (side(left, alias), side(right, alias)) {
                (Side::Foreign, _) => self.compared(right, alias),
                (_, Side::Foreign) => self.compared(left, alias),
                _ => {}
            }
        }
    }

    fn compared(&mut self, words: &[&str], alias: Option<&str>) {
        match side(words, alias) {
            Side::Column(name) => put(&mut self.columns, name),
            Side::Expression(text) => put(&mut self.expressions, text),
            Side::Foreign => {}
        }
    }
}

/// One side of a comparison.
enum Side {
    /// A column of the table alone.
    Column(String),
    /// Something made of columns of the table.
    Expression(String),
    /// Nothing of the table.
    Foreign,
}

fn side(words: &[&str], alias: Option<&str>) -> Side {
    let words = unwrapped(words);
    // What a varchar is compared as is no other value: its index serves.
    let words = match words {
        [bare @ .., "::text"] => unwrapped(bare),
        words => words,
    };
    let nexts = words.iter().skip(1).copied().chain([""]);
    let mut own = words
        .iter()
        .zip(nexts)
        .filter(|(word, next)| is_column(word) && *next != "(")
        .filter_map(|(word, _)| own_name(word, alias));
    match (own.next(), words) {
        (None, _) => Side::Foreign,
        (Some(name), [_]) => Side::Column(name.to_owned()),
        (Some(_), _) => Side::Expression(joined(words)),
    }
}

/// The name of a column of the table, without what stands before it.
fn own_name<'a>(column: &'a str, alias: Option<&str>) -> Option<&'a str> {
    let mut is_quoted = false;
    let dot = column.char_indices().rev().find(|(_, c)| {
        is_quoted ^= *c == '"';
        *c == '.' && !is_quoted
    });
    let Some((dot, _)) = dot else {
        return Some(column);
    };
    let (table, name) = column.split_at(dot);
    let is_own = alias.is_none_or(|alias| table.trim_matches('"') == alias);
    is_own.then(|| name.trim_start_matches('.'))
}

/// Words outside of all parentheses, with their places.
fn outside<'a>(words: &[&'a str]) -> Vec<(usize, &'a str)> {
    let mut depth = 0_i32;
    let mut outside = Vec::new();
    for (place, word) in words.iter().enumerate() {
        match *word {
            "(" => depth += 1,
            ")" => depth -= 1,
            word if depth == 0 => outside.push((place, word)),
            _ => {}
        }
    }
    outside
}

/// Takes off parentheses that enclose all words.
fn unwrapped<'a, 'b>(mut words: &'a [&'b str]) -> &'a [&'b str] {
    while let ["(", inner @ .., ")"] = words {
        let mut depth = 0_i32;
        let stays_inside = inner.iter().all(|word| {
            depth += match *word {
                "(" => 1,
                ")" => -1,
                _ => 0,
            };
            depth >= 0
        });
        if !stays_inside {
            break;
        }
        words = inner;
    }
    words
}

fn joined(words: &[&str]) -> String {
    let text = words.join(" ");
    text.replace(" ::", "::")
        .replace(" ( ", "(")
        .replace(" )", ")")
        .replace("( ", "(")
        .replace(" ,", ",")
}

fn is_operator(c: char) -> bool {
    "+-*/<>=~!@#%^&|`?:".contains(c) && c != '?'
}

fn put(names: &mut Vec<String>, name: String) {
    if !names.contains(&name) {
        names.push(name);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Place;
    use super::*;

    /// Columns, expressions and patterns, each with commas.
    fn served(text: &str) -> [String; 3] {
        let condition = Condition::read(Place::Filter, text);
        let served = Served::of(&condition, Some("o"));
        [served.columns, served.expressions, served.patterns].map(|names| names.join(", "))
    }

    #[test]
    fn columns_of_the_table_that_are_compared_are_served() {
        for (text, columns) in [
            ("(customer_id = 5)", "customer_id"),
            ("(o.customer_id = c.id)", "customer_id"),
            ("(c.id = o.customer_id)", "customer_id"),
            ("((a >= 1) AND (b IS NULL) AND (c <> 3))", "a, b"),
            ("(status = ANY ('{a,b}'::text[]))", "status"),
            ("((name)::text = 'x'::text)", "name"),
            ("(is_open)", "is_open"),
            ("(\"o\".\"The Key\" = 5)", "\"The Key\""),
            ("(c.id = 5)", ""),
            ("(\"Odd Table\".\"The Key\" = 5)", ""),
            ("((a = 1) OR (b = 2))", ""),
            ("(NOT (hashed SubPlan 1))", ""),
            ("(a = b)", ""),
        ] {
            assert_eq!(served(text), [columns, "", ""], "{text}");
        }
    }

    #[test]
    fn expressions_and_patterns_are_no_columns() {
        for (text, expressions, patterns) in [
            ("(lower(email) = 'x'::text)", "lower(email)", ""),
            (
                "((created)::date = '2026-03-02'::date)",
                "(created)::date",
                "",
            ),
            ("((a + 1) = 5)", "a + ?", ""),
            ("(note ~~ '%zzz%'::text)", "", "note"),
        ] {
            assert_eq!(served(text), ["", expressions, patterns], "{text}");
        }
    }
}
