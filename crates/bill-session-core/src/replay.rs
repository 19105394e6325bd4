//! Which calls are sent again, after which ends, and how often: as data.
//!
//! An end of an exchange is either a refusal, before which nothing was done, or the loss of the
//! outcome: then only a call that merely reads may go out again, for BILL has no key by which it
//! would recognise a payment that it has carried out already. A refusal of a part only, or by a server
//! in trouble, is no word on the rest: a call that may change anything does not go out again after it.
//!
//! What is sent again is not copied: v3's documents are shared by all sends of a call. v2 carries the
//! session within its body, which is therefore made anew for another session, and shared from the
//! second send on where the session is the same.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::header::HeaderMap;

use crate::account::SignedIn;
use crate::backoff::{CONTENDED_CALL, Jitter};
use crate::cause::ForeignKind;
use crate::transport::TransportError;
use crate::wire::{Parsed, Verdict, retry_after};

/// How often, and when, a call that only reads is sent again after its outcome was lost.
///
/// The wait before each is drawn between nothing and a step that doubles, so that clients which were
/// cut off together do not come back together. A call's deadline ends all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    tries: u8,
    first: Duration,
    most: Duration,
}

impl Retry {
    /// Nothing is sent again after its outcome was lost.
    pub const NEVER: Self = Self { tries: 0, first: Duration::ZERO, most: Duration::ZERO };

    /// So many more tries, after up to half a second first and up to ten seconds at most.
    pub fn times(tries: u8) -> Self {
        Self { tries, first: Duration::from_millis(500), most: Duration::from_secs(10) }
    }

    /// Other steps: up to `first` before the first repetition, doubling up to `most`.
    #[must_use]
    pub fn steps(self, first: Duration, most: Duration) -> Self {
        Self { first, most, ..self }
    }

    fn wait(self, repetition: u8, jitter: &mut Jitter) -> Duration {
        let doublings = u32::from(repetition.min(20));
        let step = self.first.saturating_mul(1 << doublings).min(self.most);
        step.mul_f64(jitter.unit())
    }
}

impl Default for Retry {
    /// Two more tries.
    fn default() -> Self {
        Self::times(2)
    }
}

/// How an exchange has ended, for those ends after which a call may go out again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// BDC_1109: the session was invalid, and nothing was done.
    Invalid,
    /// BDC_1322: too many at once, and nothing was done.
    Contended,
    /// No answer, a torn one, or a server in trouble: nobody knows what was done.
    Lost,
}

/// What a call does when it is carried out, as far as doing it twice is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It only reads.
    Reads,
    /// It may create, change, delete or pay.
    Writes,
    /// It cannot be repeated at all: its content is gone, or it belongs to one session.
    Once,
}

/// After an end, calls of these effects are sent again so often.
struct Rule {
    end: End,
    effects: &'static [Effect],
    most: Most,
}

#[derive(Clone, Copy)]
enum Most {
    Times(u8),
    AsRetrySays,
}

const RULES: [Rule; 3] = [
    Rule { end: End::Invalid, effects: &[Effect::Reads, Effect::Writes], most: Most::Times(1) },
    Rule { end: End::Contended, effects: &[Effect::Reads, Effect::Writes], most: Most::Times(2) },
    Rule { end: End::Lost, effects: &[Effect::Reads], most: Most::AsRetrySays },
];

/// How often a call has been sent again already, and how often it may be.
#[derive(Default)]
pub(crate) struct Replays {
    invalid: u8,
    contended: u8,
    lost: u8,
    /// What the call itself asks for; few do.
    pub(crate) retry: Option<Retry>,
    /// The body of a v2 call that was sent again, and the session that it is signed with.
    signed: OnceLock<(Arc<SignedIn>, Bytes)>,
}

impl Replays {
    /// How long the call waits before it is sent again after this end; nothing when it is not.
    pub(crate) fn after(
        &mut self,
        Ended { end, retry_after, of_the_whole }: Ended,
        effect: Effect,
        retry: Retry,
        jitter: &mut Jitter,
    ) -> Option<Duration> {
        let rule = RULES.iter().find(|rule| rule.end == end && rule.effects.contains(&effect))?;
        if effect == Effect::Writes && !of_the_whole {
            return None;
        }
        let retry = self.retry.unwrap_or(retry);
        let done = match end {
            End::Invalid => &mut self.invalid,
            End::Contended => &mut self.contended,
            End::Lost => &mut self.lost,
        };
        let most = match rule.most {
            Most::Times(most) => most,
            Most::AsRetrySays => retry.tries,
        };
        if *done >= most {
            return None;
        }
        *done += 1;
        if end == End::Invalid {
            // It goes out with another session.
            self.signed = OnceLock::new();
        }
        let wait = match end {
            End::Invalid => return Some(Duration::ZERO),
            End::Contended => CONTENDED_CALL.after(u32::from(*done), jitter),
            End::Lost => retry.wait(*done - 1, jitter),
        };
        Some(wait.max(retry_after.unwrap_or_default()))
    }

    /// The body of a v2 call with this session: what `sign` makes, or made before.
    pub(crate) fn body(&self, session: &Arc<SignedIn>, sign: impl Fn() -> Bytes) -> Bytes {
        let (with, body) = self.signed.get_or_init(|| (Arc::clone(session), sign()));
        if Arc::ptr_eq(with, session) { body.clone() } else { sign() }
    }
}

/// An end, and how long the answer asks to wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended {
    end: End,
    retry_after: Option<Duration>,
    /// Whether nothing else was said of a part of what was asked for.
    of_the_whole: bool,
}

impl Ended {
    /// What an answer comes to, if a call may go out again after it.
    pub(crate) fn by_answer<T>(
        parsed: &Parsed<T>,
        verdict: Verdict,
        headers: &HeaderMap,
    ) -> Option<Self> {
        let (end, retry_after) = match (verdict, parsed) {
            (Verdict::Invalid, _) => (End::Invalid, None),
            (Verdict::Contended { retry_after }, _) => (End::Contended, retry_after),
            (Verdict::Unknown, Parsed::Error(_)) => (End::Lost, retry_after(headers)),
            (Verdict::Unknown, Parsed::Foreign(answer)) => {
                let torn = answer.status.is_success() && answer.kind == ForeignKind::Json;
                let lost = torn || answer.status.is_server_error();
                lost.then(|| (End::Lost, retry_after(headers)))?
            }
            _ => return None,
        };
        let of_the_whole = match parsed {
            Parsed::Error(error) => error.is_of_the_whole(),
            Parsed::Success(_) | Parsed::Mismatch(_) | Parsed::Foreign(_) => true,
        };
        Some(Self { end, retry_after, of_the_whole })
    }

    /// What the word of a program comes to that has read the answer by itself.
    #[inline]
    pub(crate) fn by_verdict(verdict: Verdict) -> Option<Self> {
        let (end, retry_after) = match verdict {
            Verdict::Invalid => (End::Invalid, None),
            Verdict::Contended { retry_after } => (End::Contended, retry_after),
            Verdict::Alive | Verdict::Untrusted | Verdict::HourSpent { .. } | Verdict::Unknown => {
                return None;
            }
        };
        Some(Self { end, retry_after, of_the_whole: true })
    }

    /// What the lack of an answer comes to, if a call may go out again after it.
    pub(crate) fn by_silence(error: &TransportError) -> Option<Self> {
        // The same answer would be as long the next time.
        let passes = !error.is_too_large() && !error.is_content();
        passes.then_some(Self { end: End::Lost, retry_after: None, of_the_whole: true })
    }
}

#[cfg(feature = "model")]
#[path = "model/replay.rs"]
mod model;
