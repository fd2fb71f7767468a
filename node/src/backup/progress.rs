//! How far a long command is: a bar on a terminal, else a line now and then. On standard error.

use pga_runtime::Instant;
use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Between two lines, where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// How far a long command is.
pub(super) struct Progress {
    bar: ProgressBar,
    is_terminal: bool,
    what: String,
    total: u64,
    last_line: Instant,
}

impl Progress {
    /// Nothing is shown if `is_quiet`.
    pub(super) fn new(is_quiet: bool) -> Self {
        let bar = if is_quiet {
            ProgressBar::hidden()
        } else {
            ProgressBar::new(0)
        };
        Self {
            bar,
            is_terminal: is_quiet || std::io::stderr().is_terminal(),
            what: String::new(),
            total: 0,
            last_line: pga_runtime::now(),
        }
    }

    /// Another step begins, of `total` bytes; 0 if that is not known.
    pub(super) fn begin(&mut self, what: &str, total: u64) {
        let style = match total {
            0 => ProgressStyle::with_template("{spinner} {msg}"),
            _ => ProgressStyle::with_template("{msg:28} {bar:30} {bytes} of {total_bytes}"),
        };
        self.bar
            .set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        self.what = what.to_owned();
        self.total = total;
        self.bar.set_length(total);
        self.bar.set_position(0);
        self.bar.set_message(what.to_owned());
        self.line(&format!("{what} …"));
    }

    /// The step has come so far.
    pub(super) fn at(&mut self, bytes: u64) {
        self.bar.set_position(bytes);
        if self.last_line.elapsed() >= LINE_EVERY {
            let percent = bytes.saturating_mul(100) / self.total.max(1);
            self.line(&format!("{}: {percent} %", self.what));
        }
    }

    /// Something to wait for.
    pub(super) fn waits(&mut self, what: &str) {
        self.bar.set_message(what.to_owned());
        self.bar.tick();
        if self.last_line.elapsed() >= LINE_EVERY {
            self.line(what);
        }
    }

    fn line(&mut self, text: &str) {
        self.last_line = pga_runtime::now();
        if !self.is_terminal {
            // Nobody may be left who reads it.
            drop(writeln!(std::io::stderr().lock(), "{text}"));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
