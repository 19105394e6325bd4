//! Against a server that never lets anybody in, an hour costs no more than its budget, and nobody waits in vain.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on ends"
)]

mod support;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bill_session_core::{
    Call, CallId, Cause, Error, InFlight, KeyLimits, Limit, OrgId, Outcome, Retry, SignIn,
    SignInEnded, SignInWith, Step, TransportError,
};
use bytes::Bytes;
use http::Response;
use serde_json::json;
use support::{
    World, account_under, body, first_instant, json_answer, page, password, refusal, settings,
    silence, v3_account_under, v3_errors, v3_refusal, with_header, with_status,
};

const SECOND: Duration = Duration::from_secs(1);
const MILLISECOND: Duration = Duration::from_millis(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DEADLINE: Duration = Duration::from_secs(120);

/// What becomes of a sign-in.
enum Fate {
    /// It is answered so after this time.
    After(Duration, Result<Response<Bytes>, TransportError>),
    /// Nobody ever reports on it.
    Never,
    /// It brings a session.
    Welcome(Duration),
}

/// What a server does with a sign-in: told whether it is v3's, its number, and what its clock shows.
type Server = fn(bool, u64, SystemTime) -> Fate;

fn at_once(answer: Response<Bytes>) -> Fate {
    Fate::After(Duration::ZERO, Ok(answer))
}

fn no(is_v3: bool, code: &str) -> Response<Bytes> {
    if is_v3 { v3_refusal(422, code) } else { refusal(code) }
}

/// The header of HTTP's own form for this time; every test's hour begins at ten past eight.
fn date(time: SystemTime) -> String {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let (hours, minutes, seconds) = (since / 3600 % 24, since / 60 % 60, since % 60);
    // Only the time of day is looked at, and no test goes on past midnight.
    format!("Sun, 06 Nov 1994 {hours:02}:{minutes:02}:{seconds:02} GMT")
}

fn ten_past_eight() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(784_080_000 + 8 * 3600 + 600)
}

/// A caller that is still there.
struct Caller {
    token: usize,
    call: Option<Call>,
    begun: Instant,
    patience: Duration,
    /// When it looks again, unless it is woken before.
    until: Instant,
}

/// An hour, as it went.
#[derive(Default)]
struct Hour {
    sign_ins: usize,
    /// When each of them was.
    signed_in_at: Vec<Duration>,
    callers: usize,
    sent: usize,
    ends: BTreeMap<&'static str, usize>,
}

impl std::fmt::Debug for Hour {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { sign_ins, callers, sent, ends, .. } = self;
        write!(f, "{sign_ins} sign-ins, {callers} callers, {sent} sent, {ends:?}")
    }
}

impl Hour {
    fn ended(&mut self, end: &'static str) {
        *self.ends.entry(end).or_default() += 1;
    }

    /// The most sign-ins that any sixty minutes hold.
    fn most(&self) -> usize {
        let within = |begun: Duration| {
            self.signed_in_at.iter().filter(|at| **at >= begun && **at < begun + HOUR).count()
        };
        self.signed_in_at.iter().map(|begun| within(*begun)).max().unwrap_or_default()
    }

    fn ends(&self) -> Vec<&'static str> {
        self.ends.keys().copied().collect()
    }
}

fn kind(error: &Error) -> &'static str {
    match error {
        Error::Api(_) => "api",
        Error::NoSession { cause, .. } => match &**cause {
            Cause::Refused(_) => "refused",
            Cause::NoAnswer(_) => "no answer",
            Cause::Overdue => "overdue",
            Cause::NotBill(_) => "not BILL",
            Cause::SessionsRefused => "sessions refused",
            other => panic!("{other:?}"),
        },
        Error::Limited { limit: Limit::SignIns, .. } => "limited",
        Error::Deadline { cause: Some(_), .. } => "deadline, and why",
        Error::Deadline { cause: None, .. } => "deadline",
        other => panic!("{other:?}"),
    }
}

