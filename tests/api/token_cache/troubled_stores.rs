//! Stores that panic, places that are away, full or never were there, and entries that are of no
//! use: P33, P38, P50 to P52 and P56.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use parking_lot::Mutex;
use spotify_web::auth::{
    AuthError, FileTokenStore, MemoryTokenStore, PkceAuthenticator, RefreshLock, Revision,
    StoreError, StoredToken, TokenKey, TokenStore,
};
use spotify_web::oauth::Token;
use spotify_web::{SpotifyClient, SpotifyClientConfig};

use super::{expired, key, stored, user};
use crate::common::{
    Directory, FailingStore, Locks, ManualClock, Outcome, put, spawn_header, token,
};

const HOUR: Duration = Duration::from_secs(3600);

/// P33: that it panics is its failure, whichever of its methods it is, and costs no token.
#[tokio::test(start_paused = true)]
async fn a_store_that_panics_has_failed() {
    for method in ["load", "save"] {
        let store = Panicking::default();
        let (cache, _) = stored(&ManualClock::new(), &store);
        cache.log_in(user("old")).await.unwrap();
        *store.at.lock() = method;

        cache.log_in(user("new")).await.unwrap();
        assert_eq!(token(cache.header().await), "access of new", "{method}");
        let settled = cache.settle().await;
        // Over what was seen last nothing is read.
        assert_eq!(settled.is_ok(), method == "load", "{settled:?}");
        settled.err().into_iter().for_each(is_failure_of_save);
        is_failure_of_save(cache.log_out().await.unwrap_err());
        assert!(matches!(cache.header().await.unwrap_err(), AuthError::NotLoggedIn));

        *store.at.lock() = "";
        cache.settle().await.unwrap();
        assert!(store.inner.load(&key()).await.unwrap().unwrap().is_logged_out(), "{method}");
    }
}

/// P32, P53: the same within a refresh, whose rotated token is not lost.
#[tokio::test(start_paused = true)]
async fn a_store_that_panics_within_a_refresh_costs_no_rotated_token() {
    for (method, is_served) in [("load", false), ("save", true), ("lock", false)] {
        let (clock, store) = (ManualClock::new(), Panicking::default());
        let (cache, source) = stored(&clock, &store);
        cache.log_in(user("r")).await.unwrap();
        clock.advance(3600.0);
        source.next(Outcome::Token(user("rotated")));
        *store.at.lock() = method;

        let header = cache.header().await;
        assert_eq!(header.is_ok(), is_served, "{method}: {header:?}");
        if let Err(error) = header {
            is_failure_of_store(error);
        }

        *store.at.lock() = "";
        clock.advance(10.0);
        assert_eq!(token(cache.header().await), "access of rotated", "{method}");
        cache.settle().await.unwrap();
        let kept = store.inner.load(&key()).await.unwrap().unwrap();
        assert_eq!(refresh_token(&kept), "rotated", "{method}");
        assert_eq!(source.previous(), [Some("r".to_owned())], "{method}");
    }
}

/// A rotated token that only one process has: what it replaces is not sent by another, as long as
/// the store fails for less than half a minute.
#[tokio::test(start_paused = true)]
async fn while_a_rotated_token_is_not_saved_nobody_sends_the_one_before() {
    for (failures, is_found) in [(1, true), (4, true), (12, true), (1_000, false)] {
        let (clock, store) = (ManualClock::new(), FailingStore::default());
        put(&store, &key(), &expired("r")).await;
        let [(first, rotating), (second, others)] = [(); 2].map(|()| stored(&clock, &store));
        rotating.next(Outcome::Token(user("rotated")));
        store.fail_saves(failures);

        assert_eq!(token(first.header().await), "access of rotated");
        let began = tokio::time::Instant::now();
        let waits = spawn_header(&second);
        // Callers wait for 10 s, the fetch goes on.
        drop(waits.await.unwrap());
        drop(tokio::time::timeout(Duration::from_secs(24), second.settle()).await);

        assert_eq!(others.previous().is_empty(), is_found, "{failures}: {:?}", others.previous());
        assert!(began.elapsed() < Duration::from_secs(35), "{:?}", began.elapsed());
        if is_found {
            assert_eq!(token(second.header().await), "access of rotated");
        }
    }
}

