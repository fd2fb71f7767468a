//! What is known about collectors beyond what they say themselves: the number of their server,
//! what people wrote about them, how often they push, which configuration they were told.
//!
//! A domain of its own beside [`super::Collectors`], whose section is frozen since feature level 0.

use std::collections::BTreeMap;

use pga_config::CollectorId;
use pga_storage::Timestamp;
use serde::{Deserialize, Serialize};

use super::collectors::{Collector, Collectors, Registration};
use crate::feature_level::FeatureLevel;
use crate::outcome::Refusal;
use crate::state::section::plain_section;

/// The group of collectors that were given none.
pub const DEFAULT_GROUP: &str = "default";

const HOUR_MICROS: i64 = 3_600_000_000;
/// Hours whose elements are counted one by one.
const HOURS: i64 = 24;
/// The interval of a collector that has not pushed twice, in milliseconds (contract 4.4).
const FIRST_INTERVAL_MS: u64 = 60_000;
/// A collector is not taken for gone sooner than one that pushes so often: of one that has pushed
/// twice it is not known whether the second push was a resend.
const LEAST_INTERVAL_MS: u64 = 10_000;
/// Gaps that say something about how often a collector pushes, in milliseconds: less is a resend,
/// more an outage.
const INTERVALS_MS: std::ops::RangeInclusive<u64> = 500..=3_600_000;

/// A collector that has not pushed for so long after its registration never will.
const UNBORN_MICROS: i64 = 600_000_000;

/// What the cluster knows about a collector beyond [`super::Collector`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectorEntry {
    /// Number of its server, from 1; never given twice.
    pub server_id: i64,
    /// Display name, if people chose another than it registered with.
    pub name: Option<String>,
    /// What people wrote about it.
    pub description: String,
    /// Which environment its server belongs to: production, staging, …
    pub environment: String,
    /// The group that people put it in; empty for [`DEFAULT_GROUP`].
    pub group: String,
    /// Mean time between its pushes, in milliseconds; 0 until it has pushed twice.
    pub interval_ms: u64,
    /// Elements stored in each of the last 24 hours: hours since the epoch, and how many.
    pub accepted_by_hour: Vec<(i64, u64)>,
    /// The configuration it was last told, and when.
    pub config_told: Option<(u64, Timestamp)>,
    /// The collector of the same name and host that took its place.
    pub superseded_by: Option<CollectorId>,
    /// When any of what people decide last changed.
    pub updated_at: Timestamp,
}

/// How a collector is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Liveness {
    /// It never pushed.
    Registered,
    /// It pushes as often as it does.
    Active,
    /// A push or two are missing.
    Late,
    /// It has been silent for several of its intervals.
    Offline,
}

impl Liveness {
    /// As the API names it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Active => "active",
            Self::Late => "late",
            Self::Offline => "offline",
        }
    }
}

impl CollectorEntry {
    /// What to call a collector: what people chose, else what it registered as, else its host.
    pub fn display_name<'a>(&'a self, collector: &'a Collector) -> &'a str {
        let registered = collector.registration.as_ref();
        let registered = registered.map(|registration| registration.name.as_str());
        let chosen = self.name.as_deref();
        chosen.or(registered).unwrap_or(&collector.hostname)
    }

    /// Whose configuration it takes if it has none of its own.
    pub fn group(&self) -> &str {
        match self.group.as_str() {
            "" => DEFAULT_GROUP,
            group => group,
        }
    }

    /// How often it pushes, in milliseconds.
    pub const fn interval_ms(&self) -> u64 {
        if self.interval_ms == 0 {
            FIRST_INTERVAL_MS
        } else {
            self.interval_ms
        }
    }

    /// How a collector is doing at `now` that last pushed at `last_seen` (zero: never). It is late
    /// after two and a half of its own intervals, and offline after five; ten seconds and thirty
    /// are allowed for on top, for what is slow on the way.
    pub fn liveness(&self, last_seen: Timestamp, now: Timestamp) -> Liveness {
        liveness(self.interval_ms().max(LEAST_INTERVAL_MS), last_seen, now)
    }

