//! One query of a statement as rules look at it.

use std::cell::Cell;

use pg_query::protobuf::{Node, SelectStmt, SetOperation};

use super::facts::{Calls, Facts};
use super::schema::{Relation, Schema};
use super::scope::Scope;
use super::text::{column, text};
use super::tree::{Site, as_select, sites, with_replaced};
use crate::plan::{ChildRole, Plan, PlanNode};

/// Copies of a query that one rule makes at most: a statement of a thousand like conditions has no
/// thousand rewrites.
const MAX_COPIES: u32 = 8;

/// What a query is in its statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The statement itself.
    Query,
    /// Inside of another one, whose columns a bare name may mean.
    Nested,
    /// One side of a set operation.
    Side,
    /// The condition of an UPDATE or DELETE.
    Write,
}

/// A query, what its names mean, and the facts.
#[derive(Debug)]
pub(super) struct View<'a> {
    /// The whole statement.
    pub(super) root: &'a Node,
    /// The query as a node.
    pub(super) query: &'a Node,
    pub(super) select: &'a SelectStmt,
    pub(super) kind: Kind,
    pub(super) scope: Scope<'a>,
    sites: Vec<Site<'a>>,
    /// Copies that a rule may still make.
    copies: Cell<u32>,
    pub(super) plan: Option<&'a Plan>,
    pub(super) schema: Option<&'a Schema>,
    pub(super) calls: Calls,
    ctes: &'a [String],
}

impl<'a> View<'a> {
    pub(super) fn new(
        query: &'a Node,
        kind: Kind,
        facts: &Facts<'a>,
        ctes: &'a [String],
        root: &'a Node,
    ) -> Option<Self> {
        let select = as_select(query)?;
        Some(Self {
            root,
            query,
            select,
            kind,
            scope: Scope::new(&select.from_clause, facts.schema, ctes),
            sites: sites(query),
            copies: Cell::new(MAX_COPIES),
            plan: facts.plan,
            schema: facts.schema,
            calls: facts.calls,
            ctes,
        })
    }

    /// The scope of a subquery.
    pub(super) fn scope_of(&self, select: &SelectStmt) -> Scope<'a> {
        Scope::new(&select.from_clause, self.schema, self.ctes)
    }

    /// A column of the query with the name of its table, as a subquery has to name it; nothing if
    /// it is not sure to be a column of the query.
    pub(super) fn qualified(&self, of: &Node) -> Option<(&str, String)> {
        let (base, name) = self.scope.resolve(of)?;
        let is_bare = column(of)?.0.is_none();
        let may_be_outside = matches!(self.kind, Kind::Nested | Kind::Side);
        let is_sure = base.relation.is_some() || !may_be_outside || !is_bare;
        let named = !base.alias.is_empty() && is_sure;
        let text = text(&super::nodes::column_node(&base.alias, name)).filter(|_| named)?;
        Some((&base.alias, text))
    }

    /// The places of the query with what stands there, until the rule has made its copies.
    pub(super) fn places(&self) -> impl Iterator<Item = (&Site<'a>, &'a Node)> {
        let may_copy = |_: &&Site<'a>| self.copies.get() > 0;
        let sites = self.sites.iter().take_while(may_copy);
        sites.map(|site| (site, site.node))
    }

    /// Places where a row is dropped for false and for null alike.
    pub(super) fn conditions(&self) -> impl Iterator<Item = (&Site<'a>, &'a Node)> {
        self.places().filter(|(site, _)| site.is_condition)
    }

    /// The query with another expression at a place, and the text of what stood there.
    pub(super) fn replaced(&self, site: &Site<'_>, new: Node) -> Option<(String, Node)> {
        Some((text(site.node)?, self.copy_with(&site.path, new)?))
    }

    /// The query with another node at a path; nothing if the rule made too many copies already.
    pub(super) fn copy_with(&self, path: &[usize], new: Node) -> Option<Node> {
        let left = self.copies.get().checked_sub(1)?;
        self.copies.set(left);
        with_replaced(self.query, path, new)
    }

    /// Lets the next rule make copies.
    pub(super) fn for_next_rule(&self) {
        self.copies.set(MAX_COPIES);
    }

    /// Share of the plan's time that nodes take by themselves; nothing without such a node.
    pub(super) fn self_share(&self, is: &dyn Fn(&PlanNode) -> bool) -> Option<f64> {
        let plan = self.plan?;
        let nodes = plan.root.preorder().into_iter().filter(|node| is(node));
        sum(nodes.map(|node| plan.self_share(node)))
    }

    /// Subplans that run for rows and read a table; hashed ones run once.
    pub(super) fn subplans(&self, relation: Option<&str>) -> Vec<&'a PlanNode> {
        let Some(plan) = self.plan else {
            return Vec::new();
        };
        let reads = |node: &&PlanNode| {
            let below = node.preorder();
            let named = |of: &&PlanNode| of.target.relation.as_deref() == relation;
            relation.is_none() || below.iter().any(named)
        };
        plan.root
            .preorder()
            .into_iter()
            .filter(|node| node.role == ChildRole::SubPlan)
            .filter(reads)
            .collect()
    }

    /// Share of the plan's time that subplans take with all below them, those that run once left
    /// out.
    pub(super) fn subplan_share(&self, relation: Option<&str>) -> Option<f64> {
        let plan = self.plan?;
        let subplans = self.subplans(relation).into_iter();
        let often = subplans.filter(|node| node.actual.is_some_and(|of| of.loops > 1.0));
        sum(often.map(|node| plan.total_share(node)))
    }

    /// Whether the select list has an aggregate or a window.
    pub(super) fn aggregates(&self) -> bool {
        self.select
            .target_list
            .iter()
            .any(super::functions::may_aggregate)
    }

    /// The table of the only item of FROM.
    pub(super) fn only_table(&self) -> Option<&'a Relation> {
        match self.scope.bases.as_slice() {
            [only] => only.relation,
            _ => None,
        }
    }

    /// The highest number of a parameter in the statement.
    pub(super) fn highest_parameter(&self) -> i32 {
        super::nodes::highest_parameter(self.root)
    }
}

/// Whether a query is one SELECT without groups, windows, VALUES, INTO and locks.
pub(super) fn is_plain(select: &SelectStmt) -> bool {
    select.op == SetOperation::SetopNone as i32
        && select.group_clause.is_empty()
        && select.having_clause.is_none()
        && select.window_clause.is_empty()
        && select.values_lists.is_empty()
        && select.into_clause.is_none()
        && select.locking_clause.is_empty()
}

/// The sum of shares; nothing if there are none or one is not told.
fn sum(shares: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let told: Vec<f64> = shares.collect::<Option<Vec<f64>>>()?;
    (!told.is_empty()).then(|| told.iter().sum())
}
