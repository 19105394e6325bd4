//! Bodies on their way out: what a call asks the allocator for when it is described, when it is
//! signed, and when it is signed again because it is sent again.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bill_session_core::{Account, Call, InFlight, Misuse, Outcome, Session, Step, Verdict};
use bytes::Bytes;
use http::{Method, Response, StatusCode};
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use crate::measure::allocations;
use crate::row::{Of, Row, grouped};
use crate::signed_in::{account, session};

/// How many bytes of data a call sends.
const SIZES: [usize; 3] = [100, 10_000, 1_000_000];

/// Too many calls at once: nothing was done, and the call goes out again.
const CONTENDED: [(&str, &str); 2] = [
    (
        "v2",
        r#"{"response_status":1,"response_message":"Error","response_data":
            {"error_code":"BDC_1322","error_message":"too many"}}"#,
    ),
    ("v3", r#"[{"code":"BDC_1322","message":"too many"}]"#),
];

/// What is counted: nothing here depends on time.
pub(super) fn measure() -> Result<Vec<Row>, Box<dyn Error>> {
    let now = Instant::now();
    let account = Arc::new(account(now)?);
    let mut rows = Vec::new();
    for size in SIZES {
        // As documents are: mostly letters, and quotes that a form has to escape.
        let data = json!({"obj": {"entity": "Vendor", "name": "a".repeat(size)}});
        for (api, contended) in CONTENDED {
            let setting = format!("{api}, {} bytes of data", grouped(size));
            let mut call = None;
            let described = allocations(1, || call = Some(described_as(api, &account, &data)));
            let call = call.ok_or("nothing was described")??;
            let mut session = session(Arc::clone(&account), 3, now)?;
            let in_flight = sent(call, &mut session, now)?;
            let mut request = None;
            let signed = allocations(1, || request = Some(in_flight.request()));
            let body = request.map_or(0, |request| request.body().len());
            let again = again(in_flight, contended, &mut session, now)?;
            let mut request = None;
            let signed_again = allocations(1, || request = Some(again.request()));
            let _done = again.observed(Verdict::Alive).settle(&mut session, now);
            for (subject, allocated) in [
                ("a call described", described),
                ("its request", signed),
                ("its request again", signed_again),
            ] {
                let of = Of::new("parse", subject).at(&setting);
                rows.push(of.value("allocations", "count", allocated.count));
                rows.push(of.value("allocated", "bytes", allocated.bytes));
                rows.push(of.value("body", "bytes", body as f64));
            }
        }
    }
    Ok(rows)
}

/// A call that makes a vendor.
fn described_as(api: &str, account: &Account, data: &Value) -> Result<Call, Misuse> {
    match api {
        "v2" => account.v2("Crud/Create/Vendor", data),
        _ => account.v3(Method::POST, "/v3/vendors").json(data).call(account),
    }
}

/// The call, on its way out.
fn sent(call: Call, session: &mut Session<()>, now: Instant) -> Result<InFlight, Box<dyn Error>> {
    match call.step(session, || (), now).0 {
        Step::Exchange(in_flight) => Ok(in_flight),
        other => Err(format!("a call that does not go out: {other:?}").into()),
    }
}

/// The same call, on its way out again.
fn again(
    in_flight: InFlight,
    contended: &'static str,
    session: &mut Session<()>,
    now: Instant,
) -> Result<InFlight, Box<dyn Error>> {
    let heard = in_flight.read::<IgnoredAny>(Ok(answer(contended)));
    match heard.settle(session, now).0 {
        Outcome::Again(call) => sent(call, session, now + Duration::from_secs(30)),
        other => Err(format!("a call that is not sent again: {other:?}").into()),
    }
}

fn answer(body: &'static str) -> Response<Bytes> {
    let mut answer = Response::new(Bytes::from_static(body.as_bytes()));
    if body.starts_with('[') {
        *answer.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    }
    answer
}
