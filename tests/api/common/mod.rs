//! What many tests need to build their input.

mod clock;
mod directory;
mod log;
mod loss;
mod oauth_server;
mod redis;
mod run;
mod source;
mod steps;
mod store;
mod token_server;
mod wire;

pub(crate) use clock::{ManualClock, PausedTime, TokioClock};
pub(crate) use directory::Directory;
pub(crate) use log::Log;
pub(crate) use loss::{lost, unwrapped};
pub(crate) use oauth_server::OAuthServer;
pub(crate) use redis::{RedisServer, free_port};
pub(crate) use run::{Run, this_test};
pub(crate) use source::{Outcome, ScriptedSource};
pub(crate) use steps::{Steps, Stop};
pub(crate) use store::{FailingStore, Locks};
pub(crate) use token_server::TokenServer;
pub(crate) use wire::Wire;

use reqwest::header::HeaderValue;
use spotify_web::auth::{
    AuthError, Rejection, RejectionReason, Replay, StoredToken, TokenCache, TokenCacheOptions,
    TokenKey, TokenSource, TokenStore,
};
use spotify_web::middleware::RateLimitOptions;
use spotify_web::testing::FakeSpotify;
use spotify_web::{SpotifyClient, SpotifyClientConfig};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

pub(crate) const TRACK: &str = "11dFghVXANMlKmJXsNCbNl";
pub(crate) const ARTIST: &str = "6sFIWsNpZYqfjUpaCgueju";
pub(crate) const ALBUM: &str = "0tGPJ0bkWOUmH7MEOR77qc";
pub(crate) const PLAYLIST: &str = "3cEYpjA9oz9GiPac4AsH4n";

/// A config with which each call is sent once, whatever comes of it.
pub(crate) fn plain(fake: &FakeSpotify) -> SpotifyClientConfig {
    fake.config_with_credentials().without_retries().without_rate_limiter()
}

/// A config whose rate limiter has no clock but tokio's. By the system's, real time that passes
/// while tokio's is paused looks like a laptop that slept, and closings end too early.
pub(crate) fn by_tokio_clock(config: SpotifyClientConfig) -> SpotifyClientConfig {
    config.with_rate_limit(RateLimitOptions::default().with_clock(TokioClock::new()))
}

/// A fake, and a client of a user whose calls are sent once.
pub(crate) async fn plain_client() -> (FakeSpotify, SpotifyClient) {
    let fake = FakeSpotify::start().await.unwrap();
    let config = fake.config().with_token(fake.user_token());
    let spotify = SpotifyClient::new(config.without_retries().without_rate_limiter()).unwrap();
    (fake, spotify)
}

/// A cache over a scripted source, with a clock in the test's hand and no jitter.
pub(crate) fn cache(clock: &ManualClock) -> (TokenCache<ScriptedSource>, ScriptedSource) {
    cache_with(TokenCacheOptions::default().without_jitter().with_clock(clock.clone()))
}

pub(crate) fn cache_with(
    options: TokenCacheOptions,
) -> (TokenCache<ScriptedSource>, ScriptedSource) {
    let source = ScriptedSource::default();
    (TokenCache::new(source.clone()).with_options(options), source)
}

/// Keeps `stored` over whatever is there, as another process does.
pub(crate) async fn put(store: &dyn TokenStore, key: &TokenKey, stored: &StoredToken) {
    let there = store.load(key).await.unwrap().map(|there| there.revision());
    store.save(key, stored, there).await.unwrap();
}

/// A request with these credentials got a 401 that does not say why.
pub(crate) async fn rejected<S: TokenSource>(
    cache: &TokenCache<S>,
    credentials: &HeaderValue,
) -> Replay {
    let rejection = Rejection::new(credentials.clone(), RejectionReason::Unknown);
    cache.rejected(&rejection).await.unwrap()
}

/// The token in a header: what comes after `Bearer `.
pub(crate) fn token(header: Result<HeaderValue, AuthError>) -> String {
    let header = header.expect("a token");
    header.to_str().unwrap().strip_prefix("Bearer ").unwrap().to_owned()
}

/// Lets the tasks of this runtime run until none can go on.
pub(crate) async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

/// A caller in a task of its own.
pub(crate) fn spawn_header(cache: &TokenCache<ScriptedSource>) -> Caller {
    let cache = cache.clone();
    tokio::spawn(async move { cache.header().await })
}

/// A caller on a runtime of the test's own.
pub(crate) fn spawn_on(runtime: &Runtime, cache: &TokenCache<ScriptedSource>) -> Caller {
    let cache = cache.clone();
    runtime.spawn(async move { cache.header().await })
}

pub(crate) type Caller = JoinHandle<Result<HeaderValue, AuthError>>;
