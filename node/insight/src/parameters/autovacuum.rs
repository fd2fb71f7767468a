//! Scale factors of tables, the cost limit, the age of forced vacuums.

use super::evidence::Evidence;
use super::load::{Autovacuum, TableVacuum};
use super::proposal::{Proposal, Reason, Scope, quoted};

/// A table that is over its trigger this long waits, in minutes.
const OVERDUE_MINUTES: f64 = 60.0;
/// Share of the day in which all workers are busy that is large.
const BUSY_SHARE: f64 = 0.5;
/// Where the cost limit stops growing.
const MAX_COST_LIMIT: f64 = 2_000.0;
/// Least days between forced vacuums of a table.
const MIN_DAYS: f64 = 7.0;

pub(super) fn propose(of: &Evidence) -> Vec<Proposal> {
    let mut all: Vec<Proposal> = Vec::new();
    if let Some(told) = &of.autovacuum {
        let idle = told.all_busy_share <= BUSY_SHARE;
        let tables = told.tables.iter().filter(|_| idle);
        all.extend(tables.filter_map(|table| scale(of, table)));
        all.extend(cost(of, told));
    }
    all.extend(freeze(of));
    all
}

fn scale(of: &Evidence, table: &TableVacuum) -> Option<Proposal> {
    let server = of.setting("autovacuum_vacuum_scale_factor")?.number()?;
    let current = table.scale_factor.unwrap_or(server);
    let proposed = match table.rows {
        rows if rows > 100e6 => 0.01,
        rows if rows > 10e6 => 0.02,
        _ => return None,
    };
    if table.overdue_minutes <= OVERDUE_MINUTES || current <= proposed {
        return None;
    }
    let reason = Reason {
        evidence: format!(
            "{} has {:.0} dead rows of {:.0} and is over its trigger for {:.0} minutes, while \
             workers idle",
            table.name, table.dead, table.rows, table.overdue_minutes
        ),
        risk: "more vacuums, each smaller",
        measured_by: "dead share of the table",
    };
    let name = format!("{}.{}", quoted(&table.schema), quoted(&table.name));
    let parameter = "autovacuum_vacuum_scale_factor";
    let undo = match table.scale_factor {
        Some(own) => format!("ALTER TABLE {name} SET ({parameter} = {own});"),
        None => format!("ALTER TABLE {name} RESET ({parameter});"),
    };
    Some(Proposal {
        current: Some(format!("{current}")),
        statement: Some(format!(
            "ALTER TABLE {name} SET ({parameter} = {proposed});"
        )),
        undo,
        target: Some(name),
        ..Proposal::new(parameter, None, format!("{proposed}"), Scope::Table, reason)
    })
}

/// Twice the cost limit; where that is high enough, one more worker.
fn cost(of: &Evidence, told: &Autovacuum) -> Option<Proposal> {
    if told.all_busy_share <= BUSY_SHARE {
        return None;
    }
    let own = of.setting("autovacuum_vacuum_cost_limit")?.number()?;
    let current = if own < 0.0 {
        of.setting("vacuum_cost_limit")?.number()?
    } else {
        own
    };
    let reason = Reason {
        evidence: format!(
            "all autovacuum workers are busy {:.0} % of the day at a cost limit of {current:.0}",
            told.all_busy_share * 100.0
        ),
        risk: "vacuum reads and writes faster",
        measured_by: "vacuums/day",
    };
    if current < MAX_COST_LIMIT {
        let value = format!("{:.0}", (2.0 * current).min(MAX_COST_LIMIT));
        let name = "autovacuum_vacuum_cost_limit";
        return Proposal::server(of, Scope::Reload, name, value, reason);
    }
    let workers = of.setting("autovacuum_max_workers")?.number()?;
    // From 18 on a reload is enough, up to autovacuum_worker_slots.
    let slots = of
        .setting("autovacuum_worker_slots")
        .and_then(|slots| slots.number());
    let scope = if of.server.major? >= 18 && slots.is_some_and(|slots| workers < slots) {
        Scope::Reload
    } else {
        Scope::Restart
    };
    let value = format!("{:.0}", workers + 1.0);
    Proposal::server(of, scope, "autovacuum_max_workers", value, reason)
}

