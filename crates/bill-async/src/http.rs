//! One request out, one answer in, over reqwest; what is unsafe for credentials is switched off.

use std::error::Error as StdError;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bill_session_core::{Environment, TransportError};
use bytes::{Bytes, BytesMut};
use http::{Request, Response, Uri};
use reqwest::{Client, ClientBuilder, Url, redirect, retry};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::runtime::{Handle, Id};

/// How many runtimes keep their connections; the one that has not sent for longest gives way.
const RUNTIMES: usize = 32;

/// How many URLs are kept; the one that was not used for longest gives way.
const URLS: usize = 16;

/// What is left of the builder's settings once they are checked.
pub(crate) struct Policy {
    pub(crate) environment: Environment,
    pub(crate) connect_limit: Duration,
    /// The limit of most exchanges; any other is set with the request.
    pub(crate) call_limit: Duration,
    pub(crate) customize: Arc<dyn Fn(ClientBuilder) -> ClientBuilder + Send + Sync>,
}

/// The HTTP clients, one for each runtime: a connection is driven by the runtime that opened it,
/// and hangs when that one is left alone.
pub(crate) struct Http {
    policy: Policy,
    tls: Result<ClientConfig, TransportError>,
    kept: Mutex<Kept>,
}

/// What is made once and used again.
#[derive(Default)]
struct Kept {
    clients: Vec<(Id, Client)>,
    /// Without their queries: to parse a URL for each request takes longer than all else that is
    /// done with it.
    urls: Vec<(Uri, Url)>,
}

impl Http {
    pub(crate) fn new(policy: Policy) -> Self {
        let tls = tls(&policy.environment);
        Self { policy, tls, kept: Mutex::default() }
    }

    /// Sends `request`, and reads the answer up to `cap` bytes, within `limit`.
    pub(crate) async fn send(
        &self,
        request: Request<reqwest::Body>,
        limit: Duration,
        cap: usize,
    ) -> Result<Response<Bytes>, TransportError> {
        let (head, body) = request.into_parts();
        let (client, url) = self.prepared(&head.uri)?;
        let mut request = reqwest::Request::new(head.method, url);
        *request.headers_mut() = head.headers;
        *request.body_mut() = Some(body);
        // The client has the usual limit by itself, which saves the request a map for it.
        if limit != self.policy.call_limit {
            *request.timeout_mut() = Some(limit);
        }
        let mut answer = client.execute(request).await.map_err(told)?;
        let mut head = Response::new(());
        *head.status_mut() = answer.status();
        *head.headers_mut() = std::mem::take(answer.headers_mut());
        let body = body_of(answer, cap).await?;
        Ok(head.map(|()| body))
    }

    /// The client of this runtime, and the URL to send to.
    fn prepared(&self, uri: &Uri) -> Result<(Client, Url), TransportError> {
        let runtime = Handle::try_current().map_err(TransportError::other)?.id();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let client = self.client(&mut kept.clients, runtime)?;
        let url = kept.url(uri)?;
        Ok((client, url))
    }

    fn client(
        &self,
        clients: &mut Vec<(Id, Client)>,
        runtime: Id,
    ) -> Result<Client, TransportError> {
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

impl Kept {
    /// What `uri` is as a URL.
    fn url(&mut self, uri: &Uri) -> Result<Url, TransportError> {
        let mut url = self.url_without_query(uri)?;
        if uri.query().is_some() {
            url.set_query(uri.query());
        }
        Ok(url)
    }

    fn url_without_query(&mut self, uri: &Uri) -> Result<Url, TransportError> {
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
            return Err(TransportError::other(io::Error::other("the URL has no origin")));
        };
        let of_origin =
            |known: &Uri| known.scheme() == Some(scheme) && known.authority() == Some(authority);
        let same = |(known, _): &(Uri, Url)| known.path() == uri.path() && of_origin(known);
        if let Some(at) = self.urls.iter().rposition(same) {
            // The one that was used last comes last.
            self.urls[at..].rotate_left(1);
            return Ok(self.urls[self.urls.len() - 1].1.clone());
        }
        let url = match self.urls.iter().rfind(|(known, _)| of_origin(known)) {
            Some((_, url)) => {
                let mut url = url.clone();
                url.set_path(uri.path());
                url
            }
            None => Url::parse(&format!("{scheme}://{authority}{}", uri.path()))
                .map_err(TransportError::other)?,
        };
        if self.urls.len() >= URLS {
            self.urls.remove(0);
        }
        self.urls.push((uri.clone(), url.clone()));
        Ok(url)
    }
}

/// Reads an answer up to `cap` bytes.
async fn body_of(mut answer: reqwest::Response, cap: usize) -> Result<Bytes, TransportError> {
    let told_length = answer.content_length().and_then(|length| usize::try_from(length).ok());
    let Some(first) = answer.chunk().await.map_err(told)? else { return Ok(Bytes::new()) };
    if first.len() > cap {
        return Err(TransportError::too_large());
    }
    // Nearly every answer comes in one piece, which is taken as it is.
    let Some(second) = answer.chunk().await.map_err(told)? else { return Ok(first) };
    let known = first.len().saturating_add(second.len());
    let mut body = BytesMut::with_capacity(told_length.unwrap_or_default().min(cap).max(known));
    body.extend_from_slice(&first);
    let mut next = Some(second);
    while let Some(piece) = next {
        if piece.len() > cap - body.len() {
            return Err(TransportError::too_large());
        }
        body.extend_from_slice(&piece);
        next = answer.chunk().await.map_err(told)?;
    }
    Ok(body.freeze())
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
        .timeout(policy.call_limit)
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

#[cfg(test)]
mod tests {
    use super::{Kept, URLS};
    use http::Uri;
    use reqwest::Url;

    #[test]
    fn a_url_is_what_parsing_all_of_it_would_have_made_of_it() {
        let mut kept = Kept::default();
        let long = "x".repeat(500);
        for origin in [
            "http://127.0.0.1:8080",
            "https://api-stage.bill.com",
            "http://[::1]:81",
            "https://a.b:443",
        ] {
            for rest in ["/", "/api/v2/List/Vendor.json", "/v3/a%20b%2Fc", &format!("/{long}")] {
                for query in ["", "?max=100", "?filters=name:eq:%22a%22&page=a+b%26", "?"] {
                    let text = format!("{origin}{rest}{query}");
                    let uri: Uri = text.parse().unwrap();
                    // Once as it is made, and once as it is kept.
                    for _ in 0..2 {
                        assert_eq!(kept.url(&uri).unwrap(), Url::parse(&text).unwrap(), "{text}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_urls_that_were_used_last_are_kept_and_no_more() {
        let mut kept = Kept::default();
        let often: Uri = "https://api.example.com/often?max=100".parse().unwrap();
        for number in 0..3 * URLS {
            let text = format!("https://{number}.example.com/");
            assert_eq!(kept.url(&text.parse().unwrap()).unwrap().as_str(), text);
            assert_eq!(kept.url(&often).unwrap().as_str(), often.to_string());
            assert!(kept.urls.len() <= URLS);
            assert_eq!(kept.urls.iter().filter(|(uri, _)| *uri == often).count(), 1);
        }
    }

    #[test]
    fn what_has_no_origin_is_refused() {
        Kept::default().url(&Uri::from_static("/api/v2")).unwrap_err();
    }
}
