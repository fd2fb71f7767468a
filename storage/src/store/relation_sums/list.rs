//! The rows of a list, read without what is not asked of them: a list has thousands of rows, and an
//! hour has sixty lists.

use std::collections::HashMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value as Json;
use serde_json::value::RawValue;

use super::RelationSums;
use crate::store::catalogue::Column;
use crate::store::mapper::{Value, value_of};

/// More than any counter; sums of such are still numbers.
pub(super) const MOST: f64 = 1e290;

/// What is read of a row.
#[derive(Clone, Debug, Default)]
pub(super) struct ListRow {
    pub(super) id: Option<i64>,
    pub(super) names: Vec<Option<String>>,
    pub(super) counters: Vec<Option<f64>>,
}

/// Which columns are read.
#[derive(Debug)]
pub(super) struct Columns {
    places: HashMap<&'static str, (Place, Column)>,
    names: usize,
    /// For each counter whether it is the relation's own.
    pub(super) is_own: Vec<bool>,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    Id,
    Name(usize),
    Counter(usize),
}

impl Columns {
    pub(super) fn new(of: &RelationSums) -> Self {
        let place = |name: &str| {
            let of_name = of.names.iter().position(|known| *known == name);
            let of_counter = of.counters.iter().position(|known| *known == name);
            match name == of.id {
                true => Some(Place::Id),
                false => of_name.map(Place::Name).or(of_counter.map(Place::Counter)),
            }
        };
        let columns = of.list().into_iter().flat_map(|list| list.own).copied();
        let places =
            columns.filter_map(|column| Some((column.name, (place(column.name)?, column))));
        let is_own = of.counters.iter();
        Self {
            places: places.collect(),
            names: of.names.len(),
            is_own: is_own.map(|name| !of.of_others.contains(name)).collect(),
        }
    }

    /// Goes through the rows of a list that name a relation, after its database was told. What is
    /// no list has none.
    pub(super) fn rows(&self, body: &[u8], mut go: impl FnMut(&str, &mut ListRow)) {
        let Ok(list) = serde_json::from_slice::<List<'_>>(body) else {
            return;
        };
        let database = list.database.as_str().unwrap_or_default();
        let mut row = ListRow::default();
        for raw in list.rows {
            row.id = None;
            row.names = vec![None; self.names];
            row.counters = vec![None; self.is_own.len()];
            let mut json = serde_json::Deserializer::from_str(raw.get());
            let read = RowSeed(self, &mut row).deserialize(&mut json);
            if read.is_ok() && row.id.is_some() {
                go(database, &mut row);
            }
        }
    }
}

#[derive(Deserialize)]
struct List<'a> {
    #[serde(default)]
    database: Json,
    #[serde(borrow)]
    rows: Vec<&'a RawValue>,
}

/// Which column a key is, without a copy of it.
struct KeySeed<'a>(&'a Columns);

impl<'de> DeserializeSeed<'de> for KeySeed<'_> {
    type Value = Option<(Place, Column)>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for KeySeed<'_> {
    type Value = Option<(Place, Column)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.places.get(name).copied())
    }
}

/// Reads an object into a row.
struct RowSeed<'a>(&'a Columns, &'a mut ListRow);

impl<'de> DeserializeSeed<'de> for RowSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for RowSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row of a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self(columns, row) = self;
        while let Some(known) = map.next_key_seed(KeySeed(columns))? {
            let Some((place, column)) = known else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let value = value_of(&map.next_value::<Json>()?, column);
            let cell = match (place, value) {
                (Place::Id, Value::Int(id)) => {
                    row.id = Some(id);
                    continue;
                }
                (Place::Name(at), Value::Text(text)) => {
                    if let Some(cell) = row.names.get_mut(at) {
                        *cell = Some(text);
                    }
                    continue;
                }
                (Place::Counter(at), Value::Int(n)) => (at, n as f64),
                (Place::Counter(at), Value::Float(n)) => (at, n.min(MOST)),
                _ => continue,
            };
            if let Some(counter) = row.counters.get_mut(cell.0) {
                *counter = Some(cell.1);
            }
        }
        Ok(())
    }
}
