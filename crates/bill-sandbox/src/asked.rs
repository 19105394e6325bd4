//! A request that keeps to the protocol, of either generation.

use crate::claim::{Claim, Key};
use crate::form::Form;
use crate::operation::Operation;
use crate::uploads::Digest;
use crate::v3;

#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) claim: Claim,
    pub(crate) what: What,
    /// The file that came with it.
    pub(crate) file: Option<Digest>,
}

#[derive(Debug)]
pub(crate) enum What {
    V2(Operation, Form),
    V3(v3::Operation, v3::Given),
}

impl Asked {
    pub(crate) fn v2(operation: Operation, form: Form, file: Option<Digest>) -> Self {
        let key = Key::Dev(form.value("devKey").to_owned());
        let claim = match operation {
            Operation::Login => Claim::sign_in(key, Some(form.value("orgId"))),
            Operation::ListOrgs => Claim::sign_in(key, None),
            Operation::Errors | Operation::InSession(_) => {
                Claim::call(key, form.value("sessionId"))
            }
        };
        Self { claim, what: What::V2(operation, form), file }
    }

    /// The name of its operation in the journal, in faults and in holds.
    pub(crate) fn name(&self) -> String {
        match &self.what {
            What::V2(operation, _) => operation.to_string(),
            What::V3(operation, _) => operation.to_string(),
        }
    }
}
