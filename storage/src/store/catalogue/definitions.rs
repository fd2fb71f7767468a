//! How a server is set and what its databases are extended by, as our collector sends it.

use super::Items;
use super::element::element_table;

element_table! {
    /// Settings that are not the default, and those that matter.
    SETTING: "pg_setting", Items::Rows;
    labels "name";
    texts "setting", "unit", "source", "sourcefile", "context", "vartype";
    flags "pending_restart";
}

element_table! {
    /// Extensions.
    EXTENSION: "pg_extension", Items::Rows;
    database "database";
    labels "name";
    texts "version", "schema_name" = "schema", "default_version";
    flags "is_outdated";
}
