//! Whether collectors ask more often than they should.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::ensure;

use super::collector::Told;

/// No collector asks for its configuration more often than it wants to: once an interval.
pub(super) fn none(all: &[Told], interval: Duration) -> anyhow::Result<()> {
    for one in all {
        ensure!(
            one.pulls <= one.wanted,
            "{} asked {} times for its configuration where it wanted it {} times, every {interval:?}",
            one.id,
            one.pulls,
            one.wanted
        );
    }
    Ok(())
}

/// What all of them saw.
pub(super) fn summary(all: &[Told]) -> String {
    let mut answers: BTreeMap<u16, u64> = BTreeMap::new();
    let mut broken: BTreeMap<u16, u64> = BTreeMap::new();
    for one in all {
        for (status, count) in &one.answers {
            *answers.entry(*status).or_default() += count;
        }
        for (status, count) in &one.broken {
            *broken.entry(*status).or_default() += count;
        }
    }
    let sum = |of: fn(&Told) -> u64| all.iter().map(of).sum::<u64>();
    format!(
        "{} collectors, {} elements; pushes by status (0: no answer) {answers:?}, given up {}, \
         bodies that nobody can read {broken:?}; largest body {} elements; pulls {} of {} wanted",
        all.len(),
        sum(|one| one.made.len() as u64),
        sum(|one| one.given_up),
        all.iter().map(|one| one.most_elements).max().unwrap_or(0),
        sum(|one| one.pulls),
        sum(|one| one.wanted),
    )
}
