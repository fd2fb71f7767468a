//! One problem on a server of its own, from before it is there until all is said about it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::problem::{Problem, Want};
use super::stage::Stage;
use super::watch::{Finding, Grade, Lab, Watched};
use crate::collecting::Collecting;

/// Between two looks.
const PAUSE: Duration = Duration::from_secs(5);
/// How much longer than wanted is waited, to tell how late something is said.
const LATE: u32 = 2;

/// What came of one thing that was wanted.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) want: Want,
    /// After how long it was said first, at which place of its list, and how.
    pub(crate) said: Option<(Duration, usize, String)>,
}

impl Answer {
    pub(crate) fn is_in_time(&self) -> bool {
        let said = self.said.as_ref();
        said.is_some_and(|(after, ..)| *after <= self.want.within)
    }
}

/// What came of a problem.
#[derive(Debug)]
pub(crate) struct Round {
    pub(crate) number: &'static str,
    pub(crate) name: &'static str,
    pub(crate) answers: Vec<Answer>,
    /// What was said above info that nobody wanted, the first of each kind.
    pub(crate) others: BTreeMap<String, String>,
    /// What names a wrong cause.
    pub(crate) wrong: BTreeMap<String, String>,
    pub(crate) lasted: Duration,
}

impl Round {
    pub(crate) async fn run(lab: &Lab, problem: &Problem, rows: u32) -> anyhow::Result<Self> {
        let mut stage = Stage::start(rows, problem.settings)?;
        stage.fill().await?;
        stage.run(problem.holds).await?;
        let watched = Watched {
            name: format!("lab-{}", problem.number),
        };
        let state = tempfile::tempdir()?;
        let dsn = stage.server.url();
        let collecting = Collecting::start(&lab.cluster, &watched.name, &dsn, state.path(), &[])?;
        (problem.before)(&mut stage).await?;
        sleep(problem.usual).await;
        let mut round = Self {
            number: problem.number,
            name: problem.name,
            answers: Vec::new(),
            others: BTreeMap::new(),
            wrong: BTreeMap::new(),
            lasted: Duration::ZERO,
        };
        let look = Look {
            lab,
            problem,
            watched,
        };
        let start = Instant::now();
        (problem.inject)(&mut stage).await?;
        round.watch(&look, &stage, start, problem.wants).await?;
        if let Some((step, wants)) = problem.then {
            let start = Instant::now();
            step(&mut stage).await?;
            round.watch(&look, &stage, start, wants).await?;
        }
        round.lasted = start.elapsed();
        drop(collecting);
        Ok(round)
    }

    /// Looks until all that is wanted was said, or is late.
    async fn watch(
        &mut self,
        look: &Look<'_>,
        stage: &Stage,
        start: Instant,
        wants: &'static [Want],
    ) -> anyhow::Result<()> {
        let first = self.answers.len();
        let open = |want: &Want| Answer {
            want: *want,
            said: None,
        };
        self.answers.extend(wants.iter().map(open));
        let limit = wants.iter().map(|want| want.within * LATE).max();
        let limit = limit.unwrap_or_default().max(look.problem.lasts);
        loop {
            let said = look.lab.said(&look.watched).await?;
            let after = start.elapsed();
            for answer in self
                .answers
                .iter_mut()
                .skip(first)
                .filter(|one| one.said.is_none())
            {
                let met = said
                    .iter()
                    .find(|one| answer.want.is_met(one, &stage.words));
                answer.said = met.map(|one| (after, one.rank, one.text.clone()));
            }
            self.note(look.problem, &said);
            keep(&look.watched, &said)?;
            let is_all = self
                .answers
                .iter()
                .skip(first)
                .all(|one| one.said.is_some());
            if after > limit || (is_all && after >= look.problem.lasts) {
                return Ok(());
            }
            sleep(PAUSE).await;
        }
    }

    /// Notes what nobody wanted.
    fn note(&mut self, problem: &Problem, said: &[Finding]) {
        let then = problem.then.map_or(&[][..], |(_, wants)| wants);
        for one in said {
            let is_wrong =
                |(by, text): &&(&str, &str)| one.by.starts_with(by) && one.text.contains(text);
            if let Some((by, _)) = problem.wrong.iter().find(is_wrong) {
                self.wrong
                    .entry((*by).to_owned())
                    .or_insert_with(|| one.text.clone());
                continue;
            }
            let mut wants = problem.wants.iter().chain(then);
            let is_wanted = wants.any(|want| want.is_by(one));
            let follows = problem.follows.iter().any(|by| one.by.starts_with(by));
            if one.grade > Grade::Info && !is_wanted && !follows {
                self.others
                    .entry(one.by.clone())
                    .or_insert_with(|| one.text.clone());
            }
        }
    }
}

/// How one server is looked at.
struct Look<'a> {
    lab: &'a Lab,
    problem: &'a Problem,
    watched: Watched,
}

/// Keeps what was said last where `PGANALYTICS_LAB_DIR` names a directory.
fn keep(of: &Watched, said: &[Finding]) -> anyhow::Result<()> {
    let Some(directory) = std::env::var_os("PGANALYTICS_LAB_DIR") else {
        return Ok(());
    };
    let path = PathBuf::from(directory).join(format!("{}.txt", of.name));
    let lines: Vec<String> = said.iter().map(ToString::to_string).collect();
    Ok(std::fs::write(path, lines.join("\n"))?)
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (number, name, lasted) = (self.number, self.name, self.lasted.as_secs());
        writeln!(f, "=== {number} {name}, looked at for {lasted} s")?;
        for answer in &self.answers {
            let Want {
                by, says, within, ..
            } = answer.want;
            match &answer.said {
                Some((after, rank, text)) => {
                    let (after, within) = (after.as_secs(), within.as_secs());
                    writeln!(
                        f,
                        "{by}: after {after} s (wanted {within}), place {rank}: {text}"
                    )?;
                }
                None => writeln!(f, "{by}: NOT SAID: {says:?}")?,
            }
        }
        for (by, text) in &self.wrong {
            writeln!(f, "WRONG {by}: {text}")?;
        }
        for (by, text) in &self.others {
            writeln!(f, "OTHER {by}: {text}")?;
        }
        Ok(())
    }
}