/// Steps a caller until it waits or is told its end; returns a sign-in that is to be run.
fn step(world: &mut World, caller: &mut Caller, hour: &mut Hour) -> Option<SignIn> {
    let waited = world.now - caller.begun;
    let mut call = caller.call.take()?;
    loop {
        match world.step(call, caller.token) {
            Step::Wait(call, until) => {
                assert!(until > world.now, "a wait that is over at once");
                assert!(waited < caller.patience, "it waits on after its deadline");
                caller.call = Some(call);
                caller.until = until;
                return None;
            }
            Step::SignIn(sign_in, call, until) => {
                caller.call = Some(call);
                caller.until = until;
                return Some(sign_in);
            }
            Step::Exchange(in_flight) => {
                hour.sent += 1;
                let is_v3 = support::is_v3(&in_flight.request());
                let answer = if is_v3 { v3_refusal(401, "BDC_1109") } else { refusal("BDC_1109") };
                match world.answer(in_flight, Ok(answer)) {
                    Outcome::Again(again) => call = again,
                    Outcome::Failed(error) => {
                        hour.ended(kind(&error));
                        return None;
                    }
                    other => panic!("{other:?}"),
                }
            }
            Step::Refuse(error) => {
                // A caller looks again on a quarter of a second, so that it may be that late.
                assert!(waited <= caller.patience + TICK, "{waited:?}: {error}");
                hour.ended(kind(&error));
                return None;
            }
            Step::Ready(_) => {
                hour.ended("ready");
                return None;
            }
            other => panic!("{other:?}"),
        }
    }
}

/// How often the world is looked at.
const TICK: Duration = Duration::from_millis(250);

/// An hour of callers that come all the time, in one organisation or several.
fn an_hour(
    api: SignInWith,
    organizations: usize,
    seed: u64,
    explicit: bool,
    server: Server,
) -> Hour {
    let now = first_instant();
    // No more than BILL's own limit, however many the organisations.
    let key = KeyLimits::with(200, 20_000, now);
    let account = match api {
        SignInWith::V3 => v3_account_under(password(), key),
        _ => account_under(password(), key),
    };
    let mut worlds: Vec<World> = (0..organizations)
        .map(|number| {
            let org = OrgId::new(format!("008{number:017}")).unwrap();
            let account = Arc::new(account.for_organization(org).unwrap());
            let settings = settings(|settings| settings.seed = seed + number as u64);
            World::of(account, settings, now)
        })
        .collect();
    let mut callers: Vec<Vec<Caller>> = (0..organizations).map(|_| Vec::new()).collect();
    let mut flying: Vec<(usize, Instant, SignIn, Option<Fate>)> = Vec::new();
    let mut hour = Hour::default();
    let (begun, tick) = (now, TICK);
    let mut elapsed = Duration::ZERO;
    while elapsed < HOUR + DEADLINE {
        for (number, world) in worlds.iter_mut().enumerate() {
            world.now = begun + elapsed;
            // A caller every three seconds, some of them in a hurry, some with an explicit sign-in.
            if elapsed < HOUR && elapsed.as_millis().is_multiple_of(3_000) {
                let arrived = hour.callers;
                hour.callers += 1;
                let patience = if arrived.is_multiple_of(5) { 10 * SECOND } else { DEADLINE };
                let call = match arrived % 7 {
                    3 if explicit => Call::sign_in(),
                    5 => Call::lease(MINUTE),
                    6 => world.vendors(),
                    _ => world.call(),
                };
                let call = Some(call.deadline(patience));
                let (token, begun, until) = (arrived, world.now, world.now);
                callers[number].push(Caller { token, call, begun, patience, until });
            }
        }
        // Whatever is due to be answered is answered.
        let mut still = Vec::new();
        for (number, due, sign_in, fate) in flying {
            let world = &mut worlds[number];
            if world.now < due {
                still.push((number, due, sign_in, fate));
                continue;
            }
            match fate.unwrap() {
                Fate::After(_, answer) => {
                    let _ended = world.answer_sign_in(sign_in, answer);
                }
                Fate::Welcome(_) => {
                    let _ended = world.welcome(sign_in);
                }
                Fate::Never => drop(sign_in),
            }
        }
        flying = still;
        for (number, world) in worlds.iter_mut().enumerate() {
            let mut rounds = 0;
            loop {
                // Whoever is woken looks again, and whoever has waited long enough: nobody else.
                let woken = BTreeSet::from_iter(world.take_woken());
                let mut stepped = false;
                for caller in &mut callers[number] {
                    let due = caller.until <= world.now || woken.contains(&caller.token);
                    if !due || caller.call.is_none() {
                        continue;
                    }
                    stepped = true;
                    if let Some(sign_in) = step(world, caller, &mut hour) {
                        let is_v3 = support::is_v3(&sign_in.request());
                        let time = ten_past_eight() + elapsed;
                        hour.sign_ins += 1;
                        hour.signed_in_at.push(elapsed);
                        let fate = server(is_v3, hour.sign_ins as u64 + seed, time);
                        let wait = match &fate {
                            Fate::After(wait, _) | Fate::Welcome(wait) => *wait,
                            Fate::Never => Duration::ZERO,
                        };
                        flying.push((number, world.now + wait, sign_in, Some(fate)));
                    }
                }
                callers[number].retain(|caller| caller.call.is_some());
                assert!(world.session.in_flight() <= 3);
                rounds += 1;
                assert!(rounds < 1_000, "a storm within one instant");
                if !stepped {
                    break;
                }
            }
        }
        elapsed += tick;
    }
    let left: usize = callers.iter().map(Vec::len).sum();
    assert_eq!(left, 0, "callers that were never told");
    assert_eq!(hour.ends.values().sum::<usize>(), hour.callers);
    for world in &worlds {
        assert_eq!(world.session.waiting(), 0);
    }
    hour
}

