//! Real servers, each with its own data, stopped and deleted at the end.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use pga_pg_connect::{ConnectError, Connected, Environment, Session, Target};

const SCRIPT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../chaos-tests/timescaledb.sh"
);
const CLUSTERS: &str = "/var/lib/pganalytics/clusters";

/// A server on loopback.
pub(crate) struct Server {
    name: String,
    port: u16,
}

impl Server {
    /// Makes a server, with the files `prepare` writes into its data directory.
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let name = unique_name();
        script(&["new-cluster", &name], "");
        for (file, text) in files {
            let append = if *file == "postgresql.conf" {
                ">>"
            } else {
                ">"
            };
            let path = format!("{CLUSTERS}/{name}/{file}");
            let write = format!("cat {append} {path}; chown postgres {path}; chmod 600 {path}");
            script(&["exec", "sh", "-c", &write], text);
        }
        Self::start(name)
    }

    /// Makes a standby of `self`.
    pub(crate) fn standby(&self) -> Self {
        let name = unique_name();
        let data = format!("{CLUSTERS}/{name}");
        let copy = format!(
            "/usr/lib/postgresql/17/bin/pg_basebackup -h 127.0.0.1 -p {} -U postgres -c fast -R -D {data} \
             && rm -f {data}/port && touch {data}/ready && chown -R postgres:postgres {data}",
            self.port
        );
        script(&["exec", "sh", "-c", &copy], "");
        Self::start(name)
    }

    fn start(name: String) -> Self {
        let url = script(&["start", &name], "");
        let (_host, rest) = url.rsplit_once(':').unwrap();
        let port = rest.split('/').next().unwrap().parse().unwrap();
        Self { name, port }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Runs statements as the superuser.
    pub(crate) async fn run(&self, sql: &str) {
        let text = format!("host=127.0.0.1 port={} user=postgres", self.port);
        let connected = connect(&text).await.unwrap();
        pga_runtime::spawn(connected.connection);
        connected.client.batch_execute(sql).await.unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        script(&["drop", &self.name], "");
    }
}

/// Opens a session without any environment.
pub(crate) async fn connect(text: &str) -> Result<Connected, ConnectError> {
    let target = Target::parse(text, &Environment::default())?;
    target.connect(&Session::new("test")).await
}

/// The one value of a query.
pub(crate) async fn value(connected: Connected, sql: &str) -> String {
    let driver = pga_runtime::spawn(connected.connection);
    let row = connected.client.query_one(sql, &[]).await.unwrap();
    driver.abort();
    row.get(0)
}

fn unique_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("pg-connect-{}-{n}", std::process::id())
}

fn script(args: &[&str], input: &str) -> String {
    let mut child = Command::new(SCRIPT)
        .args(args)
        .env("OWNER_PID", std::process::id().to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the script starts");
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{SCRIPT} {args:?} failed: run it as root once"
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
