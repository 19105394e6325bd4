//! What the adapters cost over the HTTP clients that they are built on.
//!
//! The same calls go out through an adapter and through its client alone, with the same settings, to
//! a server in another process. Both do all that a program needs done: encode the question, sign it,
//! send it, read the answer to its end within a cap, and parse it into the same type.
//!
//! The two take turns in slices of a fraction of a second, so that whatever else the machine does
//! hits both; the ratios are those of neighbours. That is why this section has a clock of its own.

mod async_calls;
mod bare;
mod blocking_calls;
mod server;
mod slices;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use crate::measure::Effort;
use crate::row::{Of, Row, counted};
use slices::{Slice, turns};

pub use server::{ARGUMENT, serve};

/// How many callers there are at once.
const CALLERS: [usize; 3] = [1, 3, 32];

/// How long a call may take, in the adapters by default and in the clients alone.
const LIMIT: Duration = Duration::from_secs(60);

/// How long connecting may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// The longest answer that is read.
const CAP: usize = 16 << 20;

/// Measures this section.
///
/// # Errors
///
/// The server cannot be started, or a call fails.
pub fn measure(effort: Effort) -> Result<Vec<Row>, Box<dyn Error>> {
    let server = server::Server::start()?;
    let mut rows = Vec::new();
    let (origin, runtime) = (server.origin.as_str(), async_calls::runtime()?);
    for callers in CALLERS {
        let turns = turns(effort, || {
            let ours = async_calls::ours(Arc::clone(&runtime), origin, callers)?;
            Ok((ours, async_calls::bare(Arc::clone(&runtime), origin, callers)?))
        })?;
        rows.extend(compared(["bill-async", "reqwest"], callers, &turns));
    }
    for callers in CALLERS {
        let turns = turns(effort, || {
            let ours = blocking_calls::ours(origin, callers)?;
            Ok((ours, blocking_calls::bare(origin, callers)?))
        })?;
        rows.extend(compared(["bill-blocking", "ureq"], callers, &turns));
    }
    Ok(rows)
}

/// The rows of ours and the bare client, and those of ours beside the bare client.
fn compared(subjects: [&str; 2], callers: usize, turns: &[[Slice; 2]]) -> Vec<Row> {
    let setting = counted(callers, "caller");
    let mut rows = Vec::new();
    for (which, subject) in subjects.into_iter().enumerate() {
        let of = Of::new("price", subject).at(&setting);
        let each = |figure: fn(&Slice) -> f64| -> Vec<f64> {
            turns.iter().map(|turn| figure(&turn[which])).collect()
        };
        rows.extend([
            of.samples("throughput", "calls/s", &each(Slice::throughput)),
            of.samples("p50", "µs", &each(|slice| slice.p50)),
            of.samples("p99", "µs", &each(|slice| slice.p99)),
            of.samples("cpu", "µs", &each(|slice| slice.cpu)),
            of.samples("allocations", "count", &each(|slice| slice.allocations)),
        ]);
    }
    let beside = |figure: fn(&Slice, &Slice) -> f64| -> Vec<f64> {
        turns.iter().map(|[ours, bare]| figure(ours, bare)).collect()
    };
    let of = Of::new("price", subjects[0]).at(setting);
    rows.extend([
        of.samples(
            "throughput ratio",
            "",
            &beside(|ours, bare| ours.throughput() / bare.throughput()),
        ),
        of.samples("cpu ratio", "", &beside(|ours, bare| ours.cpu / bare.cpu)),
        of.samples(
            "extra allocations",
            "",
            &beside(|ours, bare| ours.allocations - bare.allocations),
        ),
    ]);
    rows
}
