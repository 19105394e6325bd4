//! One request out, one answer in, over reqwest; what is unsafe for credentials is switched off.

use std::error::Error as StdError;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bill_session_core::{Environment, TransportError};
use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use reqwest::{Client, ClientBuilder, redirect, retry};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::runtime::{Handle, Id};

/// How many runtimes keep their connections; the one that has not sent for longest gives way.
const RUNTIMES: usize = 32;

/// What is left of the builder's settings once they are checked.
pub(crate) struct Policy {
    pub(crate) environment: Environment,
    pub(crate) connect_limit: Duration,
    pub(crate) customize: Arc<dyn Fn(ClientBuilder) -> ClientBuilder + Send + Sync>,
}

/// The HTTP clients, one for each runtime: a connection is driven by the runtime that opened it,
/// and hangs when that one is left alone.
pub(crate) struct Http {
    policy: Policy,
    tls: Result<ClientConfig, TransportError>,
    clients: Mutex<Vec<(Id, Client)>>,
}

impl Http {
    pub(crate) fn new(policy: Policy) -> Self {
        let tls = tls(&policy.environment);
        Self { policy, tls, clients: Mutex::new(Vec::new()) }
    }

    /// Sends `request`, and reads the answer up to `cap` bytes, within `limit`.
    pub(crate) async fn send(
        &self,
        request: Request<reqwest::Body>,
        limit: Duration,
        cap: usize,
    ) -> Result<Response<Bytes>, TransportError> {
        let client = self.client()?;
        let mut request = reqwest::Request::try_from(request).map_err(told)?;
        *request.timeout_mut() = Some(limit);
        let mut answer = client.execute(request).await.map_err(told)?;
        let mut head = Response::new(());
        *head.status_mut() = answer.status();
        *head.headers_mut() = std::mem::take(answer.headers_mut());
        let Some(first) = answer.chunk().await.map_err(told)? else {
            return Ok(head.map(|()| Bytes::new()));
        };
        let mut body = BytesMut::from(first);
        while body.len() <= cap {
            match answer.chunk().await.map_err(told)? {
                Some(more) => body.extend_from_slice(&more),
                None => return Ok(head.map(|()| body.freeze())),
            }
        }
        Err(TransportError::too_large())
    }

    fn client(&self) -> Result<Client, TransportError> {
        let runtime = Handle::try_current().map_err(TransportError::other)?.id();
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = clients.iter().position(|(id, _)| *id == runtime) {
            // The one that was used last comes last.
            clients[at..].rotate_left(1);
            return Ok(clients[clients.len() - 1].1.clone());
        }
        let tls = self.tls.clone()?;
        let client = safe((self.policy.customize)(Client::builder()), &self.policy, tls)
            .build()
            .map_err(TransportError::other)?;
        if clients.len() >= RUNTIMES {
            clients.remove(0);
        }
        clients.push((runtime, client.clone()));
        Ok(client)
    }
}

/// Overrides whatever could carry a secret elsewhere, or a payment out twice.
fn safe(builder: ClientBuilder, policy: &Policy, tls: ClientConfig) -> ClientBuilder {
    let builder = builder
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
        .connection_verbose(false)
        .https_only(policy.environment.is_https())
        .connect_timeout(policy.connect_limit)
        .tls_backend_preconfigured(tls);
    if policy.environment.is_loopback() { builder.no_proxy() } else { builder }
}

/// TLS with ring and the system's certificates; plain HTTP to loopback needs none of them.
fn tls(environment: &Environment) -> Result<ClientConfig, TransportError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TransportError::connect)?;
    let builder = if environment.is_https() {
        builder.with_platform_verifier().map_err(TransportError::connect)?
    } else {
        builder.with_root_certificates(RootCertStore::empty())
    };
    Ok(builder.with_no_client_auth())
}

fn told(error: reqwest::Error) -> TransportError {
    if is_lookup(&error) {
        TransportError::lookup(error)
    } else if error.is_connect() && error.is_timeout() {
        TransportError::connect_timeout(error)
    } else if error.is_connect() {
        TransportError::connect(error)
    } else if error.is_timeout() {
        TransportError::timeout(error)
    } else {
        TransportError::other(error)
    }
}

/// Whether the host's name was not found; reqwest tells it in words only.
fn is_lookup(error: &reqwest::Error) -> bool {
    let mut source = error.source();
    while let Some(error) = source {
        if error.to_string().starts_with("dns error") {
            return true;
        }
        source = error.source();
    }
    false
}
