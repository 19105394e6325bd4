//! A session lives until it is idle for 35 minutes, signed out or lost; a token's for good.

use std::time::{Duration, UNIX_EPOCH};

use bill_sandbox::Sandbox;

use crate::raw_http::{DEMO_LOGIN, TOKEN_LOGIN, call, info, sign_in};

fn frozen() -> Sandbox {
    Sandbox::builder().frozen_clock().start().unwrap()
}

#[test]
fn a_session_is_accepted_at_34_59_999_idle_and_refused_at_35_00_000() {
    let sandbox = frozen();
    let session = sign_in(&sandbox, &DEMO_LOGIN);
    sandbox.advance(Duration::from_millis(34 * 60_000 + 59_999));
    info(&sandbox, &session).data();
    sandbox.advance(Duration::from_millis(35 * 60_000));
    let reply = info(&sandbox, &session);
    assert_eq!((reply.status, reply.code().as_str()), (200, "BDC_1109"));
    assert_eq!(
        reply.json()["response_data"]["error_message"],
        "Session is invalid.  Please log in."
    );
    assert_eq!(sandbox.stats().sessions_alive, 0);
}

#[test]
fn the_sign_in_itself_begins_the_idle_time() {
    let sandbox = frozen();
    let session = sign_in(&sandbox, &DEMO_LOGIN);
    sandbox.advance(Duration::from_millis(2_100_000));
    assert_eq!(info(&sandbox, &session).code(), "BDC_1109");
}

#[test]
fn a_session_in_use_every_30_minutes_lives_for_24_hours_and_longer() {
    let sandbox = frozen();
    let session = sign_in(&sandbox, &DEMO_LOGIN);
    for _ in 0..50 {
        sandbox.advance(Duration::from_secs(1_800));
        info(&sandbox, &session).data();
    }
    assert_eq!(sandbox.stats().sign_ins, 1);
}

#[test]
fn a_call_that_fails_in_bills_envelope_resets_the_timer_too() {
    let sandbox = frozen();
    let session = sign_in(&sandbox, &DEMO_LOGIN);
    sandbox.advance(Duration::from_secs(2_000));
    assert_eq!(call(&sandbox, &session, "List/Vendor", r#"{"max":"?"}"#).code(), "BDC_1002");
    sandbox.advance(Duration::from_secs(2_000));
    info(&sandbox, &session).data();
}

#[test]
fn a_request_that_is_refused_for_its_form_does_not_reset_the_timer() {
    let sandbox = frozen();
    let session = sign_in(&sandbox, &DEMO_LOGIN);
    sandbox.advance(Duration::from_secs(2_000));
    assert_eq!(call(&sandbox, &session, "List/Vendor", "").code(), "SANDBOX_MISSING_FIELD");
    sandbox.advance(Duration::from_secs(100));
    assert_eq!(info(&sandbox, &session).code(), "BDC_1109");
}

#[test]
fn a_session_is_dead_at_once_after_a_sign_out() {
    let sandbox = frozen();
    let session = sign_in(&sandbox, &DEMO_LOGIN);
    let other = sign_in(&sandbox, &DEMO_LOGIN);
    call(&sandbox, &session, "Logout", "").data();
    assert_eq!(info(&sandbox, &session).code(), "BDC_1109");
    assert_eq!(call(&sandbox, &session, "Logout", "").code(), "BDC_1109");
    info(&sandbox, &other).data();
    let stats = sandbox.stats();
    assert_eq!((stats.sign_outs, stats.sessions_alive), (1, 1));
}

#[test]
fn a_made_up_session_is_invalid() {
    let sandbox = frozen();
    for session in ["made-up", "null"] {
        assert_eq!(info(&sandbox, session).code(), "BDC_1109");
    }
    assert_eq!(sandbox.stats().rejected["BDC_1109"], 2);
}

#[test]
fn lost_sessions_are_all_invalid_and_new_ones_are_not() {
    let sandbox = frozen();
    let session = sign_in(&sandbox, &DEMO_LOGIN);
    sandbox.lose_sessions();
    assert_eq!(info(&sandbox, &session).code(), "BDC_1109");
    info(&sandbox, &sign_in(&sandbox, &DEMO_LOGIN)).data();
}

#[test]
fn a_session_of_a_token_lives_for_30_idle_days_by_default() {
    let sandbox = frozen();
    let session = sign_in(&sandbox, &TOKEN_LOGIN);
    sandbox.advance(Duration::from_secs(30 * 86_400));
    info(&sandbox, &session).data();
}

#[test]
fn a_session_of_a_token_can_be_set_to_end_after_48_idle_hours() {
    let limit = Some(Duration::from_secs(48 * 3_600));
    let sandbox = Sandbox::builder().frozen_clock().token_idle_limit(limit).start().unwrap();
    let session = sign_in(&sandbox, &TOKEN_LOGIN);
    sandbox.advance(Duration::from_millis(172_799_999));
    info(&sandbox, &session).data();
    sandbox.advance(Duration::from_millis(172_800_000));
    assert_eq!(info(&sandbox, &session).code(), "BDC_1109");
}

#[test]
fn a_clock_that_is_not_frozen_runs_with_real_time() {
    let sandbox = Sandbox::start().unwrap();
    sandbox.advance(Duration::from_secs(60));
    let earlier = sandbox.now();
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while sandbox.now() == earlier && std::time::Instant::now() < deadline {
        std::thread::yield_now();
    }
    assert!(earlier >= Duration::from_secs(60) && sandbox.now() > earlier);
    assert_eq!(frozen().now(), Duration::ZERO);
}

#[test]
fn the_date_of_an_answer_and_the_current_time_move_with_the_clock() {
    let sandbox = frozen();
    let session = sign_in(&sandbox, &DEMO_LOGIN);
    let times = || {
        let reply = call(&sandbox, &session, "CurrentTime", "");
        let time = reply.data()["currentTime"].as_str().unwrap().to_owned();
        let date = httpdate::parse_http_date(reply.header("date").unwrap()).unwrap();
        (time, date)
    };
    let (time, date) = times();
    sandbox.advance(Duration::from_secs(1_800));
    let (later_time, later_date) = times();
    assert_eq!(later_date.duration_since(date).unwrap(), Duration::from_secs(1_800));
    assert!(later_time > time && later_time.ends_with("+0000"), "{time} {later_time}");
}

#[test]
fn the_clock_can_start_at_any_time_of_day_and_at_no_time_that_a_date_cannot_show() {
    let year = Duration::from_secs(365 * 86_400);
    for (start, date) in [
        (UNIX_EPOCH + Duration::from_secs(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT"),
        (UNIX_EPOCH - year, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (UNIX_EPOCH + 9_000 * year, "Fri, 07 Jan 7966 00:00:00 GMT"),
    ] {
        let sandbox = Sandbox::builder().frozen_clock().starts_at(start).start().unwrap();
        assert_eq!(info(&sandbox, "made-up").header("date"), Some(date));
        sandbox.advance(2_000 * year);
        assert_eq!(info(&sandbox, "made-up").code(), "BDC_1109");
    }
}
