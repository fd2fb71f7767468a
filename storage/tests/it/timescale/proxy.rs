//! A TCP proxy that meddles with one message to the server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// What happens to the message that holds the trigger, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meddling {
    /// The connection ends before the message reaches the server.
    CutBefore,
    /// The connection ends after the server answered it with `COMMIT` and before the client knows.
    CutAfter,
    /// The message waits until [`Proxy::resume`].
    Pause,
}

/// A proxy in front of the server.
pub(crate) struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    trigger: &'static [u8],
    meddling: Meddling,
    armed: AtomicBool,
    reached: Notify,
    resumed: Notify,
}

impl Proxy {
    /// Listens in front of the server of `url`.
    pub(crate) async fn new(url: &str, trigger: &'static [u8], meddling: Meddling) -> Self {
        let config: tokio_postgres::Config = url.parse().unwrap();
        let port = config.get_ports()[0];
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            trigger,
            meddling,
            armed: AtomicBool::new(false),
            reached: Notify::new(),
            resumed: Notify::new(),
        });
        let state = Arc::clone(&shared);
        pga_runtime::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                pga_runtime::spawn(forward(client, server, Arc::clone(&state)));
            }
        });
        Self { address, shared }
    }

    /// The URL of the same database through the proxy.
    pub(crate) fn url(&self, direct: &str) -> String {
        let (_server, name) = direct.rsplit_once('/').unwrap();
        format!("postgres://postgres@{}/{name}", self.address)
    }

    /// From now on the next message with the trigger is meddled with.
    pub(crate) fn arm(&self) {
        self.shared.armed.store(true, Ordering::SeqCst);
    }

    /// Waits until a message is paused.
    pub(crate) async fn reached(&self) {
        self.shared.reached.notified().await;
    }

    /// Lets the paused message go on.
    pub(crate) fn resume(&self) {
        self.shared.resumed.notify_one();
    }
}

async fn forward(mut client: TcpStream, mut server: TcpStream, shared: Arc<Shared>) {
    let (mut up, mut down) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        tokio::select! {
            read = client.read(&mut up) => {
                let Ok(n @ 1..) = read else { return };
                let has_trigger = up[..n].windows(shared.trigger.len()).any(|w| w == shared.trigger);
                let meddled = has_trigger && shared.armed.swap(false, Ordering::SeqCst);
                if meddled && shared.meddling == Meddling::CutBefore {
                    return;
                }
                if meddled && shared.meddling == Meddling::Pause {
                    shared.reached.notify_one();
                    shared.resumed.notified().await;
                }
                if server.write_all(&up[..n]).await.is_err() {
                    return;
                }
                if meddled && shared.meddling == Meddling::CutAfter {
                    read_until(&mut server, b"COMMIT\0").await;
                    return;
                }
            }
            read = server.read(&mut down) => {
                let Ok(n @ 1..) = read else { return };
                if client.write_all(&down[..n]).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// Reads answers, also those to earlier messages, until `end` came.
async fn read_until(server: &mut TcpStream, end: &[u8]) {
    let mut answers = Vec::new();
    while !answers.windows(end.len()).any(|w| w == end) {
        let read = server.read_buf(&mut answers).await.unwrap();
        assert!(read > 0, "the server hung up");
    }
}
