//! How large the relations of statements were, hour by hour, as far as lists of them tell.
//!
//! # As of when
//! A figure holds from the list that told it on, so at a time the newest list at or before it is
//! known and nothing later. Long histories are read in steps of hours: as many as [`MOST`] says,
//! and fewer where lists are so long that all of them would be more bytes than it says.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use pga_config::CollectorId;
use pga_insight::prediction::{RelationFigures, RelationName};
use pga_storage::Timestamp;

use super::named_relations::Named;
use super::relation_lists::{Kind, Lists, Wanted, oldest, read};
use super::table_figures::{table, width};
use super::timeline::Timeline;
use crate::analyses::workload::Window;
use crate::{ApiError, NodeApi};

const HOUR: i64 = 3_600;
/// Moments at which lists of a kind are read at most, and bytes of them that are: what a table
/// holds changes sooner than its indexes and the widths of its columns do.
const MOST: [(Kind, i64, usize); 3] = [
    (Kind::Tables, 720, 256 << 20),
    (Kind::Indexes, 60, 64 << 20),
    (Kind::Columns, 60, 64 << 20),
];

/// How far back, and how fast.
#[derive(Clone, Copy, Debug)]
pub(super) struct Back {
    /// Now.
    pub(super) at: Timestamp,
    /// Hours before that; 0 for now alone.
    pub(super) hours: i64,
    /// Whether reading rests for as long as it works.
    pub(super) is_paced: bool,
}

/// One relation over time.
#[derive(Debug, Default)]
struct Relation {
    /// Without indexes and widths.
    table: Timeline<RelationFigures>,
    indexes: Timeline<f64>,
    row_width: Timeline<f64>,
}

impl Relation {
    fn at(&self, second: i64) -> Option<RelationFigures> {
        Some(RelationFigures {
            indexes: self.indexes.at(second),
            row_width: self.row_width.at(second),
            ..self.table.at(second)?
        })
    }
}

/// A relation: its database, name and schema.
type Key = (String, String, String);

/// The relations of some statements.
#[derive(Debug, Default)]
pub(super) struct Sizes {
    relations: BTreeMap<Key, Relation>,
    /// Those of each statement.
    of: HashMap<i64, Vec<Key>>,
    /// Whether lists of the oldest days were not read, since there was too much.
    pub(super) is_cut: bool,
}

/// A relation of a statement, as it is told.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct KnownRelation {
    pub(crate) database: String,
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) figures: RelationFigures,
}

impl Sizes {
    /// Reads what is known of the relations that statements name.
    pub(super) async fn read(
        api: &dyn NodeApi,
        collector: CollectorId,
        named: &Named,
        back: Back,
    ) -> Result<Self, ApiError> {
        let mut wanted = Wanted::new();
        for (database, names) in named.values() {
            let of = wanted.entry(database.clone()).or_default();
            of.extend(names.iter().map(|one| one.name.clone()));
        }
        wanted.retain(|_, names| !names.is_empty());
        let mut sizes = Self::default();
        if wanted.is_empty() {
            return Ok(sizes);
        }
        let wanted = Arc::new(wanted);
        for most in MOST {
            sizes.walk(api, (collector, most), &wanted, back).await?;
        }
        for (hash, (database, names)) in named {
            let found = names.iter().filter_map(|name| sizes.find(database, name));
            let found: BTreeSet<Key> = found.collect();
            sizes.of.insert(*hash, found.into_iter().collect());
        }
        Ok(sizes)
    }

    /// Reads the lists of a kind, the newest first.
    async fn walk(
        &mut self,
        api: &dyn NodeApi,
        (collector, (kind, moments, most)): (CollectorId, (Kind, i64, usize)),
        wanted: &Arc<Wanted>,
        back: Back,
    ) -> Result<(), ApiError> {
        let now = back.at.micros().div_euclid(1_000_000);
        let window = Window::hours_before(back.at, back.hours);
        let begin = match back.hours {
            0 => Some(now),
            _ => oldest(api, (collector, kind), window).await?,
        };
        let Some(begin) = begin else {
            return Ok(());
        };
        let hours = (now - begin) / HOUR + 1;
        let mut step = whole_steps(hours, moments);
        let (mut moment, mut bytes) = (back.at, 0);
        loop {
            let begun = pga_runtime::now();
            let lists = read(api, (collector, kind), wanted, moment).await?;
            if bytes == 0 {
                let moments = i64::try_from(most / lists.bytes.max(1)).unwrap_or(i64::MAX);
                step = step.max(whole_steps(hours, moments));
            }
            bytes += lists.bytes;
            self.take(kind, lists);
            if back.is_paced {
                tokio::time::sleep(begun.elapsed()).await;
            }
            let second = moment.micros().div_euclid(1_000_000) - 1;
            let second = second.div_euclid(step * HOUR) * (step * HOUR);
            if second < begin {
                return Ok(());
            }
            if bytes > 2 * most {
                self.is_cut = true;
                return Ok(());
            }
            moment = Timestamp::from_micros(second * 1_000_000);
        }
    }

