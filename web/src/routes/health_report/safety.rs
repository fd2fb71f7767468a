//! What may lose data, or leaves nothing to recover from: settings, and versions without fixes.

use pga_insight::health::{Grade, Item, Topic};
use pga_storage::Timestamp;
use serde_json::Value;

use crate::analyses::workload::Window;
use crate::refusal::Refusal;
use crate::routes::request_context::RequestContext;
use crate::routes::servers::{Reader, Server, Told, end_of_life};

/// Settings come all together once an hour.
const HOURS: i64 = 6;

/// Reads and tells it.
pub(super) async fn tell(
    ask: &RequestContext,
    server: &Server,
    now: Timestamp,
) -> Result<Vec<(Topic, Item)>, Refusal> {
    let reader = Reader {
        ask,
        collector: server.collector,
        from: Window::hours_before(now, HOURS).from,
        to: now,
        min_position: None,
    };
    let told = reader.told().await?;
    let items = items(&told, now).into_iter();
    Ok(items.map(|item| (Topic::Safety, item)).collect())
}

fn items(told: &Told, now: Timestamp) -> Vec<Item> {
    let setting = |name: &str| told.settings.get(name)?.get("setting")?.as_str();
    let is_off = |name: &str| setting(name) == Some("off");
    let item = |grade, text: String, reason: &str| Item {
        grade,
        text,
        reason: reason.to_owned(),
        ..Item::default()
    };
    let mut items = Vec::new();
    for name in ["fsync", "full_page_writes"] {
        if is_off(name) {
            // The words of rule G1, which says the same after an hour.
            let text = format!("{name} is off: a crash of the machine destroys the data.");
            let on = format!("ALTER SYSTEM SET {name} = on; SELECT pg_reload_conf();");
            items.push(item(Grade::Red, text, &on));
        }
    }
    let identity = told.identity.as_ref();
    let own = |name: &str| identity?.get(name)?.as_str();
    let number = identity.and_then(|identity| identity.get("server_version_num")?.as_u64());
    let major = number.and_then(|number| u32::try_from(number / 10_000).ok());
    if let Some((major, ends)) = major.and_then(|major| Some((major, end_of_life(major)?)))
        && now.to_string().as_str() >= ends
    {
        let text =
            format!("PostgreSQL {major} gets no fixes any more: its last ones came on {ends}");
        items.push(item(
            Grade::Amber,
            text,
            "holes that are found stay open: upgrade",
        ));
    }
    if is_off("archive_mode") && own("role") == Some("primary") {
        let text = "WAL is not archived".to_owned();
        let reason = "what happened since the last backup cannot be recovered, unless something else takes the WAL";
        items.push(item(Grade::Info, text, reason));
    }
    let checksums = identity.map(|identity| &identity["data_checksums"]);
    if checksums.is_some_and(|value| value == "off" || value == &Value::Bool(false)) {
        let text = "data checksums are off: damage on the disk is not noticed".to_owned();
        items.push(item(
            Grade::Info,
            text,
            "pg_checksums --enable, while the server is stopped",
        ));
    }
    items
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(settings: &[(&str, &str)], identity: Value) -> Told {
        let settings = settings.iter();
        Told {
            settings: settings
                .map(|(name, value)| ((*name).to_owned(), json!({ "setting": value })))
                .collect(),
            identity: Some(identity),
            ..Told::default()
        }
    }

    fn texts(told: &Told) -> Vec<(Grade, String)> {
        let now = Timestamp::from_micros(1_790_000_000_000_000);
        let items = items(told, now).into_iter();
        items.map(|item| (item.grade, item.text)).collect()
    }

    #[test]
    fn what_may_lose_data_is_told_the_worst_as_red() {
        let bad = told(
            &[
                ("fsync", "off"),
                ("full_page_writes", "on"),
                ("archive_mode", "off"),
            ],
            json!({ "server_version_num": 130_022, "role": "primary", "data_checksums": "off" }),
        );
        let want = [
            (
                Grade::Red,
                "fsync is off: a crash of the machine destroys the data.",
            ),
            (
                Grade::Amber,
                "PostgreSQL 13 gets no fixes any more: its last ones came on 2025-11-13",
            ),
            (Grade::Info, "WAL is not archived"),
            (
                Grade::Info,
                "data checksums are off: damage on the disk is not noticed",
            ),
        ];
        assert_eq!(
            texts(&bad),
            want.map(|(grade, text)| (grade, text.to_owned()))
        );
    }

    #[test]
    fn what_is_well_or_not_told_is_not_told() {
        let good = told(
            &[("fsync", "on"), ("archive_mode", "on")],
            json!({ "server_version_num": 180_001, "role": "primary", "data_checksums": "on" }),
        );
        let standby = told(&[("archive_mode", "off")], json!({ "role": "standby" }));
        for told in [good, standby, Told::default()] {
            assert_eq!(texts(&told), []);
        }
    }
}
