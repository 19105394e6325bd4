//! The machine under test, driven by `proptest_state_machine`: every transition is done to it and
//! judged, and at the end of a case the server is healthy.

use std::cell::Cell;

use proptest_state_machine::StateMachineTest;

use super::action::Action;
use super::check::Broken;
use super::coverage::Coverage;
use super::drain::drain;
use super::past::{Past, Surroundings};
use super::world::World;

/// The sessions of a case, beside their history.
#[derive(Debug)]
pub struct Machine;

thread_local! {
    /// What the cases of this thread have met.
    static COVERAGE: Cell<Option<Coverage>> = const { Cell::new(None) };
}

/// From now on what the cases of this thread meet is counted.
pub fn start_counting() {
    COVERAGE.set(Some(Coverage::new()));
}

/// What the cases of this thread have met since.
pub fn finish_counting() -> Coverage {
    COVERAGE.take().unwrap_or_else(Coverage::new)
}

impl StateMachineTest for Machine {
    type SystemUnderTest = World;
    type Reference = Surroundings;

    fn init_test(past: &Past) -> World {
        World::new(past.setup, false)
    }

    fn apply(mut world: World, _: &Past, transition: (usize, Action)) -> World {
        holds(world.act(transition));
        world
    }

    fn teardown(mut world: World, _: Past) {
        holds(drain(&mut world));
        if let Some(mut coverage) = COVERAGE.get() {
            coverage.count(&world.seen());
            COVERAGE.set(Some(coverage));
        }
    }
}

/// `proptest` is told of a failure by a panic.
fn holds(lived: Result<(), Broken>) {
    assert!(lived.is_ok(), "broken: {}", lived.err().map_or_else(String::new, |it| it.to_string()));
}
