//! Gets a token with azure_identity, as its documentation does it for a program of its own.

use std::env::var;
use std::error::Error;

use azure_core::credentials::{Secret, TokenCredential};
use azure_identity::ClientSecretCredential;
use tokio::runtime::Builder;

fn main() -> Result<(), Box<dyn Error>> {
    let secret = Secret::new(var("AZURE_CLIENT_SECRET")?);
    let credential = ClientSecretCredential::new(
        &var("AZURE_TENANT_ID")?,
        var("AZURE_CLIENT_ID")?,
        secret,
        None,
    )?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let scopes = ["https://management.azure.com/.default"];
    let token = runtime.block_on(credential.get_token(&scopes, None))?;
    println!("it expires: {}", token.expires_on);
    Ok(())
}
