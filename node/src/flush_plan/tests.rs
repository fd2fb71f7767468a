use super::*;

const INTERVAL: Duration = Duration::from_millis(200);

fn at(index: u64) -> Position {
    Position::new(1, index)
}

fn flushable(index: u64) -> Fact {
    Fact::Flushable {
        upto: at(index),
        is_large: false,
    }
}

/// A plan of term 1 whose store stands at `watermark`.
fn ready(watermark: u64) -> FlushPlan {
    let mut plan = FlushPlan::new(INTERVAL);
    assert_eq!(plan.on(Fact::Duty(Some(1))), [Effect::TakeOver { term: 1 }]);
    let taken = Fact::Taken {
        term: 1,
        watermark: at(watermark),
    };
    assert_eq!(plan.on(taken), [Effect::Announce(at(watermark))]);
    plan
}

fn flush(term: u64, after: u64, from: u64, upto: u64) -> Effect {
    Effect::Flush {
        term,
        after: at(after),
        from: at(from),
        upto: at(upto),
    }
}

#[test]
fn small_amounts_wait_for_the_interval_and_large_ones_do_not() {
    let mut plan = ready(5);
    assert_eq!(plan.on(flushable(7)), [Effect::Wake(INTERVAL)]);
    assert_eq!(plan.on(flushable(9)), [], "one wake-up is enough");
    assert_eq!(plan.on(Fact::Woken), [flush(1, 5, 5, 9)]);

    let mut plan = ready(5);
    let large = Fact::Flushable {
        upto: at(9),
        is_large: true,
    };
    assert_eq!(plan.on(large), [flush(1, 5, 5, 9)]);
}

#[test]
fn one_flush_is_under_way_at_a_time() {
    let mut plan = ready(5);
    plan.on(flushable(7));
    plan.on(Fact::Woken);
    assert_eq!(plan.on(flushable(12)), []);
    let done = Fact::Flushed {
        term: 1,
        upto: at(7),
        has_more: false,
    };
    assert_eq!(
        plan.on(done),
        [Effect::Announce(at(7)), Effect::Wake(INTERVAL)]
    );
}

#[test]
fn ranges_without_a_push_are_skipped_without_a_word() {
    let mut plan = ready(5);
    plan.on(flushable(7));
    plan.on(Fact::Woken);
    let empty = Fact::Empty {
        term: 1,
        upto: at(7),
    };
    assert_eq!(plan.on(empty), []);
    plan.on(flushable(9));
    assert_eq!(plan.on(Fact::Woken), [flush(1, 5, 7, 9)]);
}

#[test]
fn after_a_failure_the_watermark_is_read_again_and_the_pause_grows() {
    let mut plan = ready(5);
    plan.on(flushable(7));
    plan.on(Fact::Woken);
    let mut pauses = Vec::new();
    for _ in 0..8 {
        let effects = plan.on(Fact::Failed { term: 1 });
        let [Effect::Wake(pause)] = effects.as_slice() else {
            panic!("{effects:?}");
        };
        pauses.push(*pause);
        assert_eq!(plan.on(Fact::Woken), [Effect::TakeOver { term: 1 }]);
    }
    assert_eq!(pauses.first(), Some(&BACKOFF.first));
    assert_eq!(pauses.last(), Some(&BACKOFF.longest));
    // The lost COMMIT had arrived: nothing is flushed twice.
    let taken = Fact::Taken {
        term: 1,
        watermark: at(7),
    };
    assert_eq!(plan.on(taken), [Effect::Announce(at(7))]);
}

#[test]
fn a_node_that_lost_the_leadership_flushes_no_more() {
    let mut plan = ready(5);
    plan.on(flushable(7));
    plan.on(Fact::Woken);
    assert_eq!(plan.on(Fact::Duty(None)), []);
    let done = Fact::Flushed {
        term: 1,
        upto: at(7),
        has_more: true,
    };
    assert_eq!(plan.on(done), []);
    assert_eq!(plan.on(Fact::Woken), []);
    assert_eq!(plan.on(Fact::Failed { term: 1 }), []);
}

#[test]
fn a_new_term_takes_the_store_over_again_and_ignores_reports_of_the_old_one() {
    let mut plan = ready(5);
    plan.on(flushable(7));
    plan.on(Fact::Woken);
    assert_eq!(plan.on(Fact::Duty(Some(3))), [Effect::TakeOver { term: 3 }]);
    assert_eq!(plan.on(Fact::Failed { term: 1 }), []);
    let taken = Fact::Taken {
        term: 3,
        watermark: at(6),
    };
    assert_eq!(plan.on(taken), [Effect::Announce(at(6)), flush(3, 6, 6, 7)]);
}

#[test]
fn a_watermark_that_went_back_is_refilled_from_there() {
    let mut plan = ready(50);
    plan.on(Fact::Duty(None));
    plan.on(flushable(60));
    plan.on(Fact::Duty(Some(2)));
    let taken = Fact::Taken {
        term: 2,
        watermark: at(20),
    };
    assert_eq!(
        plan.on(taken),
        [Effect::Announce(at(20)), flush(2, 20, 20, 60)]
    );
}
