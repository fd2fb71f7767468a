//! A problem: how it is made, what must be said about it, and how it is undone.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::BoxFuture;

use super::stage::Stage;
use super::watch::Finding;

/// Something that is done on a server.
pub(crate) type Step = for<'a> fn(&'a mut Stage) -> BoxFuture<'a, anyhow::Result<()>>;

/// What must be said.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Want {
    /// Who has to say it: a finding's `by`, or how it starts.
    pub(crate) by: &'static str,
    /// All of what it has to contain; `{A}` is a word of the stage.
    pub(crate) says: &'static [&'static str],
    /// At most this place among those of its list.
    pub(crate) rank: usize,
    /// Least improvement in percent that it has to promise.
    pub(crate) gain: f64,
    /// How long it may take.
    pub(crate) within: Duration,
}

impl Want {
    pub(crate) const fn new(by: &'static str, seconds: u64, says: &'static [&'static str]) -> Self {
        let within = Duration::from_secs(seconds);
        Self {
            by,
            says,
            rank: usize::MAX,
            gain: 0.0,
            within,
        }
    }

    pub(crate) const fn first(mut self) -> Self {
        self.rank = 1;
        self
    }

    /// The same, at any place.
    pub(crate) fn anywhere(&self) -> Self {
        Self {
            rank: usize::MAX,
            ..*self
        }
    }

    pub(crate) const fn saves(mut self, percent: f64) -> Self {
        self.gain = percent;
        self
    }

    /// Whether a finding is by whom this is to be said.
    pub(crate) fn is_by(&self, finding: &Finding) -> bool {
        finding.by.starts_with(self.by)
    }

    /// Whether a finding says it.
    pub(crate) fn is_met(&self, finding: &Finding, words: &BTreeMap<&'static str, String>) -> bool {
        let says = |text: &str| {
            let mut text = text.to_owned();
            for (name, word) in words {
                text = text.replace(&format!("{{{name}}}"), word);
            }
            finding.text.contains(&text)
        };
        let is_placed = finding.rank <= self.rank && finding.gain.unwrap_or(0.0) >= self.gain;
        self.is_by(finding) && is_placed && self.says.iter().all(|text| says(text))
    }
}

/// A problem.
pub(crate) struct Problem {
    pub(crate) number: &'static str,
    pub(crate) name: &'static str,
    /// Settings of its server.
    pub(crate) settings: &'static [&'static str],
    /// Whether it takes the processors of a small machine, so that no other one may run beside it.
    pub(crate) is_heavy: bool,
    /// SQL of what the server holds beside the tables of all problems before it is watched.
    pub(crate) holds: &'static str,
    /// What goes on before.
    pub(crate) before: Step,
    /// How long that goes on.
    pub(crate) usual: Duration,
    pub(crate) inject: Step,
    /// For how long the server is looked at, at least.
    pub(crate) lasts: Duration,
    pub(crate) wants: &'static [Want],
    /// Who may say more than is wanted: what follows from the problem.
    pub(crate) follows: &'static [&'static str],
    /// What would be the wrong cause: who, and what it would say.
    pub(crate) wrong: &'static [(&'static str, &'static str)],
    /// What is wanted after this further step.
    pub(crate) then: Option<(Step, &'static [Want])>,
}

pub(crate) fn nothing(_: &mut Stage) -> BoxFuture<'_, anyhow::Result<()>> {
    Box::pin(async { Ok(()) })
}

impl Problem {
    /// One that is injected into a server on which nothing goes on.
    pub(crate) const fn new(
        number: &'static str,
        name: &'static str,
        inject: Step,
        wants: &'static [Want],
    ) -> Self {
        Self {
            number,
            name,
            settings: &[],
            is_heavy: false,
            lasts: Duration::ZERO,
            holds: "",
            before: nothing,
            usual: Duration::from_secs(20),
            inject,
            wants,
            follows: &[],
            wrong: &[],
            then: None,
        }
    }
}
