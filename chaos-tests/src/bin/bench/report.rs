//! The report, in Markdown.

use std::fmt;

use crate::Row;

/// Lines of the table, as they are measured.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// What was measured, the result, the goal, and what the host stole meanwhile.
    lines: Vec<[String; 4]>,
    /// Lines of the rows that ended.
    ended: usize,
}

impl Report {
    /// Adds one figure: what was measured, the result, the goal.
    pub(crate) fn add(&mut self, what: impl Into<String>, result: impl Into<String>, goal: &str) {
        let line = [what.into(), result.into(), goal.to_owned()];
        eprintln!("{}", line.join(" | "));
        let [what, result, goal] = line;
        self.lines.push([what, result, goal, String::new()]);
    }

    /// Adds a benchmark that gave no figures.
    pub(crate) fn failed(&mut self, row: Row, error: &anyhow::Error) {
        self.add(format!("{row:?}"), format!("failed: {error:#}"), "");
    }

    /// Ends a row, all of whose figures were measured while the host took away this percentage of
    /// the CPU time.
    pub(crate) fn end_row(&mut self, stolen_percent: f64) {
        eprintln!("stolen: {stolen_percent:.1} %");
        for [_, _, _, stolen] in self.lines.iter_mut().skip(self.ended) {
            *stolen = format!("{stolen_percent:.1} %");
        }
        self.ended = self.lines.len();
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| Measured | Result | Goal | Stolen |\n| --- | --- | --- | --- |"
        )?;
        for [what, result, goal, stolen] in &self.lines {
            writeln!(f, "| {what} | {result} | {goal} | {stolen} |")?;
        }
        Ok(())
    }
}
