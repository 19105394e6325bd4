//! The world as `stateright` explores it: a state is a list of actions, known by its print.

use std::hash::{Hash, Hasher};
use std::sync::{Mutex, PoisonError};

use stateright::{Model, Property};

use super::action::{Action, Setup};
use super::drain::Drained;
use super::laws::{Broken, Law};
use super::world::World;

/// One exploration.
pub struct Exploration {
    setup: &'static Setup,
    ends: Mutex<Ends>,
}

/// How the state that was looked at last ends, and the most that any end has taken.
#[derive(Default)]
struct Ends {
    last: Option<(u64, Broken)>,
    most: Drained,
}

/// The shortest of the histories that lead to a state.
#[derive(Clone, Debug)]
pub struct Node {
    pub actions: Vec<Action>,
    pub print: u64,
    broken: Broken,
    enabled: Vec<Action>,
}

impl Exploration {
    pub fn of(setup: &'static Setup) -> Self {
        Self { setup, ends: Mutex::default() }
    }

    /// The most that any end of a history has taken.
    pub fn most(&self) -> Drained {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner).most
    }

    /// The laws that were broken on the way to a state, or are at its end.
    fn broken(&self, node: &Node) -> Broken {
        if node.broken.any() {
            return node.broken;
        }
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((print, broken)) = ends.last
            && print == node.print
        {
            return broken;
        }
        let mut world = World::after(self.setup, &node.actions);
        let drained = world.drain();
        if !world.broken.any() {
            world.starts_over();
        }
        let mut broken = world.broken;
        if !broken.any() {
            let mut world = World::after(self.setup, &node.actions);
            world.is_awake();
            broken = world.broken;
        }
        ends.most = ends.most.max(drained);
        ends.last = Some((node.print, broken));
        broken
    }

    fn node(&self, actions: Vec<Action>) -> Node {
        let world = World::after(self.setup, &actions);
        let enabled = if world.broken.any() { Vec::new() } else { world.enabled() };
        Node { print: world.print(), broken: world.broken, enabled, actions }
    }
}

impl Model for Exploration {
    type State = Node;
    type Action = Action;

    fn init_states(&self) -> Vec<Node> {
        vec![self.node(Vec::new())]
    }

    fn actions(&self, node: &Node, actions: &mut Vec<Action>) {
        actions.extend(&node.enabled);
    }

    fn next_state(&self, node: &Node, action: Action) -> Option<Node> {
        let mut actions = Vec::with_capacity(node.actions.len() + 1);
        actions.extend(&node.actions);
        actions.push(action);
        Some(self.node(actions))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            property::<0>(),
            property::<1>(),
            property::<2>(),
            property::<3>(),
            property::<4>(),
            property::<5>(),
            property::<6>(),
            property::<7>(),
            property::<8>(),
            property::<9>(),
            property::<10>(),
            property::<11>(),
            property::<12>(),
        ]
    }
}

fn property<const LAW: usize>() -> Property<Exploration> {
    const { assert!(LAW < Law::ALL.len()) };
    Property::always(Law::ALL[LAW].name(), |exploration, node: &Node| {
        exploration.broken(node).holds(Law::ALL[LAW])
    })
}

impl Hash for Node {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.print.hash(state);
    }
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.print == other.print
    }
}
