//! Snapshots that the leader makes by itself: the hour before a change and the hour after it, which
//! are compared.
//!
//! A change is what collectors tell: another version, settings, objects of the schema that came,
//! changed or went; and a deploy that somebody announced (`pre_deploy`) without a snapshot after
//! it. What is to come stands in the replicated state, so a new leader goes on. What somebody
//! deleted is remembered there, too, and is not made again.

mod changes;
mod verdict;

use std::collections::BTreeMap;

use pga_cluster::{ControlCommand, InsightCommand, Moment};
use pga_config::CollectorId;
use pga_storage::Timestamp;
use serde_json::{Value, json};

use self::changes::Change;
use super::workload::Window;
use super::{Done, collectors};
use crate::control_plane::view;
use crate::{ApiError, NodeApi};

/// Who makes them.
const AUTHOR: &str = "cluster";
const KINDS: [&str; 2] = ["pre_change", "post_change"];
const MINUTE: i64 = 60_000_000;
/// Length of a snapshot's window.
const HOUR: i64 = 60 * MINUTE;
/// From a change until the hour after it begins.
const SETTLES: i64 = 5 * MINUTE;
/// Changes of a server so close to each other are one.
const TOGETHER: i64 = 10 * MINUTE;
/// How far back a leader looks when it begins, and what may come late.
const BACK: (i64, i64) = (75 * MINUTE, 5 * MINUTE);
/// Snapshots that are made by themselves at most: the others are for people.
const MOST: usize = 1_000;
/// Changes of one server in a day that get snapshots.
const MOST_A_DAY: usize = 12;
/// Names of what changed that a snapshot's name holds.
const NAMED: usize = 5;

/// Up to when changes were looked for.
#[derive(Debug, Default)]
pub(super) struct ChangeWatch {
    looked: BTreeMap<CollectorId, Timestamp>,
}

fn later(at: Timestamp, micros: i64) -> Timestamp {
    Timestamp::from_micros(at.micros() + micros)
}

impl ChangeWatch {
    /// Looks for changes since the last round, and makes the snapshots that are due.
    ///
    /// # Errors
    /// What reading or deciding answers; the next round does it again.
    pub(super) async fn round(&mut self, api: &dyn NodeApi) -> Result<Done, ApiError> {
        let mut done = Done::default();
        let now = Timestamp::now();
        for id in collectors(api)? {
            let from = match self.looked.get(&id) {
                Some(looked) => later(*looked, -BACK.1),
                None => later(now, -BACK.0),
            };
            let to = now;
            let (changes, rows_read) = changes::read(api, id, Window { from, to }).await?;
            done.rows_read += rows_read;
            for change in together(changes) {
                done.found += usize::from(begin(api, id, &change, now).await?);
            }
            self.looked.insert(id, now);
        }
        done.found += finish(api, now).await?;
        Ok(done)
    }
}

/// Makes one of those that are close to each other.
fn together(mut changes: Vec<Change>) -> Vec<Change> {
    changes.sort_by_key(|change| change.at);
    let mut groups: Vec<Change> = Vec::new();
    for change in changes {
        match groups.last_mut() {
            Some(last) if change.at.micros() - last.at.micros() <= TOGETHER => {
                let new = change.what.into_iter();
                let known = last.what.clone();
                last.what.extend(new.filter(|what| !known.contains(what)));
            }
            _ => groups.push(change),
        }
    }
    groups
}

/// What a snapshot of ours says of itself.
fn metadata(moment: &Moment) -> Value {
    let text = moment.metadata.as_deref().filter(|_| moment.by == AUTHOR);
    text.and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default()
}

/// Makes the snapshot of the hour before a change, unless there is one; whether it did.
async fn begin(
    api: &dyn NodeApi,
    id: CollectorId,
    change: &Change,
    now: Timestamp,
) -> Result<bool, ApiError> {
    let server = id.to_string();
    let is_wanted = view(api, |state| {
        let own = |one: &&Moment| one.by == AUTHOR;
        let made = state.moments().values().filter(own);
        let deleted = state.deleted_moments().values().filter(own);
        let before = made
            .clone()
            .chain(deleted)
            .filter(|one| one.kind == KINDS[0] && metadata(one)["collector_id"] == server.as_str());
        let is_known = before
            .clone()
            .any(|one| (one.to.micros() - change.at.micros()).abs() <= TOGETHER);
        let today = before.filter(|one| now.micros() - one.to.micros() < 24 * HOUR);
        // Each has a second one to come.
        !is_known && today.count() < MOST_A_DAY && made.count() + 2 <= MOST
    });
    if is_wanted != Some(true) {
        return Ok(false);
    }
    let host = view(api, |state| {
        state.collector(id).map(|known| known.hostname.clone())
    });
    let host = host.flatten().unwrap_or_else(|| server.clone());
    let moment = Moment {
        name: format!("before {} on {host}", names(&change.what)),
        description: change.what.join(", ").chars().take(1_000).collect(),
        kind: KINDS[0].to_owned(),
        from: later(change.at, -HOUR),
        to: change.at,
        metadata: Some(json!({ "collector_id": server }).to_string()),
        by: AUTHOR.to_owned(),
        at: now,
    };
    put(api, moment).await?;
    Ok(true)
}

