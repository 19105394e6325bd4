//! One request out, one answer in, over ureq; what is unsafe for credentials is switched off.

use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use bill_session_core::{Environment, TransportError};
use bytes::Bytes;
use http::{Method, Request, Response};
use ureq::config::{Config, ConfigBuilder};
use ureq::tls::{RootCerts, TlsConfig, TlsProvider};
use ureq::typestate::AgentScope;
use ureq::unversioned::transport::{ConnectionDetails, Connector, DefaultConnector};
use ureq::{Agent, AsSendBody, Error, SendBody};

use crate::content::Outgoing;
use crate::hidden::Hidden;
use crate::names::Names;
use crate::veil::{Veil, unveil};

/// The HTTP client.
#[derive(Debug)]
pub(crate) struct Http {
    agent: Agent,
    hidden: Hidden,
    /// The limit that the agent itself has; any other is set with the request.
    usual: Duration,
}

impl Http {
    pub(crate) fn new(
        environment: &Environment,
        connect_limit: Duration,
        sign_in_limit: Duration,
        customize: impl FnOnce(ConfigBuilder<AgentScope>) -> ConfigBuilder<AgentScope>,
    ) -> Self {
        // ureq would keep three connections for each host, while every organisation has three calls
        // in flight: each of the others would connect anew.
        let roomy = Config::builder()
            .max_idle_connections(usize::MAX)
            .max_idle_connections_per_host(usize::MAX);
        let config = safe(customize(roomy), environment)
            .timeout_connect(Some(connect_limit))
            // ureq keeps the TLS settings that it has built, certificates included, only if the
            // first exchange has no settings of its own. That one is always a sign-in.
            .timeout_global(Some(sign_in_limit))
            .build();
        let hidden = Hidden::default();
        let veil = Veil::new(hidden.clone(), config.proxy().is_some());
        let names = Names::default();
        let connecting =
            Connecting { connector: DefaultConnector::default(), names: names.clone() };
        let agent = Agent::with_parts(config, connecting.chain(veil), names);
        Self { agent, hidden, usual: sign_in_limit }
    }

    /// Sends `request`, and reads the answer up to `cap` bytes, within `limit`.
    pub(crate) fn send(
        &self,
        request: Request<Bytes>,
        limit: Duration,
        cap: usize,
    ) -> Result<Response<Bytes>, TransportError> {
        let (head, body) = request.into_parts();
        if [Method::GET, Method::DELETE].contains(&head.method) {
            return self.run(Request::from_parts(head, ()), limit, cap);
        }
        self.run(Request::from_parts(head, &body[..]), limit, cap)
    }

    /// Sends a request whose body is streamed.
    pub(crate) fn upload(
        &self,
        head: Request<()>,
        body: &mut Outgoing,
        limit: Duration,
        cap: usize,
    ) -> Result<Response<Bytes>, TransportError> {
        self.run(head.map(|()| SendBody::from_reader(body)), limit, cap)
    }

    fn run(
        &self,
        mut request: Request<impl AsSendBody>,
        limit: Duration,
        cap: usize,
    ) -> Result<Response<Bytes>, TransportError> {
        let _hidden_here = self.hidden.hide(request.headers_mut());
        let answer = if limit == self.usual {
            self.agent.run(request)
        } else {
            let limited = self.agent.configure_request(request).timeout_global(Some(limit));
            self.agent.run(limited.build())
        };
        let (head, mut body) = answer.map_err(told)?.into_parts();
        let cap = u64::try_from(cap).unwrap_or(u64::MAX);
        let told_length = body.content_length().unwrap_or_default().min(cap);
        let mut bytes = Vec::with_capacity(usize::try_from(told_length).unwrap_or_default());
        let mut reader = body.with_config().limit(cap).reader();
        reader.read_to_end(&mut bytes).map_err(|error| told(error.into()))?;
        unveil(&mut bytes);
        Ok(Response::from_parts(head, bytes.into()))
    }
}

/// Overrides whatever could carry a secret elsewhere, or hide BILL's own error.
fn safe(
    builder: ConfigBuilder<AgentScope>,
    environment: &Environment,
) -> ConfigBuilder<AgentScope> {
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .root_certs(RootCerts::PlatformVerifier)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build();
    let builder = builder
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .save_redirect_history(false)
        // A veiled body cannot be unpacked.
        .accept_encoding("identity")
        .https_only(environment.is_https())
        .tls_config(tls);
    if environment.is_loopback() { builder.proxy(None) } else { builder }
}

/// Connects as ureq does, and marks what fails before anything is sent: afterwards a broken TLS
/// handshake and a broken exchange look alike.
#[derive(Debug)]
struct Connecting {
    connector: DefaultConnector,
    names: Names,
}

impl Connector for Connecting {
    type Out = <DefaultConnector as Connector>::Out;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<()>,
    ) -> Result<Option<Self::Out>, Error> {
        self.connector.connect(details, chained).map_err(|error| match error {
            // The connection to a proxy is made here too, within the one that goes through it.
            Error::Other(other) if other.is::<NotConnected>() => Error::Other(other),
            error => {
                // The name may have another address by now.
                self.names.forget();
                Error::Other(Box::new(NotConnected(error)))
            }
        })
    }
}

/// No connection was made.
#[derive(Debug)]
struct NotConnected(Error);

impl fmt::Display for NotConnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for NotConnected {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

fn told(error: Error) -> TransportError {
    match error {
        Error::Other(other) => match other.downcast::<NotConnected>() {
            Ok(failed) => match failed.0 {
                Error::Timeout(_) => TransportError::connect_timeout(*failed),
                _ => TransportError::connect(*failed),
            },
            Err(other) => TransportError::other(Error::Other(other)),
        },
        Error::BodyExceedsLimit(_) => TransportError::too_large(),
        Error::Timeout(_) => TransportError::timeout(error),
        Error::HostNotFound => TransportError::lookup(error),
        Error::Io(ref io) if io.kind() == io::ErrorKind::TimedOut => TransportError::timeout(error),
        _ => TransportError::other(error),
    }
}
