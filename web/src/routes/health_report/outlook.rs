//! What will break soon, with dates.

use pga_insight::growth::Forecast;
use pga_insight::health::{Grade, Item, Topic};
use pga_insight::words::duration;
use pga_storage::Timestamp;

use crate::analyses::outlook::{Limited, Outlook, of_server};
use crate::refusal::Refusal;
use crate::routes::request_context::RequestContext;
use crate::routes::servers::Server;

const DAY: f64 = 86_400.0;
/// Until so many days ahead something is red, or amber.
const RED: f64 = 2.0 * DAY;
const AMBER: f64 = 30.0 * DAY;
const ALERTS: &str = "/api/v1/alerts";

/// Reads and tells it.
pub(super) async fn tell(
    ask: &RequestContext,
    server: &Server,
    now: Timestamp,
) -> Result<Vec<(Topic, Item)>, Refusal> {
    let id = server.collector;
    let since = ask
        .read(|state| state.collector(id).map(|known| known.first_seen))
        .await?;
    let since = since.unwrap_or(now);
    let outlook = of_server(&*ask.context.api, id, (since, now)).await?;
    let items = items(&outlook, now).into_iter();
    Ok(items.map(|item| (Topic::WillBreak, item)).collect())
}

fn items(outlook: &Outlook, now: Timestamp) -> Vec<Item> {
    let seen = duration(outlook.seconds);
    let mut items: Vec<Item> = outlook
        .limited
        .iter()
        .filter_map(|one| item(one, &seen, now))
        .collect();
    let count = |wanted: Forecast| {
        let all = outlook.limited.iter();
        all.filter(|one| one.forecast == wanted).count()
    };
    let (holds, unknown) = (count(Forecast::Holds), count(Forecast::NotEnoughData));
    if holds > 0 {
        let far = duration(10.0 * outlook.seconds);
        items.push(Item {
            grade: Grade::Info,
            text: format!("of what has a limit, {holds} more will not reach it within {far}"),
            reason: format!("by the growth of the last {seen}"),
            ..Item::default()
        });
    }
    if unknown > 0 {
        items.push(Item {
            grade: Grade::Info,
            text: format!(
                "not enough data on {unknown} of what has a limit to say when it is reached"
            ),
            reason: format!("there are {seen} of history; at least a day with 8 values is needed"),
            ..Item::default()
        });
    }
    items
}

fn item(one: &Limited, seen: &str, now: Timestamp) -> Option<Item> {
    let (what, then) = (&one.what, one.then);
    let date = |after: f64| {
        let at = Timestamp::from_micros(now.micros().saturating_add((after * 1e6) as i64));
        at.to_string().chars().take(10).collect::<String>()
    };
    let (grade, text, reason) = match one.forecast {
        Forecast::Reached => (
            Grade::Red,
            format!("{what} is at its limit: {then}"),
            "as of the last sample".to_owned(),
        ),
        Forecast::Reaches {
            after,
            earliest,
            latest,
        } => (
            match after {
                soon if soon < RED => Grade::Red,
                near if near < AMBER => Grade::Amber,
                _ => Grade::Info,
            },
            format!(
                "{what} reaches its limit on {}, in {}: {then}",
                date(after),
                duration(after)
            ),
            format!(
                "by the growth of the last {seen}; between {} and {} by its 90 % interval",
                date(earliest),
                date(latest)
            ),
        ),
        Forecast::Holds | Forecast::NotEnoughData => return None,
    };
    Some(Item {
        grade,
        text,
        reason,
        since: None,
        see: Some(ALERTS.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limited(what: &str, forecast: Forecast) -> Limited {
        Limited {
            what: what.to_owned(),
            then: "it is full",
            forecast,
        }
    }

    #[test]
    fn dates_are_told_and_what_is_not_known_is_said() {
        let now = Timestamp::from_micros(1_800_000_000_000_000);
        let reaches = Forecast::Reaches {
            after: 10.0 * DAY,
            earliest: 9.0 * DAY,
            latest: 12.0 * DAY,
        };
        let outlook = Outlook {
            limited: vec![
                limited("The disk of /", reaches),
                limited("The disk of /tmp", Forecast::Reached),
                limited("Slot s", Forecast::Holds),
                limited("Slot t", Forecast::NotEnoughData),
            ],
            seconds: 7.0 * DAY,
        };
        let told = items(&outlook, now);
        let told: Vec<(Grade, &str)> = told
            .iter()
            .map(|item| (item.grade, item.text.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                (
                    Grade::Amber,
                    "The disk of / reaches its limit on 2027-01-25, in 10 days: it is full"
                ),
                (Grade::Red, "The disk of /tmp is at its limit: it is full"),
                (
                    Grade::Info,
                    "of what has a limit, 1 more will not reach it within 70 days"
                ),
                (
                    Grade::Info,
                    "not enough data on 1 of what has a limit to say when it is reached"
                ),
            ]
        );
    }
}