/// Nobody is left who saves anything later: a login, a log-out, or the end of the runtime came
/// between.
#[tokio::test(start_paused = true)]
async fn a_lock_that_was_kept_is_not_kept_for_nothing() {
    for by in ["log_in", "log_out", "settle", "drop"] {
        let clock = ManualClock::new();
        let store = FailingStore::default();
        put(&store, &key(), &expired("r")).await;
        let (cache, source) = stored(&clock, &store);
        source.next(Outcome::Token(user("rotated")));
        store.fail_saves(1);
        cache.header().await.unwrap();

        match by {
            "log_in" => cache.log_in(user("new")).await.unwrap(),
            "log_out" => cache.log_out().await.unwrap(),
            "settle" => cache.settle().await.unwrap(),
            _ => drop(cache),
        }

        let free = tokio::time::timeout(Duration::from_secs(3), store.lock(&key())).await;
        assert!(free.is_ok(), "{by}");
    }
}

/// With its runtime, whose tasks are gone.
#[test]
fn a_runtime_that_ends_keeps_no_lock() {
    let clock = ManualClock::new();
    let store = FailingStore::default();
    let (cache, source) = stored(&clock, &store);
    let run = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let first = run();
    first.block_on(async {
        put(&store, &key(), &expired("r")).await;
        source.next(Outcome::Token(user("rotated")));
        store.fail_saves(1);
        cache.header().await.unwrap();
        tokio::task::yield_now().await;
    });
    drop(first);

    let free = async {
        let limit = Duration::from_secs(5);
        tokio::time::timeout(limit, store.lock(&key())).await.map(drop)
    };
    assert!(run().block_on(free).is_ok());
}

/// A store that goes on failing keeps others away once, however often its cache refreshes.
#[tokio::test(start_paused = true)]
async fn one_cache_that_cannot_save_keeps_no_other_from_its_token_for_good() {
    let clock = ManualClock::new();
    let store = FailingStore::default();
    put(&store, &key(), &expired("r")).await;
    let (cache, source) = stored(&clock, &store);
    store.fail_saves(usize::MAX);
    for number in 0..10 {
        source.next(Outcome::Token(user(&format!("r{number}"))));
        cache.header().await.unwrap();
        tokio::time::sleep(Duration::from_secs(10)).await;
        clock.advance(3600.0);
    }

    let free = tokio::time::timeout(Duration::from_secs(1), store.lock(&key())).await;
    assert!(free.is_ok(), "half a minute is over");
}

/// The client of a server, which all users' clients were made of.
#[tokio::test(start_paused = true)]
async fn what_is_not_saved_in_time_is_told_as_that() {
    let store = FailingStore::default();
    let base = SpotifyClient::new(SpotifyClientConfig::default()).unwrap();
    let anna = PkceAuthenticator::new("app").with_store(store.clone(), key());
    let spotify = base.for_user(anna.clone()).unwrap();
    store.fail_saves(usize::MAX);
    anna.log_in(user("r")).await.unwrap();

    let of_all = base.settle().await.unwrap_err();
    let own = spotify.settle().await.unwrap_err();

    for error in [&of_all, &own] {
        assert!(error.to_line().contains("1 login is at stake"), "{}", error.to_line());
    }
    assert!(of_all.is_transient() && own.is_transient());
}

/// The same process need not wait for itself.
#[tokio::test(start_paused = true)]
async fn who_could_not_save_refreshes_again_at_once() {
    let (clock, store) = (ManualClock::new(), FailingStore::default());
    put(&store, &key(), &expired("r")).await;
    let (cache, source) = stored(&clock, &store);
    source.next(Outcome::Token(user("first")));
    source.next(Outcome::Token(user("second")));
    store.fail_saves(1_000);
    assert_eq!(token(cache.header().await), "access of first");
    clock.advance(3600.0);

    let began = tokio::time::Instant::now();
    assert_eq!(token(cache.header().await), "access of second");

    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(source.previous(), [Some("r".to_owned()), Some("first".to_owned())]);
}

/// P38, P52: a disk that is not mounted has no log-out on it.
#[tokio::test]
async fn a_directory_that_is_away_is_no_log_out() {
    let (directory, clock) = (Directory::new(), ManualClock::new());
    let (place, away) = (directory.path().join("mounted"), directory.path().join("away"));
    fs::create_dir(&place).unwrap();
    let store = FileTokenStore::new(place.join("tokens.json"));
    let (cache, source) = stored(&clock, &store);
    cache.log_in(user("r")).await.unwrap();
    clock.advance(3600.0);

    fs::rename(&place, &away).unwrap();
    let error = store.load(&key()).await.unwrap_err();
    assert!(matches!(error, StoreError::Io { .. }), "{error:?}");
    is_failure_of_store(cache.header().await.unwrap_err());
    assert_eq!(source.requests(), 0, "another process may have used its refresh token");

    fs::rename(&away, &place).unwrap();
    clock.advance(10.0);
    assert_eq!(token(cache.header().await), "token-1");
    assert_eq!(source.previous(), [Some("r".to_owned())]);
}

