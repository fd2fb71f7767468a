//! A demand with its figures: what one mention of a relation costs and is worth.

use std::collections::{BTreeMap, BTreeSet};

use super::catalog::{Catalog, Relation};
use super::demand::{Access, Limit, Order, Reading, Term, Test, Value};
use super::observed::Observed;
use super::selectivity::{combined, join_share, selectivity};
use super::workload::Statement;

/// How many times an estimate may be off before it is corrected.
const MOST_OFF: f64 = 10.0;
/// The same for what the planner reckoned with for the values of a call, where the statistics do
/// not tell which values are common.
const MOST_OFF_VALUES: f64 = 3.0;

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Asker {
    /// A family, by its place in the workload.
    Statement(usize),
    /// Triggers of a foreign key.
    ForeignKey(String),
}

/// A predicate and the share of rows that it keeps.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Priced {
    pub(super) term: Term,
    pub(super) share: f64,
}

/// What is asked of one relation, with figures.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Need {
    pub(super) asker: Asker,
    pub(super) relation: usize,
    pub(super) terms: Vec<Priced>,
    pub(super) order: Order,
    /// Rows that are taken at most; nothing if all.
    pub(super) limit: Option<f64>,
    /// Columns that are read; nothing if all.
    pub(super) output: Option<BTreeSet<String>>,
    /// Rows of each partner that look for rows here, by the number of its access.
    pub(super) drivers: BTreeMap<usize, f64>,
    /// Whether it runs for each row of its partners: a subquery for a value, or with a limit.
    pub(super) is_correlated: bool,
    /// Factor from estimated to observed rows.
    pub(super) correction: f64,
    /// What a plan saw.
    pub(super) observed: Observed,
    /// Seconds a day that access to the relation takes.
    pub(super) seconds: f64,
    /// Seconds a day of the whole statement.
    pub(super) statement_seconds: f64,
    /// Alternatives that must all be served: their number within the statement.
    pub(super) group: Option<usize>,
    /// Columns without statistics.
    pub(super) unanalysed: BTreeSet<String>,
}

impl Need {
    /// Rows that pass the predicates that hold without a partner.
    pub(super) fn own_rows(&self, relation: &Relation) -> f64 {
        let own = self.terms.iter().filter(|priced| !is_join(&priced.term));
        let shares: Vec<f64> = own.map(|priced| priced.share).collect();
        relation.known_rows().unwrap_or(0.0) * combined(&shares) * self.correction
    }
}

pub(super) fn is_join(term: &Term) -> bool {
    matches!(term.test, Test::Join(..))
}

/// The needs of a statement, without their seconds.
pub(super) fn needs(
    number: usize,
    statement: &Statement,
    reading: &Reading,
    catalog: &Catalog,
) -> Vec<Need> {
    let mut needs = Vec::new();
    for (place, access) in reading.accesses.iter().enumerate() {
        let Some(relation) = catalog.relations.get(access.relation) else {
            continue;
        };
        let variants = variants(access);
        let is_split = variants.len() > 1;
        for terms in variants {
            let mut need = Need {
                asker: Asker::Statement(number),
                relation: access.relation,
                terms: Vec::new(),
                order: access.order.clone(),
                limit: limit(access, statement),
                output: access.output.clone(),
                drivers: drivers(place, reading, catalog),
                is_correlated: false,
                correction: 1.0,
                observed: Observed::of(statement.plan.as_ref(), relation),
                seconds: 0.0,
                statement_seconds: statement.seconds_per_day,
                group: is_split.then_some(place),
                unanalysed: BTreeSet::new(),
            };
            if is_split {
                // A bitmap of alternatives has no order.
                (need.order, need.limit) = (Order::default(), None);
            }
            need.is_correlated = access.is_repeated || need.limit.is_some();
            need.is_correlated &= !need.drivers.is_empty();
            need.drive();
            need.price(terms, access, reading, catalog);
            need.correct(access, statement, relation);
            let is_asked = !need.terms.is_empty() || !need.order.keys.is_empty();
            if is_asked || !need.unanalysed.is_empty() {
                needs.push(need);
            }
        }
    }
    needs
}

