//! The last sample of one key, and how the next one is compared with it.

use serde::{Deserialize, Serialize};

use super::server::Server;
use crate::Timestamp;
use crate::store::mapper::Value;

/// First byte of an encoded state that tells no server; an older program reads no other.
const FORMAT_1: u8 = 1;
/// First byte of one that does.
const FORMAT_2: u8 = 2;

/// The last sample of one key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CounterState {
    /// When it was taken.
    pub time: Timestamp,
    pub(super) markers: Vec<Option<Timestamp>>,
    pub(super) counters: Vec<Option<Counter>>,
    pub(super) server: Server,
}

/// A state of the first format.
#[derive(Serialize, Deserialize)]
struct WithoutServer(Timestamp, Vec<Option<Timestamp>>, Vec<Option<Counter>>);

/// The value of one counter.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Counter {
    Int(i64),
    Float(f64),
}

impl Counter {
    pub(super) fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Int(n) => Some(Self::Int(*n)),
            Value::Float(n) => Some(Self::Float(*n)),
            _ => None,
        }
    }

    fn is_zero(self) -> bool {
        matches!(self, Self::Int(0)) || matches!(self, Self::Float(n) if n == 0.0)
    }

    pub(super) fn is_below(self, before: Self) -> bool {
        match (self, before) {
            (Self::Int(now), Self::Int(before)) => now < before,
            (now, before) => now.as_f64() < before.as_f64(),
        }
    }

    pub(super) fn as_f64(self) -> f64 {
        match self {
            Self::Int(n) => n as f64,
            Self::Float(n) => n,
        }
    }

    /// What was counted since `before`; nothing if the counter fell.
    pub(super) fn since(self, before: Self) -> Self {
        match (self, before) {
            (Self::Int(now), Self::Int(before)) => Self::Int(now.saturating_sub(before).max(0)),
            (now, before) => Self::Float((now.as_f64() - before.as_f64()).max(0.0)),
        }
    }

    fn plus(self, other: Self) -> Self {
        match (self, other) {
            (Self::Int(one), Self::Int(other)) => Self::Int(one.saturating_add(other)),
            (one, other) => Self::Float(one.as_f64() + other.as_f64()),
        }
    }

    const fn zero(self) -> Self {
        match self {
            Self::Int(_) => Self::Int(0),
            Self::Float(_) => Self::Float(0.0),
        }
    }
}

impl CounterState {
    /// The state as bytes: a format byte and MessagePack.
    ///
    /// # Errors
    /// Those of the encoder; plain data gives it no reason for any.
    pub fn encode(&self) -> Result<Vec<u8>, rmp_serde::encode::Error> {
        if self.server.is_unknown() {
            let mut bytes = vec![FORMAT_1];
            let parts = (self.time, &self.markers, &self.counters);
            rmp_serde::encode::write(&mut bytes, &parts)?;
            return Ok(bytes);
        }
        let mut bytes = vec![FORMAT_2];
        rmp_serde::encode::write(&mut bytes, self)?;
        Ok(bytes)
    }

    /// The state in `bytes`; `None` if they are none of ours, then the key begins anew.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        if let Some(rest) = bytes.strip_prefix(&[FORMAT_2]) {
            return crate::from_msgpack(rest).ok();
        }
        let rest = bytes.strip_prefix(&[FORMAT_1])?;
        let WithoutServer(time, markers, counters) = crate::from_msgpack(rest).ok()?;
        Some(Self {
            time,
            markers,
            counters,
            server: Server::default(),
        })
    }

    /// Adds what a row of the same key and time counts.
    pub(super) fn add(&mut self, other: &Self) {
        for (sum, counter) in self.counters.iter_mut().zip(&other.counters) {
            *sum = match (*sum, *counter) {
                (Some(one), Some(other)) => Some(one.plus(other)),
                (one, other) => one.or(other),
            };
        }
    }

    /// All zero, after counts, and no marker tells of a reset, nor a server of itself.
    pub(super) fn is_silent_after(&self, before: &Self) -> bool {
        let is_zero = |state: &Self| state.counters.iter().flatten().all(|c| c.is_zero());
        is_zero(self)
            && !is_zero(before)
            && !self.server.differs(&before.server)
            && self.marker_moves(before).all(|moves| moves.is_eq())
    }

    /// Whether another server counted this: it says so, or a marker moved backward.
    pub(super) fn is_elsewhere_after(&self, before: &Self) -> bool {
        self.server.differs(&before.server) || self.marker_moves(before).any(|moves| moves.is_lt())
    }

    /// How the markers that both have moved.
    fn marker_moves(&self, before: &Self) -> impl Iterator<Item = std::cmp::Ordering> {
        let markers = self.markers.iter().zip(&before.markers);
        markers.filter_map(|(now, before)| Some((*now)?.cmp(&(*before)?)))
    }

    /// Whether counting began anew: a marker moved forward, or the first counter fell.
    pub(super) fn is_reset_since(&self, before: &Self) -> bool {
        let first = |state: &Self| state.counters.first().copied().flatten();
        let fell = matches!((first(self), first(before)), (Some(now), Some(before)) if now.is_below(before));
        fell || self.marker_moves(before).any(|moves| moves.is_gt())
    }

    /// What the next sample is compared with: a value that is missing here is the last one there
    /// was, or 0 after a reset.
    pub(super) fn after(self, before: &Self) -> Self {
        let is_reset = self.is_reset_since(before);
        let known = before
            .counters
            .iter()
            .copied()
            .chain(std::iter::repeat(None));
        let kept = |(now, before): (Option<Counter>, Option<Counter>)| {
            now.or(before.map(|before| if is_reset { before.zero() } else { before }))
        };
        let counters = self.counters.iter().copied().zip(known).map(kept).collect();
        let known = before
            .markers
            .iter()
            .copied()
            .chain(std::iter::repeat(None));
        let markers = self.markers.iter().copied().zip(known);
        let markers = markers.map(|(now, before)| now.or(before)).collect();
        Self {
            time: self.time,
            markers,
            counters,
            server: self.server.or(&before.server),
        }
    }

    /// The beginning, at `time`, of all that this sample counts.
    pub(super) fn begun_at(&self, time: Timestamp) -> Self {
        let zero = |counter: &Option<Counter>| counter.map(Counter::zero);
        Self {
            time,
            markers: Vec::new(),
            server: Server::default(),
            counters: self.counters.iter().map(zero).collect(),
        }
    }
}
