//! Which column of which table a name means.

use pg_query::NodeEnum;
use pg_query::protobuf::{JoinType, Node, RangeVar};

use super::schema::{Column, Relation, Schema};
use super::text::column;

/// The tables of one FROM, as names in the query mean them.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope<'a> {
    /// In the order of the text.
    pub(super) bases: Vec<Base<'a>>,
    /// Whether a join merges columns, so that a bare name may stand for two.
    pub(super) has_using: bool,
}

/// One item of a FROM.
#[derive(Clone, Debug)]
pub(super) struct Base<'a> {
    /// Its name in the query.
    pub(super) alias: String,
    /// The table, if it is a known one.
    pub(super) relation: Option<&'a Relation>,
    /// Whether it is a table, known or not; else a subquery, a CTE or a function.
    pub(super) is_table: bool,
    /// Whether an outer join may put nulls in the place of its rows.
    pub(super) is_nullable: bool,
}

impl<'a> Scope<'a> {
    /// The scope of a FROM. `ctes` are names that hide tables.
    pub(super) fn new(from: &[Node], schema: Option<&'a Schema>, ctes: &[String]) -> Self {
        let mut scope = Self::default();
        for item in from {
            scope.add(item, false, schema, ctes);
        }
        scope
    }

    fn add(&mut self, item: &Node, is_nullable: bool, schema: Option<&'a Schema>, ctes: &[String]) {
        match item.node.as_ref() {
            Some(NodeEnum::JoinExpr(join)) => {
                self.has_using |= join.is_natural || !join.using_clause.is_empty();
                let is = |kind: JoinType| join.jointype == kind as i32;
                let full = is(JoinType::JoinFull);
                let left = is_nullable || full || is(JoinType::JoinRight);
                let right = is_nullable || full || is(JoinType::JoinLeft);
                let sides = [(&join.larg, left), (&join.rarg, right)];
                for (side, nullable) in sides {
                    if let Some(side) = side.as_deref() {
                        self.add(side, nullable, schema, ctes);
                    }
                }
            }
            Some(NodeEnum::RangeVar(range)) => {
                let is_table = !(range.schemaname.is_empty() && ctes.contains(&range.relname));
                let renames = range
                    .alias
                    .as_ref()
                    .is_some_and(|it| !it.colnames.is_empty());
                let known = schema.filter(|_| is_table && !renames);
                self.bases.push(Base {
                    alias: alias(range).to_owned(),
                    relation: known.and_then(|it| it.relation(&range.schemaname, &range.relname)),
                    is_table,
                    is_nullable,
                });
            }
            other => self.bases.push(Base {
                alias: alias_of(other).to_owned(),
                relation: None,
                is_table: false,
                is_nullable,
            }),
        }
    }

    /// The item that a column belongs to, and the column's name. A bare name must be proven to
    /// belong there, or there is only one item.
    pub(super) fn resolve<'n>(&self, expression: &'n Node) -> Option<(&Base<'a>, &'n str)> {
        let (alias, name) = column(expression)?;
        if let Some(alias) = alias {
            let base = self.bases.iter().find(|base| base.alias == alias)?;
            return Some((base, name));
        }
        if let [only] = self.bases.as_slice() {
            let knows = only.relation.is_none_or(|of| of.column(name).is_some());
            return knows.then_some((only, name));
        }
        let all_known = self.bases.iter().all(|base| base.relation.is_some());
        let mut having = self
            .bases
            .iter()
            .filter(|base| base.relation.is_some_and(|of| of.column(name).is_some()));
        let first = having.next().filter(|_| all_known)?;
        having.next().is_none().then_some((first, name))
    }

    /// What is known about a column.
    pub(super) fn column(&self, expression: &Node) -> Option<&'a Column> {
        let (base, name) = self.resolve(expression)?;
        base.relation?.column(name)
    }

    /// Whether a column is never null, joins included; nothing if the schema does not tell.
    pub(super) fn is_never_null(&self, expression: &Node) -> Option<bool> {
        let (base, name) = self.resolve(expression)?;
        let column = base.relation?.column(name)?;
        Some(column.not_null && !base.is_nullable)
    }

    pub(super) fn has_alias(&self, alias: &str) -> bool {
        self.bases.iter().any(|base| base.alias == alias)
    }
}

/// Name of a table in its query.
pub(super) fn alias(range: &RangeVar) -> &str {
    range
        .alias
        .as_ref()
        .map_or(range.relname.as_str(), |alias| alias.aliasname.as_str())
}

fn alias_of(item: Option<&NodeEnum>) -> &str {
    let alias = match item {
        Some(NodeEnum::RangeSubselect(it)) => it.alias.as_ref(),
        Some(NodeEnum::RangeFunction(it)) => it.alias.as_ref(),
        _ => None,
    };
    alias.map_or("", |alias| alias.aliasname.as_str())
}
