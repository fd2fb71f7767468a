//! What is peculiar about each collector (contract 2): all of it is seen in the field.

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// How a body is made into bytes, and what is said of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Q3.
    Plain,
    /// Q2, Q4: not compressed, and said to be.
    PlainAsGzip,
    /// Q1: a zlib stream, said to be gzip.
    ZlibAsGzip,
    /// As it should be.
    Gzip,
    /// Binary push, both of its layers compressed.
    Frame,
    /// Q6: binary push of a build without zstd, which says that both layers are compressed.
    FrameRaw,
}

/// How a time is written (contract 2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clock {
    Rfc3339,
    /// No zone.
    Naive,
    /// As PostgreSQL writes it: a space, and a short offset.
    Postgres,
    /// Unix seconds.
    Unix,
}

/// What a collector does after a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Memory {
    /// It forgets what was acknowledged (Q15: and keeps the rest, so that bodies grow).
    Usual,
    /// It sends the last push again with the next one, as it does with log lines (Q28).
    Repeats,
    /// It gives up waiting every third time, and never learns what became of the push.
    GivesUp,
}

/// What one collector is like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Habits {
    pub(super) encoding: Encoding,
    /// Of elements.
    pub(super) clock: Clock,
    /// Of the envelope.
    pub(super) envelope: Clock,
    pub(super) memory: Memory,
    /// Sends bodies that nobody can read as well (Q5, Q7).
    pub(super) is_broken: bool,
}

impl Habits {
    /// Those of collector `number`: all combinations of encoding, clock and memory come up.
    pub(super) fn of(number: u32) -> Self {
        const ENCODINGS: [Encoding; 6] = [
            Encoding::Plain,
            Encoding::PlainAsGzip,
            Encoding::ZlibAsGzip,
            Encoding::Gzip,
            Encoding::Frame,
            Encoding::FrameRaw,
        ];
        const CLOCKS: [Clock; 4] = [Clock::Rfc3339, Clock::Naive, Clock::Postgres, Clock::Unix];
        const MEMORIES: [Memory; 3] = [Memory::Usual, Memory::Repeats, Memory::GivesUp];
        fn pick<T: Copy>(from: &[T], n: u32) -> T {
            from[n as usize % from.len()]
        }
        Self {
            encoding: pick(&ENCODINGS, number),
            clock: pick(&CLOCKS, number),
            envelope: pick(&CLOCKS, number / 4 + 1),
            memory: pick(&MEMORIES, number / 6),
            is_broken: number.is_multiple_of(10),
        }
    }

    /// The token of collector `number`, good or not (Q19): none of them was issued.
    pub(super) fn token(number: u32, id: &str) -> Option<String> {
        match number % 4 {
            0 => None,
            1 => Some("dev-token".to_owned()),
            2 => Some(format!("test-token-{id}")),
            _ => Some("eyJhbGciOiJIUzI1NiJ9.e30=.not+base64/url".to_owned()),
        }
    }
}

impl Clock {
    /// Whole seconds, as the original has them.
    pub(super) fn write(self, at: OffsetDateTime) -> anyhow::Result<Value> {
        let at = at.replace_nanosecond(0)?;
        let text = at.format(&Rfc3339)?;
        let naive = text.trim_end_matches('Z');
        Ok(match self {
            Self::Rfc3339 => json!(text),
            Self::Naive => json!(naive),
            Self::Postgres => json!(format!("{}+00", naive.replace('T', " "))),
            Self::Unix => json!(at.unix_timestamp()),
        })
    }
}
