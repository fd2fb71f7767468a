//! Conditions: which predicates of which relations they are made of.

use pg_query::NodeEnum;
use pg_query::protobuf::{
    AExpr, AExprKind, BoolExpr, BoolExprType, BoolTestType, Node, NullTestType,
};

use super::Walker;
use super::keyed::{keyed, longest_part, of_key, prefix, swapped};
use super::operand::Operand;
use super::scope::{Scope, string};
use super::terms::Terms;
use crate::index_advice::demand::{Key, Other, Term, Test, Value};

/// An OR of more branches is not read as alternatives.
const MAX_BRANCHES: usize = 16;

impl Walker<'_> {
    /// Splits a condition into predicates; notes the columns that it reads.
    pub(super) fn terms(&mut self, node: &Node, scope: &Scope<'_>) -> Terms {
        self.deeper(|walker| walker.terms_inside(node, scope))
            .unwrap_or_else(Terms::none)
    }

    fn terms_inside(&mut self, node: &Node, scope: &Scope<'_>) -> Terms {
        let Some(inner) = node.node.as_ref() else {
            return Terms::none();
        };
        match inner {
            NodeEnum::BoolExpr(expr) => self.boolean(expr, scope),
            NodeEnum::AExpr(expr) => self.comparison(expr, scope),
            NodeEnum::SubLink(link) => self.sublink(link, scope),
            NodeEnum::ColumnRef(_) => self.single(node, scope, Test::Is(true)),
            NodeEnum::NullTest(test) => {
                let Some(arg) = test.arg.as_deref() else {
                    return Terms::none();
                };
                let is_null = test.nulltesttype() == NullTestType::IsNull;
                let not_null = Test::Other(Other::NotNull);
                self.single(arg, scope, if is_null { Test::IsNull } else { not_null })
            }
            NodeEnum::BooleanTest(test) => {
                let Some(arg) = test.arg.as_deref() else {
                    return Terms::none();
                };
                let wanted = match test.booltesttype() {
                    BoolTestType::IsTrue => Test::Is(true),
                    BoolTestType::IsFalse => Test::Is(false),
                    BoolTestType::IsUnknown => Test::IsNull,
                    _ => Test::Other(Other::Filter),
                };
                self.single(arg, scope, wanted)
            }
            _ => {
                self.expression(node, scope);
                Terms::none()
            }
        }
    }

    fn boolean(&mut self, expr: &BoolExpr, scope: &Scope<'_>) -> Terms {
        match expr.boolop() {
            BoolExprType::AndExpr => {
                let all = expr.args.iter().map(|arg| self.terms(arg, scope));
                all.reduce(Terms::and).unwrap_or_else(Terms::none)
            }
            BoolExprType::OrExpr => self.alternatives(expr, scope),
            _ => match expr.args.first() {
                Some(arg) if matches!(arg.node, Some(NodeEnum::ColumnRef(_))) => {
                    self.single(arg, scope, Test::Is(false))
                }
                Some(arg) => {
                    self.apart(|walker| walker.expression(arg, scope));
                    Terms::none()
                }
                None => Terms::none(),
            },
        }
    }

    /// An OR: alternatives of one relation, or nothing that an index on one relation serves.
    fn alternatives(&mut self, expr: &BoolExpr, scope: &Scope<'_>) -> Terms {
        let branches: Vec<Terms> = self.apart(|walker| {
            let branches = expr.args.iter().map(|arg| walker.terms(arg, scope));
            branches.collect()
        });
        let accesses = branches.iter().flat_map(|branch| &branch.terms);
        let mut accesses: Vec<usize> = accesses.map(|(access, _)| *access).collect();
        accesses.dedup();
        let narrows = |branch: &Terms| {
            let mut tests = branch.terms.iter().map(|(_, term)| &term.test);
            tests.any(|test| test.is_equality() || test.is_range())
        };
        match accesses.as_slice() {
            [access] => {
                if let Some(term) = one_of(&branches) {
                    return Terms::of(vec![(*access, term)]);
                }
                if branches.len() > MAX_BRANCHES || !branches.iter().all(narrows) {
                    return Terms::none();
                }
                let plain =
                    |branch: Terms| branch.terms.into_iter().map(|(_, term)| term).collect();
                Terms {
                    terms: Vec::new(),
                    branches: vec![(*access, branches.into_iter().map(plain).collect())],
                    is_complete: false,
                }
            }
            _ => Terms::none(),
        }
    }

    /// A test of one operand.
    fn single(&mut self, node: &Node, scope: &Scope<'_>, test: Test) -> Terms {
        match self.operand(node, scope) {
            Operand::Column(found) if found.can_push => {
                let key = Key::column(&found.column);
                Terms::of(vec![(found.access, Term { key, test })])
            }
            _ => Terms::none(),
        }
    }

    fn comparison(&mut self, expr: &AExpr, scope: &Scope<'_>) -> Terms {
        let (Some(left), Some(right)) = (expr.lexpr.as_deref(), expr.rexpr.as_deref()) else {
            return Terms::none();
        };
        let operator = expr.name.last().and_then(string).unwrap_or_default();
        match expr.kind() {
            AExprKind::AexprIn if operator == "=" => self.member(left, right, scope),
            AExprKind::AexprOpAny if operator == "=" => self.member(left, right, scope),
            AExprKind::AexprBetween => self.between(left, right, scope),
            AExprKind::AexprLike if operator == "~~" => self.like(left, right, scope),
            AExprKind::AexprIlike if operator == "~~*" => self.contains(left, right, scope),
            AExprKind::AexprOp => match (row(left), row(right)) {
                (Some(lefts), Some(rights)) => self.rows(lefts, operator, rights, scope),
                _ => self.pair(left, operator, right, scope),
            },
            _ => self.filter(left, right, scope),
        }
    }

    /// Something that is tested on each row.
    fn filter(&mut self, left: &Node, right: &Node, scope: &Scope<'_>) -> Terms {
        self.expression(right, scope);
        self.single(left, scope, Test::Other(Other::Filter))
    }

    /// `(a, b) = (x, y)` is two equalities; `(a, b) > (x, y)` a range of the first column.
    fn rows(&mut self, left: &[Node], op: &str, right: &[Node], scope: &Scope<'_>) -> Terms {
        let pairs = left.iter().zip(right);
        let mut terms: Vec<Terms> = pairs
            .map(|(left, right)| self.pair(left, op, right, scope))
            .collect();
        if op == "=" {
            return terms
                .into_iter()
                .reduce(Terms::and)
                .unwrap_or_else(Terms::none);
        }
        terms.truncate(1);
        let first = terms.pop().unwrap_or_else(Terms::none);
        Terms {
            is_complete: false,
            ..first
        }
    }

    /// A binary operator, with the column on either side.
    fn pair(&mut self, left: &Node, op: &str, right: &Node, scope: &Scope<'_>) -> Terms {
        let (one, other) = (self.operand(left, scope), self.operand(right, scope));
        match (one, other) {
            (Operand::Value(value), key) => keyed(key, swapped(op), value),
            (key, Operand::Value(value)) => keyed(key, op, value),
            (Operand::Column(one), Operand::Column(other)) if one.access != other.access => {
                if op != "=" {
                    return Terms::none();
                }
                let mut terms = Vec::new();
                for (from, to) in [(&one, &other), (&other, &one)] {
                    if from.can_push {
                        let test = Test::Join(to.access, to.column.clone());
                        let key = Key::column(&from.column);
                        terms.push((from.access, Term { key, test }));
                    }
                }
                Terms::of(terms)
            }
            (Operand::Column(found), _) | (_, Operand::Column(found)) if found.can_push => {
                let test = Test::Other(Other::Filter);
                let key = Key::column(&found.column);
                Terms {
                    is_complete: false,
                    ..Terms::of(vec![(found.access, Term { key, test })])
                }
            }
            _ => Terms::none(),
        }
    }

    fn member(&mut self, left: &Node, right: &Node, scope: &Scope<'_>) -> Terms {
        let key = self.operand(left, scope);
        let values = self.list(right);
        self.expression(right, scope);
        let test = match values {
            Some(mut values) if values.len() == 1 => {
                Test::Equal(values.pop().unwrap_or(Value::Parameter))
            }
            values => Test::In(values),
        };
        of_key(key, test)
    }

    /// The values of a list or an array; nothing if their number is unknown.
    fn list(&self, node: &Node) -> Option<Vec<Value>> {
        let value = |item: &Node| self.literal(item).unwrap_or(Value::Parameter);
        match node.node.as_ref()? {
            NodeEnum::List(list) => Some(list.items.iter().map(value).collect()),
            NodeEnum::AArrayExpr(array) => Some(array.elements.iter().map(value).collect()),
            NodeEnum::TypeCast(cast) => self.list(cast.arg.as_deref()?),
            NodeEnum::AConst(_) | NodeEnum::ParamRef(_) => {
                let text = self.literal(node)?;
                let inner = text
                    .known()?
                    .strip_prefix('{')?
                    .strip_suffix('}')?
                    .to_owned();
                let items = inner.split(',').map(|item| item.trim().trim_matches('"'));
                Some(items.map(|item| Value::Known(item.to_owned())).collect())
            }
            _ => None,
        }
    }

    fn between(&mut self, left: &Node, right: &Node, scope: &Scope<'_>) -> Terms {
        let key = self.operand(left, scope);
        let Some(NodeEnum::List(bounds)) = right.node.as_ref() else {
            return Terms::none();
        };
        let bounds: Vec<Operand> = bounds
            .items
            .iter()
            .map(|b| self.operand(b, scope))
            .collect();
        match bounds.as_slice() {
            [Operand::Value(low), Operand::Value(high)] => {
                of_key(key, Test::Between(low.clone(), high.clone()))
            }
            _ => Terms::none(),
        }
    }

    fn like(&mut self, left: &Node, right: &Node, scope: &Scope<'_>) -> Terms {
        let pattern = self.literal(right);
        let prefix = pattern.as_ref().and_then(Value::known).map(prefix);
        match prefix {
            Some(prefix) if !prefix.is_empty() => {
                let key = self.operand(left, scope);
                of_key(key, Test::Prefix(Value::Known(prefix)))
            }
            _ => self.contains(left, right, scope),
        }
    }

    fn contains(&mut self, left: &Node, right: &Node, scope: &Scope<'_>) -> Terms {
        let pattern = self.literal(right);
        let part = pattern.as_ref().and_then(Value::known).map(longest_part);
        let key = self.operand(left, scope);
        of_key(key, Test::Other(Other::Contains(part)))
    }
}

/// Equalities of one key are a list of its values.
fn one_of(branches: &[Terms]) -> Option<Term> {
    let mut values = Vec::new();
    let mut key: Option<&Key> = None;
    for branch in branches {
        let [(_, term)] = branch.terms.as_slice() else {
            return None;
        };
        let Test::Equal(value) = &term.test else {
            return None;
        };
        let is_same = key.is_none_or(|key| *key == term.key) && branch.is_complete;
        if !is_same {
            return None;
        }
        key = Some(&term.key);
        values.push(value.clone());
    }
    let test = Test::In(Some(values));
    Some(Term {
        key: key?.clone(),
        test,
    })
}

/// The elements of a row.
fn row(node: &Node) -> Option<&[Node]> {
    match node.node.as_ref()? {
        NodeEnum::RowExpr(row) => Some(&row.args),
        _ => None,
    }
}
