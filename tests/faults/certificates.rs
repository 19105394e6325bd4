//! Who is not BILL by its certificate, or does not speak a TLS that is safe, is told nothing.

use std::sync::Arc;
use std::time::Duration;

use bill_conformance::Adapter;
use rustls::ServerConfig;
use rustls::version::{TLS12, TLS13};

use crate::answers::{body_of, last_answer};
use crate::authority::Authority;
use crate::cell::{Cell, assert_all};
use crate::outcome::Outcome::{self, NotConnected, NotConnectedInTime, Served};
use crate::outcome::Step;
use crate::party::{LONG, Limits, Party, assert_no_secret};
use crate::server::{Front, Reply, Server};
use crate::trusting::in_a_process_that_trusts;
use crate::wire::Handshake;

const HOST: &str = "127.0.0.1";

/// Short, and long enough for the handshakes before and afterwards.
const FOR_SILENCE: Duration = Duration::from_secs(2);

/// The hello of a server that wants TLS 1.1, and takes a cipher that clients offer.
fn hello_of_tls_1_1() -> Vec<u8> {
    let mut hello = b"\x16\x03\x02\0\x2a\x02\0\0\x26\x03\x02".to_vec();
    hello.extend_from_slice(&[7; 32]);
    hello.extend_from_slice(b"\0\xc0\x13\0");
    hello
}

/// One handshake, what comes of it, and what an error must say of it.
struct Row {
    name: String,
    expected: Outcome,
    why: &'static str,
    shake: Handshake,
}

/// Handshakes that end in nothing, and those that succeed.
fn handshakes(authority: &Authority) -> Vec<Row> {
    let bad = authority.bad(HOST).into_iter().map(|(name, why, identity)| {
        let (name, shake) = (format!("a certificate {name}"), Handshake::Tls(identity.served()));
        Row { name, expected: NotConnected, why, shake }
    });
    let row =
        |name: &str, expected, why, shake| Row { name: name.to_owned(), expected, why, shake };
    let good = || authority.good(&[HOST]);
    let served = |name, config: Arc<ServerConfig>| row(name, Served, "Ok", Handshake::Tls(config));
    let refused =
        |name, why, bytes: &[u8]| row(name, NotConnected, why, Handshake::Bytes(bytes.to_vec()));
    let others = [
        served("a certificate that is good", good().served()),
        served(
            "a certificate that is good at second hand",
            authority.good_at_second_hand(HOST).served(),
        ),
        served("TLS 1.2 alone", good().served_over(&[&TLS12])),
        served("TLS 1.3 alone", good().served_over(&[&TLS13])),
        refused("TLS 1.1", "ServerDoesNotSupportTls12Or13", &hello_of_tls_1_1()),
        refused("an alert", "AlertReceived", b"\x15\x03\x03\0\x02\x02\x28"),
        refused("plain HTTP", "InvalidContentType", b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        refused("nothing, and the end", "UnexpectedEof", b""),
        row("silence", NotConnectedInTime, "Time", Handshake::Silence),
    ];
    bad.chain(others).collect()
}

pub(crate) fn cells(authority: &Authority) -> Vec<Cell> {
    let good = authority.good(&[HOST]).served();
    let mut cells = Vec::new();
    for Row { name, expected, why, shake } in handshakes(authority) {
        for step in Step::BOTH {
            let (expected, good) = (expected.clone(), Handshake::Tls(Arc::clone(&good)));
            let shakes = match step {
                Step::SignIn => vec![shake.clone(), good],
                Step::Call => vec![good.clone(), shake.clone(), good],
            };
            let name = format!("TLS / {name} / {}", step.name());
            cells.push(Cell::new(name, move |adapter| {
                shake_hands(adapter, step, shakes.clone(), &expected, why);
            }));
        }
    }
    cells
}

fn shake_hands(
    adapter: Adapter,
    step: Step,
    shakes: Vec<Handshake>,
    expected: &Outcome,
    why: &str,
) {
    // Every request gets a connection, and so a handshake, of its own.
    let server = Server::start(Front::Tls(shakes), |path| {
        let body = body_of(path);
        Reply::Script(Box::new(move |wire| {
            wire.send(last_answer(body));
        }))
    });
    let connect = if *expected == NotConnectedInTime { FOR_SILENCE } else { LONG };
    let party = Party::new(adapter, &server.origin(), Limits { connect, ..Limits::LONG });
    if step == Step::Call {
        assert_eq!(party.does(Step::SignIn), Served, "the first sign-in");
    }
    let before = server.told();
    let (outcome, said) = party.does_and_tells(step);
    assert_eq!(outcome, *expected);
    assert!(said.contains(why), "{why}: {said}");
    let (told, was_served) = (server.told(), usize::from(*expected == Served));
    assert_eq!(told.connections - before.connections, 1, "connections");
    assert_eq!(told.handshakes - before.handshakes, was_served, "handshakes");
    assert_eq!(told.requests.len() - before.requests.len(), was_served, "requests");
    assert_no_secret(&told.raw);
    party.wait();
    assert_eq!(party.does(Step::Call), Served, "afterwards");
}

#[test]
fn whoever_is_not_bill_by_its_certificate_is_told_nothing() {
    let name = "certificates::whoever_is_not_bill_by_its_certificate_is_told_nothing";
    in_a_process_that_trusts(name, &[], |authority| assert_all(&cells(authority)));
}
