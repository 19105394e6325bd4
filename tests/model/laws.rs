//! What holds after everything that is done to the core.

use std::time::Duration;

use bill_session_core::Phase;

use super::caller::Task;
use super::check::{Broken, no_secret_in, rule};
use super::order::{nobody_waits_for_what_is_there, whoever_is_to_end_is_woken};
use super::world::World;

/// All of them, at this instant.
pub fn laws(world: &mut World) -> Result<(), Broken> {
    the_slots_are_never_exceeded(world)?;
    no_slot_is_lost(world)?;
    nobody_is_lost_from_the_line(world)?;
    every_sign_in_is_counted(world)?;
    the_phase_follows_from_the_history(world)?;
    whoever_is_to_end_is_woken(world)?;
    nobody_waits_for_what_is_there(world)?;
    if world.is_time_for_a_closer_look() {
        no_text_shows_a_secret(world)?;
    }
    Ok(())
}

fn the_slots_are_never_exceeded(world: &World) -> Result<(), Broken> {
    rule(
        world.history.slots_in_use(world.now) <= world.setup.slots,
        "exchanges and sign-ins in flight never exceed the slots",
    )
}

fn no_slot_is_lost(world: &World) -> Result<(), Broken> {
    rule(
        world.session.in_flight() == world.history.slots_in_use(world.now),
        "a slot is in use by what is in flight, and by nothing else",
    )
}

/// Those of before a sign-out have left the line already, and learn of it at their next step.
fn nobody_is_lost_from_the_line(world: &World) -> Result<(), Broken> {
    let in_line = world.callers.iter().filter(|caller| {
        let current = caller.epoch == world.history.epoch || caller.task == Task::Logout;
        caller.waits.is_some() && current
    });
    rule(
        world.session.waiting() == in_line.count(),
        "the line holds those who wait, and nobody else",
    )
}

fn every_sign_in_is_counted(world: &World) -> Result<(), Broken> {
    let counted = world.session.account().key_limits().sign_ins(world.instant());
    rule(
        counted == world.history.sign_ins_of_the_hour(world.now),
        "every sign-in counts for an hour, whatever became of it",
    )
}

fn the_phase_follows_from_the_history(world: &World) -> Result<(), Broken> {
    let (history, now) = (&world.history, world.now);
    let usable = history.usable(now, Duration::ZERO);
    let right = match world.session.phase(world.instant()) {
        Phase::SigningIn { since } => {
            history.sign_in_in_flight().is_some_and(|at| since == now - history.sign_ins[at].began)
        }
        Phase::SignedIn { left, idle, age, .. } => usable.is_some_and(|session| {
            let limit = Duration::from_secs(2_040);
            let expected_idle = now - history.alive_at(session);
            let expected_left = (!session.endless).then(|| limit - expected_idle);
            idle == expected_idle
                && left == expected_left
                && age == now - history.sign_ins[session.sign_in].began
        }),
        Phase::Refused { .. } => {
            history.log.is_refused() && usable.is_none() && history.sign_in_in_flight().is_none()
        }
        Phase::Failed { retry_in, .. } => {
            let within = |(earliest, latest): (Duration, Duration)| {
                now + retry_in >= earliest && (retry_in.is_zero() || now + retry_in <= latest)
            };
            history.log.pause().is_some_and(within)
                && !history.log.is_refused()
                && usable.is_none()
                && history.sign_in_in_flight().is_none()
        }
        Phase::IdledOut { idle } => {
            let session = history.current().filter(|_| usable.is_none());
            session.is_some_and(|session| idle == now - history.alive_at(session))
        }
        Phase::SignedOut => {
            history.current().is_none()
                && history.log.pause().is_none()
                && history.sign_in_in_flight().is_none()
                && !history.log.is_refused()
        }
        _ => false,
    };
    rule(right, "what the session looks like follows from its history")
}

fn no_text_shows_a_secret(world: &World) -> Result<(), Broken> {
    let phase = world.session.phase(world.instant());
    no_secret_in(&format!("{:?} {phase:?}", world.session))
}
