//! The end of every case: the server is healthy from now on, and everyone is served.

use std::time::Duration;

use super::action::{Operation, Patience, Reply, What};
use super::check::{Broken, Invariant, rule};
use super::organization::Organization;
use super::world::World;

/// Ends a case.
pub fn drain(world: &mut World) -> Result<(), Broken> {
    world.shared.note(|| format!("{:?}: the server is healthy from now on", world.shared.now()));
    everyone_ends(world)?;
    everyone_leaves(world)?;
    world.organizations.iter_mut().try_for_each(all_slots_are_usable_again)
}

/// Every caller that is polled ends by its deadline, within a bounded number of steps.
fn everyone_ends(world: &mut World) -> Result<(), Broken> {
    for organization in &mut world.organizations {
        for caller in &mut organization.callers {
            caller.steps = 0;
        }
    }
    let start = world.shared.now();
    loop {
        for organization in &mut world.organizations {
            organization.attend()?;
            for who in organization.due() {
                organization.step(who)?;
            }
            serve(organization)?;
        }
        let busy = |organization: &Organization| {
            !organization.woken().is_empty() || !organization.due().is_empty()
        };
        if world.organizations.iter().any(busy) {
            continue;
        }
        let next = world.organizations.iter().filter_map(next_look).min();
        let Some(next) = next else {
            return Ok(());
        };
        for organization in &world.organizations {
            nobody_waits_too_long(organization, start, next)?;
        }
        world.shared.pass(next.saturating_sub(world.shared.now()));
    }
}

/// When the first of those who are polled looks again.
fn next_look(organization: &Organization) -> Option<Duration> {
    let polled = organization.among(|caller| caller.waits.is_some() && !caller.frozen);
    polled.iter().map(|who| organization.callers[*who].until).min()
}

fn nobody_waits_too_long(
    organization: &Organization,
    start: Duration,
    next: Duration,
) -> Result<(), Broken> {
    for who in organization.among(|caller| caller.waits.is_some() && !caller.frozen) {
        let caller = &organization.callers[who];
        rule(
            next <= caller.deadline,
            Invariant::EveryoneEnds,
            "every caller of a healthy server ends in time",
        )?;
        // A step a second, and one for every caller that comes or goes.
        let seconds = (organization.now() - start).as_secs() as usize;
        rule(
            caller.steps <= 2 * seconds + 4 * organization.callers.len() + 20,
            Invariant::EveryoneEnds,
            "every caller of a healthy server ends within a bounded number of steps",
        )?;
    }
    Ok(())
}

/// Everything in flight is answered as it should be.
fn serve(organization: &mut Organization) -> Result<(), Broken> {
    while !organization.in_flight.is_empty() {
        organization.answer(0, Reply::Done)?;
    }
    while !organization.sign_ins.is_empty() {
        organization.answer_sign_in(0, Reply::Done)?;
    }
    while !organization.leases.is_empty() {
        organization.end_lease(0, Reply::Done)?;
    }
    Ok(())
}

/// Those who froze are gone at last, and what was never reported is past its deadline.
fn everyone_leaves(world: &mut World) -> Result<(), Broken> {
    for organization in &mut world.organizations {
        for who in organization.among(|caller| caller.waits.is_some()) {
            organization.depart(who)?;
        }
        rule(
            organization.session.waiting() == 0,
            Invariant::EveryoneEnds,
            "nobody is left in line",
        )?;
    }
    // All back-offs, hourly limits and deadlines are over by then.
    world.shared.pass(Duration::from_secs(2 * 3_600));
    world.replace(false, true)?;
    for organization in &world.organizations {
        rule(organization.session.in_flight() == 0, Invariant::SlotsKept, "no slot is leaked")?;
    }
    Ok(())
}

/// As many calls as there are slots are in flight at once, and the next one waits for its turn.
fn all_slots_are_usable_again(organization: &mut Organization) -> Result<(), Broken> {
    let slots = organization.setup.slots;
    // Another organisation may have used the hour's calls.
    organization.shared.pass(Duration::from_secs(2 * 3_600));
    for _ in 0..=slots {
        organization.begin(What::Call(Operation::List), Patience(None))?;
    }
    while !organization.sign_ins.is_empty() {
        organization.answer_sign_in(0, Reply::Done)?;
    }
    organization.attend()?;
    rule(
        organization.session.in_flight() == slots,
        Invariant::SlotsKept,
        "all slots are usable again",
    )?;
    rule(organization.session.waiting() == 1, Invariant::SlotsKept, "whoever finds no slot waits")?;
    while !organization.in_flight.is_empty() {
        organization.answer(0, Reply::Done)?;
        organization.attend()?;
    }
    let done = organization.history.exchanges.iter().rev().take(slots + 1);
    rule(
        done.filter(|exchange| exchange.reply == Some(Reply::Done)).count() == slots + 1,
        Invariant::EveryoneEnds,
        "every call of a healthy server is answered",
    )?;
    let left = organization.session.in_flight() + organization.session.waiting();
    rule(left == 0, Invariant::SlotsKept, "nothing is left over")
}
