//! What both adapters make of the faults of transport, how often they send, and how they go on.

use std::net::TcpListener;
use std::sync::Arc;

use bill_conformance::{Adapter, Op};
use bill_session_core::Phase;

use crate::answers::{answer, body_of, last_answer};
use crate::cell::{Cell, assert_all};
use crate::contents::{bodies, lies};
use crate::outcome::Outcome::{self, Broken, Late, NotConnected, Served};
use crate::outcome::Step;
use crate::party::{Limits, Party};
use crate::rows::Fault::{self, Answer, Behind, Instead};
use crate::rows::{Row, breaks, delays, floods};
use crate::server::{Front, Reply, Server};

/// All rows, for a sign-in and for a call.
pub(crate) fn cells() -> Vec<Cell> {
    let rows = [breaks(), delays(), floods(), lies(), bodies()].into_iter().flatten();
    let mut cells = vec![
        Cell::new("transport / a refused connection / sign-in", refused_sign_in),
        Cell::new("transport / a refused connection / call", refused_call),
    ];
    for Row { name, expected: [sign_in, call], fault } in rows {
        let fault = Arc::new(fault);
        for (step, expected) in [(Step::SignIn, sign_in), (Step::Call, call)] {
            let fault = Arc::clone(&fault);
            let name = format!("transport / {name} / {}", step.name());
            cells.push(Cell::new(name, move |adapter| {
                // A client that takes another connection by chance has not met this fault.
                let met = || befall(adapter, step, &fault, &expected);
                assert!((0..50).any(|_| met()), "no connection was used again");
            }));
        }
    }
    cells
}

/// One cell: the fault, what it is told as, how often the request was sent, and that the client
/// works again. False if the client did not run into the fault.
fn befall(adapter: Adapter, step: Step, fault: &Fault, expected: &Outcome) -> bool {
    let server = Server::start(Front::Plain, replies(step, fault));
    let limits = if *expected == Late { Limits::short_for(step) } else { Limits::LONG };
    let party = Party::new(adapter, &server.origin(), limits);
    let is_kept = matches!(fault, Behind(_));
    // Everything before the exchange that the fault befalls.
    let mut sign_ins = 0;
    if step == Step::Call || is_kept {
        assert_eq!(party.does(Step::SignIn), Served, "the first sign-in");
        sign_ins += 1;
    }
    if step == Step::SignIn && is_kept {
        party.run(&Op::SignOut).unwrap();
    }
    if is_kept {
        server.wait_until("the connection is kept", |told| told.is_ready);
    }
    let before = server.told();
    let outcome = party.does(step);
    if is_kept && *expected == Broken && outcome == Served {
        drop(party);
        server.wait_until("the script knows", |told| told.came.is_some());
        assert_eq!(server.told().came, Some(false), "it was sent again");
        return false;
    }
    assert_eq!(outcome, *expected);
    let sent = server.told().sent_to(step.path()) - before.sent_to(step.path());
    // What was reset as it arrived was never read, and no more came after it.
    let read = usize::from(!(is_kept && *expected == Broken));
    assert_eq!(sent, read, "a request is sent once");
    let connections = server.told().connections - before.connections;
    assert!(connections <= 1, "{connections} new connections");
    if step == Step::Call {
        assert!(
            matches!(party.client.phase(), Phase::SignedIn { .. }),
            "the session is left alone"
        );
    } else {
        sign_ins += read;
    }
    // Back to normal, with one more sign-in only if the last has failed.
    party.wait();
    assert_eq!(party.does(Step::Call), Served, "afterwards");
    let again = usize::from(step == Step::SignIn && *expected != Served);
    assert_eq!(server.told().sent_to(Step::SignIn.path()), sign_ins + again, "sign-ins");
    true
}

/// Answers as BILL does, with the fault where it belongs.
fn replies(step: Step, fault: &Fault) -> impl FnMut(&str) -> Reply + Send + 'static {
    // Behind what the fault comes, and whether it has come already.
    let before = match (step, fault) {
        (Step::SignIn, Behind(_)) => "/api/v2/Logout.json",
        (Step::Call, Behind(_)) => Step::SignIn.path(),
        _ => step.path(),
    };
    let mut fault = Some(match fault {
        Instead(script) => Instead(*script),
        Behind(script) => Behind(*script),
        Answer(answer) => Answer(*answer),
    });
    move |path| {
        let body = body_of(path);
        match fault.take_if(|_| path == before) {
            None => Reply::Bytes(answer(body)),
            Some(Answer(bytes)) => Reply::Bytes(bytes(&body)),
            Some(Behind(script)) => Reply::Then(answer(body), Box::new(script)),
            Some(Instead(script)) => Reply::Script(Box::new(move |wire| script(wire, &body))),
        }
    }
}

/// A listener that is closed again: on an address of its own, so that no other server of this
/// test gets the port meanwhile.
fn own_listener() -> TcpListener {
    TcpListener::bind("127.0.0.2:0").unwrap()
}

fn healthy(_: &str, path: &str) -> Reply {
    Reply::Bytes(answer(body_of(path)))
}

fn refused_sign_in(adapter: Adapter) {
    let addr = own_listener().local_addr().unwrap();
    let party = Party::new(adapter, &format!("http://{addr}"), Limits::LONG);
    assert_eq!(party.does(Step::SignIn), NotConnected);
    let listener = TcpListener::bind(addr).unwrap();
    let server = Server::listen(listener, Front::Plain, healthy);
    party.wait();
    assert_eq!(party.does(Step::Call), Served, "afterwards");
    assert_eq!(server.told().sent_to(Step::SignIn.path()), 1);
}

fn refused_call(adapter: Adapter) {
    let server = Server::listen(own_listener(), Front::Plain, |_, path| {
        // The next request needs another connection, which is not to be had.
        Reply::Script(Box::new({
            let body = body_of(path);
            move |wire| {
                wire.send(last_answer(body));
            }
        }))
    });
    let addr = server.addr();
    let party = Party::new(adapter, &server.origin(), Limits::LONG);
    assert_eq!(party.does(Step::SignIn), Served);
    server.stop();
    assert_eq!(party.does(Step::Call), NotConnected);
    let server = Server::listen(TcpListener::bind(addr).unwrap(), Front::Plain, healthy);
    assert_eq!(party.does(Step::Call), Served, "afterwards");
    let told = server.told();
    assert_eq!((told.sent_to(Step::SignIn.path()), told.sent_to(Step::Call.path())), (0, 1));
}

#[test]
fn every_fault_of_transport_is_the_same_to_both_adapters() {
    assert_all(&cells());
}
