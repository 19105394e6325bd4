//! What is asked of each rival.

use std::error::Error;
use std::sync::Arc;

use crate::provider::Provider;

/// Why a caller got no credential.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// A credential cache with a fake provider behind it.
pub(crate) trait Rival: Sized + Send + Sync + 'static {
    /// The crate, as people know it.
    const NAME: &'static str;

    /// Whether it signs in as soon as it is made, before anybody asks.
    const EAGER: bool = false;

    /// What a request is signed with.
    type Credential: Send;

    /// The cache before its first sign-in; called within a runtime.
    fn cold(provider: &Arc<Provider>) -> Result<Self, Box<dyn Error>>;

    /// What a client does before every request, up to having the credential in its hands.
    fn credential(&self) -> impl Future<Output = Result<Self::Credential, Failure>> + Send;
}
