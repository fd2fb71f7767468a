//! Who holds up whom: the roots of the pairs that `pg_blocking_pids` tells.
//!
//! A *root* blocks others and waits for no lock itself; a prepared transaction blocks as pid 0. Its
//! victims are all that wait for it, directly or through others; depth is the longest way to one.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::Value;

use crate::fact_row::FactRow;

/// Type of the rows that this makes.
pub(crate) const KIND: &str = "lock_root";
/// Type of the rows that this reads.
pub(crate) const OF: &str = "pg_blocking";
/// Longest way that is followed: a circle is a deadlock, which the server ends.
const MAX_DEPTH: usize = 100;

/// The roots of the rows of one `pg_blocking` element, as rows of the type `lock_root`.
pub fn lock_roots(pairs: &[serde_json::Value]) -> Vec<serde_json::Value> {
    let pairs: Vec<FactRow> = (pairs.iter())
        .map(|pair| FactRow {
            identity: String::new(),
            value: Value::from_serialize(pair),
        })
        .collect();
    let roots = roots(&pairs).into_iter();
    roots
        .filter_map(|root| serde_json::to_value(root.value).ok())
        .collect()
}

/// The roots, one row each.
pub(crate) fn roots(pairs: &[FactRow]) -> Vec<FactRow> {
    let mut waits: BTreeMap<i64, Vec<(i64, &Value)>> = BTreeMap::new();
    let mut blocked = BTreeSet::new();
    for pair in pairs {
        if let (Some(victim), Some(holder)) = (
            pid(&pair.value, "blocked_pid"),
            pid(&pair.value, "blocking_pid"),
        ) {
            waits.entry(holder).or_default().push((victim, &pair.value));
            blocked.insert(victim);
        }
    }
    let holders = waits.keys().filter(|holder| !blocked.contains(holder));
    holders.map(|root| row(*root, &waits)).collect()
}

fn row(root: i64, waits: &BTreeMap<i64, Vec<(i64, &Value)>>) -> FactRow {
    let (mut victims, mut longest, mut long_waits) = (BTreeSet::new(), 0.0_f64, BTreeSet::new());
    let (mut level, mut depth) = (BTreeSet::from([root]), 0);
    let mut relation = None;
    while depth < MAX_DEPTH {
        let next = level
            .iter()
            .filter_map(|holder| waits.get(holder))
            .flatten();
        let mut below = BTreeSet::new();
        for (victim, pair) in next {
            let wait = field(pair, "wait_seconds").and_then(|wait| f64::try_from(wait).ok());
            longest = longest.max(wait.unwrap_or(0.0));
            if wait.is_some_and(|wait| wait > 30.0) {
                long_waits.insert(*victim);
            }
            relation = relation.or_else(|| field(pair, "relation"));
            if victims.insert(*victim) {
                below.insert(*victim);
            }
        }
        if below.is_empty() {
            break;
        }
        depth += 1;
        level = below;
    }
    let queue = queue(root, waits, &victims);
    let first = waits.get(&root).and_then(|pairs| pairs.first());
    let of_root = |name: &str| {
        let value = first.and_then(|(_, pair)| field(pair, name));
        (
            name.replace("blocking_", ""),
            value.unwrap_or_else(|| Value::from("")),
        )
    };
    let names = [
        "database",
        "blocking_user",
        "blocking_application",
        "blocking_state",
        "blocking_query",
        "blocking_transaction_seconds",
    ];
    let mut fields: BTreeMap<String, Value> = names.into_iter().map(of_root).collect();
    fields.insert("pid".to_owned(), Value::from(root));
    fields.insert("victims".to_owned(), Value::from(victims.len()));
    fields.insert("long_waits".to_owned(), Value::from(long_waits.len()));
    fields.insert("longest_wait".to_owned(), Value::from(longest));
    fields.insert("depth".to_owned(), Value::from(depth));
    let none = || Value::from("");
    fields.insert("relation".to_owned(), relation.unwrap_or_else(none));
    fields.insert("queued".to_owned(), Value::from(queue.0));
    fields.insert("queue_pid".to_owned(), Value::from(queue.1));
    fields.insert("queue_query".to_owned(), queue.2.unwrap_or_else(none));
    FactRow {
        identity: root.to_string(),
        value: Value::from(fields),
    }
}

