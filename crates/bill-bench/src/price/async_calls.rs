//! The calls of tasks: through bill-async, and through reqwest alone.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use bill_async::Client;
use bytes::Bytes;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Url, redirect, retry};
use rustls::{ClientConfig, RootCertStore};
use tokio::runtime::{Builder, Runtime};

use super::bare::{self, FORM, JSON};
use super::server::ROWS;
use super::slices::{Calls, Slice};
use super::{CAP, CONNECT_LIMIT, LIMIT};
use crate::signed_in::credentials;
use crate::vendors::{Question, Vendor};

/// A runtime as a program gets it by default, on two processors.
pub(super) fn runtime() -> Result<Arc<Runtime>, Box<dyn Error>> {
    Ok(Arc::new(Builder::new_multi_thread().worker_threads(2).enable_all().build()?))
}

/// Calls through bill-async.
pub(super) fn ours(
    runtime: Arc<Runtime>,
    origin: &str,
    callers: usize,
) -> Result<impl Calls + use<>, Box<dyn Error>> {
    let client = Client::builder(origin.parse()?, credentials()?)
        .max_in_flight(callers)
        .calls_an_hour(u32::MAX)
        .build();
    let call = move || {
        let call = client.v2("List/Vendor", &Question::first(ROWS));
        async move { Ok(call.send::<Vec<Vendor>>().await?.len()) }
    };
    Ok(move |calls| slice(&runtime, callers, calls, &call))
}

/// Calls through reqwest alone.
pub(super) fn bare(
    runtime: Arc<Runtime>,
    origin: &str,
    callers: usize,
) -> Result<impl Calls + use<>, Box<dyn Error>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    // Loopback has no TLS, but reqwest wants to know how it would be done.
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let client = reqwest::Client::builder()
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
        .connect_timeout(CONNECT_LIMIT)
        .timeout(LIMIT)
        .no_proxy()
        .tls_backend_preconfigured(tls)
        .build()?;
    let login = Url::parse(&format!("{origin}{}", bare::LOGIN))?;
    let list = Url::parse(&format!("{origin}{}", bare::LIST))?;
    let answer = runtime.block_on(post(&client, &login, bare::login())).map_err(told)?;
    let session = bare::signed_in(&answer).map_err(told)?;
    let call = move || {
        let body = session.list(&Question::first(ROWS));
        let (client, list) = (client.clone(), list.clone());
        async move { bare::listed(&post(&client, &list, body?).await?) }
    };
    Ok(move |calls| slice(&runtime, callers, calls, &call))
}

async fn post(
    client: &reqwest::Client,
    url: &Url,
    body: String,
) -> Result<Bytes, Box<dyn Error + Send + Sync>> {
    let request = client.post(url.clone()).header(CONTENT_TYPE, FORM);
    let answer = request.header(ACCEPT, JSON).body(body).send().await?;
    // The cheapest cap there is: the server says how long its answer is.
    if answer.content_length().is_none_or(|length| length > CAP as u64) {
        return Err("an answer that is too long".into());
    }
    Ok(answer.bytes().await?)
}

/// Tasks that make so many calls together.
fn slice<C, F>(
    runtime: &Runtime,
    callers: usize,
    calls: usize,
    call: &C,
) -> Result<Slice, Box<dyn Error>>
where
    C: Fn() -> F + Clone + Send + 'static,
    F: Future<Output = Result<usize, Box<dyn Error + Send + Sync>>> + Send,
{
    let begun = Arc::new(AtomicUsize::new(0));
    let caller = || {
        let (begun, call) = (Arc::clone(&begun), call.clone());
        async move {
            let mut took = Vec::with_capacity(calls);
            while begun.fetch_add(1, Ordering::Relaxed) < calls {
                let began = Instant::now();
                if call().await.map_err(|error| error.to_string())? != ROWS {
                    return Err("a page without its rows".to_owned());
                }
                took.push(began.elapsed());
            }
            Ok(took)
        }
    };
    Slice::of(calls, || {
        runtime.block_on(async {
            let tasks: Vec<_> = (0..callers).map(|_| runtime.spawn(caller())).collect();
            let mut took = Vec::with_capacity(calls);
            for task in tasks {
                took.extend(task.await.map_err(|_| "a caller panicked")??);
            }
            Ok(took)
        })
    })
}

fn told(error: Box<dyn Error + Send + Sync>) -> Box<dyn Error> {
    error
}
