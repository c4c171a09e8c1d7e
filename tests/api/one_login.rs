//! What was begun for one user is not sent on for another, who has logged in meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use spotify_web::api::Slider;
use spotify_web::async_trait::async_trait;
use spotify_web::auth::{
    AuthError, Authenticator, CredentialsAuthenticator, MemoryTokenStore, Rejection, Replay,
    TokenKey, TokenStore,
};
use spotify_web::http::Extensions;
use spotify_web::middleware::AuthMiddleware;
use spotify_web::model::Page;
use spotify_web::reqwest::{Client, Request, Response};
use spotify_web::reqwest_middleware::{
    ClientBuilder, ClientWithMiddleware, Middleware, Next, Result,
};
use spotify_web::testing::FakeSpotify;
use spotify_web::{Error, SpotifyClient, SpotifyClientConfig};
use tokio::task::JoinHandle;

use super::layers_of_others::{Heads, server};
use crate::common::{PLAYLIST, PausedTime, by_tokio_clock};

/// Signs for a user who may change.
#[derive(Debug, Clone)]
struct Logins(Arc<AtomicU64>);

impl Logins {
    fn first() -> Self {
        Self(Arc::new(AtomicU64::new(1)))
    }

    fn next(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl Authenticator for Logins {
    async fn apply(&self, request: &mut Request) -> std::result::Result<(), AuthError> {
        let user = format!("Bearer user{}", self.login_number());
        request.headers_mut().insert("authorization", user.parse().unwrap());
        Ok(())
    }

    async fn rejected(&self, _: &Rejection) -> std::result::Result<Replay, AuthError> {
        Ok(Replay::Yes)
    }

    fn login_number(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// Hands a request on as it is, with or without what is known of it.
struct HandsOn {
    forgets: bool,
}

#[async_trait]
impl Middleware for HandsOn {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        match self.forgets {
            true => next.run(request, &mut Extensions::new()).await,
            false => next.run(request, extensions).await,
        }
    }
}

/// Clients of one user, with and without a rate limiter and a layer.
fn clients(base: &str, logins: &Logins) -> Vec<SpotifyClient> {
    let config = || by_tokio_clock(SpotifyClientConfig::default().with_base_url(base));
    let with = |config: SpotifyClientConfig| {
        SpotifyClient::new(config.with_authenticator(logins.clone())).unwrap()
    };
    vec![
        with(config()),
        with(config().without_rate_limiter()),
        with(config().with_observer(|_| {})),
        with(config().with_middleware(HandsOn { forgets: false })),
        with(config().with_middleware(HandsOn { forgets: true })),
    ]
}

fn json(status: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
}

fn is_other_login(error: &Error) -> bool {
    matches!(error, Error::Auth { source: AuthError::OtherLogin, .. })
}

/// Of what arrived, all is the first user's.
fn assert_all_of_first(heads: &Heads, number: usize) {
    let mut heads = heads.lock().unwrap();
    assert_eq!(heads.len(), number, "{heads:?}");
    assert!(heads.iter().all(|head| head.contains("bearer user1\r\n")), "{heads:?}");
    heads.clear();
}

#[tokio::test]
async fn no_attempt_of_a_call_goes_for_another_login() {
    let time = PausedTime::pause();
    for (status, may_be_done) in [
        ("401 Unauthorized", false),
        ("429 Too Many Requests\r\nretry-after: 1", false),
        ("503 Service Unavailable", true),
    ] {
        let logins = Logins::first();
        let changes = logins.clone();
        let (base, heads) = server(move |_| {
            changes.next();
            Some(json(status, ""))
        })
        .await;
        for spotify in clients(&base, &logins) {
            logins.0.store(1, Ordering::SeqCst);
            let call = tokio::spawn(async move { spotify.put::<()>("me/library").await });

            let error = time.run(call).await.unwrap_err();

            assert!(is_other_login(&error), "{status}: {error:?}");
            assert!(!error.is_transient());
            assert_eq!(error.may_have_been_carried_out(), may_be_done, "{status}: {error:?}");
            assert_all_of_first(&heads, 1);
        }
    }
}

#[tokio::test]
async fn no_redirect_is_followed_for_another_login() {
    let logins = Logins::first();
    let changes = logins.clone();
    let (base, heads) = server(move |_| {
        changes.next();
        Some(json("302 Found\r\nlocation: /there", ""))
    })
    .await;
    for spotify in clients(&base, &logins) {
        logins.0.store(1, Ordering::SeqCst);

        let error = spotify.get::<()>("me").await.unwrap_err();

        assert!(is_other_login(&error), "{error:?}");
        assert_all_of_first(&heads, 1);
    }
}

#[tokio::test]
async fn a_list_is_of_one_login() {
    let logins = Logins::first();
    let changes = logins.clone();
    let (base, heads) = server(move |head| {
        let offset = if head.contains("offset=2") { 2 } else { 0 };
        if offset == 2 {
            changes.next();
        }
        let next = format!("/me/x?offset={}&limit=2", offset + 2);
        let page = format!(
            r#"{{"items":["a","b"],"offset":{offset},"limit":2,"total":6,"next":"{next}"}}"#
        );
        Some(json("200 OK", &page))
    })
    .await;
    for spotify in clients(&base, &logins) {
        logins.0.store(1, Ordering::SeqCst);
        let mut items = spotify.get::<Page<String>>("me/x").stream();
        for _ in 0..4 {
            items.next().await.unwrap().unwrap();
        }

        let error = items.next().await.unwrap().unwrap_err();

        assert!(is_other_login(&error), "{error:?}");
        assert!(items.next().await.is_none());
        assert_all_of_first(&heads, 2);
        // Those of one list are of one login, and no other list's.
        let other = spotify.get::<Page<String>>("me/x").stream().next().await;
        assert_eq!(other.unwrap().unwrap(), "a");
        heads.lock().unwrap().clear();
    }
}

#[tokio::test]
async fn a_list_in_batches_is_of_one_login() {
    let logins = Logins::first();
    let changes = logins.clone();
    let (base, heads) = server(move |_| {
        changes.next();
        Some(json("201 Created", r#"{"snapshot_id":"first"}"#))
    })
    .await;
    for spotify in clients(&base, &logins) {
        logins.0.store(1, Ordering::SeqCst);
        let uris = vec!["spotify:track:11dFghVXANMlKmJXsNCbNl"; 250];

        let failed = spotify.playlists().add_items_in_batches(PLAYLIST, &uris).await.unwrap_err();

        assert!(is_other_login(&failed.source), "{failed:?}");
        assert!(!failed.source.may_have_been_carried_out());
        assert_eq!(failed.done, 100);
        assert_all_of_first(&heads, 1);
    }
}

/// Where a login begins while the first token is waited for, the call is of that one.
fn settled(volume: &Slider<u32>) -> JoinHandle<std::result::Result<(), Arc<Error>>> {
    let volume = volume.clone();
    tokio::spawn(async move { volume.settled().await })
}

/// A value that waits for the one before it, and one that is kept until somebody sends it.
#[tokio::test]
async fn a_value_of_a_slider_goes_for_the_login_that_set_it() {
    let time = PausedTime::pause();
    let logins = Logins::first();
    let (base, heads) = server(|_| Some(json("204 No Content", ""))).await;
    for spotify in clients(&base, &logins) {
        logins.0.store(1, Ordering::SeqCst);
        let volume = spotify.player().volume_slider();
        volume.set(10);
        time.run(settled(&volume)).await.unwrap();
        volume.set(80);
        logins.next();

        let error = time.run(settled(&volume)).await.unwrap_err();

        assert!(is_other_login(&error), "{error:?}");
        assert_all_of_first(&heads, 1);
        volume.set(30);
        time.run(settled(&volume)).await.unwrap();
        let of_second = heads.lock().unwrap().drain(..).next().unwrap();
        assert!(of_second.contains("volume_percent=30") && of_second.contains("user2"));
    }
}

#[tokio::test]
async fn a_call_is_of_the_login_that_it_was_signed_for() {
    /// Another one logs in while it signs.
    #[derive(Debug)]
    struct Late(Logins);

    #[async_trait]
    impl Authenticator for Late {
        async fn apply(&self, request: &mut Request) -> std::result::Result<(), AuthError> {
            self.0.apply(request).await?;
            if self.login_number() == 1 {
                self.0.next();
            }
            Ok(())
        }

        fn login_number(&self) -> u64 {
            self.0.login_number()
        }
    }

    let (base, heads) = server(|_| Some(json("200 OK", "null"))).await;
    let config = SpotifyClientConfig::default().with_base_url(&base);
    let spotify = SpotifyClient::new(config.with_authenticator(Late(Logins::first()))).unwrap();

    spotify.get::<()>("me").await.unwrap();

    let heads = heads.lock().unwrap();
    assert!(heads.len() == 1 && heads[0].contains("bearer user2"), "{heads:?}");
}

/// Sends something of its own first, for another user.
struct Asks(SpotifyClient, ClientWithMiddleware, String);

#[async_trait]
impl Middleware for Asks {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let Self(spotify, http, url) = self;
        spotify.get::<()>("other").await.unwrap();
        http.get(url).send().await?;
        next.run(request, extensions).await
    }
}

#[tokio::test]
async fn what_a_layer_sends_for_another_user_is_no_part_of_the_call() {
    let (base, heads) = server(|_| Some(json("200 OK", "null"))).await;
    let config = SpotifyClientConfig::default().with_base_url(&base);
    let user = |number| Logins(Arc::new(AtomicU64::new(number)));
    let other = SpotifyClient::new(config.clone().with_authenticator(user(2))).unwrap();
    let http = ClientBuilder::new(Client::builder().no_proxy().build().unwrap())
        .with(AuthMiddleware::new(user(3), base.parse().unwrap()))
        .build();
    let config = config.with_middleware(Asks(other, http, base.clone()));
    let spotify = SpotifyClient::new(config.with_authenticator(user(1))).unwrap();

    spotify.get::<()>("me").await.unwrap();

    let heads = heads.lock().unwrap();
    let users = [2, 3, 1].map(|user| format!("bearer user{user}\r\n"));
    assert!(heads.len() == 3 && heads.iter().zip(&users).all(|(it, user)| it.contains(user)));
}

/// Nobody logs in there, though the token in the store be another one.
#[tokio::test]
async fn a_token_of_the_app_is_of_no_other_login_than_the_one_before() {
    let fake = FakeSpotify::builder().with_playlist_length(250).start().await.unwrap();
    let (store, key) = (MemoryTokenStore::default(), TokenKey::new("id"));
    let app = CredentialsAuthenticator::new("id", "secret").with_store(store.clone(), key.clone());
    let spotify = SpotifyClient::new(fake.config().with_authenticator(app)).unwrap();
    let mut items = spotify.playlists().items(PLAYLIST).limit(50).stream();
    items.next().await.unwrap().unwrap();

    store.remove(&key).await.unwrap();
    fake.expire_tokens();

    let mut number = 1;
    while let Some(item) = items.next().await {
        item.unwrap();
        number += 1;
    }
    assert_eq!(number + items.left_out(), 250);
    assert_eq!(fake.token_requests(), 2);
}

/// Nor is a user's that was refreshed.
#[tokio::test]
async fn a_list_goes_on_with_a_token_that_was_refreshed() {
    let fake = FakeSpotify::builder().with_playlist_length(250).start().await.unwrap();
    let authenticator = spotify_web::auth::PkceAuthenticator::new("id");
    let config = fake.config().with_authenticator(authenticator.clone());
    let spotify = SpotifyClient::new(config).unwrap();
    authenticator.log_in(super::wire::login_at(&fake).await).await.unwrap();
    let mut items = spotify.playlists().items(PLAYLIST).limit(50).stream();
    items.next().await.unwrap().unwrap();

    fake.expire_tokens();

    let mut number = 1;
    while let Some(item) = items.next().await {
        item.unwrap();
        number += 1;
    }
    assert_eq!(number + items.left_out(), 250);
}
