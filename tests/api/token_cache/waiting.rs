//! Who waits for what, and for how long: P57, P58 and P61.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use spotify_web::auth::{
    AuthError, CachedAuthenticator, PkceAuthenticator, TokenCache, TokenCacheOptions, TokenKey,
    TokenSource, TokenStore,
};
use spotify_web::oauth::Token;
use spotify_web::{SpotifyClient, SpotifyClientConfig};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use crate::common::{
    FailingStore, ManualClock, Outcome, PausedTime, ScriptedSource, TokenServer, cache, cache_with,
    settle, spawn_header, token,
};

const HOUR: Duration = Duration::from_secs(3600);

/// P57: the limit of a request begins when it is its turn. 110 users, 32 turns, each of which takes
/// 2 s of the 2.5 s that a request may take.
#[tokio::test]
async fn the_wait_for_a_turn_does_not_count() {
    let server = TokenServer::start().await;
    let time = PausedTime::pause();
    let spotify = SpotifyClient::new(server.config()).unwrap();
    let options = Arc::new(
        TokenCacheOptions::default()
            .with_timeout(Duration::from_millis(2500))
            .with_max_wait(Duration::from_secs(60)),
    );
    let store = FailingStore::default();
    let mut users = Vec::new();
    for number in 0..USERS {
        let user = logged_in(&spotify, &store, &options, number).await;
        users.push(tokio::spawn(async move { user.needs_login().await }));
    }

    for round in 1..=USERS.div_ceil(TURNS) {
        let sent = (round * TURNS).min(USERS);
        server.has_got(sent).await;
        time.settle().await;
        assert_eq!(server.arrived(), sent, "this number at once");
        time.advance(Duration::from_secs(2)).await;
        server.release(sent);
    }

    for user in users {
        assert!(!user.await.unwrap().unwrap());
    }
    for number in 0..USERS {
        let kept = store.refresh_token(&key(number)).await.unwrap();
        assert_ne!(kept, format!("old-{number}"), "its rotated token was lost");
    }
    assert_eq!(server.arrived(), USERS);
}

const USERS: usize = 110;
const TURNS: usize = 32;

/// P57: callers wait 10 s, the request is told as failed after 30 s, and what comes after 45 s is
/// kept.
#[tokio::test]
async fn a_response_that_comes_late_is_kept() {
    let server = TokenServer::start().await;
    let time = PausedTime::pause();
    let spotify = SpotifyClient::new(server.config()).unwrap();
    let store = FailingStore::default();
    let user = logged_in(&spotify, &store, &Arc::default(), 0).await;
    let ask = || {
        let user = user.clone();
        tokio::spawn(async move { user.needs_login().await })
    };
    let caller = ask();
    server.has_got(1).await;

    time.advance(Duration::from_millis(10_100)).await;
    let error = caller.await.unwrap().unwrap_err();
    assert!(matches!(error, AuthError::TimedOut { limit } if limit.as_secs() == 10), "{error:?}");
    assert_eq!(user.stats().failures, 0, "the request goes on");

    time.advance(Duration::from_secs(20)).await;
    time.settle().await;
    assert_eq!(user.stats().failures, 1, "its time is over");
    let error = ask().await.unwrap().unwrap_err();
    assert!(matches!(error, AuthError::TimedOut { limit } if limit.as_secs() == 30), "{error:?}");

    time.advance(Duration::from_secs(15)).await;
    server.release(1);
    let begun = std::time::Instant::now();
    while store.refresh_token(&key(0)).await.unwrap() != "r1" {
        assert!(begun.elapsed() < Duration::from_secs(60), "it was lost");
        tokio::task::yield_now().await;
    }
    time.settle().await;
    assert!(!ask().await.unwrap().unwrap(), "it is used");
    assert_eq!(server.arrived(), 1);
}

