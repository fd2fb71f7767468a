//! Which relations a statement reads or writes.

use std::collections::BTreeSet;

use crate::large_stack::on_large_stack;
use crate::plan::Plan;

/// Statements longer than this, in bytes, are not read.
const MAX_BYTES: usize = 1 << 20;

/// A relation as a statement or a plan names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelationName {
    /// Its schema; none where the search path finds it.
    pub schema: Option<String>,
    /// Its name.
    pub name: String,
}

/// The relations that each statement names, in the order of the statements; views are named as
/// such. Empty for a text that PostgreSQL's parser does not take, since it is cut or of another
/// dialect: its plan may tell them ([`plan_relations`]).
///
/// ```
/// use pga_insight::prediction::statement_relations;
///
/// let found = statement_relations(&["WITH w AS (SELECT 1) SELECT * FROM w, shop.orders o"]);
/// let names: Vec<&str> = found[0].iter().map(|one| one.name.as_str()).collect();
/// assert_eq!(names, ["orders"]);
/// ```
#[must_use]
pub fn statement_relations(statements: &[&str]) -> Vec<BTreeSet<RelationName>> {
    let all = || statements.iter().map(|text| named(text)).collect();
    on_large_stack(all).unwrap_or_else(|| vec![BTreeSet::new(); statements.len()])
}

/// Only on a large stack.
fn named(text: &str) -> BTreeSet<RelationName> {
    if text.len() > MAX_BYTES {
        return BTreeSet::new();
    }
    let parsed = pg_query::parse(text, 0);
    let tables = parsed.map(|parsed| parsed.tables).unwrap_or_default();
    let names = tables.into_iter();
    let name = |(name, _): (String, _)| match name.split_once('.') {
        Some((schema, name)) => RelationName {
            schema: Some(schema.to_owned()),
            name: name.to_owned(),
        },
        None => RelationName { schema: None, name },
    };
    names.map(name).collect()
}

/// The relations that a plan scans or writes: of a partitioned table the partitions, of a view what
/// is behind it.
#[must_use]
pub fn plan_relations(plan: &Plan) -> BTreeSet<RelationName> {
    let nodes = plan.root.preorder();
    let names = nodes.iter().filter_map(|node| {
        Some(RelationName {
            schema: node.target.schema.clone(),
            name: node.target.relation.clone()?,
        })
    });
    names.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::samples::json_plan;

    fn told(names: &BTreeSet<RelationName>) -> Vec<String> {
        let name = |one: &RelationName| match &one.schema {
            Some(schema) => format!("{schema}.{}", one.name),
            None => one.name.clone(),
        };
        names.iter().map(name).collect()
    }

    #[test]
    fn a_statement_names_its_relations_wherever_they_stand() {
        let cases = [
            (
                "SELECT * FROM a JOIN s.b ON b.id = a.id WHERE EXISTS (SELECT 1 FROM c)",
                vec!["a", "c", "s.b"],
            ),
            (
                "SELECT (SELECT max(x) FROM d) FROM e WHERE y IN (SELECT y FROM f)",
                vec!["d", "e", "f"],
            ),
            ("INSERT INTO a (x) SELECT x FROM b", vec!["a", "b"]),
            (
                "UPDATE a SET x = $1 FROM b WHERE a.id = b.id",
                vec!["a", "b"],
            ),
            ("DELETE FROM a USING b WHERE a.id = b.id", vec!["a", "b"]),
            ("WITH w AS (SELECT * FROM a) SELECT * FROM w", vec!["a"]),
            ("SELECT * FROM a UNION SELECT * FROM \"B\"", vec!["B", "a"]),
            ("SELECT 1", vec![]),
            ("SELECT * FROM a WHERE", vec![]),
        ];
        let texts: Vec<&str> = cases.iter().map(|(text, _)| *text).collect();
        let found = statement_relations(&texts);
        for ((text, mut want), names) in cases.into_iter().zip(&found) {
            let mut told = told(names);
            want.sort_unstable();
            told.sort_unstable();
            assert_eq!(told, want, "{text}");
        }
    }

    #[test]
    fn a_plan_names_what_it_scans() {
        let plan = json_plan(
            r#"[{"Plan": {"Node Type": "Append", "Plans": [
            {"Node Type": "Seq Scan", "Relation Name": "m_2026", "Schema": "s", "Parent Relationship": "Member"},
            {"Node Type": "Index Scan", "Relation Name": "m_2025", "Parent Relationship": "Member"},
            {"Node Type": "Result", "Parent Relationship": "Member"}]}}]"#,
        );
        assert_eq!(told(&plan_relations(&plan)), ["m_2025", "s.m_2026"]);
    }
}