impl Need {
    fn price(&mut self, terms: Vec<Term>, access: &Access, reading: &Reading, catalog: &Catalog) {
        let Some(relation) = catalog.relations.get(access.relation) else {
            return;
        };
        for term in terms {
            let share = match &term.test {
                Test::Join(partner, column) => {
                    let partner = reading.accesses.get(*partner);
                    let other = partner.and_then(|partner| catalog.relations.get(partner.relation));
                    let pair = other.and_then(|other| {
                        join_share((relation, &term.key.column), (other, column))
                    });
                    pair.or_else(|| selectivity(relation, &term.key, &term.test))
                }
                _ => selectivity(relation, &term.key, &term.test),
            };
            match share {
                Some(share) => self.terms.push(Priced { term, share }),
                None => {
                    self.unanalysed.insert(term.key.column);
                }
            }
        }
    }

    /// Takes the rows of a single partner from the plan.
    fn drive(&mut self) {
        let is_single = self.drivers.len() == 1 && !self.is_correlated;
        let seen = self.observed.partner_rows.filter(|_| is_single);
        if let Some(seen) = seen {
            for rows in self.drivers.values_mut() {
                *rows = seen.max(1.0);
            }
        }
    }

    /// What was observed wins over an estimate that is off by more than ten times.
    fn correct(&mut self, access: &Access, statement: &Statement, relation: &Relation) {
        if !access.branches.is_empty() {
            return;
        }
        let is_alone = !self.terms.iter().any(|priced| is_join(&priced.term));
        let estimate = self.own_rows(relation).max(1.0);
        let factor = |rows: f64| rows.max(1.0) / estimate;
        if self.limit.is_some() {
            // What is read ends with the limit; that a value is frequent the planner knew.
            let planned = self.observed.estimated_rows.filter(|_| is_alone);
            let factor = planned.map(factor).filter(|factor| *factor > MOST_OFF);
            self.correction = factor.unwrap_or(1.0);
            return;
        }
        let by_calls = statement.rows_per_call.filter(|_| access.gives_rows);
        // A scan of the whole table tests what holds without a partner, and nothing else.
        let has_own = is_alone || self.observed.is_sequential;
        let by_plan = self.observed.rows.filter(|_| has_own);
        // Of an expression without statistics the planner knows no value: it guesses.
        let is_guess = |priced: &Priced| priced.term.key.expression.is_some();
        let knows = has_own && !self.terms.iter().any(is_guess);
        let planned = self.observed.estimated_rows.filter(|_| knows);
        let off = |rows: Option<f64>, most: f64| {
            let factor = rows.map(factor)?;
            (!(1.0 / most..=most).contains(&factor)).then_some(factor)
        };
        let observed = off(by_plan.or(by_calls), MOST_OFF);
        let factor = observed.or_else(|| off(planned, MOST_OFF_VALUES));
        self.correction = factor.unwrap_or(1.0);
    }
}

/// The predicates of an access, once for each alternative of its first OR.
fn variants(access: &Access) -> Vec<Vec<Term>> {
    let Some(branches) = access.branches.first() else {
        return vec![merged(access.terms.clone())];
    };
    let with = |branch: &Vec<Term>| {
        let all = access.terms.iter().chain(branch);
        merged(all.cloned().collect())
    };
    branches.iter().map(with).collect()
}

/// Joins a lower and an upper bound of one key.
fn merged(terms: Vec<Term>) -> Vec<Term> {
    let mut merged: Vec<Term> = Vec::new();
    for term in terms {
        let same = |other: &&mut Term| other.key == term.key;
        if let Some(other) = merged.iter_mut().filter(|t| t.test.is_range()).find(same)
            && let Some(both) = both(&other.test, &term.test)
        {
            other.test = both;
        } else if !merged.contains(&term) {
            merged.push(term);
        }
    }
    merged
}

fn both(one: &Test, other: &Test) -> Option<Test> {
    match (one, other) {
        (Test::Above(low), Test::Below(high)) | (Test::Below(high), Test::Above(low)) => {
            Some(Test::Between(low.clone(), high.clone()))
        }
        _ => None,
    }
}

