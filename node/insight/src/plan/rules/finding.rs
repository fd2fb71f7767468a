//! What a rule found.

use serde::Serialize;

use super::About;
use super::view::View;
use crate::plan::node::PlanNode;

/// Something wrong with a plan, why, and what to do about it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// The rule.
    #[serde(flatten)]
    pub about: About,
    /// Number of the node in preorder.
    pub node: u32,
    /// The nodes from the root to the node.
    pub path: String,
    /// The relation that the node reads.
    pub relation: Option<String>,
    /// Share of the execution that the node and all below it took, from 0 to 1.
    pub share: Option<f64>,
    /// Why it is slow.
    pub cause: String,
    /// The figures that show it.
    pub evidence: Vec<Evidence>,
    /// What to do, the first first.
    pub advice: Vec<String>,
    /// Time that a call would save; nothing if that cannot be told.
    pub gain: Option<Gain>,
    /// How sure it is, from 0 to 1.
    pub confidence: f64,
}

/// One figure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Evidence {
    /// What it is.
    pub name: &'static str,
    /// How much.
    pub value: f64,
    /// In what.
    pub unit: Unit,
}

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Rows.
    Rows,
    /// Blocks of 8 KiB.
    Blocks,
    /// Times that something happened.
    Count,
    /// Milliseconds.
    Milliseconds,
    /// Kibibytes.
    Kibibytes,
    /// A part of a whole, or one number by another.
    Ratio,
}

/// Time that a call would save, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Gain {
    /// At least.
    pub low_ms: f64,
    /// At most: all of the time that is at stake.
    pub high_ms: f64,
}

impl Finding {
    /// A finding about a node, without evidence and advice.
    pub(super) fn at(view: &View<'_>, about: About, node: &PlanNode, cause: String) -> Self {
        let titles: Vec<String> = view
            .plan
            .path(node.id)
            .iter()
            .map(|step| step.title())
            .collect();
        let mut finding = Self {
            about,
            node: node.id,
            path: titles.join(" > "),
            relation: node.target.relation.clone(),
            share: view.plan.total_share(node),
            cause,
            evidence: Vec::new(),
            advice: Vec::new(),
            gain: node.wall_ms().map(|high_ms| Gain {
                low_ms: 0.0,
                high_ms,
            }),
            confidence: view.confidence(),
        };
        if let Some(share) = finding.share {
            finding = finding.with("share", share, Unit::Ratio);
        }
        if let Some(calls) = view.facts.calls_per_day {
            finding = finding.with("calls per day", calls, Unit::Count);
        }
        finding
    }

    /// Adds a figure.
    pub(super) fn with(mut self, name: &'static str, value: f64, unit: Unit) -> Self {
        self.evidence.push(Evidence { name, value, unit });
        self
    }

    /// Adds advice, after what was added before.
    pub(super) fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice.push(advice.into());
        self
    }

    /// Adds advice if it applies.
    pub(super) fn advise_if(self, applies: bool, advice: &str) -> Self {
        if applies { self.advise(advice) } else { self }
    }

    /// Says which relation it is about, if the node itself does not.
    pub(super) fn about_relation(mut self, relation: Option<&str>) -> Self {
        self.relation = relation.map(str::to_owned).or(self.relation);
        self
    }

    /// Says how much time is at stake in milliseconds.
    pub(super) fn at_stake(mut self, high_ms: f64) -> Self {
        self.gain = Some(Gain {
            low_ms: 0.0,
            high_ms,
        });
        self
    }

    /// By what findings are put in order.
    pub(super) fn weight(&self) -> f64 {
        self.share.unwrap_or(0.0)
    }
}