/// P57: a response is not waited for without end, and one refresh token is not used twice
/// meanwhile.
#[tokio::test(start_paused = true)]
async fn after_a_minute_a_response_is_waited_for_no_longer() {
    let (cache, source) = cache_with(TokenCacheOptions::default().without_jitter());
    source.next(Outcome::Token(Token::new("a", Duration::from_secs(10)).with_refresh_token("r")));
    cache.header().await.unwrap();
    tokio::time::advance(Duration::from_secs(20)).await;
    source.next(Outcome::Never);
    for asked_after in [0, 10, 20, 30, 40, 50] {
        tokio::time::sleep_until(tokio::time::Instant::now()).await;
        cache.header().await.unwrap_err();
        assert_eq!(source.requests(), 2, "after {asked_after} s");
        let is_told = asked_after >= 20;
        tokio::time::sleep(Duration::from_secs(if is_told { 10 } else { 0 })).await;
    }

    assert_eq!(token(cache.header().await), "token-3");
    assert_eq!(source.most_in_flight(), 1);
}

/// P57: no longer than a late response is waited for; else two requests carried one refresh token.
#[tokio::test]
async fn a_time_out_that_is_longer_than_a_response_is_waited_for_is_refused() {
    let is_refused = |error: &AuthError| {
        matches!(error, AuthError::Option { name: "timeout", reason: "must be at most 60 s" })
    };
    for (seconds, is_right) in [(60.0, true), (60.001, false), (1e9, false)] {
        let timeout = Duration::from_secs_f64(seconds);
        let options = TokenCacheOptions::default().with_timeout(timeout);
        let (cache, source) = cache_with(options.clone());
        let header = cache.header().await;
        assert_eq!(header.is_ok(), is_right, "{seconds}");
        assert!(header.err().is_none_or(|error| is_refused(&error)));
        assert_eq!(source.requests(), usize::from(is_right));

        let user = PkceAuthenticator::new("app").with_options(options);
        let config = SpotifyClientConfig::default().with_authenticator(user);
        assert_eq!(SpotifyClient::new(config).is_ok(), is_right, "{seconds}");
    }
}

/// The first thing that a program does with an authenticator may be a login.
#[tokio::test]
async fn a_login_is_refused_where_an_option_is_out_of_range() {
    let options = TokenCacheOptions::default;
    for (options, name) in [
        (options().with_timeout(Duration::ZERO), "timeout"),
        (options().with_timeout(Duration::from_secs(61)), "timeout"),
        (options().with_max_wait(Duration::from_micros(999)), "max_wait"),
    ] {
        let store = FailingStore::default();
        let user = PkceAuthenticator::new("app").with_options(options.clone());
        let stored = user.clone().with_store(store.clone(), TokenKey::new("app"));
        let (cache, _) = cache_with(options);
        let token = || Token::new("a", HOUR).with_refresh_token("r");

        for error in [
            user.log_in(token()).await.unwrap_err(),
            stored.log_in(token()).await.unwrap_err(),
            cache.log_in(token()).await.unwrap_err(),
        ] {
            let is_it = matches!(error, AuthError::Option { name: of, .. } if of == name);
            assert!(is_it, "{error:?}");
        }
        assert_eq!((store.calls(), user.stats().logins), (0, 0), "{name}");
        // To end a login, no option is needed.
        stored.log_out().await.unwrap();
    }
}

/// P58: a runtime that is never run, or that has begun the fetch and stands still.
#[test]
fn a_fetch_on_an_idle_runtime_keeps_nobody() {
    for has_begun in [false, true] {
        let (cache, source) = cache(&ManualClock::new());
        let (idle, own) = (paused_runtime(), paused_runtime());
        source.block();
        let begun = async { cache.header().now_or_never() };
        assert!(idle.block_on(begun).is_none());
        if has_begun {
            idle.block_on(settle());
            assert_eq!(source.requests(), 1);
        }
        source.release();

        let first = own.block_on(within_a_caller_s_wait(&cache));
        assert_eq!(first.is_ok(), !has_begun, "{first:?}");
        own.block_on(async { tokio::time::sleep(Duration::from_secs(60)).await });

        own.block_on(within_a_caller_s_wait(&cache)).unwrap();
    }
}

