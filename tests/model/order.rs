//! Who is next: the order of callers, judged by when they came, stepped and were woken.

use std::time::Duration;

use super::caller::{Caller, Task};
use super::check::{Broken, rule};
use super::coverage::Seen;
use super::facts::Stamp;
use super::world::World;

/// A slot that is not taken up for so long passes on.
const ASSIGNED: Duration = Duration::from_millis(250);

/// Callers that came earlier, still wait, and could use what this one gets.
pub fn rivals(world: &World, who: usize, to_sign_in: bool) -> Vec<usize> {
    let (history, now) = (&world.history, world.now);
    let task = world.callers[who].task;
    let needs_sign_in = |left| history.usable(now, left).is_none();
    let could_use = |earlier: usize| {
        let caller = &world.callers[earlier];
        match caller.task {
            Task::Logout => true,
            _ if task == Task::Logout || caller.epoch != history.epoch => false,
            Task::Call if !to_sign_in => true,
            Task::KeepAlive => !to_sign_in,
            Task::Lease(left) => to_sign_in && needs_sign_in(left) && !history.log.is_refused(),
            _ => {
                let may = !history.log.is_refused() || world.may_try(earlier);
                to_sign_in && needs_sign_in(Duration::ZERO) && may
            }
        }
    };
    let mut earlier = world.among(|caller| caller.waits.is_some());
    earlier.retain(|earlier| *earlier < who && could_use(*earlier));
    earlier
}

/// A caller that gets its turn does not overtake one that came earlier, could use it, and is being
/// polled: one that has stepped before and was not woken since.
pub fn first_come_first_served(
    world: &mut World,
    rivals: &[usize],
    since: Stamp,
    to_sign_in: bool,
) -> Result<(), Broken> {
    for earlier in rivals {
        let caller = &world.callers[*earlier];
        let backs_off = caller.not_before.1 > since.at;
        match caller.woken {
            Some(woken) if world.now >= woken.at + ASSIGNED && !to_sign_in => {
                world.seen.add(Seen::LAPSED);
            }
            Some(_) => {}
            None => rule(
                backs_off || caller.last_step.order > since.order,
                "a caller does not overtake one that came earlier and is being polled",
            )?,
        }
    }
    Ok(())
}

/// Whoever is to end learns it at once, and not when it looks again.
pub fn whoever_is_to_end_is_woken(world: &World) -> Result<(), Broken> {
    let refused =
        world.history.log.is_refused() && world.history.usable(world.now, Duration::ZERO).is_none();
    for (who, caller) in asleep(world) {
        if caller.task == Task::Logout {
            continue;
        }
        rule(caller.epoch == world.history.epoch, "a sign-out wakes everyone")?;
        rule(caller.told.is_none(), "a failed sign-in wakes everyone who waited for it")?;
        rule(!refused || world.may_try(who), "a refusal for good wakes everyone")?;
    }
    Ok(())
}

/// Nobody sleeps while there is a session, a slot or a sign-in to be had.
pub fn nobody_waits_for_what_is_there(world: &mut World) -> Result<(), Broken> {
    let woken = world.among(|caller| caller.waits.is_some() && caller.woken.is_some());
    let free = world.setup.slots.saturating_sub(world.history.slots_in_use(world.now));
    let Some((needed, sentence)) = what_lies_idle(world, free)? else {
        world.idle = Idle::default();
        return Ok(());
    };
    // A caller that was woken may have been promised what lies idle; for 250 ms each.
    if world.now >= world.idle.since + ASSIGNED || world.idle.rounds == 0 {
        world.idle.rounds += 1;
        world.idle.since = world.now;
    }
    rule(needed <= woken.len() && world.idle.rounds <= woken.len(), sentence)
}

/// For how long something has been idle that only a promise can explain.
#[derive(Clone, Copy, Debug, Default)]
pub struct Idle {
    rounds: usize,
    since: Duration,
}

/// What somebody sleeps for though it is there, and how many promises would explain it.
fn what_lies_idle(world: &World, free: usize) -> Result<Option<(usize, &'static str)>, Broken> {
    let (history, now) = (&world.history, world.now);
    let paused = match (world.retry_at(), history.log.pause()) {
        (Some(retry_at), _) => retry_at > now,
        (None, Some((_, latest))) => latest > now,
        (None, None) => false,
    };
    let open = history.sign_ins_open_at(now) == [now; 2];
    let sign_in_is_due = open && !paused && history.sign_in_in_flight().is_none();
    for (who, caller) in asleep(world) {
        let left = match caller.task {
            Task::Lease(left) => left,
            _ => Duration::ZERO,
        };
        let session = history.usable(now, left);
        let usable = session.is_some();
        let backs_off = caller.not_before.1 > now;
        let idle = match caller.task {
            Task::Logout => Some((free, "a logout does not wait while a slot is free")),
            Task::Call | Task::KeepAlive if usable => {
                let may = !backs_off && history.calls_are_open(now);
                may.then_some((free, "no slot lies idle while a caller waits that could use it"))
            }
            _ if usable => {
                // An answer that brings a session back to life is noticed within a second.
                rule(
                    session.is_some_and(|session| session.stored.order < caller.last_step.order),
                    "a sign-in wakes everyone who needs a session and no slot",
                )?;
                None
            }
            _ => {
                let may = !backs_off && (!history.log.is_refused() || world.may_try(who));
                (sign_in_is_due && may).then_some((1, "somebody signs in when that is due"))
            }
        };
        if free > 0 && idle.is_some() {
            return Ok(idle);
        }
    }
    Ok(None)
}

/// Those who wait and were not woken since their last step.
fn asleep(world: &World) -> impl Iterator<Item = (usize, &Caller)> {
    let callers = world.callers.iter().enumerate();
    callers.filter(|(_, caller)| caller.waits.is_some() && caller.woken.is_none())
}
