//! Shapes of JSON values, as the OpenAPI document tells them.

use serde_json::{Value, json};

use super::bounded::Bounded;

/// What a JSON value is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// Text.
    Text,
    /// Text, or null where there is none.
    TextOrNull,
    /// RFC 3339.
    Time,
    /// A whole number of 64 bits.
    Integer,
    /// A whole number with bounds.
    Bounded(Bounded),
    /// A number.
    Number,
    /// A number, or null where it is not known.
    NumberOrNull,
    /// True or false.
    Flag,
    /// Anything.
    Any,
    /// An object whose keys are not known before.
    Map(&'static Shape),
    /// A list.
    List(&'static Shape),
    /// An object with these members; more may come with later versions.
    Object(&'static [Field]),
    /// Such an object, or null where there is none.
    ObjectOrNull(&'static [Field]),
}

/// A member of an object, or an argument.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    pub(super) is_required: bool,
}

/// A member that is always there.
pub(super) const fn always(name: &'static str, shape: Shape) -> Field {
    let is_required = true;
    Field {
        name,
        shape,
        is_required,
    }
}

/// An argument that is a number with bounds.
pub(super) const fn number(number: Bounded) -> Field {
    maybe(number.name, Shape::Bounded(number))
}

/// A member that may be left out.
pub(super) const fn maybe(name: &'static str, shape: Shape) -> Field {
    let is_required = false;
    Field {
        name,
        shape,
        is_required,
    }
}

impl Shape {
    /// As JSON Schema 2020-12.
    pub(super) fn schema(&self) -> Value {
        match self {
            Self::Text => json!({ "type": "string" }),
            Self::TextOrNull => json!({ "type": ["string", "null"] }),
            Self::NumberOrNull => json!({ "type": ["number", "null"] }),
            Self::Time => json!({ "type": "string", "format": "date-time" }),
            Self::Integer => json!({ "type": "integer", "format": "int64" }),
            Self::Bounded(number) => {
                json!({ "type": "integer", "format": "int64", "default": number.default })
            }
            Self::Number => json!({ "type": "number" }),
            Self::Flag => json!({ "type": "boolean" }),
            Self::Any => json!({}),
            Self::Map(value) => {
                json!({ "type": "object", "additionalProperties": value.schema() })
            }
            Self::List(item) => json!({ "type": "array", "items": item.schema() }),
            Self::Object(fields) => object(fields, json!("object")),
            Self::ObjectOrNull(fields) => object(fields, json!(["object", "null"])),
        }
    }
}

fn object(fields: &[Field], kind: Value) -> Value {
    let members = fields
        .iter()
        .map(|field| (field.name.to_owned(), field.shape.schema()));
    let properties: serde_json::Map<_, _> = members.collect();
    let required: Vec<_> = fields
        .iter()
        .filter(|field| field.is_required)
        .map(|field| field.name)
        .collect();
    json!({ "type": kind, "properties": properties, "required": required })
}
