//! The pganalytics program: see `pganalytics --help`.

use std::io::Write;
use std::process::ExitCode;

use pga_node::cli::Cli;

/// Memory of a large push goes back to the system when the push is done. Its settings are in
/// `.cargo/config.toml`.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let exit = match Cli::read() {
        Err(exit) => exit,
        Ok(cli) => cli.run().unwrap_or_else(|error| {
            let exit = error.exit();
            let error = anyhow::Error::new(error);
            // Nobody is left to tell if standard error is closed.
            writeln!(std::io::stderr().lock(), "pganalytics: {error:#}").ok();
            exit
        }),
    };
    ExitCode::from(exit.code())
}
