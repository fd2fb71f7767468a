//! One client connection below HTTP: bytes are counted, and a client that stalls is cut off.
//!
//! hyper's own header timeout also runs while a kept-alive connection is idle, and does not cover
//! the first bytes (its version detection waits for ever), so the phases are timed here. Heads that
//! hyper takes and a proxy may read in another way are refused here, and what hyper refuses by
//! itself gets our answer.

mod head_guard;
mod own_answer;

use std::future::poll_fn;
use std::io::{self, ErrorKind, Write};
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep_until};

use self::head_guard::HeadGuard;
use crate::metrics::WebMetrics;
use crate::options::WebLimits;

/// A request head is expected or arriving: `header_timeout` from the phase's start.
const HEAD: u8 = 0;
/// A request is being served: its handler has the deadlines.
const BUSY: u8 = 1;
/// Kept alive between two requests: `idle_timeout`.
const IDLE: u8 = 2;
/// HTTP/2, which times itself with pings.
const MULTIPLEXED: u8 = 3;

/// Room on the stack for the first bytes of a request.
const ARRIVAL: usize = 4 << 10;

/// What the service and its connection tell each other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Phase(Arc<PhaseCells>);

#[derive(Debug, Default)]
struct PhaseCells {
    phase: AtomicU8,
    /// Requests so far.
    begun: AtomicU64,
    /// The client has not taken all of an answer.
    is_blocked: AtomicBool,
}

impl Phase {
    /// A request's head is complete.
    pub(crate) fn begin(&self) {
        self.0.begun.fetch_add(1, Ordering::Relaxed);
        self.set(BUSY);
    }

    /// Its answer is ready.
    pub(crate) fn end(&self) {
        self.set(IDLE);
    }

    /// How many requests there were, if the last one is answered and nothing of another has
    /// arrived.
    ///
    /// Asked between two polls of hyper, which writes a whole body in one.
    pub(crate) fn idle_after(&self) -> Option<u64> {
        let is_idle = self.get() == IDLE && !self.0.is_blocked.load(Ordering::Relaxed);
        is_idle.then(|| self.0.begun.load(Ordering::Relaxed))
    }

    /// The client speaks HTTP/2.
    pub(crate) fn is_multiplexed(&self) -> bool {
        self.get() == MULTIPLEXED
    }

    fn set(&self, phase: u8) {
        if self.get() != MULTIPLEXED {
            self.0.phase.store(phase, Ordering::Relaxed);
        }
    }

    fn get(&self) -> u8 {
        self.0.phase.load(Ordering::Relaxed)
    }
}

/// Tells a client that there are too many connections, as far as that is possible without waiting,
/// and closes.
pub(crate) fn refuse(tcp: TcpStream) {
    let told = tcp.into_std().and_then(|mut tcp| {
        tcp.write_all(&own_answer::over_limit())?;
        tcp.shutdown(Shutdown::Write)
    });
    if let Err(error) = told {
        tracing::debug!(%error, "a client over the limit was not told");
    }
}

/// A stream with the time limits of [`WebLimits`].
#[derive(Debug)]
pub(crate) struct TimedStream<S> {
    stream: S,
    phase: Phase,
    timed_phase: u8,
    read_timer: Pin<Box<Sleep>>,
    write_timer: Option<Pin<Box<Sleep>>>,
    head: HeadGuard,
    /// Some of the present head has arrived.
    has_begun: bool,
    /// Arrived and noted, but not read yet.
    unread: Bytes,
    /// What is left of our answer in place of hyper's, and how much hyper wrote.
    instead: Option<(Vec<u8>, usize)>,
    header_timeout: Duration,
    idle_timeout: Duration,
    write_timeout: Duration,
    metrics: WebMetrics,
}

