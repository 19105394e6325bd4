//! Whether histories that share a print share a future.

use std::collections::{HashMap, VecDeque};

use super::action::{Action, Setup};
use super::drain::Drained;
use super::laws::Broken;
use super::world::World;

/// How far the futures of merged histories are compared beyond their next step.
const WALK: usize = 12;

/// Compares each history of at most so many actions with the first that has its print; tells how
/// many prints and histories there are.
pub fn all_within(setup: &'static Setup, depth: usize) -> [usize; 2] {
    let mut firsts: HashMap<u64, Vec<Action>> = HashMap::new();
    let mut histories = vec![Vec::new()];
    let mut count = 0;
    for _ in 0..=depth {
        let mut longer = Vec::new();
        for history in histories {
            count += 1;
            let world = World::after(setup, &history);
            longer.extend(world.enabled().into_iter().map(|action| with(&history, action)));
            let first = firsts.entry(world.print()).or_insert_with(|| history.clone());
            if *first != history {
                next_steps_agree(setup, first, &history);
            }
        }
        histories = longer;
    }
    [firsts.len(), count]
}

/// Explores all of a setup as the checker does, and compares each history that it would merge with
/// the one that it would keep: the next step whatever it is, a walk of many steps, and the end.
pub fn all_merged(setup: &'static Setup) -> [usize; 2] {
    let mut firsts: HashMap<u64, Vec<Action>> = HashMap::new();
    let mut pending = VecDeque::from([Vec::new()]);
    let (mut merged, mut dice) = (0, Dice(1));
    while let Some(history) = pending.pop_front() {
        let world = World::after(setup, &history);
        if let Some(first) = firsts.get(&world.print()) {
            merged += 1;
            next_steps_agree(setup, first, &history);
            walks_agree(setup, first, &history, &mut dice);
            assert_eq!(end(setup, first), end(setup, &history), "{first:?}\n{history:?}");
            continue;
        }
        pending.extend(world.enabled().into_iter().map(|action| with(&history, action)));
        firsts.insert(world.print(), history);
    }
    [firsts.len(), firsts.len() + merged]
}

fn next_steps_agree(setup: &'static Setup, one: &[Action], other: &[Action]) {
    let enabled = World::after(setup, one).enabled();
    assert_eq!(enabled, World::after(setup, other).enabled(), "{one:?}\n{other:?}");
    for action in enabled {
        let [one, other] = [with(one, action), with(other, action)];
        assert_eq!(last(setup, &one), last(setup, &other), "{one:?}\n{other:?}");
    }
}

fn walks_agree(setup: &'static Setup, one: &[Action], other: &[Action], dice: &mut Dice) {
    let (mut one, mut other) = (one.to_vec(), other.to_vec());
    for _ in 0..WALK {
        let enabled = World::after(setup, &one).enabled();
        let Some(action) = enabled.get(dice.below(enabled.len())) else { return };
        one.push(*action);
        other.push(*action);
        assert_eq!(last(setup, &one), last(setup, &other), "{one:?}\n{other:?}");
    }
}

/// What the last action of a history shows, and the print that it leads to.
fn last(setup: &'static Setup, history: &[Action]) -> (Vec<String>, u64, Vec<Action>) {
    let (action, before) = history.split_last().expect("a history with a last action");
    let mut world = World::after(setup, before);
    world.seen = Some(Vec::new());
    world.act(*action);
    (world.seen.take().unwrap_or_default(), world.print(), world.enabled())
}

fn end(setup: &'static Setup, history: &[Action]) -> (Vec<String>, Drained, Broken) {
    let mut world = World::after(setup, history);
    world.seen = Some(Vec::new());
    let drained = world.drain();
    (world.seen.take().unwrap_or_default(), drained, world.broken)
}

fn with(history: &[Action], action: Action) -> Vec<Action> {
    let mut longer = Vec::with_capacity(history.len() + 1);
    longer.extend(history);
    longer.push(action);
    longer
}

/// The same throws at every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides.max(1)
    }
}
