//! A fresh database for each test.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use pga_config::{CollectorId, NodeId};
use pga_storage::query::{Elements, Question};
use pga_storage::store::{FlushBatch, FlushElement, StoreOwner, TimescaleOptions, TimescaleStore};
use pga_storage::{Document, Element, Position, Sample, SampleForm, StoreWriter, Timestamp};
use tokio_postgres::{Client, NoTls};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../chaos-tests/timescaledb.sh");

/// An empty database of a real server, dropped at the end.
pub(crate) struct Database {
    name: String,
    url: String,
}

/// URL of the server's default database.
fn server() -> &'static str {
    static URL: OnceLock<String> = OnceLock::new();
    URL.get_or_init(|| {
        if let Ok(url) = std::env::var("PGANALYTICS_TEST_TIMESCALE_URL") {
            return url;
        }
        assert!(Path::new(SCRIPT).exists(), "{SCRIPT} is missing");
        let output = Command::new(SCRIPT)
            .args(["start", "storage-tests"])
            .output()
            .expect("the script starts");
        assert!(
            output.status.success(),
            "no TimescaleDB: run {SCRIPT} as root once, or set PGANALYTICS_TEST_TIMESCALE_URL\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout)
            .expect("a URL")
            .trim()
            .to_owned()
    })
}

async fn open(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls)
        .await
        .expect("the server answers");
    pga_runtime::spawn(connection);
    client
}

impl Database {
    /// Makes one.
    pub(crate) async fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("pga_test_{}_{n}", std::process::id());
        // Copying the template fails while another test copies it.
        static COPYING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
        let _copying = COPYING.lock().await;
        let admin = open(server()).await;
        admin
            .batch_execute(&format!("CREATE DATABASE {name} TEMPLATE template0"))
            .await
            .expect("a new database");
        let (base, _default) = server().rsplit_once('/').expect("a database in the URL");
        let url = format!("{base}/{name}");
        Self { name, url }
    }

    /// Its URL.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// A plain connection to it.
    pub(crate) async fn client(&self) -> Client {
        open(&self.url).await
    }

    /// Options of node `node` of cluster 7.
    pub(crate) fn options(&self, node: u64) -> TimescaleOptions {
        options(&self.url, node)
    }

    /// A store on it, as node `node` of cluster 7; not migrated.
    pub(crate) fn store(&self, node: u64) -> TimescaleStore {
        TimescaleStore::connect(self.options(node)).expect("options without TLS")
    }

    /// A migrated store, fenced for term 1.
    pub(crate) async fn ready(&self) -> TimescaleStore {
        let store = self.store(1);
        store.migrate().await.expect("a migrated database");
        store.fence(1).await.expect("term 1");
        store
    }

    /// One number from the database.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        self.client()
            .await
            .query_one(sql, &[])
            .await
            .expect(sql)
            .get(0)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let name = self.name.clone();
        let drop_it = async move {
            let admin = open(server()).await;
            admin
                .batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)"))
                .await
                .ok();
        };
        std::thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.expect("a runtime").block_on(drop_it);
        })
        .join()
        .ok();
    }
}

/// Options of node `node` of cluster 7 for the database at `url`.
pub(crate) fn options(url: &str, node: u64) -> TimescaleOptions {
    TimescaleOptions::new(url, StoreOwner::new(7), NodeId::new(node)).expect("a good URL")
}

/// The collector of all tests here.
pub(crate) fn collector() -> CollectorId {
    CollectorId::from_external("collector-001")
}

/// A plain sample of second `second`.
pub(crate) fn sample(name: &str, second: i64, value: f64) -> Element {
    Element::Sample(Sample {
        name: name.to_owned(),
        labels: vec![("instance".to_owned(), "db1".to_owned())],
        time: Timestamp::from_micros((1_772_352_000 + second) * 1_000_000),
        value,
        form: SampleForm::from_bits(SampleForm::UNIX_SECONDS | SampleForm::LABELS),
    })
}

/// A typed element of second `second`.
pub(crate) fn document(kind: &str, second: i64, body: &serde_json::Value) -> Element {
    Element::Document(Document {
        kind: kind.to_owned(),
        time: Timestamp::from_micros((1_772_352_000 + second) * 1_000_000),
        database: body["database"].as_str().unwrap_or_default().to_owned(),
        body: body.to_string().into_bytes(),
    })
}

/// A batch of term `term` over entry `after + 1`.
pub(crate) fn batch(term: u64, after: Position, elements: Vec<Element>) -> FlushBatch {
    let index = after.index + 1;
    let elements = elements
        .into_iter()
        .zip(0..)
        .map(|(element, ordinal)| FlushElement {
            collector: collector(),
            index,
            ordinal,
            received_at: element.time(),
            element,
        });
    FlushBatch {
        after,
        upto: Position::new(term, index),
        term,
        elements: elements.collect(),
    }
}

/// All elements of the collector, as JSON.
pub(crate) async fn read_all(store: &TimescaleStore, limit: u32) -> Vec<serde_json::Value> {
    let mut all = Vec::new();
    let mut query = Elements {
        collector: collector(),
        kind: None,
        from: None,
        to: None,
        order: Default::default(),
        limit,
        cursor: None,
    };
    loop {
        let page = query.ask(store).await.expect("a page");
        assert!(page.data.len() <= limit as usize);
        all.extend(
            page.data
                .iter()
                .map(|text| serde_json::from_str(text).expect("JSON")),
        );
        match page.next_cursor {
            Some(cursor) => query.cursor = Some(cursor),
            None => return all,
        }
    }
}
