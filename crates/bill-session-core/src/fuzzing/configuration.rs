//! Whatever a person can type: credentials, an environment, settings.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Uri;
use serde_json::Value;

use super::flows::{self, welcome};
use super::input::Input;
use crate::account::Account;
use crate::call::{Call, Step};
use crate::credentials::{
    AppKey, Credentials, DevKey, InvalidField, InvalidReason, OrgId, Principal, RememberedDevice,
};
use crate::environment::Environment;
use crate::exchange::Outcome;
use crate::lifetime::Lifetime;
use crate::limits::KeyLimits;
use crate::mfa::MfaCode;
use crate::pump::Session;
use crate::replay::Retry;
use crate::settings::{Renewal, Settings, SignInWith};
use crate::sign_in::SignInEnded;
use crate::wire::Verdict;

/// What each secret begins with, so that it is no word of ours.
const MARK: &str = "canary-";

/// Any value in each place where a person types one.
pub fn configuration(data: &[u8], now: Instant) {
    let mut input = Input::new(data);
    let kind = input.pick(&['p', 't', 'c', 'a']);
    let api = input.pick(&[SignInWith::V2, SignInWith::V3]);
    let has_device = input.flag();
    let environment = environment(&input.text());
    let mut typed = || typed(&mut input);
    let [name, proof, in_org, key, device_id, on_device] =
        [typed(), typed(), typed(), typed(), typed(), typed()];
    if let Err(invalid) = MfaCode::new(&*key) {
        explains(&invalid, &key);
    }
    let principal = match kind {
        't' => Principal::token(&*name, &*proof),
        'c' => Principal::console(&*name, &*proof),
        _ => Principal::password(&*name, &*proof),
    };
    let principal = valid(principal, [&name, &proof]);
    let org_id = valid(OrgId::new(&*in_org), [&in_org]);
    let device = valid(RememberedDevice::new(&*device_id, &*on_device), [&device_id, &on_device]);
    let credentials = match kind {
        'a' => valid(AppKey::new(&*key), [&key])
            .zip(principal)
            .map(|(key, principal)| Credentials::partner(principal, key)),
        _ => valid(DevKey::new(&*key), [&key]).zip(principal).zip(org_id).map(
            |((key, principal), org_id)| {
                let principal = match device.clone().filter(|_| has_device) {
                    Some(device) => principal.remembered(device),
                    None => principal,
                };
                Credentials::new(principal, org_id, key)
            },
        ),
    };
    let Some(credentials) = credentials else { return };
    // What was typed in a public place as well is no secret any more.
    let public = format!("{environment} {in_org} {on_device}");
    let secrets = [&name, &proof, &key, &device_id].map(String::as_str);
    let secrets: Vec<&str> =
        secrets.into_iter().filter(|secret| !public.contains(secret)).collect();
    is_hidden(&format!("{credentials:?}"), &secrets);
    [&name, &key].into_iter().for_each(|value| is_of_one_line(value));
    if kind != 'a' {
        is_of_one_line(&in_org);
    }
    assert!(!proof.is_empty() && !proof.ends_with(['\n', '\r']), "the proof is accepted");
    let settings = settings(&mut input);
    let limits = KeyLimits::with(below_a_million(&mut input), below_a_million(&mut input), now);
    let account = Account::new(environment, credentials, Arc::new(limits)).sign_in_with(api);
    let typed = Typed { name: &name, proof: &proof, key: &key };
    use_it(Arc::new(account), settings, &typed, &secrets, now);
}

/// What the request has to bring to BILL, byte for byte.
struct Typed<'a> {
    name: &'a str,
    proof: &'a str,
    key: &'a str,
}