/// A limit of a parameter is what a call returned.
fn limit(access: &Access, statement: &Statement) -> Option<f64> {
    match access.limit {
        Limit::None => None,
        Limit::Rows(rows) => Some(rows.max(1.0)),
        Limit::Parameter => statement.rows_per_call.map(|rows| rows.max(1.0)),
    }
}

/// Rows of each partner that look for rows of an access.
fn drivers(place: usize, reading: &Reading, catalog: &Catalog) -> BTreeMap<usize, f64> {
    let mut drivers = BTreeMap::new();
    let Some(access) = reading.accesses.get(place) else {
        return drivers;
    };
    let rows = flowing(place, reading, catalog);
    for term in &access.terms {
        if let Test::Join(partner, _) = term.test
            && let Some(rows) = rows.get(&partner)
        {
            drivers.insert(partner, rows.max(1.0));
        }
    }
    drivers
}

/// Rows that each access contributes when one of them is left out: what its own predicates keep,
/// or fewer where a joined access brings fewer.
fn flowing(left_out: usize, reading: &Reading, catalog: &Catalog) -> BTreeMap<usize, f64> {
    let mut rows = BTreeMap::new();
    let others = || {
        reading
            .accesses
            .iter()
            .enumerate()
            .filter(|(place, _)| *place != left_out)
    };
    for (place, access) in others() {
        let Some(relation) = catalog.relations.get(access.relation) else {
            continue;
        };
        let own = access.terms.iter().filter(|term| !is_join(term));
        let shares = own.filter_map(|term| selectivity(relation, &term.key, &term.test));
        let share = combined(&shares.collect::<Vec<f64>>());
        rows.insert(place, relation.known_rows().unwrap_or(0.0) * share);
    }
    // Each round carries what is few over one more join.
    for _ in 0..reading.accesses.len() {
        for (place, access) in others() {
            for term in &access.terms {
                if let Some(fewer) = carried(access, term, &rows, reading, catalog)
                    && let Some(rows) = rows.get_mut(&place)
                {
                    *rows = rows.min(fewer);
                }
            }
        }
    }
    rows
}

/// Rows of an access that the rows of a partner find.
fn carried(
    access: &Access,
    term: &Term,
    rows: &BTreeMap<usize, f64>,
    reading: &Reading,
    catalog: &Catalog,
) -> Option<f64> {
    let Test::Join(partner, column) = &term.test else {
        return None;
    };
    let from = rows.get(partner)?;
    let relation = catalog.relations.get(access.relation)?;
    let other = catalog
        .relations
        .get(reading.accesses.get(*partner)?.relation)?;
    let share = join_share((relation, &term.key.column), (other, column))?;
    Some(from * relation.known_rows()? * share)
}

/// The need of a foreign key's triggers: rows that refer to a row that goes.
pub(super) fn foreign_keys(catalog: &Catalog) -> Vec<(Need, f64)> {
    let mut needs = Vec::new();
    for (place, relation) in catalog.relations.iter().enumerate() {
        for key in &relation.foreign_keys {
            let parent = catalog.find(&key.parent_schema, &key.parent);
            let parent = parent.and_then(|parent| catalog.relations.get(parent));
            let deletes = parent.map_or(0.0, |parent| parent.deletes_per_day);
            let mut need = Need {
                asker: Asker::ForeignKey(key.name.clone()),
                relation: place,
                terms: Vec::new(),
                order: Order::default(),
                limit: None,
                output: Some(key.columns.iter().cloned().collect()),
                drivers: BTreeMap::new(),
                is_correlated: false,
                correction: 1.0,
                observed: Observed::default(),
                seconds: key.trigger_seconds_per_day.unwrap_or(0.0),
                statement_seconds: key.trigger_seconds_per_day.unwrap_or(0.0),
                group: None,
                unanalysed: BTreeSet::new(),
            };
            let access = Access {
                relation: place,
                ..Access::default()
            };
            let term = |column: &String| Term {
                key: super::demand::Key::column(column),
                test: Test::Equal(Value::Parameter),
            };
            let terms = key.columns.iter().map(term).collect();
            need.price(terms, &access, &Reading::default(), catalog);
            needs.push((need, deletes));
        }
    }
    needs
}