/// Of both APIs, in one organisation and in five; each organisation may try so often.
fn hours(seed: u64, each: usize, server: Server) -> Vec<Hour> {
    let mut hours = Vec::new();
    for api in [SignInWith::V2, SignInWith::V3] {
        for organizations in [1, 5] {
            let hour = an_hour(api, organizations, seed, true, server);
            assert!(
                hour.most() <= (each * organizations).min(200),
                "{} in {hour:?}, {organizations} organisations, seed {seed}",
                hour.most()
            );
            assert!(hour.sign_ins >= 1 && hour.callers >= 1200, "{hour:?}");
            hours.push(hour);
        }
    }
    hours
}

/// As often as a back-off of one second that doubles up to two minutes allows, with its jitter.
const BACKING_OFF: usize = 75;

#[test]
fn that_calls_every_new_session_invalid() {
    for hour in hours(1, BACKING_OFF, |_, _, _| Fate::Welcome(Duration::ZERO)) {
        assert!(hour.ends.contains_key("sessions refused"), "{hour:?}");
        assert!(hour.sent <= 2 * hour.sign_ins + hour.callers, "{hour:?}");
        assert!(!hour.ends.contains_key("deadline"), "{hour:?}");
    }
}

#[test]
fn that_calls_every_new_session_invalid_after_taking_its_time_to_make_it() {
    let _hours = hours(2, BACKING_OFF, |_, _, _| Fate::Welcome(4 * SECOND));
}

#[test]
fn that_says_at_every_sign_in_that_the_hour_is_spent() {
    let hours = hours(3, 3, |is_v3, _, time| {
        at_once(with_header(no(is_v3, "BDC_1144"), "date", &date(time)))
    });
    for hour in hours {
        // From ten past eight on: once then, and once after nine; the other organisations believe it.
        assert_eq!(hour.sign_ins, 2, "{hour:?}");
        assert!(hour.ends["limited"] * 10 >= hour.callers * 9, "{hour:?}");
    }
}

#[test]
fn that_says_so_without_a_date() {
    for hour in hours(4, 2, |is_v3, _, _| at_once(no(is_v3, "BDC_1144"))) {
        assert_eq!(hour.ends(), ["limited"], "{hour:?}");
    }
}

#[test]
fn that_finds_three_calls_running_at_every_sign_in() {
    let _hours = hours(5, BACKING_OFF, |is_v3, _, _| at_once(no(is_v3, "BDC_1322")));
}

