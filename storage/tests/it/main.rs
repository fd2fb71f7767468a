//! Integration tests of pga-storage.

mod timescale;