fn freeze(of: &Evidence) -> Option<Proposal> {
    let a_day = of.freeze?.xids_per_day;
    let current = of.setting("autovacuum_freeze_max_age")?.number()?;
    let days = current / a_day;
    let proposed = ((MIN_DAYS * a_day / 100e6).ceil() * 100e6).clamp(500e6, 1e9);
    if a_day <= 0.0 || days >= MIN_DAYS || current >= proposed {
        return None;
    }
    let reason = Reason {
        evidence: format!(
            "{a_day:.0} transaction ids a day make each table be vacuumed against wraparound every \
             {days:.1} days"
        ),
        risk: "less time until wraparound if vacuum cannot work",
        measured_by: "forced vacuums/day",
    };
    let value = format!("{proposed:.0}");
    Proposal::server(
        of,
        Scope::Restart,
        "autovacuum_freeze_max_age",
        value,
        reason,
    )
}

#[cfg(test)]
mod tests {
    use super::super::load::Freeze;
    use super::super::testing::{evidence, proposes, set, silent, unset};
    use super::*;

    fn table(of: &mut Evidence) -> &mut TableVacuum {
        &mut of.autovacuum.as_mut().unwrap().tables[0]
    }

    #[test]
    fn large_tables_that_wait_get_a_factor_of_their_own() {
        let of = Evidence {
            autovacuum: Some(Autovacuum {
                tables: vec![TableVacuum {
                    schema: "public".to_owned(),
                    name: "t".to_owned(),
                    rows: 20e6,
                    dead: 5e6,
                    overdue_minutes: 90.0,
                    scale_factor: None,
                }],
                all_busy_share: 0.1,
            }),
            ..evidence()
        };
        let told = proposes(&of, "autovacuum_vacuum_scale_factor", "0.02");
        assert_eq!(
            told.statement.as_deref(),
            Some("ALTER TABLE \"public\".\"t\" SET (autovacuum_vacuum_scale_factor = 0.02);")
        );
        assert!(told.undo.contains("RESET"), "{}", told.undo);
        let mut huge = of.clone();
        (table(&mut huge).rows, table(&mut huge).scale_factor) = (200e6, Some(0.05));
        let told = proposes(&huge, "autovacuum_vacuum_scale_factor", "0.01");
        assert!(
            told.undo
                .contains("SET (autovacuum_vacuum_scale_factor = 0.05)")
        );
        silent(
            &of,
            &[
                ("small", &|of| table(of).rows = 10e6),
                ("in time", &|of| table(of).overdue_minutes = 60.0),
                ("set", &|of| table(of).scale_factor = Some(0.02)),
                ("unknown", &|of| unset(of, "autovacuum_vacuum_scale_factor")),
            ],
        );
    }

    #[test]
    fn busy_workers_may_work_faster_and_then_be_more() {
        let of = Evidence {
            autovacuum: Some(Autovacuum {
                tables: Vec::new(),
                all_busy_share: 0.6,
            }),
            ..evidence()
        };
        proposes(&of, "autovacuum_vacuum_cost_limit", "400");
        let mut fast = of.clone();
        set(&mut fast, "autovacuum_vacuum_cost_limit", "1500", "");
        proposes(&fast, "autovacuum_vacuum_cost_limit", "2000");
        set(&mut fast, "autovacuum_vacuum_cost_limit", "2000", "");
        let told = proposes(&fast, "autovacuum_max_workers", "4");
        assert_eq!(told.scope, Scope::Restart);
        fast.server.major = Some(18);
        set(&mut fast, "autovacuum_worker_slots", "16", "");
        assert_eq!(
            proposes(&fast, "autovacuum_max_workers", "4").scope,
            Scope::Reload
        );
        silent(
            &of,
            &[
                ("idle", &|of| {
                    of.autovacuum.as_mut().unwrap().all_busy_share = 0.5
                }),
                ("unknown", &|of| unset(of, "vacuum_cost_limit")),
            ],
        );
    }

    #[test]
    fn forced_vacuums_every_few_days_ask_for_a_higher_age() {
        let of = Evidence {
            freeze: Some(Freeze { xids_per_day: 50e6 }),
            ..evidence()
        };
        let told = proposes(&of, "autovacuum_freeze_max_age", "500000000");
        assert_eq!(told.scope, Scope::Restart);
        let mut fast = of.clone();
        fast.freeze = Some(Freeze {
            xids_per_day: 300e6,
        });
        proposes(&fast, "autovacuum_freeze_max_age", "1000000000");
        silent(
            &of,
            &[
                ("slow", &|of| {
                    of.freeze = Some(Freeze { xids_per_day: 20e6 })
                }),
                ("still", &|of| {
                    of.freeze = Some(Freeze { xids_per_day: 0.0 })
                }),
                ("set", &|of| {
                    set(of, "autovacuum_freeze_max_age", "1000000000", "")
                }),
            ],
        );
    }
}
