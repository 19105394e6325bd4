//! The path of every call: floors, ours and the rivals, in one process and one run.
//!
//! Each subject is warm: signed in, by a token or a session that stays good for the whole run. An
//! operation is what a client does around a request:
//!
//! - ours: [`Ours::round`], which acquires a slot and the session and observes the answer, and
//!   [`Ours::signed_round`], which also makes the signed request;
//! - a rival: the call that hands out the credential; the head of each rival's module says which.
//!   None of them observes an answer, and none limits the calls in flight: they do less.
//! - floors: see the table at the head of `floors.rs`.
//!
//! What an operation returns is dropped outside of what is timed, for everyone. Futures are polled
//! within the context of a runtime, but on no executor (`at_once` in `subject.rs`). The subjects
//! take turns for several rounds, and the samples of all rounds count, so that a machine that grows
//! slower or faster meanwhile does so for everybody. Allocations are counted by another program:
//! see [`crate::allocations`].

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bill_bench::Row;
use bill_bench::measure::{Effort, Timer, repeat_with};
use bill_bench::path::Ours;
use bill_bench::row::{Of, counted};
use bill_session_core::{Call, Misuse};
use tokio::runtime::{Builder, Runtime};

use crate::allocations;
use crate::aws::Aws;
use crate::azure::Azure;
use crate::floors;
use crate::gcp::Gcp;
use crate::google::Google;
use crate::provider::{Answer, Provider};
use crate::rival::Rival;
use crate::subject::{Subject, at_once};

const THREADS: [usize; 3] = [1, 2, 8];

/// Measures this section.
///
/// # Errors
///
/// A rival does not sign in, what criterion wrote cannot be read, or the program that counts
/// allocations fails.
pub fn rows(effort: Effort) -> Result<Vec<Row>, Box<dyn Error>> {
    let subjects = subjects()?;
    let allocated = allocations::counted()?;
    let mut rows = Vec::new();
    // A timer for each round: criterion keeps the samples of everything by its name.
    let rounds = 1..=effort.of(3, 1);
    let mut timers: Vec<_> =
        rounds.map(|round| Timer::new(&format!("rivals-{round}"), effort)).collect();
    for threads in THREADS {
        let setting = counted(threads, "thread");
        let mut samples = vec![Vec::new(); subjects.len()];
        for timer in &mut timers {
            for (subject, samples) in subjects.iter().zip(&mut samples) {
                samples.extend(timer.time(subject.name, threads, || subject.work())?);
            }
        }
        for (subject, samples) in subjects.iter().zip(&samples) {
            rows.push(Of::new("path", subject.name).at(&*setting).samples("time", "ns", samples));
            let same = allocated.iter().filter(|row| row.subject == subject.name);
            rows.extend(same.map(|row| {
                let mut row = row.clone();
                row.setting.clone_from(&setting);
                row
            }));
        }
    }
    Ok(rows)
}

/// Everybody, warm.
pub(crate) fn subjects() -> Result<Vec<Subject>, Box<dyn Error>> {
    // One worker for what the rivals do in the background; it sleeps while they are measured.
    let runtime = Arc::new(Builder::new_multi_thread().worker_threads(1).enable_all().build()?);
    let mut subjects = floors::all();
    let session = Arc::new(Ours::signed_in(THREADS.into_iter().max().unwrap_or(1))?);
    subjects.push(ours("ours", &session, Ours::round)?);
    subjects.push(ours("ours, signed", &session, Ours::signed_round)?);
    subjects.push(rival::<Aws>(&runtime)?);
    subjects.push(rival::<Google>(&runtime)?);
    subjects.push(rival::<Azure>(&runtime)?);
    subjects.push(rival::<Gcp>(&runtime)?);
    Ok(subjects)
}

fn ours<F, R>(name: &'static str, ours: &Arc<Ours>, round: F) -> Result<Subject, Misuse>
where
    F: Fn(&Ours, Call) -> R + Copy + Sync + 'static,
    R: 'static,
{
    let (ours, spare) = (Arc::clone(ours), ours.call()?);
    Ok(Subject::new(name, move || {
        // Each thread describes a call of its own, as each caller does.
        let (ours, call) = (Arc::clone(&ours), ours.call().unwrap_or_else(|_| spare.afresh()));
        repeat_with(move || call.afresh(), move |call| round(&ours, call))
    }))
}

fn rival<R: Rival>(runtime: &Arc<Runtime>) -> Result<Subject, Box<dyn Error>> {
    let provider = Arc::new(Provider::new(Answer::Token, Duration::ZERO));
    let rival = {
        let _within = runtime.enter();
        Arc::new(R::cold(&provider)?)
    };
    runtime.block_on(rival.credential()).map_err(|error| error as Box<dyn Error>)?;
    let runtime = Arc::clone(runtime);
    Ok(Subject::new(R::NAME, move || {
        let (rival, runtime) = (Arc::clone(&rival), Arc::clone(&runtime));
        move |rounds| {
            let _within = runtime.enter();
            repeat_with(|| (), |()| at_once(rival.credential()))(rounds)
        }
    }))
}
