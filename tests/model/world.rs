//! All organisations of a case, and what happens to them.

use std::rc::Rc;
use std::time::Instant;

use super::action::{Action, Setup};
use super::answers::{accounts, principal};
use super::check::Broken;
use super::coverage::Seen;
use super::organization::Organization;
use super::shared::Shared;

pub struct World {
    pub shared: Rc<Shared>,
    pub organizations: Vec<Organization>,
    setup: Setup,
}

impl World {
    pub fn new(setup: Setup, tell: bool) -> Self {
        let origin = Instant::now();
        let shared = Rc::new(Shared::new(&setup, tell));
        let organizations = accounts(&setup, origin)
            .into_iter()
            .enumerate()
            .map(|(number, account)| {
                Organization::new(number, setup, account, Rc::clone(&shared), origin)
            })
            .collect();
        Self { shared, organizations, setup }
    }

    /// One thing happens in one of the organisations, or in all.
    pub fn act(&mut self, (number, action): (usize, Action)) -> Result<(), Broken> {
        self.shared.note(|| format!("{:?} [{number}]: {action:?}", self.shared.now()));
        match action {
            Action::Replace { token, told } => self.replace(token, told)?,
            action => self.organizations[number].act(action)?,
        }
        self.tell_others(number)
    }

    /// Organisations that wait for what becomes of the principal look again.
    fn tell_others(&mut self, number: usize) -> Result<(), Broken> {
        let account = self.organizations[number].session.account();
        if !self.setup.told || !account.take_awaited() {
            return Ok(());
        }
        for other in self.organizations.iter_mut().filter(|other| other.number != number) {
            let wake = other.session.wake_all();
            other.heed(wake)?;
        }
        Ok(())
    }

    /// Another principal signs in from now on.
    pub fn replace(&mut self, token: bool, told: bool) -> Result<(), Broken> {
        for organization in &mut self.organizations {
            if organization.history.sign_in_in_flight().is_some() {
                organization.seen.add(Seen::REPLACED_MID_SIGN_IN);
            }
            organization.unnoticed = true;
        }
        self.shared.principal().replace(token);
        self.shared.key().refusal = None;
        let other = principal(self.shared.principal().version, token);
        self.organizations[0].session.account().replace_principal(other);
        for organization in self.organizations.iter_mut().filter(|_| told) {
            organization.told_of_replacement()?;
        }
        Ok(())
    }

    /// What was seen in any of the organisations.
    pub fn seen(&self) -> Seen {
        let mut seen = Seen::default();
        for organization in &self.organizations {
            seen.add(organization.seen);
        }
        seen
    }
}
