//! What one client did in one scene, as its callers, and BILL, saw it.

use std::collections::BTreeSet;

use bill_blocking::{Code, Error};
use bill_sandbox::Entry;

use super::client::{Answer, Ask, Vendor};
use super::why::SignIn;

/// The questions, the answers, and BILL's journal of them.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) asks: Vec<Ask>,
    /// In the order of the asks; nothing for one that was never answered.
    pub(crate) answers: Vec<Option<Result<Answer, Error>>>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) sign_ins: Vec<SignIn>,
}

impl Seen {
    /// This, and what came later.
    pub(crate) fn and(mut self, later: Self) -> Self {
        self.asks.extend(later.asks);
        self.answers.extend(later.answers);
        self.entries.extend(later.entries);
        self.sign_ins.extend(later.sign_ins);
        self
    }

    /// Callers that were given what they asked for, and not what another did.
    pub(crate) fn answered(&self) -> u64 {
        let pairs = self.asks.iter().zip(&self.answers);
        count(pairs.filter(|pair| match pair {
            (Ask::SignIn, Some(Ok(Answer::SignedIn)))
            | (Ask::Vendors, Some(Ok(Answer::Vendors(_)))) => true,
            (Ask::Vendor(id), Some(Ok(Answer::Vendor(vendor)))) => *id == vendor.id,
            _ => false,
        }))
    }

    /// Callers that were told that the user name or the password is wrong.
    pub(crate) fn told_of_the_password(&self) -> u64 {
        let errors = self.answers.iter().flatten().filter_map(|answer| answer.as_ref().err());
        count(errors.filter(|error| error.code().and_then(Code::number) == Some(1101)))
    }

    /// Different vendors among those listed.
    pub(crate) fn vendors(&self) -> u64 {
        count(self.vendor_ids().collect::<BTreeSet<_>>().into_iter())
    }

    /// The ids of the vendors listed.
    pub(crate) fn vendor_ids(&self) -> impl Iterator<Item = &str> {
        let lists = self.answers.iter().flatten().filter_map(|answer| match answer {
            Ok(Answer::Vendors(vendors)) => Some(vendors),
            _ => None,
        });
        lists.flatten().map(|Vendor { id }| id.as_str())
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
        let calls = self.entries.iter().filter(|entry| entry.operation != "Login");
        count(calls.filter(|call| call.outcome.as_deref() == Some(outcome)))
    }
}

fn count<T>(items: impl Iterator<Item = T>) -> u64 {
    items.count() as u64
}
