//! What happens in the demo, and what is to come of it.

use std::error::Error as StdError;
use std::time::Duration;

use bill_blocking::OrgId;
use bill_sandbox::{Fault, FaultKind};

use super::client::{Adapter, Ask};
use super::report::Expected::{AtMost, Exactly};
use super::report::Report;
use super::seen::Seen;
use super::stage::{OTHER_ORGANIZATIONS, Stage, Subject, Who, mfa_code, other_organizations};
use super::words::{each, number, span};

const VENDORS: u64 = 2_500;
/// Of 999 vendors each, but for the last.
const PAGES: u64 = 3;
/// Of 100 vendors each.
const PAGES_BY_CURSOR: u64 = 25;
const CALLERS: u64 = 32;
/// Calls in flight at once that BILL allows an organisation.
const SLOTS: u64 = 3;
const BURST: u64 = 200;
const MISTAKEN: u64 = 20;
const PAUSE: Duration = Duration::from_secs(8 * 60 + 30);
const PAUSES: u32 = 4;
const IDLE: Duration = Duration::from_secs(36 * 60);
const MONTH: Duration = Duration::from_secs(30 * 24 * 3_600);

/// What the scenes add up to.
#[derive(Debug, Default)]
pub(crate) struct Sum {
    /// Calls whose callers did not get what they asked for.
    pub(crate) lost: u64,
    pub(crate) needless_sign_ins: u64,
    /// Calls that BILL is to have carried out, and those that it has.
    pub(crate) due: u64,
    pub(crate) carried_out: u64,
}

/// Plays all scenes.
pub(crate) fn play(stage: &mut Stage, report: &mut Report) -> Result<Sum, Box<dyn StdError>> {
    let mut play = Play { stage, report, sum: Sum::default() };
    let vendors = play.listing()?;
    let mut busy = play.cold_start(&vendors)?;
    play.in_use(&mut busy, &vendors)?;
    play.idle(&mut busy, &vendors)?;
    let mut with_token = play.token(&vendors)?;
    play.session_lost(&mut with_token)?;
    let mut with_v3 = play.cursors()?;
    play.mfa(&mut with_v3, &vendors)?;
    play.burst(&vendors)?;
    play.wrong_password(&vendors)?;
    play.organizations()?;
    let most = play.stage.most_in_flight();
    play.report.expect_each("requests in flight at once", AtMost(SLOTS), most);
    Ok(play.sum)
}

/// The ids of the vendors that either client was given.
struct Vendors([Vec<String>; 2]);

impl Vendors {
    /// Asks for `count` different ones.
    fn asks(&self, adapter: Adapter, count: u64) -> Vec<Ask> {
        let mut ids = self.of(adapter).iter().cycle().cloned();
        (0..count).map(|_| Ask::Vendor(ids.next().unwrap_or_default())).collect()
    }

    /// A payment to the first.
    fn payment(&self, adapter: Adapter) -> Vec<Ask> {
        vec![Ask::Pay(self.of(adapter).first().cloned().unwrap_or_default())]
    }

    fn of(&self, adapter: Adapter) -> &[String] {
        match adapter {
            Adapter::Async => &self.0[0],
            Adapter::Blocking => &self.0[1],
        }
    }
}

struct Play<'a> {
    stage: &'a mut Stage,
    report: &'a mut Report,
    sum: Sum,
}

/// One scene, and what came of it.
struct Scene {
    name: String,
    seen: [Seen; 2],
}

impl Scene {
    fn count(&self, what: impl Fn(&Seen) -> u64) -> [u64; 2] {
        self.seen.each_ref().map(what)
    }
}

