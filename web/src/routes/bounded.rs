//! Whole numbers in query strings: their bounds, and what a number out of bounds counts as, once
//! for the handler and for the OpenAPI document.

use std::num::IntErrorKind;

/// A whole number in the query string. It is never an error (contract 1.1).
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounded {
    pub(super) name: &'static str,
    least: u32,
    most: u32,
    pub(super) default: u32,
    /// What is more than `most` counts as `most`.
    is_clamped: bool,
}

impl Bounded {
    /// A number of which more than `most` counts as `most`, and what is none from `least` on as
    /// `default`.
    pub(super) const fn new(name: &'static str, least: u32, most: u32, default: u32) -> Self {
        Self {
            name,
            least,
            most,
            default,
            is_clamped: true,
        }
    }

    /// A number of a route that the contract has: whatever is out of bounds counts as `default`.
    pub(super) const fn of_contract(
        name: &'static str,
        least: u32,
        most: u32,
        default: u32,
    ) -> Self {
        Self {
            is_clamped: false,
            ..Self::new(name, least, most, default)
        }
    }

    /// What was given counts as.
    pub(super) fn of(self, given: Option<&str>) -> u32 {
        let given = given.map(str::parse::<u32>);
        match given {
            Some(Ok(number)) if (self.least..=self.most).contains(&number) => number,
            Some(Ok(number)) if self.is_clamped && number > self.most => self.most,
            Some(Err(error)) if self.is_clamped && *error.kind() == IntErrorKind::PosOverflow => {
                self.most
            }
            _ => self.default,
        }
    }

    /// For people.
    pub(super) fn description(self) -> String {
        let Self {
            least,
            most,
            default,
            ..
        } = self;
        match (self.is_clamped, most) {
            (_, u32::MAX) => format!("From {least} on; anything else counts as {default}."),
            (true, _) => {
                format!("{least} to {most}; more counts as {most}, and anything else as {default}.")
            }
            (false, _) => format!("{least} to {most}; anything else counts as {default}."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_out_of_bounds_is_the_most_or_as_the_contract_has_it() {
        let own = Bounded::new("limit", 1, 100, 20);
        let contract = Bounded::of_contract("limit", 1, 100, 20);
        for (given, want, by_contract) in [
            (None, 20, 20),
            (Some("1"), 1, 1),
            (Some("100"), 100, 100),
            (Some("101"), 100, 20),
            (Some("99999999999999999999"), 100, 20),
            (Some("0"), 20, 20),
            (Some("-7"), 20, 20),
            (Some("x"), 20, 20),
        ] {
            assert_eq!(own.of(given), want, "{given:?}");
            assert_eq!(contract.of(given), by_contract, "{given:?}");
        }
    }
}