fn use_it(
    account: Arc<Account>,
    settings: Settings,
    typed: &Typed<'_>,
    secrets: &[&str],
    now: Instant,
) {
    let (one, most) = (settings.sign_in_limit, settings.max_in_flight.clamp(1, 100_000));
    let mut session = Session::new(Arc::clone(&account), settings, now);
    let (step, _) = Call::sign_in().step(&mut session, || (), now);
    let (sign_in, call) = match step {
        Step::SignIn(sign_in, call, until) => {
            assert!(until > now && until <= now + Duration::from_secs(1), "it looks again in time");
            (sign_in, call)
        }
        // An hour without sign-ins, or a deadline that is over.
        Step::Refuse(error) => return is_hidden(&format!("{error} {error:?}"), secrets),
        Step::Wait(call, until) => {
            assert!(until > now);
            return is_hidden(&format!("{call:?}"), secrets);
        }
        other => unreachable!("nobody is signed in: {other:?}"),
    };
    assert_eq!(sign_in.limit(), one);
    let request = sign_in.request();
    is_hidden(&format!("{} {:?}", request.uri(), request.headers()), secrets);
    let with = match request.uri().path() {
        "/api/v2/Login.json" => SignInWith::V2,
        _ => SignInWith::V3,
    };
    arrives(request.body(), with, typed);
    let (ended, _) = sign_in.read(Ok(welcome(with, "canary-session-id"))).settle(&mut session, now);
    is_hidden(&format!("{ended:?} {session:?} {:?}", session.status(now)), secrets);
    if !matches!(ended, SignInEnded::Stored { .. }) {
        // A key that no header can hold is told as what it is.
        assert!(!typed.key.bytes().all(|byte| (32..127).contains(&byte)), "{ended:?}");
        return;
    }
    let (step, _) = call.step(&mut session, || (), now);
    is_hidden(&format!("{step:?}"), secrets);
    if let Ok(call) = account.v2("List/Vendor", &()) {
        let (step, _) = call.step(&mut session, || (), now);
        is_hidden(&format!("{step:?}"), secrets);
        if let Step::Exchange(in_flight) = step {
            let request = in_flight.request();
            is_hidden(&format!("{} {:?}", request.uri(), request.headers()), secrets);
            flows::goes_to_bill(&request);
            let (outcome, _) = in_flight.observed(Verdict::Alive).settle(&mut session, now);
            assert!(matches!(outcome, Outcome::Done(())), "{outcome:?}");
        }
    }
    let status = session.status(now);
    assert!(status.in_flight <= most && status.max_in_flight == most, "{status:?}");
    let _renewed = (session.renew_at(), session.renew_in(now));
}

/// What was typed, marked when it is long enough to be looked for.
fn typed(input: &mut Input<'_>) -> String {
    let text = input.text();
    // An escape for what ends a line here, and one for values that are as they are.
    let text = text.replace("\\n", "\n").replace("\\r", "\r").replace("\\0", "\0");
    match text.strip_prefix('=') {
        Some(text) => text.to_owned(),
        None => format!("{MARK}{text}"),
    }
}

/// The value, if it is one; a refusal says which field and why, and repeats nothing.
fn valid<T, const N: usize>(value: Result<T, InvalidField>, typed: [&str; N]) -> Option<T> {
    if let Err(invalid) = &value {
        for text in typed {
            is_hidden(&format!("{invalid} {invalid:?}"), &[text]);
        }
        if let [only] = typed.as_slice() {
            explains(invalid, only);
        }
    }
    value.ok()
}

/// What may stand in a header, a path or a line of a log: no value of several lines, or of none.
fn is_of_one_line(value: &str) {
    assert!(!value.is_empty() && value.trim() == value, "{value:?} is accepted");
    assert!(!value.chars().any(char::is_control), "{value:?} is accepted");
}

/// The reason is one that can be seen in the value.
fn explains(invalid: &InvalidField, value: &str) {
    let is_so = match invalid.reason {
        InvalidReason::Empty => value.is_empty(),
        InvalidReason::ControlCharacter => value.chars().any(char::is_control),
        InvalidReason::SurroundingWhiteSpace => value.trim() != value,
        InvalidReason::TrailingLineBreak => value.ends_with(['\n', '\r']),
    };
    assert!(is_so, "{invalid}");
}

/// None of what is marked can be read anywhere.
fn is_hidden(shown: &str, secrets: &[&str]) {
    for secret in secrets {
        let looked_for = secret.starts_with(MARK) && secret.len() >= MARK.len() + 4;
        assert!(!looked_for || !shown.contains(secret), "{secret:?} is shown in: {shown}");
    }
}

