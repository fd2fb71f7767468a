//! What the product says of a server, over its own routes.

use std::fmt;
use std::time::Duration;

use anyhow::Context;
use pga_chaos_tests::Cluster;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::insight::Client;

/// How loud something is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Grade {
    Info,
    Warning,
    Critical,
}

/// One thing that is said.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    /// Who says it: `alert L1.chain`, `advice index`, `regression`, `anomaly`, `why lock`,
    /// `plan P18`.
    pub(crate) by: String,
    pub(crate) grade: Grade,
    /// Its place among those of the same list, from 1.
    pub(crate) rank: usize,
    /// Improvement that it promises, in percent.
    pub(crate) gain: Option<f64>,
    /// What people read of it.
    pub(crate) text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gain = self
            .gain
            .map_or_else(String::new, |gain| format!(" saves {gain:.1} %"));
        write!(f, "[{} {:?}{gain}] {}", self.by, self.grade, self.text)
    }
}

/// Between two runs of what the leader runs once a day by itself.
const JUDGE: Duration = Duration::from_secs(20);

/// A token is asked for again after this time.
const TOKEN: Duration = Duration::from_secs(300);

/// The product: a cluster, and somebody who is logged in and asks for analyses now and then.
pub(crate) struct Lab {
    pub(crate) cluster: Cluster,
    token: Mutex<Option<(Instant, String)>>,
    judged: Mutex<Option<Instant>>,
}

impl Lab {
    pub(crate) fn new(cluster: Cluster) -> Self {
        Self {
            cluster,
            token: Mutex::default(),
            judged: Mutex::default(),
        }
    }

    /// Everything that is said of a server now, by a node and after analyses of the last 20 s.
    pub(crate) async fn said(&self, of: &Watched) -> anyhow::Result<Vec<Finding>> {
        let client = self.client().await?;
        let mut judged = self.judged.lock().await;
        if judged.is_none_or(|at| at.elapsed() > JUDGE) {
            client
                .post(1, "/recommendations/aggregate", json!({}))
                .await?;
            client
                .post(1, "/plan-regressions/detect", json!({}))
                .await?;
            *judged = Some(Instant::now());
        }
        drop(judged);
        of.said(&client, 1).await
    }

    pub(crate) async fn client(&self) -> anyhow::Result<Client<'_>> {
        let mut known = self.token.lock().await;
        let fresh = known.as_ref().filter(|(at, _)| at.elapsed() < TOKEN);
        let token = match fresh {
            Some((_, token)) => token.clone(),
            None => {
                let token = self.cluster.login(1).await?;
                *known = Some((Instant::now(), token.clone()));
                token
            }
        };
        Ok(Client {
            cluster: &self.cluster,
            token,
        })
    }
}

/// A server as the product knows it.
#[derive(Clone, Debug)]
pub(crate) struct Watched {
    /// The id that its collector was given, and its name.
    pub(crate) name: String,
}

impl Watched {
    /// Everything that is said of it through a node.
    pub(crate) async fn said(
        &self,
        client: &Client<'_>,
        node: u64,
    ) -> anyhow::Result<Vec<Finding>> {
        let servers = client.get(node, "/servers?page_size=100").await?;
        let all = servers["data"].as_array().context("no servers")?;
        let Some(own) = all.iter().find(|one| one.to_string().contains(&self.name)) else {
            return Ok(Vec::new());
        };
        let id = &own["id"];
        let uuid = own["collector_id"].as_str().context("no collector")?;
        let mut said = alerts(
            &client
                .get(node, "/alerts?state=firing&page_size=100")
                .await?,
            &self.name,
        );
        let why = client.get(node, &format!("/servers/{id}/why")).await?;
        said.extend(list(&why["lines"], |line| {
            (
                format!("why {}", text(line, "kind")),
                Grade::Info,
                text(line, "text"),
            )
        }));
        let path = format!("/plan-regressions?collector_id={uuid}");
        let told = client.get(node, &path).await?;
        said.extend(list(&told["plan_regressions"], |one| {
            let findings = one["findings"].as_array().into_iter().flatten();
            let told: Vec<String> = [text(one, "description")]
                .into_iter()
                .chain(findings.map(of_plan))
                .collect();
            ("regression".to_owned(), Grade::Warning, told.join(". "))
        }));
        let path = format!("/anomalies?severity=all&collector_id={uuid}");
        let told = client.get(node, &path).await?;
        said.extend(list(&told["anomalies"], |one| {
            let is_high = one["severity"] == "high";
            let grade = if is_high { Grade::Warning } else { Grade::Info };
            ("anomaly".to_owned(), grade, unusual(one))
        }));
        let path =
            format!("/optimization-recommendations?limit=100&min_impact=0&collector_id={uuid}");
        said.extend(list(&client.get(node, &path).await?, advice));
        let path = format!("/collectors/{uuid}/explain-plans?limit=50");
        let told = client.get(node, &path).await?;
        for plan in told["plans"].as_array().into_iter().flatten() {
            said.extend(list(&plan["findings"], |one| {
                (
                    format!("plan {}", text(one, "id")),
                    Grade::Info,
                    of_plan(one),
                )
            }));
        }
        Ok(said)
    }
}

fn text(of: &Value, name: &str) -> String {
    of[name].as_str().unwrap_or_default().to_owned()
}

fn list(all: &Value, read: impl Fn(&Value) -> (String, Grade, String)) -> Vec<Finding> {
    let all = all.as_array().into_iter().flatten();
    let read = all.zip(1..).map(|(one, rank)| {
        let (by, grade, text) = read(one);
        let gain = one["estimated_improvement_percent"].as_f64();
        Finding {
            by,
            grade,
            rank,
            gain,
            text,
        }
    });
    read.collect()
}

fn alerts(listed: &Value, server: &str) -> Vec<Finding> {
    let own = listed["data"].as_array().into_iter().flatten();
    let own = own.filter(|one| one["labels"]["server"] == server).cloned();
    list(&own.collect(), |one| {
        let grade = match one["severity"].as_str() {
            Some("critical") => Grade::Critical,
            Some("info") => Grade::Info,
            _ => Grade::Warning,
        };
        let told = ["summary", "first_step"].map(|name| text(&one["annotations"], name));
        (
            format!("alert {}", text(one, "rule")),
            grade,
            told.join(" "),
        )
    })
}

/// What is wrong with a plan, and what to try.
fn of_plan(finding: &Value) -> String {
    let advice = finding["advice"].as_array().into_iter().flatten();
    let advice: Vec<&str> = advice.filter_map(Value::as_str).collect();
    let told = [
        text(finding, "relation"),
        text(finding, "cause"),
        advice.join("; "),
    ];
    let told: Vec<String> = told.into_iter().filter(|part| !part.is_empty()).collect();
    told.join(": ")
}

/// What is not usual, and what happened then.
fn unusual(anomaly: &Value) -> String {
    let figure = |name: &str| anomaly[name].as_f64().unwrap_or_default();
    let cause = &anomaly["raw_metrics_json"]["causes"][0];
    format!(
        "{}: {} was {:.1}, usually {:.1} {}",
        text(anomaly, "subject"),
        text(anomaly, "metric_name"),
        figure("metric_value"),
        figure("baseline_value"),
        text(cause, "text"),
    )
}

fn advice(one: &Value) -> (String, Grade, String) {
    let told = [
        "recommendation_text",
        "detailed_explanation",
        "question",
        "original_query",
    ];
    let told = told.map(|name| text(one, name)).join(" ");
    let by = format!("advice {}", text(one, "source_type"));
    (by, Grade::Warning, told)
}
