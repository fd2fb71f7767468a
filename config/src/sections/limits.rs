//! `[limits]`: what one node takes on.

use std::time::Duration;

use crate::ByteSize;
use crate::section::section;

section! {
    /// What one node takes on; beyond it clients are refused before anything is lost.
    Limits = "limits" {
        /// Open HTTP connections; more are closed at once.
        max_connections: u64 = "12000",
        /// Time for a request's head to arrive.
        header_timeout @ live: Duration = "10s",
        /// Time for a request's body to arrive.
        body_timeout @ live: Duration = "30s",
        /// How long a connection may be kept open between two requests.
        idle_timeout @ live: Duration = "90s",
        /// How long a client may take no byte of its answer.
        write_timeout @ live: Duration = "30s",
        /// Largest body of a push as sent.
        max_push_body @ live: ByteSize = "64MiB",
        /// Largest push after decompression.
        max_decoded @ live: ByteSize = "128MiB",
        /// Largest ratio between a push after and before decompression.
        max_ratio @ live: u64 = "1000",
        /// Elements in one push.
        max_elements @ live: u64 = "500000",
        /// Bytes of pushes being decoded and replicated on this node; beyond it pushes are refused
        /// with 503.
        max_in_flight: ByteSize = "256MiB",
        /// Pushes being decoded and replicated on this node at once; others wait for their turn in
        /// the order they came.
        max_pushes: u64 = "512",
        /// How long a push waits for its turn before it is refused with 503. Clients give up on an
        /// answer after 5 s, and
        /// send the push again; a fail-over takes 1 s.
        max_push_wait: Duration = "4s",
        /// Collectors the cluster knows; the push or registration of one more is refused with 503.
        /// The
        /// leader's value holds for all nodes.
        max_collectors @ live: u64 = "100000",
        /// Elements that one collector may send each second to a node, averaged over a minute;
        /// beyond it its pushes are refused with 429 until as many seconds have passed.
        max_elements_per_second @ live: u64 = "20000",
        /// New series of plain samples that one collector may bring each hour to a node; beyond it
        /// its pushes are refused with 429. Labels such as a process id make a series of each.
        max_new_series_per_hour @ live: u64 = "100000",
        /// Different series of plain samples of one collector; beyond it its pushes are refused
        /// with 429. Each node
        /// counts what a collector sent to it since its session there began.
        max_series_per_collector @ live: u64 = "100000",
        /// Wrong registration secrets per minute and address before 429, over all nodes.
        max_registration_failures: u64 = "10",
    }
}
