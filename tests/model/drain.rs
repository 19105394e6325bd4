//! The end of every case: the server is healthy from now on, and everyone is served.

use std::time::Duration;

use super::action::{Patience, Reply, What};
use super::check::{Broken, rule};
use super::world::World;

/// Ends a case.
pub fn drain(world: &mut World) -> Result<(), Broken> {
    world.note(|world| format!("{:?}: the server is healthy from now on", world.now));
    everyone_ends(world)?;
    everyone_leaves(world)?;
    all_slots_are_usable_again(world)
}

/// Every caller that is polled ends by its deadline, within a bounded number of steps.
fn everyone_ends(world: &mut World) -> Result<(), Broken> {
    for caller in &mut world.callers {
        caller.steps = 0;
    }
    let start = world.now;
    loop {
        world.attend()?;
        for who in world.due() {
            world.step(who)?;
        }
        serve(world)?;
        if !world.woken().is_empty() || !world.due().is_empty() {
            continue;
        }
        let polled = world.among(|caller| caller.waits.is_some() && !caller.frozen);
        let Some(next) = polled.iter().map(|who| world.callers[*who].until).min() else {
            return Ok(());
        };
        for who in polled {
            let caller = &world.callers[who];
            rule(next <= caller.deadline, "every caller of a healthy server ends in time")?;
            // A step a second, and one for every caller that comes or goes.
            let seconds = (world.now - start).as_secs() as usize;
            rule(
                caller.steps <= 2 * seconds + 4 * world.callers.len() + 20,
                "every caller of a healthy server ends within a bounded number of steps",
            )?;
        }
        world.now = next;
    }
}

/// Everything in flight is answered as it should be.
fn serve(world: &mut World) -> Result<(), Broken> {
    while !world.in_flight.is_empty() {
        world.answer(0, Reply::Done)?;
    }
    while !world.sign_ins.is_empty() {
        world.answer_sign_in(0, Reply::Done)?;
    }
    while !world.leases.is_empty() {
        world.end_lease(0, Reply::Done)?;
    }
    Ok(())
}

/// Those who froze are gone at last, and what was never reported is past its deadline.
fn everyone_leaves(world: &mut World) -> Result<(), Broken> {
    for who in world.among(|caller| caller.waits.is_some()) {
        world.depart(who)?;
    }
    rule(world.session.waiting() == 0, "nobody is left in line")?;
    // All back-offs, hourly limits and deadlines are over by then.
    world.now += Duration::from_secs(2 * 3_600);
    world.replace(false, true)?;
    rule(world.session.in_flight() == 0, "no slot is leaked")
}

/// As many calls as there are slots are in flight at once, and the next one waits for its turn.
fn all_slots_are_usable_again(world: &mut World) -> Result<(), Broken> {
    for _ in 0..=world.setup.slots {
        world.begin(What::Call, Patience(None))?;
    }
    while !world.sign_ins.is_empty() {
        world.answer_sign_in(0, Reply::Done)?;
    }
    world.attend()?;
    rule(world.session.in_flight() == world.setup.slots, "all slots are usable again")?;
    rule(world.session.waiting() == 1, "whoever finds no slot waits")?;
    while !world.in_flight.is_empty() {
        world.answer(0, Reply::Done)?;
        world.attend()?;
    }
    let done = world.history.exchanges.iter().rev().take(world.setup.slots + 1);
    rule(
        done.filter(|exchange| exchange.reply == Some(Reply::Done)).count()
            == world.setup.slots + 1,
        "every call of a healthy server is answered",
    )?;
    rule(world.session.in_flight() == 0 && world.session.waiting() == 0, "nothing is left over")
}
