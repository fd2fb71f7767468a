//! Room for deep trees.

use std::thread;

/// The parser guards its own recursion, its trees' destructors do not. A large stack lets both, and
/// what walks the trees, take what PostgreSQL takes.
const STACK_BYTES: usize = 64 << 20;

/// Runs `work` on a thread with a large stack; nothing if there is no thread or the work panicked.
pub(crate) fn on_large_stack<T: Send>(work: impl FnOnce() -> T + Send) -> Option<T> {
    thread::scope(|scope| {
        let builder = thread::Builder::new()
            .name("sql-parser".to_owned())
            .stack_size(STACK_BYTES);
        builder.spawn_scoped(scope, work).ok()?.join().ok()
    })
}
