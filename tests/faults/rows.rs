//! The table of what can happen to an answer between BILL and the client, or be put in its place.

use std::fmt::Display;

use bill_conformance::{MILLISECOND, SECOND};
use bill_session_core::ForeignKind;

use crate::answers::answer;
use crate::outcome::Outcome::{self, Broken, Late, NotBill, Served, TooLong};
use crate::wire::Wire;

/// A fault, what a sign-in and a call make of it, and what the server does, which is told the body
/// that BILL's answer would have had.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) expected: [Outcome; 2],
    pub(crate) fault: Fault,
}

pub(crate) enum Fault {
    /// In place of the answer.
    Instead(fn(&mut Wire, &str)),
    /// Behind the answer before it, on the connection that is kept.
    Behind(fn(&mut Wire)),
    /// A whole answer, in place of the usual one.
    Answer(fn(&str) -> Vec<u8>),
}

use Fault::{Behind, Instead};

pub(crate) fn row(name: &'static str, expected: Outcome, fault: Fault) -> Row {
    Row { name, expected: [expected.clone(), expected], fault }
}

/// One that a sign-in and a call tell in different words, since a sign-in says nothing of types.
pub(crate) fn differs(name: &'static str, sign_in: Outcome, call: Outcome, fault: Fault) -> Row {
    Row { name, expected: [sign_in, call], fault }
}

pub(crate) fn not_bill(kind: ForeignKind) -> Outcome {
    NotBill(200, kind)
}

pub(crate) const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
pub(crate) const INTERIM: &str = "HTTP/1.1 103 Early Hints\r\nlink: </style.css>\r\n\r\n";
pub(crate) const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

pub(crate) fn head_of(length: impl Display) -> String {
    format!("{HEAD}content-length: {length}\r\n\r\n")
}

pub(crate) fn half(body: &str) -> &str {
    &body[..body.len() / 2]
}

/// An answer of BILL's that a client must not take for the one to its next request.
pub(crate) fn forged() -> Vec<u8> {
    answer(r#"{"response_status":1,"response_data":{"error_code":"BDC_9999"}}"#)
}

pub(crate) fn breaks() -> Vec<Row> {
    vec![
        row("reset before the answer", Broken, Instead(|wire, _| wire.reset())),
        row(
            "reset in the head",
            Broken,
            Instead(|wire, _| {
                wire.send(HEAD);
                wire.reset();
            }),
        ),
        row(
            "reset in the body",
            Broken,
            Instead(|wire, body| {
                wire.send(head_of(body.len()) + half(body));
                wire.reset();
            }),
        ),
        row("half-closed before the answer", Broken, Instead(|wire, _| wire.half_close())),
        row(
            "half-closed in the head",
            Broken,
            Instead(|wire, _| {
                wire.send(HEAD);
                wire.half_close();
            }),
        ),
        row(
            "half-closed in the body",
            Broken,
            Instead(|wire, body| {
                wire.send(head_of(body.len()) + half(body));
                wire.half_close();
            }),
        ),
        row(
            "chunks that end early",
            Broken,
            Instead(|wire, body| {
                wire.send(format!("{CHUNKED}{:x}\r\n{body}\r\n", body.len()));
            }),
        ),
        row(
            "a kept connection closed before the request",
            Served,
            Behind(|wire| wire.close_idle()),
        ),
        row(
            "a kept connection closed as the request arrives",
            Broken,
            Behind(|wire| {
                wire.wait_for_more();
                wire.half_close();
            }),
        ),
        row(
            "a kept connection reset as the request arrives",
            Broken,
            Behind(|wire| {
                wire.wait_for_more();
                wire.reset();
            }),
        ),
        row(
            "an answer behind the answer, that nobody asked for",
            Served,
            Behind(|wire| {
                wire.send(forged());
                wire.close_idle();
            }),
        ),
    ]
}

pub(crate) fn delays() -> Vec<Row> {
    vec![
        row("silence", Late, Instead(|wire, _| wire.wait_for_hang_up())),
        row(
            "silence in the head",
            Late,
            Instead(|wire, _| {
                wire.send(HEAD);
                wire.wait_for_hang_up();
            }),
        ),
        row(
            "silence in the body",
            Late,
            Instead(|wire, body| {
                wire.send(head_of(body.len()) + half(body));
                wire.wait_for_hang_up();
            }),
        ),
        row("one byte a second", Late, Instead(|wire, body| wire.drip(&answer(body), SECOND))),
        row(
            "a byte now and then, each soon enough",
            Late,
            Instead(|wire, body| wire.drip(&answer(body), 20 * MILLISECOND)),
        ),
        row(
            "interim answers without end",
            Late,
            Instead(|wire, _| while wire.pause(20 * MILLISECOND) && wire.send(INTERIM) {}),
        ),
        row(
            "a length that is too long, and silence",
            Late,
            Instead(|wire, body| {
                wire.send(head_of(body.len() + 1) + body);
                wire.wait_for_hang_up();
            }),
        ),
    ]
}

pub(crate) fn floods() -> Vec<Row> {
    vec![
        row(
            "headers without end",
            Broken,
            Instead(|wire, _| {
                wire.send(HEAD);
                wire.flood("x-flood: of headers\r\n");
            }),
        ),
        row(
            "a header without end",
            Broken,
            Instead(|wire, _| {
                wire.send(format!("{HEAD}x-flood: "));
                wire.flood("of one header ");
            }),
        ),
        row("a status line without end", Broken, Instead(|wire, _| wire.flood("HTTP/1.1 200 "))),
        row(
            "a body without end",
            TooLong,
            Instead(|wire, _| {
                wire.send(format!("{HEAD}\r\n"));
                wire.flood("          ");
            }),
        ),
        row(
            "chunks without end",
            TooLong,
            Instead(|wire, _| {
                wire.send(CHUNKED);
                wire.flood("a\r\n          \r\n");
            }),
        ),
        row(
            "a length beyond all memory",
            TooLong,
            Instead(|wire, _| {
                wire.send(head_of(u64::MAX >> 1));
                wire.flood("          ");
            }),
        ),
        row(
            "a chunk beyond all memory",
            TooLong,
            Instead(|wire, _| {
                wire.send(format!("{CHUNKED}7fffffffffffffff\r\n"));
                wire.flood("          ");
            }),
        ),
    ]
}
