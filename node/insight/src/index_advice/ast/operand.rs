//! One side of a comparison: a column, an expression over one, a value, or neither.

use pg_query::NodeEnum;
use pg_query::protobuf::{self, FuncCall, Node, TypeCast, a_const};

use super::Walker;
use super::children::children;
use super::scope::{Found, Scope, string};
use crate::index_advice::ddl;
use crate::index_advice::demand::Value;

/// One side of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operand {
    /// A column.
    Column(Found),
    /// An immutable expression over a column, as an index would have it.
    Wrapped(Found, String),
    /// A function that names a period of a time column, such as a day.
    Period(Found, String),
    /// A literal, a parameter, or something without columns.
    Value(Value),
    /// Anything else.
    Mixed,
}

/// Immutable functions whose first argument is the column.
const IMMUTABLE: [&str; 14] = [
    "lower",
    "upper",
    "md5",
    "length",
    "abs",
    "btrim",
    "ltrim",
    "rtrim",
    "substr",
    "substring",
    "left",
    "right",
    "reverse",
    "round",
];

/// Functions of times that name a period.
const PERIODS: [&str; 5] = ["date_trunc", "date_part", "extract", "date", "to_char"];

impl Walker<'_> {
    /// Tells what one side of a comparison is, and notes the columns that it reads.
    pub(super) fn operand(&mut self, node: &Node, scope: &Scope<'_>) -> Operand {
        self.deeper(|walker| walker.operand_inside(node, scope))
            .unwrap_or(Operand::Mixed)
    }

    fn operand_inside(&mut self, node: &Node, scope: &Scope<'_>) -> Operand {
        let Some(inner) = node.node.as_ref() else {
            return Operand::Mixed;
        };
        match inner {
            NodeEnum::ColumnRef(column) => {
                let Some(found) = self.resolve(column, scope) else {
                    return Operand::Mixed;
                };
                self.note(&found);
                Operand::Column(found)
            }
            NodeEnum::AConst(_) | NodeEnum::ParamRef(_) => {
                self.literal(node).map_or(Operand::Mixed, Operand::Value)
            }
            NodeEnum::TypeCast(cast) => self.cast(cast, scope),
            NodeEnum::FuncCall(call) => self.call(call, node, scope),
            NodeEnum::AExpr(expr) => {
                let arrow = expr.name.first().and_then(string);
                match (arrow, expr.lexpr.as_deref(), expr.rexpr.as_deref()) {
                    (Some("->>" | "#>>"), Some(left), Some(right)) => {
                        self.field(arrow.unwrap_or_default(), left, right, scope)
                    }
                    (Some("-"), None, Some(right)) => match self.literal(right) {
                        Some(Value::Known(text)) => {
                            Operand::Value(Value::Known(format!("-{text}")))
                        }
                        _ => self.computed(node, scope),
                    },
                    _ => self.computed(node, scope),
                }
            }
            _ => self.computed(node, scope),
        }
    }

    /// A literal or a parameter, also below a cast; nothing for NULL and for anything else.
    pub(super) fn literal(&self, node: &Node) -> Option<Value> {
        match node.node.as_ref()? {
            NodeEnum::AConst(constant) => {
                let text = match constant.val.as_ref()? {
                    a_const::Val::Ival(number) => number.ival.to_string(),
                    a_const::Val::Fval(number) => number.fval.clone(),
                    a_const::Val::Boolval(value) => value.boolval.to_string(),
                    a_const::Val::Sval(text) => text.sval.clone(),
                    a_const::Val::Bsval(_) => return Some(Value::Parameter),
                };
                Some(Value::Known(text))
            }
            NodeEnum::ParamRef(parameter) => {
                let known = self.constants.get(&parameter.number);
                Some(known.cloned().map_or(Value::Parameter, Value::Known))
            }
            NodeEnum::TypeCast(cast) => self.literal(cast.arg.as_deref()?),
            _ => None,
        }
    }

    /// A cast: of a value, a day of a time, or one that an index on the column may ignore.
    fn cast(&mut self, cast: &TypeCast, scope: &Scope<'_>) -> Operand {
        let Some(arg) = cast.arg.as_deref() else {
            return Operand::Mixed;
        };
        let type_name = type_name(cast.type_name.as_ref());
        match self.operand(arg, scope) {
            Operand::Column(found) => {
                let own = self.type_of(&found);
                if is_time(&own) && is_time(&type_name) {
                    return Operand::Period(found, format!("::{type_name}"));
                }
                if is_text(&own) && is_text(&type_name) || own == type_name {
                    return Operand::Column(found);
                }
                if is_exact(&own) && is_exact(&type_name) {
                    let text = format!("({}::{type_name})", quoted(&found.column));
                    return Operand::Wrapped(found, text);
                }
                Operand::Mixed
            }
            Operand::Wrapped(found, text) if is_text(&type_name) => Operand::Wrapped(found, text),
            Operand::Value(value) => Operand::Value(value),
            _ => Operand::Mixed,
        }
    }

    /// A call: immutable over a column, a period, or a value.
    fn call(&mut self, call: &FuncCall, node: &Node, scope: &Scope<'_>) -> Operand {
        let name = call.funcname.last().and_then(string).unwrap_or_default();
        if PERIODS.contains(&name) {
            for arg in &call.args {
                if let Operand::Column(found) | Operand::Period(found, _) = self.operand(arg, scope)
                    && is_time(&self.type_of(&found))
                {
                    return Operand::Period(found, name.to_owned());
                }
            }
        }
        if !IMMUTABLE.contains(&name) {
            return self.computed(node, scope);
        }
        let Some((first, others)) = call.args.split_first() else {
            return Operand::Mixed;
        };
        let (found, inner) = match self.operand(first, scope) {
            Operand::Column(found) => {
                let text = quoted(&found.column);
                (found, text)
            }
            Operand::Wrapped(found, text) => (found, text),
            _ => return self.computed(node, scope),
        };
        let mut args = vec![inner];
        for other in others {
            match self.literal(other) {
                Some(Value::Known(text)) => args.push(literal_text(&text)),
                _ => return Operand::Mixed,
            }
        }
        Operand::Wrapped(found, format!("{name}({})", args.join(", ")))
    }

    /// A field of a document, if its name is known.
    fn field(&mut self, arrow: &str, left: &Node, right: &Node, scope: &Scope<'_>) -> Operand {
        let name = self.literal(right);
        match (self.operand(left, scope), name) {
            (Operand::Column(found), Some(Value::Known(name))) => {
                let text = format!(
                    "({} {arrow} {})",
                    quoted(&found.column),
                    literal_text(&name)
                );
                Operand::Wrapped(found, text)
            }
            _ => Operand::Mixed,
        }
    }

    /// Something computed: a value if no column is in it.
    fn computed(&mut self, node: &Node, scope: &Scope<'_>) -> Operand {
        self.expression(node, scope);
        if has_column(node, 0) {
            Operand::Mixed
        } else {
            Operand::Value(Value::Parameter)
        }
    }

    fn type_of(&self, found: &Found) -> String {
        let access = self.reading.accesses.get(found.access);
        let relation = access.and_then(|access| self.catalog.relations.get(access.relation));
        let column = relation.and_then(|relation| relation.column(&found.column));
        column.map_or_else(String::new, |column| short_type(&column.type_name))
    }
}