/// BILL reads from the body what was typed, whatever the characters.
fn arrives(body: &[u8], with: SignInWith, Typed { name, proof, key }: &Typed<'_>) {
    match with {
        SignInWith::V2 => {
            let field = |wanted: &str| {
                let mut values = form_urlencoded::parse(body).filter(|(name, _)| name == wanted);
                let first = values.next().map(|(_, value)| value.into_owned());
                first.filter(|_| values.next().is_none())
            };
            for (wanted, value) in [("userName", name), ("password", proof), ("devKey", key)] {
                assert_eq!(field(wanted).as_deref(), Some(*value), "{wanted} arrives changed");
            }
        }
        SignInWith::V3 => {
            let Ok(body) = serde_json::from_slice::<Value>(body) else {
                unreachable!("the body of a sign-in is JSON")
            };
            let either = |one: &str, other: &str| {
                body[one].as_str().or(body[other].as_str()).map(str::to_owned)
            };
            assert_eq!(either("username", "").as_deref(), Some(*name));
            assert_eq!(either("password", "consoleApiToken").as_deref(), Some(*proof));
            assert_eq!(either("devKey", "appKey").as_deref(), Some(*key));
        }
    }
}

/// The environment that a text names, or `stage`; plain HTTP is for this machine alone.
fn environment(text: &str) -> Environment {
    let environment = match text.parse::<Environment>() {
        Ok(environment) => environment,
        Err(invalid) => {
            assert!(!invalid.to_string().is_empty());
            return Environment::Stage;
        }
    };
    for base in [environment.v2_base(), environment.v3_base()] {
        let Ok(uri) = base.parse::<Uri>() else { unreachable!("{base} is no URL") };
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        assert!(!authority.is_empty() && !authority.contains('@'), "{base}");
        assert_eq!(uri.query(), None, "{base}");
        match uri.scheme_str() {
            Some("https") => assert!(environment.is_https()),
            Some("http") => assert!(environment.is_loopback() && is_this_machine(uri.host())),
            other => unreachable!("{base} begins with {other:?}"),
        }
    }
    assert_eq!(environment.to_string().parse::<Environment>().as_ref(), Ok(&environment));
    environment
}

fn is_this_machine(host: Option<&str>) -> bool {
    let host = host.unwrap_or_default().to_ascii_lowercase();
    host == "localhost" || host.starts_with("127.") || host.starts_with('[')
}

fn settings(input: &mut Input<'_>) -> Settings {
    let mut settings = Settings {
        max_in_flight: [3, 0, 1, 2, usize::MAX][usize::from(input.byte()) % 5],
        idle_margin: length(input),
        call_limit: length(input),
        upload_limit: length(input),
        sign_in_limit: length(input),
        deadline: length(input),
        retry: Retry::times(input.byte()).steps(length(input), length(input)),
        renewal: input.pick(&[Renewal::OnDemand, Renewal::Ahead, Renewal::KeepAlive]),
        renewals: input.byte().into(),
        seed: input.number(8),
        ..Settings::default()
    };
    settings.heartbeat = Some(length(input)).filter(|limit| !limit.is_zero());
    settings.token_lifetime = match input.pick(&['e', 'i', 'a']) {
        'i' => Lifetime::idle(length(input), length(input)),
        'a' => Lifetime::ENDLESS.absolute(length(input)),
        _ => Lifetime::ENDLESS,
    };
    settings
}

/// Nothing, the usual, and more than there is.
fn length(input: &mut Input<'_>) -> Duration {
    match input.byte() {
        b'0' => Duration::from_secs(60),
        b'1' => Duration::ZERO,
        b'2' => Duration::MAX,
        b'3' => Duration::from_nanos(1),
        b'4' => Settings::LONGEST_LIMIT,
        b'5' => Duration::from_millis(input.number(4)),
        byte => Duration::from_secs(u64::from(byte)),
    }
}

fn below_a_million(input: &mut Input<'_>) -> u32 {
    match input.byte() {
        b'0' => 200,
        b'1' => 0,
        b'2' => u32::MAX,
        byte => u32::from(byte),
    }
}
