//! A soak: ten million calls through the core on a clock that moves, while memory stays where it is.
//!
//! Each call moves the clock by milliseconds, seconds or minutes, and now and then by so much that
//! the session idles out; now and then BILL calls the session invalid, too. Requests are signed and
//! answers are parsed, so that whatever a call touches is touched ten million times.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bill_session_core::{Call, InFlight, Outcome, Session, Step};
use bytes::Bytes;
use http::Response;
use serde::de::IgnoredAny;

use crate::measure::{Effort, live_bytes, resident_bytes};
use crate::row::{Of, Row, counted};
use crate::signed_in::{WELCOME, account, session};

const ANSWER: &[u8] = br#"{"response_status":0,"response_message":"Success","response_data":[]}"#;
const INVALID: &[u8] = br#"{"response_status":1,"response_message":"Error","response_data":
    {"error_code":"BDC_1109","error_message":"Session is invalid."}}"#;

/// One call of so many finds that its session was ended.
const ENDED: u64 = 10_000;

/// Looks at memory so often.
const LOOKS: usize = 10;

/// Measures this section.
///
/// # Errors
///
/// A call was not answered, or this is no Linux.
pub fn measure(effort: Effort) -> Result<Vec<Row>, Box<dyn Error>> {
    let calls = effort.of(10_000_000, 10_000);
    let of = Of::new("soak", "bill-session-core");
    let mut program = Program::start()?;
    let (mut rows, mut resident, mut live) = (Vec::new(), Vec::new(), Vec::new());
    for look in 1..=LOOKS {
        for _ in 0..calls / LOOKS {
            program.call()?;
        }
        let memory = [resident_bytes()? as f64, live_bytes() as f64];
        let so_far = of.at(counted(calls / LOOKS * look, "call"));
        rows.push(so_far.value("resident", "MiB", mebibytes(memory[0])));
        rows.push(so_far.value("heap", "bytes", memory[1]));
        resident.push(memory[0]);
        live.push(memory[1]);
    }
    let whole = of.at(counted(calls, "call"));
    rows.push(whole.value("resident growth", "MiB", mebibytes(growth(&resident))));
    rows.push(whole.value("heap growth", "bytes", growth(&live)));
    rows.push(whole.value("sign-ins", "count", program.sign_ins as f64));
    let days = program.now.duration_since(program.began).as_secs_f64() / 86_400.0;
    rows.push(whole.value("time on the clock", "days", days));
    Ok(rows)
}

/// From the first look to the highest.
fn growth(looks: &[f64]) -> f64 {
    let first = looks.first().copied().unwrap_or(0.0);
    looks.iter().fold(0.0, |most, look| f64::max(most, look - first))
}

fn mebibytes(bytes: f64) -> f64 {
    bytes / f64::from(1 << 20)
}

/// A program that makes one call after the other, and the BILL that answers it.
struct Program {
    session: Session<()>,
    call: Call,
    began: Instant,
    now: Instant,
    sign_ins: usize,
    dice: Dice,
}

impl Program {
    fn start() -> Result<Self, Box<dyn Error>> {
        let now = Instant::now();
        let session = session(Arc::new(account(now)?), 3, now)?;
        let call = session.account().v2("List/Vendor", &())?;
        Ok(Self { session, call, began: now, now, sign_ins: 1, dice: Dice(1) })
    }

    /// One call, a while after the last one.
    fn call(&mut self) -> Result<(), Box<dyn Error>> {
        self.now += self.dice.pause();
        let mut call = self.call.afresh();
        loop {
            let (step, _nobody) = call.step(&mut self.session, || (), self.now);
            call = match step {
                Step::Exchange(in_flight) => match self.exchange(in_flight) {
                    Outcome::Done(_) => return Ok(()),
                    Outcome::Again(call) => call,
                    other => return Err(format!("no answer: {other:?}").into()),
                },
                Step::SignIn(sign_in, call, _) => {
                    self.sign_ins += 1;
                    drop(sign_in.request());
                    let heard = sign_in.read(Ok(Response::new(Bytes::from_static(WELCOME))));
                    let (_stored, _woken) = heard.settle(&mut self.session, self.now);
                    call
                }
                // Two sessions in a row that were ended before anything was done: later, then.
                Step::Wait(call, until) => {
                    self.now = until;
                    call
                }
                other => return Err(format!("no exchange: {other:?}").into()),
            };
        }
    }

    fn exchange(&mut self, in_flight: InFlight) -> Outcome<IgnoredAny> {
        drop(in_flight.request());
        self.now += Duration::from_millis(self.dice.below(500));
        let body = if self.dice.below(ENDED) == 0 { INVALID } else { ANSWER };
        let heard = in_flight.read(Ok(Response::new(Bytes::from_static(body))));
        heard.settle(&mut self.session, self.now).0
    }
}

/// Numbers that look random, the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        // Marsaglia's xorshift.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    /// Mostly milliseconds, then seconds, then minutes: one call of 10,000 comes after an hour.
    fn pause(&mut self) -> Duration {
        match self.below(10_000) {
            0 => Duration::from_secs(3_600),
            1..100 => Duration::from_secs(self.below(30 * 60)),
            100..2_000 => Duration::from_secs(self.below(60)),
            _ => Duration::from_millis(self.below(1_000)),
        }
    }
}