#[test]
fn that_is_in_trouble() {
    for server in [
        (|_, _, _| at_once(page(503))) as Server,
        |_, _, _| at_once(with_header(page(503), "retry-after", "30")),
        |is_v3, _, _| at_once(with_status(no(is_v3, "BDC_9999"), 500)),
        |_, _, _| at_once(v3_errors(503, &json!([{"message": "unavailable"}]))),
    ] {
        let _hours = hours(6, BACKING_OFF, server);
    }
}

#[test]
fn that_asks_to_come_back_much_later() {
    let hours = hours(7, 4, |_, _, _| at_once(with_header(page(503), "retry-after", "1800")));
    for hour in hours {
        assert!(hour.ends.contains_key("not BILL"), "{hour:?}");
    }
}

#[test]
fn that_something_else_stands_before() {
    for server in [
        (|_, _, _| at_once(page(200))) as Server,
        |_, _, _| {
            at_once(with_header(with_status(body(""), 302), "location", "https://portal.example/"))
        },
        |_, _, _| at_once(with_status(json_answer(&json!({"message": "Unauthorized"})), 401)),
        |_, _, _| at_once(body("{\"response_st")),
        |is_v3, _, _| at_once(no(is_v3, "BDC_9999")),
        |is_v3, _, _| at_once(no(is_v3, "BDC_1361")),
        |is_v3, _, _| at_once(no(is_v3, "BDC_1109")),
        |_, _, _| Fate::After(Duration::ZERO, Err(TransportError::connect(io::Error::other("x")))),
    ] {
        for hour in hours(8, BACKING_OFF, server) {
            assert!(!hour.ends.contains_key("deadline"), "everybody is told why: {hour:?}");
        }
    }
}

#[test]
fn that_is_silent_until_the_transport_gives_up() {
    for hour in hours(9, BACKING_OFF, |_, _, _| Fate::After(30 * SECOND, silence())) {
        assert!(hour.ends.contains_key("no answer"), "{hour:?}");
    }
}

#[test]
fn that_is_silent_and_nobody_ever_reports_on_it() {
    for hour in hours(10, BACKING_OFF, |_, _, _| Fate::Never) {
        assert!(hour.ends.contains_key("overdue"), "{hour:?}");
    }
}

#[test]
fn that_refuses_the_password_is_asked_once() {
    for api in [SignInWith::V2, SignInWith::V3] {
        for organizations in [1, 5] {
            let hour = an_hour(api, organizations, 11, false, |is_v3, _, _| {
                Fate::After(20 * SECOND, Ok(no(is_v3, "BDC_1101")))
            });
            assert_eq!(hour.sign_ins, 1, "{hour:?}");
            let told: usize = ["refused", "deadline"].iter().map(|end| hour.ends[end]).sum();
            assert_eq!(told, hour.callers, "{hour:?}");
            // Those in a hurry gave up before the first answer came, and nobody else did.
            assert!(hour.ends["deadline"] <= 2 * organizations, "{hour:?}");
        }
    }
}

#[test]
fn that_does_something_else_each_time() {
    for seed in 0..6 {
        let _hours = hours(seed * 1_000, BACKING_OFF * 2, |is_v3, number, time| {
            // A generator of its own (an LCG), fed with the number of the sign-in and the seed.
            let drawn =
                number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695) >> 33;
            match drawn % 9 {
                0 => Fate::Welcome(SECOND),
                1 => at_once(no(is_v3, "BDC_1322")),
                2 => at_once(page(503)),
                3 => Fate::After(30 * SECOND, silence()),
                4 => Fate::Never,
                5 => at_once(page(200)),
                6 => at_once(with_header(page(502), "retry-after", "45")),
                7 if drawn.is_multiple_of(5) => {
                    at_once(with_header(no(is_v3, "BDC_1144"), "date", &date(time)))
                }
                _ => Fate::After(5 * SECOND, Err(TransportError::other(io::Error::other("cut")))),
            }
        });
    }
}

