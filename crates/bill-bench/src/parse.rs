//! What the verdict on an answer costs beside the parse that a program needs anyway, and how often
//! a body is copied on its way out.

mod bodies;

use std::error::Error;
use std::hint::black_box;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bill_session_core::{Call, Outcome, Page, Session, Step};
use bytes::Bytes;
use http::{Method, Response};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::measure::{Effort, Timer, allocations, repeat};
use crate::row::{Of, Row};
use crate::signed_in::{account, session};
use crate::vendors::{Envelope, Vendor, v2_page, v3_page};

/// As many rows as a page of BILL's can have.
const ROWS: usize = 999;

/// What an answer is read by: the core, or serde_json alone into the same type, or into any.
const SUBJECTS: [&str; 3] = ["InFlight::read, settled", "typed parse alone", "parse into a Value"];

/// Measures this section.
///
/// # Errors
///
/// What criterion wrote cannot be read.
pub fn measure(effort: Effort) -> Result<Vec<Row>, Box<dyn Error>> {
    let mut timer = Timer::new("parse", effort);
    let now = Instant::now();
    let account = Arc::new(account(now)?);
    let v2 = account.v2("List/Vendor", &())?;
    let v3 = account.v3(Method::GET, "/v3/vendors").call(&account)?;
    let session = Mutex::new(session(Arc::clone(&account), 3, now)?);
    let (v2, v3) =
        (Reader { session: &session, now, call: v2 }, Reader { session: &session, now, call: v3 });
    let v2_page = Bytes::from(v2_page(ROWS));
    let v3_page = Bytes::from(v3_page(ROWS));
    let mut rows = Vec::new();
    rows.extend(pages::<Vec<Vendor>, Envelope<Vec<Vendor>>>(
        effort, &mut timer, "v2", &v2, &v2_page,
    )?);
    rows.extend(pages::<Page<Vendor>, Page<Vendor>>(effort, &mut timer, "v3", &v3, &v3_page)?);
    rows.extend(bodies::measure()?);
    Ok(rows)
}

/// Reads a page by each of the subjects: into `T` by the core, into `B` by serde_json alone.
fn pages<T: DeserializeOwned, B: DeserializeOwned>(
    effort: Effort,
    timer: &mut Timer,
    api: &str,
    reader: &Reader<'_>,
    page: &Bytes,
) -> Result<Vec<Row>, Box<dyn Error>> {
    // A figure of what fails would be a lie.
    reader.read::<T>(page).ok_or("the core refuses a page")?;
    serde_json::from_slice::<B>(page)?;
    let by_core = || _ = black_box(reader.read::<T>(page));
    let by_type = || _ = black_box(serde_json::from_slice::<B>(page));
    let by_value = || _ = black_box(serde_json::from_slice::<Value>(page));
    let (mut times, mut ratios) = ([const { Vec::new() }; 3], Vec::new());
    // Round by round, so that whatever else the machine does hits all of them.
    for _ in 0..effort.of(5, 1) {
        let mut round = [
            timer.time(&format!("{api} read"), 1, || repeat(by_core))?,
            timer.time(&format!("{api} typed"), 1, || repeat(by_type))?,
            timer.time(&format!("{api} value"), 1, || repeat(by_value))?,
        ];
        ratios.push(median(&mut round[0]) / median(&mut round[1]));
        for (times, round) in times.iter_mut().zip(round) {
            times.extend(round.into_iter().map(|nanoseconds| nanoseconds / 1e3));
        }
    }
    let allocated = [allocations(1, by_core), allocations(1, by_type), allocations(1, by_value)];
    let setting = format!("{api}, {ROWS} rows");
    let mut rows = Vec::new();
    for ((subject, times), allocated) in SUBJECTS.into_iter().zip(&times).zip(allocated) {
        let of = Of::new("parse", subject).at(&setting);
        rows.push(of.samples("time", "µs", times));
        rows.push(of.value("allocations", "count", allocated.count));
        rows.push(of.value("allocated", "bytes", allocated.bytes));
    }
    let of = Of::new("parse", SUBJECTS[0]).at(setting);
    rows.push(of.samples("time ratio", "", &ratios));
    Ok(rows)
}

fn median(samples: &mut [f64]) -> f64 {
    samples.sort_unstable_by(f64::total_cmp);
    samples[samples.len() / 2]
}

/// What reads answers to one call, in a session that is signed in.
struct Reader<'a> {
    session: &'a Mutex<Session<()>>,
    now: Instant,
    call: Call,
}

impl Reader<'_> {
    /// What a page holds, read and settled as an adapter does it; nothing if it is refused.
    fn read<T: DeserializeOwned>(&self, page: &Bytes) -> Option<T> {
        let lock = || self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let (step, _nobody) = self.call.afresh().step(&mut lock(), || (), self.now);
        let Step::Exchange(in_flight) = step else { return None };
        let heard = in_flight.read::<T>(Ok(Response::new(page.clone())));
        match heard.settle(&mut lock(), self.now).0 {
            Outcome::Done(data) => Some(data),
            _ => None,
        }
    }
}
