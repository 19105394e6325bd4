//! One request out, one answer in, over ureq; what is unsafe for credentials is switched off.

use std::fmt;
use std::io;
use std::net::ToSocketAddrs;
use std::sync::Arc;
use std::time::Duration;

use bill_session_core::{Environment, TransportError};
use bytes::Bytes;
use http::uri::Scheme;
use http::{Method, Request, Response, Uri};
use ureq::config::{Config, ConfigBuilder};
use ureq::tls::{RootCerts, TlsConfig, TlsProvider};
use ureq::typestate::AgentScope;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{ConnectionDetails, Connector, DefaultConnector, NextTimeout};
use ureq::{Agent, AsSendBody, Error, SendBody};

use crate::content::Outgoing;
use crate::hidden::Hidden;
use crate::veil::{Veil, unveil};

/// As many addresses of one name as ureq takes.
const ADDRESSES: usize = 16;

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
        let config = safe(customize(Config::builder()), environment)
            .timeout_connect(Some(connect_limit))
            // ureq keeps the TLS settings that it has built, certificates included, only if the
            // first exchange has no settings of its own. That one is always a sign-in.
            .timeout_global(Some(sign_in_limit))
            .build();
        let hidden = Hidden::default();
        let veil = Veil::new(hidden.clone());
        let connector = Connecting(DefaultConnector::default()).chain(veil);
        let agent = Agent::with_parts(config, connector, PlainResolver);
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
        let mut body = body.with_config().limit(cap).read_to_vec().map_err(told)?;
        unveil(&mut body);
        Ok(Response::from_parts(head, body.into()))
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

/// Looks names up on the calling thread.
///
/// ureq's own starts a thread for every request that has a time limit. The system's look-up has a
/// limit of its own, which is not this client's.
#[derive(Debug)]
struct PlainResolver;

impl Resolver for PlainResolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        _timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let scheme = uri.scheme().unwrap_or(&Scheme::HTTPS);
        let name = uri
            .authority()
            .and_then(|authority| DefaultResolver::host_and_port(scheme, authority))
            .ok_or_else(|| Error::BadUri("it has no host".to_owned()))?;
        let found = name.to_socket_addrs().map_err(|_| Error::HostNotFound)?;
        let mut addresses = self.empty();
        for address in config.ip_family().keep_wanted(found).take(ADDRESSES) {
            addresses.push(address);
        }
        if addresses.is_empty() { Err(Error::HostNotFound) } else { Ok(addresses) }
    }
}

/// Connects as ureq does, and marks what fails before anything is sent: afterwards a broken TLS
/// handshake and a broken exchange look alike.
#[derive(Debug)]
struct Connecting(DefaultConnector);

impl Connector for Connecting {
    type Out = <DefaultConnector as Connector>::Out;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<()>,
    ) -> Result<Option<Self::Out>, Error> {
        let connected = self.0.connect(details, chained);
        connected.map_err(|error| Error::Other(Box::new(NotConnected(error))))
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
