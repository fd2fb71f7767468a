//! What a rule found.

use pg_query::protobuf::Node;
use serde::{Deserialize, Serialize};

use super::about::About;

/// Longest text of a place in bytes.
const MAX_PLACE_BYTES: usize = 500;

/// Something that could be written otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The rule, `w1` to `w17`.
    pub rule: String,
    /// The contract's `suggestion_type`, such as `subquery_optimization`.
    pub suggestion_type: String,
    /// What it is, in a few words.
    pub title: String,
    /// The part of the statement that it is about, at most 500 bytes of it.
    pub place: String,
    /// Whether the rewrite is proven.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// The whole statement, rewritten; nothing if the rule only advises.
    pub rewritten: Option<String>,
    /// Why it is faster.
    pub faster: String,
    /// Why it gives the same rows, or what it rests on.
    pub safety: String,
    /// Share of the plan's time that vanishes at most, in percent; nothing if no plan shows it.
    pub improvement_percent: Option<f64>,
    /// How sure it is, from 0 to 1.
    pub confidence: f64,
}

/// Whether a rewrite is proven.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", content = "question", rename_all = "snake_case")]
pub enum Verdict {
    /// The tree and the schema prove equal results.
    Safe,
    /// Equal results depend on the answer to this question.
    Question(String),
    /// There is nothing to put in the statement's place as it is.
    Advice,
}

impl Finding {
    pub(super) fn new(about: About, draft: Draft, rewritten: Option<String>) -> Self {
        Self {
            rule: about.id.to_owned(),
            suggestion_type: about.name.to_owned(),
            title: about.title.to_owned(),
            confidence: draft.confidence(),
            place: shortened(draft.place),
            verdict: draft.verdict,
            rewritten,
            faster: draft.faster,
            safety: draft.safety,
            improvement_percent: draft.share.map(|share| share.clamp(0.0, 1.0) * 100.0),
        }
    }
}

/// The start of a text that is too long to be shown.
fn shortened(mut text: String) -> String {
    if text.len() > MAX_PLACE_BYTES {
        text.truncate(text.floor_char_boundary(MAX_PLACE_BYTES));
        text.push('…');
    }
    text
}

/// What a rule found in one query.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) place: String,
    pub(super) verdict: Verdict,
    /// The query, rewritten.
    pub(super) replaced: Option<Node>,
    pub(super) faster: String,
    pub(super) safety: String,
    /// Share of the plan's time that vanishes, from 0 to 1.
    pub(super) share: Option<f64>,
    /// Whether a plan or statistics show that it costs something.
    pub(super) is_seen: bool,
}

impl Draft {
    /// A proven rewrite.
    pub(super) fn safe(place: String, replaced: Node) -> Self {
        Self {
            replaced: Some(replaced),
            verdict: Verdict::Safe,
            ..Self::advice(place)
        }
    }

    /// Advice without a rewrite.
    pub(super) fn advice(place: String) -> Self {
        Self {
            place,
            verdict: Verdict::Advice,
            replaced: None,
            faster: String::new(),
            safety: String::new(),
            share: None,
            is_seen: false,
        }
    }

    /// Makes equal results depend on an answer, if there is a question.
    pub(super) fn asking(mut self, question: Option<String>) -> Self {
        if let Some(question) = question {
            self.verdict = Verdict::Question(question);
        }
        self
    }

    pub(super) fn because(mut self, faster: impl Into<String>, safety: impl Into<String>) -> Self {
        self.faster = faster.into();
        self.safety = safety.into();
        self
    }

    /// Says which share of the plan's time vanishes, if a plan tells.
    pub(super) fn saving(mut self, share: Option<f64>) -> Self {
        self.is_seen |= share.is_some();
        self.share = share;
        self
    }

    /// Says that a plan or statistics show the cost.
    pub(super) fn seen(mut self) -> Self {
        self.is_seen = true;
        self
    }

    /// 0.9 proven and seen, 0.7 proven; what is asked or advised 0.2 less each.
    fn confidence(&self) -> f64 {
        match (&self.verdict, self.is_seen) {
            (Verdict::Safe, true) => 0.9,
            (Verdict::Safe, false) | (Verdict::Question(_), true) => 0.7,
            (Verdict::Question(_), false) | (Verdict::Advice, true) => 0.5,
            (Verdict::Advice, false) => 0.3,
        }
    }
}
