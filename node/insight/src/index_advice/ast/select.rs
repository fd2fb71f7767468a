//! Queries: their names, conditions and output.

use std::collections::BTreeMap;
use std::ops::Range;

use pg_query::NodeEnum;
use pg_query::protobuf::{
    ColumnRef, CteMaterialize, Node, RangeSubselect, RangeVar, SelectStmt, SetOperation, WithClause,
};

use super::Walker;
use super::scope::{Columns, Derived, Scope, Source, names, string};
use super::sublink::select_of;
use super::target::target_name;
use super::terms::Terms;
use crate::index_advice::demand::{Term, Test};

impl Walker<'_> {
    /// Reads a query inside of a scope; answers what its columns come from.
    pub(super) fn select(&mut self, select: &SelectStmt, parent: &Scope<'_>) -> Derived {
        self.deeper(|walker| walker.select_inside(select, parent))
            .unwrap_or_default()
    }

    fn select_inside(&mut self, select: &SelectStmt, parent: &Scope<'_>) -> Derived {
        let mut scope = Scope::inside(parent);
        self.with(select.with_clause.as_ref(), &mut scope);
        if !matches!(
            select.op(),
            SetOperation::SetopNone | SetOperation::Undefined
        ) {
            return self.union(select, &scope);
        }
        let first = self.reading.accesses.len();
        for item in &select.from_clause {
            self.from(item, &mut scope);
        }
        let own = first..self.reading.accesses.len();
        let condition = select.where_clause.as_deref();
        self.condition(condition, &scope);
        let expressions = select.target_list.iter().chain(&select.group_clause);
        let expressions = expressions
            .chain(&select.sort_clause)
            .chain(&select.window_clause);
        let expressions = expressions
            .chain(&select.values_lists)
            .chain(&select.distinct_clause);
        for expression in expressions.chain(select.having_clause.as_deref()) {
            self.expression(expression, &scope);
        }
        self.order(select, &scope, own);
        self.output(select, &scope)
    }

    /// A union of two queries: no condition from outside is tested inside.
    fn union(&mut self, select: &SelectStmt, scope: &Scope<'_>) -> Derived {
        let mut columns = BTreeMap::new();
        if let Some(left) = select.larg.as_deref() {
            columns = self.select(left, scope).columns;
        }
        if let Some(right) = select.rarg.as_deref() {
            self.select(right, scope);
        }
        Derived {
            columns,
            can_push: false,
        }
    }

    /// CTEs, each seeing those before it.
    pub(super) fn with(&mut self, clause: Option<&WithClause>, scope: &mut Scope<'_>) {
        let Some(clause) = clause else {
            return;
        };
        for node in &clause.ctes {
            let Some(NodeEnum::CommonTableExpr(cte)) = node.node.as_ref() else {
                continue;
            };
            let Some(query) = cte.ctequery.as_deref() else {
                continue;
            };
            if clause.recursive {
                scope.ctes.insert(cte.ctename.clone(), Derived::default());
            }
            let mut derived = match select_of(query) {
                Some(select) => {
                    let mut derived = self.select(select, scope);
                    rename(&mut derived, select, &cte.aliascolnames);
                    derived
                }
                None => {
                    self.statement(query, scope);
                    Derived::default()
                }
            };
            derived.can_push &=
                !clause.recursive && cte.ctematerialized() != CteMaterialize::Always;
            scope.ctes.insert(cte.ctename.clone(), derived);
        }
    }

    /// One item of FROM; answers the accesses that it made.
    pub(super) fn from(&mut self, node: &Node, scope: &mut Scope<'_>) -> Range<usize> {
        let first = self.reading.accesses.len();
        self.deeper(|walker| match node.node.as_ref() {
            Some(NodeEnum::RangeVar(range)) => walker.relation(range, scope),
            Some(NodeEnum::RangeSubselect(range)) => walker.subselect(range, scope),
            Some(NodeEnum::JoinExpr(join)) => walker.join(join, scope),
            Some(NodeEnum::RangeFunction(function)) => {
                for item in &function.functions {
                    walker.expression(item, scope);
                }
            }
            _ => {}
        });
        first..self.reading.accesses.len()
    }

    /// A relation, a view or a CTE.
    pub(super) fn relation(&mut self, range: &RangeVar, scope: &mut Scope<'_>) {
        let alias = range.alias.as_ref().map(|alias| alias.aliasname.clone());
        let name = alias.unwrap_or_else(|| range.relname.clone());
        let is_bare = range.schemaname.is_empty();
        let columns = if let Some(cte) = scope.cte(&range.relname).filter(|_| is_bare) {
            Columns::Derived(cte.clone())
        } else if let Some(found) = self.catalog.find(&range.schemaname, &range.relname) {
            Columns::Base(self.access(found))
        } else if let Some(view) = self.catalog.find_view(&range.schemaname, &range.relname) {
            let parsed = pg_query::parse(&view.definition, 0).ok();
            let statements = parsed
                .map(|parsed| parsed.protobuf.stmts)
                .unwrap_or_default();
            let first = statements.first().and_then(|first| first.stmt.as_deref());
            let select = first.and_then(select_of);
            let derived = select.map(|select| self.select(select, &Scope::default()));
            Columns::Derived(derived.unwrap_or_default())
        } else {
            Columns::Derived(Derived::default())
        };
        scope.sources.push(Source { name, columns });
    }

    fn subselect(&mut self, range: &RangeSubselect, scope: &mut Scope<'_>) {
        let Some(select) = range.subquery.as_deref().and_then(select_of) else {
            return;
        };
        let mut derived = self.select(select, scope);
        let alias = range.alias.as_ref();
        if let Some(alias) = alias {
            rename(&mut derived, select, &alias.colnames);
        }
        let name = alias
            .map(|alias| alias.aliasname.clone())
            .unwrap_or_default();
        let columns = Columns::Derived(derived);
        scope.sources.push(Source { name, columns });
    }

    /// A condition that rows of the whole FROM must meet.
    pub(super) fn condition(&mut self, condition: Option<&Node>, scope: &Scope<'_>) {
        let Some(condition) = condition else {
            return;
        };
        let terms = self.terms(condition, scope);
        let nullable = self.nullable.clone();
        // `b.id IS NULL` above an outer join asks for rows that found no partner.
        self.add(terms, |access, term| {
            !(term.test == Test::IsNull && nullable.contains(&access))
        });
    }

    /// Adds predicates to their accesses, those that `may` be added.
    pub(super) fn add(&mut self, terms: Terms, may: impl Fn(usize, &Term) -> bool) {
        let floor = self.floor;
        for (access, term) in terms.terms {
            let found = self.reading.accesses.get_mut(access);
            if let Some(found) = found.filter(|_| access >= floor && may(access, &term))
                && !found.terms.contains(&term)
            {
                found.terms.push(term);
            }
        }
        for (access, branches) in terms.branches {
            let mut all = branches.iter().flatten();
            let may = access >= floor && all.all(|term| may(access, term));
            if let Some(found) = self.reading.accesses.get_mut(access).filter(|_| may) {
                found.branches.push(branches);
            }
        }
    }

    /// `*` or `t.*`: all columns are read.
    pub(super) fn star(&mut self, column: &ColumnRef, scope: &Scope<'_>) {
        if names(column).is_some() {
            return;
        }
        let table = column.fields.first().and_then(string);
        for source in &scope.sources {
            if let Columns::Base(access) = source.columns
                && table.is_none_or(|table| table == source.name)
                && let Some(access) = self.reading.accesses.get_mut(access)
            {
                access.output = None;
            }
        }
    }

    /// What the columns of a query come from.
    fn output(&self, select: &SelectStmt, scope: &Scope<'_>) -> Derived {
        let mut columns = BTreeMap::new();
        for target in &select.target_list {
            let Some(NodeEnum::ResTarget(inner)) = target.node.as_ref() else {
                continue;
            };
            let value = inner.val.as_ref().and_then(|value| value.node.as_ref());
            let found = match value {
                Some(NodeEnum::ColumnRef(column)) if names(column).is_none() => {
                    let table = column.fields.first().and_then(string);
                    for source in &scope.sources {
                        if table.is_none_or(|table| table == source.name) {
                            columns.extend(self.all_columns(source));
                        }
                    }
                    continue;
                }
                Some(NodeEnum::ColumnRef(column)) => self.resolve(column, scope),
                _ => None,
            };
            if let Some(name) = target_name(target) {
                columns.insert(name, found.map(|found| (found.access, found.column)));
            }
        }
        let can_push = select.group_clause.is_empty()
            && select.distinct_clause.is_empty()
            && select.window_clause.is_empty()
            && select.limit_count.is_none()
            && select.limit_offset.is_none()
            && !super::order::has_window(select);
        Derived { columns, can_push }
    }
}

/// Gives the columns of a query other names, in the order of its output.
fn rename(derived: &mut Derived, select: &SelectStmt, names: &[Node]) {
    let old: Vec<Option<String>> = select.target_list.iter().map(target_name).collect();
    let mut renamed = Vec::new();
    for (name, old) in names.iter().filter_map(string).zip(old) {
        let origin = old.and_then(|old| derived.columns.remove(&old)).flatten();
        renamed.push((name.to_owned(), origin));
    }
    derived.columns.extend(renamed);
}
