//! Growth: what one more organisation costs when there are a hundred thousand already.
//!
//! Once through the core alone, where nothing but sessions is counted, and once through
//! `bill-async`, whose client answers to a script and knows its organisations by their ids. Bytes
//! are those that the allocator has given out and not got back.

use std::error::Error;
use std::hint::black_box;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bill_async::Client;
use bill_session_core::{Environment, InvalidField, OrgId, Session, Settings};
use bill_session_host::{Clock, SystemClock};
use bytes::Bytes;
use http::Response;
use tokio::runtime::Builder;

use crate::measure::{Effort, Timer, live_bytes, repeat, repeat_with};
use crate::path::round;
use crate::row::{Of, Row, counted};
use crate::signed_in::{WELCOME, account, credentials, session, sign_in};

/// From one organisation to the next that is called, far enough for no cache to know it already.
const STRIDE: usize = 7_919;

const FLOOR: &str = "a clock and a mutex, twice";

/// How a call finds its organisation.
const SAME: &str = "call, same organisation";
const ANOTHER: &str = "call, each time another";

/// Measures this section.
///
/// # Errors
///
/// What criterion wrote cannot be read, or a sign-in failed.
pub fn measure(effort: Effort) -> Result<Vec<Row>, Box<dyn Error>> {
    let sizes: &[usize] = effort.of(&[1, 1_000, 100_000], &[1, 10]);
    let mut timer = Timer::new("growth", effort);
    let mut rows = Vec::new();
    for &organizations in sizes {
        rows.extend(in_core(&mut timer, organizations)?);
    }
    for &organizations in sizes {
        rows.extend(floor(&mut timer, organizations)?);
    }
    for &organizations in sizes {
        rows.extend(in_client(&mut timer, organizations)?);
    }
    Ok(rows)
}

/// Ids as BILL's are, of 20 characters; the first is the one that the credentials have.
fn org_ids(organizations: usize) -> Result<Vec<OrgId>, InvalidField> {
    (2..organizations + 2).map(|number| OrgId::new(format!("008{number:017}"))).collect()
}

/// Through the core alone: a list of sessions, each behind the mutex that an adapter would have.
fn in_core(timer: &mut Timer, organizations: usize) -> Result<Vec<Row>, Box<dyn Error>> {
    let of = Of::new("growth", "bill-session-core").at(counted(organizations, "organisation"));
    let clock = SystemClock::new();
    let first = account(clock.now())?;
    // Until one sign-in has proved the password, the others would wait for it.
    let _proven = session(Arc::new(first.for_organization(OrgId::new("00800")?)?), 3, clock.now())?;
    let call = first.v2("List/Vendor", &())?;

    let before = live_bytes();
    let ids = org_ids(organizations)?;
    // As a client does: its organisations share their settings.
    let settings = Arc::new(Settings::default());
    let mut sessions = Vec::with_capacity(organizations);
    let began = Instant::now();
    for id in ids {
        let account = Arc::new(first.for_organization(id)?);
        let settings = Arc::clone(&settings);
        sessions.push(Mutex::new(Session::<()>::new(account, settings, clock.now())));
    }
    let made = began.elapsed();
    for session in &mut sessions {
        sign_in(session.get_mut().map_err(|_| "a poisoned session")?, clock.now())?;
    }
    let bytes = live_bytes().saturating_sub(before);

    // One organisation that is called again and again, and all of them in turn.
    let same = timer.time(&format!("same-{organizations}"), 1, || {
        repeat_with(|| call.afresh(), |call| round(&sessions[0], &clock, call))
    })?;
    let another = timer.time(&format!("another-{organizations}"), 1, || {
        let (mut at, call) = (0, &call);
        let next = move || {
            at = (at + STRIDE) % organizations;
            (at, call.afresh())
        };
        repeat_with(next, |(at, call)| round(&sessions[at], &clock, call))
    })?;
    let began = Instant::now();
    drop(sessions);
    let dropped = began.elapsed();
    let mut rows = of_all(&of, organizations, bytes, made, dropped);
    rows.push(of.samples(SAME, "ns", &same));
    rows.push(of.samples(ANOTHER, "ns", &another));
    Ok(rows)
}

