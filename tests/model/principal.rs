//! Who signs in: in one organisation at a time, unless BILL has accepted it not long ago.

use std::time::Duration;

use super::shared::Refusal;

#[derive(Debug)]
pub struct Principal {
    /// How many have been replaced.
    pub version: usize,
    pub token: bool,
    /// BILL has accepted it, which is taken for granted until then.
    proven_until: Duration,
    /// When BILL accepted it last.
    pub accepted: Option<Duration>,
    /// BDC_1101, unless it has been accepted since.
    pub refusal: Option<Refusal>,
    /// The device that BILL remembers it by.
    pub device: Option<usize>,
    tries: Vec<Try>,
}

/// A sign-in in flight, of which nothing is expected after `until`.
#[derive(Debug)]
struct Try {
    organization: usize,
    version: usize,
    until: Duration,
}

impl Principal {
    pub fn new(token: bool) -> Self {
        Self {
            version: 0,
            token,
            proven_until: Duration::ZERO,
            accepted: None,
            refusal: None,
            device: None,
            tries: Vec::new(),
        }
    }

    /// Another takes its place.
    pub fn replace(&mut self, token: bool) {
        let tries = std::mem::take(&mut self.tries);
        *self = Self { version: self.version + 1, tries, ..Self::new(token) };
    }

    /// BILL has accepted it.
    pub fn accept(&mut self, now: Duration) {
        self.proven_until = now + Duration::from_secs(10 * 60);
        self.accepted = Some(now);
        self.refusal = None;
        self.tries.clear();
    }

    /// BILL has refused it for good.
    pub fn refuse(&mut self, refusal: Refusal) {
        self.proven_until = Duration::ZERO;
        self.refusal = Some(refusal);
    }

    /// A sign-in was sent; it finds out something, unless that is known.
    pub fn is_tried(&mut self, organization: usize, now: Duration) {
        if now < self.proven_until {
            return;
        }
        let until = now + Duration::from_secs(35);
        self.tries.push(Try { organization, version: self.version, until });
    }

    /// This organisation's sign-in is over, in whatever way.
    pub fn is_not_tried_any_more(&mut self, organization: usize) {
        self.tries.retain(|other| other.organization != organization);
    }

    /// Whether it is not known whether BILL accepts it, and another organisation is finding out.
    pub fn is_tried_elsewhere(&self, organization: usize, now: Duration) -> bool {
        now >= self.proven_until && self.tries_elsewhere(organization).any(|until| now < until)
    }

    /// Whether another organisation's sign-in was never reported, and nothing is expected of it now.
    pub fn was_abandoned(&self, organization: usize, now: Duration) -> bool {
        now >= self.proven_until && self.tries_elsewhere(organization).any(|until| now >= until)
    }

    fn tries_elsewhere(&self, organization: usize) -> impl Iterator<Item = Duration> {
        let elsewhere =
            move |other: &&Try| other.organization != organization && other.version == self.version;
        self.tries.iter().filter(elsewhere).map(|other| other.until)
    }
}
