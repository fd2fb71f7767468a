//! One element of a push.

use crate::Timestamp;

/// One element of a push, as a collector sent it.
#[derive(Clone, Debug, PartialEq)]
pub enum Element {
    /// A plain `name/value/labels` sample (contract 3.6).
    Sample(Sample),
    /// Anything else: a typed element (`pg_stats`, `sysstat`, …), of a known type or not.
    Document(Document),
}

/// How a plain sample wrote its optional parts, so that it reads back as it was sent.
///
/// It is part of the series' identity in the stores: one client always writes one form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SampleForm(u8);

impl SampleForm {
    /// The sample had a `timestamp`, in whole Unix seconds.
    pub const UNIX_SECONDS: u8 = 1;
    /// The sample had a `labels` object.
    pub const LABELS: u8 = 2;
    /// The sample had a `tags` object in place of `labels`.
    pub const TAGS: u8 = 4;

    /// From the stored bits.
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// The bits, for storing.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether all of `bits` are set.
    pub const fn has(self, bits: u8) -> bool {
        self.0 & bits == bits
    }
}

/// A plain sample: exactly `name`, `value` (a finite number that an f64 holds without loss), an
/// optional `timestamp` in whole Unix seconds and optional `labels` or `tags` of strings.
///
/// An element without `type` that has more, or other forms, is a [`Document`] of kind `samples`.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Metric name.
    pub name: String,
    /// Labels or tags, ordered by key; a key stands once.
    pub labels: Vec<(String, String)>,
    /// The sample's own time, else the envelope's.
    pub time: Timestamp,
    /// The value.
    pub value: f64,
    /// How the optional parts were written.
    pub form: SampleForm,
}

/// A typed element, kept whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// The element's `type`; `samples` for one without a type.
    pub kind: String,
    /// The element's own time, else the envelope's.
    pub time: Timestamp,
    /// The element's top-level `database`, or empty.
    pub database: String,
    /// The whole element as compact JSON, keys ordered bytewise, as it was sent.
    pub body: Vec<u8>,
}

impl Element {
    /// The kind of plain samples.
    pub const SAMPLES: &'static str = "samples";

    /// The element's type: `samples` for a plain one.
    pub fn kind(&self) -> &str {
        match self {
            Self::Sample(_) => Self::SAMPLES,
            Self::Document(document) => &document.kind,
        }
    }

    /// The element's time.
    pub fn time(&self) -> Timestamp {
        match self {
            Self::Sample(sample) => sample.time,
            Self::Document(document) => document.time,
        }
    }
}
