use proptest::prelude::*;

use super::super::load::{Cache, Spill, SpillKind, VacuumRun};
use super::super::testing::{GIB, evidence, proposals, proposes, set, silent, unset};
use super::super::{Evidence, Role, Scope, Setting};
use super::*;

fn spill(kind: SpillKind, bytes: f64) -> Spill {
    Spill {
        fingerprint: 7,
        role: "app".to_owned(),
        kind,
        bytes,
        calls_per_day: 1_000.0,
        nodes: 2.0,
        workers: 1.0,
        share: Some(0.4),
        mean_ms: Some(100.0),
    }
}

fn spilling(kind: SpillKind, bytes: f64) -> Evidence {
    Evidence {
        spills: vec![spill(kind, bytes)],
        ..evidence()
    }
}

#[test]
fn spills_ask_for_work_mem_of_their_role() {
    let told = proposes(&spilling(SpillKind::Sort, 50.0 * MIB), "work_mem", "100MB");
    assert_eq!(
        told.statement.as_deref(),
        Some("ALTER ROLE \"app\" SET work_mem = '100MB';")
    );
    assert_eq!(told.undo, "ALTER ROLE \"app\" RESET work_mem;");
    assert_eq!(
        (told.scope, told.current.as_deref()),
        (Scope::Role, Some("4096kB"))
    );
    assert_eq!(
        (told.improvement_percent, told.fingerprints),
        (40.0, vec![7])
    );
    assert_eq!(told.saved_ms_per_day, 40_000.0);
    let unknown = proposes(
        &spilling(SpillKind::Unknown, 100.0 * MIB),
        "work_mem",
        "130MB",
    );
    assert_eq!(unknown.confidence, 0.5);
    let mut own = spilling(SpillKind::Sort, 50.0 * MIB);
    own.roles[0]
        .settings
        .insert("work_mem".to_owned(), Setting::new("8192", "kB"));
    let undo = proposes(&own, "work_mem", "100MB").undo;
    assert_eq!(undo, "ALTER ROLE \"app\" SET work_mem = '8192kB';");
}

#[test]
fn the_largest_need_that_fits_is_proposed() {
    // The bound is 16 GiB / (20 sessions x 2 nodes x 2 processes) = 204.8 MiB.
    let mut of = spilling(SpillKind::Sort, 50.0 * MIB);
    of.spills.push(spill(SpillKind::Sort, 150.0 * MIB));
    assert_eq!(
        proposes(&of, "work_mem", "100MB").memory_bytes,
        80.0 * 100.0 * MIB
    );
}

#[test]
fn spills_that_are_rare_or_too_large_are_left_alone() {
    silent(
        &spilling(SpillKind::Sort, 50.0 * MIB),
        &[
            ("too large", &|of| of.spills[0].bytes = 103.0 * MIB),
            ("rare", &|of| of.spills[0].calls_per_day = 9.0),
            ("small", &|of| of.spills[0].bytes = 1_000.0),
            ("another role", &|of| of.spills[0].role = "other".to_owned()),
            ("unknown memory", &|of| of.server.memory_bytes = None),
            ("unknown sessions", &|of| of.roles[0].sessions_p99 = None),
            ("unknown setting", &|of| unset(of, "work_mem")),
            ("large setting", &|of| set(of, "work_mem", "204800", "kB")),
        ],
    );
}

#[test]
fn hashes_alone_ask_for_the_multiplier() {
    let of = spilling(SpillKind::Hash, 50.0 * MIB);
    let told = proposes(&of, "hash_mem_multiplier", "4");
    assert_eq!(told.memory_bytes, 4.0 * 4.0 * MIB * 80.0);
    silent(
        &of,
        &[
            ("set", &|of| set(of, "hash_mem_multiplier", "4", "")),
            ("too large", &|of| set(of, "work_mem", "65536", "kB")),
            ("unknown", &|of| unset(of, "hash_mem_multiplier")),
        ],
    );
    let mut both = of;
    both.spills.push(spill(SpillKind::Sort, 20.0 * MIB));
    proposes(&both, "work_mem", "65MB");
}

#[test]
fn vacuums_that_read_indexes_twice_ask_for_memory() {
    let of = Evidence {
        vacuums: vec![VacuumRun {
            relation: "public.t".to_owned(),
            index_scans: 3.0,
            dead_ids: 50_000_000.0,
        }],
        ..evidence()
    };
    let told = proposes(&of, "maintenance_work_mem", "286MB");
    assert_eq!(told.scope, Scope::Reload);
    let mut huge = of.clone();
    huge.vacuums[0].dead_ids = 1e9;
    proposes(&huge, "maintenance_work_mem", "1024MB");
    huge.server.major = Some(17);
    proposes(&huge, "maintenance_work_mem", "4096MB");
    set(&mut huge, "autovacuum_work_mem", "65536", "kB");
    proposes(&huge, "autovacuum_work_mem", "4096MB");
    silent(
        &of,
        &[
            ("once", &|of| of.vacuums[0].index_scans = 1.0),
            ("enough", &|of| {
                set(of, "maintenance_work_mem", "1048576", "kB")
            }),
            ("unknown version", &|of| of.server.major = None),
            ("unknown memory", &|of| of.server.memory_bytes = None),
        ],
    );
}

