//! `log_line_prefix` as a parser.
//!
//! Each escape becomes a pattern, the rest is literal. A free text reaches to the first place from
//! which the rest of the prefix fits and a label (`ERROR:  `) follows.

mod matching;

use serde::{Deserialize, Serialize};

use self::matching::Match;
use super::label::Label;
use super::record::Record;
use crate::Zones;

/// What one escape stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    /// `%a`.
    Application,
    /// `%u`.
    User,
    /// `%d`.
    Database,
    /// `%r`: host and port.
    HostAndPort,
    /// `%h`.
    Host,
    /// `%b` (13 and later).
    BackendType,
    /// `%p`.
    Pid,
    /// `%l`.
    LineNumber,
    /// `%t`, `%m`.
    Time,
    /// `%n`.
    Epoch,
    /// `%e`.
    Sqlstate,
    /// `%c`.
    SessionId,
    /// `%Q` (14 and later).
    QueryId,
    /// Free text of no use: `%i`, `%L`.
    IgnoredText,
    /// A number of no use: `%P`, `%x`.
    IgnoredNumber,
    /// A time of no use: `%s`, the start of the session.
    IgnoredTime,
    /// `%v`.
    VirtualTransaction,
}

impl Field {
    fn of(letter: char) -> Option<Self> {
        Some(match letter {
            'a' => Self::Application,
            'u' => Self::User,
            'd' => Self::Database,
            'r' => Self::HostAndPort,
            'h' => Self::Host,
            'b' => Self::BackendType,
            'p' => Self::Pid,
            'l' => Self::LineNumber,
            't' | 'm' => Self::Time,
            'n' => Self::Epoch,
            'e' => Self::Sqlstate,
            'c' => Self::SessionId,
            'Q' => Self::QueryId,
            'i' | 'L' => Self::IgnoredText,
            'P' | 'x' => Self::IgnoredNumber,
            's' => Self::IgnoredTime,
            'v' => Self::VirtualTransaction,
            _ => return None,
        })
    }

    /// Whether any character may be in it.
    const fn is_free(self) -> bool {
        matches!(
            self,
            Self::Application
                | Self::User
                | Self::Database
                | Self::HostAndPort
                | Self::Host
                | Self::BackendType
                | Self::IgnoredText
        )
    }
}

/// One piece of a compiled prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    /// Text as it stands.
    Literal(String),
    /// An escape; `width` is the least length in bytes; with `is_left`, spaces follow the value.
    Escape {
        field: Field,
        letter: char,
        width: usize,
        is_left: bool,
    },
    /// `%q`: processes without a session stop here.
    Stop,
}

/// What makes records of a prefix less useful than they could be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum PrefixIssue {
    /// Two free texts stand side by side: nothing tells where the first ends.
    Ambiguous {
        /// The escapes, `%u%d`.
        escapes: String,
    },
    /// No `%m`, `%t` or `%n`: records have no time.
    NoTime,
    /// No `%p` and no `%c`: records of sessions cannot be told apart.
    NoProcess,
    /// No `%c %l`: a record that is read twice cannot be recognised.
    NoIdentity,
    /// No `%e`: classes are found by text only, unless `log_error_verbosity` is `verbose`.
    NoSqlstate,
}

/// A compiled `log_line_prefix`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix {
    pieces: Vec<Piece>,
}

impl Prefix {
    /// Compiles the value of the setting `log_line_prefix`. Any text is one; escapes that the
    /// server does not know print nothing, and so they match nothing.
    ///
    /// # Source
    /// `log_status_format` of PostgreSQL's `elog.c`.
    #[must_use]
    pub fn compile(setting: &str) -> Self {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = setting.chars().peekable();
        while let Some(c) = rest.next() {
            if c != '%' {
                literal.push(c);
                continue;
            }
            let mut padding = String::new();
            while let Some(c) = rest.next_if(|c| c.is_ascii_digit() || *c == '-') {
                padding.push(c);
            }
            let Some(letter) = rest.next() else { break };
            let piece = match letter {
                '%' => {
                    literal.push('%');
                    continue;
                }
                'q' => Some(Piece::Stop),
                letter => Field::of(letter).map(|field| Piece::Escape {
                    field,
                    letter,
                    width: padding.trim_start_matches('-').parse().unwrap_or(0),
                    is_left: padding.starts_with('-'),
                }),
            };
            if let Some(piece) = piece {
                if !literal.is_empty() {
                    pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                }
                pieces.push(piece);
            }
        }
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        Self { pieces }
    }

    /// What a person who sets the prefix should know, in a stable order.
    #[must_use]
    pub fn issues(&self) -> Vec<PrefixIssue> {
        let has = |wanted: &[Field]| {
            let mut fields = self.pieces.iter().filter_map(Piece::field);
            fields.any(|field| wanted.contains(&field))
        };
        let pairs = self.pieces.iter().zip(self.pieces.iter().skip(1));
        let mut issues: Vec<PrefixIssue> = pairs
            .filter_map(|(one, two)| {
                let (one, two) = (one.free_letter()?, two.free_letter()?);
                Some(PrefixIssue::Ambiguous {
                    escapes: format!("%{one}%{two}"),
                })
            })
            .collect();
        if !has(&[Field::Time, Field::Epoch]) {
            issues.push(PrefixIssue::NoTime);
        }
        if !has(&[Field::Pid, Field::SessionId]) {
            issues.push(PrefixIssue::NoProcess);
        }
        if !(has(&[Field::SessionId]) && has(&[Field::LineNumber])) {
            issues.push(PrefixIssue::NoIdentity);
        }
        if !has(&[Field::Sqlstate]) {
            issues.push(PrefixIssue::NoSqlstate);
        }
        issues
    }

    /// Reads a line: the fields of its prefix, its label, and the text behind that. `None` is a
    /// line that does not start with this prefix and a label.
    pub(super) fn parse<'a>(
        &self,
        line: &'a str,
        zones: &Zones,
    ) -> Option<(Record, Label, &'a str)> {
        Match::new(&self.pieces, line, zones).run()
    }
}

impl Piece {
    const fn field(&self) -> Option<Field> {
        match self {
            Self::Escape { field, .. } => Some(*field),
            _ => None,
        }
    }

    const fn free_letter(&self) -> Option<char> {
        match self {
            Self::Escape { field, letter, .. } if field.is_free() => Some(*letter),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