impl<S> TimedStream<S> {
    pub(crate) fn new(stream: S, phase: Phase, limits: &WebLimits, metrics: WebMetrics) -> Self {
        Self {
            stream,
            phase,
            timed_phase: HEAD,
            read_timer: Box::pin(sleep_until(pga_runtime::now() + limits.header_timeout)),
            write_timer: None,
            head: HeadGuard::default(),
            has_begun: false,
            unread: Bytes::new(),
            instead: None,
            header_timeout: limits.header_timeout,
            idle_timeout: limits.idle_timeout,
            write_timeout: limits.write_timeout,
            metrics,
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phase.clone()
    }

    /// With bytes to read before all others, which it had given out already.
    pub(crate) fn with_unread(mut self, unread: Bytes) -> Self {
        self.unread = unread;
        self
    }

    /// Sets the timer anew if the phase has changed since it was set.
    fn follow_phase(&mut self) -> u8 {
        let phase = self.phase.get();
        if phase != self.timed_phase {
            self.timed_phase = phase;
            let limit = match phase {
                HEAD => self.header_timeout,
                IDLE => self.idle_timeout,
                _ => return phase,
            };
            self.read_timer.as_mut().reset(pga_runtime::now() + limit);
        }
        phase
    }

    /// Notes what was read; whether hyper may see it.
    fn has_read(&mut self, bytes: &[u8]) -> bool {
        self.metrics.received_bytes.inc_by(bytes.len() as u64);
        match self.phase.get() {
            HEAD if bytes.starts_with(b"PRI * HT") => {
                self.phase.set(MULTIPLEXED);
            }
            IDLE => self.phase.set(HEAD),
            _ => {}
        }
        let phase = self.follow_phase();
        let is_admitted = phase == MULTIPLEXED || self.head.admits(bytes);
        self.has_begun = phase == HEAD && self.head.has_begun();
        is_admitted
    }

    /// The outcome of a write, or a timeout if the client has read nothing for too long.
    fn bound_write<T>(
        &mut self,
        cx: &mut Context<'_>,
        outcome: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let is_blocked = outcome.is_pending();
        self.phase.0.is_blocked.store(is_blocked, Ordering::Relaxed);
        if !is_blocked {
            self.write_timer = None;
            return outcome;
        }
        let limit = self.write_timeout;
        let timer = self
            .write_timer
            .get_or_insert_with(|| Box::pin(sleep_until(pga_runtime::now() + limit)));
        match timer.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(self.timed_out("write_timeout"))),
            Poll::Pending => Poll::Pending,
        }
    }

    fn timed_out(&self, reason: &str) -> io::Error {
        self.ended(reason, ErrorKind::TimedOut)
    }

    fn ended(&self, reason: &str, kind: ErrorKind) -> io::Error {
        self.metrics.refusals.with_label_values(&[reason]).inc();
        kind.into()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> TimedStream<S> {
    /// Waits until there is something to read; `false` if the client has closed.
    ///
    /// # Errors
    /// As reads have; the time limits hold.
    pub(crate) async fn arrival(&mut self) -> io::Result<bool> {
        if self.unread.is_empty() {
            self.unread = poll_fn(|cx| {
                let mut room = [0; ARRIVAL];
                let mut buf = ReadBuf::new(&mut room);
                ready!(Pin::new(&mut *self).poll_read(cx, &mut buf))?;
                Poll::Ready(io::Result::Ok(Bytes::copy_from_slice(buf.filled())))
            })
            .await?;
        }
        Ok(!self.unread.is_empty())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for TimedStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.unread.is_empty() {
            let taken = this.unread.len().min(buf.remaining());
            buf.put_slice(&this.unread.split_to(taken));
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        match Pin::new(&mut this.stream).poll_read(cx, buf) {
            Poll::Ready(Ok(())) => {
                if this.has_read(buf.filled().get(before..).unwrap_or_default()) {
                    return Poll::Ready(Ok(()));
                }
                // While another request is served its answer may be half written.
                if this.phase.get() == HEAD {
                    this.answer_alone(cx, &own_answer::malformed());
                }
                Poll::Ready(Err(this.ended("malformed_head", ErrorKind::InvalidData)))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                let reason = match this.follow_phase() {
                    HEAD => "header_timeout",
                    IDLE => "idle_timeout",
                    _ => return Poll::Pending,
                };
                ready!(this.read_timer.as_mut().poll(cx));
                if this.has_begun {
                    this.answer_alone(cx, &own_answer::head_timeout());
                }
                Poll::Ready(Err(this.timed_out(reason)))
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> TimedStream<S> {
    /// Answers without hyper, which does not know yet that there is a request. A client that has
    /// not read earlier answers may not get this one.
    fn answer_alone(&mut self, cx: &mut Context<'_>, answer: &[u8]) {
        let mut stream = Pin::new(&mut self.stream);
        if stream.as_mut().poll_write(cx, answer).is_ready() && stream.poll_flush(cx).is_ready() {
            self.metrics.sent_bytes.inc_by(answer.len() as u64);
        }
    }

    /// What to write in place of `buf`, if hyper refuses a head with it.
    fn take_instead(&mut self, buf: &[u8]) -> Option<(Vec<u8>, usize)> {
        if self.instead.is_some() || self.phase.get() != HEAD {
            return self.instead.take();
        }
        let (answer, reason) = own_answer::in_place_of(buf)?;
        self.metrics.refusals.with_label_values(&[reason]).inc();
        Some((answer, buf.len()))
    }

    /// Writes our answer in place of hyper's `claimed` bytes.
    fn write_instead(
        &mut self,
        cx: &mut Context<'_>,
        (mut rest, claimed): (Vec<u8>, usize),
    ) -> Poll<io::Result<usize>> {
        while !rest.is_empty() {
            let outcome = Pin::new(&mut self.stream).poll_write(cx, &rest);
            match outcome {
                Poll::Ready(Ok(n @ 1..)) => {
                    self.metrics.sent_bytes.inc_by(n as u64);
                    rest.drain(..n.min(rest.len()));
                }
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(ErrorKind::WriteZero.into())),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    self.instead = Some((rest, claimed));
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(Ok(claimed))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for TimedStream<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if let Some(instead) = this.take_instead(buf) {
            let outcome = this.write_instead(cx, instead);
            return this.bound_write(cx, outcome);
        }
        let outcome = Pin::new(&mut this.stream).poll_write(cx, buf);
        if let Poll::Ready(Ok(n)) = &outcome {
            this.metrics.sent_bytes.inc_by(*n as u64);
        }
        this.bound_write(cx, outcome)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.stream).poll_flush(cx);
        this.bound_write(cx, outcome)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.stream).poll_shutdown(cx);
        this.bound_write(cx, outcome)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if let [only] = bufs
            && let Some(instead) = this.take_instead(only)
        {
            let outcome = this.write_instead(cx, instead);
            return this.bound_write(cx, outcome);
        }
        let outcome = Pin::new(&mut this.stream).poll_write_vectored(cx, bufs);
        if let Poll::Ready(Ok(n)) = &outcome {
            this.metrics.sent_bytes.inc_by(*n as u64);
        }
        this.bound_write(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
