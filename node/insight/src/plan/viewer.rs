//! A plan for the terminal: where the time went, and where the planner was wrong.

use std::fmt::{self, Display, Formatter};

use super::document::Plan;
use super::node::{ChildRole, PlanNode};
use super::rules::{Finding, rules};

/// A cell of the bar is full from its share on.
const BAR: [f64; 10] = [0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95];
/// Width of the bar and the percentage.
const SHARE_CELLS: usize = BAR.len() + " 100 %".len();
/// Titles are cut to this many characters, with their indent.
const TITLE_CELLS: usize = 60;

/// A plan and what is wrong with it, to be written to a terminal.
///
/// Each line has the node, a bar and the share of the time that the node itself took, its time, and
/// the rows that it gave beside those that the planner expected; `!` marks an estimate that is off
/// by ten times or more. Below the tree stand the findings.
#[derive(Clone, Copy, Debug)]
pub struct Viewer<'a> {
    plan: &'a Plan,
    findings: &'a [Finding],
}

impl<'a> Viewer<'a> {
    /// Shows a plan with its findings.
    #[must_use]
    pub fn new(plan: &'a Plan, findings: &'a [Finding]) -> Self {
        Self { plan, findings }
    }

    fn header(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let [share, own, rows, expected] = ["own share", "own ms", "rows", "expected"];
        write!(out, "{:<TITLE_CELLS$}  {share:<SHARE_CELLS$}", "node")?;
        writeln!(out, " {own:>10} {rows:>10} {expected:>10}")
    }

    fn node(&self, out: &mut Formatter<'_>, node: &PlanNode, lead: &str) -> fmt::Result {
        let title = fitted(&format!("{lead}{}", label(node)));
        write!(out, "{title}  {}", self.share(node))?;
        match node.actual {
            Some(actual) if actual.loops > 0.0 => {
                let own = node
                    .self_wall_ms()
                    .map_or("-".to_owned(), |own| format!("{own:.2}"));
                write!(out, " {own:>10} {:>10}", short(actual.rows))?;
            }
            Some(_) => write!(out, " {:>10} {:>10}", "never", "-")?,
            None => write!(out, " {:>10} {:>10}", "-", "-")?,
        }
        let is_off = node
            .estimate_error()
            .is_some_and(|error| !(0.1..=10.0).contains(&error));
        let mark = if is_off { " !" } else { "" };
        writeln!(out, " {:>10}{mark}", short(node.rows_expected()))?;
        Ok(())
    }

    /// A bar and a percentage.
    fn share(&self, node: &PlanNode) -> String {
        let Some(share) = self.plan.self_share(node) else {
            return " ".repeat(SHARE_CELLS);
        };
        let cell = |from: &f64| if share >= *from { '█' } else { '·' };
        let bar: String = BAR.iter().map(cell).collect();
        format!("{bar} {:>3.0} %", share * 100.0)
    }

    fn totals(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let times = [
            ("planning", self.plan.planning_ms),
            ("execution", self.plan.total_ms()),
        ];
        for (name, time) in times {
            if let Some(time) = time {
                writeln!(out, "{name} {time:.2} ms")?;
            }
        }
        Ok(())
    }

    fn finding(&self, out: &mut Formatter<'_>, finding: &Finding) -> fmt::Result {
        let about = finding.about;
        writeln!(
            out,
            "\n{} {}: {}",
            about.id,
            about.name,
            clean(&finding.cause)
        )?;
        writeln!(out, "  at       {}", clean(&finding.path))?;
        for advice in &finding.advice {
            writeln!(out, "  try      {}", clean(advice))?;
        }
        writeln!(out, "  wrong if {}", about.disproved_by)
    }
}

