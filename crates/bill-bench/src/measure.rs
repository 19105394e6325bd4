//! How everything here is measured: time with criterion, memory with `stats_alloc`, and what the
//! operating system has counted.

use std::collections::HashMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{Criterion, PlottingBackend, SamplingMode};
use nix::sys::resource::{UsageWho, getrusage};
use serde::Deserialize;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region};

/// How long to measure: for figures, or only to see that everything runs.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    quick: bool,
}

impl Effort {
    /// As long as it takes.
    pub fn full() -> Self {
        Self { quick: false }
    }

    /// As short as possible: a smoke run, whose figures mean nothing.
    pub fn quick() -> Self {
        Self { quick: true }
    }

    /// Whether this is a smoke run.
    pub fn is_quick(self) -> bool {
        self.quick
    }

    /// `full`, or `quick` in a smoke run.
    pub fn of<T>(self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }
}

/// Times operations, for one thread or several at once.
///
/// Criterion decides how often an operation is done, and writes what each sample took into a folder
/// of its own; the samples are read back from there.
pub struct Timer {
    criterion: Criterion<WallTime>,
    folder: PathBuf,
    /// How often each measurement was made.
    timed: HashMap<String, u32>,
}

impl Timer {
    /// A timer whose criterion writes below the target folder.
    ///
    /// `name` tells it from other timers, of this program or another.
    pub fn new(name: &str, effort: Effort) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/bench").join(name);
        // What an earlier run has left would be compared with, and printed.
        let _was_there = fs::remove_dir_all(&root);
        let criterion = Criterion::default()
            .plotting_backend(PlottingBackend::None)
            .without_plots()
            .output_directory(&root)
            .nresamples(2_000)
            .sample_size(effort.of(50, 10))
            .warm_up_time(Duration::from_millis(effort.of(500, 20)))
            .measurement_time(Duration::from_millis(effort.of(1_500, 50)));
        Self { criterion, folder: root, timed: HashMap::new() }
    }

    /// Nanoseconds that one operation takes, sample by sample.
    ///
    /// `make` is called on each of the threads, before the clock starts, and makes what does the
    /// operation as often as it is told. That returns how long it was busy with other things, such
    /// as preparing what the operation consumes, which is taken off; see [`repeat`] and
    /// [`repeat_with`]. A sample is the wall time until the last thread is ready, by the operations
    /// of each thread: with more threads than cores it holds the time in which others ran.
    ///
    /// Timed again under the same name, it is measured again.
    ///
    /// # Errors
    ///
    /// What criterion wrote cannot be read.
    pub fn time<F, W>(
        &mut self,
        name: &str,
        threads: usize,
        make: F,
    ) -> Result<Vec<f64>, Box<dyn Error>>
    where
        F: Fn() -> W + Sync,
        W: FnMut(u64) -> Duration,
    {
        let setting = threads.to_string();
        let mut group = self.criterion.benchmark_group(name);
        group.sampling_mode(SamplingMode::Flat);
        group.bench_function(&setting, |bencher| {
            bencher.iter_custom(|rounds| run(&make, threads, rounds));
        });
        group.finish();
        let times = self.timed.entry(format!("{name}/{setting}")).or_insert(0);
        *times += 1;
        // That is what criterion calls what it has met before.
        let folder = if *times == 1 { setting } else { format!("{setting}_{times}") };
        let samples = self.folder.join(name).join(folder).join("new/sample.json");
        let samples: Written = serde_json::from_slice(&fs::read(samples)?)?;
        Ok(samples.times.iter().zip(&samples.iters).map(|(time, rounds)| time / rounds).collect())
    }
}

impl std::fmt::Debug for Timer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Timer").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// What criterion writes of a measurement.
#[derive(Deserialize)]
struct Written {
    iters: Vec<f64>,
    times: Vec<f64>,
}

/// An operation that needs no preparation.
pub fn repeat(mut operation: impl FnMut()) -> impl FnMut(u64) -> Duration {
    move |rounds| {
        for _ in 0..rounds {
            operation();
        }
        Duration::ZERO
    }
}

/// How many operations are prepared at a time: few enough for the innermost cache, and enough that
/// the two clock readings between which they run cost each of them next to nothing.
const BATCH: u64 = 64;

