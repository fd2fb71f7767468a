//! What a session remembers of its pushes beside what is stored: the last error, bad elements, and
//! the collector's clock.

use std::time::Duration;

use pga_cluster::{CollectorError, CollectorHealth};
use pga_config::{CollectorId, NodeId};
use pga_runtime::Instant;
use pga_storage::Timestamp;
use pga_web::{PushNote, PushProblem};

/// How often the same error is written down, and any.
const SAME_ERROR: Duration = Duration::from_secs(60);
const ANY_ERROR: Duration = Duration::from_secs(10);
/// How soon a clock is judged first, how often later, and by how many pushes at least.
const CLOCK_FIRST: Duration = Duration::from_secs(60);
const CLOCK_EVERY: Duration = Duration::from_secs(600);
const CLOCK_PUSHES: u32 = 3;
/// A clock is written down anew if it moved by so much, in milliseconds.
const CLOCK_MOVED: u64 = 1_000;
/// Bytes of a message that are kept.
const MAX_MESSAGE: usize = 500;

/// The notes of one session.
#[derive(Debug)]
pub(super) struct Notes {
    has_bad_elements: bool,
    told: Option<(&'static str, Instant)>,
    /// The furthest that a push was ahead of this node's clock since then, and of how many: pushes
    /// are late for many reasons, and early for one.
    ahead_ms: Option<i64>,
    pushes: u32,
    since: Instant,
    clock_told: Option<i64>,
}

impl Notes {
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            has_bad_elements: false,
            told: None,
            ahead_ms: None,
            pushes: 0,
            since: now,
            clock_told: None,
        }
    }

    /// Takes a note; what of it the cluster is to know, if there is anything new.
    pub(super) fn take(
        &mut self,
        note: &PushNote,
        (node, at, now): (NodeId, Timestamp, Instant),
    ) -> Option<CollectorHealth> {
        self.log_elements(note);
        let health = CollectorHealth {
            last_error: note
                .problem
                .as_ref()
                .filter(|problem| self.is_news(problem, now))
                .map(|problem| CollectorError {
                    reason: problem.reason.to_owned(),
                    message: pga_alerts::brief(&problem.message, MAX_MESSAGE),
                    at,
                    node,
                }),
            ahead_ms: self.clock(note, now),
        };
        (health != CollectorHealth::default()).then_some(health)
    }

    /// Nothing of what was told counts as told.
    pub(super) const fn forget(&mut self) {
        (self.told, self.clock_told) = (None, None);
    }

    /// One line for the operator when a collector begins to send bad elements, and when it ends.
    fn log_elements(&mut self, note: &PushNote) {
        let is_refused = note.problem.as_ref().is_some_and(|one| one.elements == 0);
        let bad = note.problem.as_ref().map_or(0, |problem| problem.elements);
        if is_refused || (bad > 0) == self.has_bad_elements {
            return;
        }
        self.has_bad_elements = bad > 0;
        let collector: CollectorId = note.collector;
        match &note.problem {
            Some(problem) => tracing::warn!(
                %collector,
                elements = bad,
                reason = problem.reason,
                "a collector sends elements that are refused; the others of its pushes are stored"
            ),
            None => {
                tracing::info!(%collector, "a collector sends no more elements that are refused")
            }
        }
    }

    fn is_news(&mut self, problem: &PushProblem, now: Instant) -> bool {
        let is_told = self.told.is_some_and(|(reason, at)| {
            let since = now.duration_since(at);
            since < ANY_ERROR || reason == problem.reason && since < SAME_ERROR
        });
        if !is_told {
            self.told = Some((problem.reason, now));
        }
        !is_told
    }

    fn clock(&mut self, note: &PushNote, now: Instant) -> Option<i64> {
        let (sent, received) = note.times?;
        let ahead = (sent.micros() - received.micros()) / 1_000;
        self.ahead_ms = Some(self.ahead_ms.map_or(ahead, |before| before.max(ahead)));
        self.pushes += 1;
        let every = match self.clock_told {
            None => CLOCK_FIRST,
            Some(_) => CLOCK_EVERY,
        };
        if self.pushes < CLOCK_PUSHES || now.duration_since(self.since) < every {
            return None;
        }
        (self.pushes, self.since) = (0, now);
        let ahead = self.ahead_ms.take()?;
        let has_moved = self
            .clock_told
            .is_none_or(|told| told.abs_diff(ahead) >= CLOCK_MOVED);
        has_moved.then(|| *self.clock_told.insert(ahead))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(sent_ms: i64, problem: Option<(&'static str, u64)>) -> PushNote {
        let at = |ms: i64| Timestamp::from_micros(ms * 1_000);
        PushNote {
            collector: CollectorId::from_external("c"),
            times: Some((at(sent_ms), at(10_000))),
            problem: problem.map(|(reason, elements)| PushProblem {
                reason,
                message: "no".into(),
                elements,
            }),
        }
    }

    #[test]
    fn an_error_is_told_once_a_minute_and_another_one_soon() {
        let begin = pga_runtime::now();
        let mut notes = Notes::new(begin);
        let told = [
            ("json", 0),
            ("series_limit", 9),
            ("json", 59),
            ("series_limit", 59),
            ("series_limit", 118),
            ("series_limit", 119),
        ]
        .map(|(reason, seconds)| {
            let now = begin + Duration::from_secs(seconds);
            let at = (NodeId::new(2), Timestamp::from_micros(5), now);
            let mut note = note(0, Some((reason, 0)));
            note.times = None;
            let health = notes.take(&note, at);
            health.and_then(|health| Some(health.last_error?.reason))
        });
        let want = [
            Some("json"),
            None,
            None,
            Some("series_limit"),
            None,
            Some("series_limit"),
        ];
        assert_eq!(
            told.map(|reason| reason.unwrap_or_default()),
            want.map(Option::unwrap_or_default)
        );
    }

    #[test]
    fn a_clock_is_judged_by_its_earliest_push_and_told_when_it_moved() {
        let begin = pga_runtime::now();
        let mut notes = Notes::new(begin);
        // A backlog's times are old, and say nothing.
        let told: Vec<_> = [
            (0, 1_000),
            (30, 9_900),
            (59, 2_000),
            (61, 3_000),
            (90, 9_950),
            (100, 9_940),
            (122, 9_930),
            (662, 9_500),
            (700, 13_000),
            (800, 1),
            (1_270, 1),
        ]
        .into_iter()
        .filter_map(|(seconds, sent_ms)| {
            let now = begin + Duration::from_secs(seconds);
            let at = (NodeId::new(2), Timestamp::from_micros(5), now);
            let health = notes.take(&note(sent_ms, None), at)?;
            Some((seconds, health.ahead_ms?))
        })
        .collect();
        assert_eq!(told, [(61, -100), (1_270, 3_000)]);
    }

    #[test]
    fn a_change_of_bad_elements_is_logged_once() {
        let begin = pga_runtime::now();
        let mut notes = Notes::new(begin);
        let states = [(1, true), (2, true), (0, false)].map(|(elements, want)| {
            let problem = (elements > 0).then_some(("nul", elements));
            notes.log_elements(&note(0, problem));
            (notes.has_bad_elements, want)
        });
        assert!(
            states.iter().all(|(found, want)| found == want),
            "{states:?}"
        );
        notes.log_elements(&note(0, Some(("nul", 1))));
        notes.log_elements(&note(0, Some(("json", 0))));
        assert!(
            notes.has_bad_elements,
            "a push that is refused whole says nothing of that"
        );
    }
}
