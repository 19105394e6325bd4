//! Holds keep requests or answers back until they are released or enough have come.

use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::time::Duration;

use bill_sandbox::{DEMO_ORG, Fault, FaultKind, Sandbox};
use tokio::runtime;

use crate::raw_http::{
    DEMO_LOGIN, FIRST_TWO, call_request, form_request, info, receive, send, sign_in,
};

fn is_silent(stream: &mut TcpStream) -> bool {
    stream.set_read_timeout(Some(Duration::from_millis(30))).unwrap();
    let silent = stream
        .read(&mut [0; 1])
        .is_err_and(|error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut));
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    silent
}

#[test]
fn the_answer_of_a_sign_in_is_held_until_it_is_released() {
    let sandbox = Sandbox::start().unwrap();
    let hold = sandbox.hold("Login");
    let mut stream = send(&sandbox, &form_request("Login", &DEMO_LOGIN));
    hold.wait_for(1).unwrap();
    assert!(is_silent(&mut stream));
    let stats = sandbox.stats();
    assert_eq!((stats.sign_ins_succeeded, stats.in_flight, stats.sessions_alive), (1, 1, 1));
    assert_eq!(sandbox.journal()[0].outcome, None);

    hold.release();
    let session = receive(stream).data()["sessionId"].as_str().unwrap().to_owned();
    info(&sandbox, &session).data();
    assert_eq!(hold.arrived(), 1);
    sign_in(&sandbox, &DEMO_LOGIN);
}

#[test]
fn a_request_can_be_held_before_anything_is_done_for_it() {
    let sandbox = Sandbox::start().unwrap();
    let hold = sandbox.hold_requests("Login");
    let given_up = send(&sandbox, &form_request("Login", &DEMO_LOGIN));
    hold.wait_for(1).unwrap();
    assert_eq!((sandbox.stats().sign_ins, sandbox.stats().sign_ins_succeeded), (1, 0));
    drop(given_up);
    sandbox.wait_until(|stats| stats.in_flight == 0).unwrap();
    hold.release();
    assert_eq!(sandbox.stats().sessions_alive, 0);
}

#[test]
fn fifty_calls_at_a_barrier_are_all_told_at_once_that_their_session_is_lost() {
    let sandbox = Sandbox::builder().without_limits().start().unwrap();
    let session = sign_in(&sandbox, &DEMO_LOGIN);
    let hold = sandbox.hold("List/Vendor").until(50);
    sandbox.fault(Fault::new(FaultKind::LoseSession).on("List/Vendor"));
    let request = call_request(&session, "List/Vendor", FIRST_TWO);
    let mut streams: Vec<_> = (0..49).map(|_| send(&sandbox, &request)).collect();
    hold.wait_for(49).unwrap();
    assert!(is_silent(&mut streams[0]));
    streams.push(send(&sandbox, &request));
    for stream in streams {
        assert_eq!(receive(stream).code(), "BDC_1109");
    }
    let stats = sandbox.stats();
    assert_eq!((stats.rejected["BDC_1109"], stats.max_in_flight), (50, 50));
    let key = format!("key 1 / {DEMO_ORG}");
    assert_eq!(stats.in_flight, 0);
    assert!(stats.max_in_flight_by_key[&key] >= 1);
}

#[test]
fn sessions_can_be_lost_while_fifty_requests_wait() {
    let sandbox = Sandbox::builder().without_limits().start().unwrap();
    let session = sign_in(&sandbox, &DEMO_LOGIN);
    let hold = sandbox.hold_requests("List");
    let request = call_request(&session, "List/Vendor", FIRST_TWO);
    let streams: Vec<_> = (0..50).map(|_| send(&sandbox, &request)).collect();
    hold.wait_for(50).unwrap();
    let key = format!("key 1 / {DEMO_ORG}");
    assert_eq!(sandbox.stats().max_in_flight_by_key[&key], 50);
    sandbox.lose_sessions();
    drop(hold);
    for stream in streams {
        assert_eq!(receive(stream).code(), "BDC_1109");
    }
}

#[test]
fn a_late_1109_of_an_old_session_can_be_staged() {
    let sandbox = Sandbox::start().unwrap();
    let old = sign_in(&sandbox, &DEMO_LOGIN);
    sandbox.lose_sessions();
    let hold = sandbox.hold("List/Vendor");
    let late = send(&sandbox, &call_request(&old, "List/Vendor", FIRST_TWO));
    hold.wait_for(1).unwrap();
    let fresh = sign_in(&sandbox, &DEMO_LOGIN);
    hold.release();
    assert_eq!(receive(late).code(), "BDC_1109");
    info(&sandbox, &fresh).data();
}

#[test]
fn a_hold_is_released_when_it_is_dropped_and_stops_no_other_operation() {
    let sandbox = Sandbox::start().unwrap();
    let hold = sandbox.hold("List");
    let session = sign_in(&sandbox, &DEMO_LOGIN);
    info(&sandbox, &session).data();
    let stream = send(&sandbox, &call_request(&session, "List/Vendor", FIRST_TWO));
    hold.wait_for(1).unwrap();
    drop(hold);
    receive(stream).data();
}

#[test]
fn async_code_waits_for_held_requests_on_its_own_runtime() {
    let runtime = runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let sandbox = Sandbox::start().unwrap();
        let hold = sandbox.hold("Login").until(2);
        let request = form_request("Login", &DEMO_LOGIN);
        let first = send(&sandbox, &request);
        hold.reached(1).await;
        let second = send(&sandbox, &request);
        hold.reached(2).await;
        for stream in [first, second] {
            receive(stream).data();
        }
    });
}