/// Whether a column of the query around is in an expression.
fn has_column(node: &Node, depth: u32) -> bool {
    let Some(inner) = node.node.as_ref() else {
        return false;
    };
    match inner {
        NodeEnum::ColumnRef(_) => true,
        _ if depth > super::MAX_DEPTH => true,
        _ => children(inner)
            .iter()
            .any(|child| has_column(child, depth + 1)),
    }
}

fn type_name(name: Option<&protobuf::TypeName>) -> String {
    let last = name.and_then(|name| name.names.last()).and_then(string);
    short_type(last.unwrap_or_default())
}

/// One name for each type that we tell apart.
fn short_type(name: &str) -> String {
    let base = name.split('(').next().unwrap_or(name).trim();
    match base {
        "int4" => "integer",
        "int8" => "bigint",
        "int2" => "smallint",
        "varchar" => "character varying",
        "bpchar" | "char" => "character",
        "timestamptz" => "timestamp with time zone",
        "timestamp without time zone" => "timestamp",
        "bool" => "boolean",
        other => other,
    }
    .to_owned()
}

fn is_text(name: &str) -> bool {
    matches!(name, "text" | "character varying" | "character")
}

fn is_time(name: &str) -> bool {
    name.starts_with("timestamp") || name == "date"
}

/// Types whose casts into each other depend on no setting.
fn is_exact(name: &str) -> bool {
    is_text(name) || matches!(name, "integer" | "bigint" | "smallint" | "numeric" | "uuid")
}

/// A literal as SQL writes it: numbers bare, texts in quotes.
pub(super) fn literal_text(text: &str) -> String {
    if text.parse::<f64>().is_ok_and(f64::is_finite) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "''"))
}

/// A column as an index would name it.
fn quoted(name: &str) -> String {
    ddl::quoted(name)
}
