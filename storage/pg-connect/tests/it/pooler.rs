//! A pooler that refuses settings in the start-up message, as `PgBouncer` does.

use crate::fake_pooler::pooler;
use crate::server::{Server, value};
use pga_pg_connect::{Environment, Session, Target};

const TIMEOUT: &str = "SELECT current_setting('statement_timeout')";

#[tokio::test]
async fn settings_a_pooler_refuses_are_left_to_each_transaction() {
    let server = Server::new(&[]);
    let pooler = pooler(server.port()).await;
    let session = Session::new("test").set("statement_timeout", "7s");
    for (name, port, begin_with, timeout) in [
        ("direct", server.port(), None, "7s"),
        (
            "pooled",
            pooler,
            Some("SET LOCAL statement_timeout = '7s'"),
            "0",
        ),
    ] {
        let text = format!("postgres://postgres@127.0.0.1:{port}/postgres?sslmode=disable");
        let target = Target::parse(&text, &Environment::default()).unwrap();
        let connected = target.connect(&session).await.unwrap();
        assert_eq!(connected.begin_with.as_deref(), begin_with, "{name}");
        assert_eq!(value(connected, TIMEOUT).await, timeout, "{name}");
    }
}
