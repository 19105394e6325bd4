//! The table's answers whose head lies, and those whose body is not what BILL says.

use bill_session_core::ForeignKind;

use crate::answers::{answer, answer_with};
use crate::outcome::Outcome::{Broken, NotBill, Served, Unfit};
use crate::rows::Fault::{Answer, Instead};
use crate::rows::{CHUNKED, HEAD, INTERIM, Row, differs, forged, half, head_of, not_bill, row};

/// Heads that do not tell the truth of their bodies, and what is no HTTP.
pub(crate) fn lies() -> Vec<Row> {
    vec![
        row(
            "a length that is too long",
            Broken,
            Instead(|wire, body| {
                wire.send(head_of(body.len() + 1) + body);
            }),
        ),
        row(
            "a length that is too short",
            not_bill(ForeignKind::Json),
            Answer(|body| (head_of(body.len() - 1) + body).into_bytes()),
        ),
        row(
            "a length that hides another answer",
            not_bill(ForeignKind::Other),
            Answer(|_| [head_of(0).into_bytes(), forged()].concat()),
        ),
        row(
            "two lengths that differ",
            Broken,
            Answer(|body| {
                let length = body.len();
                format!("{HEAD}content-length: 5\r\ncontent-length: {length}\r\n\r\n{body}").into()
            }),
        ),
        row("a length that is a word", Broken, Answer(|body| (head_of("long") + body).into())),
        row("a negative length", Broken, Answer(|body| (head_of("-5") + body).into())),
        row(
            "a length beyond all numbers",
            Broken,
            Answer(|body| (head_of("99999999999999999999999") + body).into()),
        ),
        row(
            "a chunk whose size is no number",
            Broken,
            Answer(|body| format!("{CHUNKED}size\r\n{body}\r\n0\r\n\r\n").into()),
        ),
        row(
            "a chunk whose size is beyond all numbers",
            Broken,
            Answer(|body| format!("{CHUNKED}fffffffffffffffff\r\n{body}\r\n0\r\n\r\n").into()),
        ),
        row(
            "a chunk that is longer than it says",
            Broken,
            Answer(|body| format!("{CHUNKED}5\r\n{body}\r\n0\r\n\r\n").into()),
        ),
        row(
            "a length and chunks",
            Served,
            Answer(|body| {
                let (length, head) = (body.len(), CHUNKED.trim_end());
                format!("{head}\r\ncontent-length: 5\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n")
                    .into()
            }),
        ),
        row(
            "another protocol",
            NotBill(101, ForeignKind::Other),
            Answer(|_| {
                b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n"
                    .to_vec()
            }),
        ),
        row("no HTTP at all", Broken, Answer(|_| b"SSH-2.0-OpenSSH_9.9\r\n".to_vec())),
        row("a body alone", Broken, Answer(|body| body.as_bytes().to_vec())),
        row("HTTP/2", Broken, Answer(|_| b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x64".to_vec())),
        row("TLS", Broken, Answer(|_| b"\x15\x03\x03\0\x02\x02\x28".to_vec())),
        row(
            "a status that is no number",
            Broken,
            Answer(|body| {
                format!("HTTP/1.1 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into()
            }),
        ),
        row(
            "a NUL in a header",
            Broken,
            Answer(|body| answer_with("200 OK", "x-header: a\0b\r\n", body)),
        ),
    ]
}

/// Whole answers with something else in them than BILL says, or with BILL's word in disguise.
pub(crate) fn bodies() -> Vec<Row> {
    vec![
        row(
            "whole chunks",
            Served,
            Answer(|body| {
                let (one, two) = body.split_at(7);
                let (length, rest) = (one.len(), two.len());
                format!("{CHUNKED}{length:x}\r\n{one}\r\n{rest:X}\r\n{two}\r\n0\r\n\r\n").into()
            }),
        ),
        row(
            "a body that ends with its connection",
            Served,
            Instead(|wire, body| {
                wire.send(format!("{HEAD}\r\n{body}"));
            }),
        ),
        row(
            "HTTP/1.0",
            Served,
            Instead(|wire, body| {
                wire.send(format!("HTTP/1.0 200 OK\r\n\r\n{body}"));
            }),
        ),
        row(
            "an interim answer first",
            Served,
            Answer(|body| [INTERIM.as_bytes(), &answer(body)].concat()),
        ),
        row("nothing", not_bill(ForeignKind::Other), Answer(|_| answer(""))),
        row(
            "204",
            NotBill(204, ForeignKind::Other),
            Answer(|_| b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()),
        ),
        row(
            "a page for a browser with 200",
            not_bill(ForeignKind::Html),
            Answer(|_| {
                let page = "<!DOCTYPE html><html><body>Sign in to the hotel's Wi-Fi</body></html>";
                answer_with("200 OK", "content-type: text/html\r\n", page)
            }),
        ),
        row(
            "a page that calls itself JSON",
            not_bill(ForeignKind::Html),
            Answer(|_| answer("<html></html>")),
        ),
        // What BILL says counts, whatever a proxy on the way makes of its name.
        row(
            "BILL's answer as plain text",
            Served,
            Answer(|body| answer_with("200 OK", "content-type: text/plain\r\n", body)),
        ),
        row(
            "BILL's answer as a picture",
            Served,
            Answer(|body| answer_with("200 OK", "content-type: image/png\r\n", body)),
        ),
        row("BILL's answer without a type", Served, Answer(|body| answer_with("200 OK", "", body))),
        row(
            "a page's type and JSON of another kind",
            not_bill(ForeignKind::Html),
            Answer(|_| answer_with("200 OK", "content-type: text/html\r\n", "{}")),
        ),
        row(
            "a packed answer that nobody asked for",
            not_bill(ForeignKind::Other),
            Answer(|_| {
                // The gzip of nothing.
                let packed = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0";
                answer_with("200 OK", "content-encoding: gzip\r\n", packed)
            }),
        ),
        row(
            "a byte order mark",
            not_bill(ForeignKind::Other),
            Answer(|body| answer(format!("\u{feff}{body}"))),
        ),
        row(
            "UTF-16",
            not_bill(ForeignKind::Other),
            Answer(|body| {
                let units = body.encode_utf16().flat_map(u16::to_le_bytes);
                answer([0xff, 0xfe].into_iter().chain(units).collect::<Vec<u8>>())
            }),
        ),
        row(
            "two states",
            not_bill(ForeignKind::Json),
            Answer(|body| answer(body.replacen('{', r#"{"response_status":0,"#, 1))),
        ),
        row(
            "two sets of data",
            not_bill(ForeignKind::Json),
            Answer(|body| answer(body.replacen('{', r#"{"response_data":{},"#, 1))),
        ),
        row("half of the JSON", not_bill(ForeignKind::Json), Answer(|body| answer(half(body)))),
        row("two documents", not_bill(ForeignKind::Json), Answer(|body| answer(body.repeat(2)))),
        row(
            "NUL bytes behind the JSON",
            not_bill(ForeignKind::Json),
            Answer(|body| answer(format!("{body}\0\0"))),
        ),
        row(
            "a number beyond all numbers for a state",
            not_bill(ForeignKind::Json),
            Answer(|body| answer(body.replace(r#"status":0"#, r#"status":1e999"#))),
        ),
        differs(
            "deep JSON for data",
            not_bill(ForeignKind::Json),
            Unfit,
            Answer(|_| {
                let (open, close) = ("[".repeat(40_000), "]".repeat(40_000));
                answer(format!(r#"{{"response_status":0,"response_data":{open}{close}}}"#))
            }),
        ),
        row(
            "deep JSON without end for data",
            not_bill(ForeignKind::Json),
            Answer(|_| {
                let open = r#"{"a":"#.repeat(15_000);
                answer(format!(r#"{{"response_status":0,"response_data":{open}"#))
            }),
        ),
        row(
            "invalid UTF-8 in a value",
            not_bill(ForeignKind::Json),
            Answer(|body| {
                let at = body.find("00canary").unwrap();
                let mut body = body.as_bytes().to_vec();
                body[at] = 0xc3;
                answer(body)
            }),
        ),
        differs(
            "half a surrogate in a value",
            not_bill(ForeignKind::Json),
            Unfit,
            Answer(|body| answer(body.replace("00canary", r"\ud800"))),
        ),
        row("an array", not_bill(ForeignKind::Json), Answer(|body| answer(format!("[{body}]")))),
        row("null", not_bill(ForeignKind::Other), Answer(|_| answer("null"))),
    ]
}
