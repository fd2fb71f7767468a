//! How the tables of our own collector's elements are described: by the names of their columns, by
//! what the columns are. Each has a table `metrics.metrics_{type}`.
//!
//! A name is that of the payload; `"name" = "path"` is where they differ, which is where SQL has
//! taken the payload's name. What stands in a text array or an object with names of its own is no
//! column: it is whole in the table of elements.

/// Describes the table of a type of elements.
///
/// Its parts come in this order, and each but the first may be missing:
/// - `database`: the path of the database's name, in the row or beside all rows;
/// - `labels` and `numbers`: texts and numbers that name a row;
/// - `levels`: truth values that name a row;
/// - `counters`: whole numbers that only grow, with the difference of each as `{name}_delta`. The
///   first is the one that falls when counting begins anew;
/// - `durations`: the same in milliseconds, as doubles;
/// - `gauges` and `measures`: whole numbers and doubles of a moment;
/// - `texts`, `flags`, `times`: what else is told.
macro_rules! element_table {
    (
        $(#[$doc:meta])*
        $id:ident: $kind:literal, $items:expr;
        $(database $database:literal;)?
        $(labels $($label:literal $(= $label_at:literal)?),+;)?
        $(numbers $($number:literal $(= $number_at:literal)?),+;)?
        $(levels $($level:literal),+;)?
        $(counters $($counter:literal $(= $counter_at:literal)?),+;)?
        $(durations $($duration:literal $(= $duration_at:literal)?),+;)?
        $(gauges $($gauge:literal $(= $gauge_at:literal)?),+;)?
        $(measures $($measure:literal $(= $measure_at:literal)?),+;)?
        $(texts $($text:literal $(= $text_at:literal)?),+;)?
        $(flags $($flag:literal $(= $flag_at:literal)?),+;)?
        $(times $($time:literal $(= $time_at:literal)?),+;)?
    ) => {
        $(#[$doc])*
        pub(super) static $id: $crate::store::catalogue::Table = $crate::store::catalogue::Table {
                schema: "metrics",
                name: concat!("metrics_", $kind),
                kind: $kind,
                items: $items,
                written: $crate::store::catalogue::Written::Always,
                own: &[
                    $($crate::store::catalogue::column::text("database_name").from($database).or_shared(),)?
                    $($($crate::store::catalogue::column::text($label)$(.from($label_at))?,)+)?
                    $($($crate::store::catalogue::column::bigint($number)$(.from($number_at))?,)+)?
                    $($($crate::store::catalogue::column::boolean($level),)+)?
                    $($($crate::store::catalogue::column::bigint($counter)$(.from($counter_at))?,)+)?
                    $($($crate::store::catalogue::column::float($duration)$(.from($duration_at))?,)+)?
                    $($($crate::store::catalogue::column::bigint($gauge)$(.from($gauge_at))?,)+)?
                    $($($crate::store::catalogue::column::float($measure)$(.from($measure_at))?,)+)?
                    $($($crate::store::catalogue::column::text($text)$(.from($text_at))?,)+)?
                    $($($crate::store::catalogue::column::boolean($flag)$(.from($flag_at))?,)+)?
                    $($($crate::store::catalogue::column::time($time)$(.from($time_at))?,)+)?
                    $($($crate::store::catalogue::column::delta(concat!($counter, "_delta"), $counter),)+ $crate::store::catalogue::column::INTERVAL,)?
                    $($($crate::store::catalogue::column::float_delta(concat!($duration, "_delta"), $duration),)+)?
                ],
                unfilled: &[],
                rate_key: &[
                    $($crate::store::catalogue::element::database_name($database),)?
                    $($($label,)+)?
                    $($($number,)+)?
                    $($($level,)+)?
                ],
                indexes: &[],
                chunk_days: 7,
        };
    };
}

pub(super) use element_table;

use super::Items;

/// The element itself is the row.
pub(super) const ONE: Items = Items::Element("");

/// The column of the database, wherever the payload has its name.
pub(super) const fn database_name(_path: &str) -> &'static str {
    "database_name"
}
