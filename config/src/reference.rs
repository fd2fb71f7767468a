//! The reference of all keys, as Markdown.

use std::fmt::Write;

use crate::Config;

const HEAD: &str = "# Configuration

Generated from the code (`cargo test -p pga-config` compares it; `PGANALYTICS_BLESS=1` writes it anew).

Sources, later ones win: defaults, the TOML file (`--config`), environment variables, flags (`--set section.key=value`).
An environment variable is `PGANALYTICS_<SECTION>__<KEY>` with `_` for `-`: `PGANALYTICS_RAFT__HEARTBEAT=200ms`.
Durations and sizes carry their unit (`ms s m h d`; `B KiB MiB GiB TiB`). A secret stands in a file of mode 0600
(`…-file`), in the environment, or in a configuration file of mode 0600. Unknown keys are refused.
`pganalytics check-config --config FILE` reports every violation and touches nothing.

A running node reads its configuration again at `SIGHUP` and at `pganalytics cluster reload --config FILE`. It takes another value of
the keys that say so under \"Reload\"; of the others it tells that they need a restart. A configuration that is not valid changes nothing.
The files of the HTTPS certificate are read again by themselves when they change.
";

/// The whole reference.
pub fn reference() -> String {
    let mut text = HEAD.to_owned();
    let mut section = String::new();
    for key in Config::keys() {
        let name = key.name.split('.').next().unwrap_or_default();
        if name != section {
            section = name.to_owned();
            text.push_str(&format!(
                "\n## [{section}]\n\n| Key | Type | Default | Reload | Meaning |\n| --- | --- | --- | --- | --- |\n"
            ));
        }
        let default = match key.default {
            Some("") | None => "-".to_owned(),
            Some(default) => format!("`{default}`"),
        };
        let reload = if key.is_live { "yes" } else { "-" };
        let line = writeln!(
            text,
            "| `{}` | {} | {default} | {reload} | {} |",
            key.name,
            key.kind.trim(),
            key.meaning
        );
        debug_assert!(line.is_ok(), "writing into a string cannot fail");
    }
    text
}
