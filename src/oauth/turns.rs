//! How many token requests are under way at once, at each server.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::Semaphore;
use url::{Origin, Url};

use super::OAuthConfig;
use crate::sync::Mutex;

/// Permits for token requests, a fixed number for each server. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Turns(Arc<Mutex<HashMap<Option<Origin>, Arc<Semaphore>>>>);

impl Turns {
    /// Those for the server of `url`. There are as few servers as a program has in its
    /// configuration.
    pub(super) fn at(&self, url: Option<&Url>) -> Arc<Semaphore> {
        let new = || Arc::new(Semaphore::new(OAuthConfig::REQUESTS_AT_ONCE));
        let mut servers = self.0.lock();
        Arc::clone(servers.entry(url.map(Url::origin)).or_insert_with(new))
    }
}