/// P58: a source that blocks the thread that it runs on.
#[test]
fn a_fetch_that_blocks_its_thread_keeps_nobody() {
    #[derive(Debug)]
    struct Blocks(std::sync::Mutex<Option<std::sync::mpsc::Receiver<()>>>);

    #[async_trait::async_trait]
    impl spotify_web::auth::TokenSource for Blocks {
        async fn request_token(&self, _: Option<&Token>) -> Result<Token, AuthError> {
            let receiver = self.0.lock().unwrap().take();
            // Until the test is over; the second request is not blocked.
            receiver.map(|receiver| receiver.recv());
            Ok(Token::new("token", HOUR))
        }
    }

    let (over, blocks) = std::sync::mpsc::channel();
    let cache = TokenCache::new(Arc::new(Blocks(std::sync::Mutex::new(Some(blocks)))));
    let (own, blocked) = (paused_runtime(), cache.clone());
    let thread = std::thread::spawn(move || paused_runtime().block_on(blocked.header()));
    while cache.stats().requests == 0 || cache.source().0.try_lock().is_ok_and(|it| it.is_some()) {
        std::thread::yield_now();
    }

    let error = own.block_on(cache.header()).unwrap_err();
    assert!(matches!(error, AuthError::TimedOut { .. }), "{error:?}");
    own.block_on(async { tokio::time::sleep(Duration::from_secs(60)).await });
    assert_eq!(token(own.block_on(cache.header())), "token");

    over.send(()).unwrap();
    thread.join().unwrap().unwrap();
}

/// P61: what could not be saved before is saved, at once.
#[tokio::test]
async fn after_settling_a_rotated_token_is_in_the_store() {
    let (store, clock) = (FailingStore::default(), ManualClock::new());
    let (cache, source) = stored(&store, &clock);
    source.next(Outcome::Token(Token::new("a", HOUR).with_refresh_token("r1")));
    store.fail_saves(1);
    cache.header().await.unwrap();
    assert_eq!(store.refresh_token(&key(0)).await, None);

    cache.settle().await.unwrap();

    assert_eq!(store.refresh_token(&key(0)).await.as_deref(), Some("r1"));
}

/// P61: and what is on its way.
#[tokio::test]
async fn settling_waits_for_the_refresh_under_way() {
    let (store, clock) = (FailingStore::default(), ManualClock::new());
    let (cache, source) = stored(&store, &clock);
    source.next(Outcome::Token(Token::new("a", HOUR).with_refresh_token("r1")));
    cache.header().await.unwrap();
    clock.advance(3500.0);
    source.next(Outcome::Token(Token::new("b", HOUR).with_refresh_token("r2")));
    source.block();
    cache.header().await.unwrap();
    let settled = spawn_settle(&cache);
    settle().await;
    assert!(!settled.is_finished());

    source.release();

    settled.await.unwrap().unwrap();
    assert_eq!(store.refresh_token(&key(0)).await.as_deref(), Some("r2"));
}

/// P61: what nobody has to save is not waited for.
#[tokio::test(start_paused = true)]
async fn settling_does_not_wait_for_a_token_that_can_be_requested_again() {
    let (cache, source) = cache(&ManualClock::new());
    source.next(Outcome::Never);
    let waiting = spawn_header(&cache);
    settle().await;
    let begun = tokio::time::Instant::now();

    cache.settle().await.unwrap();

    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert_eq!((source.in_flight(), waiting.is_finished()), (1, false));
}

