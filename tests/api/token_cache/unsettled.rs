//! Whose logins are at stake when settling gives up: P61.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use futures_util::FutureExt;
use spotify_web::auth::{
    AuthError, Authenticator, CachedAuthenticator, FileTokenStore, MemoryTokenStore,
    PkceAuthenticator, Revision, StoreError, StoredToken, TokenKey, TokenSource, TokenStore,
    Unsettled,
};
use spotify_web::oauth::Token;
use spotify_web::{Error, SpotifyClient, SpotifyClientConfig};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::common::{Directory, FailingStore, Locks, ScriptedSource, put};

const HOUR: Duration = Duration::from_secs(3600);

/// What is asked to settle names the login and why its store does not take it.
#[tokio::test(start_paused = true)]
async fn giving_up_settling_says_whose_tokens_are_not_saved() {
    for settles in ["cache", "authenticator", "user", "base", "own"] {
        let store = FailingStore::default();
        let anna = PkceAuthenticator::new("app").with_store(store.clone(), key("anna"));
        let base = SpotifyClient::new(SpotifyClientConfig::default()).unwrap();
        let client = base.for_user(anna.clone()).unwrap();
        let config = SpotifyClientConfig::default().with_authenticator(anna.clone());
        let own = SpotifyClient::new(config).unwrap();
        let source = CachedAuthenticator::new(ScriptedSource::default());
        let cached = source.with_store(store.clone(), key("anna"));
        store.fail_saves(usize::MAX);
        anna.log_in(user("secret-r")).await.unwrap();
        cached.cache().log_in(user("secret-r")).await.unwrap();

        let error = match settles {
            "cache" => cached.cache().settle().await.unwrap_err(),
            "authenticator" => anna.settle().await.unwrap_err(),
            "user" => cause(client.settle().await),
            "base" => cause(base.settle().await),
            _ => cause(own.settle().await),
        };

        let text = error.to_string();
        assert!(text.contains(r#""app" user "anna": "#), "{settles}: {text}");
        assert!(text.contains("the database is down"), "{settles}: {text}");
        assert!(!format!("{text}{error:?}").contains("secret"), "{error:?}");
        assert!(error.is_transient(), "{settles}: {error:?}");
        let unsettled = unsettled(&error);
        assert_eq!(unsettled.logins().len(), 1, "{settles}: {unsettled:?}");
        assert_eq!(unsettled.logins()[0].key.as_deref(), Some(&key("anna")));
    }
}

/// Those that were saved, and those of other programs, are not among them.
#[tokio::test(start_paused = true)]
async fn only_those_that_are_not_saved_are_named() {
    let base = SpotifyClient::new(SpotifyClientConfig::default()).unwrap();
    let (good, bad) = (FailingStore::default(), FailingStore::default());
    bad.fail_saves(usize::MAX);
    for (name, store) in [("anna", &good), ("bert", &bad), ("cleo", &good), ("dora", &bad)] {
        let user_of = PkceAuthenticator::new("app").with_store(store.clone(), key(name));
        base.for_user(user_of.clone()).unwrap();
        user_of.log_in(user("r")).await.unwrap();
    }

    let error = cause(base.settle().await);

    let mut names: Vec<_> =
        unsettled(&error).logins().iter().map(|it| it.key.as_ref().unwrap().user()).collect();
    names.sort();
    assert_eq!(names, [Some("bert"), Some("dora")]);
    bad.fail_saves(0);
    base.settle().await.unwrap();
}

/// One whose refresh does not end has no store's error to tell.
#[tokio::test(start_paused = true)]
async fn a_refresh_that_does_not_end_is_named_too() {
    let store = FailingStore::default();
    let expired = StoredToken::new(user("r"), SystemTime::UNIX_EPOCH);
    put(&store, &key("anna"), &expired).await;
    store.set_locks(Locks::Held);
    let base = SpotifyClient::new(SpotifyClientConfig::default()).unwrap();
    let anna = CachedAuthenticator::new(ScriptedSource::default());
    let anna = anna.with_store(store, key("anna"));
    base.for_user(anna.clone()).unwrap();
    assert!(anna.cache().header().now_or_never().is_none());

    let (of_all, own) = tokio::join!(base.settle(), anna.cache().settle());

    for error in [cause(of_all), own.unwrap_err()] {
        let text = error.to_string();
        assert!(text.contains(r#""app" user "anna": still under way"#), "{text}");
        assert!(error.is_transient());
    }
}

/// Of ten thousand ten are in the text, and all are there to be looked at.
#[tokio::test(start_paused = true)]
async fn the_text_is_short_however_many_are_not_saved() {
    let base = SpotifyClient::new(SpotifyClientConfig::default()).unwrap();
    let store = FailingStore::default();
    store.fail_saves(usize::MAX);
    let long = "x".repeat(5000);
    for number in 0..1000 {
        let whose = key(&format!("user-{number}-{long}"));
        let user_of = PkceAuthenticator::new("app").with_store(store.clone(), whose);
        base.for_user(user_of.clone()).unwrap();
        user_of.log_in(user("r")).await.unwrap();
    }

    let error = cause(base.settle().await);

    assert_eq!(unsettled(&error).logins().len(), 1000);
    let text = error.to_string();
    assert!(text.contains("1000 logins") && text.contains("990 more"), "{text}");
    assert!(text.len() < 8000 && format!("{error:?}").len() < 10_000, "{}", text.len());
}

/// What needs somebody is told at once, and for each of them.
#[tokio::test]
async fn a_place_that_needs_somebody_is_named_with_each_login_in_it() {
    let directory = Directory::new();
    std::fs::write(directory.file(), "no token file").unwrap();
    let base = SpotifyClient::new(SpotifyClientConfig::default()).unwrap();
    for name in ["anna", "bert"] {
        let store = FileTokenStore::new(directory.file());
        let user_of = PkceAuthenticator::new("app").with_store(store, key(name));
        base.for_user(user_of.clone()).unwrap();
        user_of.log_in(user("r")).await.unwrap();
    }

    let error = cause(base.settle().await);

    let text = error.to_string();
    for name in ["anna", "bert"] {
        assert!(text.contains(&format!(r#""app" user "{name}": "#)), "{text}");
    }
    assert_eq!(text.matches("damaged or not a token file").count(), 2, "{text}");
    assert!(!error.is_transient(), "{error:?}");
}

/// The same of a store of the user's own, which says what does not pass by itself.
#[tokio::test(start_paused = true)]
async fn a_store_says_by_itself_what_needs_somebody() {
    let base = SpotifyClient::new(SpotifyClientConfig::default()).unwrap();
    let anna = PkceAuthenticator::new("app").with_store(NoTable, key("anna"));
    base.for_user(anna.clone()).unwrap();
    anna.log_in(user("r")).await.unwrap();
    let begun = Instant::now();

    let (of_all, own) = tokio::join!(base.settle(), anna.settle());

    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    for error in [cause(of_all), own.unwrap_err()] {
        assert!(error.to_string().contains(r#""anna": no such table: logins"#), "{error}");
        assert!(!error.is_transient(), "{error:?}");
    }
}

/// An authenticator of the user's own that fails too hides nobody.
#[tokio::test(start_paused = true)]
async fn what_the_clients_own_authenticator_says_hides_no_user() {
    #[derive(Debug)]
    struct Own;

    #[async_trait]
    impl Authenticator for Own {
        async fn apply(&self, _: &mut reqwest::Request) -> Result<(), AuthError> {
            Ok(())
        }

        async fn settle(&self) -> Result<(), AuthError> {
            Err(AuthError::permanent("the vault is sealed"))
        }
    }

    let config = SpotifyClientConfig::default().with_authenticator(Arc::new(Own));
    let base = SpotifyClient::new(config).unwrap();
    assert!(cause(base.settle().await).to_string().contains("the vault is sealed"));
    let store = FailingStore::default();
    store.fail_saves(usize::MAX);
    let anna = PkceAuthenticator::new("app").with_store(store, key("anna"));
    base.for_user(anna.clone()).unwrap();
    anna.log_in(user("r")).await.unwrap();

    let text = cause(base.settle().await).to_string();

    assert!(text.contains("the vault is sealed"), "{text}");
    assert!(text.contains(r#""app" user "anna": "#), "{text}");
}

/// Who goes on calling costs the others no time: what has begun meanwhile is not waited for, and
/// not named.
#[tokio::test(start_paused = true)]
async fn settling_beside_traffic_waits_for_what_had_begun() {
    for (users, has_stuck) in [(40, false), (10, true), (40, true), (0, true), (1, false)] {
        let base = SpotifyClient::new(SpotifyClientConfig::default()).unwrap();
        let store = MemoryTokenStore::new();
        let callers: Vec<_> = (0..users)
            .map(|number| tokio::spawn(call_each_second(&base, &store, number)))
            .collect();
        let stuck = CachedAuthenticator::new(Slow).with_store(NoTable, key("stuck"));
        if has_stuck {
            base.for_user(stuck.clone()).unwrap();
            stuck.cache().log_in(short()).await.unwrap();
        }
        for _ in 0..7 {
            tokio::time::sleep(Duration::from_millis(10_300)).await;
            let begun = Instant::now();

            let settled = base.settle().await;

            let most = Duration::from_secs(if has_stuck { 9 } else { 3 });
            assert!(begun.elapsed() < most, "{users}: {:?}: {settled:?}", begun.elapsed());
            if has_stuck {
                let error = cause(settled);
                let names: Vec<_> = unsettled(&error).logins().iter().map(|it| &it.key).collect();
                assert_eq!(names, [&Some(Arc::new(key("stuck")))], "{users}");
                assert!(error.to_string().contains("no such table"), "{error}");
            } else {
                settled.unwrap();
            }
        }
        callers.iter().for_each(JoinHandle::abort);
    }
}

/// A retry is slow, and the moment for the ones that are stuck ends while it runs.
#[tokio::test(start_paused = true)]
async fn settling_waits_for_a_save_that_runs() {
    for (failures, millis) in [(1, 4_900), (2, 4_500), (2, 10), (1, 10)] {
        let base = SpotifyClient::new(SpotifyClientConfig::default()).unwrap();
        let store = Healing::new(failures, Duration::from_millis(millis));
        let anna = CachedAuthenticator::new(Slow).with_store(store, key("anna"));
        base.for_user(anna.clone()).unwrap();
        anna.cache().log_in(short()).await.unwrap();

        let settled = base.settle().await;

        assert!(settled.is_ok(), "{failures} failures, {millis} ms: {settled:?}");
    }
}

/// Nor does one cache wait for logins that follow each other without end.
#[tokio::test(start_paused = true)]
async fn a_cache_settles_beside_logins_that_go_on() {
    let anna = CachedAuthenticator::new(Slow).with_store(SlowStore::default(), key("anna"));
    for number in 0..3 {
        let anna = anna.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(700) * number).await;
            loop {
                anna.cache().log_in(short()).await.unwrap();
            }
        });
    }
    tokio::time::sleep(Duration::from_secs(10)).await;
    let begun = Instant::now();

    anna.cache().settle().await.unwrap();

    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

/// A login and a refresh each 20 s, and a call each second.
fn call_each_second(
    base: &SpotifyClient,
    store: &MemoryTokenStore,
    number: u32,
) -> impl Future<Output = ()> + use<> {
    let whose = key(&format!("user-{number}"));
    let user_of = CachedAuthenticator::new(Slow).with_store(store.clone(), whose);
    base.for_user(user_of.clone()).unwrap();
    async move {
        tokio::time::sleep(Duration::from_millis(500) * number).await;
        user_of.cache().log_in(short()).await.unwrap();
        loop {
            user_of.cache().header().await.unwrap();
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

/// Takes 0.7 s to rotate the refresh token.
#[derive(Debug)]
struct Slow;

#[async_trait]
impl TokenSource for Slow {
    async fn request_token(&self, _: Option<&Token>) -> Result<Token, AuthError> {
        tokio::time::sleep(Duration::from_millis(700)).await;
        Ok(short())
    }
}

/// Takes a second to save.
#[derive(Debug, Default)]
struct SlowStore(MemoryTokenStore);

#[async_trait]
impl TokenStore for SlowStore {
    async fn load(&self, key: &TokenKey) -> Result<Option<StoredToken>, StoreError> {
        self.0.load(key).await
    }

    async fn save(
        &self,
        key: &TokenKey,
        new: &StoredToken,
        replaces: Option<Revision>,
    ) -> Result<(), StoreError> {
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.0.save(key, new, replaces).await
    }

    async fn remove(&self, key: &TokenKey) -> Result<(), StoreError> {
        self.0.remove(key).await
    }
}

/// Has no table for a number of saves, and takes its time for those after them.
#[derive(Debug)]
struct Healing {
    failures: AtomicUsize,
    time: Duration,
    store: MemoryTokenStore,
}

impl Healing {
    fn new(failures: usize, time: Duration) -> Self {
        Self { failures: failures.into(), time, store: MemoryTokenStore::new() }
    }
}

#[async_trait]
impl TokenStore for Healing {
    async fn load(&self, key: &TokenKey) -> Result<Option<StoredToken>, StoreError> {
        self.store.load(key).await
    }

    async fn save(
        &self,
        key: &TokenKey,
        new: &StoredToken,
        replaces: Option<Revision>,
    ) -> Result<(), StoreError> {
        let left = self.failures.load(Ordering::SeqCst);
        if left > 0 {
            self.failures.store(left - 1, Ordering::SeqCst);
            return Err(StoreError::permanent("no such table: logins"));
        }
        tokio::time::sleep(self.time).await;
        self.store.save(key, new, replaces).await
    }

    async fn remove(&self, key: &TokenKey) -> Result<(), StoreError> {
        self.store.remove(key).await
    }
}

/// A store that does not heal by itself.
#[derive(Debug)]
struct NoTable;

#[async_trait]
impl TokenStore for NoTable {
    async fn load(&self, _: &TokenKey) -> Result<Option<StoredToken>, StoreError> {
        Ok(None)
    }

    async fn save(
        &self,
        _: &TokenKey,
        _: &StoredToken,
        _: Option<Revision>,
    ) -> Result<(), StoreError> {
        Err(StoreError::permanent("no such table: logins"))
    }

    async fn remove(&self, _: &TokenKey) -> Result<(), StoreError> {
        Ok(())
    }
}

fn cause(settled: Result<(), Error>) -> AuthError {
    match settled.unwrap_err() {
        Error::Unsettled(error) => error,
        other => panic!("{other:?}"),
    }
}

fn unsettled(error: &AuthError) -> &Unsettled {
    match error {
        AuthError::NotSettled(unsettled) => unsettled,
        other => panic!("{other:?}"),
    }
}

fn key(user: &str) -> TokenKey {
    TokenKey::new("app").with_user(user)
}

fn user(refresh_token: &str) -> Token {
    Token::new("secret-a", HOUR).with_refresh_token(refresh_token)
}

fn short() -> Token {
    Token::new("secret-a", Duration::from_secs(20)).with_refresh_token("r")
}
