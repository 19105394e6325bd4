//! When an idle session is renewed, and how often.

use std::time::{Duration, Instant};

use crate::backoff::later;
use crate::pump::Session;
use crate::settings::Renewal;

/// The longest sleep before a look at whether to renew: a machine that slept itself is noticed that
/// late at most.
const LONGEST_NAP: Duration = Duration::from_secs(60);
/// The shortest time between two renewals.
const RENEWAL_PAUSE: Duration = Duration::from_secs(30);

impl<W> Session<W> {
    /// When [`Call::renewal`](crate::Call::renewal) is to be run; nothing while there is nothing to renew.
    ///
    /// Ask again after each run, and whenever the session has changed.
    pub fn renew_at(&self) -> Option<Instant> {
        if self.renewals >= self.settings.renewals || self.refusal().is_some() {
            return None;
        }
        let due = match self.settings.renewal {
            Renewal::OnDemand => None,
            Renewal::Ahead => {
                self.machine.ends_at().or(self.machine.failure().map(|(_, retry_at)| retry_at))
            }
            Renewal::KeepAlive => self.keep_alive_at(),
        }?;
        // A call in flight restarts the timer when it is answered.
        let busy_until = self.line.busy_until().unwrap_or(due);
        let busy_until = match (self.settings.renewal, self.machine.idles_out_at()) {
            // An upload may take longer than the session has left.
            (Renewal::KeepAlive, Some(end)) => {
                busy_until.min(later(due, end.saturating_duration_since(due) / 2))
            }
            _ => busy_until,
        };
        Some(due.max(busy_until).max(self.renewal_not_before))
    }

    /// How long whoever renews may sleep before asking again; zero when a renewal is due.
    ///
    /// It is never longer than a minute: a thread's sleep does not count the time that the machine
    /// sleeps, and the session's clock does.
    pub fn renew_in(&self, now: Instant) -> Duration {
        let due = self.renew_at().map(|due| due.saturating_duration_since(self.last.max(now)));
        due.unwrap_or(LONGEST_NAP).min(LONGEST_NAP)
    }

    /// A tenth of the idle limit before the session idles out, so that there is time for retries.
    fn keep_alive_at(&self) -> Option<Instant> {
        let limit = self.machine.lifetime()?.idle_limit()?;
        let idles_out_at = self.machine.idles_out_at()?;
        // What ends before it idles out cannot be kept alive.
        let ends_first = self.machine.ends_at()? < idles_out_at;
        if ends_first { None } else { idles_out_at.checked_sub(limit / 10) }
    }

    /// A renewal begins, unless another has just begun: it counts, and the next keeps its distance.
    pub(crate) fn renewal_begins(&mut self, now: Instant) -> bool {
        let begins = now >= self.renewal_not_before;
        if begins {
            self.renewals += 1;
            self.renewal_not_before = later(now, RENEWAL_PAUSE);
        }
        begins
    }
}
