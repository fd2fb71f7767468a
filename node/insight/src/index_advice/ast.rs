//! Reads statements: PostgreSQL's parse tree to what is asked of each relation.

mod children;
mod conditions;
mod join;
mod keyed;
mod operand;
mod order;
mod scope;
mod select;
mod sublink;
mod target;
mod terms;
mod write;

use std::collections::BTreeMap;

use pg_query::NodeEnum;
use pg_query::protobuf::{IndexStmt, Node};

use super::catalog::Catalog;
use super::demand::{Access, Key, Reading, Term};

use self::operand::Operand;
use self::scope::{Columns, Scope, Source};

/// Walkers give up below this depth.
const MAX_DEPTH: u32 = 2_000;

/// Statements longer than this, in bytes, are not read.
const MAX_BYTES: usize = 1 << 20;

/// Reads with what is common to all nodes of one statement.
struct Walker<'a> {
    catalog: &'a Catalog,
    constants: &'a BTreeMap<i32, String>,
    reading: Reading,
    depth: u32,
    /// Accesses before this one get no predicates.
    floor: usize,
    /// Accesses whose rows an outer join may lack.
    nullable: std::collections::BTreeSet<usize>,
}

/// Reads a statement; nothing if the parser does not take it. Only on a large stack.
pub(super) fn read(
    text: &str,
    constants: &BTreeMap<i32, String>,
    catalog: &Catalog,
) -> Option<Reading> {
    if text.len() > MAX_BYTES {
        return None;
    }
    let parsed = pg_query::parse(text, 0).ok()?;
    let mut walker = Walker::new(catalog, constants);
    for statement in &parsed.protobuf.stmts {
        if let Some(node) = statement.stmt.as_deref() {
            walker.statement(node, &Scope::default());
        }
    }
    Some(walker.reading)
}

/// Reads the definition of an index; nothing if it is none. Only on a large stack.
pub(super) fn index_statement(definition: &str) -> Option<Box<IndexStmt>> {
    let parsed = pg_query::parse(definition, 0).ok()?;
    let first = parsed.protobuf.stmts.into_iter().next()?;
    match first.stmt?.node? {
        NodeEnum::IndexStmt(index) => Some(index),
        _ => None,
    }
}

/// Reads an expression over one relation, as an index has it; nothing if it is not understood.
pub(super) fn expression_key(node: &Node, relation: usize, catalog: &Catalog) -> Option<Key> {
    let constants = BTreeMap::new();
    let mut walker = Walker::new(catalog, &constants);
    let scope = walker.relation_scope(relation);
    match walker.operand(node, &scope) {
        Operand::Column(found) => Some(Key::column(&found.column)),
        Operand::Wrapped(found, expression) => Some(Key {
            column: found.column,
            expression: Some(expression),
        }),
        _ => None,
    }
}

/// Reads the predicate of an index; nothing if a part of it is not understood.
pub(super) fn predicate(node: &Node, relation: usize, catalog: &Catalog) -> Option<Vec<Term>> {
    let constants = BTreeMap::new();
    let mut walker = Walker::new(catalog, &constants);
    let scope = walker.relation_scope(relation);
    let found = walker.terms(node, &scope);
    let is_understood = found.is_complete && walker.reading.accesses.len() == 1;
    is_understood.then(|| found.terms.into_iter().map(|(_, term)| term).collect())
}

impl<'a> Walker<'a> {
    fn new(catalog: &'a Catalog, constants: &'a BTreeMap<i32, String>) -> Self {
        Self {
            catalog,
            constants,
            reading: Reading::default(),
            depth: 0,
            floor: 0,
            nullable: std::collections::BTreeSet::new(),
        }
    }

    /// Notes that a statement reads a relation; answers the number of the access.
    fn access(&mut self, relation: usize) -> usize {
        self.reading.accesses.push(Access {
            relation,
            output: Some(std::collections::BTreeSet::new()),
            ..Access::default()
        });
        self.reading.accesses.len().saturating_sub(1)
    }

    /// A scope in which one relation is seen by its own name.
    fn relation_scope(&mut self, relation: usize) -> Scope<'static> {
        let name = self.catalog.relations.get(relation);
        let name = name
            .map(|relation| relation.name.clone())
            .unwrap_or_default();
        let access = self.access(relation);
        Scope {
            sources: vec![Source {
                name,
                columns: Columns::Base(access),
            }],
            ..Scope::default()
        }
    }

    /// Runs `work` one level deeper; nothing if that is too deep.
    fn deeper<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.depth >= MAX_DEPTH {
            return None;
        }
        self.depth += 1;
        let done = work(self);
        self.depth -= 1;
        Some(done)
    }
}
