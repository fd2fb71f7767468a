//! What one call of a statement does, as the rules about many calls ask for it.

use pg_query::NodeEnum;
use pg_query::protobuf::{InsertStmt, Node, SelectStmt};

use super::MAX_PARSED_BYTES;
use super::schema::Schema;
use super::scope::Scope;
use super::text::{comparison, conjuncts, parameter, parse};
use super::tree::{as_select, is_shallow};
use crate::large_stack::on_large_stack;

/// What one call does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallShape {
    /// It reads the rows of one key of one table: the only value that it is given is compared for
    /// equality with a column that is unique by itself or refers to another table.
    KeyLookup,
    /// It inserts the values of one row.
    RowInsert,
    /// Anything else, also what is no statement.
    Other,
}

/// Answers what each call does, in the order of the texts. The call starts a thread with a large
/// stack.
#[must_use]
pub fn call_shapes(texts: &[&str], schema: &Schema) -> Vec<CallShape> {
    let shapes = on_large_stack(|| texts.iter().map(|text| of(text, schema)).collect());
    shapes.unwrap_or_else(|| vec![CallShape::Other; texts.len()])
}

fn of(sql: &str, schema: &Schema) -> CallShape {
    if sql.len() > MAX_PARSED_BYTES {
        return CallShape::Other;
    }
    let Some(root) = parse(sql).filter(is_shallow) else {
        return CallShape::Other;
    };
    let is_insert = |of: &Node| match of.node.as_ref() {
        Some(NodeEnum::InsertStmt(insert)) => inserts_one_row(insert),
        _ => false,
    };
    if is_insert(&root) {
        CallShape::RowInsert
    } else if as_select(&root).is_some_and(|select| is_key_lookup(select, schema)) {
        CallShape::KeyLookup
    } else {
        CallShape::Other
    }
}

fn inserts_one_row(insert: &InsertStmt) -> bool {
    let source = insert.select_stmt.as_deref().and_then(as_select);
    insert.with_clause.is_none() && source.is_some_and(|select| select.values_lists.len() == 1)
}

fn is_key_lookup(select: &SelectStmt, schema: &Schema) -> bool {
    if select.with_clause.is_some() || select.from_clause.len() != 1 {
        return false;
    }
    let scope = Scope::new(&select.from_clause, Some(schema), &[]);
    let Some(relation) = scope.bases.first().and_then(|base| base.relation) else {
        return false;
    };
    if scope.bases.len() != 1 {
        return false;
    }
    let terms = conjuncts(select.where_clause.as_deref());
    let mut keys = terms.iter().filter_map(|term| equality(term, &scope));
    let is_alone = |name: &str| {
        let is = |columns: &Vec<String>| matches!(columns.as_slice(), [only] if only == name);
        relation.unique_keys.iter().any(is) || relation.foreign_keys.iter().any(is)
    };
    let one = keys.next().is_some_and(is_alone) && keys.next().is_none();
    one && terms
        .iter()
        .all(|term| equality(term, &scope).is_some() || is_without_parameter(term))
}

/// The column that a term compares with a parameter for equality.
fn equality<'n>(term: &'n Node, scope: &Scope<'_>) -> Option<&'n str> {
    let (operator, left, right) = comparison(term)?;
    let column = match (parameter(left), parameter(right)) {
        (None, Some(_)) => left,
        (Some(_), None) => right,
        _ => return None,
    };
    let (_, name) = scope.resolve(column)?;
    (operator == "=").then_some(name)
}

fn is_without_parameter(term: &Node) -> bool {
    !super::tree::any(term, &|node| parameter(node).is_some())
}

#[cfg(test)]
mod tests {
    use super::super::schema::{Column, Relation};
    use super::*;

    fn schema() -> Schema {
        let column = |name: &str| Column {
            name: name.to_owned(),
            type_name: "integer".to_owned(),
            ..Column::default()
        };
        Schema {
            relations: vec![Relation {
                schema: "public".to_owned(),
                name: "items".to_owned(),
                columns: ["id", "order_id", "a", "b", "gone"].map(column).to_vec(),
                unique_keys: vec![vec!["id".to_owned()], vec!["a".to_owned(), "b".to_owned()]],
                foreign_keys: vec![vec!["order_id".to_owned()]],
                ..Relation::default()
            }],
        }
    }

    #[test]
    fn shapes_are_told_apart() {
        for (sql, shape) in [
            ("SELECT * FROM items WHERE id = $1", CallShape::KeyLookup),
            (
                "SELECT a FROM items i WHERE $1 = i.id LIMIT $2",
                CallShape::KeyLookup,
            ),
            (
                "SELECT * FROM items WHERE order_id = $1 AND gone IS NULL",
                CallShape::KeyLookup,
            ),
            ("SELECT * FROM items WHERE a = $1", CallShape::Other),
            (
                "SELECT * FROM items WHERE a = $1 AND b = $2",
                CallShape::Other,
            ),
            ("SELECT * FROM items WHERE id > $1", CallShape::Other),
            (
                "SELECT * FROM items WHERE id = $1 OR a IS NULL",
                CallShape::Other,
            ),
            (
                "SELECT * FROM items WHERE id = $1 AND a > $2",
                CallShape::Other,
            ),
            ("SELECT * FROM elsewhere WHERE id = $1", CallShape::Other),
            (
                "SELECT * FROM items JOIN t USING (id) WHERE id = $1",
                CallShape::Other,
            ),
            ("SELECT * FROM items", CallShape::Other),
            ("INSERT INTO items (id) VALUES ($1)", CallShape::RowInsert),
            (
                "INSERT INTO items (id) VALUES ($1) RETURNING id",
                CallShape::RowInsert,
            ),
            ("INSERT INTO items (id) VALUES ($1), ($2)", CallShape::Other),
            ("INSERT INTO items SELECT * FROM t", CallShape::Other),
            ("SELECT * FROM items WHERE id =", CallShape::Other),
        ] {
            assert_eq!(call_shapes(&[sql], &schema()), [shape], "{sql}");
        }
    }
}
