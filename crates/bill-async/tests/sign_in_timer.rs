//! BILL's own timer example holds literally.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

#[path = "../examples/sign_in_timer.rs"]
#[allow(dead_code, reason = "its main is not called here")]
mod example;

// Its wait for the local BILL blocks a thread, so that the timer needs another.
#[tokio::test(flavor = "multi_thread")]
async fn the_timer_of_34_minutes_restarts_at_each_call_and_signs_in_again_when_it_fires() {
    let mut told = Vec::new();
    example::run(&mut told).await.unwrap();
    let told = String::from_utf8(told).unwrap();
    assert_eq!(told, include_str!("../../../tests/golden/sign_in_timer.txt"));
}
