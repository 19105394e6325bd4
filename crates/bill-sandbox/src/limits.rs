//! BILL's limits: calls and sign-ins of a key in a clock hour, and calls at once.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::answer::{BUSY, Generation, HOUR_SPENT};
use crate::claim::Sort;

/// What the limits are, and how a request beyond one is answered.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    /// Calls of a key in a clock hour.
    pub(crate) calls: Option<u64>,
    /// Sign-ins of a key in a clock hour.
    pub(crate) sign_ins: Option<u64>,
    /// Calls of a key and an organisation at once.
    pub(crate) concurrent: Option<u64>,
    /// Whether a sign-in takes a place among the calls at once.
    pub(crate) sign_ins_concur: bool,
    /// The HTTP status of a refusal in v2.
    pub(crate) v2_status: u16,
    /// The HTTP status of a refusal in v3.
    pub(crate) v3_status: u16,
}

/// The limit that a request is beyond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    Calls,
    SignIns,
    Concurrent,
}

/// The place of a request among those at once, to be given back with [`Limits::leave`].
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) struct Place(Option<String>);

#[derive(Debug)]
pub(crate) struct Limits {
    pub(crate) rules: Rules,
    hours: BTreeMap<String, Hour>,
    at_once: BTreeMap<String, u64>,
}

#[derive(Debug, Default)]
struct Hour {
    number: u64,
    calls: u64,
    sign_ins: u64,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            calls: Some(20_000),
            sign_ins: Some(200),
            concurrent: Some(3),
            sign_ins_concur: false,
            v2_status: 200,
            v3_status: 429,
        }
    }
}

impl Limit {
    /// BILL's code.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Calls | Self::SignIns => HOUR_SPENT,
            Self::Concurrent => BUSY,
        }
    }
}

impl Limits {
    pub(crate) fn new(rules: Rules) -> Self {
        Self { rules, hours: BTreeMap::new(), at_once: BTreeMap::new() }
    }

    /// Counts a request of a known key and, if it names one that lives, of a session's
    /// organisation.
    ///
    /// A request that is refused for the calls at once is not counted in its hour.
    pub(crate) fn admit(
        &mut self,
        sort: Sort,
        key: &str,
        organization: Option<&str>,
        wall: SystemTime,
    ) -> Result<Place, Limit> {
        let hour = hour(&mut self.hours, key, wall);
        let (counted, most, limit) = match sort {
            Sort::Call => (&mut hour.calls, self.rules.calls, Limit::Calls),
            Sort::SignIn => (&mut hour.sign_ins, self.rules.sign_ins, Limit::SignIns),
        };
        if most.is_some_and(|most| *counted >= most) {
            return Err(limit);
        }
        let concurs = sort == Sort::Call || self.rules.sign_ins_concur;
        let place =
            organization.filter(|_| concurs).map(|organization| format!("{key} / {organization}"));
        if let Some(place) = &place {
            let now = self.at_once.entry(place.clone()).or_default();
            if self.rules.concurrent.is_some_and(|most| *now >= most) {
                return Err(Limit::Concurrent);
            }
            *now += 1;
        }
        *counted = counted.saturating_add(1);
        Ok(Place(place))
    }

    /// The HTTP status of a refusal.
    pub(crate) fn status(&self, generation: Generation) -> u16 {
        match generation {
            Generation::V2 => self.rules.v2_status,
            Generation::V3 => self.rules.v3_status,
        }
    }

    /// Gives a place back.
    pub(crate) fn leave(&mut self, place: Place) {
        if let Some(now) = place.0.and_then(|place| self.at_once.get_mut(&place)) {
            *now = now.saturating_sub(1);
        }
    }

    /// Counts requests that never came, so that the next one of a key is near its limit.
    pub(crate) fn spend(&mut self, key: &str, calls: u64, sign_ins: u64, wall: SystemTime) {
        let hour = hour(&mut self.hours, key, wall);
        hour.calls = hour.calls.saturating_add(calls);
        hour.sign_ins = hour.sign_ins.saturating_add(sign_ins);
    }
}

/// What a key has used of the clock hour.
fn hour<'a>(hours: &'a mut BTreeMap<String, Hour>, key: &str, wall: SystemTime) -> &'a mut Hour {
    let since = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
    let number = since.as_secs() / 3_600;
    let hour = hours.entry(key.to_owned()).or_default();
    if hour.number != number {
        *hour = Hour { number, ..Hour::default() };
    }
    hour
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use super::{Limit, Limits, Place, Rules};
    use crate::claim::Sort;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn limits() -> Limits {
        Limits::new(Rules { calls: Some(5), sign_ins: Some(2), ..Rules::default() })
    }

    fn call(limits: &mut Limits, seconds: u64) -> Result<Place, Limit> {
        limits.admit(Sort::Call, "key 1", None, at(seconds))
    }

    #[test]
    fn an_hour_begins_with_the_clock_and_not_with_the_first_call() {
        let mut limits = limits();
        for _ in 0..5 {
            let _ = call(&mut limits, 3_599).unwrap();
        }
        assert_eq!(call(&mut limits, 3_599), Err(Limit::Calls));
        assert!(call(&mut limits, 3_600).is_ok());
        assert!(limits.admit(Sort::Call, "key 2", None, at(3_599)).is_ok());
    }

    #[test]
    fn sign_ins_and_calls_are_counted_apart() {
        let mut limits = limits();
        let mut sign_in = || limits.admit(Sort::SignIn, "key 1", Some("008"), at(0));
        assert!(sign_in().is_ok() && sign_in().is_ok());
        assert_eq!(sign_in(), Err(Limit::SignIns));
        assert!(call(&mut limits, 0).is_ok());
    }

    #[test]
    fn three_calls_at_once_are_the_most_of_a_key_and_an_organisation() {
        let mut limits = Limits::new(Rules::default());
        let mut admit =
            |key, organization| limits.admit(Sort::Call, key, Some(organization), at(0));
        let places: Vec<_> = (0..3).map(|_| admit("key 1", "008").unwrap()).collect();
        assert_eq!(admit("key 1", "008"), Err(Limit::Concurrent));
        assert!(admit("key 2", "008").is_ok());
        assert!(admit("key 1", "009").is_ok());
        places.into_iter().for_each(|place| limits.leave(place));
        assert!(limits.admit(Sort::Call, "key 1", Some("008"), at(0)).is_ok());
    }

    #[test]
    fn what_is_refused_for_the_calls_at_once_costs_nothing_of_the_hour() {
        let mut limits = limits();
        limits.rules.concurrent = Some(0);
        for _ in 0..9 {
            let refused = limits.admit(Sort::Call, "key 1", Some("008"), at(0));
            assert_eq!(refused, Err(Limit::Concurrent));
        }
        assert!(call(&mut limits, 0).is_ok());
    }
}
