//! Trees from text and text from trees.
//!
//! Rules put new expressions together as text: the parser then is the one that knows precedence.

use pg_query::NodeEnum;
use pg_query::protobuf::{
    AExprKind, BoolExpr, BoolExprType, ColumnRef, Node, ParseResult, RawStmt, SelectStmt, a_const,
};

use super::tree::{as_select, node};

/// The tree of a text that is one statement.
pub(super) fn parse(sql: &str) -> Option<Node> {
    let parsed = pg_query::parse(sql, 0).ok()?.protobuf;
    let mut statements = parsed.stmts.into_iter();
    let only = statements.next().filter(|_| statements.len() == 0)?;
    only.stmt.map(|statement| *statement)
}

/// The text of a statement.
pub(super) fn statement_text(statement: Node) -> Option<String> {
    let raw = RawStmt {
        stmt: Some(Box::new(statement)),
        ..RawStmt::default()
    };
    let result = ParseResult {
        version: 0,
        stmts: vec![raw],
    };
    pg_query::deparse(&result, pg_query::DeparseOptions::default()).ok()
}

/// The text of an expression.
pub(super) fn text(expression: &Node) -> Option<String> {
    let target = pg_query::protobuf::ResTarget {
        val: Some(Box::new(expression.clone())),
        ..Default::default()
    };
    let select = SelectStmt {
        target_list: vec![node(NodeEnum::ResTarget(Box::new(target)))],
        limit_option: pg_query::protobuf::LimitOption::Default as i32,
        op: pg_query::protobuf::SetOperation::SetopNone as i32,
        ..SelectStmt::default()
    };
    let text = statement_text(node(NodeEnum::SelectStmt(Box::new(select))))?;
    Some(text.strip_prefix("SELECT ")?.to_owned())
}

/// The text of an expression in parentheses if it needs them as an operand.
pub(super) fn operand(expression: &Node) -> Option<String> {
    let bare = matches!(
        expression.node.as_ref()?,
        NodeEnum::ColumnRef(_)
            | NodeEnum::ParamRef(_)
            | NodeEnum::AConst(_)
            | NodeEnum::FuncCall(_)
    );
    let text = text(expression)?;
    let is_negative = text.starts_with('-');
    Some(if bare && !is_negative {
        text
    } else {
        format!("({text})")
    })
}

/// The tree of an expression.
pub(super) fn expression(sql: &str) -> Option<Node> {
    let statement = parse(&format!("SELECT {sql}"))?;
    let target = as_select(&statement)?.target_list.first()?.clone();
    match target.node? {
        NodeEnum::ResTarget(target) => target.val.map(|value| *value),
        _ => None,
    }
}

/// The tree of a query.
pub(super) fn query(sql: &str) -> Option<SelectStmt> {
    match parse(sql)?.node? {
        NodeEnum::SelectStmt(select) => Some(*select),
        _ => None,
    }
}

/// The terms between the uppermost ANDs.
pub(super) fn conjuncts(condition: Option<&Node>) -> Vec<&Node> {
    junction(condition, BoolExprType::AndExpr)
}

/// The terms between the uppermost ORs; the condition itself if there is none.
pub(super) fn disjuncts(condition: &Node) -> Vec<&Node> {
    junction(Some(condition), BoolExprType::OrExpr)
}

fn junction(condition: Option<&Node>, of: BoolExprType) -> Vec<&Node> {
    let mut terms = Vec::new();
    let mut pending: Vec<&Node> = condition.into_iter().collect();
    while let Some(term) = pending.pop() {
        match term.node.as_ref() {
            Some(NodeEnum::BoolExpr(it)) if it.boolop == of as i32 => {
                pending.extend(it.args.iter().rev());
            }
            _ => terms.push(term),
        }
    }
    terms
}

/// A condition of terms that all must hold; nothing without terms.
pub(super) fn all_of(terms: Vec<Node>) -> Option<Node> {
    join(terms, BoolExprType::AndExpr)
}

/// A condition of terms of which one must hold; nothing without terms.
pub(super) fn any_of(terms: Vec<Node>) -> Option<Node> {
    join(terms, BoolExprType::OrExpr)
}

fn join(mut terms: Vec<Node>, of: BoolExprType) -> Option<Node> {
    if terms.len() < 2 {
        return terms.pop();
    }
    let junction = BoolExpr {
        boolop: of as i32,
        args: terms,
        ..BoolExpr::default()
    };
    Some(node(NodeEnum::BoolExpr(Box::new(junction))))
}