/// P61: the same with a store that does not respond, or fails: the next one is a request away.
#[tokio::test(start_paused = true)]
async fn settling_does_not_wait_for_the_token_of_an_app_whatever_its_store_does() {
    for fails in [false, true] {
        let (store, source) = (FailingStore::default(), ScriptedSource::default());
        let app = CachedAuthenticator::new(OfApp(source)).with_store(store.clone(), key(0));
        let config = SpotifyClientConfig::default().with_authenticator(app.clone());
        let spotify = SpotifyClient::new(config).unwrap();
        match fails {
            true => store.fail_saves(1000),
            false => store.hang_loads(1),
        }
        let cache = app.cache().clone();
        let waiting = tokio::spawn(async move { cache.header().await });
        settle().await;
        assert_eq!(waiting.is_finished(), fails, "one is under way, or one is not saved");

        spotify.settle().now_or_never().unwrap().unwrap();
        app.cache().settle().now_or_never().unwrap().unwrap();
    }
}

/// P61: a login that a source without logins has been given is one all the same.
#[tokio::test(start_paused = true)]
async fn settling_saves_a_login_of_a_source_that_needs_no_saving() {
    let (store, source) = (FailingStore::default(), ScriptedSource::default());
    let cache = TokenCache::new(OfApp(source)).with_store(store.clone(), key(0));
    store.fail_saves(1);
    cache.log_in(Token::new("a", HOUR).with_refresh_token("r1")).await.unwrap();
    assert_eq!(store.refresh_token(&key(0)).await, None);

    cache.settle().await.unwrap();

    assert_eq!(store.refresh_token(&key(0)).await.as_deref(), Some("r1"));
}

#[derive(Debug)]
struct OfApp(ScriptedSource);

#[async_trait]
impl TokenSource for OfApp {
    async fn request_token(&self, previous: Option<&Token>) -> Result<Token, AuthError> {
        self.0.request_token(previous).await
    }

    fn needs_saving(&self) -> bool {
        false
    }
}

/// P61: but a refresh token that is only in memory is somebody's login.
#[tokio::test]
async fn settling_waits_for_the_refresh_of_a_login_without_a_store() {
    let clock = ManualClock::new();
    let (cache, source) = cache(&clock);
    cache.log_in(Token::new("a", HOUR).with_refresh_token("r")).await.unwrap();
    clock.advance(3600.0);
    source.block();
    let waiting = spawn_header(&cache);
    settle().await;
    let settled = spawn_settle(&cache);
    settle().await;
    assert!(!settled.is_finished());

    source.release();

    settled.await.unwrap().unwrap();
    waiting.await.unwrap().unwrap();
}

/// P61: a login, a log-out and the mark of an end are unsaved things too.
#[tokio::test]
async fn settling_saves_logins_and_log_outs() {
    let (store, clock) = (FailingStore::default(), ManualClock::new());
    let (cache, _) = stored(&store, &clock);
    store.fail_saves(1);
    cache.log_in(Token::new("a", HOUR).with_refresh_token("r1")).await.unwrap();
    assert_eq!(store.refresh_token(&key(0)).await, None);
    cache.settle().await.unwrap();
    assert_eq!(store.refresh_token(&key(0)).await.as_deref(), Some("r1"));

    store.fail_saves(1);
    cache.log_out().await.unwrap_err();
    cache.settle().await.unwrap();
    assert_eq!(store.refresh_token(&key(0)).await, None);
}

/// P61, P49: it ends logins that were made before it elsewhere, and are saved later.
#[tokio::test]
async fn a_log_out_that_could_not_be_saved_is_saved_where_nothing_stands() {
    for (fails_to_load, had_login) in [(true, false), (false, false), (true, true), (false, true)] {
        let (store, clock) = (FailingStore::default(), ManualClock::new());
        let (cache, _) = stored(&store, &clock);
        let elsewhere = stored(&store, &clock).0;
        let fail = |times| {
            store.fail_saves(times);
            store.fail_loads(if fails_to_load { times } else { 0 });
        };
        fail(usize::MAX);
        elsewhere.log_in(Token::new("a", HOUR).with_refresh_token("r1")).await.unwrap();
        if had_login {
            cache.log_in(Token::new("b", HOUR).with_refresh_token("r2")).await.unwrap();
        }
        clock.advance(60.0);
        cache.log_out().await.unwrap_err();
        fail(0);

        cache.settle().await.unwrap();
        let there = store.inner.load(&key(0)).await.unwrap();
        assert!(there.is_some_and(|it| it.is_logged_out()), "{fails_to_load}, {had_login}");
        elsewhere.settle().await.unwrap();

        assert_eq!(store.refresh_token(&key(0)).await, None, "{fails_to_load}, {had_login}");
        assert!(elsewhere.header().await.is_err());
    }
}

