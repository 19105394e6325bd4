//! Every history within bounds, on the session machine that ships: explored by `stateright`.
//!
//! A state is the list of actions that leads to it: each step rebuilds the real sessions from the
//! start, since they hold secrets and tickets that nobody may copy, and the print of what has come
//! of them tells states apart. From every state a healthy server is tried to the end.
#![expect(clippy::print_stdout, reason = "the figures are for whoever reads the run")]

#[path = "exhaustive/mod.rs"]
mod histories;

use std::time::Instant;

use histories::{Exploration, Setup, all_merged, all_within, setups};
use stateright::{Checker, HasDiscoveries, Model};

/// Explores all of a setup; demands these many states, steps between them, and this depth.
fn holds(setup: &'static Setup, [states, steps, depth]: [usize; 3]) {
    let begun = Instant::now();
    let checker =
        Exploration::of(setup).checker().finish_when(HasDiscoveries::Any).threads(1).spawn_bfs();
    let checker = checker.join();
    let found = [checker.unique_state_count(), checker.state_count(), checker.max_depth()];
    let most = checker.model().most();
    println!(
        "{}: {} states, {} steps, depth {}, drained in {:?} and {} looks at once, {:.1} s",
        setup.name,
        found[0],
        found[1],
        found[2],
        most.time,
        most.looks,
        begun.elapsed().as_secs_f64()
    );
    let broken = checker.discoveries();
    let histories = broken.values().map(|path| &path.last_state().actions);
    let shortest = histories.min_by_key(|actions| actions.len());
    assert!(broken.is_empty(), "broken: {:?}\n{shortest:?}", broken.keys());
    assert_eq!(found, [states, steps, depth]);
}

#[test]
fn callers_that_leave_hold_nobody_up_at_all() {
    holds(&setups::CANCELLED, [26_636, 94_914, 15]);
}

#[test]
fn callers_that_leave_or_freeze_hold_nobody_up_for_long() {
    holds(&setups::DEPARTURES, [69_706, 262_066, 16]);
}

#[test]
fn nor_do_they_where_there_are_two_slots() {
    holds(&setups::DEPARTURES_OF_TWO_SLOTS, [87_241, 320_597, 16]);
}

#[test]
fn callers_that_look_without_a_reason_change_nothing_for_others() {
    holds(&setups::GLANCES, [15_151, 48_354, 14]);
}

#[test]
fn a_caller_that_runs_its_sign_in_may_freeze_with_it() {
    holds(&setups::BLOCKING, [28_718, 69_751, 16]);
}

#[test]
fn sign_ins_may_fail_in_every_way_that_passes() {
    holds(&setups::FAILURES, [52_539, 147_363, 15]);
}

#[test]
fn a_refusal_for_good_is_heeded_and_lifted() {
    holds(&setups::REFUSALS, [71_829, 246_445, 16]);
}

#[test]
fn sign_ins_may_be_abandoned_and_fall_silent() {
    holds(&setups::ABANDONED, [81_054, 225_210, 17]);
}

#[test]
fn a_sign_in_without_a_beat_is_taken_over() {
    holds(&setups::HEARTBEAT, [30_615, 65_262, 17]);
}

#[test]
fn sessions_may_be_lost_at_any_moment() {
    holds(&setups::LOST_SESSIONS, [48_514, 169_025, 22]);
}

#[test]
fn answers_may_be_lost_at_any_moment() {
    holds(&setups::LOST_ANSWERS, [16_942, 41_886, 19]);
}

#[test]
fn calls_may_contend_while_others_freeze() {
    holds(&setups::CONTENTION, [41_627, 86_220, 19]);
}

#[test]
fn an_exchange_that_is_never_reported_on_gives_its_slot_back() {
    holds(&setups::SILENT_CALLS, [131_291, 407_517, 16]);
}

#[test]
fn nothing_begun_before_a_sign_out_is_sent_after_it() {
    holds(&setups::SIGN_OUTS, [64_320, 188_006, 20]);
}

#[test]
fn a_sign_in_may_end_long_after_a_sign_out() {
    holds(&setups::LATE_SIGN_INS, [117_639, 331_722, 18]);
}

#[test]
fn credentials_may_be_replaced_at_any_moment() {
    holds(&setups::REPLACED, [106_546, 397_274, 18]);
}

#[test]
fn a_session_that_has_idled_out_is_not_used() {
    holds(&setups::IDLE_SESSIONS, [115_067, 354_337, 21]);
}

#[test]
fn a_spent_budget_of_sign_ins_leaves_nobody_asleep() {
    holds(&setups::SPENT_BUDGET, [135_141, 458_548, 21]);
}

#[test]
fn two_organisations_of_one_principal_serve_their_callers() {
    holds(&setups::ORGANIZATIONS, [58_653, 141_570, 18]);
}

#[test]
fn two_organisations_go_along_with_a_replaced_principal() {
    holds(&setups::CHANGES_IN_TWO, [104_509, 367_271, 17]);
}

#[test]
fn two_callers_get_through_everything() {
    holds(&setups::EVERYTHING, [96_395, 296_262, 19]);
}

#[test]
#[ignore = "takes minutes: see verification.md"]
fn two_callers_get_through_more_of_everything() {
    holds(&setups::MORE_OF_EVERYTHING, [502_877, 1_840_857, 24]);
}

#[test]
#[ignore = "takes minutes: see verification.md"]
fn three_callers_get_through_everything() {
    holds(&setups::EVERYTHING_FOR_THREE, [116_823, 418_271, 18]);
}

#[test]
#[ignore = "takes minutes: see verification.md"]
fn three_callers_go_along_with_sign_outs_and_replacements() {
    holds(&setups::CHANGES_FOR_THREE, [410_884, 1_400_221, 23]);
}

#[test]
fn histories_that_share_a_print_share_their_future() {
    share_their_future(
        [&setups::FEW, &setups::FEW_CHANGES, &setups::FEW_IN_TWO],
        [[10_303, 23_220], [4_061, 9_486], [25_704, 85_606]],
    );
}

#[test]
#[ignore = "takes minutes: see verification.md"]
fn more_histories_that_share_a_print_share_their_future() {
    share_their_future(
        [&setups::MORE_CHANGES, &setups::MORE_IN_TWO],
        [[50_172, 144_352], [39_270, 125_017]],
    );
}

#[test]
fn short_histories_share_their_future_whichever_would_be_merged() {
    let compared = all_within(&setups::FEW, 8);
    println!("prints, and histories that have them: {compared:?}");
    assert_eq!(compared, [7_905, 48_862]);
}

/// Compares the histories that would be merged; demands so many prints and histories that have them.
fn share_their_future<const N: usize>(setups: [&'static Setup; N], compared: [[usize; 2]; N]) {
    let found = setups.map(all_merged);
    println!("prints, and histories that have them: {found:?}");
    assert_eq!(found, compared);
}