/// What no design can do without that finds its organisation in memory: two readings of the clock,
/// each noted under a mutex, in a list as long and as wide as that of the sessions.
fn floor(timer: &mut Timer, organizations: usize) -> Result<Vec<Row>, Box<dyn Error>> {
    let of = Of::new("growth", FLOOR).at(counted(organizations, "organisation"));
    let clock = SystemClock::new();
    let places: Vec<_> = (0..organizations).map(|_| Mutex::new(Place::at(clock.now()))).collect();
    let touch = |at: usize| {
        if let Ok(mut place) = places[at].lock() {
            place.used = clock.now();
        }
    };
    let mut rows = Vec::new();
    for (metric, stride) in [(SAME, 0), (ANOTHER, STRIDE)] {
        let samples = timer.time(&format!("floor-{stride}-{organizations}"), 1, || {
            let (mut at, touch) = (0, &touch);
            repeat(move || {
                at = (at + stride) % organizations;
                touch(at);
                touch(at);
            })
        })?;
        rows.push(of.samples(metric, "ns", &samples));
    }
    black_box(places.last().and_then(|place| place.lock().ok()?.rest.last().copied()));
    Ok(rows)
}

/// As wide as a session and what it holds.
struct Place {
    used: Instant,
    rest: [u64; 126],
}

impl Place {
    fn at(used: Instant) -> Self {
        Self { used, rest: [1; 126] }
    }
}

/// Through `bill-async`: a client for each organisation, which the first one keeps and finds again.
fn in_client(timer: &mut Timer, organizations: usize) -> Result<Vec<Row>, Box<dyn Error>> {
    let of = Of::new("growth", "bill-async").at(counted(organizations, "organisation"));
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let client = Client::builder(Environment::Stage, credentials()?)
        .sign_ins_an_hour(u32::MAX)
        .scripted(|_| async { Ok(Response::new(Bytes::from_static(WELCOME))) })
        .build();
    runtime.block_on(client.sign_in())?;
    let known = org_ids(organizations)?;

    let before = live_bytes();
    let ids = org_ids(organizations)?;
    let began = Instant::now();
    for id in ids {
        // The client keeps what was made for an organisation; the handle need not be kept.
        drop(client.for_organization(id)?);
    }
    let made = began.elapsed();
    for id in &known {
        runtime.block_on(client.for_organization(id.clone())?.sign_in())?;
    }
    let bytes = live_bytes().saturating_sub(before);

    let again = timer.time(&format!("again-{organizations}"), 1, || {
        let mut at = 0;
        let (client, known) = (&client, &known);
        repeat(move || {
            at = (at + STRIDE) % organizations;
            let _found = black_box(client.for_organization(known[at].clone()));
        })
    })?;
    let began = Instant::now();
    drop(client);
    let dropped = began.elapsed();
    let mut rows = of_all(&of, organizations, bytes, made, dropped);
    rows.push(of.samples("for_organization, known", "ns", &again));
    Ok(rows)
}

/// What is known of all organisations together, by organisation.
fn of_all(
    of: &Of,
    organizations: usize,
    bytes: usize,
    made: Duration,
    dropped: Duration,
) -> Vec<Row> {
    let each = |total: f64| total / organizations as f64;
    let nanoseconds = |time: Duration| time.as_secs_f64() * 1e9;
    vec![
        of.value("heap", "bytes", each(bytes as f64)),
        of.value("for_organization, new", "ns", each(nanoseconds(made))),
        of.value("drop", "ns", each(nanoseconds(dropped))),
        of.value("drop all", "ms", nanoseconds(dropped) / 1e6),
    ]
}
