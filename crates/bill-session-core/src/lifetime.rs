//! How long sessions live, as limits on idle and absolute time.

use std::time::Duration;

/// How long a session lives by this client's own reckoning; BILL's answers rule over it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    idle: Option<Duration>,
    absolute: Option<Duration>,
}

impl Lifetime {
    /// A session that does not expire, as a user-generated token's.
    pub const ENDLESS: Self = Self { idle: None, absolute: None };

    /// A session that ends when it has been idle for `limit`, reckoned `margin` earlier.
    pub fn idle(limit: Duration, margin: Duration) -> Self {
        Self { idle: Some(limit.saturating_sub(margin)), absolute: None }
    }

    /// The same, and in any case `limit` after the sign-in.
    #[must_use]
    pub fn absolute(self, limit: Duration) -> Self {
        Self { absolute: Some(limit), ..self }
    }

    /// The idle time after which the session is no longer used, if there is such a time.
    #[inline]
    pub fn idle_limit(&self) -> Option<Duration> {
        self.idle
    }

    /// The time after the sign-in at which the session is no longer used, if there is such a time.
    #[inline]
    pub fn absolute_limit(&self) -> Option<Duration> {
        self.absolute
    }

    /// The same, but with no limit shorter than `least`.
    pub(crate) fn at_least(self, least: Duration) -> Self {
        let stretch = |limit: Duration| limit.max(least);
        Self { idle: self.idle.map(stretch), absolute: self.absolute.map(stretch) }
    }

    /// The longest time that a session may have left.
    pub(crate) fn longest(&self) -> Option<Duration> {
        self.idle.into_iter().chain(self.absolute).min()
    }
}
