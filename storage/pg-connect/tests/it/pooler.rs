//! A pooler that refuses settings in the start-up message, as `PgBouncer` does.

use pga_pg_connect::{Environment, Session, Target};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::server::{Server, value};

const TIMEOUT: &str = "SELECT current_setting('statement_timeout')";

/// Lets a start-up message without `options` through to the server at `port`.
async fn pool(mut client: TcpStream, port: u16) {
    let mut message = vec![0; 4];
    client.read_exact(&mut message).await.unwrap();
    let length = u32::from_be_bytes(message.as_slice().try_into().unwrap());
    message.resize(length as usize, 0);
    client.read_exact(&mut message[4..]).await.unwrap();
    if message.windows(9).any(|word| word == b"\0options\0") {
        let body = b"SFATAL\0C08P01\0Munsupported startup parameter: options\0\0";
        let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
        let answer = [b"E".as_slice(), &length, body].concat();
        client.write_all(&answer).await.unwrap();
        return;
    }
    let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    server.write_all(&message).await.unwrap();
    copy_bidirectional(&mut client, &mut server).await.ok();
}

async fn pooler(port: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    pga_runtime::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            pga_runtime::spawn(pool(client, port));
        }
    });
    address.port()
}

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
