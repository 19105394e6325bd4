//! `bill check`: one sign-in with the user's own credentials, and what BILL says to it.

mod advice;
mod settings;

use std::io::{self, Write};
use std::process::ExitCode;

use bill_blocking::{Client, Environment, InvalidEnvironment, Method, Phase, SignInWith};
use clap::Args;
use serde::Deserialize;

use self::settings::Settings;

pub(crate) const ABOUT: &str = "\
Sign in once with your credentials, tell what BILL says, and sign out.

It reads these environment variables and nothing else:

  BILL_USERNAME   the user name
  BILL_PASSWORD   the password
  BILL_ORG_ID     the organisation, which begins with 008
  BILL_DEV_KEY    the developer key
  BILL_ENVIRONMENT  which BILL, unless --environment says so

A user-generated token, if one is set, takes the place of the user:

  BILL_TOKEN_NAME   the token's name
  BILL_TOKEN_VALUE  the token's value

It makes one attempt, never a second, and prints none of the secrets.

Exit codes:
  0  signed in and out
  1  failed for another reason
  2  a setting is missing or invalid
  4  BILL refused the credentials
  5  a limit of BILL's is reached
  6  no answer came: network, look-up, time-out";

/// Which BILL to sign in to.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// sandbox, stage, production, or an origin such as http://127.0.0.1:8025;
    /// by default what BILL_ENVIRONMENT names
    #[arg(long, value_name = "NAME", value_parser = environment)]
    environment: Option<Environment>,
    /// Sign in with v3, BILL's newer API, which also says whether the session is trusted by MFA
    #[arg(long)]
    v3: bool,
}

fn environment(name: &str) -> Result<Environment, InvalidEnvironment> {
    name.parse()
}

/// The environment that the shell names, as `bill sandbox` suggests.
fn from_the_shell() -> Option<Environment> {
    std::env::var("BILL_ENVIRONMENT").ok()?.parse().ok()
}

/// Checks the credentials, and tells the outcome by its exit code.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let Some(environment) = arguments.environment.clone().or_else(from_the_shell) else {
        eprintln!("error: say which BILL: --environment sandbox, stage, production or an origin");
        return ExitCode::from(advice::USAGE);
    };
    let settings = match settings::read(|name| std::env::var_os(name)) {
        Ok(settings) => settings,
        Err(problems) => {
            for problem in problems {
                eprintln!("error: {problem}");
            }
            return ExitCode::from(advice::USAGE);
        }
    };
    let Settings { credentials, is_token } = settings;
    for warning in credentials.warnings() {
        eprintln!("warning: {warning}");
    }
    let (api, base) = match arguments.v3 {
        true => (SignInWith::V3, environment.v3_base()),
        false => (SignInWith::V2, environment.v2_base()),
    };
    let what = Tried { environment: &environment, base, api, is_token };
    let client = Client::builder(environment.clone(), credentials).sign_in_with(api).build();
    eprintln!(
        "signing in at {base}{}",
        if is_token { " with the token, not the user" } else { "" }
    );
    // It is told how its one attempt has ended, and makes no other.
    let told = client.sign_in().and_then(|()| {
        tell(&client, &what);
        client.sign_out()
    });
    match told {
        Ok(()) => {
            eprintln!("signed out again");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {}", advice::in_words(&error));
            for hint in advice::hints(&what, &error) {
                eprintln!("  {hint}");
            }
            ExitCode::from(advice::exit_code(&error))
        }
    }
}

/// What the sign-in was tried with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tried<'a> {
    environment: &'a Environment,
    /// The URL of the API.
    base: &'a str,
    api: SignInWith,
    is_token: bool,
}

/// What the sign-in has brought, without anything secret.
fn tell(client: &Client, what: &Tried<'_>) {
    let account = client.account();
    let session = client.session().phase;
    let mut lines = vec![
        ("organisation", account.org_id().map_or_else(|| "none".to_owned(), ToString::to_string)),
        ("environment", account.environment().to_string()),
    ];
    let api = match what.api {
        SignInWith::V3 => Some(what.base.to_owned()),
        _ => client.api(),
    };
    lines.extend(api.map(|api| ("API", api)));
    lines.extend(client.user_id().map(|user| ("user", user)));
    lines.push(("session", life(&session)));
    lines.push(("trusted", trust(client, what, &session).to_owned()));
    let mut stdout = io::stdout().lock();
    for (name, value) in lines {
        // A reader that has left has seen enough; the session is still to be signed out.
        let _ = writeln!(stdout, "{name:<14}{value}");
    }
    drop(stdout);
    if let Some(not_followed) = client.not_followed() {
        eprintln!("warning: {not_followed}");
    }
}

fn life(session: &Phase) -> String {
    match session {
        Phase::SignedIn { left: Some(left), .. } => format!(
            "ends after 35 minutes without a call; this client stops using it after {}",
            left.as_secs().div_ceil(60)
        ),
        Phase::SignedIn { .. } => "does not expire".to_owned(),
        other => format!("{other:?}"),
    }
}

/// Whether MFA has made the session trusted, as payments need it.
fn trust(client: &Client, what: &Tried<'_>, session: &Phase) -> &'static str {
    let said = match session {
        Phase::SignedIn { trusted: Some(trusted), .. } => Some(*trusted),
        _ if what.api == SignInWith::V3 => looked_up(client),
        _ => None,
    };
    match said {
        Some(true) => "yes",
        _ if what.is_token => "no: a token's session can neither pay nor answer an MFA challenge",
        Some(false) => "no: what needs MFA, such as a payment, needs a challenge first",
        None if what.api == SignInWith::V3 => "BILL does not say",
        None => "v2 does not say, and no remembered device was sent; try --v3",
    }
}

/// What BILL says of the session when its sign-in said nothing; a call, and no sign-in.
fn looked_up(client: &Client) -> Option<bool> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Session {
        mfa_status: String,
    }

    let look = client.v3(Method::GET, "/v3/login/session").send::<Session>();
    // It is not what was to be checked: without an answer, the rest is told all the same.
    match look.ok()?.mfa_status.as_str() {
        "COMPLETE" => Some(true),
        "DISABLED" | "SETUP" | "CHALLENGE" => Some(false),
        _ => None,
    }
}
