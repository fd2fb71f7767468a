//! Statements that write, and statements that hold others.

use std::collections::BTreeSet;

use pg_query::NodeEnum;
use pg_query::protobuf::{DeleteStmt, InsertStmt, MergeStmt, Node, RangeVar, UpdateStmt};

use super::Walker;
use super::scope::{Columns, Scope};
use super::sublink::select_of;
use crate::index_advice::demand::Write;

impl Walker<'_> {
    /// Reads a statement.
    pub(super) fn statement(&mut self, node: &Node, scope: &Scope<'_>) {
        match node.node.as_ref() {
            Some(NodeEnum::SelectStmt(select)) => {
                self.select(select, scope);
            }
            Some(NodeEnum::UpdateStmt(update)) => self.update(update, scope),
            Some(NodeEnum::DeleteStmt(delete)) => self.delete(delete, scope),
            Some(NodeEnum::InsertStmt(insert)) => self.insert(insert, scope),
            Some(NodeEnum::MergeStmt(merge)) => self.merge(merge, scope),
            Some(NodeEnum::DeclareCursorStmt(cursor)) => self.inner(cursor.query.as_deref(), scope),
            Some(NodeEnum::CreateTableAsStmt(create)) => self.inner(create.query.as_deref(), scope),
            _ => {}
        }
        if self.reading.accesses.len() != 1 {
            for access in &mut self.reading.accesses {
                access.gives_rows = false;
            }
        }
    }

    fn inner(&mut self, query: Option<&Node>, scope: &Scope<'_>) {
        if let Some(query) = query {
            self.deeper(|walker| walker.statement(query, scope));
        }
    }

    /// The written relation as a source; answers its place in the catalogue.
    fn target(&mut self, range: Option<&RangeVar>, scope: &mut Scope<'_>) -> Option<usize> {
        self.relation(range?, scope);
        match scope.sources.last()?.columns {
            Columns::Base(access) => {
                let found = self.reading.accesses.get_mut(access)?;
                // Rows are written as a whole, so an index alone never has what it takes.
                found.output = None;
                found.gives_rows = true;
                Some(found.relation)
            }
            Columns::Derived(_) => None,
        }
    }

    fn update(&mut self, update: &UpdateStmt, parent: &Scope<'_>) {
        let mut scope = Scope::inside(parent);
        self.with(update.with_clause.as_ref(), &mut scope);
        let target = self.target(update.relation.as_ref(), &mut scope);
        for item in &update.from_clause {
            self.from(item, &mut scope);
        }
        self.condition(update.where_clause.as_deref(), &scope);
        for item in &update.target_list {
            self.expression(item, &scope);
        }
        if let Some(relation) = target {
            let columns = set_columns(&update.target_list);
            self.reading.writes.push(Write::Update(relation, columns));
        }
    }

    fn delete(&mut self, delete: &DeleteStmt, parent: &Scope<'_>) {
        let mut scope = Scope::inside(parent);
        self.with(delete.with_clause.as_ref(), &mut scope);
        let target = self.target(delete.relation.as_ref(), &mut scope);
        for item in &delete.using_clause {
            self.from(item, &mut scope);
        }
        self.condition(delete.where_clause.as_deref(), &scope);
        if let Some(relation) = target {
            self.reading.writes.push(Write::Delete(relation));
        }
    }

    fn insert(&mut self, insert: &InsertStmt, parent: &Scope<'_>) {
        let mut scope = Scope::inside(parent);
        self.with(insert.with_clause.as_ref(), &mut scope);
        if let Some(select) = insert.select_stmt.as_deref().and_then(select_of) {
            self.select(select, &scope);
        }
        let range = insert.relation.as_ref();
        let found = range.and_then(|range| self.catalog.find(&range.schemaname, &range.relname));
        if let Some(relation) = found {
            self.reading.writes.push(Write::Insert(relation));
        }
    }

    fn merge(&mut self, merge: &MergeStmt, parent: &Scope<'_>) {
        let mut scope = Scope::inside(parent);
        self.with(merge.with_clause.as_ref(), &mut scope);
        let target = self.target(merge.relation.as_ref(), &mut scope);
        if let Some(source) = merge.source_relation.as_deref() {
            self.from(source, &mut scope);
        }
        self.condition(merge.join_condition.as_deref(), &scope);
        let Some(relation) = target else {
            return;
        };
        for clause in &merge.merge_when_clauses {
            if let Some(NodeEnum::MergeWhenClause(clause)) = clause.node.as_ref() {
                let columns = set_columns(&clause.target_list);
                self.reading.writes.push(Write::Update(relation, columns));
            }
        }
    }
}

/// Columns that a SET list names.
fn set_columns(targets: &[Node]) -> BTreeSet<String> {
    let name = |target: &Node| match target.node.as_ref() {
        Some(NodeEnum::ResTarget(target)) => Some(target.name.clone()),
        _ => None,
    };
    targets.iter().filter_map(name).collect()
}
