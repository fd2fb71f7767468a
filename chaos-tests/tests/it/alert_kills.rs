//! The leader is killed at each step of a notification, with a real mail server and a real
//! Alertmanager behind it; each is told once under one key.

mod proxy;
mod receivers;

use std::fmt::Write;
use std::time::Duration;

use anyhow::{Context, ensure};
use pga_chaos_tests::{Cluster, ClusterOptions, until};
use serde_json::{Value, json};

use self::proxy::{Fault, Proxy};
use self::receivers::Receivers;
pub(crate) use self::receivers::fetched;
use crate::alerts::{change, sequence};

/// Longest time from an element to what is told of it, over a change of leaders.
const LIMIT: Duration = Duration::from_secs(120);

/// When the leader dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// The push is taken; nothing is queued.
    Seen,
    /// The first attempt was refused; the notification waits for its second one.
    Queued,
    /// An attempt stands in the log; the receiver has nothing.
    Attempting,
    /// The receiver has the message; its answer did not come.
    Taken,
    /// The outcome stands in the log.
    Sent,
}

const STEPS: [Step; 5] = [
    Step::Seen,
    Step::Queued,
    Step::Attempting,
    Step::Taken,
    Step::Sent,
];
const CHANNELS: [&str; 2] = ["mail", "alertmanager"];

/// What one channel's receiver got over all rounds.
#[derive(Debug, Default)]
struct Count {
    rounds: usize,
    keys: usize,
    messages: usize,
    marked: usize,
}

struct World {
    cluster: Cluster,
    receivers: Receivers,
    proxies: [Proxy; 2],
}

impl World {
    async fn start() -> anyhow::Result<Self> {
        let receivers = Receivers::start().await?;
        let (mail, mail_port) = Proxy::start(receivers.smtp, b"\r\n.\r\n").await?;
        let (alerts, alerts_port) = Proxy::start(receivers.alertmanager, b"\r\n\r\n").await?;
        let cluster = Cluster::start(ClusterOptions::default()).await?;
        let leader = cluster.leader().await?;
        let settings = [
            json!({ "mail": {
                "host": "127.0.0.1", "port": mail_port, "tls": "none",
                "from": "pgAnalytics <alerts@example.org>", "to": ["ops@example.org"],
            } }),
            json!({ "url": format!("http://127.0.0.1:{alerts_port}") }),
        ];
        for ((name, kind), settings) in [("mail", "email"), ("alertmanager", "alertmanager")]
            .into_iter()
            .zip(settings)
        {
            let channel = json!({
                "name": name, "kind": kind, "settings": settings, "group_by": ["sequence"],
                "matchers": [{ "label": "rule", "value": "S1" }], "send_resolved": false,
                "group_wait_seconds": 0, "group_interval_seconds": 0,
            });
            change(&cluster, leader, "/api/v1/channels", &channel).await?;
        }
        Ok(Self {
            cluster,
            receivers,
            proxies: [mail, alerts],
        })
    }

    /// The outbox's entries about a sequence: channel and state.
    async fn entries(&self, id: u64, name: &str) -> anyhow::Result<Vec<(String, String)>> {
        let path = "/api/v1/notifications?page_size=100";
        let list = self.cluster.get_json(id, path).await?;
        let all = list["data"].as_array().context("no list")?.iter();
        let about = all.filter(|one| {
            one["group"]
                .as_str()
                .is_some_and(|group| group.ends_with(name))
        });
        let text = |one: &Value, field: &str| one[field].as_str().unwrap_or_default().to_owned();
        Ok(about
            .map(|one| (text(one, "channel"), text(one, "state")))
            .collect())
    }

    /// One alert, whose leader dies at a step of its way through a channel.
    async fn round(&mut self, number: usize, step: Step, channel: usize) -> anyhow::Result<String> {
        let name = format!("s{number:04}");
        let label = format!("public.{name}");
        let leader = self.cluster.leader().await?;
        let proxy = &self.proxies[channel];
        proxy.fail(match step {
            Step::Seen | Step::Sent => Fault::None,
            Step::Queued => Fault::Refuse,
            Step::Attempting => Fault::HoldRequest,
            Step::Taken => Fault::HoldAnswer,
        });
        sequence(&self.cluster, leader, &name, 0.9999).await?;
        match step {
            Step::Seen => {}
            Step::Sent => self.wait_sent(leader, &label, &[CHANNELS[channel]]).await?,
            Step::Queued | Step::Attempting | Step::Taken => {
                let happened = tokio::time::timeout(LIMIT, proxy.happened.notified()).await;
                happened.with_context(|| format!("{step:?} never happened"))?;
            }
        }
        self.cluster.kill(leader).await?;
        proxy.fail(Fault::None);
        let next = self.cluster.leader_within(Duration::from_secs(30)).await?;
        ensure!(next != leader, "another leads");
        self.wait_sent(next, &label, &CHANNELS).await?;
        self.cluster.restart(leader).await?;
        Ok(label)
    }

