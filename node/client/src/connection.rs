//! One open HTTP/1.1 connection, driven by the requests on it.

use std::future::Future;
use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use futures::future::{Either, select};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

/// Largest body of an answer, in bytes.
const MAX_ANSWER_BYTES: usize = 256 << 20;

/// How much of an answer's body is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Bound {
    /// All of it; one that is larger than 256 MiB is an error.
    #[default]
    Whole,
    /// So many bytes; a longer one is cut, and its connection closed.
    Cut(u64),
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Driver = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

/// An open connection; dropped after an error.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: Option<Driver>,
}

impl Connection {
    /// Speaks HTTP/1.1 over `stream`.
    pub(crate) async fn open(
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> Result<Self, BoxError> {
        let (sender, driver) = http1::handshake(TokioIo::new(stream)).await?;
        Ok(Self {
            sender,
            driver: Some(Box::pin(driver)),
        })
    }

    /// Whether another request may be tried.
    pub(crate) fn is_open(&self) -> bool {
        self.driver.is_some() && !self.sender.is_closed()
    }

    /// Sends a request and reads the whole answer.
    pub(crate) async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
        bound: Bound,
    ) -> Result<(StatusCode, HeaderMap, Bytes), BoxError> {
        let driver = self.driver.take().ok_or("connection is closed")?;
        let sender = &mut self.sender;
        let exchange = Box::pin(async move {
            sender.ready().await?;
            let (head, body) = sender.send_request(request).await?.into_parts();
            let body = match bound {
                Bound::Whole => Limited::new(body, MAX_ANSWER_BYTES)
                    .collect()
                    .await?
                    .to_bytes(),
                Bound::Cut(most) => start(body, most).await?,
            };
            Ok((head.status, head.headers, body))
        });
        match select(exchange, driver).await {
            Either::Left((answer, driver)) => {
                self.driver = Some(driver);
                answer
            }
            // The driver ends with the connection; what it had read is still there to be taken.
            Either::Right((_ended, exchange)) => exchange.await,
        }
    }
}

/// The first `most` bytes of a body.
async fn start(mut body: Incoming, most: u64) -> Result<Bytes, BoxError> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let mut read = BytesMut::new();
    while read.len() < most {
        let Some(frame) = body.frame().await else {
            break;
        };
        if let Ok(data) = frame?.into_data() {
            read.extend_from_slice(&data);
        }
    }
    read.truncate(most);
    Ok(read.freeze())
}
