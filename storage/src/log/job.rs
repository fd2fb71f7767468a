//! What the writer thread is asked for.

use std::io;

use bytes::Bytes;

use super::{LogEntry, Purged};

/// What the writer thread calls once an operation is durable, or has failed. It must not block.
pub type Done = Box<dyn FnOnce(io::Result<()>) + Send>;

/// What a caller wants from the writer.
pub(super) enum Job {
    Append {
        entries: Vec<LogEntry>,
        epoch: u64,
        bytes: usize,
        done: Done,
    },
    Vote {
        vote: Bytes,
        done: Done,
    },
    Committed,
    Truncate {
        end: u64,
        done: Done,
    },
    Purge {
        purged: Purged,
        done: Done,
    },
    Close {
        done: Done,
    },
}
