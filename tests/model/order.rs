//! Who is next: the order of callers, judged by when they came, stepped and were woken.

use std::time::Duration;

use super::caller::{Caller, Task};
use super::check::{Broken, Invariant, rule};
use super::facts::Stamp;
use super::organization::Organization;
use super::situation::Situation;

/// A slot that is not taken up for so long passes on.
const ASSIGNED: Duration = Duration::from_millis(250);

/// Callers that came earlier, still wait, and could use what this one gets.
pub fn rivals(org: &Organization, who: usize, to_sign_in: bool) -> Vec<usize> {
    let (history, now) = (&org.history, org.now());
    let task = org.callers[who].task;
    let needs_sign_in = |task| history.usable(now, org.time_needed(task)).is_none();
    let calls_are_open = org.shared.key().calls_are_open(now);
    let could_use = |earlier: usize| {
        let caller = &org.callers[earlier];
        match caller.task {
            earlier if !earlier.needs_session() => true,
            _ if !task.needs_session() || caller.epoch != history.epoch => false,
            Task::Validate { .. } | Task::KeepAlive => !to_sign_in,
            earlier if !to_sign_in => earlier.is_sent_with_session() && !needs_sign_in(earlier),
            earlier if !needs_sign_in(earlier) => false,
            task if task.is_sent_with_session() && !calls_are_open => false,
            _ => !history.is_refused() || org.may_try(earlier),
        }
    };
    let mut earlier = org.among(|caller| caller.waits.is_some());
    earlier.retain(|earlier| *earlier < who && could_use(*earlier));
    earlier
}

/// A caller that gets its turn does not overtake one that came earlier, could use it, and is being
/// polled: one that has stepped before and was not woken since.
pub fn first_come_first_served(
    org: &mut Organization,
    rivals: &[usize],
    since: Stamp,
    to_sign_in: bool,
) -> Result<(), Broken> {
    for earlier in rivals {
        let caller = &org.callers[*earlier];
        let backs_off = caller.not_before.1 > since.at;
        match caller.woken {
            Some(woken) if org.now() >= woken.at + ASSIGNED && !to_sign_in => {
                org.seen.add(Situation::Lapsed);
            }
            Some(_) => {}
            None => rule(
                backs_off || caller.last_step.order > since.order,
                Invariant::FirstComeFirstServed,
                "a caller does not overtake one that came earlier and is being polled",
            )?,
        }
    }
    Ok(())
}

/// Whoever is to end learns it at once, and not when it looks again.
pub fn whoever_is_to_end_is_woken(org: &Organization) -> Result<(), Broken> {
    let signed_in = org.history.usable(org.now(), Duration::ZERO).is_some();
    // Of what another organisation was told, one learns when one looks again.
    let refusals = org.history.refusals().filter(|refusal| refusal.organization == org.number);
    let refused = refusals.map(|refusal| refusal.order).max().filter(|_| !signed_in);
    for (who, caller) in asleep(org) {
        if !caller.task.needs_session() {
            continue;
        }
        rule(
            caller.epoch == org.history.epoch,
            Invariant::NobodySleepsBeside,
            "a sign-out wakes everyone",
        )?;
        rule(
            caller.told.is_none(),
            Invariant::NobodySleepsBeside,
            "a failed sign-in wakes everyone who waited for it",
        )?;
        rule(
            refused.is_none_or(|order| order < caller.last_step.order) || org.may_try(who),
            Invariant::NobodySleepsBeside,
            "a refusal for good wakes everyone",
        )?;
    }
    Ok(())
}

/// Nobody sleeps while there is a session, a slot or a sign-in to be had.
pub fn nobody_waits_for_what_is_there(org: &mut Organization) -> Result<(), Broken> {
    let woken = org.among(|caller| caller.waits.is_some() && caller.woken.is_some());
    let free = org.setup.slots.saturating_sub(org.history.slots_in_use(org.now()));
    let Some((needed, sentence)) = what_lies_idle(org, free)? else {
        org.idle = Idle::default();
        return Ok(());
    };
    // A caller that was woken may have been promised what lies idle; for 250 ms each.
    if org.now() >= org.idle.since + ASSIGNED || org.idle.rounds == 0 {
        org.idle.rounds += 1;
        org.idle.since = org.now();
    }
    rule(
        needed <= woken.len() && org.idle.rounds <= woken.len(),
        Invariant::NobodySleepsBeside,
        sentence,
    )
}

/// For how long something has been idle that only a promise can explain.
#[derive(Clone, Copy, Debug, Default)]
pub struct Idle {
    rounds: usize,
    since: Duration,
}

/// What somebody sleeps for though it is there, and how many promises would explain it.
fn what_lies_idle(
    org: &Organization,
    free: usize,
) -> Result<Option<(usize, &'static str)>, Broken> {
    let (history, now) = (&org.history, org.now());
    let paused = match (org.retry_at(), history.log.pause()) {
        (Some(retry_at), _) => retry_at > now,
        (None, Some((_, latest))) => latest > now,
        (None, None) => false,
    };
    let open = org.shared.key().sign_ins_open_at(now) == [now; 2] && !org.is_tried_elsewhere();
    let calls_are_open = org.shared.key().calls_are_open(now);
    let sign_in_is_due = open && !paused && history.sign_in_in_flight().is_none();
    for (who, caller) in asleep(org) {
        let session = history.usable(now, org.time_needed(caller.task));
        let usable = session.is_some();
        let backs_off = caller.not_before.1 > now;
        let idle = match caller.task {
            task if !task.needs_session() => {
                let may = !backs_off;
                may.then_some((free, "who needs only a slot does not wait while one is free"))
            }
            task if usable && task.is_sent_with_session() => {
                let may = !backs_off && calls_are_open;
                may.then_some((free, "no slot lies idle while a caller waits that could use it"))
            }
            _ if usable => {
                // An answer that brings a session back to life is noticed within a second.
                rule(
                    session.is_some_and(|session| session.stored.order < caller.last_step.order),
                    Invariant::NobodySleepsBeside,
                    "a sign-in wakes everyone who needs a session and no slot",
                )?;
                None
            }
            // A session is of no use to a call that could not be made with it.
            task if task.is_sent_with_session() && !calls_are_open => None,
            _ => {
                let may = !backs_off && (!history.is_refused() || org.may_try(who));
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
fn asleep(org: &Organization) -> impl Iterator<Item = (usize, &Caller)> {
    let callers = org.callers.iter().enumerate();
    callers.filter(|(_, caller)| caller.waits.is_some() && caller.woken.is_none())
}
