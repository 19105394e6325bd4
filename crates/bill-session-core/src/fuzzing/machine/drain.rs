//! The end: the server is healthy, and whoever takes steps comes to an end.

use std::time::Duration;

use super::answers::Reply;
use super::caller::{Kind, State};
use super::laws::is_discreet;
use super::world::World;

/// The deadline of a call is two minutes, and ten more for an upload.
const LONGEST: Duration = Duration::from_secs(12 * 60 + 5);

impl World {
    /// Everyone who still takes steps comes to an end in time, and without a storm in one instant.
    pub(crate) fn drain(&mut self) {
        let end = self.now + LONGEST;
        let mut of_this_instant = 0;
        let most = 50 * (self.callers.len() + 2);
        while self.callers.iter().any(|caller| !caller.has_ended() && !caller.frozen) {
            let moves = self.settle_all() + self.step_all();
            of_this_instant += moves;
            assert!(of_this_instant <= most, "{of_this_instant} steps within one instant");
            if moves > 0 {
                continue;
            }
            of_this_instant = 0;
            let looks = self.callers.iter().filter(|caller| !caller.frozen);
            let looks = looks.filter_map(|caller| match &caller.state {
                State::Waits { look_at, .. } => Some(*look_at),
                _ => None,
            });
            let Some(next) = looks.min() else { unreachable!("nobody waits, and nothing moves") };
            self.now = self.now.max(next);
            assert!(self.now <= end, "somebody waits for longer than every deadline");
        }
        for org in &self.orgs {
            is_discreet(&format!("{:?}", org.session));
        }
    }

    fn settle_all(&mut self) -> usize {
        let mut moves = 0;
        while let Some(at) = self.running.iter().position(|running| !running.frozen) {
            self.answer_sign_in(at, Reply::Healthy);
            moves += 1;
        }
        for at in 0..self.callers.len() {
            let caller = &self.callers[at];
            if matches!(caller.state, State::Sent(_)) && !caller.frozen {
                self.answer(at, Reply::Healthy);
                moves += 1;
            }
        }
        moves
    }

    fn step_all(&mut self) -> usize {
        let mut moves = 0;
        for at in 0..self.callers.len() {
            if self.callers[at].is_due(self.now) && !self.callers[at].frozen {
                self.step(at);
                moves += 1;
            }
        }
        moves
    }

    /// Hours later, and with other credentials, every organisation is served, whatever was before:
    /// nobody who went away or froze holds anything for ever.
    pub(crate) fn recovers(&mut self) {
        self.now += Duration::from_secs(3 * 3600);
        self.replace_principal(true);
        for org in 0..self.orgs.len() {
            let at = self.callers.len();
            self.begin(Kind::ReadV2, org, Duration::ZERO);
            self.drain();
            let state = &self.callers[at].state;
            assert!(matches!(state, State::Ended { well: true }), "nobody is served: {state:?}");
        }
    }
}