/// P50, P52: that an entry is gone counts only under the lock.
#[tokio::test(start_paused = true)]
async fn an_entry_that_seems_to_be_gone_is_no_log_out_without_the_lock() {
    let (clock, store) = (ManualClock::new(), Panicking::default());
    let (cache, source) = stored(&clock, &store);
    cache.log_in(user("r")).await.unwrap();
    clock.advance(3600.0);
    let entry = store.inner.load(&key()).await.unwrap().unwrap();

    store.inner.remove(&key()).await.unwrap();
    *store.at.lock() = "lock";
    is_failure_of_store(cache.header().await.unwrap_err());

    store.inner.save(&key(), &entry, None).await.unwrap();
    *store.at.lock() = "";
    clock.advance(10.0);
    assert_eq!(token(cache.header().await), "token-1");
    assert_eq!(source.previous(), [Some("r".to_owned())]);
}

/// P33: the directory goes while the response is on its way.
#[tokio::test]
async fn a_token_that_came_while_the_directory_was_away_is_used_and_saved() {
    let (directory, clock) = (Directory::new(), ManualClock::new());
    let (place, away) = (directory.path().join("mounted"), directory.path().join("away"));
    fs::create_dir(&place).unwrap();
    let store = FileTokenStore::new(place.join("tokens.json"));
    let (cache, source) = stored(&clock, &store);
    cache.log_in(user("r")).await.unwrap();
    clock.advance(3600.0);
    source.next(Outcome::Token(user("rotated")));
    source.block();
    let caller = spawn_header(&cache);
    while source.requests() == 0 {
        tokio::task::yield_now().await;
    }

    fs::rename(&place, &away).unwrap();
    source.release();
    assert_eq!(token(caller.await.unwrap()), "access of rotated");
    clock.advance(3600.0);
    is_failure_of_store(cache.header().await.unwrap_err());

    fs::rename(&away, &place).unwrap();
    cache.settle().await.unwrap();
    let kept = store.load(&key()).await.unwrap().unwrap();
    assert_eq!(refresh_token(&kept), "rotated");
    clock.advance(10.0);
    assert_eq!(token(cache.header().await), "token-2");
    assert_eq!(source.previous(), ["r", "rotated"].map(|it| Some(it.to_owned())));
}

/// P33: nobody else can have used what was never saved, so that it is refreshed all the same.
#[tokio::test]
async fn a_place_that_was_never_writable_costs_no_refresh() {
    let (directory, clock) = (Directory::new(), ManualClock::new());
    let store = FileTokenStore::new(directory.path().join("missing").join("tokens.json"));
    let (cache, source) = stored(&clock, &store);
    cache.log_in(user("r1")).await.unwrap();
    assert_eq!(token(cache.header().await), "access of r1");

    for name in ["r2", "r3", "r4"] {
        clock.advance(3600.0);
        source.next(Outcome::Token(user(name)));
        assert_eq!(token(cache.header().await), format!("access of {name}"));
    }

    is_failure_of_save(cache.log_out().await.unwrap_err());
    assert_eq!(source.previous(), ["r1", "r2", "r3"].map(|it| Some(it.to_owned())));
}

/// P56: what would not be read again is not written, and those who are in the file stay.
#[tokio::test]
async fn a_file_that_would_be_too_long_to_read_is_not_written() {
    let directory = Directory::new();
    let store = FileTokenStore::new(directory.file());
    let stored = || StoredToken::new(user("r"), SystemTime::now() + HOUR);
    store.save(&key(), &stored(), None).await.unwrap();
    let before = fs::read(directory.file()).unwrap();

    let long = TokenKey::new("app").with_user("x".repeat(16 << 20));
    let error = store.save(&long, &stored(), None).await.unwrap_err();

    assert!(error.to_string().contains("would be longer than the 16777216 bytes"), "{error}");
    assert_eq!(fs::read(directory.file()).unwrap(), before);
    assert_eq!(refresh_token(&store.load(&key()).await.unwrap().unwrap()), "r");
    assert!(store.load(&long).await.unwrap().is_none());
}