    /// Elements stored in the 24 hours before `now`, to the hour.
    pub fn accepted_24h(&self, now: Timestamp) -> u64 {
        let first = now.micros() / HOUR_MICROS - HOURS;
        let hours = self.accepted_by_hour.iter();
        hours
            .filter(|(hour, _)| *hour > first)
            .map(|(_, n)| n)
            .sum()
    }

    fn pushed(&mut self, level: FeatureLevel, (before, at): (Timestamp, Timestamp), accepted: u32) {
        let gap = u64::try_from((at.micros() - before.micros()) / 1_000).unwrap_or(0);
        if before.micros() > 0 && INTERVALS_MS.contains(&gap) {
            self.interval_ms = match self.interval_ms {
                0 => gap,
                mean if level >= FeatureLevel::COLLECTOR_RHYTHM => next_interval(mean, gap),
                mean => (mean * 7 + gap) / 8,
            };
        }
        let hour = at.micros() / HOUR_MICROS;
        match self.accepted_by_hour.iter_mut().find(|(h, _)| *h == hour) {
            Some((_, count)) => *count += u64::from(accepted),
            None => self.accepted_by_hour.push((hour, u64::from(accepted))),
        }
        let newest = self.accepted_by_hour.iter().map(|(hour, _)| *hour).max();
        let oldest = newest.unwrap_or(hour) - HOURS;
        self.accepted_by_hour.retain(|(hour, _)| *hour > oldest);
    }
}

/// How one is doing that pushes so often.
fn liveness(interval_ms: u64, last_seen: Timestamp, now: Timestamp) -> Liveness {
    if last_seen.micros() == 0 {
        return Liveness::Registered;
    }
    let silent_ms = now.micros().saturating_sub(last_seen.micros()) / 1_000;
    let interval = interval_ms as i64;
    if silent_ms <= interval * 5 / 2 + 10_000 {
        Liveness::Active
    } else if silent_ms <= interval * 5 + 30_000 {
        Liveness::Late
    } else {
        Liveness::Offline
    }
}

/// How often a collector pushes, in milliseconds, after one more gap. Pushes that come in bursts
/// say little about that, and an outage is no rhythm: short gaps weigh less, and a long one counts
/// for four of those before at most. A slower rhythm is taken on within a few pushes, since one who
/// is believed to be faster than he is seems to be gone.
const fn next_interval(mean: u64, gap: u64) -> u64 {
    if gap >= mean * 2 {
        let gap = if gap > mean * 4 { mean * 4 } else { gap };
        (mean + gap) / 2
    } else if gap < mean / 4 {
        (mean * 31 + gap) / 32
    } else {
        (mean * 7 + gap) / 8
    }
}

/// Changes of collectors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CollectorCommand {
    /// A collector registered. Others of the same name and host that never pushed go; those that
    /// are offline are superseded.
    Register {
        /// Its new id.
        collector: CollectorId,
        /// Host it runs on.
        hostname: String,
        /// Version, if known.
        version: Option<String>,
        /// Name, address, certificate, time.
        registration: Registration,
        /// The registration secret it showed; `None` for the one the cluster was made with.
        secret: Option<u64>,
    },
    /// Changes what people decide about a collector, as far as given.
    Update {
        /// Which.
        collector: CollectorId,
        /// Display name.
        name: Option<String>,
        /// What people wrote about it.
        description: Option<String>,
        /// Environment of its server.
        environment: Option<String>,
        /// Whose configuration it takes if it has none of its own.
        group: Option<String>,
        /// When.
        at: Timestamp,
    },
    /// Forgets a collector: its token and its certificate are good no more.
    Delete {
        /// Which.
        collector: CollectorId,
    },
    /// A collector fetched its configuration.
    ConfigTold {
        /// Which collector.
        collector: CollectorId,
        /// Which version it got.
        version: u64,
        /// When.
        at: Timestamp,
    },
    /// A collector got a new certificate in place of its old one.
    RenewCertificate {
        /// Which collector.
        collector: CollectorId,
        /// SHA-256 of the certificate's DER.
        certificate_sha256: [u8; 32],
        /// When.
        at: Timestamp,
    },
    /// A collector that is offline, in whose place another of the same name and host pushes.
    Supersede {
        /// Which.
        collector: CollectorId,
        /// Who took its place.
        by: CollectorId,
        /// When.
        at: Timestamp,
    },
}

