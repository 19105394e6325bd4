//! Slices of a fraction of a second, in which callers call as fast as they can.

use std::error::Error;
use std::time::{Duration, Instant};

use crate::measure::{Effort, Usage, allocations};

/// How long a slice takes: short, since client and server keep their processors for longer than this,
/// and a call costs several times as much where they do not share one.
const SLICE: Duration = Duration::from_millis(50);

/// How many clients of each kind are made: how a runtime's threads share the connections of one is
/// settled when they are opened, and makes a difference of a quarter for as long as it lives.
const PAIRS: usize = 10;

/// How many slices each client gets.
const TURNS: usize = 10;

/// Calls that can be made, as many as wanted at a time.
pub(super) trait Calls {
    /// Makes a slice of so many.
    fn make(&self, calls: usize) -> Result<Slice, Box<dyn Error>>;
}

impl<F: Fn(usize) -> Result<Slice, Box<dyn Error>>> Calls for F {
    fn make(&self, calls: usize) -> Result<Slice, Box<dyn Error>> {
        self(calls)
    }
}

/// What one slice came to; times in microseconds, and all but the first by call.
#[derive(Debug)]
pub(super) struct Slice {
    calls: usize,
    wall: Duration,
    pub(super) cpu: f64,
    pub(super) allocations: f64,
    pub(super) p50: f64,
    pub(super) p99: f64,
}

impl Slice {
    /// Measures `work`, which makes so many calls and returns what each took.
    pub(super) fn of(
        calls: usize,
        work: impl FnOnce() -> Result<Vec<Duration>, String>,
    ) -> Result<Self, Box<dyn Error>> {
        let (usage, began) = (Usage::now()?, Instant::now());
        let mut ended = None;
        let allocated = allocations(calls, || ended = Some(work()));
        let (wall, usage) = (began.elapsed(), Usage::now()?.since(usage));
        let mut took = ended.ok_or("nothing was done")??;
        if took.len() != calls {
            return Err(format!("{} of {calls} calls were made", took.len()).into());
        }
        took.sort_unstable();
        let at = |percent: usize| micros(took[(calls - 1) * percent / 100]);
        Ok(Self {
            calls,
            wall,
            cpu: micros(usage.cpu) / calls as f64,
            // Tasks and threads are started by the slice, and are no part of a call.
            allocations: (allocated.count * 10.0).round() / 10.0,
            p50: at(50),
            p99: at(99),
        })
    }

    /// Calls a second.
    pub(super) fn throughput(&self) -> f64 {
        self.calls as f64 / self.wall.as_secs_f64()
    }
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// Slices of ours and of the bare client in turn, each beginning every other turn.
///
/// `pair` makes the two, anew now and then.
pub(super) fn turns<O: Calls, B: Calls>(
    effort: Effort,
    pair: impl Fn() -> Result<(O, B), Box<dyn Error>>,
) -> Result<Vec<[Slice; 2]>, Box<dyn Error>> {
    let mut turns = Vec::new();
    for _ in 0..effort.of(PAIRS, 1) {
        let (ours, bare) = pair()?;
        // Connections are opened, and ours has signed in, before anything counts.
        let warm_up = effort.of(1_000, 100);
        ours.make(warm_up)?;
        let calls = (bare.make(warm_up)?.throughput() * SLICE.as_secs_f64()) as usize;
        let calls = calls.max(100);
        for turn in 0..effort.of(TURNS, 2) {
            turns.push(if turn % 2 == 0 {
                [ours.make(calls)?, bare.make(calls)?]
            } else {
                let bare = bare.make(calls)?;
                [ours.make(calls)?, bare]
            });
        }
    }
    Ok(turns)
}
