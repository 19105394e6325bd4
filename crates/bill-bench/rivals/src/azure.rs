//! `azure_identity`: the token cache inside its credentials, here of `ClientSecretCredential`.
//!
//! Measured: `TokenCredential::get_token`, which the bearer-token policy of a client awaits before
//! every request. The credential's HTTP transport is replaced by the fake, in process.

use std::error::Error;
use std::sync::Arc;

use async_trait::async_trait;
use azure_core::credentials::{AccessToken, Secret, TokenCredential};
use azure_core::http::headers::Headers;
use azure_core::http::{
    AsyncRawResponse, ClientOptions, HttpClient, Request, StatusCode, Transport,
};
use azure_identity::{ClientSecretCredential, ClientSecretCredentialOptions};

use crate::provider::Provider;
use crate::rival::{Failure, Rival};

const SCOPES: &[&str] = &["https://management.azure.com/.default"];

#[derive(Debug)]
pub(crate) struct Azure(Arc<ClientSecretCredential>);

impl Rival for Azure {
    const NAME: &'static str = "azure_identity";

    type Credential = AccessToken;

    fn cold(provider: &Arc<Provider>) -> Result<Self, Box<dyn Error>> {
        let transport = Transport::new(Arc::new(Fake(Arc::clone(provider))));
        let client_options = ClientOptions { transport: Some(transport), ..Default::default() };
        let options = ClientSecretCredentialOptions { client_options };
        let secret = Secret::new("secret");
        let credential =
            ClientSecretCredential::new("tenant", "client".into(), secret, Some(options))?;
        Ok(Self(credential))
    }

    async fn credential(&self) -> Result<AccessToken, Failure> {
        Ok(self.0.get_token(SCOPES, None).await?)
    }
}

#[derive(Debug)]
struct Fake(Arc<Provider>);

#[async_trait]
impl HttpClient for Fake {
    async fn execute_request(&self, _: &Request) -> azure_core::Result<AsyncRawResponse> {
        let answer = self.0.sign_in().await;
        let status = StatusCode::from(answer.status());
        Ok(AsyncRawResponse::from_bytes(status, Headers::new(), answer.body()))
    }
}