/// Whom somebody else has removed since is not marked.
#[tokio::test]
async fn a_log_out_that_was_in_the_store_is_not_saved_again_where_it_was_removed() {
    let (store, clock) = (FailingStore::default(), ManualClock::new());
    let (cache, _) = stored(&store, &clock);
    let other = stored(&store, &clock).0;
    cache.log_in(Token::new("a", HOUR).with_refresh_token("r1")).await.unwrap();
    cache.log_out().await.unwrap();
    other.header().await.unwrap_err();
    store.inner.remove(&key(0)).await.unwrap();

    for cache in [cache, other] {
        cache.header().await.unwrap_err();
        cache.settle().await.unwrap();

        assert!(store.inner.load(&key(0)).await.unwrap().is_none());
    }
}

/// P61: a store that keeps failing is told, and nothing waits for it without end.
#[tokio::test(start_paused = true)]
async fn settling_says_what_cannot_be_saved() {
    let (store, clock) = (FailingStore::default(), ManualClock::new());
    let (cache, _) = stored(&store, &clock);
    store.fail_saves(1000);
    cache.header().await.unwrap();

    for _ in 0..3 {
        let error = cache.settle().await.unwrap_err();
        assert!(matches!(error, AuthError::NotSettled(_)), "{error:?}");
    }
    store.fail_saves(0);
    cache.settle().await.unwrap();
}

/// P61: through the client, and where there is nothing to wait for.
#[tokio::test(start_paused = true)]
async fn a_client_settles_its_authenticator() {
    let store = FailingStore::default();
    let user = PkceAuthenticator::new("app").with_store(store.clone(), key(0));
    let config = SpotifyClientConfig::default();
    SpotifyClient::new(config.clone()).unwrap().settle().await.unwrap();
    let spotify = SpotifyClient::new(config.with_authenticator(user.clone())).unwrap();
    store.fail_saves(2);
    user.log_in(Token::new("a", HOUR).with_refresh_token("r1")).await.unwrap();

    spotify.settle().await.unwrap();

    assert_eq!(store.refresh_token(&key(0)).await.as_deref(), Some("r1"));
}

/// P61: the client of a user settles that user, whoever the client was made of.
#[tokio::test(start_paused = true)]
async fn the_client_of_a_user_settles_that_user() {
    let config = SpotifyClientConfig::default();
    let other = PkceAuthenticator::new("app").with_store(FailingStore::default(), key(1));
    let bases =
        [SpotifyClient::new(config.clone()), SpotifyClient::new(config.with_authenticator(other))];
    for base in bases.map(Result::unwrap) {
        let store = FailingStore::default();
        let user = PkceAuthenticator::new("app").with_store(store.clone(), key(0));
        let client = base.for_user(user.clone()).unwrap().clone();
        store.fail_saves(2);
        user.log_in(Token::new("a", HOUR).with_refresh_token("r1")).await.unwrap();

        client.settle().await.unwrap();

        assert_eq!(store.refresh_token(&key(0)).await.as_deref(), Some("r1"));
    }
}

/// P61: also those whose clients and authenticators are gone.
#[tokio::test]
async fn a_client_settles_all_users_that_were_made_of_it() {
    let server = TokenServer::start().await;
    let spotify = SpotifyClient::new(server.config()).unwrap();
    let store = FailingStore::default();
    for number in 0..3 {
        let user = logged_in(&spotify, &store, &Arc::default(), number).await;
        let client = spotify.for_user(user).unwrap();
        assert!(client.users().me().send().now_or_never().is_none());
        server.has_got(number + 1).await;
    }
    let settling = tokio::spawn(async move { spotify.clone().settle().await });
    settle().await;
    assert!(!settling.is_finished());
    server.release(3);
    settling.await.unwrap().unwrap();

    for number in 0..3 {
        let kept = store.refresh_token(&key(number)).await.unwrap();
        assert_ne!(kept, format!("old-{number}"), "its rotated token was lost");
    }
}