/// Of those that wait for an AccessExclusive lock (DDL does), the one that most others wait for:
/// how many, its process and its statement. Whoever comes after it waits, although the lock that is
/// held would let him pass.
fn queue(
    root: i64,
    waits: &BTreeMap<i64, Vec<(i64, &Value)>>,
    victims: &BTreeSet<i64>,
) -> (usize, i64, Option<Value>) {
    let of_root = |pid: &i64| *pid == root || victims.contains(pid);
    let pairs = waits.iter().filter(|(holder, _)| of_root(holder));
    let exclusive = pairs.flat_map(|(_, pairs)| pairs).filter(|(_, pair)| {
        let mode = field(pair, "mode_wanted");
        mode.is_some_and(|mode| mode.as_str() == Some("AccessExclusiveLock"))
    });
    let queues = exclusive.map(|(pid, pair)| {
        let behind = waits.get(pid).map_or(0, Vec::len);
        (behind, *pid, field(pair, "blocked_query"))
    });
    let longest = queues
        .filter(|(behind, ..)| *behind > 0)
        .max_by_key(|(behind, ..)| *behind);
    longest.unwrap_or((0, 0, None))
}

fn pid(pair: &Value, name: &str) -> Option<i64> {
    // A prepared transaction has no session: its pid is 0, and so is that of a NULL.
    let value = pair.get_attr(name).ok()?;
    i64::try_from(value).ok()
}

fn field(pair: &Value, name: &str) -> Option<Value> {
    let value = pair.get_attr(name).ok()?;
    (!value.is_none() && !value.is_undefined()).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_for_ddl_is_counted_behind_it() {
        // Six readers wait for an ALTER TABLE (2), which waits for an idle reader (1).
        let pair = |(blocked, blocking): (i64, i64)| {
            let mode = if blocked == 2 {
                "AccessExclusiveLock"
            } else {
                "AccessShareLock"
            };
            FactRow {
                identity: blocked.to_string(),
                value: Value::from_serialize(serde_json::json!({
                    "blocked_pid": blocked, "blocking_pid": blocking, "mode_wanted": mode,
                    "blocked_query": format!("statement {blocked}"),
                })),
            }
        };
        let pairs: Vec<FactRow> = std::iter::once((2, 1))
            .chain((3..9).map(|of| (of, 2)))
            .map(pair)
            .collect();
        let roots = roots(&pairs);
        let of = |name: &str| roots[0].value.get_attr(name).unwrap().to_string();
        let told = [
            "pid",
            "victims",
            "depth",
            "queued",
            "queue_pid",
            "queue_query",
        ]
        .map(of);
        assert_eq!(told, ["1", "7", "2", "6", "2", "statement 2"]);
    }

    #[test]
    fn a_chain_has_one_root_that_waits_for_nobody() {
        // D waits for C, C for B, B for A; E for A too.
        let pairs = [(2, 1, 50.0), (3, 2, 40.0), (4, 3, 20.0), (5, 1, 10.0)];
        let pairs = pairs.map(|(blocked, blocking, wait)| FactRow {
            identity: blocked.to_string(),
            value: Value::from_serialize(serde_json::json!({
                "blocked_pid": blocked, "blocking_pid": blocking, "wait_seconds": wait,
                "blocking_application": format!("app {blocking}"), "relation": null,
            })),
        });
        let roots = roots(&pairs);
        assert_eq!(roots.len(), 1);
        let root = &roots[0].value;
        let number = |name: &str| i64::try_from(root.get_attr(name).unwrap()).unwrap();
        assert_eq!(
            ["pid", "victims", "depth", "long_waits"].map(number),
            [1, 4, 3, 2]
        );
        assert_eq!(
            root.get_attr("application").unwrap().as_str(),
            Some("app 1")
        );
        assert_eq!(
            f64::try_from(root.get_attr("longest_wait").unwrap()).unwrap(),
            50.0
        );
    }
}