    /// Takes what lists told that are older than those before.
    fn take(&mut self, kind: Kind, lists: Lists) {
        for (database, mut told) in lists.of {
            if kind == Kind::Tables {
                for ((schema, name), parts) in told.relations {
                    let figures = parts.values().next().map(table).unwrap_or_default();
                    let relation = self.relations.entry((database.clone(), name, schema));
                    relation.or_default().table.add_earlier(told.at, figures);
                }
                continue;
            }
            let of = self.relations.iter_mut();
            for ((_, name, schema), relation) in of.filter(|((of, ..), _)| *of == database) {
                let parts = told.relations.remove(&(schema.clone(), name.clone()));
                if kind == Kind::Columns {
                    let columns = parts.filter(|_| told.is_done);
                    if let Some(width) = columns.and_then(|columns| width(columns.values())) {
                        relation.row_width.add_earlier(told.at, width);
                    }
                } else if told.is_whole {
                    let indexes = parts.map_or(0, |indexes| indexes.len());
                    relation.indexes.add_earlier(told.at, indexes as f64);
                }
            }
        }
    }

    /// The relation that a name means: without a schema that of `public`, or else the only one of
    /// this name, since no list tells the search path.
    fn find(&self, database: &str, name: &RelationName) -> Option<Key> {
        let key = |schema: &str| (database.to_owned(), name.name.clone(), schema.to_owned());
        let known = |key: &Key| self.relations.contains_key(key);
        if let Some(schema) = &name.schema {
            return Some(key(schema)).filter(known);
        }
        Some(key("public")).filter(known).or_else(|| {
            let from = self.relations.range(key("")..);
            let mut same =
                from.take_while(|((of, own, _), _)| *of == database && *own == name.name);
            let (only, _) = same.next()?;
            same.next().is_none().then(|| only.clone())
        })
    }

    /// What is known of a statement's relations at a Unix second, the largest first.
    pub(super) fn known(&self, hash: i64, second: i64) -> Vec<KnownRelation> {
        let keys = self.of.get(&hash).into_iter().flatten();
        let mut known: Vec<KnownRelation> = keys
            .filter_map(|key| {
                let (database, name, schema) = key.clone();
                Some(KnownRelation {
                    database,
                    schema,
                    name,
                    figures: self.relations.get(key)?.at(second)?,
                })
            })
            .collect();
        known.sort_by(|one, other| {
            let (one, other) = (one.figures.size(), other.figures.size());
            other.0.total_cmp(&one.0).then(other.1.total_cmp(&one.1))
        });
        known
    }

    /// The figures of the largest one.
    pub(super) fn largest(&self, hash: i64, second: i64) -> Option<RelationFigures> {
        let keys = self.of.get(&hash)?.iter();
        let known = keys.filter_map(|key| self.relations.get(key)?.at(second));
        known.max_by(|one, other| {
            let (one, other) = (one.size(), other.size());
            one.0.total_cmp(&other.0).then(one.1.total_cmp(&other.1))
        })
    }
}

/// Hours between moments, at most so many of them in all.
fn whole_steps(hours: i64, moments: i64) -> i64 {
    let moments = moments.max(1);
    (hours.saturating_add(moments - 1) / moments).max(1)
}

#[cfg(test)]
mod tests {
    use super::super::relation_lists::{Figures, Told};
    use super::*;

