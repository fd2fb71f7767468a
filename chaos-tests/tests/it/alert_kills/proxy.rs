//! A proxy before a receiver that fails at one step of a notification.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// What it does to the next connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Fault {
    /// Lets everything through.
    #[default]
    None,
    /// Closes it at once.
    Refuse,
    /// Takes it, and lets nothing through.
    HoldRequest,
    /// Lets the whole message through, and not the answer to it.
    HoldAnswer,
}

/// Passes connections on to the port behind it.
#[derive(Clone, Debug)]
pub(super) struct Proxy {
    fault: Arc<Mutex<Fault>>,
    /// The fault has happened.
    pub(super) happened: Arc<Notify>,
    behind: u16,
    /// What a client's message ends with.
    end: &'static [u8],
}

impl Proxy {
    /// Starts it; its port too.
    pub(super) async fn start(behind: u16, end: &'static [u8]) -> anyhow::Result<(Self, u16)> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let proxy = Self {
            fault: Arc::default(),
            happened: Arc::default(),
            behind,
            end,
        };
        let serve = proxy.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let proxy = serve.clone();
                tokio::spawn(async move { proxy.pass(stream).await });
            }
        });
        Ok((proxy, port))
    }

    /// The next connection has this fault.
    pub(super) fn fail(&self, fault: Fault) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    fn take(&self) -> Fault {
        std::mem::take(&mut self.fault.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn pass(&self, mut client: TcpStream) -> std::io::Result<()> {
        let fault = self.take();
        match fault {
            Fault::Refuse => {
                self.happened.notify_one();
                return Ok(());
            }
            Fault::HoldRequest => {
                self.happened.notify_one();
                // Until the client is gone.
                let mut rest = Vec::new();
                client.read_to_end(&mut rest).await?;
                return Ok(());
            }
            Fault::None | Fault::HoldAnswer => {}
        }
        let mut server = TcpStream::connect(("127.0.0.1", self.behind)).await?;
        let (mut said, mut is_whole) = (Vec::new(), false);
        let (mut from_client, mut from_server) = (vec![0; 16 << 10], vec![0; 16 << 10]);
        loop {
            tokio::select! {
                read = client.read(&mut from_client) => {
                    let Some(bytes) = from_client.get(..read?).filter(|bytes| !bytes.is_empty()) else {
                        return Ok(());
                    };
                    said.extend_from_slice(bytes);
                    is_whole |= said.windows(self.end.len()).any(|part| part == self.end);
                    server.write_all(bytes).await?;
                }
                read = server.read(&mut from_server) => {
                    let Some(bytes) = from_server.get(..read?).filter(|bytes| !bytes.is_empty()) else {
                        return Ok(());
                    };
                    if fault == Fault::HoldAnswer && is_whole {
                        self.happened.notify_one();
                        client.read_to_end(&mut said).await?;
                        return Ok(());
                    }
                    client.write_all(bytes).await?;
                }
            }
        }
    }
}
