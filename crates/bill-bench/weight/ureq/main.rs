//! Signs in and lists vendors with ureq alone: the floor of bill-blocking's weight.
//!
//! With the same TLS, and no more of anything else than it takes: one page, and every error is the
//! end.

use std::env::var;
use std::error::Error;
use std::sync::Arc;

use rustls::crypto::ring::default_provider;
use serde_json::Value;
use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};

fn main() -> Result<(), Box<dyn Error>> {
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::PlatformVerifier)
        .unversioned_rustls_crypto_provider(Arc::new(default_provider()))
        .build();
    let agent = Agent::new_with_config(Agent::config_builder().tls_config(tls).build());
    let key = ("devKey", var("BILL_DEV_KEY")?);
    let login = [
        ("userName", var("BILL_USERNAME")?),
        ("password", var("BILL_PASSWORD")?),
        ("orgId", var("BILL_ORG_ID")?),
        key.clone(),
    ];
    let session = post(&agent, "Login", &login)?["sessionId"].as_str().unwrap_or("").to_owned();
    let page = r#"{"start":0,"max":999,"sort":[{"field":"createdTime","asc":"true"}]}"#;
    let list = [key, ("sessionId", session), ("data", page.to_owned())];
    let vendors = post(&agent, "List/Vendor", &list)?;
    println!("{} vendors", vendors.as_array().map_or(0, Vec::len));
    Ok(())
}

fn post(agent: &Agent, operation: &str, form: &[(&str, String)]) -> Result<Value, Box<dyn Error>> {
    let url = format!("{}/api/v2/{operation}.json", var("BILL_ENVIRONMENT")?);
    let fields = form.iter().map(|(name, value)| (*name, value.as_str()));
    let body = agent.post(url).send_form(fields)?.body_mut().read_to_vec()?;
    let mut answer: Value = serde_json::from_slice(&body)?;
    if answer["response_status"] != 0 {
        return Err(answer.to_string().into());
    }
    Ok(answer["response_data"].take())
}
