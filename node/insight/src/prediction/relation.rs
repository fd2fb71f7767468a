//! What the largest relation of a statement tells of what the statement will take.

use super::feature::Feature;

/// How large a relation was at a time, and in what state; what is not known is none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RelationFigures {
    /// Pages of 8 KiB, without indexes and long values.
    pub pages: Option<f64>,
    /// Rows that are not dead.
    pub rows: Option<f64>,
    /// Dead rows by rows and dead rows, 0 to 1.
    pub dead_share: Option<f64>,
    /// Pages that are visible to all by pages, 0 to 1.
    pub visible_share: Option<f64>,
    /// Its indexes.
    pub indexes: Option<f64>,
    /// Mean width of a row in bytes, without its header.
    pub row_width: Option<f64>,
}

impl RelationFigures {
    /// Its features, those that are known.
    pub fn features(&self) -> impl Iterator<Item = (Feature, f64)> {
        let all = [
            (Feature::RelationPages, self.pages),
            (Feature::RelationRows, self.rows),
            (Feature::DeadShare, self.dead_share),
            (Feature::VisibleShare, self.visible_share),
            (Feature::IndexCount, self.indexes),
            (Feature::RowWidth, self.row_width),
        ];
        let known = all.into_iter();
        known.filter_map(|(feature, value)| Some((feature, value?)))
    }

    /// By what the largest one is found: pages, and rows among those of as many.
    #[must_use]
    pub fn size(&self) -> (f64, f64) {
        (self.pages.unwrap_or(0.0), self.rows.unwrap_or(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Features, ModelType, Row, train};
    use super::*;
    use crate::anomalies::Minute;

    /// Hours of 12 statements, each on a table that loads fill and empty at times that nothing else
    /// tells: a call takes a millisecond for each hundred rows, and 5 % more or less.
    fn rows(has_sizes: bool) -> Vec<Row> {
        let mut seed = 7_u64;
        let mut uniform = move || {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) as f64 / 2.0_f64.powi(31)
        };
        let mut all = Vec::new();
        for family in 1..=12_i64 {
            let (mut table, mut last) = (10_000.0, None);
            for hour in 0..21 * 24_i64 {
                if uniform() < 0.2 {
                    table = (6.0 + 8.0 * uniform()).exp();
                }
                let mut features = Features::default();
                if let Some(ms) = last {
                    features.set(Feature::LastHourMs, ms);
                }
                let figures = RelationFigures {
                    rows: Some(table),
                    pages: Some((table / 100.0).ceil()),
                    ..RelationFigures::default()
                };
                if has_sizes {
                    for (feature, value) in figures.features() {
                        features.set(feature, value);
                    }
                }
                let actual_ms = table / 100.0 * (0.95 + 0.1 * uniform());
                last = Some(actual_ms);
                all.push(Row {
                    family,
                    at: Minute::new(28_000_000 + hour * 60),
                    features,
                    actual_ms,
                });
            }
        }
        all
    }

    #[test]
    fn where_time_grows_with_rows_the_held_out_error_falls_with_them() {
        let without = train(&rows(false)).unwrap();
        let with = train(&rows(true)).unwrap();
        assert_eq!(with.model_type, ModelType::LinearRegression);
        let (before, after) = (without.quality.mae_ln, with.quality.mae_ln);
        // 5 % more or less is 0.025 in ln in the mean.
        assert!(after < 0.05 && before > 5.0 * after, "{before} to {after}");
        let importance = &with.quality.feature_importance;
        let sizes = [Feature::RelationRows, Feature::RelationPages];
        let of_sizes = sizes.iter().filter_map(|one| importance.get(one));
        let others = importance.iter().filter(|(one, _)| !sizes.contains(one));
        let most = others.map(|(_, more)| *more).fold(0.0, f64::max);
        assert!(of_sizes.sum::<f64>() > 10.0 * most, "{importance:?}");
    }

    #[test]
    fn a_larger_table_takes_longer_and_one_of_unknown_size_is_taken_for_a_usual_one() {
        let rows = rows(true);
        let model = train(&rows).unwrap();
        let mut features = rows[0].features.clone();
        let mut of = |table: f64| {
            features.set(Feature::RelationRows, table);
            features.set(Feature::RelationPages, table / 100.0);
            let told = model.predict(1, &features, &[], None).unwrap();
            told.predicted_execution_time_ms
        };
        let (small, large) = (of(10_000.0), of(1_000_000.0));
        assert!((80.0..125.0).contains(&small), "{small}");
        assert!((80.0..125.0).contains(&(large / small)), "{small}, {large}");
        features.set(Feature::RelationRows, f64::NAN);
        features.set(Feature::RelationPages, f64::NAN);
        let unknown = model.predict(1, &features, &[], None).unwrap();
        let unknown = unknown.predicted_execution_time_ms;
        assert!(unknown > 0.1 * small && unknown < 10.0 * small, "{unknown}");
    }

    #[test]
    fn what_is_not_known_is_no_feature() {
        let figures = RelationFigures {
            rows: Some(5.0),
            indexes: Some(0.0),
            ..RelationFigures::default()
        };
        let told: Vec<_> = figures.features().collect();
        let want = [(Feature::RelationRows, 5.0), (Feature::IndexCount, 0.0)];
        assert_eq!(told, want);
        assert_eq!(figures.size(), (0.0, 5.0));
    }
}
