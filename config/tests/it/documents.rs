//! The example file and the reference say what the code does.

use std::path::{Path, PathBuf};

use pga_config::{Config, Values, reference};

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[test]
fn the_example_file_is_valid() {
    let text = std::fs::read_to_string(here("pganalytics.example.toml")).unwrap();
    let mut values = Values::default();
    values.add_toml(&text, Path::new("pganalytics.example.toml"));
    values.add_flag("auth.admin-password", "a-long-password");
    values.add_flag("auth.registration-secret", "a-long-secret");
    let config = Config::try_from(values).unwrap();
    assert_eq!(config.warnings(), []);
}

#[test]
fn the_example_file_with_every_comment_opened_is_valid() {
    let text = std::fs::read_to_string(here("pganalytics.example.toml")).unwrap();
    let opened: String = text
        .lines()
        .map(|line| line.strip_prefix("#= ").unwrap_or(line))
        .fold(String::new(), |text, line| text + line + "\n");
    let mut values = Values::default();
    values.add_toml(&opened, Path::new("pganalytics.example.toml"));
    values.add_flag("auth.admin-password", "a-long-password");
    values.add_flag("auth.registration-secret", "a-long-secret");
    Config::try_from(values).unwrap();
}

#[test]
fn the_reference_is_the_one_of_the_code() {
    let path = here("../docs/configuration.md");
    if std::env::var_os("PGANALYTICS_BLESS").is_some() {
        std::fs::write(&path, reference()).unwrap();
    }
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(
        text,
        reference(),
        "run with PGANALYTICS_BLESS=1 to write it anew"
    );
}
