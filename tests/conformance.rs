//! Both adapters do the same, over real HTTP on loopback: one table of scenarios, run over each.
//!
//! A scenario is a function that is told the adapter; its name is the sentence that it proves. It
//! is run only because it stands in the table: one that does not is dead code, and fails clippy.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a scenario fails by panicking"
)]

#[path = "conformance/bugs.rs"]
mod bugs;
#[path = "conformance/cold_start.rs"]
mod cold_start;
#[path = "conformance/departures.rs"]
mod departures;
#[path = "conformance/elsewhere.rs"]
mod elsewhere;
#[path = "conformance/faults.rs"]
mod faults;
#[path = "conformance/idle_timer.rs"]
mod idle_timer;
#[path = "conformance/leases.rs"]
mod leases;
#[path = "conformance/lists.rs"]
mod lists;
#[path = "conformance/refusals.rs"]
mod refusals;
#[path = "conformance/renewal.rs"]
mod renewal;
#[path = "conformance/sign_out.rs"]
mod sign_out;

use bill_conformance::Adapter;

/// Makes a test of each scenario and adapter.
macro_rules! table {
    ($($subject:ident { $($scenario:ident,)+ })+) => {
        mod over_async {
            $(mod $subject {
                $(#[test]
                fn $scenario() {
                    crate::$subject::$scenario(crate::Adapter::Async);
                })+
            })+
        }

        mod over_blocking {
            $(mod $subject {
                $(#[test]
                fn $scenario() {
                    crate::$subject::$scenario(crate::Adapter::Blocking);
                })+
            })+
        }
    };
}

