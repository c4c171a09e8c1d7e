//! The key of a token is of the authenticator's own app: what another app has saved is never
//! loaded, sent, replaced or marked. And what is logged says whose token it is about.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use spotify_web::auth::{
    AuthError, Authenticator, AuthorizationCodeAuthenticator, CredentialsAuthenticator,
    MemoryTokenStore, PkceAuthenticator, StoredToken, TokenCache, TokenKey, TokenSource,
    TokenStore, TokenSwapAuthenticator,
};
use spotify_web::oauth::Token;
use spotify_web::testing::FakeSpotify;
use spotify_web::{Error, SpotifyClient};

use crate::common::{FailingStore, Log, ManualClock, Outcome, ScriptedSource, TRACK, cache, put};

const HOUR: Duration = Duration::from_secs(3600);

/// One that has a token already, which the test itself has put there.
async fn with_token_of(key: &TokenKey) -> FailingStore {
    let store = FailingStore::default();
    let token = Token::new("of app-one", HOUR).with_refresh_token("refresh of app-one");
    put(&store.inner, key, &StoredToken::new(token, SystemTime::now() + HOUR)).await;
    store
}

#[tokio::test]
async fn a_client_with_the_key_of_another_app_is_not_built() {
    let fake = FakeSpotify::start().await.unwrap();
    let spotify = SpotifyClient::new(fake.config()).unwrap();
    for key in keys_of("app-one") {
        let store = with_token_of(&key).await;
        for plug in of_app_two(&store, &key) {
            let config = fake.config().with_authenticator(Arc::clone(&plug));
            let refused = [SpotifyClient::new(config), spotify.for_user(plug)];
            for refused in refused {
                let Err(Error::Authenticator(error)) = refused else { panic!("{refused:?}") };
                check(&error);
            }
        }
        assert_eq!(store.calls(), 0);
    }
    assert_eq!((fake.token_requests(), fake.api_requests()), (0, 0));
}

/// Nor does it do anything before it is plugged into a client, or where it never is.
#[tokio::test]
async fn an_authenticator_with_the_key_of_another_app_does_nothing() {
    for key in keys_of("app-one") {
        let store = with_token_of(&key).await;
        let user = PkceAuthenticator::new("app-two").with_store(store.clone(), key.clone());
        let login = Token::new("access", HOUR).with_refresh_token("refresh");

        check(&user.log_in(login).await.unwrap_err());
        check(&user.log_out().await.unwrap_err());
        check(&user.needs_login().await.unwrap_err());
        for plug in of_app_two(&store, &key) {
            let url = "https://api.spotify.com/v1/me".parse().unwrap();
            let mut request = reqwest::Request::new(reqwest::Method::GET, url);
            check(&plug.apply(&mut request).await.unwrap_err());
            assert!(request.headers().is_empty());
            plug.settle().await.unwrap();
        }

        assert_eq!(store.calls(), 0);
        let there = store.inner.load(&key).await.unwrap().unwrap();
        assert_eq!(there.token().unwrap().access_token.expose(), "of app-one");
    }
}

/// What is set later does not take the check away, in whatever order.
#[tokio::test]
async fn the_key_is_checked_whatever_else_is_set() {
    let key = TokenKey::new("app-one");
    let store = with_token_of(&key).await;
    let source = || OfApp(ScriptedSource::default(), Some("app-two"));
    let options = spotify_web::auth::TokenCacheOptions::default;
    let caches = [
        TokenCache::new(source()).with_store(store.clone(), key.clone()),
        TokenCache::new(source()).with_store(store.clone(), key.clone()).with_options(options()),
        TokenCache::new(source())
            .with_store(store.clone(), key.clone())
            .with_required_scopes(["streaming"]),
    ];
    for cache in caches {
        check(&cache.header().await.unwrap_err());
        check(&cache.clone().header().await.unwrap_err());
        assert_eq!(cache.source().0.requests(), 0);
    }
    assert_eq!(store.calls(), 0);
}

/// Its own key, and any key where nobody knows whose the tokens are.
#[tokio::test]
async fn a_key_that_is_not_known_to_be_another_apps_is_used() {
    let fake = FakeSpotify::start().await.unwrap();
    for key in keys_of("app-one") {
        let store = with_token_of(&key).await;
        let own = CredentialsAuthenticator::new("app-one", "secret");
        let own = own.with_store(store.clone(), key.clone());
        SpotifyClient::new(fake.config().with_authenticator(own)).unwrap();

        let swap = TokenSwapAuthenticator::new(fake.refresh_url());
        let swap = swap.with_store(store.clone(), key.clone());
        SpotifyClient::new(fake.config().with_authenticator(swap.clone())).unwrap();
        assert!(!swap.needs_login().await.unwrap());

        let cache = TokenCache::new(OfApp(ScriptedSource::default(), None));
        let cache = cache.with_store(store.clone(), key);
        assert_eq!(cache.header().await.unwrap(), "Bearer of app-one");
    }
    let without_store = CredentialsAuthenticator::new("app-two", "secret");
    SpotifyClient::new(fake.config().with_authenticator(without_store)).unwrap();
}

