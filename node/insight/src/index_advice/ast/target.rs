//! The output of a query.

use pg_query::NodeEnum;
use pg_query::protobuf::Node;

use super::scope::{names, string};

/// The name of an output column.
pub(super) fn target_name(target: &Node) -> Option<String> {
    let Some(NodeEnum::ResTarget(target)) = target.node.as_ref() else {
        return None;
    };
    if !target.name.is_empty() {
        return Some(target.name.clone());
    }
    match target.val.as_ref()?.node.as_ref()? {
        NodeEnum::ColumnRef(column) => names(column)?.last().map(|name| (*name).to_owned()),
        NodeEnum::FuncCall(call) => call.funcname.last().and_then(string).map(str::to_owned),
        _ => None,
    }
}
