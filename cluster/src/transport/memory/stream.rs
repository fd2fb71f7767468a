//! One direction of a stream: a bounded queue of frames with the time at which each arrives.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use pga_config::NodeId;
use pga_runtime::Instant;
use tokio::sync::mpsc;

use super::super::frame::MAX_FRAME_BYTES;
use super::super::{
    FrameReceiver, FrameSender, FrameSink, FrameSource, RefusalReason, TransportError,
};
use super::network::{Attached, MemoryNetwork};

/// How long a stream stalls before it breaks: the idle timeout of the real transport.
const IDLE: Duration = Duration::from_secs(3);

/// Frames on the way before the sender waits.
const WINDOW: usize = 64;

enum Item {
    Frame(Bytes),
    /// A frame was lost here; nothing after it can be read.
    Lost,
    End,
}

/// Who sends to whom, and both incarnations.
#[derive(Clone)]
pub(super) struct Route {
    pub(super) network: Arc<MemoryNetwork>,
    pub(super) from: NodeId,
    pub(super) to: NodeId,
    pub(super) incarnations: [Arc<Attached>; 2],
}

impl Route {
    pub(super) fn back(&self) -> Self {
        Self {
            from: self.to,
            to: self.from,
            ..self.clone()
        }
    }

    fn alive(&self) -> bool {
        self.incarnations
            .iter()
            .all(|incarnation| incarnation.is_alive())
    }

    async fn ended(&self) {
        let [one, two] = &self.incarnations;
        tokio::select! { biased; () = one.ended() => {}, () = two.ended() => {} }
    }
}

/// The two ends of one direction.
pub(super) fn direction(route: &Route) -> (FrameSender, FrameReceiver) {
    let (queue, arriving) = mpsc::channel(WINDOW);
    let sink = Sink {
        route: route.clone(),
        queue,
        last: pga_runtime::now(),
        broken: false,
    };
    let source = Source {
        route: route.clone(),
        arriving,
        head: None,
        broken: false,
        ended: false,
    };
    (FrameSender::new(sink), FrameReceiver::new(source))
}

struct Sink {
    route: Route,
    queue: mpsc::Sender<(Instant, Item)>,
    last: Instant,
    broken: bool,
}

impl Sink {
    fn error(&self) -> TransportError {
        TransportError::Broken {
            peer: self.route.to,
            reason: "stream is broken".into(),
        }
    }

    async fn put(
        &mut self,
        what: &'static str,
        bytes: usize,
        item: Item,
    ) -> Result<(), TransportError> {
        if self.broken || !self.route.alive() {
            return Err(self.error());
        }
        let item = match self
            .route
            .network
            .send(self.route.from, self.route.to, what, bytes)
        {
            // Frames never overtake each other.
            Some(after) => {
                self.last = self.last.max(pga_runtime::now() + after);
                item
            }
            None => {
                self.broken = true;
                Item::Lost
            }
        };
        let sent = tokio::select! {
            biased;
            () = self.route.ended() => Err(()),
            sent = self.queue.send((self.last, item)) => sent.map_err(|_| ()),
        };
        sent.map_err(|()| self.error())
    }
}

impl FrameSink for Sink {
    fn send(&mut self, frame: Bytes) -> BoxFuture<'_, Result<(), TransportError>> {
        Box::pin(async move {
            if frame.is_empty() || frame.len() > MAX_FRAME_BYTES {
                return Err(TransportError::Refused {
                    peer: self.route.to,
                    reason: RefusalReason::Malformed,
                });
            }
            self.put("frame", frame.len(), Item::Frame(frame)).await
        })
    }

    fn finish(&mut self) -> BoxFuture<'_, Result<(), TransportError>> {
        Box::pin(self.put("end", 0, Item::End))
    }
}

struct Source {
    route: Route,
    arriving: mpsc::Receiver<(Instant, Item)>,
    /// Taken from the queue, not arrived yet: kept here so that `recv` is cancel safe.
    head: Option<(Instant, Item)>,
    broken: bool,
    ended: bool,
}

impl Source {
    fn break_off(&mut self) -> Result<Option<Bytes>, TransportError> {
        self.broken = true;
        Err(TransportError::Broken {
            peer: self.route.from,
            reason: "stream is broken".into(),
        })
    }

    /// The next item, once it has arrived; `None` if the sender is gone without a word.
    async fn arrived(&mut self) -> Option<Item> {
        if self.head.is_none() {
            self.head = Some(self.arriving.recv().await?);
        }
        let until = match self.head.as_ref()? {
            (at, Item::Lost) => *at + IDLE,
            (at, _) => *at,
        };
        tokio::time::sleep_until(until).await;
        self.head.take().map(|(_, item)| item)
    }
}

impl FrameSource for Source {
    fn recv(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, TransportError>> {
        Box::pin(async move {
            if self.ended {
                return Ok(None);
            }
            if self.broken {
                return self.break_off();
            }
            let route = self.route.clone();
            let item = tokio::select! {
                biased;
                () = route.ended() => None,
                item = self.arrived() => item,
            };
            match item {
                Some(Item::Frame(frame)) => Ok(Some(frame)),
                Some(Item::End) => {
                    self.ended = true;
                    Ok(None)
                }
                Some(Item::Lost) | None => self.break_off(),
            }
        })
    }
}
