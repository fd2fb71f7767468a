//! Tests of the configuration as an operator meets it.

mod documents;
mod loading;
mod rules;
