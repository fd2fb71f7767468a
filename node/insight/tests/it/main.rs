//! What holds for any input.

mod any_plan;
mod any_statement;
