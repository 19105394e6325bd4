//! The sessions of those who signed in, and when each of them dies.

use std::collections::HashMap;
use std::time::Duration;

use crate::accounts::{Identity, Kind};
use crate::claim::Key;
use crate::ids::Ids;

// The limit of BILL's documents, 35 minutes, as a literal: it is shared with no client.
const IDLE_LIMIT: Duration = Duration::from_secs(2_100);

#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) key: Key,
    pub(crate) organization: String,
    pub(crate) identity: Identity,
    /// Whether a second factor, or a device that was remembered after one, has been shown.
    pub(crate) trusted: bool,
    last_used: Duration,
}

#[derive(Debug)]
pub(crate) struct Sessions {
    alive: HashMap<String, Session>,
    /// Every session there ever was, with its ordinal.
    issued: HashMap<String, u64>,
    token_idle_limit: Option<Duration>,
    ids: Ids,
}

impl Sessions {
    pub(crate) fn new(token_idle_limit: Option<Duration>) -> Self {
        Self {
            alive: HashMap::new(),
            issued: HashMap::new(),
            token_idle_limit,
            ids: Ids::default(),
        }
    }

    /// Makes a session and gives its id.
    pub(crate) fn open(
        &mut self,
        identity: Identity,
        key: &Key,
        organization: &str,
        trusted: bool,
        now: Duration,
    ) -> String {
        let ordinal = self.issued.len() as u64 + 1;
        let id = self.ids.next();
        let session = Session {
            key: key.clone(),
            organization: organization.to_owned(),
            identity,
            trusted,
            last_used: now,
        };
        self.alive.insert(id.clone(), session);
        self.issued.insert(id.clone(), ordinal);
        id
    }

    /// The session, if it lives and belongs to the key; using it resets its timer.
    pub(crate) fn touch(&mut self, id: &str, key: &Key, now: Duration) -> Option<&Session> {
        if !self.lives(self.alive.get(id)?, now) {
            self.alive.remove(id);
            return None;
        }
        let session = self.alive.get_mut(id).filter(|session| session.key == *key)?;
        session.last_used = now;
        Some(session)
    }

    /// The same without a use of it.
    pub(crate) fn look(&self, id: &str, key: &Key, now: Duration) -> Option<&Session> {
        self.alive.get(id).filter(|session| session.key == *key && self.lives(session, now))
    }

    pub(crate) fn trust(&mut self, id: &str) {
        if let Some(session) = self.alive.get_mut(id) {
            session.trusted = true;
        }
    }

    pub(crate) fn distrust_all(&mut self) {
        self.alive.values_mut().for_each(|session| session.trusted = false);
    }

    pub(crate) fn close(&mut self, id: &str) {
        self.alive.remove(id);
    }

    pub(crate) fn close_all(&mut self) {
        self.alive.clear();
    }

    pub(crate) fn alive(&self, now: Duration) -> u64 {
        self.alive.values().filter(|session| self.lives(session, now)).count() as u64
    }

    /// The organisation of a session that has not been closed.
    pub(crate) fn organization(&self, id: &str) -> Option<&str> {
        Some(&self.alive.get(id)?.organization)
    }

    pub(crate) fn ordinal(&self, id: &str) -> Option<u64> {
        self.issued.get(id).copied()
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        self.issued.keys().map(String::as_str)
    }

    fn lives(&self, session: &Session, now: Duration) -> bool {
        let limit = match session.identity.kind {
            Kind::Password | Kind::Partner => Some(IDLE_LIMIT),
            Kind::Token => self.token_idle_limit,
        };
        limit.is_none_or(|limit| now.saturating_sub(session.last_used) < limit)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Sessions;
    use crate::accounts::{Identity, Kind};
    use crate::claim::Key;

    fn key() -> Key {
        Key::Dev("key".to_owned())
    }

    fn open(sessions: &mut Sessions, kind: Kind, now: Duration) -> String {
        let identity = Identity { kind, users_id: "006".to_owned() };
        sessions.open(identity, &key(), "008", false, now)
    }

    #[test]
    fn a_session_is_idle_from_its_last_use_and_not_from_its_sign_in() {
        let mut sessions = Sessions::new(None);
        let id = open(&mut sessions, Kind::Password, Duration::ZERO);
        for halves in 1..=48 {
            let now = Duration::from_secs(1_800 * halves);
            assert!(sessions.touch(&id, &key(), now).is_some());
        }
        let last = Duration::from_secs(1_800 * 48);
        assert_eq!(sessions.alive(last + Duration::from_millis(2_099_999)), 1);
        assert_eq!(sessions.alive(last + Duration::from_millis(2_100_000)), 0);
        assert!(sessions.touch(&id, &key(), last + Duration::from_millis(2_100_000)).is_none());
    }

    #[test]
    fn another_key_neither_uses_nor_ends_a_session() {
        let mut sessions = Sessions::new(None);
        let id = open(&mut sessions, Kind::Password, Duration::ZERO);
        for other in [Key::Dev("other".to_owned()), Key::App("key".to_owned())] {
            let now = Duration::from_secs(2_000);
            assert!(sessions.touch(&id, &other, now).is_none());
        }
        assert!(sessions.touch(&id, &key(), Duration::from_millis(2_099_999)).is_some());
    }

    #[test]
    fn a_token_session_lives_for_good_unless_a_limit_is_set() {
        let mut endless = Sessions::new(None);
        let id = open(&mut endless, Kind::Token, Duration::ZERO);
        assert!(endless.touch(&id, &key(), Duration::from_secs(30 * 86_400)).is_some());

        let mut limited = Sessions::new(Some(Duration::from_secs(172_800)));
        let id = open(&mut limited, Kind::Token, Duration::ZERO);
        assert_eq!(limited.alive(Duration::from_millis(172_799_999)), 1);
        assert!(limited.touch(&id, &key(), Duration::from_secs(172_800)).is_none());
    }
}
