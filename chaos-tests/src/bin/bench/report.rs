//! The report, in Markdown.

use std::fmt;

use crate::Row;

/// Lines of the table, as they are measured.
#[derive(Debug, Default)]
pub(crate) struct Report(Vec<[String; 3]>);

impl Report {
    /// Adds one figure: what was measured, the result, the goal.
    pub(crate) fn add(&mut self, what: impl Into<String>, result: impl Into<String>, goal: &str) {
        let line = [what.into(), result.into(), goal.to_owned()];
        eprintln!("{}", line.join(" | "));
        self.0.push(line);
    }

    /// Adds a benchmark that gave no figures.
    pub(crate) fn failed(&mut self, row: Row, error: &anyhow::Error) {
        self.add(format!("{row:?}"), format!("failed: {error:#}"), "");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| Measured | Result | Goal |\n| --- | --- | --- |")?;
        for [what, result, goal] in &self.0 {
            writeln!(f, "| {what} | {result} | {goal} |")?;
        }
        Ok(())
    }
}
