//! How a scenario is tried out under many schedules.

use std::env;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Config, Runner};

/// How many schedules each of both schedulers tries unless the environment says another number.
const USUAL: usize = 1_000;

/// How many changes of priority the second scheduler spreads over a run, at most.
const CHANGES: usize = 5;

/// What has to come about in a part of the schedules, or the scenario shows nothing.
#[derive(Default)]
pub(super) struct Met(AtomicUsize);

impl Met {
    pub(super) const fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    pub(super) fn when(&self, met: bool) {
        self.0.fetch_add(usize::from(met), Ordering::Relaxed);
    }
}

/// Runs `scenario` under random schedules, and under those that put each thread off in turn
/// (probabilistic concurrency testing), and demands that one in a hundred meets each of `situations`.
///
/// `BILL_SCHEDULES` is the number for either kind, `BILL_SCHEDULES_SEED` the seed. Shuttle prints the
/// schedule of a run that fails; `shuttle::replay` runs it again.
pub(super) fn explore(
    name: &str,
    situations: &[(&str, &'static Met)],
    scenario: impl Fn() + Send + Sync + Copy + 'static,
) {
    let number = |variable: &str| env::var(variable).ok().map(|value| value.parse().unwrap());
    let schedules = number("BILL_SCHEDULES").map_or(USUAL, |number: u64| number as usize);
    let seed = number("BILL_SCHEDULES_SEED").unwrap_or_else(bill_session_host::seed);
    println!("{name}: {schedules} of each kind, seed {seed}");
    let start = Instant::now();
    let mut config = Config::new();
    // A call uses more of its stack than shuttle gives a thread.
    config.stack_size = 512 << 10;
    // It says that it takes every order of memory for the strongest.
    config.silence_warnings = true;
    let random = RandomScheduler::new_from_seed(seed, schedules);
    let mut run = Runner::new(random, config.clone()).run(scenario);
    let changing = PctScheduler::new_from_seed(seed, CHANGES, schedules);
    run += Runner::new(changing, config).run(scenario);
    let seconds = start.elapsed().as_secs_f64();
    println!("{name}: {run} schedules, {seconds:.1} s, seed {seed}");
    assert_eq!(run, 2 * schedules);
    for (situation, met) in situations {
        let met = met.0.load(Ordering::Relaxed);
        println!("{name}: {met} met: {situation}");
        assert!(met * 100 >= run, "hardly any schedule met this: {situation}");
    }
}
