//! Several things that happen one after the other, since they hardly ever would by chance.

use std::time::Duration;

use super::action::{Patience, Renewing, Reply, What};
use super::caller::FIVE_MINUTES;
use super::check::Broken;
use super::organization::Organization;

impl Organization {
    pub fn welcome(&mut self) -> Result<(), Broken> {
        while !self.sign_ins.is_empty() {
            self.answer_sign_in(0, Reply::Done)?;
        }
        self.attend()
    }

    pub fn amnesia(&mut self, late: bool) -> Result<(), Broken> {
        for answered in 0..self.in_flight.len() {
            self.answer(0, Reply::Code(1109, None))?;
            if late && answered == 0 {
                self.attend()?;
                self.welcome()?;
            }
        }
        Ok(())
    }

    pub fn crowd(&mut self, times: u8) -> Result<(), Broken> {
        for _ in 0..times {
            for _ in 0..self.in_flight.len() {
                self.answer(0, Reply::Code(1322, None))?;
            }
            self.shared.pass(Duration::from_secs(1));
            for who in self.due() {
                self.step(who)?;
            }
            self.attend()?;
        }
        Ok(())
    }

    pub fn outage(&mut self, times: u8, reply: Reply) -> Result<(), Broken> {
        for _ in 0..times {
            for _ in 0..self.in_flight.len() {
                self.answer(0, reply)?;
            }
            self.shared.pass(Duration::from_secs(2));
            for who in self.due() {
                self.step(who)?;
            }
            self.attend()?;
        }
        Ok(())
    }

    pub fn trust(&mut self, remember: bool) -> Result<(), Broken> {
        self.begin(What::Challenge, Patience(None))?;
        self.answer_all()?;
        let Some(latest) = self.challenges.len().checked_sub(1) else {
            return Ok(());
        };
        let challenge = u8::try_from(latest).unwrap_or_default();
        self.begin(What::Validate { challenge, remember }, Patience(None))?;
        self.answer_all()
    }

    pub fn trust_by_device(&mut self) -> Result<(), Broken> {
        self.begin(What::StepUp, Patience(None))?;
        self.welcome()?;
        while !self.in_flight.is_empty() {
            self.answer(0, Reply::Trusted(true))?;
            self.attend()?;
        }
        Ok(())
    }

    pub fn accept_and_refuse(&mut self, times: u8) -> Result<(), Broken> {
        for _ in 0..times {
            self.welcome()?;
            for _ in 0..self.in_flight.len() {
                self.answer(0, Reply::Code(1109, None))?;
            }
            self.attend()?;
        }
        Ok(())
    }

    pub fn slow_sign_in(&mut self, seconds: u8) -> Result<(), Broken> {
        for _ in 0..seconds {
            self.shared.pass(Duration::from_secs(1));
            self.beat();
            for who in self.due() {
                self.step(who)?;
            }
        }
        self.welcome()
    }

    pub fn await_renewal(&mut self, reply: Reply) -> Result<(), Broken> {
        if let Some(due) = self.renewal_is_due_at() {
            self.shared.pass(due.saturating_sub(self.now()));
        }
        self.renew()?;
        if self.setup.renewal == Renewing::Ahead {
            return self.welcome();
        }
        match self.in_flight.len().checked_sub(1) {
            Some(at) => self.answer(at, reply),
            None => Ok(()),
        }
    }

    pub fn late_upload(&mut self) -> Result<(), Broken> {
        if let Some(session) = self.history.current() {
            let late = self.history.idles_out_at(session).saturating_sub(FIVE_MINUTES);
            self.shared.pass(late.saturating_sub(self.now()));
        }
        self.begin(What::Upload { once: true }, Patience(None))
    }

    pub fn answer_all(&mut self) -> Result<(), Broken> {
        self.welcome()?;
        while !self.in_flight.is_empty() {
            self.answer(0, Reply::Done)?;
            self.attend()?;
        }
        Ok(())
    }
}
