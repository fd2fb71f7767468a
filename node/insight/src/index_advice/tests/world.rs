//! Tables and statements for tests.

use crate::index_advice::{
    Answer, Catalog, Column, Frequent, Index, Relation, Statement, Workload, advise,
};

/// A column with statistics: type, distinct values (negative: share of rows).
pub(super) fn column(name: &str, type_name: &str, n_distinct: f64) -> Column {
    Column {
        name: name.to_owned(),
        type_name: type_name.to_owned(),
        n_distinct: Some(n_distinct),
        null_frac: Some(0.0),
        correlation: Some(0.0),
        ..Column::default()
    }
}

/// Common values of a column.
pub(super) fn common(values: &[(&str, f64)]) -> Vec<Frequent> {
    let frequent = |(value, frequency): &(&str, f64)| Frequent {
        value: Some((*value).to_owned()),
        frequency: *frequency,
    };
    values.iter().map(frequent).collect()
}

/// A table of a million rows in 22,223 pages, with its key `id`.
pub(super) fn table(name: &str, columns: Vec<Column>) -> Relation {
    let mut all = vec![Column {
        correlation: Some(1.0),
        ..column("id", "integer", -1.0)
    }];
    all.extend(columns);
    Relation {
        schema: "public".to_owned(),
        name: name.to_owned(),
        rows: Some(1e6),
        pages: Some(22_223.0),
        all_visible_share: Some(0.0),
        columns: all,
        indexes: vec![Index {
            is_primary: true,
            is_unique: true,
            is_constraint: true,
            ..index(name, "pkey", "UNIQUE INDEX", "(id)")
        }],
        ..Relation::default()
    }
}

/// An index of a table.
pub(super) fn index(table: &str, name: &str, what: &str, keys: &str) -> Index {
    let name = format!("{table}_{name}");
    Index {
        definition: format!("CREATE {what} {name} ON public.{table} USING btree {keys}"),
        name,
        ..Index::default()
    }
}

/// A family: calls a day, milliseconds a call, seen for a week.
pub(super) fn statement(hash: i64, text: &str, calls: f64, ms: f64) -> Statement {
    Statement {
        hash,
        text: text.to_owned(),
        calls_per_day: calls,
        seconds_per_day: calls * ms / 1_000.0,
        observed_days: 7.0,
        ..Statement::default()
    }
}

/// A catalogue of tables.
pub(super) fn catalog(relations: Vec<Relation>) -> Catalog {
    Catalog {
        relations,
        ..Catalog::default()
    }
}

/// Advises on tables and statements.
pub(super) fn ask(relations: Vec<Relation>, statements: Vec<Statement>) -> Answer {
    let answer = advise(&Workload { statements }, &catalog(relations));
    for advice in &answer.advices {
        let texts = advice.then.iter().chain(&advice.undo);
        for text in texts.chain([&advice.statement]) {
            assert!(pg_query::parse(text, 0).is_ok(), "{text}");
        }
    }
    answer
}

/// What is to be run, in order.
pub(super) fn statements(answer: &Answer) -> Vec<&str> {
    let advices = answer.advices.iter();
    advices.map(|advice| advice.statement.as_str()).collect()
}

/// Reasons why nothing is advised.
pub(super) fn reasons(answer: &Answer) -> Vec<&str> {
    let withheld = answer.withheld.iter();
    withheld.map(|withheld| withheld.reason.as_str()).collect()
}
