//! A sandbox starts anywhere, stays on loopback and leaves nothing behind.

use std::net::{SocketAddr, TcpStream};

use bill_sandbox::{DEMO_ORG, Sandbox, StartError};
use tokio::runtime;

use crate::raw_http::{DEMO_LOGIN, exchange, form_request, receive, send, sign_in};

#[test]
fn a_busy_port_is_told_together_with_a_free_one() {
    let sandbox = Sandbox::start().unwrap();
    let error = Sandbox::builder().listen(sandbox.addr()).start().unwrap_err();
    let StartError::Busy { addr, free: Some(free), .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(*addr, sandbox.addr());
    assert_eq!(error.to_string(), format!("{addr} is in use; {free} is free"));
    assert!(std::error::Error::source(&error).is_some());
    assert_eq!(Sandbox::builder().listen(*free).start().unwrap().addr(), *free);
}

#[test]
fn an_address_that_other_machines_reach_must_be_allowed() {
    let everywhere: SocketAddr = "0.0.0.0:0".parse().unwrap();
    let error = Sandbox::builder().listen(everywhere).start().unwrap_err();
    assert!(matches!(error, StartError::NotLoopback { .. }));
    Sandbox::builder().listen(everywhere).allow_any_address().start().unwrap();
}

#[test]
fn dropping_it_frees_the_port_and_ends_every_connection() {
    let sandbox = Sandbox::start().unwrap();
    let addr = sandbox.addr();
    let hold = sandbox.hold("Login");
    let stream = send(&sandbox, &form_request("Login", &DEMO_LOGIN));
    hold.wait_for(1).unwrap();
    drop(sandbox);
    assert_eq!(receive(stream).status, 0);
    assert!(TcpStream::connect(addr).is_err());
    let again = Sandbox::builder().listen(addr).start().unwrap();
    sign_in(&again, &DEMO_LOGIN);
}

#[test]
fn it_starts_and_stops_inside_a_runtime() {
    let runtime = runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let sandbox = Sandbox::start().unwrap();
        sign_in(&sandbox, &DEMO_LOGIN);
    });
}

#[test]
fn sandboxes_are_apart_from_each_other() {
    let [one, two] = [Sandbox::start().unwrap(), Sandbox::start().unwrap()];
    sign_in(&one, &DEMO_LOGIN);
    assert_eq!((one.stats().sign_ins, two.stats().sign_ins), (1, 0));
}

#[test]
fn one_connection_carries_many_requests() {
    let sandbox = Sandbox::start().unwrap();
    let closing = form_request("Login", &DEMO_LOGIN);
    let keeping = closing.replace("connection: close\r\n", "");
    let reply = exchange(&sandbox, &format!("{keeping}{keeping}{closing}"));
    assert_eq!(reply.status, 200);
    let stats = sandbox.stats();
    assert_eq!((stats.sign_ins_succeeded, stats.max_in_flight), (3, 1));
}

#[test]
fn the_lines_to_export_name_the_demo_account_and_the_origin() {
    let sandbox = Sandbox::start().unwrap();
    let lines = sandbox.export_lines();
    assert!(lines.contains(&format!("export BILL_ENVIRONMENT='{}'", sandbox.origin())));
    assert!(lines.contains(&format!("export BILL_ORG_ID='{DEMO_ORG}'")));
    assert!(lines.contains("# BILL_TOKEN_VALUE='demo-token-value'"));
    let is_shell = |line: &str| line.starts_with("export BILL_") || line.starts_with("# ");
    assert!(lines.lines().all(is_shell));
}

#[test]
fn it_can_be_shared_between_threads() {
    fn is_shared<T: Send + Sync + 'static>() {}
    is_shared::<Sandbox>();
    is_shared::<bill_sandbox::Hold>();
    is_shared::<StartError>();
}
