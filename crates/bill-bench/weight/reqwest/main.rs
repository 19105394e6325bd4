//! Signs in and lists vendors with reqwest alone: the floor of bill-async's weight.
//!
//! With the same TLS, and no more of anything else than it takes: one page, and every error is the
//! end.

use std::env::var;
use std::error::Error;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Url};
use rustls::crypto::ring::default_provider;
use serde_json::Value;
use tokio::runtime::Builder;

fn main() -> Result<(), Box<dyn Error>> {
    let installed = default_provider().install_default();
    installed.map_err(|_| "there is another provider of cryptography")?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let vendors = runtime.block_on(list_vendors())?;
    println!("{} vendors", vendors.as_array().map_or(0, Vec::len));
    Ok(())
}

async fn list_vendors() -> Result<Value, Box<dyn Error>> {
    let client = Client::new();
    let key = ("devKey", var("BILL_DEV_KEY")?);
    let login = [
        ("userName", var("BILL_USERNAME")?),
        ("password", var("BILL_PASSWORD")?),
        ("orgId", var("BILL_ORG_ID")?),
        key.clone(),
    ];
    let answer = post(&client, "Login", &login).await?;
    let session = answer["sessionId"].as_str().unwrap_or("").to_owned();
    let page = r#"{"start":0,"max":999,"sort":[{"field":"createdTime","asc":"true"}]}"#;
    post(&client, "List/Vendor", &[key, ("sessionId", session), ("data", page.to_owned())]).await
}

async fn post(
    client: &Client,
    operation: &str,
    form: &[(&str, String)],
) -> Result<Value, Box<dyn Error>> {
    let url = format!("{}/api/v2/{operation}.json", var("BILL_ENVIRONMENT")?);
    // A query is encoded as a form is, so that reqwest's feature for forms is not needed.
    let body = Url::parse_with_params(&url, form)?.query().unwrap_or_default().to_owned();
    let request = client.post(url).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    let body = request.body(body).send().await?.bytes().await?;
    let mut answer: Value = serde_json::from_slice(&body)?;
    if answer["response_status"] != 0 {
        return Err(answer.to_string().into());
    }
    Ok(answer["response_data"].take())
}
