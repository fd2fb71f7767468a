//! What every [`Store`] must do: one list of checks, run against each store.
//!
//! `store_contract_tests!(path::to::fresh)` makes one test of each check. `fresh` is an async
//! function that returns [`Fresh`]: a migrated store that holds nothing, and whatever must live as
//! long as it does.

mod answers;
mod charts;
mod data;
mod exactly_once;
mod model;
mod model_check;
mod questions;
mod reading;
mod relations;
mod upkeep;

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use pga_storage::store::Store;

pub(crate) use self::{
    answers::{
        a_long_list_has_all_its_texts, a_reset_counts_from_zero, a_window_takes_its_share_of_a_gap,
        differences_follow_the_rules, equal_ids_of_two_databases_are_two_rows,
        late_samples_take_their_part, top_queries_count_the_window_only,
    },
    charts::{
        a_chart_of_sealed_hours_reads_no_rows, charts_of_hours_are_those_of_their_rows,
        what_cannot_be_added_as_whole_numbers_is_charted,
    },
    data::{batch, collector, document, many_cycles, one_cycle, sample},
    exactly_once::{
        a_batch_elsewhere_is_fenced_and_stores_nothing, a_failed_flush_leaves_no_trace,
        a_newer_term_fences_the_older, replaying_a_batch_stores_nothing_twice,
        the_watermark_moves_with_the_rows,
    },
    model_check::differences_are_those_of_the_model,
    questions::{
        each_start_of_a_server_is_told_once, long_lists_are_read_by_column,
        samples_of_statements_are_told_with_their_interval, sealed_spans_tell_their_columns,
        series_are_the_sums_and_means_of_steps, steps_of_a_statement_are_sums_of_its_rows,
        tables_are_told_by_name_with_what_they_counted,
        the_first_sample_of_each_statement_is_found, the_newest_row_of_each_thing_is_found,
        types_of_elements_are_counted,
    },
    reading::{
        a_large_push_is_paged, busy_and_quiet_series_share_pages,
        every_real_element_reads_back_as_sent, inventories_cost_a_reference,
        newest_first_is_the_same_backwards, odd_documents_are_kept_whole,
        pages_are_complete_and_ordered, plain_samples_read_back, windows_and_kinds_filter,
    },
    relations::{
        lists_of_any_shape_are_stored, sums_of_relations_outlive_their_lists,
        what_relations_did_is_summed,
    },
    upkeep::{
        a_copy_replaces_another_store, bytes_are_told_by_table_and_day,
        retention_drops_what_is_old, types_have_a_retention_of_their_own,
    },
};

/// A store that holds nothing.
pub(crate) struct Fresh {
    /// The store, migrated.
    pub(crate) store: Arc<dyn Store>,
    /// What must live as long: a directory, a database.
    pub(crate) guard: Box<dyn Any + Send>,
}

impl fmt::Debug for Fresh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fresh")
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}

/// Makes a test of each check.
macro_rules! store_contract_tests {
    ($fresh:path) => {
        $crate::store_contract::store_contract_tests!($fresh:
            the_first_sample_of_each_statement_is_found,
            what_relations_did_is_summed,
            sums_of_relations_outlive_their_lists,
            lists_of_any_shape_are_stored,
            the_watermark_moves_with_the_rows,
            a_batch_elsewhere_is_fenced_and_stores_nothing,
            a_newer_term_fences_the_older,
            replaying_a_batch_stores_nothing_twice,
            a_failed_flush_leaves_no_trace,
            every_real_element_reads_back_as_sent,
            plain_samples_read_back,
            odd_documents_are_kept_whole,
            pages_are_complete_and_ordered,
            busy_and_quiet_series_share_pages,
            a_large_push_is_paged,
            windows_and_kinds_filter,
            newest_first_is_the_same_backwards,
            inventories_cost_a_reference,
            the_newest_row_of_each_thing_is_found,
            long_lists_are_read_by_column,
            series_are_the_sums_and_means_of_steps,
            types_of_elements_are_counted,
            tables_are_told_by_name_with_what_they_counted,
            each_start_of_a_server_is_told_once,
            what_cannot_be_added_as_whole_numbers_is_charted,
            charts_of_hours_are_those_of_their_rows,
            a_chart_of_sealed_hours_reads_no_rows,
            samples_of_statements_are_told_with_their_interval,
            sealed_spans_tell_their_columns,
            steps_of_a_statement_are_sums_of_its_rows,
            top_queries_count_the_window_only,
            a_reset_counts_from_zero,
            late_samples_take_their_part,
            a_long_list_has_all_its_texts,
            a_window_takes_its_share_of_a_gap,
            differences_follow_the_rules,
            equal_ids_of_two_databases_are_two_rows,
            differences_are_those_of_the_model,
            retention_drops_what_is_old,
            types_have_a_retention_of_their_own,
            bytes_are_told_by_table_and_day,
            a_copy_replaces_another_store,
        );
    };
    ($fresh:path: $($check:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $check() {
                let fresh = $fresh().await;
                let other = $fresh().await;
                $crate::store_contract::$check(&*fresh.store, &*other.store).await;
                drop((fresh.guard, other.guard));
            }
        )*
    };
}
pub(crate) use store_contract_tests;