/// Callers by the thousand, through three slots.
struct Crowd {
    world: World,
    calls: Vec<Option<Call>>,
    flying: VecDeque<(usize, InFlight)>,
    sign_in: Option<SignIn>,
    /// Woken, and not stepped yet.
    woken: VecDeque<usize>,
    wakes: usize,
    sent: Vec<CallId>,
    served: usize,
    left: usize,
}

impl Crowd {
    fn of(callers: usize) -> Self {
        let mut world = World::with(settings(|settings| settings.deadline = HOUR));
        let call = world.call();
        let (sign_in, first) = world.begin(call, 0);
        let mut calls = vec![Some(first)];
        for token in 1..callers {
            let call = world.call();
            calls.push(Some(world.wait(call, token)));
        }
        Self {
            world,
            calls,
            flying: VecDeque::new(),
            sign_in: Some(sign_in),
            woken: VecDeque::new(),
            wakes: 0,
            sent: Vec::new(),
            served: 0,
            left: 0,
        }
    }

    fn take_woken(&mut self) {
        let woken = self.world.take_woken();
        self.wakes += woken.len();
        self.woken.extend(woken);
    }

    fn step(&mut self, token: usize) {
        // Whoever has gone away is not there to be woken.
        let Some(call) = self.calls[token].take() else { return };
        match self.world.step(call, token) {
            Step::Exchange(in_flight) => {
                self.sent.push(in_flight.id());
                self.flying.push_back((token, in_flight));
            }
            Step::Wait(call, _) => self.calls[token] = Some(call),
            Step::SignIn(begun, call, _) => {
                assert!(self.sign_in.replace(begun).is_none(), "a second sign-in");
                self.calls[token] = Some(call);
            }
            other => panic!("{other:?}"),
        }
        let in_flight = self.flying.len() + usize::from(self.sign_in.is_some());
        assert!(in_flight <= 3, "{in_flight} in flight");
        assert!(self.world.session.in_flight() <= 3);
        self.take_woken();
    }

    fn leave(&mut self, token: usize) {
        let call = self.calls[token].take().expect("it waits still");
        self.world.cancel(call.id().unwrap());
        self.left += 1;
        self.take_woken();
    }

    /// Everything that is in flight is answered, and everybody who is woken steps.
    fn turn(&mut self, answer: impl Fn(&InFlight) -> Option<Response<Bytes>>) {
        if let Some(sign_in) = self.sign_in.take() {
            assert!(matches!(self.world.welcome(sign_in), SignInEnded::Stored { .. }));
            self.take_woken();
        }
        self.world.pass(MILLISECOND);
        let mut again = Vec::new();
        if let Some((token, in_flight)) = self.flying.pop_front() {
            match answer(&in_flight) {
                Some(answer) => {
                    self.calls[token] = Some(self.world.again(in_flight, answer));
                    again.push(token);
                }
                None => {
                    self.world.finish(in_flight);
                    self.served += 1;
                }
            }
            self.take_woken();
        }
        for token in again {
            self.step(token);
        }
        while let Some(token) = self.woken.pop_front() {
            self.step(token);
        }
    }

    fn in_order(&self) -> usize {
        self.sent.windows(2).filter(|pair| pair[0] > pair[1]).count()
    }
}

#[test]
fn ten_thousand_callers_are_sent_in_the_order_of_their_numbers_never_more_than_three_at_once() {
    const CALLERS: usize = 10_000;
    let mut crowd = Crowd::of(CALLERS);
    while crowd.served < CALLERS {
        crowd.turn(|_| None);
    }
    assert_eq!(crowd.in_order(), 0, "first come, first served");
    assert_eq!(crowd.sent.len(), CALLERS);
    assert!(crowd.wakes <= CALLERS + 3, "each is woken once: {}", crowd.wakes);
    assert_eq!(crowd.world.sign_ins(), 1);
    assert_eq!((crowd.world.session.in_flight(), crowd.world.session.waiting()), (0, 0));
}