    type Parts<'a> = Vec<(&'a str, &'a str, Vec<(&'a str, Figures)>)>;

    fn lists(at: i64, is_whole: bool, relations: Parts<'_>) -> Lists {
        let mut told = Told {
            at,
            is_done: true,
            is_whole,
            ..Told::default()
        };
        for (schema, name, parts) in relations {
            let parts = parts.into_iter();
            let parts = parts.map(|(part, figures)| (part.to_owned(), figures));
            let key = (schema.to_owned(), name.to_owned());
            told.relations.insert(key, parts.collect());
        }
        let mut lists = Lists::default();
        lists.of.insert("shop".to_owned(), told);
        lists
    }

    fn of(live: f64, pages: f64) -> Figures {
        Figures {
            n_live_tup: Some(live),
            n_dead_tup: Some(live / 4.0),
            reltuples: Some(live),
            relpages: Some(pages),
            relallvisible: Some(pages / 2.0),
            analyze_count: Some(1.0),
            ..Figures::default()
        }
    }

    fn name(schema: Option<&str>, name: &str) -> RelationName {
        RelationName {
            schema: schema.map(str::to_owned),
            name: name.to_owned(),
        }
    }

    fn sizes() -> Sizes {
        let mut sizes = Sizes::default();
        let rows = |live, pages| vec![("", of(live, pages))];
        sizes.take(
            Kind::Tables,
            lists(
                300,
                true,
                vec![
                    ("public", "a", rows(90.0, 9.0)),
                    ("public", "b", rows(40.0, 4.0)),
                ],
            ),
        );
        sizes.take(
            Kind::Tables,
            lists(
                200,
                true,
                vec![
                    ("public", "a", rows(20.0, 2.0)),
                    ("public", "b", rows(40.0, 4.0)),
                ],
            ),
        );
        let index = || Figures::default();
        let indexes = vec![("public", "a", vec![("i", index()), ("j", index())])];
        sizes.take(Kind::Indexes, lists(250, true, indexes));
        let width = |width| Figures {
            avg_width: Some(width),
            ..Figures::default()
        };
        let columns = vec![
            ("public", "a", vec![("x", width(4.0)), ("y", width(30.0))]),
            ("public", "b", vec![("x", width(4.0)), ("y", index())]),
        ];
        sizes.take(Kind::Columns, lists(250, true, columns));
        let keys = ["a", "b"].map(|one| sizes.find("shop", &name(None, one)).unwrap());
        sizes.of.insert(7, keys.into());
        // No list told all indexes: it is not known how many there were.
        let one = vec![("public", "a", vec![("i", index())])];
        sizes.take(Kind::Indexes, lists(100, false, one));
        sizes
    }

    #[test]
    fn the_largest_relation_is_told_as_it_was_and_not_as_it_became() {
        let sizes = sizes();
        let rows = |second| {
            sizes
                .largest(7, second)
                .map(|largest| (largest.pages, largest.rows))
        };
        assert_eq!(rows(199), None, "nothing was told yet");
        assert_eq!(
            rows(200),
            Some((Some(4.0), Some(40.0))),
            "b, for a was small"
        );
        assert_eq!(rows(299), Some((Some(4.0), Some(40.0))));
        assert_eq!(rows(300), Some((Some(9.0), Some(90.0))), "a has grown");
        let a = sizes.largest(7, 300).unwrap();
        assert_eq!((a.dead_share, a.visible_share), (Some(0.2), Some(0.5)));
        assert_eq!((a.indexes, a.row_width), (Some(2.0), Some(34.0)));
        let known = sizes.known(7, 300);
        let names: Vec<&str> = known.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        // b has no index, and a column without statistics.
        let b = known[1].figures;
        assert_eq!((b.indexes, b.row_width), (Some(0.0), None));
        assert_eq!(
            sizes.known(7, 249)[0].figures.indexes,
            None,
            "not known yet"
        );
        assert!(sizes.largest(8, 300).is_none() && sizes.known(8, 300).is_empty());
    }

    #[test]
    fn a_bare_name_means_the_table_of_public_or_the_only_one() {
        let mut sizes = sizes();
        let rows = || vec![("", of(1.0, 1.0))];
        let more = vec![
            ("s", "a", rows()),
            ("s", "c", rows()),
            ("s", "d", rows()),
            ("t", "d", rows()),
        ];
        sizes.take(Kind::Tables, lists(100, true, more));
        let find = |schema, one| {
            sizes
                .find("shop", &name(schema, one))
                .map(|(.., schema)| schema)
        };
        assert_eq!(find(None, "a").as_deref(), Some("public"));
        assert_eq!(find(Some("s"), "a").as_deref(), Some("s"));
        assert_eq!(find(None, "c").as_deref(), Some("s"));
        assert_eq!(find(None, "d"), None, "there are two");
        assert_eq!(find(None, "z"), None);
        assert_eq!(find(Some("pg_catalog"), "a"), None);
    }

    #[test]
    fn long_histories_are_read_in_steps() {
        for (hours, moments, want) in [
            (1, 720, 1),
            (720, 720, 1),
            (721, 720, 2),
            (720, 60, 12),
            (720, 0, 720),
        ] {
            assert_eq!(whole_steps(hours, moments), want, "{hours} {moments}");
        }
    }
}
