//! `aws-smithy-runtime`: `IdentityCache::lazy`, the cache in every client of the AWS SDK.
//!
//! Measured: `resolve_cached_identity`, which an SDK client awaits before it signs a request, with
//! the resolver cloned for it as the client does. The signature itself, which covers the whole
//! request, is left out. The clock and the timer are the SDK's own; the other components of a
//! client are the stand-ins that the SDK's tests use, and nothing here calls them. The
//! configuration is empty, which makes looking up the time limit as cheap as it gets.

use std::error::Error;
use std::sync::Arc;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, SharedCredentialsProvider, future};
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_async::time::SystemTimeSource;
use aws_smithy_runtime::client::identity::IdentityCache;
use aws_smithy_runtime_api::client::identity::{
    Identity, ResolveCachedIdentity, SharedIdentityCache, SharedIdentityResolver,
};
use aws_smithy_runtime_api::client::runtime_components::{
    RuntimeComponents, RuntimeComponentsBuilder,
};
use aws_smithy_types::config_bag::ConfigBag;

use crate::provider::{Answer, LIFETIME, Provider, TOKEN};
use crate::rival::{Failure, Rival};

#[derive(Debug)]
pub(crate) struct Aws {
    cache: SharedIdentityCache,
    resolver: SharedIdentityResolver,
    components: RuntimeComponents,
    configuration: ConfigBag,
}

impl Rival for Aws {
    const NAME: &'static str = "aws-smithy-runtime";

    type Credential = Identity;

    fn cold(provider: &Arc<Provider>) -> Result<Self, Box<dyn Error>> {
        let cache = IdentityCache::lazy().build();
        let components = RuntimeComponentsBuilder::for_tests()
            .with_identity_cache(Some(cache.clone()))
            .with_time_source(Some(SystemTimeSource::new()))
            .with_sleep_impl(Some(TokioSleep::new()))
            .build()?;
        let provider = SharedCredentialsProvider::new(Fake(Arc::clone(provider)));
        let resolver = SharedIdentityResolver::new(provider);
        Ok(Self { cache, resolver, components, configuration: ConfigBag::base() })
    }

    async fn credential(&self) -> Result<Identity, Failure> {
        let (cache, resolver) = (&self.cache, self.resolver.clone());
        cache.resolve_cached_identity(resolver, &self.components, &self.configuration).await
    }
}

#[derive(Debug)]
struct Fake(Arc<Provider>);

impl Fake {
    async fn credentials(&self) -> provider::Result {
        match self.0.sign_in().await {
            Answer::Token => {
                let until = SystemTime::now() + LIFETIME;
                Ok(Credentials::new("key", "secret", Some(TOKEN.into()), Some(until), "fake"))
            }
            Answer::Refusal | Answer::Fault => Err(CredentialsError::provider_error("failed")),
        }
    }
}

impl ProvideCredentials for Fake {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.credentials())
    }
}