/// An operation that consumes what was prepared for it; the preparation, and the drop of what the
/// operation returns, are not counted.
#[inline]
pub fn repeat_with<I, R>(
    mut prepare: impl FnMut() -> I,
    mut operation: impl FnMut(I) -> R,
) -> impl FnMut(u64) -> Duration {
    move |rounds| {
        let mut other = Duration::ZERO;
        let mut left = rounds;
        let mut inputs = Vec::with_capacity(BATCH as usize);
        let mut results = Vec::with_capacity(BATCH as usize);
        while left > 0 {
            let began = Instant::now();
            let batch = left.min(BATCH);
            results.clear();
            inputs.extend((0..batch).map(|_| prepare()));
            left -= batch;
            other += began.elapsed();
            for input in inputs.drain(..) {
                results.push(operation(input));
            }
        }
        let began = Instant::now();
        drop(results);
        other + began.elapsed()
    }
}

/// The time that all threads take together for so many operations each.
fn run<F, W>(make: &F, threads: usize, rounds: u64) -> Duration
where
    F: Fn() -> W + Sync,
    W: FnMut(u64) -> Duration,
{
    if threads == 1 {
        let mut work = make();
        let began = Instant::now();
        let other = work(rounds);
        return began.elapsed().saturating_sub(other);
    }
    let (ready, go) = (Barrier::new(threads + 1), Barrier::new(threads + 1));
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut work = make();
                    ready.wait();
                    go.wait();
                    let other = work(rounds);
                    (Instant::now(), other)
                })
            })
            .collect();
        ready.wait();
        let began = Instant::now();
        go.wait();
        let took = workers.into_iter().filter_map(|worker| worker.join().ok());
        took.map(|(ended, other)| ended.duration_since(began).saturating_sub(other))
            .max()
            .unwrap_or_default()
    })
}

/// What operations asked the allocator for, each on average.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Allocated {
    /// Allocations, and reallocations.
    pub count: f64,
    /// Bytes that were asked for; bytes that a reallocation keeps are not counted again.
    pub bytes: f64,
}

/// What `work`, which does so many operations, asks the allocator for.
///
/// All threads of the process are counted. The program's allocator has to be
/// [`INSTRUMENTED_SYSTEM`].
pub fn allocations<R>(operations: usize, work: impl FnOnce() -> R) -> Allocated {
    let region = Region::new(&INSTRUMENTED_SYSTEM);
    let result = work();
    let change = region.change();
    drop(result);
    let each = |total: usize| total as f64 / operations.max(1) as f64;
    Allocated {
        count: each(change.allocations + change.reallocations),
        bytes: each(change.bytes_allocated),
    }
}

/// Bytes that are allocated at present.
pub fn live_bytes() -> usize {
    let stats = INSTRUMENTED_SYSTEM.stats();
    stats.bytes_allocated.saturating_sub(stats.bytes_deallocated)
}

/// What the operating system has counted for this process, all its threads included.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Usage {
    /// Time on a processor, in the program and in the system for it.
    pub cpu: Duration,
    /// How often a thread gave its processor up to wait for something.
    pub switches: u64,
}

impl Usage {
    /// Since the process was started.
    ///
    /// # Errors
    ///
    /// Never on a system that counts this.
    pub fn now() -> Result<Self, Box<dyn Error>> {
        let usage = getrusage(UsageWho::RUSAGE_SELF)?;
        let spent = [usage.user_time(), usage.system_time()];
        let micros = spent.map(|time| time.tv_sec() * 1_000_000 + time.tv_usec());
        Ok(Self {
            cpu: Duration::from_micros(micros.iter().sum::<i64>().try_into()?),
            switches: usage.voluntary_context_switches().try_into()?,
        })
    }

    /// From an earlier moment to this one.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            cpu: self.cpu.saturating_sub(earlier.cpu),
            switches: self.switches.saturating_sub(earlier.switches),
        }
    }
}

/// Bytes of this process that are in memory.
///
/// # Errors
///
/// This is no Linux.
pub fn resident_bytes() -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix("kB"));
    let kibibytes = kibibytes.ok_or("no resident memory in /proc/self/status")?;
    Ok(kibibytes.trim().parse::<u64>()? * 1024)
}
