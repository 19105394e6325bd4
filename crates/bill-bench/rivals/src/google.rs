//! `google-cloud-auth`: the cache of Google's own client libraries, here of user credentials.
//!
//! Measured: `Credentials::headers`, which a client awaits before every request, without the tag of
//! headers that it had before: with one, the cache says "not modified", and the client keeps a
//! cache of its own. Its HTTP client cannot be replaced, so that it signs in at a loopback
//! endpoint. It signs in on a task of its own, from the moment at which the credentials are made.

use std::error::Error;
use std::sync::Arc;

use google_cloud_auth::credentials::{CacheableResource, Credentials, user_account};
use http::{Extensions, HeaderMap};
use serde_json::json;

use crate::endpoint::Endpoint;
use crate::provider::Provider;
use crate::rival::{Failure, Rival};

#[derive(Debug)]
pub(crate) struct Google {
    credentials: Credentials,
    _endpoint: Endpoint,
}

impl Rival for Google {
    const NAME: &'static str = "google-cloud-auth";

    const EAGER: bool = true;

    type Credential = CacheableResource<HeaderMap>;

    fn cold(provider: &Arc<Provider>) -> Result<Self, Box<dyn Error>> {
        let endpoint = Endpoint::serve(Arc::clone(provider))?;
        let user = json!({
            "type": "authorized_user",
            "client_id": "client",
            "client_secret": "secret",
            "refresh_token": "refresh",
        });
        let credentials =
            user_account::Builder::new(user).with_token_uri(endpoint.url()).build()?;
        Ok(Self { credentials, _endpoint: endpoint })
    }

    async fn credential(&self) -> Result<CacheableResource<HeaderMap>, Failure> {
        Ok(self.credentials.headers(Extensions::new()).await?)
    }
}
