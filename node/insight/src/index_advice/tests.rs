//! Tests of index advice: the cases of the requirement, formulas, reading of statements, drops.

mod cases;
mod cases_of_others;
mod choices;
mod drops;
mod existing;
mod formulas;
mod reading;
mod world;
