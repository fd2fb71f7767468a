//! A sample of what one class said in one second: evenly spaced, of bounded size.

use crate::Event;

/// An event and its place in the order of arrival.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) arrival: u64,
    pub(super) bytes: usize,
    pub(super) event: Event,
}

/// Every n-th event of a class; n doubles whenever the sample is full.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    held: Vec<Held>,
    bytes: usize,
    stride: u64,
    seen: u64,
}

impl Default for Sample {
    fn default() -> Self {
        Self {
            held: Vec::new(),
            bytes: 0,
            stride: 1,
            seen: 0,
        }
    }
}

impl Sample {
    /// Takes an event or leaves it out; the bytes that are held change by the answer.
    pub(super) fn offer(&mut self, held: Held, most: usize) {
        let is_turn = self.seen.is_multiple_of(self.stride);
        self.seen += 1;
        if !is_turn {
            return;
        }
        self.bytes += held.bytes;
        self.held.push(held);
        if self.held.len() > most {
            self.halve();
        }
    }

    /// Leaves out every second event.
    pub(super) fn halve(&mut self) {
        self.stride = self.stride.saturating_mul(2);
        let mut is_kept = false;
        self.held.retain(|_| {
            is_kept = !is_kept;
            is_kept
        });
        self.bytes = self.held.iter().map(|held| held.bytes).sum();
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) const fn len(&self) -> usize {
        self.held.len()
    }

    /// How many events the class had.
    pub(super) const fn seen(&self) -> u64 {
        self.seen
    }

    /// `count` of the events, evenly spaced.
    pub(super) fn pick(self, count: usize) -> Vec<Held> {
        let length = self.held.len();
        let mut picked = 0;
        let chosen = self.held.into_iter().enumerate().filter(|(at, _)| {
            // The n-th pick is at the n-th of `count` equal parts.
            let is_next = picked < count && *at * count >= picked * length;
            picked += usize::from(is_next);
            is_next
        });
        chosen.map(|(_, held)| held).collect()
    }
}
