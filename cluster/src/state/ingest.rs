//! Pushes, small and large.

use std::collections::BTreeMap;

use bytes::Bytes;
use pga_storage::{ContentKey, Position};

use super::record_head::RecordHead;
use super::uploads::{MAX_OPEN, Part, Upload};
use super::{Applied, Effect, State};
use crate::feature_level::FeatureLevel;
use crate::outcome::{PushOutcome, Refusal, Reply};
use crate::proposal_id::UploadId;

impl State {
    pub(super) fn ingest(&mut self, position: Position, records: &[Bytes]) -> Applied {
        let mut outcomes = Vec::with_capacity(records.len());
        let mut pushes = Vec::new();
        for record in records {
            let Some(head) = RecordHead::decode(record) else {
                outcomes.push(PushOutcome::Malformed);
                continue;
            };
            let (outcome, mut new) = self.push(position, &head, &[&head.keys]);
            outcomes.push(outcome);
            if let Some(new) = new.pop()
                && new.contains(&true)
            {
                pushes.push((record.clone(), new));
            }
        }
        Applied {
            reply: Reply::Ingested(outcomes),
            effect: (!pushes.is_empty()).then_some(Effect::Pushes(pushes)),
        }
    }

    /// Makes one push effective: the keys of its parts are looked up, and known afterwards.
    fn push(
        &mut self,
        position: Position,
        head: &RecordHead<'_>,
        parts: &[&[ContentKey]],
    ) -> (PushOutcome, Vec<Vec<bool>>) {
        if let Some(name) = &head.idempotency
            && let Some(outcome) = self.idempotency.replay(head.collector, name)
        {
            return (outcome, Vec::new());
        }
        if !self.domains.collectors.admits(head.collector) {
            return (PushOutcome::CollectorsFull, Vec::new());
        }
        let mut admitted = Vec::with_capacity(parts.len());
        for keys in parts {
            admitted.push(
                self.windows
                    .admit(head.collector, keys, head.received_at, &self.limits),
            );
        }
        let count = |want: bool| {
            let n = admitted
                .iter()
                .flatten()
                .filter(|new| **new == want)
                .count();
            u32::try_from(n).unwrap_or(u32::MAX)
        };
        let (accepted, repeated) = (count(true), count(false));
        let outcome = PushOutcome::Stored {
            position,
            accepted,
            repeated,
        };
        if self.level.level >= FeatureLevel::PEOPLE {
            let known = self.domains.collectors.known.get(&head.collector);
            let before = known.map(|known| known.last_seen).unwrap_or_default();
            let (level, book) = (self.level.level, &mut self.domains.collector_book);
            let times = (before, head.received_at);
            book.pushed(level, head.collector, times, accepted);
        }
        let counts = (accepted, repeated);
        self.domains.collectors.pushed(position, head, counts);
        if let Some(name) = head.idempotency.clone() {
            self.idempotency.remember(
                head.collector,
                name,
                head.received_at,
                outcome,
                &self.limits,
            );
        }
        (outcome, admitted)
    }

    pub(super) fn upload_part(
        &mut self,
        position: Position,
        upload: UploadId,
        part: u32,
        record: &Bytes,
    ) -> Applied {
        let Some(head) = RecordHead::decode(record) else {
            return Applied::reply(Reply::Ingested(vec![PushOutcome::Malformed]));
        };
        if part > 0 && !self.uploads.0.contains_key(&upload) {
            return Applied::from(Err(Refusal::UploadIncomplete));
        }
        if self.uploads.0.len() >= MAX_OPEN && !self.uploads.0.contains_key(&upload) {
            return Applied::from(Err(Refusal::TooManyUploads));
        }
        let open = self.uploads.0.entry(upload).or_insert_with(|| Upload {
            before: self.applied,
            head: None,
            parts: BTreeMap::new(),
        });
        if open.parts.contains_key(&part) {
            return Applied::from(Ok(()));
        }
        if part == 0 {
            open.head = Some(head.without_keys());
        }
        open.parts.insert(
            part,
            Part {
                index: position.index,
                keys: head.keys,
            },
        );
        Applied {
            reply: Reply::Done,
            effect: Some(Effect::Staged(record.clone())),
        }
    }

    pub(super) fn commit_upload(
        &mut self,
        position: Position,
        upload: UploadId,
        parts: u32,
    ) -> Applied {
        let Some(open) = self.uploads.0.remove(&upload) else {
            return Applied::from(Err(Refusal::UploadIncomplete));
        };
        let head = open.head.as_deref().and_then(RecordHead::decode);
        let Some(head) = head.filter(|_| open.is_complete(parts)) else {
            return Applied {
                reply: Reply::Refused(Refusal::UploadIncomplete),
                effect: Some(Effect::Abort(open.indexes())),
            };
        };
        let keys: Vec<&[ContentKey]> = open
            .parts
            .values()
            .map(|part| part.keys.as_slice())
            .collect();
        let (outcome, admitted) = self.push(position, &head, &keys);
        let effect = if admitted.iter().flatten().any(|new| *new) {
            Effect::Commit(open.indexes().into_iter().zip(admitted).collect())
        } else {
            Effect::Abort(open.indexes())
        };
        Applied {
            reply: Reply::Ingested(vec![outcome]),
            effect: Some(effect),
        }
    }

    pub(super) fn abort_upload(&mut self, upload: UploadId) -> Applied {
        let effect = self
            .uploads
            .0
            .remove(&upload)
            .map(|open| Effect::Abort(open.indexes()));
        Applied {
            reply: Reply::Done,
            effect,
        }
    }
}
