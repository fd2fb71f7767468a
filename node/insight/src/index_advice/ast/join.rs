//! Joins: whose rows their conditions test.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use pg_query::protobuf::{JoinExpr, JoinType};

use super::Walker;
use super::scope::{Scope, Source, string};
use super::terms::Terms;
use crate::index_advice::demand::{Key, Term, Test};

impl Walker<'_> {
    /// A join: an outer join tests its condition only where rows may be missing.
    pub(super) fn join(&mut self, join: &JoinExpr, scope: &mut Scope<'_>) {
        let (Some(left), Some(right)) = (join.larg.as_deref(), join.rarg.as_deref()) else {
            return;
        };
        let sources = scope.sources.len();
        let left = self.from(left, scope);
        let middle = scope.sources.len();
        let right = self.from(right, scope);
        let (tested, missing) = match join.jointype() {
            JoinType::JoinLeft => (right.clone(), right),
            JoinType::JoinRight => (left.clone(), left),
            JoinType::JoinFull => (0..0, left.start..right.end),
            _ => (left.start..right.end, 0..0),
        };
        self.nullable.extend(missing);
        let mut terms = self.using(join, scope, sources..middle, middle);
        if let Some(condition) = join.quals.as_deref() {
            let is_inner = !matches!(
                join.jointype(),
                JoinType::JoinLeft | JoinType::JoinRight | JoinType::JoinFull
            );
            terms.push(if is_inner {
                self.terms(condition, scope)
            } else {
                self.apart(|walker| walker.terms(condition, scope))
            });
        }
        for terms in terms {
            self.add(terms, |access, _| tested.contains(&access));
        }
    }

    /// What USING and NATURAL join by.
    fn using(
        &mut self,
        join: &JoinExpr,
        scope: &Scope<'_>,
        left: Range<usize>,
        right: usize,
    ) -> Vec<Terms> {
        let mut found = Vec::new();
        let lefts = scope.sources.get(left).unwrap_or_default();
        let rights = scope.sources.get(right..).unwrap_or_default();
        let columns = |walker: &Self, sources: &[Source]| {
            let mut all = BTreeMap::new();
            for source in sources {
                all.extend(walker.all_columns(source));
            }
            all
        };
        let (lefts, rights) = (columns(self, lefts), columns(self, rights));
        let mut names: BTreeSet<&str> = join.using_clause.iter().filter_map(string).collect();
        if join.is_natural {
            names.extend(
                lefts
                    .keys()
                    .filter(|name| rights.contains_key(*name))
                    .map(String::as_str),
            );
        }
        for name in names {
            let pair = (
                lefts.get(name).cloned().flatten(),
                rights.get(name).cloned().flatten(),
            );
            let (Some(one), Some(other)) = pair else {
                continue;
            };
            let terms = [(&one, &other), (&other, &one)].map(|(from, to)| {
                let key = Key::column(&from.1);
                let test = Test::Join(to.0, to.1.clone());
                (from.0, Term { key, test })
            });
            found.push(Terms::of(terms.into_iter().collect()));
        }
        found
    }
}
