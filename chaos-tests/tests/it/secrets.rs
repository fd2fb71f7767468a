//! Recognisable secrets go into a running cluster by every way there is, the wrong ones too; none
//! of them comes out in a log, a metric, an answer, the audit log, an export or a report, and none
//! lies readable on a disk.

mod looks;
mod plants;

use pga_chaos_tests::{Cluster, ClusterOptions};

use self::looks::Findings;
use self::plants::Planted;

/// A secret, and how it is called in a finding.
type Secret = (&'static str, String);

/// A secret that nothing else looks like.
fn canary(name: &'static str) -> Secret {
    (name, format!("Canary-{name}-7Qx9"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_told_to_anybody() -> anyhow::Result<()> {
    let service = canary("ml");
    let options = ClusterOptions::default()
        .with("logging.level", "debug")
        // As a cluster that is no trial: nobody asks without a token.
        .with("node.demo", "false")
        .with("notify.allow-targets", "127.0.0.0/8")
        .with("ml.url", &format!("http://user:{}@127.0.0.1:1", service.1));
    let cluster = Cluster::start(options).await?;
    let mut planted = Planted::new(service, cluster.login(1).await?);
    planted.own_secrets(&cluster)?;
    planted.people(&cluster).await?;
    planted.channels(&cluster).await?;
    planted.collectors(&cluster).await?;
    planted.wrong_requests(&cluster).await?;
    planted.wrong_commands(&cluster).await?;

    let mut findings = Findings::new(planted);
    findings.in_what_was_said();
    findings.in_reads(&cluster).await?;
    findings.in_reports(&cluster).await?;
    findings.in_files(&cluster)?;
    findings.none()
}
