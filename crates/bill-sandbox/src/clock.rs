//! The sandbox's own clock, which a test can move.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

// A `Date` header has four digits for the year, so the clock stops here.
const FURTHEST: Duration = Duration::from_secs(1_000 * 365 * 24 * 3_600);

// So does a start: nobody's tests are in the year 8000.
const LATEST_START: Duration = Duration::from_secs(6_000 * 365 * 24 * 3_600);

#[derive(Debug)]
pub(crate) struct Clock {
    started: Instant,
    wall_at_start: SystemTime,
    advanced: Duration,
    frozen: bool,
}

impl Clock {
    pub(crate) fn new(frozen: bool, wall_at_start: Option<SystemTime>) -> Self {
        Self {
            started: Instant::now(),
            wall_at_start: wall_at_start
                .unwrap_or_else(SystemTime::now)
                .clamp(UNIX_EPOCH, UNIX_EPOCH + LATEST_START),
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
