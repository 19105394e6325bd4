//! What one client did in one scene, as its callers, and BILL, saw it.

use std::collections::BTreeSet;

use bill_blocking::{Code, Error, Event};
use bill_sandbox::{Entry, Stats};

use super::client::{Answer, Ask, Object};
use super::why::{SignIn, is_sign_in};

/// Payments, in BILL's journal.
const PAYMENTS: &str = "v3/Create/payments";

/// The questions, the answers, and BILL's journal of them.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) asks: Vec<Ask>,
    /// In the order of the asks; nothing for one that was never answered.
    pub(crate) answers: Vec<Option<Result<Answer, Error>>>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) sign_ins: Vec<SignIn>,
    /// What the client told of its session.
    pub(crate) events: Vec<Event>,
    pub(crate) counted: Counted,
}

/// What BILL counted meanwhile.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counted {
    /// Sign-ins whose session was trusted from its beginning.
    trusted: u64,
    /// MFA challenges.
    challenges: u64,
    /// Calls refused since too many were in flight (BDC_1322).
    contended: u64,
}

impl Counted {
    pub(crate) fn between(before: &Stats, after: &Stats) -> Self {
        Self {
            trusted: after.sign_ins_trusted - before.sign_ins_trusted,
            challenges: after.mfa_challenges - before.mfa_challenges,
            contended: after.limited_concurrent - before.limited_concurrent,
        }
    }

    fn and(self, later: Self) -> Self {
        Self {
            trusted: self.trusted + later.trusted,
            challenges: self.challenges + later.challenges,
            contended: self.contended + later.contended,
        }
    }
}

impl Seen {
    /// This, and what came later.
    pub(crate) fn and(mut self, later: Self) -> Self {
        self.asks.extend(later.asks);
        self.answers.extend(later.answers);
        self.entries.extend(later.entries);
        self.sign_ins.extend(later.sign_ins);
        self.events.extend(later.events);
        self.counted = self.counted.and(later.counted);
        self
    }

    /// Callers that were given what they asked for, and not what another did.
    pub(crate) fn answered(&self) -> u64 {
        let pairs = self.asks.iter().zip(&self.answers);
        count(pairs.filter(|pair| match pair {
            (Ask::SignIn, Some(Ok(Answer::SignedIn)))
            | (Ask::Vendors | Ask::VendorsByCursor | Ask::Payments, Some(Ok(Answer::List(_))))
            | (Ask::Organization(_), Some(Ok(Answer::Looked)))
            | (Ask::Trust { .. }, Some(Ok(Answer::Trusted(_)))) => true,
            (Ask::Vendor(id), Some(Ok(Answer::Vendor(vendor)))) => *id == vendor.id,
            (Ask::Pay(id), Some(Ok(Answer::Paid(payment)))) => *id == payment.vendor_id,
            _ => false,
        }))
    }

    /// Callers that were told that the user name or the password is wrong.
    pub(crate) fn told_of_the_password(&self) -> u64 {
        self.errors(|error| error.code().and_then(Code::number) == Some(1101))
    }

    /// Callers that were told that the call needs a session trusted by MFA.
    pub(crate) fn told_of_mfa(&self) -> u64 {
        self.errors(|error| matches!(error, Error::Untrusted(_)))
    }

    /// Callers that were told that nobody knows what has become of their call.
    pub(crate) fn told_of_no_answer(&self) -> u64 {
        self.errors(|error| matches!(error, Error::NoAnswer { .. }))
    }

    fn errors(&self, wanted: impl Fn(&Error) -> bool) -> u64 {
        let errors = self.answers.iter().flatten().filter_map(|answer| answer.as_ref().err());
        count(errors.filter(|error| wanted(error)))
    }

    /// Different vendors, or payments, among those listed.
    pub(crate) fn listed(&self) -> u64 {
        count(self.listed_ids().collect::<BTreeSet<_>>().into_iter())
    }

    /// The ids of those that were listed.
    pub(crate) fn listed_ids(&self) -> impl Iterator<Item = &str> {
        let lists = self.answers.iter().flatten().filter_map(|answer| match answer {
            Ok(Answer::List(objects)) => Some(objects),
            _ => None,
        });
        lists.flatten().map(|Object { id }| id.as_str())
    }

    /// Pages that BILL gave of lists of v3's.
    pub(crate) fn pages_by_cursor(&self) -> u64 {
        let lists = self.entries.iter().filter(|entry| entry.operation.starts_with("v3/List/"));
        count(lists.filter(|entry| entry.outcome.as_deref() == Some("ok")))
    }

    /// Payments that BILL was asked for and did not refuse, answered or not.
    pub(crate) fn payments(&self) -> u64 {
        let payments = self.entries.iter().filter(|entry| entry.operation == PAYMENTS);
        let refused = |entry: &Entry| entry.outcome.as_deref().is_some_and(is_code);
        count(payments.filter(|entry| !refused(entry)))
    }

    /// Sign-ins whose session was trusted from its beginning, as BILL counted.
    pub(crate) fn trusted_sign_ins(&self) -> u64 {
        self.counted.trusted
    }

    /// The same, as the client told.
    pub(crate) fn told_of_trust(&self) -> u64 {
        let trusted = |event: &&Event| matches!(event, Event::SignedIn { trusted: Some(true), .. });
        count(self.events.iter().filter(trusted))
    }

    pub(crate) fn challenges(&self) -> u64 {
        self.counted.challenges
    }

    /// Calls that BILL refused since too many were in flight.
    pub(crate) fn contended(&self) -> u64 {
        self.counted.contended
    }

    pub(crate) fn sign_ins(&self) -> u64 {
        count(self.sign_ins.iter())
    }

    pub(crate) fn needless_sign_ins(&self) -> u64 {
        count(self.sign_ins.iter().filter(|sign_in| !sign_in.needed))
    }

    /// Calls that BILL carried out.
    pub(crate) fn carried_out(&self) -> u64 {
        self.calls_with("ok")
    }

    /// Calls that BILL refused since their session was gone.
    pub(crate) fn refused(&self) -> u64 {
        self.calls_with("BDC_1109")
    }

    fn calls_with(&self, outcome: &str) -> u64 {
        let calls = self.entries.iter().filter(|entry| !is_sign_in(entry));
        count(calls.filter(|call| call.outcome.as_deref() == Some(outcome)))
    }
}

fn is_code(outcome: &str) -> bool {
    outcome.starts_with("BDC_")
}

fn count<T>(items: impl Iterator<Item = T>) -> u64 {
    items.count() as u64
}
