//! Row ids of series, cached in the writer's memory.

use hashbrown::HashTable;

use crate::store::series::SeriesKey;

/// Series held before the cache starts anew.
const CAPACITY: usize = 100_000;

/// Row ids by series, in the order in which the series were first seen.
///
/// A collector sends its series in the same order with each push. So the one behind the last that
/// was found is tried first, and most look-ups read memory in order; those of a hash table are all
/// over it, and wait for it.
#[derive(Debug, Default)]
pub(super) struct SeriesIds {
    entries: Vec<(SeriesKey, i64)>,
    /// Places in `entries`.
    places: HashTable<u32>,
    /// The place to try first.
    next: usize,
    /// Entries after these are of a transaction that may still roll back.
    committed: usize,
}

impl SeriesIds {
    /// Row id of the series `key`, if it is known.
    pub(super) fn find(&mut self, key: SeriesKey) -> Option<i64> {
        let is_at = |place: usize| self.entries.get(place).filter(|(found, _)| *found == key);
        let (place, id) = match is_at(self.next) {
            Some((_, id)) => (self.next, *id),
            None => {
                let found = |place: &u32| is_at(*place as usize).is_some();
                let place = *self.places.find(key.hash64(), found)? as usize;
                (place, is_at(place)?.1)
            }
        };
        self.next = place + 1;
        Some(id)
    }

    /// Adds a series that is not known.
    pub(super) fn insert(&mut self, key: SeriesKey, id: i64) {
        if self.entries.len() >= CAPACITY {
            *self = Self::default();
        }
        let Self {
            entries, places, ..
        } = self;
        // INVARIANT: there are fewer than `CAPACITY` entries.
        let place = entries.len() as u32;
        entries.push((key, id));
        places.insert_unique(key.hash64(), place, |place| {
            entries
                .get(*place as usize)
                .map_or(0, |(key, _)| key.hash64())
        });
        self.next = entries.len();
    }

    /// What was added stays.
    pub(super) const fn commit(&mut self) {
        self.committed = self.entries.len();
    }

    /// Forgets what was added since the last [`SeriesIds::commit`].
    pub(super) fn rollback(&mut self) {
        for (place, (key, _)) in (self.committed..).zip(self.entries.drain(self.committed..)) {
            let found = |other: &u32| *other as usize == place;
            if let Ok(entry) = self.places.find_entry(key.hash64(), found) {
                entry.remove();
            }
        }
        self.next = 0;
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{Sample, SampleForm, Timestamp};

    fn key(n: usize) -> SeriesKey {
        let sample = Sample {
            name: n.to_string(),
            labels: Vec::new(),
            time: Timestamp::default(),
            value: 0.0,
            form: SampleForm::default(),
        };
        SeriesKey::of(Uuid::nil(), &sample)
    }

    #[test]
    fn series_are_found_in_any_order_until_their_transaction_rolls_back() {
        let mut ids = SeriesIds::default();
        for n in 0..300 {
            assert_eq!(ids.find(key(n)), None);
            ids.insert(key(n), n as i64);
            if n == 199 {
                ids.commit();
            }
        }
        let backwards = (0..300).rev();
        for n in (0..300).chain(backwards).chain((0..300).step_by(7)) {
            assert_eq!(ids.find(key(n)), Some(n as i64));
        }
        ids.rollback();
        for n in 0..300 {
            assert_eq!(ids.find(key(n)), (n < 200).then_some(n as i64));
        }
        ids.insert(key(250), 7);
        assert_eq!(ids.find(key(250)), Some(7));
    }

    #[test]
    fn the_cache_starts_anew_when_it_is_full() {
        let mut ids = SeriesIds::default();
        for n in 0..=CAPACITY {
            ids.insert(key(n), n as i64);
        }
        assert_eq!(ids.entries.len(), 1);
        assert_eq!(ids.find(key(CAPACITY)), Some(CAPACITY as i64));
        assert_eq!(ids.find(key(0)), None);
    }
}
