//! Gets a token with gcp_auth, as its documentation does it.

use std::error::Error;

use tokio::runtime::Builder;

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let token = runtime.block_on(async {
        let provider = gcp_auth::provider().await?;
        provider.token(&["https://www.googleapis.com/auth/cloud-platform"]).await
    })?;
    println!("it expires: {}", token.expires_at());
    Ok(())
}
