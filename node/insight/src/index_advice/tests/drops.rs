//! Indexes that may go, and those that must not.

use super::world::{ask, column, index, table};
use crate::index_advice::{Advice, ForeignKey, Index, Kind, Relation};

fn relation(indexes: Vec<Index>) -> Relation {
    let columns = vec![column("a", "integer", 100.0), column("b", "integer", 100.0)];
    let mut relation = table("t", columns);
    relation.indexes.extend(indexes);
    relation
}

/// An index without scans for 40 days, of 100 MiB.
fn unused(name: &str, keys: &str) -> Index {
    Index {
        unused_days: Some(40.0),
        age_days: Some(400.0),
        size_bytes: Some(104_857_600.0),
        ..index("t", name, "INDEX", keys)
    }
}

fn drops(relations: Vec<Relation>) -> Vec<Advice> {
    ask(relations, Vec::new()).advices
}

#[test]
fn an_index_without_scans_is_dropped_and_can_be_built_again() {
    let found = drops(vec![relation(vec![unused("a", "(a)")])]);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].kind, Kind::DropUnused);
    assert_eq!(found[0].statement, "DROP INDEX CONCURRENTLY public.t_a;");
    let undo = found[0].undo.as_deref();
    assert_eq!(undo, Some("CREATE INDEX t_a ON public.t USING btree (a);"));
}

#[test]
fn an_unused_index_stays_if_anything_else_needs_it() {
    type Change = fn(&mut Index);
    let stays: [(&str, Change); 9] = [
        ("unique", |index| index.is_unique = true),
        ("constraint", |index| index.is_constraint = true),
        ("replica identity", |index| index.is_replica_identity = true),
        ("clustered", |index| index.is_clustered = true),
        ("partition", |index| index.is_partition_child = true),
        ("young", |index| index.age_days = Some(10.0)),
        ("unknown standby", |index| index.unused_days = None),
        ("29 days", |index| index.unused_days = Some(29.0)),
        ("small", |index| index.size_bytes = Some(8_192.0)),
    ];
    for (name, change) in stays {
        let mut index = unused("a", "(a)");
        change(&mut index);
        assert_eq!(drops(vec![relation(vec![index])]), [], "{name}");
    }
}

#[test]
fn an_index_of_a_foreign_key_stays_if_its_parent_sees_deletes() {
    let mut child = relation(vec![unused("a", "(a)")]);
    child.foreign_keys.push(ForeignKey {
        name: "fk".to_owned(),
        columns: vec!["a".to_owned()],
        parent_schema: "public".to_owned(),
        parent: "parent".to_owned(),
        ..ForeignKey::default()
    });
    let mut parent = table("parent", Vec::new());
    assert_eq!(drops(vec![child.clone(), parent.clone()]).len(), 1);
    parent.deletes_per_day = 1.0;
    assert_eq!(drops(vec![child, parent]), []);
}

#[test]
fn an_expression_index_is_dropped_with_a_warning() {
    let found = drops(vec![relation(vec![unused("l", "(abs(a))")])]);
    assert!(
        found[0].reason.contains("statistics of its expression"),
        "{}",
        found[0].reason
    );
}

#[test]
fn one_of_two_equal_indexes_is_dropped() {
    let one = index("t", "one", "INDEX", "(a, b)");
    for (name, other, wanted) in [
        ("equal", index("t", "two", "INDEX", "(a, b)"), Some("t_two")),
        (
            "unique",
            index("t", "two", "UNIQUE INDEX", "(a, b)"),
            Some("t_one"),
        ),
        (
            "more included",
            index("t", "two", "INDEX", "(a, b) INCLUDE (id)"),
            Some("t_one"),
        ),
        (
            "other order",
            index("t", "two", "INDEX", "(a, b DESC)"),
            None,
        ),
        (
            "other class",
            index("t", "two", "INDEX", "(a int4_ops, b)"),
            None,
        ),
        (
            "partial",
            index("t", "two", "INDEX", "(a, b) WHERE (a = 1)"),
            None,
        ),
        ("other columns", index("t", "two", "INDEX", "(b, a)"), None),
    ] {
        let other = Index {
            is_unique: name == "unique",
            ..other
        };
        let found = drops(vec![relation(vec![one.clone(), other])]);
        let names: Vec<&str> = found.iter().map(|advice| advice.index.as_str()).collect();
        assert_eq!(names, wanted.into_iter().collect::<Vec<&str>>(), "{name}");
        assert!(
            found
                .iter()
                .all(|advice| advice.kind == Kind::DropDuplicate),
            "{name}"
        );
    }
}

#[test]
fn a_prefix_of_a_longer_index_is_dropped() {
    for (name, short, long, wanted) in [
        ("prefix", "(a)", "(a, b)", true),
        ("second column", "(b)", "(a, b)", false),
        ("other rows", "(a)", "(a, b) WHERE (b = 1)", false),
        ("carries more", "(a) INCLUDE (id)", "(a, b)", false),
    ] {
        let indexes = vec![
            index("t", "s", "INDEX", short),
            index("t", "l", "INDEX", long),
        ];
        let found = drops(vec![relation(indexes)]);
        let names: Vec<&str> = found.iter().map(|advice| advice.index.as_str()).collect();
        assert_eq!(names.contains(&"t_s"), wanted, "{name}");
        assert!(!names.contains(&"t_l"), "{name}");
    }
}

#[test]
fn what_failed_builds_leave_is_rebuilt_or_dropped() {
    let invalid = |name: &str| Index {
        is_valid: false,
        ..index("t", name, "INDEX", "(a)")
    };
    let found = drops(vec![relation(vec![invalid("a")])]);
    assert_eq!(found[0].kind, Kind::InvalidIndex);
    assert_eq!(found[0].statement, "REINDEX INDEX CONCURRENTLY public.t_a;");
    let found = drops(vec![relation(vec![invalid("a_ccnew")])]);
    assert_eq!(
        found[0].statement,
        "DROP INDEX CONCURRENTLY public.t_a_ccnew;"
    );
    let building = Index {
        is_in_progress: true,
        ..invalid("a")
    };
    assert_eq!(drops(vec![relation(vec![building])]), []);
}