impl Play<'_> {
    fn listing(&mut self) -> Result<Vendors, Box<dyn StdError>> {
        let mut clients = self.stage.clients(Who::User)?;
        let seen = self.stage.ask(&mut clients, |_| vec![Ask::Vendors])?;
        let scene = self.take_in("new clients", seen, PAGES, Seen::answered);
        let listed = self.expect(&scene, "vendors listed", VENDORS, Seen::listed);
        let sign_ins = self.expect(&scene, "sign-ins", 1, Seen::sign_ins);
        self.tell(&format!(
            "Two new clients list all vendors: {}, {}.",
            each(listed, "vendor"),
            each(sign_ins, "sign-in"),
        ));
        let ids = |seen: &Seen| seen.listed_ids().map(str::to_owned).collect();
        Ok(Vendors(scene.seen.each_ref().map(ids)))
    }

    fn cold_start(&mut self, known: &Vendors) -> Result<[Subject; 2], Box<dyn StdError>> {
        let mut clients = self.stage.clients(Who::User)?;
        let asks = |adapter| known.asks(adapter, CALLERS);
        let seen = self.stage.ask_in_a_crowd(&mut clients, asks, SLOTS)?;
        let name = format!("{CALLERS} callers at once");
        let scene = self.take_in(&name, seen, CALLERS, Seen::answered);
        let answers = self.expect(&scene, "answers", CALLERS, Seen::answered);
        let sign_ins = self.expect(&scene, "sign-ins", 1, Seen::sign_ins);
        self.tell(&format!(
            "Two more, each with {CALLERS} callers at once: {}, {}.",
            each(answers, "answer"),
            each(sign_ins, "sign-in"),
        ));
        Ok(clients)
    }

    fn in_use(
        &mut self,
        clients: &mut [Subject; 2],
        known: &Vendors,
    ) -> Result<(), Box<dyn StdError>> {
        let mut all: Option<[Seen; 2]> = None;
        for _ in 0..PAUSES {
            self.stage.pass(PAUSE);
            let seen = self.stage.ask(clients, |adapter| known.asks(adapter, 1))?;
            all = Some(match all {
                None => seen,
                Some([one, other]) => {
                    let [more, another] = seen;
                    [one.and(more), other.and(another)]
                }
            });
        }
        let (total, pause) = (span(PAUSE * PAUSES), span(PAUSE));
        let (calls, seen) = (u64::from(PAUSES), all.ok_or("nothing was asked")?);
        let scene = self.take_in(&format!("{total} in use"), seen, calls, Seen::answered);
        self.expect(&scene, "answers", calls, Seen::answered);
        let sign_ins = self.expect(&scene, "sign-ins", 0, Seen::sign_ins);
        let sign_ins = each(sign_ins, "sign-in");
        self.tell(&format!("{total} in use, a call every {pause}: {sign_ins}."));
        Ok(())
    }

    fn idle(
        &mut self,
        clients: &mut [Subject; 2],
        known: &Vendors,
    ) -> Result<(), Box<dyn StdError>> {
        self.stage.pass(IDLE);
        let seen = self.stage.ask(clients, |adapter| known.asks(adapter, 1))?;
        let idle = span(IDLE);
        let scene = self.take_in(&format!("{idle} idle"), seen, 1, Seen::answered);
        self.expect(&scene, "answers", 1, Seen::answered);
        let sign_ins = self.expect(&scene, "sign-ins", 1, Seen::sign_ins);
        self.expect(&scene, "calls on the dead session", 0, Seen::refused);
        let sign_ins = each(sign_ins, "sign-in");
        self.tell(&format!("{idle} without a call, then one: {sign_ins}."));
        Ok(())
    }

    fn token(&mut self, known: &Vendors) -> Result<[Subject; 2], Box<dyn StdError>> {
        let mut clients = self.stage.clients(Who::Token)?;
        let seen = self.stage.ask(&mut clients, |_| vec![Ask::SignIn])?;
        let scene = self.take_in("token", seen, 0, Seen::answered);
        let sign_ins = self.expect(&scene, "sign-ins", 1, Seen::sign_ins);
        let sign_ins = each(sign_ins, "sign-in");
        self.tell(&format!("Two new clients sign in with a token: {sign_ins}."));

        self.stage.pass(MONTH);
        let seen = self.stage.ask(&mut clients, |adapter| known.asks(adapter, 1))?;
        let month = span(MONTH);
        let scene = self.take_in(&format!("token, {month} idle"), seen, 1, Seen::answered);
        self.expect(&scene, "answers", 1, Seen::answered);
        let sign_ins = self.expect(&scene, "sign-ins", 0, Seen::sign_ins);
        let sign_ins = each(sign_ins, "sign-in");
        self.tell(&format!("{month} without a call, then one: {sign_ins}."));
        Ok(clients)
    }

    fn session_lost(&mut self, clients: &mut [Subject; 2]) -> Result<(), Box<dyn StdError>> {
        let [one, other] = clients;
        let seen = [self.list_with_a_loss(one)?, self.list_with_a_loss(other)?];
        let scene = self.take_in("session lost in a list", seen, PAGES, Seen::answered);
        let listed = self.expect(&scene, "vendors listed", VENDORS, Seen::listed);
        self.expect(&scene, "calls refused", 1, Seen::refused);
        let sign_ins = self.expect(&scene, "sign-ins", 1, Seen::sign_ins);
        self.tell(&format!(
            "BILL loses the session in the middle of a list: {}, {}.",
            each(listed, "vendor"),
            each(sign_ins, "sign-in"),
        ));
        Ok(())
    }

    fn list_with_a_loss(&mut self, client: &mut Subject) -> Result<Seen, Box<dyn StdError>> {
        // The first page passes, and the second finds the session gone.
        let loss = Fault::new(FaultKind::LoseSession);
        self.stage.sandbox.fault(loss.on("List/Vendor").after(1));
        self.stage.ask_one(client, vec![Ask::Vendors], None)
    }

    fn cursors(&mut self) -> Result<[Subject; 2], Box<dyn StdError>> {
        let mut clients = self.stage.clients(Who::UserByV3)?;
        let seen = self.stage.ask(&mut clients, |_| vec![Ask::VendorsByCursor])?;
        let scene = self.take_in("v3", seen, PAGES_BY_CURSOR, Seen::answered);
        let listed = self.expect(&scene, "vendors listed", VENDORS, Seen::listed);
        let pages = self.expect(&scene, "pages", PAGES_BY_CURSOR, Seen::pages_by_cursor);
        let sign_ins = self.expect(&scene, "sign-ins", 1, Seen::sign_ins);
        let sign_ins = each(sign_ins, "sign-in");
        self.tell(&format!("Two new clients use v3, and sign in with it: {sign_ins}."));
        let (listed, pages) = (each(listed, "vendor"), each(pages, "page"));
        self.tell(&format!("They list all vendors from cursor to cursor: {listed}, {pages}."));
        Ok(clients)
    }

    fn mfa(
        &mut self,
        clients: &mut [Subject; 2],
        known: &Vendors,
    ) -> Result<(), Box<dyn StdError>> {
        let seen = self.stage.ask(clients, |adapter| known.payment(adapter))?;
        // What they are to be given is the refusal.
        let told = Seen::told_of_mfa;
        let scene = self.take_in("payment without MFA", seen, 0, told);
        let told = self.expect(&scene, "callers told of it", 1, told);
        self.expect(&scene, "payments", 0, Seen::payments);
        let sign_ins = self.expect(&scene, "sign-ins", 0, Seen::sign_ins);
        let (told, sign_ins) = (each(told, "refusal"), each(sign_ins, "sign-in"));
        self.tell(&format!("They make a payment, and BILL asks for MFA: {told}, {sign_ins}."));

        let code = mfa_code()?;
        let ask = |_| vec![Ask::Trust { code: code.clone(), remember: true }];
        let seen = self.stage.ask(clients, ask)?;
        let scene = self.take_in("MFA", seen, 2, Seen::answered);
        let challenges = self.expect(&scene, "challenges", 1, Seen::challenges);
        self.expect(&scene, "sign-ins", 0, Seen::sign_ins);
        let seen = self.stage.ask(clients, |adapter| known.payment(adapter))?;
        let scene = self.take_in("payment with MFA", seen, 1, Seen::answered);
        let payments = self.expect(&scene, "payments", 1, Seen::payments);
        self.expect(&scene, "sign-ins", 0, Seen::sign_ins);
        self.tell(&format!(
            "The user's code is entered, and they pay: {}, {}.",
            each(challenges, "challenge"),
            each(payments, "payment"),
        ));
        self.session_lost_with_mfa(clients, known)?;
        self.payment_unanswered(clients, known)
    }

    fn session_lost_with_mfa(
        &mut self,
        clients: &mut [Subject; 2],
        known: &Vendors,
    ) -> Result<(), Box<dyn StdError>> {
        self.stage.sandbox.lose_sessions();
        let seen = self.stage.ask(clients, |adapter| known.payment(adapter))?;
        let scene = self.take_in("session with MFA lost", seen, 1, Seen::answered);
        let payments = self.expect(&scene, "payments", 1, Seen::payments);
        let sign_ins = self.expect(&scene, "sign-ins", 1, Seen::sign_ins);
        self.expect(&scene, "sessions trusted at once", 1, Seen::trusted_sign_ins);
        let told = self.expect(&scene, "told so by its events", 1, Seen::told_of_trust);
        let challenges = self.expect(&scene, "challenges", 0, Seen::challenges);
        self.tell(&format!(
            "BILL loses the sessions, and they pay again: {}, {}.",
            each(sign_ins, "sign-in"),
            each(payments, "payment"),
        ));
        self.tell(&format!(
            "The remembered device made that trusted: {}, {}.",
            each(told, "event"),
            each(challenges, "challenge"),
        ));
        Ok(())
    }

    fn payment_unanswered(
        &mut self,
        clients: &mut [Subject; 2],
        known: &Vendors,
    ) -> Result<(), Box<dyn StdError>> {
        let [one, other] = clients;
        let seen = [self.pay_unanswered(one, known)?, self.pay_unanswered(other, known)?];
        let told = Seen::told_of_no_answer;
        let scene = self.take_in("payment not answered", seen, 0, told);
        let told = self.expect(&scene, "callers told of it", 1, told);
        self.expect(&scene, "payments", 1, Seen::payments);
        let seen = self.stage.ask(clients, |_| vec![Ask::Payments])?;
        let scene = self.take_in("payments in the end", seen, 1, Seen::answered);
        let listed = self.expect(&scene, "listed by BILL", 3, Seen::listed);
        self.tell(&format!(
            "The answer to another payment is lost: {}; BILL lists {}.",
            each(told, "warning"),
            each(listed, "payment"),
        ));
        Ok(())
    }

    fn pay_unanswered(
        &mut self,
        client: &mut Subject,
        known: &Vendors,
    ) -> Result<Seen, Box<dyn StdError>> {
        let loss = Fault::new(FaultKind::ResetBeforeAnswer).handled();
        self.stage.sandbox.fault(loss.on("v3/Create/payments"));
        let payment = known.payment(client.adapter());
        self.stage.ask_one(client, payment, None)
    }

    fn burst(&mut self, known: &Vendors) -> Result<(), Box<dyn StdError>> {
        let mut clients = self.stage.clients(Who::User)?;
        let asks = |adapter| known.asks(adapter, BURST);
        let seen = self.stage.ask_in_a_crowd(&mut clients, asks, SLOTS)?;
        let name = format!("{BURST} calls at once");
        let scene = self.take_in(&name, seen, BURST, Seen::answered);
        let answers = self.expect(&scene, "answers", BURST, Seen::answered);
        self.expect(&scene, "sign-ins", 1, Seen::sign_ins);
        let refused = self.expect(&scene, "refused as too many", 0, Seen::contended);
        let most = self.stage.most_in_flight();
        self.tell(&format!(
            "Two more, with {BURST} calls each: {}, at most {} in flight, {}.",
            each(answers, "answer"),
            number(most[0].max(most[1])),
            each(refused, "refusal"),
        ));
        Ok(())
    }

    fn wrong_password(&mut self, known: &Vendors) -> Result<(), Box<dyn StdError>> {
        let mut clients = self.stage.clients(Who::WrongPassword)?;
        let asks = |adapter| known.asks(adapter, MISTAKEN);
        let seen = self.stage.ask(&mut clients, asks)?;
        // What they are to be given is the refusal.
        let told = Seen::told_of_the_password;
        let scene = self.take_in("wrong password", seen, 0, told);
        let told = self.expect(&scene, "callers told of it", MISTAKEN, told);
        let sign_ins = self.expect(&scene, "sign-ins", 1, Seen::sign_ins);
        self.tell(&format!(
            "A wrong password, {MISTAKEN} callers at once: {}, {}.",
            each(told, "refusal"),
            each(sign_ins, "sign-in"),
        ));
        Ok(())
    }

    fn organizations(&mut self) -> Result<(), Box<dyn StdError>> {
        let mut clients = self.stage.clients(Who::WrongPassword)?;
        let ids = other_organizations().map(OrgId::new).collect::<Result<Vec<_>, _>>()?;
        let asks = |_| ids.iter().cloned().map(Ask::Organization).collect();
        let seen = self.stage.ask(&mut clients, asks)?;
        let told = Seen::told_of_the_password;
        let scene = self.take_in("in all organisations", seen, 0, told);
        let told = self.expect(&scene, "callers told of it", OTHER_ORGANIZATIONS, told);
        let sign_ins = self.expect(&scene, "sign-ins", 1, Seen::sign_ins);
        self.tell(&format!(
            "The same for {OTHER_ORGANIZATIONS} organisations at once: {}, {}.",
            each(told, "refusal"),
            each(sign_ins, "sign-in"),
        ));
        Ok(())
    }

    /// Adds a scene up: `due` calls are to be carried out for each client, and each caller is to
    /// get what `right` counts.
    fn take_in(
        &mut self,
        name: &str,
        seen: [Seen; 2],
        due: u64,
        right: impl Fn(&Seen) -> u64,
    ) -> Scene {
        self.report.explain(name, &seen);
        for seen in &seen {
            self.sum.lost += seen.asks.len() as u64 - right(seen);
            self.sum.needless_sign_ins += seen.needless_sign_ins();
            self.sum.due += due;
            self.sum.carried_out += seen.carried_out();
        }
        let name = name.to_owned();
        Scene { name, seen }
    }

    /// A row of the table; gives what was observed, for the timeline.
    fn expect(
        &mut self,
        scene: &Scene,
        what: &str,
        expected: u64,
        count: impl Fn(&Seen) -> u64,
    ) -> [u64; 2] {
        let observed = scene.count(count);
        let name = format!("{}: {what}", scene.name);
        self.report.expect_each(&name, Exactly(expected), observed);
        observed
    }

    fn tell(&mut self, what: &str) {
        self.report.tell(self.stage.now(), what);
    }
}
