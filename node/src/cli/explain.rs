//! `pganalytics explain`: what is wrong with a plan at hand.

use std::fs;
use std::io::{Read, stdin};
use std::path::PathBuf;

use pga_insight::plan::rules::{Finding, PlanFacts, findings};
use pga_insight::plan::{Viewer, parse_pasted};

use super::cluster::say;
use crate::data_dir::file_error;
use crate::output::{Output, OutputArgs, Rows};
use crate::{Error, Exit, Result};

/// Largest plan, in bytes.
const MAX_PLAN: u64 = 64 << 20;

/// What is explained.
#[derive(Debug, clap::Args)]
pub(super) struct ExplainArgs {
    /// File with the output of EXPLAIN (ANALYZE, BUFFERS), as text or JSON, or of auto_explain; -
    /// is standard input
    file: PathBuf,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &ExplainArgs) -> Result<Exit> {
    let mut text = String::new();
    let read = if args.file.as_os_str() == "-" {
        stdin().take(MAX_PLAN).read_to_string(&mut text)
    } else {
        fs::File::open(&args.file).and_then(|file| file.take(MAX_PLAN).read_to_string(&mut text))
    };
    read.map_err(|error| file_error("read", &args.file, error))?;
    let plan = parse_pasted(&text).map_err(|error| {
        Error::Refused(format!(
            "{} holds no plan: {error}; give the output of EXPLAIN (ANALYZE, BUFFERS), as text or JSON",
            args.file.display()
        ))
    })?;
    // One plan at hand is all there is: what it shows counts as the rule.
    let facts = PlanFacts {
        other_plans: 1,
        ..PlanFacts::default()
    };
    let findings = findings(&plan, &facts);
    match args.output.form() {
        Output::Table => say(Viewer::new(&plan, &findings).to_string().trim_end()),
        Output::Json => {
            let all = serde_json::json!({ "plan": plan, "findings": findings });
            say(&all.to_string())
        }
        Output::Csv => say(table(&findings).csv().trim_end()),
    }
}

/// A row for each finding.
fn table(findings: &[Finding]) -> Rows {
    let mut rows = Rows::new(["node", "path", "relation", "share", "cause", "advice"]);
    for finding in findings {
        rows.push([
            finding.node.to_string(),
            finding.path.clone(),
            finding.relation.clone().unwrap_or_default(),
            finding
                .share
                .map(|share| share.to_string())
                .unwrap_or_default(),
            finding.cause.clone(),
            finding.advice.join("; "),
        ]);
    }
    rows
}
