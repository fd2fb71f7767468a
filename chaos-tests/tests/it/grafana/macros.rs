//! What Grafana does to a query before it sends it: variables and macros are replaced.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, bail, ensure};

/// The bucket that Grafana chooses here.
const INTERVAL: &str = "1m";
const INTERVAL_SECONDS: &str = "60.000s";

/// The chosen values and the time range.
#[derive(Clone, Debug)]
pub(super) struct Variables {
    from: String,
    to: String,
    values: BTreeMap<String, Vec<String>>,
}

impl Variables {
    /// A range, and nothing chosen.
    pub(super) fn new(from: String, to: String) -> Self {
        Self {
            from,
            to,
            values: BTreeMap::new(),
        }
    }

    pub(super) fn set(&mut self, name: &str, values: Vec<String>) {
        self.values.insert(name.to_owned(), values);
    }

    /// The same with no values of the variables that can have several.
    pub(super) fn without_values(&self) -> Self {
        let mut without = self.clone();
        for (name, values) in &mut without.values {
            if name != "time_range" {
                values.clear();
            }
        }
        without
    }

    /// The query as the database gets it.
    pub(super) fn expand(&self, sql: &str) -> anyhow::Result<String> {
        let mut done = String::new();
        let mut rest = sql;
        while let Some((before, after)) = rest.split_once('$') {
            done.push_str(before);
            rest = if let Some(inner) = after.strip_prefix('{') {
                let (name, after) = inner.split_once(":sqlstring}").context("a format")?;
                done.push_str(&self.quoted(name)?);
                after
            } else if after.starts_with("__") && !after.starts_with("__interval") {
                let (name, after) = after.split_once('(').context("a macro")?;
                // As in Grafana, arguments end at the first bracket.
                let (arguments, after) = after.split_once(')').context("a macro's end")?;
                done.push_str(&self.called(name, arguments)?);
                after
            } else {
                let (name, after) = word(after);
                done.push_str(&self.plain(name)?);
                after
            };
        }
        Ok(done + rest)
    }

    fn chosen(&self, name: &str) -> anyhow::Result<&[String]> {
        let values = self.values.get(name);
        Ok(values.with_context(|| format!("no variable {name}"))?)
    }

    fn quoted(&self, name: &str) -> anyhow::Result<String> {
        let quote = |value: &String| format!("'{}'", value.replace('\'', "''"));
        let quoted: Vec<String> = self.chosen(name)?.iter().map(quote).collect();
        Ok(quoted.join(","))
    }

    fn plain(&self, name: &str) -> anyhow::Result<String> {
        if name == "__interval" {
            return Ok(INTERVAL.to_owned());
        }
        match self.chosen(name)? {
            [one] => Ok(one.clone()),
            more => bail!("{name} is {more:?}"),
        }
    }

    fn called(&self, name: &str, arguments: &str) -> anyhow::Result<String> {
        let (from, to) = (&self.from, &self.to);
        Ok(match name {
            "__timeFilter" => format!("{arguments} BETWEEN '{from}' AND '{to}'"),
            "__timeFrom" => format!("'{from}'"),
            "__timeTo" => format!("'{to}'"),
            "__timeGroup" => {
                let (column, interval) = arguments.split_once(", ").context("two arguments")?;
                ensure!(interval == "'$__interval'", "{interval}");
                format!("time_bucket('{INTERVAL_SECONDS}',{column})")
            }
            other => bail!("no other macro: {other}"),
        })
    }
}

/// The variables in a query, without those that Grafana has itself.
pub(super) fn names(query: &str) -> BTreeSet<String> {
    let after = query.split('$').skip(1);
    let names = after.map(|text| word(text.trim_start_matches('{')).0);
    let own = names.filter(|name| !name.starts_with("__"));
    own.map(str::to_owned).collect()
}

/// PromQL as Prometheus gets it, with all nodes chosen.
pub(super) fn promql(text: &str) -> String {
    let text = text.replace("$__rate_interval", "15s");
    text.replace("$instance", ".*")
}

fn word(text: &str) -> (&str, &str) {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.split_at(text.find(|c| !is_name(c)).unwrap_or(text.len()))
}
