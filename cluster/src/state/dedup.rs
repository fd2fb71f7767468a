//! Windows of content keys: what makes a repeated element known (DEDUP-1).
//!
//! Per collector a queue for age and a table for look-up: about 17 bytes per key. Keys are
//! forgotten oldest first: beyond the collector's bound one by one, beyond the bound of all
//! collectors and beyond the age limit by runs (the new keys of one push). Ages compare times that
//! stand in pushes, never a clock (SM-1).

mod known_keys;

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use pga_config::CollectorId;
use pga_storage::{ContentKey, Timestamp};
use serde::{Deserialize, Serialize};

use self::known_keys::KnownKeys;
use super::StateLimits;
use super::image_error::ImageError;
use super::section::{Section, decode, encode};

/// The windows of all collectors.
#[derive(Debug, Default)]
pub(super) struct Windows {
    windows: BTreeMap<CollectorId, Window>,
    /// One entry per run in order of age; an entry whose run is gone is skipped.
    order: VecDeque<(u64, CollectorId)>,
    total: usize,
    next_seq: u64,
}

#[derive(Debug, Default)]
struct Window {
    keys: KnownKeys,
    runs: VecDeque<Run>,
}

/// The new keys of one push.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Run {
    seq: u64,
    time: Timestamp,
    keys: u32,
}

/// One collector's window in a snapshot.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct WindowImage {
    collector: CollectorId,
    runs: Vec<Run>,
    /// Raw keys, oldest first, little endian.
    keys: Bytes,
}

impl Windows {
    /// Takes the keys of one push: which of them are new, in their order. They are known
    /// afterwards.
    pub(super) fn admit(
        &mut self,
        collector: CollectorId,
        keys: &[ContentKey],
        time: Timestamp,
        limits: &StateLimits,
    ) -> Vec<bool> {
        if keys.is_empty() {
            return Vec::new();
        }
        let window = self.windows.entry(collector).or_default();
        let before = window.keys.len();
        let accepted: Vec<bool> = keys
            .iter()
            .map(|key| window.keys.insert(key.raw()))
            .collect();
        let new = window.keys.len() - before;
        if new > 0 {
            let seq = self.next_seq;
            self.next_seq += 1;
            window.runs.push_back(Run {
                seq,
                time,
                keys: u32::try_from(new).unwrap_or(u32::MAX),
            });
            self.order.push_back((seq, collector));
            self.total += new;
        }
        while window.keys.len() > limits.keys_per_collector {
            window.forget_key();
            self.total -= 1;
        }
        self.forget_old(time, limits);
        accepted
    }

    /// Keys remembered for all collectors.
    pub(super) const fn len(&self) -> usize {
        self.total
    }

    fn forget_old(&mut self, now: Timestamp, limits: &StateLimits) {
        let age = i64::from(limits.key_age_seconds).saturating_mul(1_000_000);
        while let Some(&(seq, collector)) = self.order.front() {
            let Some(window) = self.windows.get_mut(&collector) else {
                self.order.pop_front();
                continue;
            };
            let Some(run) = window.runs.front().filter(|run| run.seq == seq) else {
                self.order.pop_front();
                continue;
            };
            let too_old = run.time.micros().saturating_add(age) < now.micros();
            if !too_old && self.total <= limits.keys_total {
                return;
            }
            self.total -= window.forget_run();
            self.order.pop_front();
            if window.keys.len() == 0 {
                self.windows.remove(&collector);
            }
        }
    }

    /// For a snapshot, ordered by collector.
    pub(super) fn image(&self) -> Vec<WindowImage> {
        let image = |(collector, window): (&CollectorId, &Window)| WindowImage {
            collector: *collector,
            runs: window.runs.iter().copied().collect(),
            keys: window
                .keys
                .iter()
                .flat_map(|key| key.to_le_bytes())
                .collect(),
        };
        self.windows.iter().map(image).collect()
    }

    /// The next run's number, which is part of the state.
    pub(super) const fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// From a snapshot.
    pub(super) fn from_image(images: Vec<WindowImage>, next_seq: u64) -> Self {
        let mut windows = BTreeMap::new();
        let mut order = Vec::new();
        let mut total = 0;
        for image in images {
            let mut window = Window::default();
            for key in image.keys.chunks_exact(8) {
                let mut raw = [0; 8];
                raw.copy_from_slice(key);
                window.keys.insert(u64::from_le_bytes(raw));
            }
            total += window.keys.len();
            order.extend(image.runs.iter().map(|run| (run.seq, image.collector)));
            window.runs = image.runs.into();
            windows.insert(image.collector, window);
        }
        order.sort_unstable();
        Self {
            windows,
            order: order.into(),
            total,
            next_seq,
        }
    }
}

impl Section for Windows {
    const NAME: &'static str = "windows";
    const VERSION: u16 = 1;

    fn write(&self) -> Result<Vec<u8>, ImageError> {
        encode(&(self.image(), self.next_seq))
    }

    fn read(_version: u16, body: &[u8]) -> Result<Self, ImageError> {
        let (images, next_seq) = decode(body)?;
        Ok(Self::from_image(images, next_seq))
    }
}

impl Window {
    fn forget_key(&mut self) {
        self.keys.pop_front();
        if let Some(run) = self.runs.front_mut() {
            run.keys = run.keys.saturating_sub(1);
            if run.keys == 0 {
                self.runs.pop_front();
            }
        }
    }

    fn forget_run(&mut self) -> usize {
        let Some(run) = self.runs.pop_front() else {
            return 0;
        };
        let keys = (run.keys as usize).min(self.keys.len());
        for _ in 0..keys {
            self.keys.pop_front();
        }
        self.keys.shrink();
        keys
    }
}
