//! When to flush: the flusher's decisions, without clock, tasks or I/O.
//!
//! For a shared store only the leader flushes: it takes the store over for its term, goes on from
//! the store's own watermark, and announces each new watermark through the log. With a store of its
//! own every node flushes, and tells only itself. After any failure the watermark is read again
//! before the next flush, as the outcome is unknown (FLUSH-1).

use std::time::Duration;

use pga_runtime::Backoff;
use pga_storage::Position;

/// Pauses while the store is down.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_millis(100),
    longest: Duration::from_secs(5),
};

/// What the flusher is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fact {
    /// This node may flush for `term`, or may not.
    Duty(Option<u64>),
    /// Entries up to here may be flushed; `is_large`: as many bytes wait as one flush takes.
    Flushable { upto: Position, is_large: bool },
    /// The store was taken over and stands at this watermark.
    Taken { term: u64, watermark: Position },
    /// The store holds everything up to here, and `has_more` may be flushed at once.
    Flushed {
        term: u64,
        upto: Position,
        has_more: bool,
    },
    /// There was no push in the range: nothing was written, and nothing is announced.
    Empty { term: u64, upto: Position },
    /// Taking over or flushing failed, or nobody knows.
    Failed { term: u64 },
    /// The pause asked for is over.
    Woken,
}

/// What the flusher does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Take the store over for `term` and read its watermark.
    TakeOver { term: u64 },
    /// Flush pushes after `from`, whose store watermark is `after`, up to `upto`.
    Flush {
        term: u64,
        after: Position,
        from: Position,
        upto: Position,
    },
    /// Tell the cluster (or this node) where the store is.
    Announce(Position),
    /// Say [`Fact::Woken`] after this time.
    Wake(Duration),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Another node flushes.
    OffDuty,
    /// Waiting for the store's answer to a take-over.
    Taking,
    /// The store is ours; nothing is under way. `true`: a wake-up is on its way.
    Ready { waits: bool },
    /// One flush is under way.
    Flushing,
    /// Pausing after a failure.
    BackingOff,
}

/// The flusher's state.
#[derive(Debug)]
pub(crate) struct FlushPlan {
    interval: Duration,
    phase: Phase,
    term: u64,
    /// The store's watermark.
    watermark: Position,
    /// Up to here nothing is left to flush: at or after the watermark, over ranges without a push.
    seen: Position,
    flushable: Position,
    is_large: bool,
    failures: u32,
}

impl FlushPlan {
    /// A plan that flushes at the latest `interval` after something became flushable.
    pub(crate) fn new(interval: Duration) -> Self {
        Self {
            interval,
            phase: Phase::OffDuty,
            term: 0,
            watermark: Position::default(),
            seen: Position::default(),
            flushable: Position::default(),
            is_large: false,
            failures: 0,
        }
    }

    /// Takes a fact and answers what to do.
    pub(crate) fn on(&mut self, fact: Fact) -> Vec<Effect> {
        match fact {
            Fact::Duty(duty) => self.on_duty(duty),
            Fact::Flushable { upto, is_large } => {
                self.flushable = upto;
                self.is_large = is_large;
                self.proceed(false)
            }
            Fact::Taken { term, watermark } if self.is_current(term, Phase::Taking) => {
                self.failures = 0;
                self.watermark = watermark;
                self.seen = watermark;
                self.phase = Phase::Ready { waits: false };
                let mut effects = vec![Effect::Announce(watermark)];
                effects.extend(self.proceed(true));
                effects
            }
            Fact::Flushed {
                term,
                upto,
                has_more,
            } if self.is_current(term, Phase::Flushing) => {
                self.failures = 0;
                self.watermark = upto;
                self.seen = upto;
                self.phase = Phase::Ready { waits: false };
                let mut effects = vec![Effect::Announce(upto)];
                effects.extend(self.proceed(has_more));
                effects
            }
            Fact::Empty { term, upto } if self.is_current(term, Phase::Flushing) => {
                self.seen = upto;
                self.phase = Phase::Ready { waits: false };
                self.proceed(false)
            }
            Fact::Failed { term } if term == self.term => self.on_failure(),
            Fact::Woken => self.on_wake(),
            // A report of an older term, or of work that was given up.
            Fact::Taken { .. }
            | Fact::Flushed { .. }
            | Fact::Empty { .. }
            | Fact::Failed { .. } => Vec::new(),
        }
    }

    fn is_current(&self, term: u64, phase: Phase) -> bool {
        term == self.term && self.phase == phase
    }

    fn on_duty(&mut self, duty: Option<u64>) -> Vec<Effect> {
        match duty {
            None => {
                self.phase = Phase::OffDuty;
                Vec::new()
            }
            Some(term) if self.phase != Phase::OffDuty && term == self.term => Vec::new(),
            Some(term) => {
                self.term = term;
                self.failures = 0;
                self.take_over()
            }
        }
    }

    fn take_over(&mut self) -> Vec<Effect> {
        self.phase = Phase::Taking;
        vec![Effect::TakeOver { term: self.term }]
    }

    fn on_failure(&mut self) -> Vec<Effect> {
        if self.phase == Phase::OffDuty {
            return Vec::new();
        }
        self.failures = self.failures.saturating_add(1);
        self.phase = Phase::BackingOff;
        vec![Effect::Wake(BACKOFF.pause(self.failures))]
    }

    fn on_wake(&mut self) -> Vec<Effect> {
        match self.phase {
            Phase::BackingOff => self.take_over(),
            Phase::Ready { waits: true } => {
                self.phase = Phase::Ready { waits: false };
                self.proceed(true)
            }
            Phase::OffDuty | Phase::Taking | Phase::Ready { waits: false } | Phase::Flushing => {
                Vec::new()
            }
        }
    }

    /// Flushes if there is something: at once if `is_due` or much waits, else after the interval.
    fn proceed(&mut self, is_due: bool) -> Vec<Effect> {
        let Phase::Ready { waits } = self.phase else {
            return Vec::new();
        };
        if self.flushable.index <= self.seen.index {
            return Vec::new();
        }
        if is_due || self.is_large {
            self.phase = Phase::Flushing;
            self.is_large = false;
            return vec![Effect::Flush {
                term: self.term,
                after: self.watermark,
                from: self.seen,
                upto: self.flushable,
            }];
        }
        if waits {
            return Vec::new();
        }
        self.phase = Phase::Ready { waits: true };
        vec![Effect::Wake(self.interval)]
    }
}

#[cfg(test)]
mod tests;
