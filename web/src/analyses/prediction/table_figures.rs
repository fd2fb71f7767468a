//! What the rows of lists tell of a table.

use pga_insight::prediction::RelationFigures;

use super::relation_lists::Figures;

/// What a row of a table tells.
///
/// Rows are those that PostgreSQL goes on counting (`n_live_tup`). It counts from 0 when statistics
/// are lost, until a VACUUM or ANALYZE: before one was counted, `reltuples` may be the truth. Pages
/// are those of the last VACUUM or ANALYZE: 0 pages of a table with rows were never counted.
pub(super) fn table(row: &Figures) -> RelationFigures {
    let tuples = row.reltuples.filter(|rows| *rows >= 0.0);
    let counts = [
        row.vacuum_count,
        row.autovacuum_count,
        row.analyze_count,
        row.autoanalyze_count,
    ];
    let is_counted = counts.into_iter().flatten().any(|count| count > 0.0);
    let live = row.n_live_tup.filter(|_| !row.is_partitioned);
    let rows = match (live, tuples) {
        (Some(live), Some(tuples)) if !is_counted => Some(live.max(tuples)),
        (live, tuples) => live.or(tuples),
    };
    let pages = row.relpages.filter(|pages| match rows {
        Some(rows) if rows > 0.0 => *pages > 0.0,
        _ => *pages >= 0.0,
    });
    let share = |of: Option<f64>, whole: Option<f64>| {
        let (of, whole) = (of?, whole.filter(|whole| *whole > 0.0)?);
        Some((of / whole).clamp(0.0, 1.0))
    };
    let dead = row.n_dead_tup.filter(|_| !row.is_partitioned);
    RelationFigures {
        pages,
        rows,
        dead_share: share(dead, live.zip(dead).map(|(live, dead)| live + dead)),
        visible_share: share(row.relallvisible, pages),
        ..RelationFigures::default()
    }
}

/// The mean width of a row, as the planner reckons: of all columns, or it is not known.
pub(super) fn width<'a>(columns: impl Iterator<Item = &'a Figures>) -> Option<f64> {
    let mut whole = None;
    for column in columns {
        whole = Some(whole.unwrap_or(0.0) + column.avg_width?);
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_never_counted_is_not_known() {
        let never = Figures {
            n_live_tup: Some(500.0),
            n_dead_tup: Some(0.0),
            reltuples: Some(-1.0),
            relpages: Some(0.0),
            relallvisible: Some(0.0),
            ..Figures::default()
        };
        let told = table(&never);
        assert_eq!(
            (told.rows, told.pages, told.visible_share),
            (Some(500.0), None, None)
        );
        // Statistics were lost: it holds what the last ANALYZE found.
        let lost = Figures {
            n_live_tup: Some(3.0),
            reltuples: Some(1e6),
            relpages: Some(5_000.0),
            ..Figures::default()
        };
        assert_eq!(table(&lost).rows, Some(1e6));
        let counted = Figures {
            autoanalyze_count: Some(1.0),
            ..lost
        };
        assert_eq!(table(&counted).rows, Some(3.0), "rows were deleted since");
        let parent = Figures {
            relpages: Some(-1.0),
            is_partitioned: true,
            ..lost
        };
        assert_eq!(
            (table(&parent).rows, table(&parent).pages),
            (Some(1e6), None)
        );
        let empty = table(&Figures {
            n_live_tup: Some(0.0),
            n_dead_tup: Some(0.0),
            relpages: Some(0.0),
            reltuples: Some(0.0),
            ..lost
        });
        assert_eq!(
            (empty.rows, empty.pages, empty.dead_share),
            (Some(0.0), Some(0.0), None)
        );
    }

    #[test]
    fn a_row_is_as_wide_as_all_its_columns_or_it_is_not_known() {
        let of = |avg_width| Figures {
            avg_width,
            ..Figures::default()
        };
        let row = [of(Some(4.0)), of(Some(30.0))];
        assert_eq!(width(row.iter()), Some(34.0));
        assert_eq!(width([row[0], of(None)].iter()), None);
        assert_eq!(width([].iter()), None);
    }
}
