//! Idempotency keys: the client's own names for whole pushes.

use std::collections::{BTreeMap, VecDeque};

use pga_config::CollectorId;
use pga_storage::{Idempotency, Timestamp};
use serde::{Deserialize, Serialize};

use super::StateLimits;
use super::image_error::ImageError;
use super::section::{Section, decode, encode};
use crate::outcome::PushOutcome;

/// The names of the last pushes that had one.
#[derive(Debug, Default)]
pub(super) struct IdempotencyKeys {
    entries: BTreeMap<Name, Entry>,
    order: VecDeque<Name>,
}

type Name = (CollectorId, String);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    digest: u64,
    time: Timestamp,
    outcome: PushOutcome,
}

/// One name in a snapshot, oldest first.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct IdempotencyImage(Name, Entry);

impl IdempotencyKeys {
    /// What was answered under this name, or that it meant another push.
    pub(super) fn replay(&self, collector: CollectorId, name: &Idempotency) -> Option<PushOutcome> {
        let entry = self.entries.get(&(collector, name.key.clone()))?;
        if entry.digest == name.digest {
            Some(entry.outcome)
        } else {
            Some(PushOutcome::Conflict)
        }
    }

    /// Remembers what was answered; `name` is new.
    pub(super) fn remember(
        &mut self,
        collector: CollectorId,
        name: Idempotency,
        time: Timestamp,
        outcome: PushOutcome,
        limits: &StateLimits,
    ) {
        let full = (collector, name.key);
        let entry = Entry {
            digest: name.digest,
            time,
            outcome,
        };
        if self.entries.insert(full.clone(), entry).is_none() {
            self.order.push_back(full);
        }
        let age = i64::from(limits.key_age_seconds).saturating_mul(1_000_000);
        while let Some(front) = self.order.front() {
            let too_old = self
                .entries
                .get(front)
                .is_none_or(|entry| entry.time.micros().saturating_add(age) < time.micros());
            if !too_old && self.order.len() <= limits.idempotency_keys {
                return;
            }
            self.entries.remove(front);
            self.order.pop_front();
        }
    }

    /// For a snapshot.
    pub(super) fn image(&self) -> Vec<IdempotencyImage> {
        let image = |name: &Name| {
            let entry = self.entries.get(name)?;
            Some(IdempotencyImage(name.clone(), entry.clone()))
        };
        self.order.iter().filter_map(image).collect()
    }

    /// From a snapshot.
    pub(super) fn from_image(images: Vec<IdempotencyImage>) -> Self {
        let mut keys = Self::default();
        for IdempotencyImage(name, entry) in images {
            keys.order.push_back(name.clone());
            keys.entries.insert(name, entry);
        }
        keys
    }
}

impl Section for IdempotencyKeys {
    const NAME: &'static str = "idempotency";
    const VERSION: u16 = 1;

    fn write(&self) -> Result<Vec<u8>, ImageError> {
        encode(&self.image())
    }

    fn read(_version: u16, body: &[u8]) -> Result<Self, ImageError> {
        decode(body).map(Self::from_image)
    }
}
