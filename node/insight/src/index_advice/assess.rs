//! From workload and catalogue to needs with their seconds, and from those to the answer.

use std::collections::BTreeMap;

use super::answer::{Advice, Answer, Withheld};
use super::ast;
use super::board::{Board, Writer, served};
use super::candidates::candidates;
use super::catalog::{Catalog, Relation};
use super::choice::choose;
use super::cost::Prices;
use super::demand::Write;
use super::existing::existing;
use super::facts::Facts;
use super::gates::Seen;
use super::need::{Asker, Need, foreign_keys, needs};
use super::shape::BLOCK_BYTES;
use super::workload::Workload;
use super::{drop, gates, report, special, withheld};

/// Share of a statement's time that access takes where no plan tells.
const UNKNOWN_SHARE: f64 = 0.5;
/// Milliseconds of a unit of cost where no statement tells, and the bounds of what one may tell.
const UNKNOWN_UNIT_MS: f64 = 0.01;
const UNIT_MS: (f64, f64) = (0.001, 0.05);
/// Weight of an order over much of a table that no limit cuts.
const WIDE_ORDER_WEIGHT: f64 = 0.2;
/// Share of the table that is much.
const WIDE_ORDER_ROWS: f64 = 0.1;
/// New indexes of a database at most.
const MAX_A_DATABASE: usize = 10;
/// Share of the database's size that they take at most, and bytes that they may always take.
const MAX_SIZE_SHARE: f64 = 0.1;
const FREE_BYTES: f64 = 1_073_741_824.0;

/// Seconds a day that the new indexes of a relation save, by who asks.
type Saved<'a> = BTreeMap<&'a Asker, f64>;

/// Advises. Only on a large stack.
pub(super) fn assess(workload: &Workload, catalog: &Catalog) -> Answer {
    let statements = &workload.statements;
    let read = |s: &super::workload::Statement| ast::read(&s.text, &s.constants, catalog);
    let mut facts = Facts {
        workload,
        catalog,
        prices: Prices::of(&catalog.settings, catalog.server_major),
        readings: statements.iter().map(read).collect(),
        existing: (0..catalog.relations.len())
            .map(|place| existing(place, catalog))
            .collect(),
        ms_per_unit: UNKNOWN_UNIT_MS,
    };
    let needs = facts.needs();
    let places = || 0..catalog.relations.len();
    // A second round knows what the indexes of other relations leave of each statement.
    let first = places().map(|place| facts.relation(place, &needs, &[], &mut Answer::default()));
    let saved: Vec<Saved<'_>> = first.collect();
    let mut answer = Answer::default();
    for place in places() {
        facts.relation(place, &needs, &saved, &mut answer);
    }
    limit(&mut answer, catalog);
    let unread = facts
        .readings
        .iter()
        .zip(statements)
        .filter(|(reading, _)| reading.is_none());
    answer.unread = unread.map(|(_, statement)| statement.hash).collect();
    answer.unread.sort_unstable();
    answer.unread.dedup();
    withheld::tidy(&mut answer.withheld);
    answer
}

