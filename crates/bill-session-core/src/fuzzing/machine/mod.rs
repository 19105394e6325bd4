//! The whole machine, driven by bytes: sessions of up to two organisations, their callers, the
//! limits of their key, and a server that may answer anything.
//!
//! Each action is a letter and what it needs. After each, the rules that always hold are checked
//! (`laws.rs`). In the end the server is healthy, and everyone who still takes steps must come to an
//! end; then a new call of each organisation must succeed.

mod acts;
mod answers;
mod caller;
mod drain;
mod laws;
mod world;

use std::time::{Duration, Instant};

use super::input::Input;
use world::World;

/// No more actions than this: what matters happens within fewer.
const MOST_ACTIONS: usize = 400;

const LENGTHS: [Duration; 12] = [
    Duration::from_secs(1),
    Duration::from_millis(1),
    Duration::from_millis(250),
    Duration::from_secs(5),
    Duration::from_secs(31),
    Duration::from_secs(36),
    Duration::from_secs(66),
    Duration::from_secs(10 * 60),
    Duration::from_secs(34 * 60 - 1),
    Duration::from_secs(35 * 60),
    Duration::from_secs(3600),
    Duration::from_secs(3 * 3600),
];

/// Any list of actions.
pub fn machine(data: &[u8], now: Instant) {
    let mut input = Input::new(data);
    let mut world = World::new(&mut input, now);
    for _ in 0..MOST_ACTIONS {
        if input.is_empty() {
            break;
        }
        act(&mut world, &mut input);
        world.hear();
    }
    world.drain();
    world.recovers();
}

fn act(world: &mut World, input: &mut Input<'_>) {
    match input.byte() {
        b'c' => world.begins(input),
        b's' => world.steps(input),
        b'a' => world.is_answered(input),
        b'i' => world.sign_in_is_answered(input),
        b't' => world.now += input.pick(&LENGTHS),
        b'x' => world.goes_away(input),
        b'y' => world.sign_in_goes_away(input),
        b'b' => world.beats(),
        b'o' => world.signs_out(input),
        b'p' => world.principal_is_replaced(input),
        b'l' => world.lease_ends(input),
        b'f' => world.freezes(input),
        b'g' => world.sign_in_freezes(input),
        b'w' => world.wakes_all(input),
        // Whatever is due: so that short inputs get far.
        _ => world.all_due_step(),
    }
}
