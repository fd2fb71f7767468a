//! Which spans a flush touches.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::spans::{LONGEST_SECONDS, reached};
use crate::Timestamp;
use crate::store::catalogue::{self, TableId};
use crate::store::mapper::{Rows, Value};

/// What a flush changed in the statements of one collector.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// Time of the newest row.
    pub newest: Timestamp,
    /// Begins of the spans of five minutes that differences reach into, in Unix seconds.
    pub starts: BTreeSet<i64>,
}

/// The changes of a batch by collector: `rows` are new, `replaced` were there with other
/// differences.
pub fn changes(rows: &Rows, replaced: &[(TableId, Vec<Value>)]) -> BTreeMap<Uuid, Changes> {
    let mut found: BTreeMap<Uuid, Changes> = BTreeMap::new();
    let Some(id) = catalogue::statements() else {
        return found;
    };
    let interval = id.table().position("interval_seconds");
    let new = rows.table(id).into_iter().flat_map(|rows| rows.iter());
    let new = new.map(|row| (row, false));
    let replaced = replaced.iter().filter(|(table, _)| *table == id);
    let replaced = replaced.map(|(_, row)| (row.as_slice(), true));
    for (row, is_replaced) in new.chain(replaced) {
        let [Value::Time(time), Value::Uuid(collector), ..] = row else {
            continue;
        };
        let changes = found.entry(*collector).or_default();
        changes.newest = changes.newest.max(*time);
        match interval.and_then(|at| row.get(at)) {
            _ if is_replaced => changes
                .starts
                .extend(reached(*time, LONGEST_SECONDS as f64)),
            Some(Value::Float(seconds)) if *seconds <= LONGEST_SECONDS as f64 => {
                changes.starts.extend(reached(*time, *seconds));
            }
            _ => {}
        }
    }
    found
}