impl Facts<'_> {
    /// Needs of all statements and foreign keys, with their seconds.
    fn needs(&mut self) -> Vec<Need> {
        let mut all = Vec::new();
        let mut units = Vec::new();
        for (number, statement) in self.workload.statements.iter().enumerate() {
            let Some(Some(reading)) = self.readings.get(number) else {
                continue;
            };
            let mut own = needs(number, statement, reading, self.catalog);
            let costs: Vec<f64> = own.iter().map(|need| self.cost(need)).collect();
            weigh(&mut own, &costs);
            if statement.calls_per_day > 0.0 {
                let ms = own
                    .iter()
                    .map(|need| need.seconds * 1_000.0 / statement.calls_per_day);
                units.extend(
                    ms.zip(&costs)
                        .map(|(ms, cost)| ms / cost.max(f64::MIN_POSITIVE)),
                );
            }
            for need in &mut own {
                self.discount(need);
            }
            all.extend(own);
        }
        self.ms_per_unit = median(units)
            .unwrap_or(UNKNOWN_UNIT_MS)
            .clamp(UNIT_MS.0, UNIT_MS.1);
        for (mut need, deletes) in foreign_keys(self.catalog) {
            if need.seconds <= 0.0 {
                need.seconds = deletes * self.cost(&need) * self.ms_per_unit / 1_000.0;
                need.statement_seconds = need.seconds;
            }
            all.push(need);
        }
        all
    }

    fn cost(&self, need: &Need) -> f64 {
        let relation = self.catalog.relations.get(need.relation);
        let existing = self.existing.get(need.relation);
        relation.zip(existing).map_or(0.0, |(relation, existing)| {
            served(need, relation, existing, &self.prices).cost
        })
    }

    /// An order over much of a table without a limit is seldom given by an index.
    fn discount(&self, need: &mut Need) {
        let relation = self.catalog.relations.get(need.relation);
        let is_wide = relation.is_some_and(|relation| {
            need.own_rows(relation) > WIDE_ORDER_ROWS * relation.known_rows().unwrap_or(0.0)
        });
        if is_wide && !need.order.keys.is_empty() && need.limit.is_none() {
            need.seconds *= WIDE_ORDER_WEIGHT;
        }
    }

    /// Chooses for one relation; `saved` is what was chosen for each one before.
    fn relation<'a>(
        &'a self,
        place: usize,
        all: &'a [Need],
        saved: &[Saved<'_>],
        answer: &mut Answer,
    ) -> Saved<'a> {
        let Some(relation) = self.catalog.relations.get(place) else {
            return Saved::new();
        };
        let existing = self
            .existing
            .get(place)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let own: Vec<&'a Need> = all.iter().filter(|need| need.relation == place).collect();
        drop::advise(relation, existing, self.catalog, &mut answer.advices);
        special::advise(self, place, answer);
        let asked: Vec<&Need> = own.into_iter().filter(|need| need.seconds > 0.0).collect();
        if asked.is_empty() {
            return Saved::new();
        }
        if let Some(reason) = gates::relation(relation) {
            withheld::all(self, relation, &asked, &reason, &mut answer.withheld);
            return Saved::new();
        }
        let is_analysed =
            |need: &&Need| relation.known_rows().is_some() && need.unanalysed.is_empty();
        let (known, unknown): (Vec<&Need>, Vec<&Need>) = asked.into_iter().partition(is_analysed);
        if !unknown.is_empty() {
            let reason = if relation.has_newer_statistics {
                "the table was analysed after its statistics were read: they are read once an hour"
            } else {
                let advice = report::analyze(self, relation, &unknown);
                answer.advices.push(advice);
                "the table or the columns have no statistics: ANALYZE comes first"
            };
            withheld::all(self, relation, &unknown, reason, &mut answer.withheld);
        }
        let elsewhere = |need: &&'a Need| {
            let others = saved
                .iter()
                .enumerate()
                .filter(|(other, _)| *other != place);
            let seconds = others.filter_map(|(_, saved)| saved.get(&need.asker));
            (&need.asker, seconds.sum())
        };
        let board = Board {
            relation,
            saved_elsewhere: known.iter().map(elsewhere).collect(),
            needs: known,
            existing,
            writers: self.writers(place),
            prices: &self.prices,
            ms_per_unit: self.ms_per_unit,
        };
        self.choose(board, answer)
    }

    fn choose<'a>(&'a self, mut board: Board<'a>, answer: &mut Answer) -> Saved<'a> {
        let served = board.served();
        let pairs = board.needs.iter().copied().zip(&served);
        let (enough, open): (Vec<_>, Vec<_>) = pairs.partition(|(_, s)| gates::is_enough(s));
        for (need, served) in enough {
            withheld::served(self, board.relation, need, served, &mut answer.withheld);
        }
        board.needs = open.into_iter().map(|(need, _)| need).collect();
        let served = board.served();
        let seen: Vec<Seen> = board.needs.iter().map(|need| self.seen(need)).collect();
        let shapes = candidates(&board.needs, board.relation, &self.prices);
        let choice = choose(&board, &served, &seen, shapes);
        for pick in &choice.picks {
            let advice = report::create(self, &board, &served, &choice.picks, pick);
            answer.advices.push(advice);
        }
        withheld::rest(self, &board, &served, &choice, &mut answer.withheld);
        let mut saved = Saved::new();
        for (need, seconds) in board.needs.iter().zip(choice.saved) {
            *saved.entry(&need.asker).or_insert(0.0) += seconds;
        }
        saved
    }

    fn seen(&self, need: &Need) -> Seen {
        match need.asker {
            Asker::Statement(number) => {
                let statement = self.workload.statements.get(number);
                statement.map_or(Seen::default(), |statement| Seen {
                    days: statement.observed_days,
                    calls: statement.calls_per_day * statement.observed_days,
                })
            }
            // The constraint itself is the demand; the parent's counters tell how often.
            Asker::ForeignKey(_) => Seen {
                days: f64::INFINITY,
                calls: 0.0,
            },
        }
    }

    fn writers(&self, relation: usize) -> Vec<Writer> {
        let mut writers = Vec::new();
        for (statement, reading) in self.workload.statements.iter().zip(&self.readings) {
            let writes = reading.as_ref().map(|reading| reading.writes.as_slice());
            for write in writes.unwrap_or_default() {
                let (Write::Insert(target) | Write::Update(target, _) | Write::Delete(target)) =
                    write;
                if *target == relation {
                    writers.push(Writer {
                        hash: statement.hash,
                        write: write.clone(),
                        rows_per_day: statement.calls_per_day
                            * statement.rows_per_call.unwrap_or(1.0),
                    });
                }
            }
        }
        writers
    }
}

