//! All organisations of a case, and what happens to them.

use std::rc::Rc;
use std::time::{Duration, Instant};

use super::action::{Action, Setup};
use super::answers::{another_account, first_account, principal};
use super::check::Broken;
use super::coverage::Seen;
use super::organization::Organization;
use super::shared::Shared;
use super::situation::Situation;

pub struct World {
    pub shared: Rc<Shared>,
    /// Those that have come so far.
    pub organizations: Vec<Organization>,
    setup: Setup,
    origin: Instant,
}

impl World {
    pub fn new(setup: Setup, tell: bool) -> Self {
        let origin = Instant::now();
        let shared = Rc::new(Shared::new(&setup, tell));
        let account = first_account(&setup, origin);
        let first = Organization::new(0, setup, account, Rc::clone(&shared), origin);
        Self { shared, organizations: vec![first], setup, origin }
    }

    /// One thing happens in one of the organisations, or in all.
    pub fn act(&mut self, (number, action): (usize, Action)) -> Result<(), Broken> {
        self.shared.note(|| format!("{:?} [{number}]: {action:?}", self.shared.now()));
        while number >= self.organizations.len() {
            self.another_comes();
        }
        match action {
            Action::Replace { token, told } => {
                let seen = &mut self.organizations[number].seen;
                seen.add(Situation::Replaces);
                seen.add_if(!told, Situation::ReplacedUnnoticed);
                self.replace(token, told)?;
            }
            action => self.organizations[number].act(action)?,
        }
        if let [one, other] = &mut self.organizations[..] {
            let is_signed_in = |organization: &Organization| {
                organization.history.usable(organization.now(), Duration::ZERO).is_some()
            };
            one.seen.add_if(is_signed_in(one) && is_signed_in(other), Situation::BothSignedIn);
        }
        self.tell_others(number)
    }

    /// An organisation is used for the first time.
    fn another_comes(&mut self) {
        let (number, shared) = (self.organizations.len(), Rc::clone(&self.shared));
        let account = another_account(self.organizations[0].session.account(), number);
        let mut other = Organization::new(number, self.setup, account, shared, self.origin);
        let is_known = {
            let principal = self.shared.principal();
            principal.accepted.is_some() || principal.refusal.is_some()
        };
        other.seen.add_if(is_known, Situation::ComesLater);
        self.organizations.push(other);
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
                organization.seen.add(Situation::ReplacedMidSignIn);
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
            seen.join(&organization.seen);
        }
        seen
    }
}
