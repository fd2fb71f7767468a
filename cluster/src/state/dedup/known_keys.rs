//! The keys of one window, in the order they came.

use std::collections::VecDeque;

use hashbrown::HashTable;

/// A queue of distinct keys that can be looked up, in about 17 bytes a key: the table has places in
/// the queue, not keys.
#[derive(Debug, Default)]
pub(super) struct KnownKeys {
    queue: VecDeque<u64>,
    /// Numbers of the keys, which count up from the first key there ever was and wrap.
    numbers: HashTable<u32>,
    /// The number of the oldest key.
    oldest: u32,
}

impl KnownKeys {
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = u64> {
        self.queue.iter().copied()
    }

    /// Adds `key`, unless it is known already; whether it was new.
    pub(super) fn insert(&mut self, key: u64) -> bool {
        let Self {
            queue,
            numbers,
            oldest,
        } = self;
        let is_known = |number: &u32| key_of(queue, *oldest, *number) == Some(key);
        if numbers.find(key, is_known).is_some() {
            return false;
        }
        let number = oldest.wrapping_add(queue.len() as u32);
        if queue.len() == queue.capacity() {
            // By a quarter: twice the room would be the larger part of a window's memory.
            queue.reserve_exact(queue.len() / 4 + 4);
        }
        queue.push_back(key);
        numbers.insert_unique(key, number, |number| {
            key_of(queue, *oldest, *number).unwrap_or_default()
        });
        true
    }

    /// Forgets the oldest key.
    pub(super) fn pop_front(&mut self) {
        let Some(key) = self.queue.pop_front() else {
            return;
        };
        let number = self.oldest;
        self.oldest = number.wrapping_add(1);
        if let Ok(entry) = self.numbers.find_entry(key, |other| *other == number) {
            entry.remove();
        }
    }

    /// Gives back memory that has become far too much.
    pub(super) fn shrink(&mut self) {
        let Self {
            queue,
            numbers,
            oldest,
        } = self;
        if numbers.capacity() <= 4 * queue.len() + 64 {
            return;
        }
        queue.shrink_to(2 * queue.len());
        numbers.shrink_to(2 * queue.len(), |number| {
            key_of(queue, *oldest, *number).unwrap_or_default()
        });
    }
}

/// A key is its own hash, as it is one of the content.
fn key_of(queue: &VecDeque<u64>, oldest: u32, number: u32) -> Option<u64> {
    queue.get(number.wrapping_sub(oldest) as usize).copied()
}
