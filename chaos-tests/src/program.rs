//! The program under test.

use std::path::PathBuf;

use anyhow::Context;

/// The built `pganalytics`: what `PGANALYTICS_TEST_PROGRAM` names, else the one beside this
/// executable.
///
/// # Errors
/// If it has not been built, with the command that does.
pub fn program() -> anyhow::Result<PathBuf> {
    if let Some(path) = std::env::var_os("PGANALYTICS_TEST_PROGRAM") {
        return Ok(path.into());
    }
    let test = std::env::current_exe().context("cannot find this executable")?;
    // target/debug/deps/it-… or target/debug/bench
    let found = test
        .ancestors()
        .skip(1)
        .take(2)
        .map(|directory| directory.join("pganalytics"))
        .find(|path| path.is_file());
    found.with_context(|| {
        format!(
            "no pganalytics beside {}: build it with `cargo build --workspace --bins`, or run chaos-tests/test.sh",
            test.display()
        )
    })
}