/// P49, P61: a first save that fails after the last handle has gone is tried again until it is
/// done.
#[tokio::test(start_paused = true)]
async fn a_save_that_fails_when_nobody_is_left_is_tried_again() {
    for failures in [1, 7, 40] {
        for is_refresh in [false, true] {
            let store = FailingStore::default();
            let base = SpotifyClient::new(SpotifyClientConfig::default()).unwrap();
            let source = ScriptedSource::default();
            let user = CachedAuthenticator::new(source.clone()).with_store(store.clone(), key(0));
            base.for_user(user.clone()).unwrap();
            if is_refresh {
                let expired = Token::new("a", Duration::ZERO).with_refresh_token("r0");
                user.cache().log_in(expired).await.unwrap_err();
                source.next(Outcome::Token(Token::new("b", HOUR).with_refresh_token("r1")));
                store.fail_saves(failures);
                assert!(user.cache().header().now_or_never().is_none());
            } else {
                store.fail_saves(failures);
                let token = Token::new("a", HOUR).with_refresh_token("r1");
                assert!(user.cache().log_in(token).now_or_never().is_none());
            }
            drop(user);

            // Each waits for two minutes.
            while base.settle().await.is_err() {}

            let kept = store.refresh_token(&key(0)).await;
            assert_eq!(kept.as_deref(), Some("r1"), "{failures} failures");
        }
    }
}

/// P61: an authenticator that is asked to settle tries again while the store fails in a way that may pass, and
/// for two minutes at the most.
#[tokio::test(start_paused = true)]
async fn a_store_that_fails_for_a_while_is_waited_for_by_whoever_settles() {
    for failures in [1, 2, 7, 30, 1_000_000] {
        for settles in ["authenticator", "user", "base", "own"] {
            let store = FailingStore::default();
            let user = CachedAuthenticator::new(ScriptedSource::default());
            let user = user.with_store(store.clone(), key(0));
            let base = SpotifyClient::new(SpotifyClientConfig::default()).unwrap();
            let config = SpotifyClientConfig::default().with_authenticator(user.clone());
            let own = SpotifyClient::new(config).unwrap();
            let client = base.for_user(user.clone()).unwrap();
            store.fail_saves(failures);
            let token = Token::new("a", HOUR).with_refresh_token("r1");
            user.cache().log_in(token).await.unwrap();
            let begun = tokio::time::Instant::now();

            let is_settled = match settles {
                "authenticator" => user.cache().settle().await.is_ok(),
                "user" => client.settle().await.is_ok(),
                "base" => base.settle().await.is_ok(),
                _ => own.settle().await.is_ok(),
            };

            let what = format!("{settles}, {failures} failures");
            assert_eq!(is_settled, failures < 1000, "{what}");
            assert_eq!(store.refresh_token(&key(0)).await.is_some(), is_settled, "{what}");
            assert!(begun.elapsed() <= Duration::from_secs(121), "{what}: {:?}", begun.elapsed());
        }
    }
}

/// P49, P50: also when the last handle goes long after the store has begun to fail, and for a
/// log-out.
#[tokio::test(start_paused = true)]
async fn what_could_not_be_saved_is_saved_whenever_the_store_comes_back() {
    for is_log_out in [false, true] {
        let (store, clock) = (FailingStore::default(), ManualClock::new());
        let (cache, _) = stored(&store, &clock);
        cache.log_in(Token::new("a", HOUR).with_refresh_token("r1")).await.unwrap();
        store.fail_saves(usize::MAX);
        if is_log_out {
            cache.log_out().await.unwrap_err();
        } else {
            cache.log_in(Token::new("b", HOUR).with_refresh_token("r2")).await.unwrap();
        }
        tokio::time::sleep(HOUR).await;
        drop(cache);
        tokio::time::sleep(HOUR).await;

        store.fail_saves(0);
        tokio::time::sleep(Duration::from_secs(61)).await;

        let kept = store.refresh_token(&key(0)).await;
        assert_eq!(kept.as_deref(), (!is_log_out).then_some("r2"));
    }
}

