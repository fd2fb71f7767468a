//! A real mail server and a real Alertmanager, and what each of them was told.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, ensure};
use pga_chaos_tests::until;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::alerts::Receiver;

/// Both receivers; they end with it.
pub(super) struct Receivers {
    /// Port of the mail server.
    pub(super) smtp: u16,
    /// Port of Alertmanager.
    pub(super) alertmanager: u16,
    mails: Arc<Mutex<Vec<Value>>>,
    /// Takes what Alertmanager tells.
    recorder: Receiver,
    _processes: [Child; 2],
    _directory: tempfile::TempDir,
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("receivers.sh")
}

async fn wait_open(port: u16) -> anyhow::Result<()> {
    let what = format!("port {port} is open");
    until(&what, Duration::from_secs(30), async || {
        TcpStream::connect(("127.0.0.1", port)).await.map(drop)
    })
    .await
}

/// The folder with the programs, fetched if they are not there.
pub(crate) async fn fetched() -> anyhow::Result<PathBuf> {
    let prepared = Command::new(script()).arg("prepare").output().await?;
    ensure!(prepared.status.success(), "cannot fetch the receivers");
    Ok(String::from_utf8(prepared.stdout)?.trim().into())
}

impl Receivers {
    pub(super) async fn start() -> anyhow::Result<Self> {
        fetched().await?;
        let port = pga_chaos_tests::free_ports(2)?;
        let (smtp, alertmanager) = (port, port + 1);
        let mut mail_server = Command::new(script())
            .args(["smtp", &smtp.to_string()])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let mails = Arc::<Mutex<Vec<Value>>>::default();
        let said = mail_server.stdout.take().context("no stdout")?;
        let taken = Arc::clone(&mails);
        tokio::spawn(async move {
            let mut lines = BufReader::new(said).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                let mail = serde_json::from_str(&line).unwrap_or_default();
                taken
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(mail);
            }
        });
        let recorder = Receiver::default();
        let hook = recorder.start().await?;
        let directory = tempfile::tempdir()?;
        let config = directory.path().join("alertmanager.yml");
        // Each alert is a group, and is told once in four hours.
        let text = format!(
            "route: {{receiver: hook, group_by: ['...'], group_wait: 1s, group_interval: 1s, repeat_interval: 4h}}\n\
             receivers: [{{name: hook, webhook_configs: [{{url: 'http://127.0.0.1:{hook}/', send_resolved: false}}]}}]\n"
        );
        std::fs::write(&config, text)?;
        let process = Command::new(script())
            .arg("alertmanager")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.path={}",
                directory.path().join("data").display()
            ))
            .arg(format!("--web.listen-address=127.0.0.1:{alertmanager}"))
            .arg("--cluster.listen-address=")
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        wait_open(smtp).await?;
        wait_open(alertmanager).await?;
        Ok(Self {
            smtp,
            alertmanager,
            mails,
            recorder,
            _processes: [mail_server, process],
            _directory: directory,
        })
    }

    /// Mails about a sequence: their ids, and whether each says that it may be a repeat.
    pub(super) fn mails(&self, sequence: &str) -> Vec<(String, bool)> {
        let mails = self.mails.lock().unwrap_or_else(PoisonError::into_inner);
        let text = |mail: &Value, name: &str| mail[name].as_str().unwrap_or_default().to_owned();
        let about = mails
            .iter()
            .filter(|mail| text(mail, "Subject").contains(sequence));
        about
            .map(|mail| {
                (
                    text(mail, "Message-ID"),
                    text(mail, "X-PgAnalytics-Repeat") == "maybe",
                )
            })
            .collect()
    }

    /// How often Alertmanager has told of a sequence.
    pub(super) fn notifications(&self, sequence: &str) -> usize {
        self.recorder.count(|body| {
            let alerts = body["alerts"].as_array().into_iter().flatten();
            let mut named = alerts.map(|alert| alert["labels"]["sequence"] == sequence);
            named.any(|is_it| is_it)
        })
    }
}
