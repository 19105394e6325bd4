//! Herds: many callers at once find that nobody is signed in.
//!
//! A sign-in takes 50 milliseconds and a call 5, and an organisation has three slots, so that the
//! ideal is known: the sign-in, and then the calls by threes. Beside it stands reqwest alone, behind
//! a semaphore, which tells what loopback and HTTP cost without a session layer.
//!
//! For comparison with caches of credentials, which send nothing, there are also herds that want no
//! more than the session, and herds whose sign-in is refused or fails.

mod flock;
mod stand_in;

use std::error::Error;
use std::time::{Duration, Instant};

use crate::measure::Effort;
use crate::row::{Of, Row, counted};
use flock::{Want, Watched};
use stand_in::{CALL, Manner, SIGN_IN, StandIn};

pub use stand_in::{ARGUMENT, serve};

/// How many calls an organisation may have in flight.
const SLOTS: usize = 3;

/// A herd is measured so often, unless that takes long.
const SAMPLES: usize = 5;

/// Longer than ten thousand calls take.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long callers wait for a server that does not get well.
const IMPATIENCE: Duration = Duration::from_secs(5);

/// Who calls, and how.
const ASYNC: &str = "bill-async";
const BLOCKING: &str = "bill-blocking";
const BARE: &str = "reqwest and a semaphore";

/// Measures this section.
///
/// # Errors
///
/// The server cannot be started, or a caller was left without what it should have got.
pub fn measure(effort: Effort) -> Result<Vec<Row>, Box<dyn Error>> {
    let sizes: &[usize] = effort.of(&[1, 50, 100, 1_000, 10_000], &[1, 10]);
    let mut rows = Vec::new();
    for subject in [ASYNC, BLOCKING, BARE] {
        for &callers in sizes {
            rows.extend(of_calls(subject, callers)?);
        }
    }
    for (manner, ending) in
        [(Manner::Welcomes, ""), (Manner::Refuses, ", refused"), (Manner::Fails, ", server fault")]
    {
        for subject in [ASYNC, BLOCKING] {
            for &callers in sizes {
                let of =
                    Of::new("herd", subject).at(format!("{}{ending}", counted(callers, "caller")));
                let herds = herds(subject, callers, Want::Session, manner)?;
                rows.extend(usual(&of, &herds));
            }
        }
    }
    Ok(rows)
}

/// Each caller has a call to make: how long that takes beside the ideal, and what it costs.
fn of_calls(subject: &str, callers: usize) -> Result<Vec<Row>, Box<dyn Error>> {
    let of = Of::new("herd", subject).at(format!("{}, a call each", counted(callers, "caller")));
    let herds = herds(subject, callers, Want::Call, Manner::Welcomes)?;
    let ideal = SIGN_IN + CALL * u32::try_from(callers.div_ceil(SLOTS))?;
    let each = |figure: &dyn Fn(&Watched) -> f64| -> Vec<f64> {
        herds.iter().map(|herd| figure(&herd.watched)).collect()
    };
    let of_each = |total: f64| total / callers as f64;
    let mut rows = usual(&of, &herds);
    rows.push(of.value("ideal", "ms", milliseconds(ideal)));
    rows.push(of.samples(
        "time ratio",
        "",
        &each(&|herd| herd.time.as_secs_f64() / ideal.as_secs_f64()),
    ));
    rows.push(of.samples(
        "cpu per caller",
        "µs",
        &each(&|herd| of_each(milliseconds(herd.used.cpu) * 1_000.0)),
    ));
    rows.push(of.samples(
        "switches per caller",
        "count",
        &each(&|herd| of_each(herd.used.switches as f64)),
    ));
    if herds.iter().all(|herd| herd.watched.polls.is_some()) {
        // The first poll is no wake-up.
        let wakes = each(&|herd| of_each(herd.polls.unwrap_or(0).saturating_sub(callers) as f64));
        rows.push(of.samples("wake-ups per caller", "count", &wakes));
    }
    Ok(rows)
}

/// The figures that the rivals have, too.
fn usual(of: &Of, herds: &[Herd]) -> Vec<Row> {
    let each = |figure: fn(&Herd) -> f64| herds.iter().map(figure).collect::<Vec<_>>();
    vec![
        of.samples("sign-ins", "count", &each(|herd| herd.sign_ins as f64)),
        of.samples("time", "ms", &each(|herd| milliseconds(herd.watched.time))),
        of.samples("cpu", "ms", &each(|herd| milliseconds(herd.watched.used.cpu))),
        of.samples("switches", "count", &each(|herd| herd.watched.used.switches as f64)),
        // A caller that does not come back would have kept the herd from ending.
        of.value("ended", "count", 1.0),
    ]
}

/// One herd, and what the server has seen of it.
struct Herd {
    watched: Watched,
    sign_ins: usize,
}

/// The same herd several times, each with a cold client and a server of its own.
fn herds(
    subject: &str,
    callers: usize,
    want: Want,
    manner: Manner,
) -> Result<Vec<Herd>, Box<dyn Error>> {
    progress(subject, callers, want, manner);
    let deadline = if manner == Manner::Fails { IMPATIENCE } else { PATIENCE };
    let began = Instant::now();
    let mut herds = Vec::new();
    while herds.len() < SAMPLES && (herds.is_empty() || began.elapsed() < Duration::from_secs(2)) {
        let server = StandIn::start(manner)?;
        let watched = match subject {
            ASYNC => flock::tasks(&server.origin, callers, want, deadline)?,
            BLOCKING => flock::threads(&server.origin, callers, want, deadline)?,
            _ => flock::bare_tasks(&server.origin, callers)?,
        };
        let expected = if manner == Manner::Welcomes { callers } else { 0 };
        if watched.served != expected {
            return Err(format!("{subject}: {} of {callers} were served", watched.served).into());
        }
        herds.push(Herd { watched, sign_ins: server.sign_ins()? });
    }
    Ok(herds)
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

#[expect(clippy::print_stderr, reason = "a herd can take half a minute")]
fn progress(subject: &str, callers: usize, want: Want, manner: Manner) {
    eprintln!("herd: {subject}, {}, {want:?}, {manner:?}", counted(callers, "caller"));
}
