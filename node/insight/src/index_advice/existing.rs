//! Indexes that exist, as costs and comparisons see them.

use pg_query::NodeEnum;
use pg_query::protobuf::{IndexElem, IndexStmt, Node, SortByDir, SortByNulls};

use super::ast;
use super::catalog::{Catalog, Index, IndexKey, Relation};
use super::demand::{Key, Term};
use super::shape::{BLOCK_BYTES, Shape, ShapeKey};

/// An index that exists.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Existing<'a> {
    pub(super) index: &'a Index,
    /// Keys, from the definition if it parses.
    pub(super) keys: Vec<IndexKey>,
    pub(super) include: Vec<String>,
    /// The condition as the catalogue tells it.
    pub(super) predicate: Option<String>,
    /// What a cost sees: a B-tree, or a hash index as one without order. Nothing if queries cannot
    /// use it, or its predicate is not understood.
    pub(super) shape: Option<Shape>,
}

impl Existing<'_> {
    /// Whether it may be dropped without a constraint or replication missing it.
    pub(super) fn is_droppable(&self) -> bool {
        let index = self.index;
        let is_needed = index.is_unique
            || index.is_primary
            || index.is_constraint
            || index.is_replica_identity
            || index.is_clustered
            || index.is_partition_child;
        !is_needed
    }

    /// Whether it is sorted by an expression, whose statistics are used even without a scan.
    pub(super) fn has_expression(&self) -> bool {
        self.keys.iter().any(|key| key.column.is_none())
    }
}

/// The indexes of a relation. Only on a large stack.
pub(super) fn existing(place: usize, catalog: &Catalog) -> Vec<Existing<'_>> {
    let Some(relation) = catalog.relations.get(place) else {
        return Vec::new();
    };
    let read = |index| read(index, place, relation, catalog);
    relation.indexes.iter().map(read).collect()
}

fn read<'a>(
    index: &'a Index,
    place: usize,
    relation: &Relation,
    catalog: &Catalog,
) -> Existing<'a> {
    let mut existing = Existing {
        index,
        keys: index.keys.clone(),
        include: index.include.clone(),
        predicate: index.predicate.clone(),
        shape: None,
    };
    let text = if index.definition.is_empty() {
        written(index)
    } else {
        index.definition.clone()
    };
    let Some(statement) = ast::index_statement(&text) else {
        return existing;
    };
    existing.include = statement
        .index_including_params
        .iter()
        .filter_map(name)
        .collect();
    let elements: Vec<&IndexElem> = statement.index_params.iter().filter_map(element).collect();
    let mut keys: Vec<ShapeKey> = elements
        .iter()
        .map(|e| shape_key(e, place, catalog))
        .collect();
    for key in keys.iter_mut().filter(|_| index.method == "hash") {
        key.has_default_order = false;
    }
    if !index.definition.is_empty() {
        existing.keys = elements
            .iter()
            .zip(&keys)
            .map(|(e, key)| index_key(e, key))
            .collect();
        existing.predicate = index
            .definition
            .split_once(" WHERE ")
            .map(|(_, text)| text.to_owned());
    }
    let is_known = matches!(index.method.as_str(), "btree" | "hash");
    let is_usable = is_known && index.is_valid && index.is_ready;
    let predicate = terms(&statement, place, catalog).filter(|_| is_usable);
    existing.shape = predicate.map(|predicate| {
        let shape = Shape {
            name: Some(index.name.clone()),
            keys,
            include: existing.include.clone(),
            predicate,
            is_unique: index.is_unique || index.is_primary,
            share: 1.0,
            pages: 1.0,
            height: 0.0,
            correlation: 0.0,
        };
        shape.sized(relation, index.size_bytes.map(|bytes| bytes / BLOCK_BYTES))
    });
    existing
}

/// A definition from fields, for an index that came without one.
fn written(index: &Index) -> String {
    let relation = Relation {
        schema: "s".to_owned(),
        name: "t".to_owned(),
        ..Relation::default()
    };
    let parts = super::ddl::Parts {
        name: &index.name,
        method: &index.method,
        keys: &index.keys,
        include: &index.include,
        predicate: index.predicate.as_deref(),
    };
    super::ddl::create(&relation, &parts)
}

/// The predicate; empty without one, nothing if it is not understood.
fn terms(statement: &IndexStmt, place: usize, catalog: &Catalog) -> Option<Vec<Term>> {
    match statement.where_clause.as_deref() {
        Some(condition) => ast::predicate(condition, place, catalog),
        None => Some(Vec::new()),
    }
}

fn element(node: &Node) -> Option<&IndexElem> {
    match node.node.as_ref()? {
        NodeEnum::IndexElem(element) => Some(element),
        _ => None,
    }
}

fn name(node: &Node) -> Option<String> {
    element(node).map(|element| element.name.clone())
}

fn shape_key(element: &IndexElem, place: usize, catalog: &Catalog) -> ShapeKey {
    let read = |node| ast::expression_key(node, place, catalog);
    let key = match element.expr.as_deref() {
        None => Key::column(&element.name),
        // An expression that is not understood never equals one of a demand.
        Some(node) => read(node).unwrap_or_else(|| Key {
            column: String::new(),
            expression: Some(String::new()),
        }),
    };
    let class = last(&element.opclass);
    let is_pattern = class
        .as_deref()
        .is_some_and(|class| class.ends_with("pattern_ops"));
    let is_descending = element.ordering() == SortByDir::SortbyDesc;
    ShapeKey {
        key,
        is_descending,
        has_nulls_first: match element.nulls_ordering() {
            SortByNulls::SortbyNullsFirst => true,
            SortByNulls::SortbyNullsLast => false,
            _ => is_descending,
        },
        has_pattern_class: is_pattern || last(&element.collation).as_deref() == Some("C"),
        has_default_order: class.is_none() && element.collation.is_empty(),
    }
}

fn index_key(element: &IndexElem, key: &ShapeKey) -> IndexKey {
    let is_column = element.expr.is_none();
    IndexKey {
        column: is_column.then(|| element.name.clone()),
        expression: (!is_column).then(|| key.key.text().to_owned()),
        is_descending: key.is_descending,
        has_nulls_first: key.has_nulls_first,
        operator_class: last(&element.opclass),
        collation: last(&element.collation),
    }
}

fn last(names: &[Node]) -> Option<String> {
    match names.last()?.node.as_ref()? {
        NodeEnum::String(text) => Some(text.sval.clone()),
        _ => None,
    }
}
