//! Index advice.
mod answer;
mod ast;
mod catalog;
mod ddl;
mod demand;
mod workload;

pub use self::answer::{Advice, Answer, Helped, Kind, Paying, Withheld};
pub use self::catalog::{Catalog, Column, ForeignKey, Frequent, Index, IndexKey, Relation, Settings, View};
pub use self::workload::{Statement, Workload};
