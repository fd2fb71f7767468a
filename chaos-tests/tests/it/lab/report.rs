//! The table of what came of the problems, in docs/insight.md.

use std::path::Path;
use std::process::Command;

use anyhow::Context;

use super::round::Round;

/// Between these lines of the document stands what this writes.
const BEGIN: &str = "<!-- The lab writes from here -->\n";
const END: &str = "<!-- to here -->\n";
/// Longest text in the table, in characters.
const MOST: usize = 220;

/// What came of all problems.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rounds: Vec<Round>,
}

impl Report {
    pub(crate) fn add(&mut self, round: Round) {
        self.rounds.push(round);
    }

    /// Writes the table of all, if all were run.
    pub(crate) fn write(&self) -> anyhow::Result<()> {
        if std::env::var("PGANALYTICS_LAB").as_deref() != Ok("all") {
            return Ok(());
        }
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/insight.md");
        let whole = std::fs::read_to_string(&path)?;
        let (head, rest) = whole.split_once(BEGIN).context("no begin of the table")?;
        let (_, tail) = rest.split_once(END).context("no end of the table")?;
        let table = format!("{head}{BEGIN}{}{END}{tail}", self.table());
        Ok(std::fs::write(path, table)?)
    }

    fn table(&self) -> String {
        let mut table = format!(
            "{}.\n\n| # | Problem | Said by | After, of at most | Place | It says |\n| --- | --- | --- | --- | --- | --- |\n",
            machine("16")
        );
        for round in &self.rounds {
            for answer in &round.answers {
                let (after, place, text) = match &answer.said {
                    Some((after, rank, text)) => (
                        format!("{} s", after.as_secs()),
                        rank.to_string(),
                        cut(text),
                    ),
                    None => (
                        "**not said**".to_owned(),
                        "–".to_owned(),
                        cut(&answer.want.says.join(" … ")),
                    ),
                };
                let late = if answer.is_in_time() {
                    ""
                } else {
                    ", **late**"
                };
                table.push_str(&format!(
                    "| {} | {} | {} | {after} of {} s{late} | {place} | {text} |\n",
                    round.number,
                    round.name,
                    answer.want.by,
                    answer.want.within.as_secs(),
                ));
            }
        }
        table.push_str("\n| # | Problem | Looked at | Wrong causes | Other findings above info |\n| --- | --- | --- | --- | --- |\n");
        for round in &self.rounds {
            let listed = |all: &std::collections::BTreeMap<String, String>| {
                let told: Vec<String> = all
                    .iter()
                    .map(|(by, text)| format!("{by}: {}", cut(text)))
                    .collect();
                if told.is_empty() {
                    "none".to_owned()
                } else {
                    told.join("; ")
                }
            };
            table.push_str(&format!(
                "| {} | {} | {} s | {} | {} |\n",
                round.number,
                round.name,
                round.lasted.as_secs(),
                listed(&round.wrong),
                listed(&round.others),
            ));
        }
        table
    }
}

/// When and where it ran.
pub(crate) fn machine(major: &str) -> String {
    let of = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output();
        output.map_or_else(
            |_| "?".to_owned(),
            |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        )
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let processors = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processors
        .lines()
        .find_map(|line| line.strip_prefix("model name\t: "));
    format!(
        "{}, {cores} cores of {}, Linux {}, PostgreSQL {major}, three nodes in one machine, debug build",
        of("date", &["-u", "+%Y-%m-%d"]),
        model.unwrap_or("an unknown make"),
        of("uname", &["-r"]),
    )
}

fn cut(text: &str) -> String {
    let text = text
        .replace('|', "\\|")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}
