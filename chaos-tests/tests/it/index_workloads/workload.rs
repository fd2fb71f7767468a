//! Tables, and the statements that are run on them.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Tables with data, and what is asked of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Workload {
    /// Of its database and its collector.
    pub(super) name: &'static str,
    /// Whose likeness it is.
    pub(super) title: &'static str,
    /// Makes and fills the tables.
    pub(super) tables: &'static [&'static str],
    /// Columns that an index may have, of each table.
    pub(super) columns: &'static [(&'static str, &'static [&'static str])],
    pub(super) templates: &'static [Template],
}

/// A statement in which `{…}` stand for values.
#[derive(Clone, Copy, Debug)]
pub(super) struct Template {
    pub(super) text: &'static str,
    pub(super) values: &'static [(&'static str, Draw)],
}

/// How a value is drawn.
#[derive(Clone, Copy, Debug)]
pub(super) enum Draw {
    /// A number from 1 to this one.
    UpTo(u32),
    /// The begin of one of so many months since 1992.
    Month(u32),
    /// One of these.
    OneOf(&'static [&'static str]),
}

impl Draw {
    fn text(self, random: &mut StdRng) -> String {
        match self {
            Self::UpTo(most) => random.random_range(1..=most).to_string(),
            Self::Month(most) => {
                let month = random.random_range(0..most);
                format!("{}-{:02}-01", 1992 + month / 12, month % 12 + 1)
            }
            Self::OneOf(all) => all[random.random_range(0..all.len())].to_owned(),
        }
    }
}

impl Template {
    /// With values, the same for the same number.
    pub(super) fn statement(&self, number: u64) -> String {
        let mut random = StdRng::seed_from_u64(number);
        let mut text = self.text.to_owned();
        for (name, draw) in self.values {
            text = text.replace(&format!("{{{name}}}"), &draw.text(&mut random));
        }
        text
    }
}
