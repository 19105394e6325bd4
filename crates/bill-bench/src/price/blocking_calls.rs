//! The calls of threads: through bill-blocking, and through ureq alone.

use std::error::Error;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use bill_blocking::Client;
use http::Uri;
use http::header::{ACCEPT, CONTENT_TYPE};
use ureq::Agent;
use ureq::config::{Config, ConfigBuilder};
use ureq::typestate::AgentScope;

use super::bare::{self, FORM, JSON};
use super::server::ROWS;
use super::slices::{Calls, Slice};
use super::{CAP, CONNECT_LIMIT, LIMIT};
use crate::signed_in::credentials;
use crate::vendors::{Question, Vendor};

/// Calls through bill-blocking.
pub(super) fn ours(origin: &str, callers: usize) -> Result<impl Calls + use<>, Box<dyn Error>> {
    let client = Client::builder(origin.parse()?, credentials()?)
        .max_in_flight(callers)
        .calls_an_hour(u32::MAX)
        .ureq(move |config| kept_alive(config, callers))
        .build();
    Ok(move |calls| {
        slice(callers, calls, || {
            let call = client.v2("List/Vendor", &Question::first(ROWS));
            Ok(call.send::<Vec<Vendor>>()?.len())
        })
    })
}

/// Calls through ureq alone.
pub(super) fn bare(origin: &str, callers: usize) -> Result<impl Calls + use<>, Box<dyn Error>> {
    let config = kept_alive(Config::builder(), callers)
        .timeout_connect(Some(CONNECT_LIMIT))
        .timeout_global(Some(LIMIT))
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .save_redirect_history(false)
        .accept_encoding("identity")
        .proxy(None);
    let agent = Agent::new_with_config(config.build());
    let login = format!("{origin}{}", bare::LOGIN).parse()?;
    let list: Uri = format!("{origin}{}", bare::LIST).parse()?;
    let signed_in = bare::signed_in(&post(&agent, &login, &bare::login()).map_err(told)?);
    let session = signed_in.map_err(told)?;
    Ok(move |calls| {
        slice(callers, calls, || {
            let body = session.list(&Question::first(ROWS))?;
            bare::listed(&post(&agent, &list, &body)?)
        })
    })
}

/// As many connections are kept as there are callers.
fn kept_alive(config: ConfigBuilder<AgentScope>, callers: usize) -> ConfigBuilder<AgentScope> {
    config.max_idle_connections(callers).max_idle_connections_per_host(callers)
}

fn post(agent: &Agent, uri: &Uri, body: &str) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
    let request = agent.post(uri).header(CONTENT_TYPE, FORM).header(ACCEPT, JSON);
    let mut answer = request.send(body)?;
    Ok(answer.body_mut().with_config().limit(CAP as u64).read_to_vec()?)
}

/// Threads that make so many calls together.
fn slice(
    callers: usize,
    calls: usize,
    call: impl Fn() -> Result<usize, Box<dyn Error + Send + Sync>> + Sync,
) -> Result<Slice, Box<dyn Error>> {
    let begun = AtomicUsize::new(0);
    let caller = || {
        let mut took = Vec::with_capacity(calls);
        while begun.fetch_add(1, Ordering::Relaxed) < calls {
            let began = Instant::now();
            if call().map_err(|error| error.to_string())? != ROWS {
                return Err("a page without its rows".to_owned());
            }
            took.push(began.elapsed());
        }
        Ok(took)
    };
    Slice::of(calls, || {
        thread::scope(|scope| {
            let threads: Vec<_> = (0..callers).map(|_| scope.spawn(caller)).collect();
            let mut took = Vec::with_capacity(calls);
            for thread in threads {
                took.extend(thread.join().map_err(|_| "a caller panicked")??);
            }
            Ok(took)
        })
    })
}

fn told(error: Box<dyn Error + Send + Sync>) -> Box<dyn Error> {
    error
}
