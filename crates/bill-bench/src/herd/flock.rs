//! What callers do who come at once, and how they are watched.

use std::error::Error;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::{redirect, retry};
use rustls::{ClientConfig, RootCertStore};
use serde::de::IgnoredAny;
use tokio::runtime::Builder;
use tokio::sync::Semaphore;

use super::stand_in::LOGIN;
use crate::measure::Usage;
use crate::signed_in::credentials;

/// A caller does little; ten thousand of them are to fit into a small machine.
const STACK: usize = 128 * 1024;

/// What a caller wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Want {
    /// To have the session in its hands.
    Session,
    /// To have a call answered.
    Call,
}

/// What one herd came to.
#[derive(Debug)]
pub(super) struct Watched {
    /// Until the last caller was served, or told that it will not be.
    pub(super) time: Duration,
    pub(super) used: Usage,
    pub(super) served: usize,
    /// How often tasks were polled, all together; threads are not watched.
    pub(super) polls: Option<usize>,
}

/// Tasks that use one client of bill-async.
pub(super) fn tasks(
    origin: &str,
    callers: usize,
    want: Want,
    deadline: Duration,
) -> Result<Watched, Box<dyn Error>> {
    let client = bill_async::Client::builder(origin.parse()?, credentials()?)
        .calls_an_hour(u32::MAX)
        .deadline(deadline)
        .build();
    watched_tasks(callers, move || {
        let client = client.clone();
        async move {
            match want {
                Want::Session => client.lease().await.is_ok(),
                Want::Call => client.v2("List/Vendor", &()).send::<IgnoredAny>().await.is_ok(),
            }
        }
    })
}

/// Tasks that use reqwest alone, three at a time, after one of them has signed in: what loopback
/// and HTTP cost when nobody decides anything.
pub(super) fn bare_tasks(origin: &str, callers: usize) -> Result<Watched, Box<dyn Error>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let client = reqwest::Client::builder()
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .no_proxy()
        .tls_backend_preconfigured(tls)
        .build()?;
    let (login, list) = (format!("{origin}{LOGIN}"), format!("{origin}/api/v2/List/Vendor.json"));
    let slots = Arc::new(Semaphore::new(3));
    let signed_in = Arc::new(tokio::sync::OnceCell::new());
    watched_tasks(callers, move || {
        let (client, login, list) = (client.clone(), login.clone(), list.clone());
        let (slots, signed_in) = (Arc::clone(&slots), Arc::clone(&signed_in));
        async move {
            signed_in.get_or_init(|| post(&client, &login)).await;
            let _slot = slots.acquire().await;
            post(&client, &list).await.is_ok()
        }
    })
}

async fn post(client: &reqwest::Client, url: &str) -> reqwest::Result<Bytes> {
    client.post(url).body("a=b").send().await?.bytes().await
}

/// Runs callers on two workers, each on a task of its own, and counts how often each is polled.
fn watched_tasks<C, F>(callers: usize, caller: C) -> Result<Watched, Box<dyn Error>>
where
    C: Fn() -> F + Send + 'static,
    F: Future<Output = bool> + Send + 'static,
{
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let polls = Arc::<AtomicUsize>::default();
    let (usage, began) = (Usage::now()?, Instant::now());
    let counted = Arc::clone(&polls);
    let served = runtime.block_on(async move {
        let all = tokio::spawn(async move {
            let callers: Vec<_> = (0..callers)
                .map(|_| tokio::spawn(polled(caller(), Arc::clone(&counted))))
                .collect();
            let mut served = 0;
            for caller in callers {
                served += usize::from(caller.await.unwrap_or(false));
            }
            served
        });
        all.await
    })?;
    let (time, used) = (began.elapsed(), Usage::now()?.since(usage));
    Ok(Watched { time, used, served, polls: Some(polls.load(Ordering::Relaxed)) })
}

async fn polled<F: Future>(future: F, polls: Arc<AtomicUsize>) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|context| {
        polls.fetch_add(1, Ordering::Relaxed);
        future.as_mut().poll(context)
    })
    .await
}

/// Threads that use one client of bill-blocking.
pub(super) fn threads(
    origin: &str,
    callers: usize,
    want: Want,
    deadline: Duration,
) -> Result<Watched, Box<dyn Error>> {
    let client = bill_blocking::Client::builder(origin.parse()?, credentials()?)
        .calls_an_hour(u32::MAX)
        .deadline(deadline)
        .build();
    let served = AtomicUsize::new(0);
    let caller = || {
        let answered = match want {
            Want::Session => client.lease().is_ok(),
            Want::Call => client.v2("List/Vendor", &()).send::<IgnoredAny>().is_ok(),
        };
        served.fetch_add(usize::from(answered), Ordering::Relaxed);
    };
    let (usage, began) = (Usage::now()?, Instant::now());
    thread::scope(|scope| -> Result<(), Box<dyn Error>> {
        for _ in 0..callers {
            thread::Builder::new().stack_size(STACK).spawn_scoped(scope, caller)?;
        }
        Ok(())
    })?;
    let (time, used) = (began.elapsed(), Usage::now()?.since(usage));
    Ok(Watched { time, used, served: served.into_inner(), polls: None })
}
