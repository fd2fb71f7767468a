//! A real PgBouncer before the server: the store says that it needs sessions of its own.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use pga_storage::store::TimescaleStore;
use pga_storage::{Error, ErrorClass, StoreWriter};
use tokio::net::TcpStream;

use super::database::{Database, options};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../chaos-tests/pgbouncer.sh");

struct Pooler {
    process: Child,
    url: String,
    _dir: tempfile::TempDir,
}

impl Pooler {
    async fn start(database: &Database, lines: &str) -> Self {
        let found = Command::new(SCRIPT).output().expect("the script starts");
        assert!(found.status.success(), "{SCRIPT} failed: run it as root");
        let program = String::from_utf8(found.stdout).expect("a path");
        let (base, name) = database.url().rsplit_once('/').expect("a database");
        let (_user, server) = base.rsplit_once('@').expect("a user");
        let (host, port) = server.rsplit_once(':').expect("a port");
        let own = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let own = own.local_addr().expect("its address").port();
        let dir = tempfile::tempdir().expect("a directory");
        let readable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(dir.path(), readable).expect("a readable directory");
        let file = dir.path().join("pgbouncer.ini");
        let text = format!(
            "[databases]\n* = host={host} port={port} user=postgres\n[pgbouncer]\n\
             listen_addr = 127.0.0.1\nlisten_port = {own}\nunix_socket_dir =\nauth_type = any\n\
             {lines}\n"
        );
        std::fs::write(&file, text).expect("its settings");
        let process = Command::new(program.trim())
            .args(["-q", "-u", "nobody"])
            .arg(&file)
            .stderr(Stdio::null())
            .spawn()
            .expect("pgbouncer starts");
        while TcpStream::connect(("127.0.0.1", own)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let url = format!("postgres://postgres@127.0.0.1:{own}/{name}");
        Self {
            process,
            url,
            _dir: dir,
        }
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

#[tokio::test]
async fn a_pooler_is_refused_with_what_to_do() {
    let database = Database::new().await;
    for lines in [
        "pool_mode = transaction",
        "pool_mode = transaction\nignore_startup_parameters = options",
    ] {
        let pooler = Pooler::start(&database, lines).await;
        let store = TimescaleStore::connect(options(&pooler.url, 1)).expect("a good URL");
        let error = store.migrate().await.expect_err(lines);
        assert_eq!(error.class(), ErrorClass::Fatal, "{lines}");
        let Error::Schema { what } = &error else {
            panic!("{lines}: {error:?}");
        };
        assert!(what.contains("store.timescale-url"), "{what}");
        assert!(what.contains("name the server itself"), "{what}");
    }
    database
        .store(1)
        .migrate()
        .await
        .expect("the server itself");
}