impl Display for Viewer<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        self.header(out)?;
        let mut pending = vec![(&self.plan.root, String::new(), String::new())];
        while let Some((node, lead, below)) = pending.pop() {
            self.node(out, node, &lead)?;
            let mut children = node.children.iter().rev();
            let last = children
                .next()
                .map(|child| (child, format!("{below}└─ "), format!("{below}   ")));
            let others =
                children.map(|child| (child, format!("{below}├─ "), format!("{below}│  ")));
            pending.extend(last.into_iter().chain(others));
        }
        self.totals(out)?;
        if self.findings.is_empty() {
            return match self.plan.root.actual {
                Some(_) => writeln!(out, "\nnone of the {} rules finds a fault", rules().len()),
                None => writeln!(
                    out,
                    "\nonly estimates: EXPLAIN (ANALYZE, BUFFERS) runs the statement and tells where its time goes"
                ),
            };
        }
        self.findings
            .iter()
            .try_for_each(|finding| self.finding(out, finding))
    }
}

/// The title of a node, with the name of the plan that it is the root of.
fn label(node: &PlanNode) -> String {
    let is_named = matches!(node.role, ChildRole::InitPlan | ChildRole::SubPlan);
    let loops = node.actual.map_or(1.0, |actual| actual.loops);
    let times = if loops > 1.0 {
        format!(" × {}", short(loops))
    } else {
        String::new()
    };
    match node.subplan.as_ref().filter(|_| is_named) {
        Some(name) => format!("{name}: {}{times}", node.title()),
        None => format!("{}{times}", node.title()),
    }
}

/// Cuts or fills a title to its width.
fn fitted(title: &str) -> String {
    let title = clean(title);
    if title.chars().count() <= TITLE_CELLS {
        return format!("{title:<TITLE_CELLS$}");
    }
    title.chars().take(TITLE_CELLS - 1).chain(['…']).collect()
}

/// Replaces control characters, which a name may hold and a terminal would obey.
fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

/// A number of rows in few characters.
fn short(rows: f64) -> String {
    match rows {
        rows if rows >= 1e9 => format!("{:.1} G", rows / 1e9),
        rows if rows >= 1e6 => format!("{:.1} M", rows / 1e6),
        rows if rows >= 1e5 => format!("{:.0} k", rows / 1e3),
        rows => format!("{rows:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::rules::{PlanFacts, findings};
    use crate::plan::samples::{sample, text_plan};

    fn shown(plan: &Plan) -> String {
        let facts = PlanFacts {
            other_plans: 9,
            ..PlanFacts::default()
        };
        Viewer::new(plan, &findings(plan, &facts)).to_string()
    }

    #[test]
    fn each_node_has_a_line_and_each_finding_a_section() {
        let plan = sample("spill");
        let text = shown(&plan);
        for want in [
            "Sort",
            "├─ Seq Scan on orders",
            "   └─ Hash",
            "P5 sort_spill",
            "P6 hash_batches",
            "execution",
        ] {
            assert!(text.contains(want), "{want} in\n{text}");
        }
        let rows = text.lines().filter(|line| line.contains(" %  ")).count();
        assert_eq!(rows, plan.root.preorder().len(), "{text}");
    }

    #[test]
    fn columns_are_aligned() {
        let text = shown(&sample("cte"));
        let tree = text
            .lines()
            .take_while(|line| !line.starts_with("planning"));
        let widths: Vec<usize> = tree
            .map(|line| line.trim_end_matches(" !").chars().count())
            .collect();
        assert!(
            widths.windows(2).all(|pair| pair[0] == pair[1]),
            "{widths:?}\n{text}"
        );
    }

    #[test]
    fn wrong_estimates_are_marked_and_control_characters_left_out() {
        let text = shown(&text_plan(
            "Seq Scan on \"a\u{1b}[2J\"  (cost=0.00..9.00 rows=1 width=4) (actual time=0.1..9.0 rows=500 loops=1)\n",
        ));
        assert!(text.contains("          1 !"), "{text}");
        assert!(!text.contains('\u{1b}'));
    }

    #[test]
    fn a_plan_that_was_not_executed_is_shown_too() {
        let text = shown(&text_plan(
            "Seq Scan on t  (cost=0.00..9.00 rows=12 width=4)\n",
        ));
        assert!(
            text.contains("Seq Scan on t") && text.contains("         12"),
            "{text}"
        );
        assert!(
            text.contains("\nonly estimates: EXPLAIN (ANALYZE"),
            "{text}"
        );
    }
}
