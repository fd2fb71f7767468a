//! How many events leave a server: a log that floods must not flood the cluster.
//!
//! # Rules
//! - In one second at most [`Limits::events`] and [`Limits::bytes`] are let through.
//! - Above that, critical events come first, then errors. What is left is shared equally among the
//!   other classes; each is sampled evenly over the second.
//! - Durations of statements above [`Limits::durations`] are summed by query id.
//! - What is left out is counted by class.
//!
//! The memory of the open second is bounded: at most [`Limits::events`] of a class, and four times
//! [`Limits::bytes`] in all, where one event of each class is kept however large it is.

mod durations;
mod sample;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::durations::DurationSum;

use self::durations::Durations;
use self::sample::{Held, Sample};
use crate::{Class, Event, Level, Timestamp};

/// What one server may send in one second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Events, without the sums of durations.
    pub events: usize,
    /// Bytes of their texts.
    pub bytes: usize,
    /// Durations of statements; more are summed.
    pub durations: usize,
    /// Query ids that the sums tell apart.
    pub query_ids: usize,
}

impl Default for Limits {
    /// 200 events, 1 MiB, 50 durations, 100 query ids.
    fn default() -> Self {
        Self {
            events: 200,
            bytes: 1 << 20,
            durations: 50,
            query_ids: 100,
        }
    }
}

/// What is let through of one second.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Second {
    /// The second, since the Unix epoch.
    pub second: i64,
    /// Events in the order in which they came.
    pub events: Vec<Event>,
    /// Durations that are no events, by query id.
    pub durations: Vec<DurationSum>,
    /// How many events of each class were left out.
    pub dropped: BTreeMap<Class, u64>,
}

/// Lets events through, second by second.
///
/// The caller says which time it is: that of its clock to limit what it sends, or the record's own
/// to limit what the server wrote, so that a backlog is not thinned out. A time before the open
/// second belongs to that.
#[derive(Clone, Debug)]
pub struct Limiter {
    limits: Limits,
    second: Option<i64>,
    arrivals: u64,
    critical: Vec<Held>,
    errors: Vec<Held>,
    others: BTreeMap<Class, Sample>,
    durations_seen: usize,
    durations: Durations,
    dropped: BTreeMap<Class, u64>,
}

impl Limiter {
    /// A limiter without any event.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            second: None,
            arrivals: 0,
            critical: Vec::new(),
            errors: Vec::new(),
            others: BTreeMap::new(),
            durations_seen: 0,
            durations: Durations::default(),
            dropped: BTreeMap::new(),
        }
    }

    /// Takes an event; answers the second that ended before it, if one did.
    pub fn offer(&mut self, event: Event, now: Timestamp) -> Option<Second> {
        let ended = self.take(now);
        if self.second.is_none() {
            self.second = Some(second_of(now));
        }
        if let Some(ms) = event.duration_ms() {
            self.durations_seen += 1;
            if self.durations_seen > self.limits.durations {
                self.durations
                    .add(event.record.query_id, ms, self.limits.query_ids);
                return ended;
            }
        }
        self.hold(event);
        ended
    }

    /// Answers the open second if it is over at `now`.
    pub fn take(&mut self, now: Timestamp) -> Option<Second> {
        let is_over = self.second.is_some_and(|second| second_of(now) > second);
        if is_over { self.finish() } else { None }
    }

    /// Answers the open second, over or not.
    pub fn finish(&mut self) -> Option<Second> {
        let second = self.second.take()?;
        let mut room = Room {
            events: self.limits.events,
            bytes: self.limits.bytes,
        };
        let mut through = Vec::new();
        for held in self.critical.drain(..).chain(self.errors.drain(..)) {
            let_through(held, &mut room, &mut through, &mut self.dropped);
        }
        let others = std::mem::take(&mut self.others);
        let shares = shares(&others, room.events);
        for ((class, sample), share) in others.into_iter().zip(shares) {
            let seen = sample.seen();
            let picked = sample.pick(share);
            count(&mut self.dropped, class, seen - picked.len() as u64);
            for held in picked {
                let_through(held, &mut room, &mut through, &mut self.dropped);
            }
        }
        through.sort_by_key(|held: &Held| held.arrival);
        self.durations_seen = 0;
        self.arrivals = 0;
        Some(Second {
            second,
            events: through.into_iter().map(|held| held.event).collect(),
            durations: self.durations.take(),
            dropped: std::mem::take(&mut self.dropped),
        })
    }

    fn hold(&mut self, event: Event) {
        let held = Held {
            arrival: self.arrivals,
            bytes: event.size_bytes(),
            event,
        };
        self.arrivals += 1;
        let first = match held.event.level() {
            Level::Critical => &mut self.critical,
            Level::Error => &mut self.errors,
            Level::Warning | Level::Notice | Level::Info => {
                let sample = self.others.entry(held.event.class()).or_default();
                sample.offer(held, self.limits.events);
                return self.bound();
            }
        };
        let bytes: usize = first.iter().map(|held| held.bytes).sum();
        if first.len() < self.limits.events && bytes < self.limits.bytes {
            first.push(held);
        } else {
            count(&mut self.dropped, held.event.class(), 1);
        }
    }

    /// Halves the largest sample while all of them are too large.
    fn bound(&mut self) {
        let most = self.limits.bytes.saturating_mul(2);
        while self.others.values().map(Sample::bytes).sum::<usize>() > most {
            let largest = self.others.values_mut().max_by_key(|sample| sample.bytes());
            match largest {
                Some(sample) if sample.len() > 1 => sample.halve(),
                _ => return,
            }
        }
    }
}

/// What may still pass in this second.
#[derive(Debug)]
struct Room {
    events: usize,
    bytes: usize,
}

/// Lets an event pass if there is room. One that is larger than the whole second passes alone.
fn let_through(
    held: Held,
    room: &mut Room,
    through: &mut Vec<Held>,
    dropped: &mut BTreeMap<Class, u64>,
) {
    let fits = room.events > 0 && (held.bytes <= room.bytes || through.is_empty());
    if fits {
        room.events -= 1;
        room.bytes = room.bytes.saturating_sub(held.bytes);
        through.push(held);
    } else {
        count(dropped, held.event.class(), 1);
    }
}

/// How many events each class may send: one after the other takes one more until none is left.
fn shares(others: &BTreeMap<Class, Sample>, mut room: usize) -> Vec<usize> {
    let mut shares = vec![0; others.len()];
    let mut is_growing = true;
    while is_growing {
        is_growing = false;
        for (share, sample) in shares.iter_mut().zip(others.values()) {
            if room > 0 && *share < sample.len() {
                *share += 1;
                room -= 1;
                is_growing = true;
            }
        }
    }
    shares
}

fn count(dropped: &mut BTreeMap<Class, u64>, class: Class, number: u64) {
    if number > 0 {
        *dropped.entry(class).or_default() += number;
    }
}

const fn second_of(time: Timestamp) -> i64 {
    time.micros().div_euclid(1_000_000)
}
