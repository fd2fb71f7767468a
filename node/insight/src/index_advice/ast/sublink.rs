//! Queries inside of conditions, and expressions that only read columns.

use pg_query::NodeEnum;
use pg_query::protobuf::{Node, SelectStmt, SubLink, SubLinkType};

use super::Walker;
use super::children::children;
use super::operand::Operand;
use super::scope::Scope;
use super::target::target_name;
use super::terms::Terms;
use crate::index_advice::demand::{Key, Term, Test};

impl Walker<'_> {
    /// A query in a condition that must hold: EXISTS and IN join, anything else is apart.
    pub(super) fn sublink(&mut self, link: &SubLink, scope: &Scope<'_>) -> Terms {
        let Some(select) = link.subselect.as_deref().and_then(select_of) else {
            return Terms::none();
        };
        match link.sub_link_type() {
            SubLinkType::ExistsSublink => {
                self.select(select, scope);
            }
            SubLinkType::AnySublink if link.oper_name.is_empty() => {
                if let Some(test) = link.testexpr.as_deref() {
                    return self.membership(test, select, scope);
                }
            }
            _ => {
                if let Some(test) = link.testexpr.as_deref() {
                    self.expression(test, scope);
                }
                self.value(link, select, scope);
            }
        }
        Terms::none()
    }

    /// A query apart; one for a value runs for each row around it.
    fn value(&mut self, link: &SubLink, select: &SelectStmt, scope: &Scope<'_>) {
        let first = self.reading.accesses.len();
        self.apart(|walker| walker.select(select, scope));
        let is_value = matches!(
            link.sub_link_type(),
            SubLinkType::ExprSublink | SubLinkType::ArraySublink
        );
        for access in self.reading.accesses.iter_mut().skip(first) {
            access.is_repeated |= is_value;
        }
    }

    /// `x IN (SELECT y …)`: x and y join.
    fn membership(&mut self, test: &Node, select: &SelectStmt, scope: &Scope<'_>) -> Terms {
        let outer = self.operand(test, scope);
        let derived = self.select(select, scope);
        let first = select.target_list.first();
        let name = first.and_then(target_name);
        let origin = name.and_then(|name| derived.columns.get(&name).cloned().flatten());
        let (Operand::Column(outer), Some((access, column))) = (outer, origin) else {
            return Terms::none();
        };
        let mut terms = Vec::new();
        if outer.can_push {
            let test = Test::Join(access, column.clone());
            let key = Key::column(&outer.column);
            terms.push((outer.access, Term { key, test }));
        }
        if derived.can_push {
            let test = Test::Join(outer.access, outer.column);
            let key = Key::column(&column);
            terms.push((access, Term { key, test }));
        }
        Terms::of(terms)
    }

    /// Notes the columns that an expression reads, and reads the queries in it apart.
    pub(super) fn expression(&mut self, node: &Node, scope: &Scope<'_>) {
        self.deeper(|walker| {
            let Some(inner) = node.node.as_ref() else {
                return;
            };
            match inner {
                NodeEnum::ColumnRef(column) => match walker.resolve(column, scope) {
                    Some(found) => walker.note(&found),
                    None => walker.star(column, scope),
                },
                NodeEnum::SubLink(link) => {
                    if let Some(select) = link.subselect.as_deref().and_then(select_of) {
                        walker.value(link, select, scope);
                    }
                }
                _ => {}
            }
            for child in children(inner) {
                walker.expression(child, scope);
            }
        });
    }

    /// Runs `work` so that it adds no predicates to accesses that were there before.
    pub(super) fn apart<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        let floor = self.floor;
        self.floor = self.reading.accesses.len();
        let done = work(self);
        self.floor = floor;
        done
    }
}

/// The query in a node.
pub(super) fn select_of(node: &Node) -> Option<&SelectStmt> {
    match node.node.as_ref()? {
        NodeEnum::SelectStmt(select) => Some(select),
        _ => None,
    }
}
