//! The sandbox's own clock, which a test can move.

use std::time::{Duration, Instant, SystemTime};

// A `Date` header has four digits for the year, so the clock stops here.
const FURTHEST: Duration = Duration::from_secs(1_000 * 365 * 24 * 3_600);

#[derive(Debug)]
pub(crate) struct Clock {
    started: Instant,
    wall_at_start: SystemTime,
    advanced: Duration,
    frozen: bool,
}

impl Clock {
    pub(crate) fn new(frozen: bool) -> Self {
        Self {
            started: Instant::now(),
            wall_at_start: SystemTime::now(),
            advanced: Duration::ZERO,
            frozen,
        }
    }

    pub(crate) fn now(&self) -> Duration {
        if self.frozen { self.advanced } else { self.advanced + self.started.elapsed() }
    }

    pub(crate) fn wall(&self) -> SystemTime {
        self.wall_at_start + self.now()
    }

    pub(crate) fn advance(&mut self, by: Duration) {
        self.advanced = self.advanced.saturating_add(by).min(FURTHEST);
    }
}
