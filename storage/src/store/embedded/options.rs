//! What a node says about its embedded store.

/// SQLite's part of a node's configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EmbeddedOptions {
    /// Page cache of the writer, in KiB.
    pub writer_cache_kib: u32,
    /// Page cache of one reader, in KiB.
    pub reader_cache_kib: u32,
    /// Readers at the same time.
    pub readers: usize,
}

impl Default for EmbeddedOptions {
    fn default() -> Self {
        Self {
            writer_cache_kib: 4096,
            reader_cache_kib: 1024,
            readers: 4,
        }
    }
}
