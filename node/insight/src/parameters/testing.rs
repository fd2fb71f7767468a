//! A server that settings are judged on, and what every proposal must keep.

use super::*;

pub(super) const GIB: f64 = 1_073_741_824.0;

/// A machine of 64 GiB and 16 cores with PostgreSQL 16 and a role that takes half the load.
pub(super) fn evidence() -> Evidence {
    let settings = [
        ("work_mem", "4096", "kB"),
        ("hash_mem_multiplier", "2", ""),
        ("maintenance_work_mem", "65536", "kB"),
        ("autovacuum_work_mem", "-1", "kB"),
        ("autovacuum_max_workers", "3", ""),
        ("autovacuum_vacuum_scale_factor", "0.2", ""),
        ("autovacuum_vacuum_cost_limit", "-1", ""),
        ("vacuum_cost_limit", "200", ""),
        ("autovacuum_freeze_max_age", "200000000", ""),
        ("shared_buffers", "1048576", "8kB"),
        ("effective_cache_size", "524288", "8kB"),
        ("random_page_cost", "4", ""),
        ("effective_io_concurrency", "1", ""),
        ("max_wal_size", "1024", "MB"),
        ("checkpoint_timeout", "300", "s"),
        ("wal_compression", "off", ""),
        ("default_statistics_target", "100", ""),
        ("max_connections", "100", ""),
        ("idle_in_transaction_session_timeout", "0", "ms"),
        ("lock_timeout", "0", "ms"),
        ("statement_timeout", "0", "ms"),
        ("jit", "on", ""),
        ("max_parallel_workers", "8", ""),
        ("max_worker_processes", "16", ""),
        ("plan_cache_mode", "auto", ""),
        ("track_io_timing", "on", ""),
        ("compute_query_id", "auto", ""),
        ("log_lock_waits", "on", ""),
        ("log_temp_files", "10240", "kB"),
        ("pg_stat_statements.max", "5000", ""),
    ];
    let settings = settings
        .into_iter()
        .map(|(name, value, unit)| (name.to_owned(), Setting::new(value, unit)))
        .collect();
    Evidence {
        server: Server {
            settings,
            major: Some(16),
            memory_bytes: Some(64.0 * GIB),
            cores: Some(16),
            cpu_busy: Some(0.3),
        },
        roles: vec![Role {
            name: "app".to_owned(),
            sessions_p99: Some(20.0),
            load_share: Some(0.5),
            ..Role::default()
        }],
        ..Evidence::default()
    }
}

/// What is proposed, with all that every proposal must keep.
pub(super) fn proposals(of: &Evidence) -> Vec<Proposal> {
    let all = advise(of);
    for proposal in &all {
        let texts = [
            &proposal.undo,
            &proposal.risk,
            &proposal.evidence,
            &proposal.measured_by,
        ];
        assert!(texts.iter().all(|text| !text.is_empty()), "{proposal:?}");
        assert!(
            proposal.evidence.contains(|c: char| c.is_ascii_digit()),
            "{}",
            proposal.evidence
        );
        let undo = Some(&proposal.undo).filter(|undo| undo.starts_with("ALTER"));
        for sql in proposal.statement.iter().chain(undo) {
            assert!(pg_query::parse(sql, 0).is_ok(), "{sql}");
        }
        assert_eq!(undo.is_some(), proposal.statement.is_some(), "{proposal:?}");
        assert_ne!(proposal.current.as_ref(), Some(&proposal.proposed));
        let json = serde_json::to_value(proposal).unwrap();
        assert_eq!(serde_json::from_value::<Proposal>(json).unwrap(), *proposal);
    }
    all
}

/// Checks that one parameter alone is proposed.
pub(super) fn proposes(of: &Evidence, parameter: &str, proposed: &str) -> Proposal {
    let mut all = proposals(of);
    assert_eq!(all.len(), 1, "{parameter}: {all:#?}");
    let proposal = all.remove(0);
    assert_eq!(proposal.parameter, parameter);
    assert_eq!(proposal.proposed, proposed, "{parameter}");
    proposal
}

/// A change of the evidence and its name.
type Change<'a> = (&'a str, &'a dyn Fn(&mut Evidence));

/// Checks that nothing is proposed after each of some changes of the evidence.
pub(super) fn silent(of: &Evidence, changes: &[Change<'_>]) {
    for (name, change) in changes {
        let mut changed = of.clone();
        change(&mut changed);
        assert_eq!(proposals(&changed), [], "{name}");
    }
}

pub(super) fn set(of: &mut Evidence, name: &str, value: &str, unit: &str) {
    let setting = Setting::new(value, unit);
    of.server.settings.insert(name.to_owned(), setting);
}

pub(super) fn unset(of: &mut Evidence, name: &str) {
    of.server.settings.remove(name);
}

#[test]
fn a_server_without_evidence_has_no_proposals() {
    assert_eq!(proposals(&evidence()), []);
    assert_eq!(proposals(&Evidence::default()), []);
}
