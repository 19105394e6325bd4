//! Herds: many callers at once find that nobody is signed in.
//!
//! For each rival, with a cold cache of its own: how many sign-ins its provider sees, how long it
//! takes until the last caller has what it asked for, and what that costs the process. A sign-in
//! takes 50 ms. It succeeds; or each one is refused, as with a wrong password; or each one meets a
//! fault of the server, which nobody watches for longer than callers of ours wait for such a server.
//! Callers of the latter two are to end with an error. How often a rival tries by itself is left as
//! it is by default.
//!
//! `sign-ins` are those that were begun, and `answered` those that somebody also waited for:
//! `aws-smithy-runtime` gives a caller some 22 s, waiting for its turn included, and begins a
//! sign-in even for one whose time is up.
//!
//! Time, processor and switches begin when the cache has been made, which is before the first call;
//! for a rival that signs in as soon as it is made, they begin there. Two of the rivals sign in
//! over loopback, and the endpoint's share, one thread of this process, is in their figures.
//!
//! Some herds would take hours. They are cut off: `ended` is then 0, `time` is the limit, and
//! `sign-ins` is how far it got.

use std::error::Error;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bill_bench::Row;
use bill_bench::measure::{Effort, Usage};
use bill_bench::row::{Of, counted};
use tokio::runtime::Builder;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::aws::Aws;
use crate::azure::Azure;
use crate::gcp::Gcp;
use crate::google::Google;
use crate::provider::{Answer, Provider};
use crate::rival::Rival;

/// How long a sign-in takes.
const SIGN_IN: Duration = Duration::from_millis(50);

/// How long callers wait for a server that does not get well, here as among the callers of ours.
const IMPATIENCE: Duration = Duration::from_secs(5);

/// How long a herd may take otherwise, and how long a larger one of a rival that took longer.
const PATIENCE: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(10)];

/// A herd is measured so often, unless that takes long.
const SAMPLES: usize = 5;

/// Measures this section.
///
/// # Errors
///
/// A rival cannot be made, or gives a caller what its provider did not answer.
pub fn rows(effort: Effort) -> Result<Vec<Row>, Box<dyn Error>> {
    let mut rows = Vec::new();
    for answer in [Answer::Token, Answer::Refusal, Answer::Fault] {
        rows.extend(herds::<Aws>(answer, effort)?);
        rows.extend(herds::<Google>(answer, effort)?);
        rows.extend(herds::<Azure>(answer, effort)?);
        rows.extend(herds::<Gcp>(answer, effort)?);
    }
    Ok(rows)
}

/// Herds of every size.
fn herds<R: Rival>(answer: Answer, effort: Effort) -> Result<Vec<Row>, Box<dyn Error>> {
    let sizes: &[usize] = effort.of(&[1, 50, 100, 1_000, 10_000], &[1, 10]);
    let patience = if answer == Answer::Fault { IMPATIENCE } else { PATIENCE[0] };
    let mut limit = effort.of(patience, Duration::from_secs(3));
    let mut rows = Vec::new();
    for &callers in sizes {
        let setting = match answer {
            Answer::Token => counted(callers, "caller"),
            Answer::Refusal => format!("{}, refused", counted(callers, "caller")),
            Answer::Fault => format!("{}, server fault", counted(callers, "caller")),
        };
        progress(R::NAME, &setting);
        let began = Instant::now();
        let mut herds = Vec::new();
        while herds.len() < SAMPLES
            && (herds.is_empty() || began.elapsed() < Duration::from_secs(2))
        {
            herds.push(herd::<R>(answer, callers, limit)?);
        }
        let ended = herds.iter().all(|herd| herd.ended);
        if !ended {
            limit = limit.min(PATIENCE[1]);
        }
        let of = Of::new("herd", R::NAME).at(setting);
        let samples = |of_one: fn(&Herd) -> f64| herds.iter().map(of_one).collect::<Vec<_>>();
        rows.push(of.samples("sign-ins", "count", &samples(|herd| herd.sign_ins as f64)));
        rows.push(of.samples("answered", "count", &samples(|herd| herd.answered as f64)));
        rows.push(of.samples("time", "ms", &samples(|herd| milliseconds(herd.time))));
        rows.push(of.samples("cpu", "ms", &samples(|herd| milliseconds(herd.used.cpu))));
        rows.push(of.samples("switches", "count", &samples(|herd| herd.used.switches as f64)));
        rows.push(of.value("ended", "count", f64::from(u8::from(ended))));
    }
    Ok(rows)
}

/// What came of one herd.
struct Herd {
    ended: bool,
    sign_ins: usize,
    answered: usize,
    time: Duration,
    used: Usage,
}

fn herd<R: Rival>(answer: Answer, callers: usize, limit: Duration) -> Result<Herd, Box<dyn Error>> {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let provider = Arc::new(Provider::new(answer, SIGN_IN));
    let within = runtime.enter();
    let before = (Usage::now()?, Instant::now());
    let rival = Arc::new(R::cold(&provider)?);
    let (usage, began) = if R::EAGER { before } else { (Usage::now()?, Instant::now()) };
    let waiting = Arc::new(Waiting::of(callers));
    runtime.spawn(send_off(rival, answer, callers, Arc::clone(&waiting)));
    let ended = runtime.block_on(timeout(limit, waiting.over.notified())).is_ok();
    let (sign_ins, answered) = (provider.asked(), provider.answered());
    let used = Usage::now()?.since(usage);
    drop(within);
    drop(runtime);
    if waiting.surprised.load(Ordering::Relaxed) > 0 {
        return Err(format!("{}: an answer that nobody gave", R::NAME).into());
    }
    let last = waiting.last.get().map_or(limit, |last| last.duration_since(began));
    Ok(Herd { ended, sign_ins, answered, time: last, used })
}

/// Callers who have not heard yet.
struct Waiting {
    left: AtomicUsize,
    /// Those who got the opposite of what the provider answers.
    surprised: AtomicUsize,
    /// When the last one heard.
    last: OnceLock<Instant>,
    over: Notify,
}

impl Waiting {
    fn of(callers: usize) -> Self {
        Self {
            left: AtomicUsize::new(callers),
            surprised: AtomicUsize::new(0),
            last: OnceLock::new(),
            over: Notify::new(),
        }
    }

    fn one_less(&self, as_expected: bool) {
        if !as_expected {
            self.surprised.fetch_add(1, Ordering::Relaxed);
        }
        if self.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            // Nobody else sets it: this is the last.
            let _ = self.last.set(Instant::now());
            self.over.notify_one();
        }
    }
}

/// Lets all callers loose, each on a task of its own.
async fn send_off<R: Rival>(rival: Arc<R>, answer: Answer, callers: usize, waiting: Arc<Waiting>) {
    for _ in 0..callers {
        let (rival, waiting) = (Arc::clone(&rival), Arc::clone(&waiting));
        tokio::spawn(async move {
            let served = rival.credential().await.is_ok();
            waiting.one_less(served == (answer == Answer::Token));
        });
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

#[expect(clippy::print_stderr, reason = "a herd can take a minute")]
fn progress(name: &str, setting: &str) {
    eprintln!("herd: {name}, {setting}");
}
