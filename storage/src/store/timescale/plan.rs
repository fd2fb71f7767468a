//! What a batch writes: resolved to ids and typed rows once, then encoded for any range of its
//! elements.

use std::ops::Range;

use tokio_postgres::Client;

use super::copy::CopyRows;
use super::deltas::{self, Filled};
use super::failure::Failure;
use super::inventories::Inventories;
use super::series::{self, SeriesIds};
use super::table_copy::{TableCopy, put_row, statement};
use crate::store::FlushElement;
use crate::store::catalogue::{self, Column};
use crate::store::inventory::SplitBody;
use crate::store::mapper::{self, Inventory, Mapped, Rows, Value};
use crate::store::series::{SeriesText, labels_json};
use crate::{Document, Element, Sample};

const COPY_SAMPLES: &str =
    "COPY metrics.samples (time, series_id, value, log_index, ordinal) FROM STDIN BINARY";
const COPY_ELEMENTS: &str = "COPY metrics.elements (time, collector_id, log_index, ordinal, kind, database_name, \
                             received_at, body, inventory, sent_timestamp, cut_at) FROM STDIN BINARY";

/// What one connection remembers from earlier batches.
#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) series: SeriesIds,
    pub(super) inventories: Inventories,
}

/// A batch, ready to be encoded.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    elements: &'a [FlushElement],
    places: Vec<Place>,
    pub(super) rows: Rows,
    pub(super) untyped: u64,
    pub(super) filled: Filled,
}

/// Where one element goes, beside the typed tables.
#[derive(Debug)]
enum Place {
    /// Into `samples`, under this series.
    Sample(i64),
    /// Into `elements`, whole.
    Whole,
    /// Into `elements`, as a reference.
    Inventory(SplitBody),
    /// Into `elements`, as this text: a sample that PostgreSQL's text type cannot hold.
    Text(String),
}

impl<'a> Plan<'a> {
    /// Resolves `elements`, writing what they refer to (series, inventories) in the open
    /// transaction.
    pub(super) async fn new(
        client: &Client,
        memory: &mut Memory,
        elements: &'a [FlushElement],
    ) -> Result<Self, Failure> {
        let mut series = resolve_series(client, memory, elements).await?.into_iter();
        let mut plan = Self {
            elements,
            places: Vec::with_capacity(elements.len()),
            rows: Rows::default(),
            untyped: 0,
            filled: Filled::default(),
        };
        for element in elements {
            let place = match &element.element {
                Element::Sample(sample) if has_nul(sample) => Place::Text(sample_json(sample)),
                Element::Sample(_) => Place::Sample(series.next().unwrap_or_default()),
                Element::Document(document) => {
                    plan.document(client, memory, element, document).await?
                }
            };
            plan.places.push(place);
        }
        plan.filled = deltas::fill(client, &mut plan.rows).await?;
        Ok(plan)
    }

    async fn document(
        &mut self,
        client: &Client,
        memory: &mut Memory,
        element: &FlushElement,
        document: &Document,
    ) -> Result<Place, tokio_postgres::Error> {
        let mut inventory = Inventory::Changed;
        let mut place = Place::Whole;
        if catalogue::is_inventory(&document.kind) {
            let split = SplitBody::new(element.collector.get(), &document.body);
            let known = &mut memory.inventories;
            inventory = known.keep(client, element, document, &split).await?;
            place = Place::Inventory(split);
        }
        if mapper::rows(element, inventory, &mut self.rows) == Mapped::Partly {
            self.untyped += 1;
        }
        Ok(place)
    }

    /// The rows of the elements in `range`, by table.
    pub(super) fn encode(&self, range: Range<usize>) -> Vec<TableCopy> {
        let elements = self.elements.get(range.clone()).unwrap_or_default();
        let places = self.places.get(range).unwrap_or_default();
        let (mut samples, mut whole) = (CopyRows::default(), CopyRows::default());
        for (element, place) in elements.iter().zip(places) {
            match (&element.element, place) {
                (Element::Sample(sample), Place::Sample(series)) => {
                    put_sample(&mut samples, element, sample, *series);
                }
                _ => put_element(&mut whole, element, place),
            }
        }
        let mut copies = vec![
            TableCopy {
                statement: COPY_SAMPLES.to_owned(),
                rows: samples,
            },
            TableCopy {
                statement: COPY_ELEMENTS.to_owned(),
                rows: whole,
            },
        ];
        if let (Some(first), Some(last)) = (elements.first(), elements.last()) {
            self.encode_typed(place_of(first), place_of(last), &mut copies);
        }
        copies.retain(|copy| copy.rows.len() > 0);
        copies
    }