#[test]
fn ten_thousand_callers_one_of_whom_leaves_the_line_and_whose_session_goes_halfway() {
    const CALLERS: usize = 10_000;
    let mut crowd = Crowd::of(CALLERS);
    while crowd.served + crowd.left < CALLERS {
        if crowd.served == 2_000 && crowd.left == 0 {
            // One from the middle of those who wait.
            crowd.leave(6_000);
        }
        let old = |in_flight: &InFlight| {
            support::field(&in_flight.request(), "sessionId").unwrap() == "session-1"
        };
        let lost = crowd.served >= CALLERS / 2;
        crowd.turn(|in_flight| (lost && old(in_flight)).then(|| refusal("BDC_1109")));
    }
    assert_eq!(crowd.left, 1);
    // Three were in flight when the session went: at most they come back out of turn.
    assert!(crowd.in_order() <= 3, "{}", crowd.in_order());
    let mut sent = crowd.sent.clone();
    sent.sort_unstable();
    sent.dedup();
    assert_eq!(sent.len(), CALLERS - 1, "everybody but the one who left");
    assert!(crowd.sent.len() <= CALLERS - 1 + 3, "{}", crowd.sent.len());
    assert!(crowd.wakes <= 2 * CALLERS, "{} wakes", crowd.wakes);
    assert_eq!(crowd.world.sign_ins(), 2);
    assert_eq!((crowd.world.session.in_flight(), crowd.world.session.waiting()), (0, 0));
}

#[test]
fn ten_thousand_callers_one_of_whom_leaves_in_the_moment_it_is_woken() {
    const CALLERS: usize = 10_000;
    let mut crowd = Crowd::of(CALLERS);
    while crowd.served + crowd.left < CALLERS {
        if crowd.served.is_multiple_of(1_000) && crowd.served > 0 {
            // An answer frees a slot, and whoever is woken for it goes away instead.
            let (_token, in_flight) = crowd.flying.pop_front().unwrap();
            crowd.world.finish(in_flight);
            crowd.served += 1;
            crowd.take_woken();
            let woken = crowd.woken.pop_front();
            if let Some(token) = woken {
                crowd.leave(token);
            }
        }
        crowd.turn(|_| None);
    }
    assert!(crowd.left >= 8, "{} left", crowd.left);
    assert_eq!(crowd.in_order(), 0);
    assert_eq!(crowd.sent.len(), CALLERS - crowd.left);
    assert!(crowd.wakes <= 2 * CALLERS, "{} wakes", crowd.wakes);
}

#[test]
fn a_thousand_callers_that_only_read_lose_every_tenth_answer_and_are_all_served() {
    const CALLERS: usize = 1_000;
    let mut world = World::signed_in_with(settings(|settings| settings.retry = Retry::times(2)));
    let account = Arc::clone(world.session.account());
    let mut calls: VecDeque<(u32, Call)> = (0..CALLERS)
        .map(|_| (0, account.v2("List/Vendor", &json!({})).unwrap().deadline(HOUR)))
        .collect();
    let (mut served, mut number) = (0, 0_u32);
    while served < CALLERS {
        let mut flying = Vec::new();
        for _ in 0..calls.len().min(100) {
            let (lost, call) = calls.pop_front().unwrap();
            match world.step(call, 0) {
                Step::Exchange(in_flight) => flying.push((lost, in_flight)),
                Step::Wait(call, _) => calls.push_back((lost, call)),
                other => panic!("{other:?}"),
            }
        }
        assert!(flying.len() <= 3 && world.session.in_flight() <= 3);
        for (lost, in_flight) in flying {
            number += 1;
            if number.is_multiple_of(10) && lost < 2 {
                match world.answer(in_flight, Ok(page(503))) {
                    Outcome::Again(call) => calls.push_back((lost + 1, call)),
                    other => panic!("{other:?}"),
                }
            } else {
                world.finish(in_flight);
                served += 1;
            }
        }
        world.pass(10 * MILLISECOND);
        world.woken.clear();
    }
    assert_eq!((world.session.in_flight(), world.session.waiting()), (0, 0));
    assert_eq!(world.sign_ins(), 1);
}
