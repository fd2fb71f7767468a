//! What the person at the terminal is told.

use std::io::Write;

/// Writes a line for the person at the terminal; nobody may be there.
pub(super) fn tell(line: &str) {
    writeln!(std::io::stderr().lock(), "{line}").ok();
}
