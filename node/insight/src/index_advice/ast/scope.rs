//! Which relation a column belongs to.

use std::collections::BTreeMap;

use pg_query::NodeEnum;
use pg_query::protobuf::{ColumnRef, Node};

use super::Walker;

/// What the columns of a query, a view or a CTE come from.
#[derive(Clone, Debug, Default)]
pub(super) struct Derived {
    /// By name: access and column; nothing if computed.
    pub(super) columns: BTreeMap<String, Option<(usize, String)>>,
    /// Whether a condition on a column may be tested inside.
    pub(super) can_push: bool,
}

/// What a name in FROM stands for.
#[derive(Clone, Debug)]
pub(super) enum Columns {
    /// A base relation: the number of its access.
    Base(usize),
    /// A query.
    Derived(Derived),
}

/// A name in FROM.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) columns: Columns,
}

/// The names that a query sees.
#[derive(Debug, Default)]
pub(super) struct Scope<'s> {
    pub(super) sources: Vec<Source>,
    pub(super) ctes: BTreeMap<String, Derived>,
    pub(super) parent: Option<&'s Scope<'s>>,
}

/// A column of a base relation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) access: usize,
    pub(super) column: String,
    /// Whether a condition on it may be tested where the relation is read.
    pub(super) can_push: bool,
}

impl<'s> Scope<'s> {
    /// A scope inside of another.
    pub(super) fn inside(parent: &'s Scope<'s>) -> Self {
        Self {
            parent: Some(parent),
            ..Self::default()
        }
    }

    /// Finds a CTE.
    pub(super) fn cte(&self, name: &str) -> Option<&Derived> {
        let outer = || self.parent.and_then(|parent| parent.cte(name));
        self.ctes.get(name).or_else(outer)
    }
}

/// Names of a reference: the last is the column. Nothing for `*`.
pub(super) fn names(column: &ColumnRef) -> Option<Vec<&str>> {
    column.fields.iter().map(string).collect()
}

/// The text of a name.
pub(super) fn string(node: &Node) -> Option<&str> {
    match node.node.as_ref()? {
        NodeEnum::String(text) => Some(text.sval.as_str()),
        _ => None,
    }
}

impl Walker<'_> {
    /// Finds what a column reference names, in this scope or in one around it.
    pub(super) fn resolve(&self, column: &ColumnRef, scope: &Scope<'_>) -> Option<Found> {
        let names = names(column)?;
        let (name, qualifiers) = names.split_last()?;
        let table = qualifiers.last().copied();
        let mut around = Some(scope);
        while let Some(scope) = around {
            for source in &scope.sources {
                if table.is_some_and(|table| table != source.name) {
                    continue;
                }
                match self.column_of(source, name) {
                    Some(found) => return found,
                    None if table.is_some() => return None,
                    None => {}
                }
            }
            around = scope.parent;
        }
        None
    }

    /// A column of a source: nothing if it has none of that name, and nothing inside if computed.
    fn column_of(&self, source: &Source, name: &str) -> Option<Option<Found>> {
        match &source.columns {
            Columns::Base(access) => {
                let relation = self.reading.accesses.get(*access)?.relation;
                self.catalog.relations.get(relation)?.column(name)?;
                Some(Some(Found {
                    access: *access,
                    column: name.to_owned(),
                    can_push: true,
                }))
            }
            Columns::Derived(derived) => {
                let origin = derived.columns.get(name)?;
                Some(origin.as_ref().map(|(access, column)| Found {
                    access: *access,
                    column: column.clone(),
                    can_push: derived.can_push,
                }))
            }
        }
    }

    /// All columns of a source, by name.
    pub(super) fn all_columns(&self, source: &Source) -> BTreeMap<String, Option<(usize, String)>> {
        match &source.columns {
            Columns::Derived(derived) => derived.columns.clone(),
            Columns::Base(access) => {
                let relation = self
                    .reading
                    .accesses
                    .get(*access)
                    .map(|found| found.relation);
                let relation = relation.and_then(|relation| self.catalog.relations.get(relation));
                let columns = relation.into_iter().flat_map(|relation| &relation.columns);
                columns
                    .map(|column| (column.name.clone(), Some((*access, column.name.clone()))))
                    .collect()
            }
        }
    }

    /// Notes that a column is read.
    pub(super) fn note(&mut self, found: &Found) {
        let access = self.reading.accesses.get_mut(found.access);
        if let Some(output) = access.and_then(|access| access.output.as_mut()) {
            output.insert(found.column.clone());
        }
    }
}
