//! Challenges of a second factor, and the devices that were remembered after one.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::answer::{BAD_DATA, CODE_EXPIRED, TOO_MANY_TRIES, WRONG_CODE};
use crate::ids::Ids;

/// The code that answers every challenge of the sandbox.
pub const DEMO_MFA_CODE: &str = "123456";

// A challenge is forgotten a day after it expired, so that a sandbox that runs for weeks does not
// grow without bound.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(86_400);

/// The settings of the second factor.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    /// How long a challenge can be answered.
    pub(crate) challenge_lives: Duration,
    /// How many wrong codes a challenge takes.
    pub(crate) tries: u32,
    /// How long a device is remembered.
    pub(crate) device_lives: Duration,
}

/// Why a challenge was not passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The session has no such challenge.
    Unknown,
    WrongCode,
    Expired,
    TooManyTries,
}

impl Failure {
    /// The code that says so.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Unknown => BAD_DATA,
            Self::WrongCode => WRONG_CODE,
            Self::Expired => CODE_EXPIRED,
            Self::TooManyTries => TOO_MANY_TRIES,
        }
    }
}

pub(crate) struct Mfa {
    rules: Rules,
    challenges: BTreeMap<String, Challenge>,
    devices: Vec<Device>,
    ids: Ids,
}

struct Challenge {
    session: String,
    asked: Duration,
    failures: u32,
}

struct Device {
    users_id: String,
    name: String,
    id: String,
    since: Duration,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            challenge_lives: Duration::from_secs(600),
            tries: 3,
            device_lives: Duration::from_secs(30 * 86_400),
        }
    }
}

impl Mfa {
    pub(crate) fn new(rules: Rules) -> Self {
        let (challenges, devices) = (BTreeMap::new(), Vec::new());
        Self { rules, challenges, devices, ids: Ids::default() }
    }

    /// Begins a challenge for a session and gives its id.
    pub(crate) fn challenge(&mut self, session: &str, now: Duration) -> String {
        let forgotten = self.rules.challenge_lives.saturating_add(FORGOTTEN_AFTER);
        self.challenges.retain(|_, challenge| now.saturating_sub(challenge.asked) < forgotten);
        let id = self.ids.next();
        let challenge = Challenge { session: session.to_owned(), asked: now, failures: 0 };
        self.challenges.insert(id.clone(), challenge);
        id
    }

    /// Answers a challenge, which is used up when the code is right.
    pub(crate) fn validate(
        &mut self,
        session: &str,
        id: &str,
        code: &str,
        now: Duration,
    ) -> Result<(), Failure> {
        let own = self.challenges.get_mut(id).filter(|challenge| challenge.session == session);
        let challenge = own.ok_or(Failure::Unknown)?;
        if challenge.failures >= self.rules.tries {
            return Err(Failure::TooManyTries);
        }
        if now.saturating_sub(challenge.asked) >= self.rules.challenge_lives {
            return Err(Failure::Expired);
        }
        if code != DEMO_MFA_CODE {
            challenge.failures += 1;
            return Err(Failure::WrongCode);
        }
        self.challenges.remove(id);
        Ok(())
    }

    /// Remembers a device of a user's and gives the id to be sent together with its name.
    ///
    /// A device that was remembered before gets a new id in place of the old one.
    pub(crate) fn remember(&mut self, users_id: &str, name: &str, now: Duration) -> String {
        self.devices.retain(|device| device.users_id != users_id || device.name != name);
        let id = self.ids.next();
        self.devices.push(Device {
            users_id: users_id.to_owned(),
            name: name.to_owned(),
            id: id.clone(),
            since: now,
        });
        id
    }

    /// Whether this device of the user's is remembered under this id.
    pub(crate) fn remembers(&self, users_id: &str, name: &str, id: &str, now: Duration) -> bool {
        self.devices.iter().any(|device| {
            (device.users_id.as_str(), device.name.as_str(), device.id.as_str())
                == (users_id, name, id)
                && now.saturating_sub(device.since) < self.rules.device_lives
        })
    }

    /// Forgets every remembered device.
    pub(crate) fn forget(&mut self) {
        self.devices.clear();
    }

    /// The ids of the remembered devices, which are secrets.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &str> {
        self.devices.iter().map(|device| device.id.as_str())
    }
}

impl fmt::Debug for Mfa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mfa")
            .field("rules", &self.rules)
            .field("challenges", &self.challenges.len())
            .field("devices", &self.devices.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{DEMO_MFA_CODE, Failure, Mfa, Rules};

    const START: Duration = Duration::ZERO;

    fn mfa() -> Mfa {
        Mfa::new(Rules::default())
    }

    #[test]
    fn a_challenge_is_passed_once_and_by_the_session_that_asked_for_it() {
        let mut mfa = mfa();
        let id = mfa.challenge("one", START);
        assert_eq!(mfa.validate("two", &id, DEMO_MFA_CODE, START), Err(Failure::Unknown));
        assert_eq!(mfa.validate("one", &id, DEMO_MFA_CODE, START), Ok(()));
        assert_eq!(mfa.validate("one", &id, DEMO_MFA_CODE, START), Err(Failure::Unknown));
    }

    #[test]
    fn a_challenge_expires_after_ten_minutes_to_the_millisecond() {
        let mut mfa = mfa();
        let [early, late] = [(); 2].map(|()| mfa.challenge("one", START));
        let before = Duration::from_millis(599_999);
        assert_eq!(mfa.validate("one", &early, DEMO_MFA_CODE, before), Ok(()));
        let after = Duration::from_millis(600_000);
        assert_eq!(mfa.validate("one", &late, DEMO_MFA_CODE, after), Err(Failure::Expired));
    }

    #[test]
    fn after_three_wrong_codes_even_the_right_one_is_too_late() {
        let mut mfa = mfa();
        let id = mfa.challenge("one", START);
        for _ in 0..3 {
            assert_eq!(mfa.validate("one", &id, "000000", START), Err(Failure::WrongCode));
        }
        assert_eq!(mfa.validate("one", &id, DEMO_MFA_CODE, START), Err(Failure::TooManyTries));
        let another = mfa.challenge("one", START);
        assert_eq!(mfa.validate("one", &another, DEMO_MFA_CODE, START), Ok(()));
    }

    #[test]
    fn a_device_is_remembered_for_thirty_days_with_its_user_and_its_latest_id() {
        let mut mfa = mfa();
        let old = mfa.remember("006", "phone", START);
        let id = mfa.remember("006", "phone", START);
        assert!(!mfa.remembers("006", "phone", &old, START));
        let last = Duration::from_millis(30 * 86_400_000 - 1);
        assert!(mfa.remembers("006", "phone", &id, last));
        assert!(!mfa.remembers("006", "phone", &id, Duration::from_secs(30 * 86_400)));
        assert!(!mfa.remembers("006", "tablet", &id, START));
        assert!(!mfa.remembers("007", "phone", &id, START));
        mfa.forget();
        assert!(!mfa.remembers("006", "phone", &id, START));
    }

    #[test]
    fn challenges_are_forgotten_a_day_after_they_expired() {
        let mut mfa = mfa();
        mfa.challenge("one", START);
        mfa.challenge("one", Duration::from_secs(87_000));
        assert_eq!(mfa.challenges.len(), 1);
    }
}
