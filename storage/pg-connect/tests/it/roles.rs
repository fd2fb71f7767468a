//! Several hosts, and `target_session_attrs`.

use std::net::TcpListener;

use crate::server::{Server, connect, value};

const PORT: &str = "SELECT current_setting('port')";

#[tokio::test]
async fn the_first_host_that_suits_is_used() {
    let primary = Server::new(&[]);
    let standby = primary.standby();
    let (one, two) = (primary.port(), standby.port());
    // Nobody listens there.
    let dead = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mute = silent.local_addr().unwrap().port();
    for (name, ports, attrs, want) in [
        ("any", vec![one, two], "any", Some(one)),
        ("dead first", vec![dead, two], "any", Some(two)),
        ("silent first", vec![mute, two], "any", Some(two)),
        ("read-write", vec![two, one], "read-write", Some(one)),
        ("primary", vec![two, one], "primary", Some(one)),
        ("read-only", vec![one, two], "read-only", Some(two)),
        ("standby", vec![one, two], "standby", Some(two)),
        (
            "prefer-standby",
            vec![one, two],
            "prefer-standby",
            Some(two),
        ),
        (
            "no standby there",
            vec![dead, one],
            "prefer-standby",
            Some(one),
        ),
        ("no primary", vec![two], "primary", None),
    ] {
        let hosts = vec!["127.0.0.1"; ports.len()].join(",");
        let shown: Vec<String> = ports.iter().map(u16::to_string).collect();
        let text = format!(
            "host={hosts} port={} user=postgres target_session_attrs={attrs} connect_timeout=1",
            shown.join(",")
        );
        match (connect(&text).await, want) {
            (Ok(connected), want) => {
                let port = value(connected, PORT).await.parse().ok();
                assert_eq!(port, want, "{name}");
            }
            (Err(error), None) => {
                let error = error.to_string();
                assert!(error.contains("target_session_attrs=primary"), "{error}");
            }
            (Err(error), Some(_)) => panic!("{name}: {error}"),
        }
    }
}
