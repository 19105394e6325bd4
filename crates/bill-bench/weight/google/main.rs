//! Gets a token with google-cloud-auth, as its documentation does it.

use std::error::Error;

use google_cloud_auth::credentials::Builder as Credentials;
use tokio::runtime::Builder;

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let token = runtime.block_on(async {
        let credentials = Credentials::default().build_access_token_credentials()?;
        Ok::<_, Box<dyn Error>>(credentials.access_token().await?.token)
    })?;
    println!("a token of {} bytes", token.len());
    Ok(())
}