    async fn wait_sent(&self, id: u64, label: &str, channels: &[&str]) -> anyhow::Result<()> {
        until(&format!("{label} is sent"), LIMIT, async || {
            let entries = self
                .entries(id, label)
                .await
                .map_err(|error| format!("{error:#}"))?;
            let is_sent = |channel: &&str| {
                entries
                    .iter()
                    .any(|(name, state)| name == channel && state == "sent")
            };
            if channels.iter().all(is_sent) {
                Ok(())
            } else {
                Err(format!("{entries:?}"))
            }
        })
        .await
    }
}

/// Kills as many leaders as `PGANALYTICS_TEST_KILLS` says, at each step in turn; ten if it says
/// nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_leader_dies_at_each_step_and_every_key_is_told_once() -> anyhow::Result<()> {
    let kills = std::env::var("PGANALYTICS_TEST_KILLS").ok();
    let kills: usize = kills
        .as_deref()
        .map_or(Ok(STEPS.len() * CHANNELS.len()), str::parse)?;
    let mut world = World::start().await?;
    let mut labels = Vec::new();
    for number in 0..kills {
        let (step, channel) = (
            STEPS[number % STEPS.len()],
            number / STEPS.len() % CHANNELS.len(),
        );
        let done = world.round(number, step, channel).await;
        let label =
            done.with_context(|| format!("round {number}: {step:?} of {}", CHANNELS[channel]))?;
        labels.push((step, channel, label));
    }
    // Alertmanager waits a second before it tells; what is told twice would come by now.
    tokio::time::sleep(Duration::from_secs(15)).await;
    let (report, wrong) = world.receivers.report(&labels)?;
    eprintln!("{report}");
    ensure!(wrong.is_empty(), "{wrong:#?}\n{report}");
    Ok(())
}

impl Receivers {
    /// What the receivers got, as a table, and what is wrong with it.
    fn report(&self, labels: &[(Step, usize, String)]) -> anyhow::Result<(String, Vec<String>)> {
        let head = "| Step | Channel | Kills | Keys | Messages | Marked as repeats |\n";
        let (mut report, mut wrong) = (head.to_owned(), Vec::new());
        for step in STEPS {
            for (channel, name) in CHANNELS.iter().enumerate() {
                let mut count = Count::default();
                for (_, _, label) in labels
                    .iter()
                    .filter(|(s, c, _)| *s == step && *c == channel)
                {
                    wrong.extend(self.count(&mut count, channel, label));
                }
                let Count {
                    rounds,
                    keys,
                    messages,
                    marked,
                } = count;
                writeln!(
                    report,
                    "| {step:?} | {name} | {rounds} | {keys} | {messages} | {marked} |"
                )?;
            }
        }
        Ok((report, wrong))
    }

    /// Counts one round; what is wrong with it.
    fn count(&self, count: &mut Count, channel: usize, label: &str) -> Option<String> {
        let (mails, told) = (self.mails(label), self.notifications(label));
        let mut ids: Vec<&String> = mails.iter().map(|(id, _)| id).collect();
        ids.dedup();
        count.rounds += 1;
        if channel == 0 {
            count.keys += ids.len();
            count.messages += mails.len();
            count.marked += mails.iter().filter(|(_, is_marked)| *is_marked).count();
        } else {
            count.keys += usize::from(told > 0);
            count.messages += told;
        }
        let is_marked = mails.iter().skip(1).all(|(_, is_marked)| *is_marked);
        let is_right = ids.len() == 1 && mails.len() <= 2 && told == 1 && is_marked;
        (!is_right).then(|| format!("{label}: {mails:?}, {told} by Alertmanager"))
    }
}