impl CollectorCommand {
    /// The feature level that the cluster must be at.
    pub(crate) const fn needs(&self) -> FeatureLevel {
        match self {
            Self::Supersede { .. } => FeatureLevel::COLLECTOR_RHYTHM,
            _ => FeatureLevel::PEOPLE,
        }
    }

    /// The certificate that the collector has with it, if it gets one: SHA-256 of its DER.
    pub(in crate::state) const fn certificate(&self) -> Option<(CollectorId, [u8; 32])> {
        match self {
            Self::Register {
                collector,
                registration,
                ..
            } => Some((*collector, registration.certificate_sha256)),
            Self::RenewCertificate {
                collector,
                certificate_sha256,
                ..
            } => Some((*collector, *certificate_sha256)),
            _ => None,
        }
    }
}

/// The book of all collectors.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::state) struct CollectorBook {
    pub(in crate::state) entries: BTreeMap<CollectorId, CollectorEntry>,
    last_server: i64,
}

impl CollectorBook {
    /// The entry of a collector, with a number for its server.
    pub(in crate::state) fn entry(&mut self, id: CollectorId) -> &mut CollectorEntry {
        let last = &mut self.last_server;
        self.entries.entry(id).or_insert_with(|| {
            *last += 1;
            CollectorEntry {
                server_id: *last,
                ..CollectorEntry::default()
            }
        })
    }

    /// Notes a stored push; `times` are when the one before it arrived, and when it did.
    pub(in crate::state) fn pushed(
        &mut self,
        level: FeatureLevel,
        id: CollectorId,
        times: (Timestamp, Timestamp),
        accepted: u32,
    ) {
        self.entry(id).pushed(level, times, accepted);
    }

    /// Applies a change, but for what other domains say to a registration.
    pub(in crate::state) fn change(
        &mut self,
        level: FeatureLevel,
        collectors: &mut Collectors,
        command: &CollectorCommand,
    ) -> Result<(), Refusal> {
        match command {
            CollectorCommand::Register {
                collector,
                hostname,
                version,
                registration,
                ..
            } => {
                if !collectors.admits(*collector) {
                    return Err(Refusal::CollectorsFull);
                }
                self.supersede(level, collectors, *collector, hostname, registration);
                collectors.register(
                    *collector,
                    hostname,
                    version.as_deref(),
                    registration.clone(),
                );
                self.entry(*collector).updated_at = registration.at;
                Ok(())
            }
            CollectorCommand::Update { collector, .. } => {
                collectors.known.get(collector).ok_or(Refusal::NotFound)?;
                self.update(command);
                Ok(())
            }
            CollectorCommand::Delete { collector } => {
                self.entries.remove(collector);
                let removed = collectors.known.remove(collector);
                removed.map(drop).ok_or(Refusal::NotFound)
            }
            CollectorCommand::ConfigTold {
                collector,
                version,
                at,
            } => {
                collectors.known.get(collector).ok_or(Refusal::NotFound)?;
                self.entry(*collector).config_told = Some((*version, *at));
                Ok(())
            }
            CollectorCommand::RenewCertificate {
                collector,
                certificate_sha256,
                ..
            } => {
                let known = collectors.known.get_mut(collector);
                let registration = known.and_then(|known| known.registration.as_mut());
                registration.ok_or(Refusal::NotFound)?.certificate_sha256 = *certificate_sha256;
                Ok(())
            }
            CollectorCommand::Supersede { collector, by, at } => {
                let old = collectors.known.get(collector).ok_or(Refusal::NotFound)?;
                collectors.known.get(by).ok_or(Refusal::NotFound)?;
                self.superseded(*collector, old.last_seen, (*by, *at))
            }
        }
    }

