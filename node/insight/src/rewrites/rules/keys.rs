//! Whether a select list identifies the rows it is made of.

use pg_query::protobuf::SelectStmt;

use crate::rewrites::nodes::{star_alias, target_value};
use crate::rewrites::scope::Scope;

/// The plain columns of a select list as (item of FROM, name), with `*` written out; nothing if a
/// `*` stands for columns that nobody knows.
pub(super) fn output_columns<'a>(
    scope: &Scope<'a>,
    select: &'a SelectStmt,
) -> Option<Vec<(String, &'a str)>> {
    let mut columns = Vec::new();
    for target in &select.target_list {
        let value = target_value(target)?;
        if let Some(star) = star_alias(value) {
            let wanted = scope
                .bases
                .iter()
                .filter(|of| star.is_empty() || of.alias == star);
            for base in wanted {
                let names = base.relation?.columns.iter();
                columns.extend(names.map(|of| (base.alias.clone(), of.name.as_str())));
            }
        } else if let Some((base, name)) = scope.resolve(value) {
            columns.push((base.alias.clone(), name));
        }
    }
    Some(columns)
}

/// Whether the rows of some tables are identified by a select list; nothing if a table is unknown.
pub(super) fn identifies(scope: &Scope<'_>, select: &SelectStmt, aliases: &[&str]) -> Option<bool> {
    let columns = output_columns(scope, select)?;
    let mut all = true;
    for alias in aliases {
        let base = scope.bases.iter().find(|of| of.alias == *alias)?;
        let own: Vec<&str> = columns
            .iter()
            .filter(|(of, _)| of == alias)
            .map(|(_, name)| *name)
            .collect();
        all &= base.relation?.is_identified_by(&own);
    }
    Some(all)
}

/// Whether a select list identifies each row of its FROM.
pub(super) fn identifies_all(scope: &Scope<'_>, select: &SelectStmt) -> Option<bool> {
    let aliases: Vec<&str> = scope.bases.iter().map(|of| of.alias.as_str()).collect();
    if aliases.is_empty() || scope.bases.iter().any(|of| !of.is_table) {
        return None;
    }
    identifies(scope, select, &aliases)
}