#[tokio::test]
async fn the_error_says_which_key_to_give() {
    let fake = FakeSpotify::start().await.unwrap();
    let key = TokenKey::new("app-one").with_user("anna");
    let user = PkceAuthenticator::new("app-two").with_store(MemoryTokenStore::new(), key);

    let error = SpotifyClient::new(fake.config().with_authenticator(user)).unwrap_err();

    assert_eq!(
        error.to_line(),
        "the authenticator cannot be used: the key \"app-one\" user \"anna\" is of another app than \
         the authenticator; begin it with `TokenKey::new(\"app-two\")`"
    );
    assert!(!error.needs_login() && error.retry_after().is_none());
    let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
    spotify.tracks().get(TRACK).await.unwrap();
}

/// Every event about a token, whatever happens to it.
#[tokio::test]
async fn the_log_says_whose_token_each_event_is_about() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(log.clone())
        .finish();
    let _heard = tracing::subscriber::set_default(subscriber);
    let store = FailingStore::default();
    for user in ["anna", "bert"] {
        let clock = ManualClock::new();
        let (cache, source) = cache(&clock);
        let cache = cache.with_store(store.clone(), TokenKey::new("app").with_user(user));
        store.fail_saves(1);
        let login = Token::new("access", HOUR).with_refresh_token("refresh");
        cache.log_in(login.clone()).await.unwrap();
        cache.settle().await.unwrap();
        clock.advance(3600.0);
        source.next(Outcome::Fail(AuthError::ExpiredOnArrival));
        cache.header().await.unwrap_err();
        clock.advance(60.0);
        source.next(Outcome::Token(login));
        cache.header().await.unwrap();
        clock.advance(3600.0);
        source.next(Outcome::Fail(AuthError::LoginEnded { source: None }));
        cache.header().await.unwrap_err();
    }
    let app = TokenCache::new(OfApp(ScriptedSource::default(), Some("app-two")));
    app.header().await.unwrap();

    let text = log.text();
    let about = |whose: &str, what: &str| {
        let lines = text.lines().filter(|line| line.contains(what) && line.contains(whose));
        lines.count()
    };
    for whose in [r#"client_id="app" user="anna""#, r#"client_id="app" user="bert""#] {
        assert_eq!(about(whose, "the token store failed"), 1, "{text}");
        assert_eq!(about(whose, "requesting an access token"), 3, "{text}");
        assert_eq!(about(whose, "got an access token"), 1, "{text}");
        assert_eq!(about(whose, "got no access token"), 2, "{text}");
    }
    let nobodys = text.lines().filter(|line| line.contains("access token"));
    assert_eq!(nobodys.filter(|line| !line.contains("user=")).count(), 2, "{text}");
    assert_eq!(about(r#"client_id="app-two""#, "access token"), 2, "{text}");
}

/// A source that says whose tokens it requests, if anybody's.
#[derive(Debug)]
struct OfApp(ScriptedSource, Option<&'static str>);

#[async_trait]
impl TokenSource for OfApp {
    async fn request_token(&self, previous: Option<&Token>) -> Result<Token, AuthError> {
        self.0.request_token(previous).await
    }

    fn client_id(&self) -> Option<&str> {
        self.1
    }
}

fn keys_of(app: &str) -> [TokenKey; 3] {
    let key = TokenKey::new(app);
    [key.clone(), key.clone().with_user("anna"), key.with_user("anna").with_scopes(["streaming"])]
}

fn of_app_two(store: &FailingStore, key: &TokenKey) -> Vec<Arc<dyn Authenticator>> {
    let (store, key) = (|| store.clone(), || key.clone());
    vec![
        Arc::new(CredentialsAuthenticator::new("app-two", "secret").with_store(store(), key())),
        Arc::new(PkceAuthenticator::new("app-two").with_store(store(), key())),
        Arc::new(
            AuthorizationCodeAuthenticator::new("app-two", "secret").with_store(store(), key()),
        ),
    ]
}

fn check(error: &AuthError) {
    let AuthError::KeyOfAnotherApp { key, client_id } = error else { panic!("{error:?}") };
    assert_eq!((key.client_id(), client_id.as_str()), ("app-one", "app-two"));
    assert!(!error.is_transient() && !error.needs_login());
}