/// Gives each need its part of the statement's seconds: the plan's share of the relation, else a
/// half for all, in both cases split by cost.
fn weigh(needs: &mut [Need], costs: &[f64]) {
    let mut sums: BTreeMap<Option<usize>, f64> = BTreeMap::new();
    let part = |need: &Need| need.observed.share.map(|_| need.relation);
    for (need, cost) in needs.iter().zip(costs) {
        *sums.entry(part(need)).or_insert(0.0) += cost;
    }
    for (need, cost) in needs.iter_mut().zip(costs) {
        let sum = sums.get(&part(need)).copied().unwrap_or(0.0);
        let share = need.observed.share.unwrap_or(UNKNOWN_SHARE);
        // Without statistics nothing has a cost; the statement still asks.
        let part = if sum > 0.0 { cost / sum } else { 1.0 };
        need.seconds = need.statement_seconds * share * part;
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.retain(|value| value.is_finite() && *value > 0.0);
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// Bytes of all relations and their indexes, as far as they are known.
fn bytes(catalog: &Catalog) -> f64 {
    let of = |relation: &Relation| {
        let indexes = relation.indexes.iter().filter_map(|index| index.size_bytes);
        relation.known_pages() * BLOCK_BYTES + indexes.sum::<f64>()
    };
    catalog.relations.iter().map(of).sum()
}

/// Orders the answer, and keeps what a database takes of new indexes.
fn limit(answer: &mut Answer, catalog: &Catalog) {
    let net = |advice: &Advice| advice.saved_seconds_per_day - advice.write_seconds_per_day;
    answer.advices.sort_by(|one, other| {
        let by_value = net(other).total_cmp(&net(one));
        let name = |advice: &Advice| {
            (
                advice.schema.clone(),
                advice.relation.clone(),
                advice.kind,
                advice.index.clone(),
            )
        };
        by_value.then_with(|| name(one).cmp(&name(other)))
    });
    let room = (bytes(catalog) * MAX_SIZE_SHARE).max(FREE_BYTES);
    let (mut indexes, mut bytes) = (0_usize, 0.0);
    let Answer {
        advices, withheld, ..
    } = answer;
    advices.retain(|advice| {
        if !report::is_ranked(advice.kind) {
            return true;
        }
        let size = advice.size_bytes.unwrap_or(0.0);
        if indexes < MAX_A_DATABASE && bytes + size <= room {
            indexes += 1;
            bytes += size;
            return true;
        }
        withheld.push(Withheld {
            schema: advice.schema.clone(),
            relation: advice.relation.clone(),
            columns: advice
                .keys
                .iter()
                .map(|key| key.text().to_owned())
                .collect(),
            statements: advice
                .helps
                .iter()
                .filter_map(|helped| helped.hash)
                .collect(),
            reason:
                "others are worth more: at most 10 new indexes, and a tenth of the database's size"
                    .to_owned(),
        });
        false
    });
}
