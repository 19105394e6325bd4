//! What the organisations of one principal share: the clock, the key's hour, and the principal.

use std::cell::{Cell, RefCell, RefMut};
use std::time::Duration;

use super::action::Setup;
use super::key::Key;
use super::principal::Principal;

#[derive(Debug)]
pub struct Shared {
    now: Cell<Duration>,
    key: RefCell<Key>,
    principal: RefCell<Principal>,
    story: RefCell<Option<Vec<String>>>,
}

/// A refusal for good: which organisation was told, and when in the order of its events.
#[derive(Clone, Copy, Debug)]
pub struct Refusal {
    pub organization: usize,
    pub order: usize,
}

impl Shared {
    pub fn new(setup: &Setup, tell: bool) -> Self {
        Self {
            now: Cell::new(Duration::ZERO),
            key: RefCell::new(Key::new(setup.limits)),
            principal: RefCell::new(Principal::new(setup.token)),
            story: RefCell::new(tell.then(Vec::new)),
        }
    }

    /// This instant, since the beginning.
    pub fn now(&self) -> Duration {
        self.now.get()
    }

    pub fn pass(&self, time: Duration) {
        self.now.set(self.now() + time);
    }

    pub fn key(&self) -> RefMut<'_, Key> {
        self.key.borrow_mut()
    }

    pub fn principal(&self) -> RefMut<'_, Principal> {
        self.principal.borrow_mut()
    }

    pub fn note(&self, text: impl FnOnce() -> String) {
        if let Some(story) = &mut *self.story.borrow_mut() {
            story.push(text());
        }
    }

    pub fn story(&self) -> String {
        self.story.borrow().as_deref().unwrap_or_default().join("\n")
    }
}
