//! What holds after everything that is done to the core.

use std::time::Duration;

use bill_session_core::Phase;

use super::check::{Broken, no_secret_in, rule};
use super::coverage::Seen;
use super::order::{nobody_waits_for_what_is_there, whoever_is_to_end_is_woken};
use super::organization::Organization;

/// All of them, at this instant.
pub fn laws(org: &mut Organization) -> Result<(), Broken> {
    the_slots_are_never_exceeded(org)?;
    no_slot_is_lost(org)?;
    nobody_is_lost_from_the_line(org)?;
    every_sign_in_is_counted(org)?;
    the_phase_follows_from_the_history(org)?;
    the_loss_of_trust_is_told(org)?;
    whoever_is_to_end_is_woken(org)?;
    nobody_waits_for_what_is_there(org)?;
    if org.is_time_for_a_closer_look() {
        no_text_shows_a_secret(org)?;
    }
    Ok(())
}

fn the_slots_are_never_exceeded(org: &Organization) -> Result<(), Broken> {
    rule(
        org.history.slots_in_use(org.now()) <= org.setup.slots,
        "exchanges and sign-ins in flight never exceed the slots",
    )
}

fn no_slot_is_lost(org: &Organization) -> Result<(), Broken> {
    rule(
        org.session.in_flight() == org.history.slots_in_use(org.now()),
        "a slot is in use by what is in flight, and by nothing else",
    )
}

/// Those of before a sign-out have left the line already, and learn of it at their next step.
fn nobody_is_lost_from_the_line(org: &Organization) -> Result<(), Broken> {
    let in_line = org.callers.iter().filter(|caller| {
        let current = caller.epoch == org.history.epoch || !caller.task.needs_session();
        caller.waits.is_some() && current
    });
    rule(org.session.waiting() == in_line.count(), "the line holds those who wait, and nobody else")
}

fn every_sign_in_is_counted(org: &Organization) -> Result<(), Broken> {
    let counted = org.session.account().key_limits().sign_ins(org.instant());
    rule(
        counted == org.shared.key().sign_ins_of_the_hour(org.now()),
        "every sign-in and list of organisations counts for an hour, whatever became of it",
    )
}

fn the_phase_follows_from_the_history(org: &Organization) -> Result<(), Broken> {
    let (history, now) = (&org.history, org.now());
    let usable = history.usable(now, Duration::ZERO);
    let right = match org.session.phase(org.instant()) {
        Phase::SigningIn { since } => {
            history.sign_in_in_flight().is_some_and(|at| since == now - history.sign_ins[at].began)
        }
        Phase::SignedIn { left, idle, age, trusted, .. } => usable.is_some_and(|session| {
            let expected_left = (!session.endless).then(|| history.idles_out_at(session) - now);
            idle == now - history.alive_at(session)
                && trusted == session.trusted
                && left == expected_left
                && age == now - history.sign_ins[session.sign_in].began
        }),
        Phase::Refused { .. } => {
            history.is_refused() && usable.is_none() && history.sign_in_in_flight().is_none()
        }
        Phase::Failed { retry_in, .. } => {
            let within = |(earliest, latest): (Duration, Duration)| {
                now + retry_in >= earliest && (retry_in.is_zero() || now + retry_in <= latest)
            };
            history.log.pause().is_some_and(within)
                && !history.is_refused()
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
                && !history.is_refused()
        }
        _ => false,
    };
    rule(right, "what the session looks like follows from its history")
}

fn the_loss_of_trust_is_told(org: &mut Organization) -> Result<(), Broken> {
    org.seen.add_if(org.trust_lost > 0, Seen::TRUST_LOST);
    rule(
        org.trust_lost == org.history.trust_lost,
        "the loss of trust is told when a trusted session makes room for one that is not, and once",
    )
}

fn no_text_shows_a_secret(org: &Organization) -> Result<(), Broken> {
    let phase = org.session.phase(org.instant());
    no_secret_in(&format!("{:?} {phase:?}", org.session))
}