table! {
    cold_start {
        a_thousand_cold_callers_make_exactly_one_sign_in,
        fifty_calls_refused_at_once_make_exactly_one_more_sign_in_and_none_is_lost,
        three_callers_refused_in_all_slots_and_ten_in_line_end_after_one_sign_in,
        a_late_refusal_of_an_old_session_makes_no_sign_in,
        a_thousand_callers_of_a_silent_server_are_all_told_after_one_sign_in,
        callers_that_come_during_a_back_off_wait_for_its_end,
        a_caller_that_waits_in_line_ends_at_its_deadline,
        a_jump_of_the_clock_wakes_who_waits_at_once,
        no_more_than_three_calls_are_ever_in_flight,
    }
    refusals {
        a_wrong_password_is_tried_once_however_many_callers_wait,
        replaced_credentials_end_a_refusal,
        replaced_credentials_end_a_back_off_and_wake_who_waits,
        replaced_credentials_void_a_sign_in_in_flight,
        an_explicit_sign_in_passes_a_refusal_once,
        a_call_in_flight_when_credentials_are_replaced_ends_on_the_old_session,
        a_wrong_key_is_refused_with_all_its_causes,
    }
    sign_out {
        no_call_begun_before_a_sign_out_is_sent_after_it,
        a_call_refused_after_a_sign_out_is_not_replayed,
        a_sign_out_during_a_sign_in_leaves_no_session_behind,
        signing_out_twice_is_a_success_and_tells_bill_once,
        signing_out_of_a_session_that_is_invalid_already_is_a_success,
        offline_a_sign_out_still_forgets,
        a_sign_out_whose_answer_is_lost_still_forgets,
        dropping_the_client_never_signs_out,
    }
    idle_timer {
        the_session_is_the_same_at_33_59_999_and_at_34_00_000_there_is_a_sign_in,
        with_no_margin_the_boundary_is_35_minutes_to_the_millisecond,
        a_sign_in_starts_the_timer_too,
        in_use_every_30_minutes_for_24_hours_there_is_one_sign_in,
        the_timer_starts_when_a_call_is_sent_and_not_when_it_is_answered,
        a_failed_validation_restarts_the_timer,
        a_token_session_is_the_same_after_30_days_without_a_call,
        with_an_idle_limit_of_48_hours_a_token_signs_in_again_at_48_hours,
        the_phase_tells_how_much_idle_time_is_left,
    }
    renewal {
        ahead_signs_in_when_the_clock_moves_by_34_minutes,
        ahead_is_put_off_by_every_call,
        ahead_sets_no_timer_for_a_token,
        ahead_stops_after_12_renewals_without_a_call_and_goes_on_after_one,
        ahead_stops_at_a_permanent_refusal,
        keep_alive_keeps_the_same_session_without_a_sign_in,
        on_demand_does_nothing_until_a_call_needs_it,
        the_renewal_is_gone_soon_after_the_last_client,
        the_renewal_outlives_a_clone,
    }
    lists {
        twenty_five_hundred_vendors_come_in_three_pages_and_the_short_one_is_the_last,
        a_list_of_an_exact_multiple_of_the_page_size_ends_with_an_empty_page,
        a_list_whose_session_is_lost_in_the_middle_goes_on,
        a_list_that_outlives_its_session_between_pages_goes_on,
        an_empty_list_is_one_page,
        a_list_ends_at_its_first_error,
        a_page_size_out_of_range_is_refused_before_anything_is_sent,
    }
    leases {
        a_leased_session_signs_a_request_of_ones_own,
        a_lease_takes_no_slot,
        an_accepted_lease_restarts_the_idle_timer_from_when_it_was_taken,
        a_dropped_lease_says_nothing_of_the_session,
        an_invalid_lease_makes_the_next_call_sign_in,
        an_invalid_lease_of_an_old_session_changes_nothing,
        a_lease_for_a_time_signs_in_first_if_less_is_left,
        a_lease_signs_no_request_to_another_address,
    }
    faults {
        an_error_in_bills_form_is_the_same_typed_error_at_any_http_status,
        a_refusal_in_bills_form_at_a_sign_in_is_the_same_at_any_http_status,
        answers_that_are_not_bills_are_typed_and_leave_the_session_alone,
        answers_that_are_not_bills_fail_a_sign_in_with_their_cause,
        a_connection_that_breaks_is_typed_and_leaves_the_session_alone,
        a_connection_that_breaks_fails_a_sign_in_with_its_cause,
        a_slow_answer_is_read_to_its_end,
        an_answer_slower_than_the_limit_is_a_timeout,
        a_sign_in_slower_than_its_limit_is_a_timeout,
        an_answer_longer_than_the_cap_is_refused,
        a_sign_in_answer_longer_than_the_cap_is_refused,
        the_caps_are_1_and_16_mebibytes_by_default,
        a_contended_call_is_sent_again_twice_at_most,
        a_spent_hour_closes_the_keys_calls_until_it_ends,
        a_type_that_does_not_fit_is_told_apart_from_a_refusal,
    }
    elsewhere {
        a_redirect_of_a_call_is_never_followed,
        a_redirect_of_a_sign_in_is_never_followed,
        a_foreign_api_end_point_is_not_followed_and_named,
        the_configured_api_end_point_is_followed,
        a_proxy_of_the_environment_is_not_used_for_loopback,
        a_refused_connection_is_told_as_such,
        a_server_that_speaks_no_tls_was_sent_nothing,
        an_unknown_host_is_told_as_such,
    }
    bugs {
        bug_01_a_busy_session_is_not_thrown_away_by_a_fixed_time_to_live,
        bug_02_concurrent_calls_make_one_sign_in,
        bug_03_a_late_refusal_of_an_old_session_spares_the_fresh_one,
        bug_04_a_list_that_signs_in_again_uses_the_new_session_for_every_later_page,
        bug_05_refusals_without_end_are_not_replayed_without_end,
        bug_06_the_code_decides_and_not_the_word_expired,
        bug_07_http_200_with_an_error_inside_is_no_success,
        bug_08_an_untrusted_session_is_no_reason_to_sign_in,
        bug_09_a_post_whose_answer_is_lost_is_never_sent_twice,
        bug_10_a_spent_hour_is_not_reported_as_a_wrong_password,
        bug_11_the_code_of_a_failed_sign_in_is_kept_and_an_odd_answer_is_no_crash,
        bug_12_many_payments_make_one_sign_in,
        bug_13_nothing_is_sent_without_a_session_while_another_caller_signs_in,
        bug_14_no_secret_is_ever_part_of_a_url,
        bug_15_a_call_that_was_never_answered_does_not_restart_the_timer,
    }
}
