//! `gcp_auth`: the tokens of a `CustomServiceAccount`.
//!
//! Measured: `TokenProvider::token`, which its users await before every request; what they make of
//! the token, such as a header, is left out. Its HTTP client cannot be replaced, so that it signs
//! in at a loopback endpoint. The key is made anew for each process.

use std::error::Error;
use std::sync::{Arc, OnceLock};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use gcp_auth::{CustomServiceAccount, Token, TokenProvider};
use serde_json::json;

use crate::endpoint::Endpoint;
use crate::provider::Provider;
use crate::rival::{Failure, Rival};

const SCOPES: &[&str] = &["https://www.googleapis.com/auth/cloud-platform"];

pub(crate) struct Gcp {
    account: CustomServiceAccount,
    _endpoint: Endpoint,
}

impl Rival for Gcp {
    const NAME: &'static str = "gcp_auth";

    type Credential = Arc<Token>;

    fn cold(provider: &Arc<Provider>) -> Result<Self, Box<dyn Error>> {
        let endpoint = Endpoint::serve(Arc::clone(provider))?;
        let key = json!({
            "type": "service_account",
            "client_email": "bench@example.com",
            "private_key": private_key()?,
            "token_uri": endpoint.url(),
        });
        let account = CustomServiceAccount::from_json(&key.to_string())?;
        Ok(Self { account, _endpoint: endpoint })
    }

    async fn credential(&self) -> Result<Arc<Token>, Failure> {
        Ok(self.account.token(SCOPES).await?)
    }
}

fn private_key() -> Result<&'static str, Box<dyn Error>> {
    static KEY: OnceLock<String> = OnceLock::new();
    if let Some(key) = KEY.get() {
        return Ok(key);
    }
    let pair = KeyPair::generate(KeySize::Rsa2048)?;
    let der: Pkcs8V1Der<'_> = pair.as_der()?;
    let base64 = BASE64_STANDARD.encode(der.as_ref());
    let label = "PRIVATE KEY";
    Ok(KEY.get_or_init(|| format!("-----BEGIN {label}-----\n{base64}\n-----END {label}-----\n")))
}
