//! Gets credentials with aws-config, as its documentation does it.

use std::error::Error;

use aws_config::BehaviorVersion;
use aws_credential_types::provider::ProvideCredentials;
use tokio::runtime::Builder;

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let config = runtime.block_on(aws_config::load_defaults(BehaviorVersion::latest()));
    let provider = config.credentials_provider().ok_or("there is no provider of credentials")?;
    let credentials = runtime.block_on(provider.provide_credentials())?;
    println!("it expires: {:?}", credentials.expiry());
    Ok(())
}
