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
#[path = "conformance/contents.rs"]
mod contents;
#[path = "conformance/departures.rs"]
mod departures;
#[path = "conformance/elsewhere.rs"]
mod elsewhere;
#[path = "conformance/exchanges.rs"]
mod exchanges;
#[path = "conformance/faults.rs"]
mod faults;
#[path = "conformance/herds.rs"]
mod herds;
#[path = "conformance/idle_timer.rs"]
mod idle_timer;
#[path = "conformance/last_clients.rs"]
mod last_clients;
#[path = "conformance/leases.rs"]
mod leases;
#[path = "conformance/limits.rs"]
mod limits;
#[path = "conformance/lists.rs"]
mod lists;
#[path = "conformance/refusals.rs"]
mod refusals;
#[path = "conformance/renewal.rs"]
mod renewal;
#[path = "conformance/replays.rs"]
mod replays;
#[path = "conformance/sign_out.rs"]
mod sign_out;

#[path = "conformance/events.rs"]
mod events;
#[path = "conformance/mfa.rs"]
mod mfa;
#[path = "conformance/organizations.rs"]
mod organizations;
#[path = "conformance/partner.rs"]
mod partner;
#[path = "conformance/uploads.rs"]
mod uploads;
#[path = "conformance/v3.rs"]
mod v3;
#[path = "conformance/v3_pages.rs"]
mod v3_pages;

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
        bills_list_of_codes_is_read_like_any_other,
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
    limits {
        a_call_that_met_three_others_is_made_again_whatever_form_told_it,
        a_call_that_meets_three_others_again_and_again_is_told_after_two_repetitions,
        a_sign_in_that_met_three_calls_is_made_again_for_all_who_wait,
        sign_ins_that_meet_three_calls_again_and_again_wait_twice_as_long_each_time,
        a_call_that_met_three_others_does_not_restart_the_timer,
        three_calls_of_an_organization_are_in_flight_and_the_others_wait,
        each_organization_has_three_calls_of_its_own,
        one_client_alone_never_meets_the_limit_of_three,
        max_in_flight_is_kept_against_a_sandbox_with_another_limit,
        a_client_that_sends_more_at_once_than_bill_takes_is_told_and_recovers,
        two_clients_without_shared_slots_meet_the_limit_and_both_recover,
        a_spent_hour_of_calls_is_the_same_error_in_whatever_form_it_is_told,
        a_spent_hour_of_sign_ins_is_the_same_error_in_whatever_form_it_is_told,
        calls_are_closed_until_the_hour_ends_by_bills_clock_and_open_then,
        sign_ins_are_closed_until_the_hour_ends_by_bills_clock_and_open_then,
        who_waits_through_the_last_minute_of_a_spent_hour_is_served_when_it_ends,
        without_a_date_a_spent_hour_is_a_full_one,
        a_spent_hour_is_spent_for_every_organization_of_the_key,
        an_own_budget_of_sign_ins_holds_and_says_until_when,
        an_own_budget_of_calls_holds_for_an_hour,
        an_own_budget_of_calls_says_when_there_is_room_again,
        clients_that_share_a_key_share_its_budgets,
        a_list_of_organizations_counts_as_a_sign_in_at_both_ends,
        a_list_of_organizations_is_not_asked_for_beyond_the_budget,
        a_spent_hour_that_a_list_of_organizations_is_told_closes_the_sign_ins,
        a_retry_after_is_honoured_by_a_call,
        a_retry_after_beyond_the_calls_deadline_is_told_at_once,
        a_retry_after_of_more_than_an_hour_is_one_of_an_hour,
        a_retry_after_is_honoured_by_sign_ins_and_is_an_hour_at_most,
    }
    herds {
        ten_thousand_tasks_or_a_thousand_threads_share_three_slots_and_all_are_served,
        a_burst_of_two_hundred_callers_is_served_by_three_slots,
        callers_that_go_away_in_the_middle_leave_their_turn_to_the_others,
        who_runs_out_of_time_during_the_next_attempt_is_told_why_the_last_one_failed,
        an_hour_of_sessions_that_are_refused_stays_within_the_budget,
        an_hour_of_sign_ins_beyond_the_hours_limit_makes_one_in_each_clock_hour,
        an_hour_of_sign_ins_that_meet_three_calls_stays_within_the_budget,
        an_hour_of_a_server_in_trouble_stays_within_the_budget,
        an_hour_of_silence_stays_within_the_budget,
    }
    replays {
        after_an_invalid_session_everything_is_sent_once_more,
        after_a_second_invalid_session_nothing_is_sent_any_more,
        after_three_others_at_once_everything_is_sent_twice_more_at_most,
        a_read_whose_outcome_is_lost_twice_is_served_the_third_time,
        a_read_whose_outcome_is_lost_three_times_is_told_of_the_last_loss,
        a_read_that_is_not_answered_in_time_is_sent_again,
        the_waits_before_a_read_is_sent_again_are_half_a_second_and_a_second_at_most,
        a_retry_after_of_a_server_in_trouble_is_waited_for,
        without_a_word_of_the_program_a_lost_read_is_sent_twice_more,
        a_calls_own_retry_is_stronger_than_the_clients,
        each_end_is_counted_by_itself,
        a_call_that_waits_to_be_sent_again_holds_no_slot_and_keeps_its_place,
        a_deadline_ends_the_repetitions_with_the_last_loss,
        a_repetition_that_finds_no_slot_ends_at_the_calls_deadline,
        a_list_that_loses_pages_on_its_way_is_whole_all_the_same,
        what_writes_is_sent_once_and_done_once_however_its_answer_is_lost,
        what_writes_is_sent_once_when_it_is_not_answered_in_time,
        a_list_of_organizations_that_is_lost_is_not_asked_for_again,
        an_answer_that_would_come_again_is_not_asked_for_again,
        a_refusal_of_what_was_asked_is_not_asked_for_again,
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
    v3 {
        a_session_of_v3_is_made_used_and_ended_by_v3,
        a_session_of_v2_serves_calls_of_v3,
        a_session_of_v3_serves_calls_of_v2,
        the_session_travels_in_two_headers_and_nowhere_else,
        the_idle_timer_of_v3_is_the_same_34_minutes,
        a_call_of_either_api_restarts_the_timer_of_the_one_session,
        a_lost_session_makes_one_sign_in_and_one_replay_of_every_method,
        fifty_calls_refused_by_v3_make_one_sign_in,
        refusals_without_end_by_v3_are_replayed_once,
        a_401_of_bills_without_a_code_means_that_the_session_is_lost,
        a_gateways_401_says_nothing_about_the_session,
        v3s_empty_answer_to_a_sign_out_is_a_success,
        an_empty_answer_fits_what_needs_no_data,
        a_look_at_the_session_tells_user_organisation_and_mfa,
        every_form_of_v3s_error_is_the_same_typed_error,
        an_error_of_several_entries_keeps_them_all,
        an_error_that_concerns_the_session_is_heeded_wherever_it_stands,
        an_error_without_a_code_is_typed_and_leaves_the_session_alone,
        what_is_not_v3s_is_typed_and_leaves_the_session_alone,
        a_server_in_trouble_does_not_restart_the_timer,
        a_wrong_password_is_tried_once_by_v3,
        a_wrong_key_is_refused_by_v3_with_all_its_causes,
        an_organisation_that_is_refused_is_asked_for_once,
        a_refusal_of_v3s_sign_in_is_the_same_at_any_http_status,
        an_odd_answer_to_v3s_sign_in_backs_off_and_recovers,
        an_untrusted_session_is_no_reason_for_v3_to_sign_in,
        a_token_signs_in_by_v3_and_its_session_does_not_expire,
        a_consoles_token_takes_the_passwords_place_and_signs_in_by_v3,
        no_secrets_name_is_ever_the_key_of_a_query,
        no_secret_that_is_held_is_ever_part_of_a_query,
        a_v3_path_is_checked_before_anything_is_sent,
        what_changes_the_session_has_methods_of_its_own,
        an_object_is_created_read_changed_and_deleted,
        a_v3_answer_of_another_type_is_told_apart_from_a_refusal,
        keep_alive_looks_at_a_session_of_v3s_by_v3,
        an_unknown_path_is_told_and_leaves_the_session_alone,
        a_sign_in_that_says_nothing_of_trust_leaves_it_unknown,
        a_session_of_another_organisation_is_not_used,
        a_sign_in_that_names_no_organisation_is_the_one_asked_for,
        a_leased_session_signs_a_v3_request_by_its_headers,
        a_redirect_of_v3_carries_no_header_anywhere,
    }
    mfa {
        a_payment_is_refused_before_a_challenge_and_accepted_after_it,
        a_challenge_signs_in_first_if_need_be,
        a_challenge_by_the_backup_way_is_asked_for_as_such,
        a_session_lost_after_a_challenge_comes_back_trusted,
        a_remembered_device_travels_with_the_sign_ins_of_both_apis,
        a_device_of_an_earlier_run_makes_the_first_session_trusted,
        credentials_without_a_device_do_not_inherit_one,
        lost_trust_is_told_once_and_shown,
        trust_that_nobody_remembers_is_lost_with_the_session,
        trust_that_bill_takes_away_is_found_out_by_the_first_refusal,
        a_keep_alive_of_v3_sees_that_trust_is_gone,
        a_wrong_code_is_told_and_the_challenge_can_be_answered_again,
        a_code_that_comes_too_late_is_told_as_such,
        a_code_after_too_many_others_is_told_as_such,
        a_challenge_of_another_session_is_not_answered,
        an_answer_to_a_session_that_bill_has_lost_is_not_sent_with_another,
        an_answer_whose_outcome_is_lost_is_never_sent_again,
        a_step_up_makes_the_present_session_trusted,
        a_step_up_that_bill_does_not_grant_is_no_success,
        a_device_is_remembered_for_thirty_days,
        a_tokens_session_is_allowed_no_mfa,
        a_challenge_restarts_the_idle_timer_like_any_call,
        an_odd_answer_to_an_mfa_call_is_typed,
        what_cannot_be_a_code_or_a_device_is_refused_at_once,
    }
    organizations {
        each_organisation_has_a_session_of_its_own,
        the_same_organisation_is_the_same_client_with_the_same_session,
        each_organisation_has_three_slots_and_a_line_of_its_own,
        organisations_share_the_connections,
        organisations_share_the_keys_budgets,
        a_spent_hour_of_calls_is_known_to_every_organisation,
        another_user_of_the_same_key_counts_in_the_same_budgets,
        a_thousand_organisations_try_a_wrong_password_once,
        a_hundred_organisations_that_start_together_are_all_served,
        an_organisation_that_waits_for_anothers_probe_is_told_of_its_end_at_once,
        an_organisation_that_waited_for_anothers_probe_is_served_promptly,
        an_organisation_that_waits_for_a_silent_probe_is_not_lost,
        new_credentials_reach_every_organisation,
        new_credentials_wake_who_waits_in_another_organisation,
        a_password_changed_at_bill_is_refused_once_for_all,
        the_users_organisations_are_listed_without_a_session,
        a_list_of_organisations_finds_a_wrong_password_out_for_all,
        a_list_of_organisations_is_not_sent_again_when_its_answer_is_lost,
        organisations_can_be_read_by_v3_with_a_session,
        a_client_of_one_organisation_keeps_the_others_sessions,
        an_organisation_that_bill_refuses_does_not_refuse_the_others,
    }
    v3_pages {
        a_list_is_read_cursor_by_cursor,
        the_last_page_is_the_one_without_a_cursor_however_full,
        an_empty_page_with_a_cursor_goes_on,
        a_cursor_that_comes_again_is_an_error,
        a_cursor_of_two_pages_ago_is_an_error_too,
        a_v3_list_whose_session_is_lost_in_the_middle_goes_on,
        a_v3_list_that_outlives_its_session_between_pages_goes_on,
        a_v3_list_ends_at_its_first_error,
        every_page_has_the_queries_of_the_first_and_its_cursor_encoded,
        only_what_is_read_comes_in_pages,
        pages_that_are_dropped_ask_for_nothing_more,
    }
    partner {
        a_partner_signs_in_by_its_own_path_and_calls_with_its_key,
        the_application_key_travels_in_a_header_of_its_own,
        a_partners_session_is_kept_and_lost_like_any_other,
        keep_alive_looks_at_a_partners_session,
        a_partner_calls_nothing_of_v2s_and_has_no_organisation,
        a_partners_wrong_password_and_wrong_key_are_told_apart,
        a_partners_untrusted_session_is_told_so,
    }
    events {
        a_sign_in_is_told_with_what_made_it_necessary,
        a_renewal_is_told_like_any_sign_in,
        a_refusal_and_a_failure_are_told_with_their_cause,
        a_spent_hour_is_told,
        an_address_that_is_not_followed_is_told,
        a_listener_hears_what_happens_after_it_has_begun,
        each_organisation_has_events_of_its_own,
        whoever_waits_for_an_event_is_woken_by_it,
        events_are_a_stream_or_an_iterator_like_any_other,
        a_slow_listener_loses_the_oldest_and_is_told_how_many,
        listeners_that_never_listen_hold_no_call_up,
        events_end_with_the_last_client,
        a_listener_keeps_no_client_alive,
    }
    uploads {
        bytes_a_file_and_a_reader_arrive_whole_in_both_apis,
        nothing_at_all_can_be_uploaded_too,
        a_reader_that_brings_more_than_was_told_is_cut_there,
        bytes_and_files_are_sent_once_more_with_a_new_session,
        a_reader_is_never_sent_again,
        an_upload_whose_outcome_is_lost_is_never_sent_again,
        a_reader_gets_a_session_with_five_minutes_left,
        a_file_that_is_not_there_is_told_and_nothing_is_sent,
        a_reader_that_ends_early_is_told,
        a_reader_that_fails_is_told_with_its_own_words,
        a_file_that_shrinks_on_the_way_is_told,
        an_answer_that_comes_before_the_upload_has_ended_counts,
        a_server_that_hangs_up_on_an_upload_is_no_fault_of_the_content,
        a_name_with_quotes_and_the_like_arrives_as_it_is,
        content_that_looks_like_a_boundary_is_content,
        a_refusal_of_an_upload_is_typed_and_restarts_the_timer,
        the_query_and_path_of_an_upload_obey_the_rules_of_v3,
        an_upload_takes_one_of_the_slots,
        an_upload_of_50_mebibytes_is_never_in_memory_as_a_whole,
    }
    contents {
        what_is_no_regular_file_is_refused_at_once,
        a_file_that_does_not_know_its_length_arrives_whole,
        a_reader_that_stays_open_is_read_no_further_than_was_told,
        a_reader_that_is_interrupted_is_read_on,
        bytes_that_met_three_calls_are_sent_twice_more_and_a_reader_never,
    }
    last_clients {
        an_organisations_events_end_with_its_last_client,
        an_organisation_without_a_client_keeps_its_session,
        an_organisations_renewals_stop_with_its_last_client,
    }
    exchanges {
        a_connection_is_kept_for_every_call_that_was_in_flight,
        limits_without_an_end_are_long_ones,
        a_call_has_less_than_the_usual_limit_when_less_time_is_left,
    }
}
