//! Tasks that are polled in an order drawn by chance, from a seed that is told when one fails.

use std::env;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Builder;

/// How many seeds are tried unless the environment says another number.
const USUAL: u64 = 250;

/// Numbers drawn from a seed.
#[derive(Clone)]
pub(crate) struct Chance(Arc<AtomicU64>);

impl Chance {
    fn from(seed: u64) -> Self {
        Self(Arc::new(AtomicU64::new(seed)))
    }

    /// A number below `most`.
    pub(crate) fn below(&self, most: usize) -> usize {
        // SplitMix64, by Steele, Lea and Flood.
        let step = 0x9e37_79b9_7f4a_7c15;
        let drawn = self.0.fetch_add(step, Ordering::Relaxed).wrapping_add(step);
        let drawn = (drawn ^ drawn >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let drawn = (drawn ^ drawn >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (drawn >> 33) as usize % most
    }
}

/// What has to come about under a part of the seeds, or the scenario shows nothing.
pub(crate) struct Met(AtomicUsize);

impl Met {
    pub(crate) const fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    pub(crate) fn when(&self, met: bool) {
        self.0.fetch_add(usize::from(met), Ordering::Relaxed);
    }
}

struct Told(&'static str, u64);

impl Drop for Told {
    fn drop(&mut self) {
        if thread::panicking() {
            println!("{}: again with BILL_SCHEDULES_SEED={} BILL_SCHEDULES=1", self.0, self.1);
        }
    }
}

/// Runs `scenario` once for each seed, on a runtime of its own whose clock is paused, and demands
/// that one seed in a hundred meets each of `situations`, and that no task is left at the end.
pub(crate) fn explore<F: Future<Output = ()>>(
    name: &'static str,
    situations: &[(&str, &Met)],
    scenario: impl Fn(Chance) -> F,
) {
    let number = |variable: &str| env::var(variable).ok().map(|value| value.parse().unwrap());
    let (seeds, start) = (number("BILL_SCHEDULES").unwrap_or(USUAL), Instant::now());
    let first = number("BILL_SCHEDULES_SEED").unwrap_or_else(bill_session_host::seed);
    for seed in (0..seeds).map(|number| first.wrapping_add(number)) {
        let _told = Told(name, seed);
        let runtime =
            Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            scenario(Chance::from(seed)).await;
            // Longer than any answer takes that is still on its way.
            tokio::time::sleep(Duration::from_secs(1)).await;
        });
        assert_eq!(runtime.metrics().num_alive_tasks(), 0, "a task is left");
    }
    println!("{name}: {seeds} seeds from {first}, {:.1} s", start.elapsed().as_secs_f64());
    for (situation, met) in situations {
        let met = met.0.load(Ordering::Relaxed) as u64;
        println!("{name}: {met} met: {situation}");
        assert!(seeds == 1 || met * 100 >= seeds, "hardly any seed met this: {situation}");
    }
}

/// Some futures that are polled one at a time, each when it was woken, in an order by chance.
pub(crate) struct Shuffled<R> {
    tasks: Vec<Task<R>>,
    chance: Chance,
}

struct Task<R> {
    future: Option<Pin<Box<dyn Future<Output = R> + Send>>>,
    /// After how many polls it is dropped as it is.
    patience: usize,
    result: Option<R>,
    woken: Arc<Woken>,
}

#[derive(Default)]
struct Woken {
    is: AtomicBool,
    all: Mutex<Option<Waker>>,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.is.store(true, Ordering::Release);
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().for_each(Waker::wake_by_ref);
    }
}

impl<R> Shuffled<R> {
    pub(crate) fn new(chance: &Chance) -> Self {
        Self { tasks: Vec::new(), chance: chance.clone() }
    }

    pub(crate) fn and(self, future: impl Future<Output = R> + Send + 'static) -> Self {
        self.and_impatient(usize::MAX, future)
    }

    /// One that is dropped after so many polls, if it has not ended.
    pub(crate) fn and_impatient(
        mut self,
        patience: usize,
        future: impl Future<Output = R> + Send + 'static,
    ) -> Self {
        let woken = Arc::new(Woken { is: AtomicBool::new(true), all: Mutex::default() });
        let future = Some(Box::pin(future) as Pin<Box<dyn Future<Output = R> + Send>>);
        self.tasks.push(Task { future, patience, result: None, woken });
        self
    }
}

impl<R: Unpin> Future for Shuffled<R> {
    /// What each has ended with; nothing for those that were dropped.
    type Output = Vec<Option<R>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let live = |task: &&mut Task<R>| task.future.is_some();
        for task in self.tasks.iter_mut().filter(live) {
            let mut all = task.woken.all.lock().unwrap_or_else(PoisonError::into_inner);
            *all = Some(context.waker().clone());
        }
        let ready = |task: &&mut Task<R>| live(task) && task.woken.is.load(Ordering::Acquire);
        let number = self.tasks.iter_mut().filter(ready).count();
        if number > 0 {
            let drawn = self.chance.below(number);
            let task = self.tasks.iter_mut().filter(ready).nth(drawn).unwrap();
            task.woken.is.store(false, Ordering::Release);
            let waker = Waker::from(Arc::clone(&task.woken));
            if task.patience == 0 {
                task.future = None;
            } else if let Some(future) = &mut task.future
                && let Poll::Ready(result) = future.as_mut().poll(&mut Context::from_waker(&waker))
            {
                (task.result, task.future) = (Some(result), None);
            } else {
                task.patience -= 1;
            }
            // The runtime's own tasks have their turn before the next of these.
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.tasks.iter().any(|task| task.future.is_some()) {
            return Poll::Pending;
        }
        Poll::Ready(self.tasks.iter_mut().map(|task| task.result.take()).collect())
    }
}
