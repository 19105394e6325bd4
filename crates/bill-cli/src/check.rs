//! `bill check`: one sign-in with the user's own credentials, and what BILL says to it.

mod advice;
mod settings;

use std::io::{self, Write};
use std::process::ExitCode;

use bill_blocking::{Client, Environment, InvalidEnvironment, Phase};
use clap::Args;

pub(crate) const ABOUT: &str = "\
Sign in once with your credentials, tell what BILL says, and sign out.

It reads these environment variables and nothing else:

  BILL_USERNAME   the user name
  BILL_PASSWORD   the password
  BILL_ORG_ID     the organisation, which begins with 008
  BILL_DEV_KEY    the developer key
  BILL_ENVIRONMENT  which BILL, unless --environment says so

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
    let environment = &environment;
    let credentials = match settings::credentials(|name| std::env::var_os(name)) {
        Ok(credentials) => credentials,
        Err(problems) => {
            for problem in problems {
                eprintln!("error: {problem}");
            }
            return ExitCode::from(advice::USAGE);
        }
    };
    for warning in credentials.warnings() {
        eprintln!("warning: {warning}");
    }
    let client = Client::builder(environment.clone(), credentials).build();
    eprintln!("signing in at {}", environment.v2_base());
    // It is told how its one attempt has ended, and makes no other.
    let told = client.sign_in().and_then(|()| {
        tell(&client);
        client.sign_out()
    });
    match told {
        Ok(()) => {
            eprintln!("signed out again");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {}", advice::in_words(&error));
            for hint in advice::hints(environment, &error) {
                eprintln!("  {hint}");
            }
            ExitCode::from(advice::exit_code(&error))
        }
    }
}

/// What the sign-in has brought, without anything secret.
fn tell(client: &Client) {
    let account = client.account();
    let mut lines = vec![
        ("organisation", account.org_id().to_string()),
        ("environment", account.environment().to_string()),
    ];
    lines.extend(client.api().map(|api| ("API", api)));
    lines.extend(client.user_id().map(|user| ("user", user)));
    lines.push(("session", life(&client.session())));
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
