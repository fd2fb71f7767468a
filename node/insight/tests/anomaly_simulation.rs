//! A short run of the simulation: the rule is quiet, and it finds what is large.

#[path = "../examples/anomaly_simulation.rs"]
#[expect(dead_code, reason = "`main` is the example's")]
mod simulation;

#[test]
fn few_false_alarms_and_large_steps_are_found() {
    let all = simulation::total(&simulation::run(6, 4, true));
    let [_, three, four, _] = all.found.map(|found| found / all.steps);
    // 12 series-weeks: the rule has 0.03 a week, the original 24 to 43.
    assert!(all.false_alarms / all.weeks <= 0.25, "{all:?}");
    assert!(three >= 0.8 && four >= 0.85, "{all:?}");
}
