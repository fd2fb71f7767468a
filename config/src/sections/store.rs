//! `[store]`: where elements end up.

use std::time::Duration;

use crate::section::section;
use crate::setting::words;
use crate::{ByteSize, DurationsByType};

words! {
    /// Which store holds the elements.
    StoreKind {
        /// SQLite on each node.
        Embedded = "embedded",
        /// One TimescaleDB for all nodes.
        Timescale = "timescale",
    }
}

section! {
    /// Where elements end up and are read from.
    Store = "store" {
        /// `embedded` (SQLite on each node) or `timescale` (one TimescaleDB for all nodes).
        kind: StoreKind = "embedded",
        /// Connections to TimescaleDB.
        pool_size: u64 = "4",
        /// How long connecting to TimescaleDB may take; `connect_timeout` of the URL is for each of
        /// its hosts.
        connect_timeout: Duration = "5s",
        /// How long one statement may take.
        statement_timeout: Duration = "60s",
        /// Elements of one flush transaction, in bytes as they stand in the log.
        flush_size: ByteSize = "1MiB",
        /// Longest time that an acknowledged push waits for a flush to begin.
        flush_interval: Duration = "200ms",
        /// How long elements are kept, and what is made of them.
        retention @ live: Duration = "30d",
        /// The same for some types of elements: `{ pg_log = "7d", pg_query_stats = "90d" }`, in the
        /// environment `pg_log=7d,pg_query_stats=90d`; plain samples are `samples`.
        retention_of @ live: DurationsByType = "",
    }
    secrets {
        /// Connection URL of TimescaleDB: `postgres://user:password@host:5432/database`, with what
        /// libpq takes (`sslmode`, `sslrootcert`, several hosts, …). It must lead to the server
        /// itself, not to a pooler.
        timescale_url,
    }
}