#[test]
fn misses_that_the_system_caches_ask_for_buffers() {
    let of = Evidence {
        cache: Some(Cache {
            hit_share: Some(0.9),
            read_ms: Some(0.05),
            evictions_per_second: Some(5_000.0),
            page_cache_bytes: None,
            data_bytes: None,
        }),
        ..evidence()
    };
    let told = proposes(&of, "shared_buffers", "16384MB");
    assert_eq!(told.scope, Scope::Restart);
    assert!(told.undo.contains("'8192MB'"), "{}", told.undo);
    let mut quarter = of.clone();
    set(&mut quarter, "shared_buffers", "2097152", "8kB");
    proposes(&quarter, "shared_buffers", "26214MB");
    let cache =
        |change: fn(&mut Cache)| move |of: &mut Evidence| change(of.cache.as_mut().unwrap());
    silent(
        &of,
        &[
            ("hits", &cache(|of| of.hit_share = Some(0.96))),
            ("real reads", &cache(|of| of.read_ms = Some(1.0))),
            ("calm", &cache(|of| of.evictions_per_second = Some(10.0))),
            ("unknown", &cache(|of| of.evictions_per_second = None)),
            ("large", &|of| set(of, "shared_buffers", "3276800", "8kB")),
        ],
    );
}

#[test]
fn all_roles_together_keep_a_quarter_of_the_memory() {
    let mut of = spilling(SpillKind::Sort, 80.0 * MIB);
    of.roles.push(Role {
        name: "job".to_owned(),
        sessions_p99: Some(20.0),
        ..Role::default()
    });
    of.spills.push(Spill {
        role: "job".to_owned(),
        calls_per_day: 2_000.0,
        ..spill(SpillKind::Sort, 90.0 * MIB)
    });
    // Either fits alone; the one that saves more stays.
    let told = proposes(&of, "work_mem", "180MB");
    assert_eq!(told.target.as_deref(), Some("job"));
    of.spills[1].calls_per_day = 500.0;
    assert_eq!(
        proposes(&of, "work_mem", "160MB").target.as_deref(),
        Some("app")
    );
}

#[test]
fn all_claims_together_leave_a_quarter_to_the_system() {
    let mut of = spilling(SpillKind::Sort, 80.0 * MIB);
    of.cache = Some(Cache {
        hit_share: Some(0.9),
        read_ms: Some(0.05),
        evictions_per_second: Some(5_000.0),
        page_cache_bytes: None,
        data_bytes: None,
    });
    set(&mut of, "shared_buffers", "2097152", "8kB");
    of.vacuums = vec![VacuumRun {
        relation: "public.t".to_owned(),
        index_scans: 3.0,
        dead_ids: 1e9,
    }];
    of.server.major = Some(17);
    let all = proposals(&of);
    let claimed = |all: &[Proposal]| {
        let kept = all.iter().any(|of| of.parameter == "shared_buffers");
        let claims: f64 = all.iter().map(|of| of.memory_bytes).sum();
        claims + if kept { 0.0 } else { 16.0 * GIB }
    };
    assert!(claimed(&all) <= 0.75 * 64.0 * GIB, "{all:#?}");
    // The statements save time that was measured, so their memory comes first.
    let names: Vec<&str> = all.iter().map(|of| of.parameter.as_str()).collect();
    assert_eq!(names, ["work_mem", "maintenance_work_mem"]);
}

/// Spills of some roles.
fn spills() -> impl Strategy<Value = Vec<(usize, Spill)>> {
    let kind = prop::sample::select(vec![SpillKind::Sort, SpillKind::Hash, SpillKind::Unknown]);
    let one = (
        0..4_usize,
        kind,
        1.0..400.0_f64,
        1.0..6.0_f64,
        0.0..4.0_f64,
        0.0..1e5_f64,
    );
    prop::collection::vec(one, 0..8).prop_map(|all| {
        all.into_iter()
            .map(|(role, kind, mib, nodes, workers, calls)| {
                let spill = Spill {
                    nodes: nodes.floor(),
                    workers: workers.floor(),
                    calls_per_day: calls,
                    ..spill(kind, mib * MIB)
                };
                (role, spill)
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn memory_of_all_proposals_is_bounded(
        spills in spills(),
        sessions in 1.0..50.0_f64,
        dead in 0.0..1e9_f64,
        gib in 1.0..256.0_f64,
    ) {
        let mut of = evidence();
        of.server.memory_bytes = Some(gib * GIB);
        set(&mut of, "shared_buffers", &format!("{:.0}", gib * 0.25 * 131_072.0), "8kB");
        of.cache = Some(Cache {
            hit_share: Some(0.5),
            read_ms: Some(0.01),
            evictions_per_second: Some(1e5),
            page_cache_bytes: None,
            data_bytes: None,
        });
        of.vacuums = vec![VacuumRun {
            relation: "public.t".to_owned(),
            index_scans: 2.0,
            dead_ids: dead,
        }];
        of.roles = (0..4)
            .map(|at| Role {
                name: format!("r{at}"),
                sessions_p99: Some(sessions),
                ..Role::default()
            })
            .collect();
        of.spills = spills
            .into_iter()
            .map(|(role, spill)| Spill { role: format!("r{role}"), ..spill })
            .collect();
        let all = proposals(&of);
        let is_query = |of: &&Proposal| of.scope == Scope::Role;
        let queries: f64 = all.iter().filter(is_query).map(|of| of.memory_bytes).sum();
        prop_assert!(queries <= 0.25 * gib * GIB);
        let has_buffers = all.iter().any(|of| of.parameter == "shared_buffers");
        let claims: f64 = all.iter().map(|of| of.memory_bytes).sum();
        let buffers = if has_buffers { 0.0 } else { 0.25 * gib * GIB };
        prop_assert!(claims + buffers <= 0.75 * gib * GIB + MIB);
    }
}