/// P9, P33: however many refreshes could not be saved, one task tries on.
#[tokio::test(start_paused = true)]
async fn a_store_that_is_down_is_tried_by_one_task() {
    let (store, clock) = (FailingStore::default(), ManualClock::new());
    let (cache, source) = stored(&store, &clock);
    store.fail_saves(1_000_000);
    for number in 0..20 {
        let next = Token::new("a", HOUR).with_refresh_token(format!("r{number}"));
        source.next(Outcome::Token(next));
        cache.header().await.unwrap();
        clock.advance(3600.0);
    }
    tokio::time::sleep(HOUR).await;

    let before = store.saves_to_fail();
    tokio::time::sleep(HOUR).await;

    assert!(before - store.saves_to_fail() <= 61, "{}", before - store.saves_to_fail());
}

/// P61: whichever client an authenticator is plugged into, also when that was after its login had
/// begun.
#[tokio::test(start_paused = true)]
async fn every_client_of_an_authenticator_settles_it() {
    for settled in 0..3 {
        let store = FailingStore::default();
        let user = PkceAuthenticator::new("app").with_store(store.clone(), key(0));
        store.fail_saves(30);
        let token = Token::new("a", HOUR).with_refresh_token("r1");
        assert!(user.log_in(token).now_or_never().is_none());
        let config = SpotifyClientConfig::default();
        let clients = [(); 3].map(|()| SpotifyClient::new(config.clone()).unwrap());
        for client in &clients {
            client.for_user(user.clone()).unwrap();
        }
        drop(user);

        while clients[settled].settle().await.is_err() {}

        assert_eq!(store.refresh_token(&key(0)).await.as_deref(), Some("r1"), "{settled}");
        for client in clients {
            assert!(client.settle().now_or_never().unwrap().is_ok());
        }
    }
}

fn spawn_settle(cache: &TokenCache<ScriptedSource>) -> JoinHandle<Result<(), AuthError>> {
    let cache = cache.clone();
    tokio::spawn(async move { cache.settle().await })
}

/// A user whose access token has expired.
async fn logged_in(
    spotify: &SpotifyClient,
    store: &FailingStore,
    options: &Arc<TokenCacheOptions>,
    number: usize,
) -> PkceAuthenticator {
    let user = PkceAuthenticator::new("app")
        .with_options(Arc::clone(options))
        .with_store(store.clone(), key(number));
    spotify.for_user(user.clone()).unwrap();
    let expired = Token::new("expired", Duration::ZERO).with_refresh_token(format!("old-{number}"));
    let error = user.log_in(expired).await.unwrap_err();
    assert!(matches!(error, AuthError::ExpiredOnArrival), "{error:?}");
    user
}

async fn within_a_caller_s_wait(cache: &TokenCache<ScriptedSource>) -> Result<(), AuthError> {
    let begun = tokio::time::Instant::now();
    let header = cache.header().await;
    assert!(begun.elapsed() <= Duration::from_millis(10_001), "{:?}", begun.elapsed());
    header.map(drop)
}

fn paused_runtime() -> Runtime {
    Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}

fn stored(
    store: &FailingStore,
    clock: &ManualClock,
) -> (TokenCache<ScriptedSource>, ScriptedSource) {
    let (cache, source) = cache(clock);
    (cache.with_store(store.clone(), key(0)), source)
}

fn key(number: usize) -> TokenKey {
    TokenKey::new("app").with_user(number.to_string())
}