/// Adds a condition to those that a query has.
pub(super) fn add_condition(select: &mut SelectStmt, more: Node) {
    let old = select.where_clause.take();
    let mut terms: Vec<Node> = conjuncts(old.as_deref()).into_iter().cloned().collect();
    terms.push(more);
    select.where_clause = all_of(terms).map(Box::new);
}

/// A name of a name list.
pub(super) fn word(name: &Node) -> Option<&str> {
    match name.node.as_ref()? {
        NodeEnum::String(text) => Some(&text.sval),
        _ => None,
    }
}

/// Alias, if told, and name of a column that stands by itself.
pub(super) fn column(expression: &Node) -> Option<(Option<&str>, &str)> {
    let NodeEnum::ColumnRef(ColumnRef { fields, .. }) = expression.node.as_ref()? else {
        return None;
    };
    match fields.as_slice() {
        [name] => Some((None, word(name)?)),
        [alias, name] => Some((Some(word(alias)?), word(name)?)),
        _ => None,
    }
}

/// A comparison: its operator and both sides. Lists, LIKE and BETWEEN are none.
pub(super) fn comparison(expression: &Node) -> Option<(&str, &Node, &Node)> {
    let NodeEnum::AExpr(it) = expression.node.as_ref()? else {
        return None;
    };
    let operator = match it.name.as_slice() {
        [only] if it.kind == AExprKind::AexprOp as i32 => word(only)?,
        _ => return None,
    };
    Some((operator, it.lexpr.as_deref()?, it.rexpr.as_deref()?))
}

/// The same comparison with its sides exchanged.
pub(super) fn mirrored(operator: &str) -> Option<&'static str> {
    Some(match operator {
        "=" => "=",
        "<>" => "<>",
        "<" => ">",
        ">" => "<",
        "<=" => ">=",
        ">=" => "<=",
        _ => return None,
    })
}

/// Whether an expression is a literal or a parameter, maybe with a cast or a sign.
pub(super) fn is_constant(expression: &Node) -> bool {
    match expression.node.as_ref() {
        Some(NodeEnum::AConst(it)) => !it.isnull,
        Some(NodeEnum::ParamRef(_)) => true,
        Some(NodeEnum::TypeCast(it)) => it.arg.as_deref().is_some_and(is_constant),
        _ => false,
    }
}

/// Number of a parameter.
pub(super) fn parameter(expression: &Node) -> Option<i32> {
    match expression.node.as_ref()? {
        NodeEnum::ParamRef(it) => Some(it.number),
        _ => None,
    }
}

/// Value of a whole number.
pub(super) fn integer(expression: &Node) -> Option<i32> {
    match expression.node.as_ref()? {
        NodeEnum::AConst(it) => match it.val.as_ref()? {
            a_const::Val::Ival(value) => Some(value.ival),
            _ => None,
        },
        _ => None,
    }
}

/// Value of a string.
pub(super) fn string(expression: &Node) -> Option<&str> {
    match expression.node.as_ref()? {
        NodeEnum::AConst(it) => match it.val.as_ref()? {
            a_const::Val::Sval(value) => Some(&value.sval),
            _ => None,
        },
        _ => None,
    }
}

/// Name of the type that an expression is cast to, and what is cast.
pub(super) fn cast(expression: &Node) -> Option<(&str, &Node)> {
    let NodeEnum::TypeCast(it) = expression.node.as_ref()? else {
        return None;
    };
    let kind = it.type_name.as_ref()?;
    let is_plain = kind.array_bounds.is_empty() && !kind.setof;
    let name = kind.names.last().filter(|_| is_plain)?;
    Some((word(name)?, it.arg.as_deref()?))
}

/// Name and arguments of a function call that is no aggregate by its form.
pub(super) fn call(expression: &Node) -> Option<(&str, &[Node])> {
    let NodeEnum::FuncCall(it) = expression.node.as_ref()? else {
        return None;
    };
    let is_plain = it.over.is_none() && it.agg_filter.is_none() && it.agg_order.is_empty();
    let name = it
        .funcname
        .last()
        .filter(|_| is_plain && !it.agg_distinct)?;
    Some((word(name)?, &it.args))
}
