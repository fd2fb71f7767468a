//! Names of groups of collectors.

use super::invalid::invalid;
use super::query_string::QueryString;
use crate::refusal::Refusal;

/// The group that a segment of a path names.
pub(super) fn of_segment(segment: &str) -> Result<String, Refusal> {
    let args = QueryString::parse(&format!("name={}", segment.replace('+', "%2B")))?;
    let name = args.text("name").unwrap_or_default();
    check(name)?;
    Ok(name.to_owned())
}

/// Refuses what no group is called.
pub(super) fn check(name: &str) -> Result<(), Refusal> {
    let is_good = (1..=100).contains(&name.len())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    match is_good {
        true => Ok(()),
        false => Err(invalid(format!(
            "group is {name:?}: the name of a group has letters, digits, dots, dashes, 1 to 100"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_groups_are_checked() {
        for (name, want) in [
            ("web-1", true),
            ("a b", false),
            ("", false),
            ("a%2Fb", false),
        ] {
            assert_eq!(of_segment(name).is_ok(), want, "{name}");
        }
    }
}
