//! What holds after everything that is done to the core.

use std::time::Duration;

use bill_session_core::Phase;

use super::check::{Broken, Invariant, no_secret_in, rule};
use super::order::{nobody_waits_for_what_is_there, whoever_is_to_end_is_woken};
use super::organization::Organization;
use super::situation::Situation;

/// All of them, at this instant.
pub fn laws(org: &mut Organization) -> Result<(), Broken> {
    the_slots_are_never_exceeded(org)?;
    no_slot_is_lost(org)?;
    nobody_is_lost_from_the_line(org)?;
    every_sign_in_is_counted(org)?;
    the_phase_follows_from_the_history(org)?;
    the_loss_of_trust_is_told(org)?;
    a_renewal_is_due_when_it_should(org)?;
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
        Invariant::SlotsKept,
        "exchanges and sign-ins in flight never exceed the slots",
    )
}

fn no_slot_is_lost(org: &Organization) -> Result<(), Broken> {
    rule(
        org.session.in_flight() == org.history.slots_in_use(org.now()),
        Invariant::SlotsKept,
        "a slot is in use by what is in flight, and by nothing else",
    )
}

/// Those of before a sign-out have left the line already, and learn of it at their next step.
fn nobody_is_lost_from_the_line(org: &Organization) -> Result<(), Broken> {
    let in_line = org.callers.iter().filter(|caller| {
        let current = caller.epoch == org.history.epoch || !caller.task.needs_session();
        caller.waits.is_some() && current
    });
    rule(
        org.session.waiting() == in_line.count(),
        Invariant::HistoryShows,
        "the line holds those who wait, and nobody else",
    )
}

fn every_sign_in_is_counted(org: &Organization) -> Result<(), Broken> {
    let spent = org.shared.key().sign_ins_of_the_hour(org.now());
    rule(
        spent <= org.setup.limits.sign_ins as usize,
        Invariant::SignInBudget,
        "no hour holds more sign-ins than its budget",
    )?;
    let counted = org.session.account().key_limits().sign_ins(org.instant());
    rule(
        counted == spent,
        Invariant::SignInBudget,
        "every sign-in and list of organisations counts for an hour, whatever became of it",
    )
}

fn the_phase_follows_from_the_history(org: &Organization) -> Result<(), Broken> {
    let (history, now) = (&org.history, org.now());
    let usable = history.usable(now, Duration::ZERO);
    let phase = org.session.phase(org.instant());
    if let Phase::SignedIn { trusted, .. } = phase {
        rule(
            usable.is_some(),
            Invariant::NoDeadSession,
            "no session is kept that was called invalid, has idled out, was signed out or replaced",
        )?;
        rule(
            usable.is_some_and(|session| trusted == session.trusted),
            Invariant::TrustKept,
            "a session is as trusted as BILL has said",
        )?;
    }
    if let (Phase::Failed { retry_in, .. }, Some((earliest, latest))) =
        (&phase, history.log.pause())
    {
        let ends_at = now + *retry_in;
        rule(
            ends_at >= earliest && (retry_in.is_zero() || ends_at <= latest),
            Invariant::BackOffKept,
            "a back-off is as long as the failures before it ask for",
        )?;
    }
    let right = match phase {
        Phase::SigningIn { since } => {
            history.sign_in_in_flight().is_some_and(|at| since == now - history.sign_ins[at].began)
        }
        Phase::SignedIn { left, idle, age, .. } => usable.is_some_and(|session| {
            let expected_left = (!session.endless).then(|| history.idles_out_at(session) - now);
            idle == now - history.alive_at(session)
                && left == expected_left
                && age == now - history.sign_ins[session.sign_in].began
        }),
        Phase::Refused { .. } => {
            history.is_refused() && usable.is_none() && history.sign_in_in_flight().is_none()
        }
        Phase::Failed { .. } => {
            history.log.pause().is_some()
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
    rule(right, Invariant::HistoryShows, "what the session looks like follows from its history")
}

fn the_loss_of_trust_is_told(org: &mut Organization) -> Result<(), Broken> {
    org.seen.add_if(org.trust_lost > 0, Situation::TrustLost);
    rule(
        org.trust_lost == org.history.trust_lost,
        Invariant::TrustKept,
        "the loss of trust is told when a trusted session makes room for one that is not, and once",
    )
}

/// While nothing is in flight; two renewals are half a minute apart.
fn a_renewal_is_due_when_it_should(org: &Organization) -> Result<(), Broken> {
    let is_busy = org.history.exchanges.iter().any(|exchange| exchange.open);
    let Some(idle_due) = org.renewal_is_due_at().filter(|_| !is_busy && !org.unnoticed) else {
        return Ok(());
    };
    let apart = org.renewed.map(|last| last + Duration::from_secs(30)).unwrap_or_default();
    let over = org.renewals >= 2 || org.history.is_refused();
    let due = (!over).then(|| idle_due.max(apart));
    rule(
        org.session.renew_at().map(|at| org.since_origin(at)) == due,
        Invariant::RenewalsEnd,
        "a session that is idle is renewed when its time is nearly over, and not too often",
    )
}

fn no_text_shows_a_secret(org: &Organization) -> Result<(), Broken> {
    let (session, status) = (&org.session, org.session.status(org.instant()));
    no_secret_in(&format!("{session:?} {status:?}"))?;
    let account = session.account();
    let limits = account.key_limits();
    no_secret_in(&format!("{account:?} {limits:?} {:?}", account.environment()))?;
    for (challenge, _) in &org.challenges {
        no_secret_in(&format!("{challenge:?}"))?;
    }
    let named = [session.user_id().map(str::to_owned), session.api()];
    no_secret_in(&format!("{named:?} {:?}", session.not_followed()))
}