    /// The typed rows of the elements from `first` to `last`, inclusive.
    fn encode_typed(&self, first: (i64, i64), last: (i64, i64), copies: &mut Vec<TableCopy>) {
        for (id, rows) in self.rows.tables() {
            let columns: Vec<Column> = id.table().columns().collect();
            let mut out = CopyRows::default();
            for row in rows.iter() {
                if (first..=last).contains(&place_of_row(row)) {
                    put_row(&mut out, &columns, row);
                }
            }
            copies.push(TableCopy {
                statement: statement(id, &columns),
                rows: out,
            });
        }
    }

    /// Element number `n`.
    pub(super) fn element(&self, n: usize) -> Option<&'a FlushElement> {
        self.elements.get(n)
    }
}

async fn resolve_series(
    client: &Client,
    memory: &mut Memory,
    elements: &[FlushElement],
) -> Result<Vec<i64>, tokio_postgres::Error> {
    let samples: Vec<series::Keyed<'_>> = elements
        .iter()
        .filter_map(|element| match &element.element {
            Element::Sample(sample) if !has_nul(sample) => Some((
                series::key(element.collector, sample),
                element.collector,
                sample,
            )),
            _ => None,
        })
        .collect();
    memory.series.resolve(client, &samples).await
}

fn has_nul(sample: &Sample) -> bool {
    let labels = &sample.labels;
    sample.name.contains('\0')
        || labels
            .iter()
            .any(|(k, v)| k.contains('\0') || v.contains('\0'))
}

/// A plain sample as the text it was sent as.
pub(super) fn sample_json(sample: &Sample) -> String {
    SeriesText::new(&sample.name, &labels_json(sample), sample.form)
        .sample(sample.time, sample.value)
}

fn log_index(element: &FlushElement) -> i64 {
    i64::try_from(element.index).unwrap_or(i64::MAX)
}

/// Ordinals above 2^31 cannot be: an entry has at most as many elements as bytes.
fn ordinal(element: &FlushElement) -> i32 {
    i32::try_from(element.ordinal).unwrap_or(i32::MAX)
}

fn place_of(element: &FlushElement) -> (i64, i64) {
    (log_index(element), i64::from(element.ordinal))
}

/// The log index and ordinal of a typed row: the third and fourth of the common columns.
fn place_of_row(row: &[Value]) -> (i64, i64) {
    match row {
        [_, _, Value::Int(index), Value::Int(ordinal), ..] => (*index, *ordinal),
        _ => (-1, -1),
    }
}

fn put_sample(rows: &mut CopyRows, element: &FlushElement, sample: &Sample, series: i64) {
    rows.row(5);
    rows.timestamptz(sample.time);
    rows.int8(series);
    rows.float8(sample.value);
    rows.int8(log_index(element));
    rows.int4(ordinal(element));
}

fn put_element(rows: &mut CopyRows, element: &FlushElement, place: &Place) {
    rows.row(11);
    rows.timestamptz(element.element.time());
    rows.uuid(element.collector.get());
    rows.int8(log_index(element));
    rows.int4(ordinal(element));
    rows.text(element.element.kind());
    let (database, body) = match &element.element {
        Element::Document(document) => (document.database.as_str(), document.body.as_slice()),
        Element::Sample(_) => ("", [].as_slice()),
    };
    rows.text(database);
    rows.timestamptz(element.received_at);
    let (body, split) = match place {
        Place::Whole | Place::Sample(_) => (Some(body), None),
        Place::Text(text) => (Some(text.as_bytes()), None),
        Place::Inventory(split) => (None, Some(split)),
    };
    match body {
        Some(body) => rows.bytea(body),
        None => rows.null(),
    }
    match split {
        Some(split) => {
            rows.uuid(split.hash);
            rows.text(&split.timestamp);
            rows.int4(i32::try_from(split.cut_at).unwrap_or(i32::MAX));
        }
        None => (0..3).for_each(|_| rows.null()),
    }
}
