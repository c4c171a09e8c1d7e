//! How a fake is started.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::time::Duration;

use super::FakeSpotify;
use super::accounts::Accounts;
use super::limits::Limits;
use super::scripts::Scripts;
use super::server;
use super::state::State;
use super::world::World;
use crate::api::Quota;

/// Options of a [`FakeSpotify`].
#[derive(Clone)]
pub struct FakeSpotifyBuilder {
    token_lifetime: Duration,
    client: Option<(String, String)>,
    playlist_length: usize,
    memory: usize,
    quota: Quota,
    port: u16,
}

impl FakeSpotifyBuilder {
    pub(super) fn new() -> Self {
        Self {
            token_lifetime: Duration::from_secs(3600),
            client: None,
            playlist_length: 120,
            memory: usize::MAX,
            quota: Quota::default(),
            port: 0,
        }
    }

    /// How long tokens hold: an hour by default, in whole seconds.
    #[must_use]
    pub fn with_token_lifetime(self, lifetime: Duration) -> Self {
        Self { token_lifetime: lifetime, ..self }
    }

    /// The only client that is known; by default any id and secret will do.
    #[must_use]
    pub fn with_client(self, id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self { client: Some((id.into(), secret.into())), ..self }
    }

    /// How many entries its playlist has: 120 by default.
    #[must_use]
    pub fn with_playlist_length(self, length: usize) -> Self {
        Self { playlist_length: length, ..self }
    }

    /// The quota of every app: development mode by default. It decides how large pages may be, and
    /// whether there are the endpoints that development mode has lost: those that are deprecated
    /// here, which are 403 in it.
    #[must_use]
    pub fn with_quota(self, quota: Quota) -> Self {
        Self { quota, ..self }
    }

    /// How many requests [`FakeSpotify::requests`] returns, the last ones: all by default, which
    /// takes more and more memory in a test that runs for long.
    #[must_use]
    pub fn with_remembered_requests(self, requests: usize) -> Self {
        Self { memory: requests, ..self }
    }

    /// The port that it listens on, always at 127.0.0.1; a free one by default.
    #[must_use]
    pub fn with_port(self, port: u16) -> Self {
        Self { port, ..self }
    }

    /// Starts it.
    ///
    /// # Errors
    ///
    /// An [`io::Error`] when no port can be bound, and outside of a tokio runtime with IO and time
    /// enabled.
    pub async fn start(self) -> io::Result<FakeSpotify> {
        let listener = server::listen(self.port).await?;
        let state = State {
            accounts: Accounts::new(self.token_lifetime, self.client),
            world: World::new(self.quota, self.playlist_length),
            requests: VecDeque::new(),
            memory: self.memory,
            token_requests: 0,
            api_requests: 0,
            scripts: Scripts::default(),
            limits: Limits::default(),
        };
        FakeSpotify::serve(listener, state)
    }
}

// By hand, since it holds a secret.
impl fmt::Debug for FakeSpotifyBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeSpotifyBuilder")
            .field("token_lifetime", &self.token_lifetime)
            .finish_non_exhaustive()
    }
}
