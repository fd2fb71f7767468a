use super::super::load::{BitmapReads, Cache, MissingWorkers, ReadCost};
use super::super::testing::{GIB, evidence, proposes, set, silent, unset};
use super::*;

#[test]
fn a_cache_far_from_the_real_one_is_told() {
    let of = Evidence {
        cache: Some(Cache {
            page_cache_bytes: Some(40.0 * GIB),
            ..Cache::default()
        }),
        ..evidence()
    };
    let told = proposes(&of, "effective_cache_size", "45875MB");
    assert_eq!(told.target.as_deref(), Some("app"));
    silent(
        &of,
        &[
            ("near", &|of| {
                set(of, "effective_cache_size", "4194304", "8kB")
            }),
            ("unknown cache", &|of| of.cache = Some(Cache::default())),
            ("small data", &|of| {
                of.cache = Some(Cache {
                    data_bytes: Some(4.0 * GIB),
                    ..of.cache.unwrap()
                });
            }),
            ("no role to try", &|of| of.roles.clear()),
            ("nearer", &|of| {
                of.cache = Some(Cache {
                    page_cache_bytes: Some(0.0),
                    ..Cache::default()
                });
                set(of, "effective_cache_size", "393216", "8kB");
            }),
        ],
    );
}

#[test]
fn measured_reads_give_the_page_cost() {
    let of = Evidence {
        read_cost: Some(ReadCost {
            random_ms: 0.12,
            sequential_ms: 0.08,
            days: 2.0,
        }),
        ..evidence()
    };
    proposes(&of, "random_page_cost", "1.5");
    let cost = |random_ms, days| {
        move |of: &mut Evidence| {
            of.read_cost = Some(ReadCost {
                random_ms,
                sequential_ms: 0.08,
                days,
            });
        }
    };
    let mut slow = of.clone();
    cost(0.01, 2.0)(&mut slow);
    proposes(&slow, "random_page_cost", "1.1");
    silent(
        &of,
        &[
            ("a day", &cost(0.12, 1.0)),
            ("as it is", &cost(0.4, 9.0)),
            ("unknown", &|of| of.read_cost = None),
        ],
    );
}

#[test]
fn bitmap_scans_that_wait_read_ahead() {
    let of = Evidence {
        bitmap_reads: vec![BitmapReads {
            role: "app".to_owned(),
            read_share: 0.8,
            is_ssd: true,
        }],
        ..evidence()
    };
    proposes(&of, "effective_io_concurrency", "200");
    let mut new = of.clone();
    new.server.major = Some(18);
    proposes(&new, "effective_io_concurrency", "16");
    silent(
        &of,
        &[
            ("a disk with arms", &|of| of.bitmap_reads[0].is_ssd = false),
            ("few reads", &|of| of.bitmap_reads[0].read_share = 0.4),
            ("set", &|of| set(of, "effective_io_concurrency", "200", "")),
            ("unknown version", &|of| of.server.major = None),
        ],
    );
}

#[test]
fn costly_compilation_is_switched_off_for_the_role() {
    let of = Evidence {
        jit: vec![JitLoad {
            role: "app".to_owned(),
            fingerprints: vec![9, 3, 9],
            share: 0.5,
            ms_per_call: 100.0,
            mean_ms: 200.0,
            calls_per_day: 1_000.0,
        }],
        ..evidence()
    };
    let told = proposes(&of, "jit", "off");
    assert_eq!(
        (told.improvement_percent, told.saved_ms_per_day),
        (50.0, 100_000.0)
    );
    assert_eq!(told.fingerprints, [3, 9]);
    silent(
        &of,
        &[
            ("small share", &|of| of.jit[0].share = 0.2),
            ("short", &|of| of.jit[0].ms_per_call = 50.0),
            ("long statement", &|of| of.jit[0].mean_ms = 10_001.0),
            ("off", &|of| set(of, "jit", "off", "")),
        ],
    );
}

#[test]
fn missing_workers_are_added_where_processors_idle() {
    let of = Evidence {
        missing_workers: Some(MissingWorkers { share: 0.3 }),
        ..evidence()
    };
    proposes(&of, "max_parallel_workers", "16");
    silent(
        &of,
        &[
            ("few", &|of| {
                of.missing_workers = Some(MissingWorkers { share: 0.1 })
            }),
            ("busy", &|of| of.server.cpu_busy = Some(0.6)),
            ("unknown load", &|of| of.server.cpu_busy = None),
            ("processes", &|of| set(of, "max_worker_processes", "8", "")),
            ("all", &|of| set(of, "max_parallel_workers", "16", "")),
        ],
    );
}

#[test]
fn wrong_generic_plans_are_made_for_each_call() {
    let choice = |fingerprint, is_generic| PlanChoice {
        role: "app".to_owned(),
        fingerprint,
        is_generic,
        slower: 3.0,
    };
    let of = Evidence {
        plan_choices: vec![choice(1, true), choice(2, false)],
        ..evidence()
    };
    let told = proposes(&of, "plan_cache_mode", "force_custom_plan");
    assert_eq!(told.fingerprints, [1, 2]);
    silent(
        &of,
        &[
            ("set", &|of| {
                set(of, "plan_cache_mode", "force_custom_plan", "")
            }),
            ("unknown", &|of| unset(of, "plan_cache_mode")),
        ],
    );
}

#[test]
fn full_statistics_of_a_misjudged_column_grow() {
    let of = Evidence {
        misestimates: vec![ColumnMisestimate {
            schema: "public".to_owned(),
            table: "t".to_owned(),
            column: "a".to_owned(),
            structures: 3,
            target: None,
            common_values: 100.0,
        }],
        ..evidence()
    };
    let told = proposes(&of, "statistics_target", "500");
    assert_eq!(
        told.statement.as_deref(),
        Some(
            "ALTER TABLE \"public\".\"t\" ALTER COLUMN \"a\" SET STATISTICS 500; \
             ANALYZE \"public\".\"t\" (\"a\");"
        )
    );
    assert!(told.undo.ends_with("SET STATISTICS -1;"), "{}", told.undo);
    silent(
        &of,
        &[
            ("two plans", &|of| of.misestimates[0].structures = 2),
            ("not full", &|of| of.misestimates[0].common_values = 40.0),
            ("large", &|of| of.misestimates[0].target = Some(500.0)),
        ],
    );
}