/// P47, P51: who has logged in where the clock is ahead is not for that reason the later one.
#[tokio::test]
async fn an_entry_from_the_future_does_not_win() {
    let (clock, store) = (ManualClock::new(), FailingStore::default());
    put(&store.inner, &key(), &ahead(&StoredToken::new(user("old"), SystemTime::UNIX_EPOCH))).await;
    let (cache, source) = stored(&clock, &store);
    store.fail_loads(1);

    cache.log_in(user("new")).await.unwrap();
    cache.settle().await.unwrap();
    assert_eq!(store.refresh_token(&key()).await.as_deref(), Some("new"));
    clock.advance(3600.0);
    cache.header().await.unwrap();

    assert_eq!(source.previous(), [Some("new".to_owned())]);
}

/// P31: an access token that no header can carry is no reason not to use its refresh token.
#[tokio::test]
async fn an_entry_whose_access_token_is_of_no_use_is_refreshed() {
    for access in ["", "two\nlines", "\u{0}"] {
        let store = MemoryTokenStore::new();
        let token = Token::new(access, HOUR).with_refresh_token("r");
        put(&store, &key(), &StoredToken::new(token, SystemTime::now() + HOUR)).await;
        let (cache, source) = stored(&ManualClock::new(), &store);

        assert_eq!(crate::common::token(cache.header().await), "token-1", "{access:?}");

        assert_eq!(source.previous(), [Some("r".to_owned())]);
        assert_eq!(cache.stats().failures, 0);
    }
}

/// P33: and so is that the guard of its lock panics, also while a panic of the source unwinds.
#[tokio::test]
async fn a_lock_that_panics_when_it_is_released_costs_no_token() {
    let (clock, store) = (ManualClock::new(), FailingStore::default());
    store.set_locks(Locks::PanicAtRelease);
    let (cache, source) = stored(&clock, &store);
    cache.log_in(user("r")).await.unwrap();

    for _ in 0..3 {
        clock.advance(3600.0);
        cache.header().await.unwrap();
    }
    clock.advance(3600.0);
    source.next(Outcome::Panic);
    assert!(matches!(cache.header().await.unwrap_err(), AuthError::SourcePanicked));
    clock.advance(60.0);
    cache.header().await.unwrap();
}

/// Panics at once, or when its future is polled.
#[derive(Debug, Clone, Default)]
struct Panicking {
    inner: MemoryTokenStore,
    at: Arc<Mutex<&'static str>>,
}

impl Panicking {
    fn come_to(&self, method: &str) {
        let at = *self.at.lock();
        assert!(at != method, "the store panics as scripted");
    }
}

#[async_trait]
impl TokenStore for Panicking {
    async fn load(&self, key: &TokenKey) -> Result<Option<StoredToken>, StoreError> {
        self.come_to("load");
        self.inner.load(key).await
    }

    async fn save(
        &self,
        key: &TokenKey,
        token: &StoredToken,
        replaces: Option<Revision>,
    ) -> Result<(), StoreError> {
        self.come_to("save");
        self.inner.save(key, token, replaces).await
    }

    async fn remove(&self, key: &TokenKey) -> Result<(), StoreError> {
        self.inner.remove(key).await
    }

    /// Written without `async`: it panics before there is a future.
    fn lock<'a, 'b, 'c>(
        &'a self,
        key: &'b TokenKey,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<RefreshLock, StoreError>> + Send + 'c>>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        self.come_to("lock");
        self.inner.lock(key)
    }
}

/// The same entry, of a clock that is five minutes ahead.
fn ahead(stored: &StoredToken) -> StoredToken {
    let login = stored.login().to_string();
    let at = (SystemTime::now() + Duration::from_secs(300)).duration_since(SystemTime::UNIX_EPOCH);
    let later = format!("{:016x}{}", at.unwrap().as_micros(), &login[16..]);
    let text = stored.to_text().expose().replace(&login, &later);
    let ahead = StoredToken::from_text(&text).unwrap();
    assert!(ahead.login() > stored.login());
    ahead
}

fn is_failure_of_store(error: AuthError) {
    assert!(matches!(error, AuthError::Store { .. }), "{error:?}");
    assert!(error.is_transient() && !error.needs_login(), "{error:?}");
}

fn is_failure_of_save(error: AuthError) {
    let is_it = matches!(error, AuthError::NotSaved(_) | AuthError::NotSettled(_));
    assert!(is_it, "{error:?}");
    assert!(error.is_transient() && !error.needs_login(), "{error:?}");
}

fn refresh_token(stored: &StoredToken) -> &str {
    stored.token().unwrap().refresh_token.as_ref().unwrap().expose()
}
