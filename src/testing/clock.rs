//! The wall clock of the fake.

use std::time::SystemTime;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use crate::auth::{Clock, Now};

/// The clock of a [`FakeSpotify`](super::FakeSpotify), whose wall clock goes on as tokio's does: it
/// stands still while a test pauses time, and leaps with it.
///
/// A token that comes out of a store has an end by the wall clock, and by the system's it would stay
/// good while a test lets hours pass. With this clock it ages.
///
/// ```
/// # use std::time::Duration;
/// # use spotify_web::SpotifyClient;
/// # use spotify_web::auth::{MemoryTokenStore, PkceAuthenticator, TokenCacheOptions, TokenKey};
/// # use spotify_web::oauth::{AuthorizationCodeRequest, Login, OAuthClient};
/// # use spotify_web::testing::FakeSpotify;
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
/// # runtime.block_on(async {
/// let fake = FakeSpotify::start().await?;
/// let store = MemoryTokenStore::default();
/// let user = || {
///     let options = TokenCacheOptions::default().with_clock(fake.clock());
///     let key = TokenKey::new("id").with_user("anna");
///     PkceAuthenticator::new("id").with_options(options).with_store(store.clone(), key)
/// };
/// # let login = Login::pkce("id", "http://127.0.0.1:8888/callback").with_authorize_url(fake.authorize_url());
/// # let pending = login.begin()?;
/// # let code = pending.finish(&fake.agree(pending.url()))?;
/// # let request = AuthorizationCodeRequest::public("id", code);
/// # let token = OAuthClient::new(&fake.config()).request_token(request).await?;
/// user().log_in(token).await?;
///
/// // The program is started again two hours later, and knows that its token has ended.
/// tokio::time::advance(Duration::from_secs(2 * 3600)).await;
/// let spotify = SpotifyClient::new(fake.config().with_authenticator(user()))?;
/// spotify.users().me().await?;
/// assert_eq!(fake.expired_tokens(), 0, "it was refreshed before it was sent");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone, Copy)]
pub struct FakeClock {
    wall: SystemTime,
    begin: Instant,
}

impl FakeClock {
    pub(super) fn start() -> Self {
        Self { wall: SystemTime::now(), begin: Instant::now() }
    }

    pub(super) fn moment(&self, at: Instant) -> DateTime<Utc> {
        self.wall_at(at).into()
    }

    fn wall_at(&self, at: Instant) -> SystemTime {
        self.wall + at.saturating_duration_since(self.begin)
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Now {
        let now = Instant::now();
        Now { monotonic: now.into_std(), wall: self.wall_at(now) }
    }
}
