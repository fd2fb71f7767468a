use std::collections::BTreeSet;

use super::*;

#[test]
fn table_and_column_names_are_unique() {
    let mut names = BTreeSet::new();
    for table in TABLES.iter().chain(VIEWS) {
        assert!(names.insert(table.name), "{}", table.name);
        let mut columns = BTreeSet::new();
        let own = table.columns().map(|column| column.name);
        for name in own.chain(table.unfilled.iter().map(|(name, _)| *name)) {
            assert!(columns.insert(name), "{}.{name}", table.name);
        }
    }
}

#[test]
fn the_ddl_is_sql_that_sqlite_takes() {
    let database = rusqlite::Connection::open_in_memory().unwrap();
    for id in tables() {
        let ddl = id.table().sqlite_ddl();
        database.execute_batch(&ddl).unwrap();
    }
}

#[test]
fn the_key_of_a_view_is_of_its_columns() {
    for view in VIEWS {
        assert!(tables_of(view.kind).next().is_none(), "{}", view.name);
        for name in view.rate_key {
            assert!(view.position(name).is_some(), "{}.{name}", view.name);
        }
    }
}

#[test]
fn computed_columns_name_columns_of_their_table() {
    for id in tables() {
        let table = id.table();
        for column in table.columns() {
            if let Source::Delta(of) | Source::PerSecond(of) | Source::Squares(of) = column.source {
                assert!(table.position(of).is_some(), "{}.{of}", table.name);
            }
        }
    }
}