    /// Nothing if it has come back since somebody looked.
    fn superseded(
        &mut self,
        collector: CollectorId,
        last_seen: Timestamp,
        (by, at): (CollectorId, Timestamp),
    ) -> Result<(), Refusal> {
        let entry = self.entry(collector);
        if entry.liveness(last_seen, at) != Liveness::Offline {
            return Err(Refusal::Conflict("it pushes again".to_owned()));
        }
        entry.superseded_by = Some(by);
        entry.updated_at = at;
        Ok(())
    }

    fn update(&mut self, command: &CollectorCommand) {
        let CollectorCommand::Update {
            collector,
            name,
            description,
            environment,
            group,
            at,
        } = command
        else {
            return;
        };
        let entry = self.entry(*collector);
        if name.is_some() {
            entry.name.clone_from(name);
        }
        for (field, new) in [
            (&mut entry.description, description),
            (&mut entry.environment, environment),
            (&mut entry.group, group),
        ] {
            if let Some(new) = new {
                field.clone_from(new);
            }
        }
        entry.updated_at = *at;
    }

    /// Nobody is to find orphans of one host in the list. One that has registered a moment ago is
    /// none: it may be another of the same name that is about to push.
    fn supersede(
        &mut self,
        level: FeatureLevel,
        collectors: &mut Collectors,
        new: CollectorId,
        hostname: &str,
        registration: &Registration,
    ) {
        let mut unborn = Vec::new();
        for (id, other) in &collectors.known {
            let is_same = other.hostname == hostname
                && other
                    .registration
                    .as_ref()
                    .is_some_and(|r| r.name == registration.name);
            if *id == new || !is_same {
                continue;
            }
            let entry = self.entry(*id);
            let age = registration.at.micros() - other.first_seen.micros();
            let is_young = level >= FeatureLevel::COLLECTOR_RHYTHM && age < UNBORN_MICROS;
            let liveness = match level >= FeatureLevel::COLLECTOR_RHYTHM {
                true => entry.liveness(other.last_seen, registration.at),
                false => liveness(entry.interval_ms(), other.last_seen, registration.at),
            };
            match liveness {
                Liveness::Registered if is_young => {}
                Liveness::Registered => unborn.push(*id),
                Liveness::Offline => entry.superseded_by = Some(new),
                Liveness::Active | Liveness::Late => {}
            }
        }
        for id in unborn {
            collectors.known.remove(&id);
            self.entries.remove(&id);
        }
    }
}