/// The first of many names.
fn names(what: &[String]) -> String {
    let more = what.len().saturating_sub(NAMED);
    let first = what.iter().take(NAMED).map(String::as_str);
    let first = first.collect::<Vec<&str>>().join(", ");
    match more {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

async fn put(api: &dyn NodeApi, moment: Moment) -> Result<(), ApiError> {
    let command = InsightCommand::PutMoment { moment };
    api.decide(ControlCommand::Insight(Box::new(command))).await
}

/// Those of the hours before a change or a deploy that have no snapshot after it yet, and whose
/// hour after it is over.
fn due(
    moments: &BTreeMap<u64, Moment>,
    deleted: &BTreeMap<u64, Moment>,
    now: Timestamp,
) -> Vec<(u64, Moment)> {
    let is_after = |id: u64, before: &Moment| {
        moments.values().chain(deleted.values()).any(|one| {
            let is_ours = metadata(one)["before_snapshot"] == id;
            let is_theirs = one.kind == "post_deploy" && one.at > before.at;
            is_ours || (is_theirs && before.kind == "pre_deploy")
        })
    };
    let is_wanted = |before: &Moment| match before.kind.as_str() {
        "pre_deploy" => true,
        kind => kind == KINDS[0] && before.by == AUTHOR,
    };
    let wanted = moments.iter().filter(|(id, before)| {
        let end = later(before.to, SETTLES + HOUR);
        is_wanted(before) && end <= now && !is_after(**id, before)
    });
    wanted.map(|(id, before)| (*id, before.clone())).collect()
}

/// Makes the snapshots of the hours after changes that are over, and compares; how many.
async fn finish(api: &dyn NodeApi, now: Timestamp) -> Result<usize, ApiError> {
    let due = view(api, |state| {
        let own = state.moments().values().filter(|one| one.by == AUTHOR);
        let room = MOST.saturating_sub(own.count());
        let mut due = due(state.moments(), state.deleted_moments(), now);
        due.truncate(room);
        due
    });
    let mut made = 0;
    for (id, before) in due.unwrap_or_default() {
        let mut about = metadata(&before);
        about["before_snapshot"] = json!(id);
        let from = later(before.to, SETTLES);
        let to = later(from, HOUR);
        let windows = [(before.from, before.to), (from, to)].map(|(from, to)| Window { from, to });
        let only = about["collector_id"]
            .as_str()
            .map(CollectorId::from_external);
        let name = before.name.strip_prefix("before ").unwrap_or(&before.name);
        let moment = Moment {
            name: format!("after {name}"),
            description: verdict::of(api, only, windows).await?,
            kind: KINDS[1].to_owned(),
            from,
            to,
            metadata: Some(about.to_string()),
            by: AUTHOR.to_owned(),
            at: now,
        };
        put(api, moment).await?;
        made += 1;
    }
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_micros(minutes * MINUTE)
    }

    fn change(minutes: i64, what: &str) -> Change {
        Change {
            at: at(minutes),
            what: vec![what.to_owned()],
        }
    }

    fn moment(kind: &str, by: &str, to: i64, metadata: Option<&str>) -> Moment {
        Moment {
            name: "before x".to_owned(),
            description: String::new(),
            kind: kind.to_owned(),
            from: at(to - 60),
            to: at(to),
            metadata: metadata.map(str::to_owned),
            by: by.to_owned(),
            at: at(to),
        }
    }

    #[test]
    fn changes_close_to_each_other_are_one() {
        let changes = vec![
            change(30, "index i"),
            change(0, "work_mem"),
            change(4, "work_mem"),
            change(9, "jit"),
        ];
        let groups = together(changes);
        let told: Vec<_> = groups.iter().map(|one| (one.at, one.what.len())).collect();
        assert_eq!(told, [(at(0), 2), (at(30), 1)]);
    }

    #[test]
    fn an_hour_after_a_change_the_second_snapshot_is_due_once() {
        let ours = moment("pre_change", AUTHOR, 100, Some(r#"{"collector_id":"c"}"#));
        let mut moments = BTreeMap::from([(1, ours), (2, moment("manual", "ann", 100, None))]);
        let due_at = |moments: &BTreeMap<u64, Moment>, minute: i64| -> Vec<u64> {
            due(moments, &BTreeMap::new(), at(minute))
                .into_iter()
                .map(|(id, _)| id)
                .collect()
        };
        assert_eq!(due_at(&moments, 164), [0_u64; 0]);
        assert_eq!(due_at(&moments, 165), [1]);
        // Somebody else may write what he likes into his own.
        let theirs = moment("manual", "ann", 165, Some(r#"{"before_snapshot":1}"#));
        moments.insert(3, theirs);
        assert_eq!(due_at(&moments, 165), [1]);
        let after = moment("post_change", AUTHOR, 165, Some(r#"{"before_snapshot":1}"#));
        moments.insert(4, after);
        assert_eq!(due_at(&moments, 10_000), [0_u64; 0]);
        let deleted = BTreeMap::from([(4, moments.remove(&4).unwrap())]);
        assert!(due(&moments, &deleted, at(10_000)).is_empty(), "deleted");
    }

    #[test]
    fn a_deploy_that_nobody_ends_is_ended() {
        let mut moments = BTreeMap::from([(1, moment("pre_deploy", "ci", 100, None))]);
        let due = |moments: &BTreeMap<u64, Moment>| due(moments, &BTreeMap::new(), at(165)).len();
        assert_eq!(due(&moments), 1);
        moments.insert(2, moment("post_deploy", "ci", 120, None));
        assert_eq!(due(&moments), 0);
    }

    #[test]
    fn a_name_has_the_first_of_what_changed() {
        let what: Vec<String> = (0..7).map(|n| format!("s{n}")).collect();
        assert_eq!(names(&what), "s0, s1, s2, s3, s4 and 2 more");
        assert_eq!(names(&what[..1]), "s0");
    }
}
