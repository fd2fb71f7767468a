//! A dashboard's file, and the rules about it.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, ensure};
use serde_json::Value;

use super::macros;
use super::reader::Found;

/// Columns of Grafana's grid.
const COLUMNS: u64 = 24;

/// A dashboard.
#[derive(Debug)]
pub(super) struct Board {
    /// The file.
    pub(super) text: String,
    pub(super) uid: String,
    pub(super) title: String,
    pub(super) panels: Vec<Panel>,
    /// Its variables.
    pub(super) variables: Vec<Value>,
}

/// A panel.
#[derive(Debug)]
pub(super) struct Panel {
    pub(super) title: String,
    json: Value,
}

fn text(json: &Value, path: &str) -> anyhow::Result<String> {
    let found = json.pointer(path).and_then(Value::as_str);
    let found = found.filter(|text| !text.is_empty());
    Ok(found.with_context(|| format!("no {path}"))?.to_owned())
}

fn list(json: &Value, path: &str) -> Vec<Value> {
    let found = json.pointer(path).and_then(Value::as_array);
    found.cloned().unwrap_or_default()
}

impl Board {
    /// All dashboards, by their files' names.
    pub(super) fn all(directory: &Path) -> anyhow::Result<Vec<Self>> {
        let mut boards = Vec::new();
        for entry in std::fs::read_dir(directory.join("dashboards"))? {
            let path = entry?.path();
            if path.extension().is_some_and(|ending| ending == "json") {
                let board = Self::read(&path).with_context(|| path.display().to_string())?;
                let name = format!("{}.json", board.uid);
                ensure!(path.ends_with(&name), "{} is {name}", path.display());
                boards.push(board);
            }
        }
        boards.sort_by(|a, b| a.uid.cmp(&b.uid));
        ensure!(boards.len() > 10, "{} dashboards", boards.len());
        Ok(boards)
    }

    fn read(path: &Path) -> anyhow::Result<Self> {
        let text_of_file = std::fs::read_to_string(path)?;
        let json: Value = serde_json::from_str(&text_of_file)?;
        let panels = list(&json, "/panels").into_iter().map(|json| {
            let title = text(&json, "/title")?;
            Ok(Panel { title, json })
        });
        Ok(Self {
            uid: text(&json, "/uid")?,
            title: text(&json, "/title")?,
            panels: panels.collect::<anyhow::Result<_>>()?,
            variables: list(&json, "/templating/list"),
            text: text_of_file,
        })
    }

    /// The PromQL of its panels.
    pub(super) fn promql(&self) -> impl Iterator<Item = &str> {
        self.panels.iter().flat_map(|panel| panel.targets("/expr"))
    }

    /// Every panel has a number of its own and room of its own inside the grid.
    pub(super) fn check_grid(&self) -> anyhow::Result<()> {
        let mut taken = BTreeSet::new();
        let mut ids = BTreeSet::new();
        for panel in &self.panels {
            let id = panel.json["id"].as_u64().context("no id")?;
            ensure!(ids.insert(id), "id {id} is there twice");
            let place = |name: &str| {
                let number = panel.json["gridPos"][name].as_u64();
                number.with_context(|| format!("{}: no {name}", panel.title))
            };
            let (x, y, width, height) = (place("x")?, place("y")?, place("w")?, place("h")?);
            ensure!(width > 0 && height > 0, "{} has no room", panel.title);
            ensure!(x + width <= COLUMNS, "{} sticks out", panel.title);
            for cell in (x..x + width).flat_map(|x| (y..y + height).map(move |y| (x, y))) {
                ensure!(taken.insert(cell), "{} overlaps at {cell:?}", panel.title);
            }
        }
        Ok(())
    }

    /// Queries use the variables that there are, and each of them.
    pub(super) fn check_variables(&self) -> anyhow::Result<()> {
        let name = |variable: &Value| text(variable, "/name");
        let declared: anyhow::Result<BTreeSet<String>> = self.variables.iter().map(name).collect();
        let queries = self.panels.iter().flat_map(|panel| {
            let sql = panel.targets("/rawSql");
            sql.chain(panel.targets("/expr"))
        });
        let own = self
            .variables
            .iter()
            .filter_map(|variable| variable["query"].as_str());
        let used: BTreeSet<String> = queries.chain(own).flat_map(macros::names).collect();
        ensure!(declared? == used, "{used:?} are used, not those declared");
        Ok(())
    }
}

impl Panel {
    /// The SQL of its targets.
    pub(super) fn sql(&self) -> impl Iterator<Item = &str> {
        self.targets("/rawSql")
    }

    fn targets<'a>(&'a self, path: &'a str) -> impl Iterator<Item = &'a str> {
        let targets = self.json["targets"].as_array().into_iter().flatten();
        targets.filter_map(move |target| target.pointer(path)?.as_str())
    }

    /// It says what it shows, in which unit, and reads one of the datasources that are provisioned.
    pub(super) fn check(&self, sources: &str) -> anyhow::Result<()> {
        let description = text(&self.json, "/description")?;
        ensure!(description.ends_with('.'), "no sentence: {description}");
        text(&self.json, "/fieldConfig/defaults/unit")?;
        let targets = list(&self.json, "/targets");
        ensure!(!targets.is_empty(), "no targets");
        for part in targets.iter().chain([&self.json]) {
            let uid = text(part, "/datasource/uid")?;
            ensure!(
                ["pganalytics-sql", "pganalytics-prom"].contains(&uid.as_str()),
                "{uid}"
            );
            ensure!(sources.contains(&format!("uid: {uid}\n")), "no {uid}");
        }
        let queries = self.sql().count() + self.targets("/expr").count();
        ensure!(queries == targets.len(), "a target without a query");
        Ok(())
    }

    /// The columns are those that its kind of panel understands.
    pub(super) fn check_shape(&self, found: &Found) -> anyhow::Result<()> {
        let columns: Vec<&str> = found.columns.iter().map(String::as_str).collect();
        match self.json["type"].as_str().unwrap_or_default() {
            "timeseries" => {
                ensure!(columns == ["time", "metric", "value"], "{columns:?}");
                let times: Vec<&Option<String>> = found.rows.iter().map(|row| &row[0]).collect();
                ensure!(
                    times.iter().all(|time| time.is_some()),
                    "a row without time"
                );
                ensure!(times.is_sorted(), "not in the order of time");
                let mut points = BTreeSet::new();
                for row in &found.rows {
                    ensure!(points.insert((&row[0], &row[1])), "two values at one time");
                }
            }
            "stat" => ensure!(columns == ["value"] && found.rows.len() == 1, "{columns:?}"),
            "piechart" => ensure!(columns == ["metric", "value"], "{columns:?}"),
            "table" => {
                let overrides = list(&self.json, "/fieldConfig/overrides");
                for rule in &overrides {
                    let name = text(rule, "/matcher/options")?;
                    ensure!(
                        columns.contains(&name.as_str()),
                        "a unit for no column: {name}"
                    );
                }
            }
            other => anyhow::bail!("unknown panel {other}"),
        }
        Ok(())
    }
}