plain_section!(CollectorBook, "collector_book", FeatureLevel::PEOPLE);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn register(name: &str, when: i64) -> CollectorCommand {
        CollectorCommand::Register {
            collector: CollectorId::from_external(name),
            hostname: "db1".into(),
            version: None,
            registration: Registration {
                name: "db1".into(),
                address: None,
                certificate_sha256: [0; 32],
                at: at(when),
            },
            secret: None,
        }
    }

    #[test]
    fn liveness_follows_the_collectors_own_interval() {
        let mut slow = CollectorEntry::default();
        for when in [1_000, 1_300, 1_600] {
            slow.pushed(FeatureLevel::PEOPLE, (at(when - 300), at(when)), 1);
        }
        assert_eq!(slow.interval_ms(), 300_000);
        let fast = CollectorEntry {
            interval_ms: 10_000,
            ..CollectorEntry::default()
        };
        for (name, entry, silent, want) in [
            ("fast", &fast, 30, Liveness::Active),
            ("fast", &fast, 40, Liveness::Late),
            ("fast", &fast, 90, Liveness::Offline),
            ("slow", &slow, 700, Liveness::Active),
            ("slow", &slow, 1_500, Liveness::Late),
            ("slow", &slow, 1_600, Liveness::Offline),
        ] {
            let liveness = entry.liveness(at(10_000), at(10_000 + silent));
            assert_eq!(liveness, want, "{name}, silent for {silent} s");
        }
        let never = fast.liveness(Timestamp::default(), at(5));
        assert_eq!(never, Liveness::Registered);
    }

    #[test]
    fn the_last_24_hours_are_counted() {
        let mut entry = CollectorEntry::default();
        for hour in 0..40 {
            entry.pushed(FeatureLevel::CURRENT, (at(0), at(hour * 3_600)), 10);
        }
        assert_eq!(entry.accepted_by_hour.len(), 24);
        assert_eq!(entry.accepted_24h(at(39 * 3_600)), 240);
        assert_eq!(entry.accepted_24h(at(50 * 3_600)), 130);
    }

    #[test]
    fn the_same_host_twice_leaves_no_orphan() {
        let (mut book, mut collectors) = (CollectorBook::default(), Collectors::default());
        book.change(FeatureLevel::PEOPLE, &mut collectors, &register("a", 10))
            .unwrap();
        book.change(FeatureLevel::PEOPLE, &mut collectors, &register("b", 20))
            .unwrap();
        let ids: Vec<_> = collectors.known.keys().copied().collect();
        let b = CollectorId::from_external("b");
        assert_eq!(ids, [b], "a never pushed");
        let known = collectors.known.get_mut(&b).unwrap();
        (known.last_seen, known.pushes) = (at(30), 1);
        book.change(FeatureLevel::PEOPLE, &mut collectors, &register("c", 9_000))
            .unwrap();
        let c = CollectorId::from_external("c");
        assert_eq!(book.entries[&b].superseded_by, Some(c));
        assert_eq!(
            book.entries[&c].server_id, 3,
            "a number is never given twice"
        );
    }

    #[test]
    fn a_rhythm_is_found_through_bursts_and_outages() {
        let rhythm = |gaps: &[(i64, usize)]| {
            let (mut entry, mut now) = (CollectorEntry::default(), 1_000);
            for (gap, times) in gaps {
                for _ in 0..*times {
                    entry.pushed(FeatureLevel::CURRENT, (at(now), at(now + gap)), 1);
                    now += gap;
                }
            }
            entry.interval_ms() / 1_000
        };
        for (name, gaps, least, most) in [
            ("a resend, then each minute", &[(3, 1), (60, 5)][..], 37, 60),
            (
                "a burst within a minute",
                &[(60, 5), (1, 10), (60, 1)],
                44,
                60,
            ),
            ("each 10 s", &[(10, 60)], 10, 12),
            ("each 5 min", &[(300, 5)], 300, 300),
            ("each 2 s", &[(2, 3)], 2, 2),
            ("an outage", &[(10, 60), (1_800, 1)], 10, 30),
            ("after an outage", &[(10, 60), (1_800, 1), (10, 10)], 10, 16),
        ] {
            let found = rhythm(gaps);
            assert!((least..=most).contains(&found), "{name}: {found} s");
        }
    }

    /// Containers that all have one name may register at the same time.
    #[test]
    fn who_has_just_registered_is_no_orphan_and_who_is_silent_is_superseded() {
        let level = FeatureLevel::COLLECTOR_RHYTHM;
        let (mut book, mut collectors) = (CollectorBook::default(), Collectors::default());
        for (name, when) in [("a", 10), ("b", 12), ("c", 300)] {
            book.change(level, &mut collectors, &register(name, when))
                .unwrap();
        }
        assert_eq!(collectors.known.len(), 3);
        let [a, b, d] = ["a", "b", "d"].map(CollectorId::from_external);
        for (id, seen) in [(a, 350), (b, 4_900)] {
            collectors.known.get_mut(&id).unwrap().last_seen = at(seen);
        }
        book.change(level, &mut collectors, &register("d", 1_000))
            .unwrap();
        let known: Vec<_> = collectors.known.keys().copied().collect();
        let c = CollectorId::from_external("c");
        assert!(!known.contains(&c) && known.len() == 3, "c never pushed");
        let supersede = |collector, when| CollectorCommand::Supersede {
            collector,
            by: d,
            at: at(when),
        };
        book.change(level, &mut collectors, &supersede(a, 5_000))
            .unwrap();
        assert_eq!(book.entries[&a].superseded_by, Some(d));
        let refused = book.change(level, &mut collectors, &supersede(b, 5_000));
        assert!(matches!(refused, Err(Refusal::Conflict(_))), "{refused:?}");
    }
}
