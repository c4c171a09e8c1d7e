//! Logins in Redis, and what goes wrong on the way: leases that are lost, responses that are lost,
//! servers that forget.

use std::time::{Duration, SystemTime};

use futures_util::FutureExt;
use futures_util::future::join_all;
use http::StatusCode;
use spotify_web::auth::{
    AuthError, CredentialsAuthenticator, PkceAuthenticator, RefreshLock, StoreError, StoredToken,
    TokenCache, TokenKey, TokenStore,
};
use spotify_web::fleet::{FleetError, RedisFleet};
use spotify_web::middleware::RateLimitOptions;
use spotify_web::oauth::{OAuthError, OAuthErrorCode, Token};
use spotify_web::testing::FakeSpotify;
use spotify_web::{Error, SpotifyClient};

use crate::common::{Outcome, RedisServer, ScriptedSource, TRACK, Wire, spawn_header, token};
use crate::fleet_servers::until;

fn key() -> TokenKey {
    TokenKey::new("client-id-1").with_user("anna")
}

/// A process of a fleet, whose token has expired.
async fn process(url: &str) -> (TokenCache<ScriptedSource>, ScriptedSource) {
    let source = ScriptedSource::default();
    let cache = TokenCache::new(source.clone());
    (cache.with_store(RedisFleet::new(url).tokens(), key()), source)
}

fn expired(refresh_token: &str) -> StoredToken {
    let token = Token::new("old", Duration::from_secs(3600)).with_refresh_token(refresh_token);
    StoredToken::new(token, SystemTime::UNIX_EPOCH)
}

fn rotated(access: &str, refresh: &str) -> Outcome {
    Outcome::Token(Token::new(access, Duration::from_secs(3600)).with_refresh_token(refresh))
}

fn invalid_grant() -> Outcome {
    let (status, code) = (StatusCode::BAD_REQUEST, OAuthErrorCode::InvalidGrant);
    Outcome::Fail(
        OAuthError::Rejected { status, code, description: None, retry_after: None }.into(),
    )
}

async fn in_flight(source: &ScriptedSource) {
    while source.in_flight() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// F5, B1: the holder of the lease is paused beyond its end; another sends the same refresh token.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotated_token_wins_over_a_mark_that_the_login_has_ended() {
    let Some(server) = RedisServer::start(&[]) else { return };
    RedisFleet::new(server.url()).tokens().save(&key(), &expired("r1"), None).await.unwrap();
    let ((a, a_source), (b, b_source)) =
        (process(&server.url()).await, process(&server.url()).await);
    a_source.block();
    a_source.next(rotated("good", "r2"));
    let waits = spawn_header(&a);
    in_flight(&a_source).await;
    let lease = server.ask::<Vec<String>>(&["KEYS", "*:l:*"]).remove(0);
    let () = server.ask(&["DEL", &lease]);
    b_source.next(invalid_grant());
    b.header().await.unwrap_err();

    a_source.release();

    assert_eq!(token(waits.await.unwrap()), "good");
    let (later, source) = process(&server.url()).await;
    assert_eq!(token(later.header().await), "good");
    assert_eq!(source.requests(), 0);
}

/// F8: nobody sends it again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_that_has_ended_is_tried_by_no_other_process() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let store = RedisFleet::new(server.url()).tokens();
    store.save(&key(), &expired("r1"), None).await.unwrap();
    let (a, a_source) = process(&server.url()).await;
    a_source.next(invalid_grant());
    assert!(a.header().await.unwrap_err().needs_login());

    let (b, b_source) = process(&server.url()).await;
    assert!(b.header().await.unwrap_err().needs_login());
    assert_eq!(b_source.requests(), 0);

    let login = Token::new("new", Duration::from_secs(3600)).with_refresh_token("r2");
    b.log_in(login).await.unwrap();
    let (c, _) = process(&server.url()).await;
    assert_eq!(token(c.header().await), "new");
}

/// F2: a token that another has saved is found without the lease.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_another_has_saved_is_found_without_the_lease() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let (a, a_source) = process(&server.url()).await;
    RedisFleet::new(server.url()).tokens().save(&key(), &expired("r1"), None).await.unwrap();
    a_source.next(rotated("good", "r2"));
    assert_eq!(token(a.header().await), "good");
    let held = RedisFleet::new(server.url()).tokens().lock(&key()).await.unwrap();

    let (b, b_source) = process(&server.url()).await;
    assert_eq!(token(b.header().await), "good");
    assert_eq!(b_source.requests(), 0);
    drop(held);
}

/// F19: those who wait for the lease go as soon as there is a token, and not one after the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_for_the_lease_goes_as_soon_as_there_is_a_token() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let store = RedisFleet::new(server.url()).tokens();
    let old = expired("r1");
    store.save(&key(), &old, None).await.unwrap();
    let held = store.lock(&key()).await.unwrap();
    let () = server.ask(&["CONFIG", "RESETSTAT"]);
    let waiting: Vec<_> = (0..20)
        .map(|_| {
            let (store, known) = (RedisFleet::new(server.url()).tokens(), old.revision());
            tokio::spawn(async move { store.turn(&key(), Some(known)).await.unwrap() })
        })
        .collect();
    // Each has found the lease taken three times, more or less.
    while server.calls("hmget") < 60 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let new = Token::new("new", Duration::from_secs(3600)).with_refresh_token("r2");
    let new = StoredToken::new(new, SystemTime::now() + Duration::from_secs(3600));
    store.save(&key(), &new, Some(old.revision())).await.unwrap();

    // The lease is held all the time.
    let turns: Vec<RefreshLock> = join_all(waiting).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(turns.len(), 20);
    drop(held);
}

/// F17, B7: the call that took the lease timed out here.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_whose_response_was_lost_is_its_owners_all_the_same() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let wire = Wire::to(server.port).await;
    let fleet = RedisFleet::new(wire.url());
    fleet.check().await.unwrap();
    wire.lose_responses(1);

    // The call fails, and what it took is given back.
    fleet.tokens().lock(&key()).await.unwrap_err();
    let other = RedisFleet::new(server.url()).tokens();
    let lock = tokio::time::timeout(Duration::from_secs(9), other.lock(&key())).await;
    drop(lock.expect("before its end").unwrap());
}

/// F17: the connection ended with the response; on the next one it is asked for by the same value.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_was_taken_by_a_connection_that_ended_is_its_owners_all_the_same() {
    let Some(server) = RedisServer::start(&[]) else { return };
    // The server knows the script from here on.
    drop(RedisFleet::new(server.url()).tokens().lock(&key()).await.unwrap());
    let leases = || server.ask::<Vec<String>>(&["KEYS", "*:l:*"]);
    let lock = loop {
        while !leases().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let wire = Wire::to(server.port).await;
        let store = RedisFleet::new(wire.url()).tokens();
        store.load(&key()).await.unwrap();
        wire.lose_responses(1);
        let lock = tokio::spawn(async move { store.lock(&key()).await });
        let lease = loop {
            if let Some(lease) = leases().pop() {
                break lease;
            }
        };
        // Who does not know it as its own waits as long as it is renewed.
        let is_renewed = async {
            for _ in 0..60 {
                let _: bool = server.ask(&["PEXPIRE", &lease, "9000"]);
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        };
        let () = server.ask(&["CLIENT", "KILL", "TYPE", "normal"]);
        let lock = tokio::select! {
            () = is_renewed => panic!("it waits"),
            lock = lock => lock.unwrap(),
        };
        match lock {
            // A busy machine: what was taken is given back.
            Err(StoreError::Fleet(FleetError::TimedOut { .. })) => drop(wire),
            lock => break lock,
        }
    };

    drop(lock.unwrap());
}

/// F15: a process that hangs keeps the others up for some minutes at most.
#[tokio::test]
async fn a_lease_of_a_task_that_hangs_is_not_renewed_for_ever() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let store = RedisFleet::new(server.url()).tokens();
    let lock = store.lock(&key()).await.unwrap();
    let lease = server.ask::<Vec<String>>(&["KEYS", "*:l:*"]).remove(0);

    tokio::task::yield_now().await;
    tokio::time::pause();
    tokio::time::sleep(Duration::from_secs(400)).await;
    tokio::time::resume();

    // Renewed every three seconds, if at all.
    let () = server.ask(&["SET", &lease, &server.ask::<String>(&["GET", &lease]), "PX", "5000"]);
    let mut before = 5000;
    while server.ask::<i64>(&["EXISTS", &lease]) == 1 {
        let left: i64 = server.ask(&["PTTL", &lease]);
        assert!(left <= before, "it was renewed");
        before = left;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    drop(lock);
}

/// F14, F18: a runtime that ends leaves a lease with an end.
#[test]
fn a_runtime_that_ends_leaves_a_lease_that_ends() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let store = RedisFleet::new(server.url()).tokens();
    let lock = runtime.block_on(store.lock(&key())).unwrap();
    runtime.shutdown_background();
    drop(lock);

    let lease = server.ask::<Vec<String>>(&["KEYS", "*:l:*"]).remove(0);
    let left: i64 = server.ask(&["PTTL", &lease]);
    assert!((1..=10_000).contains(&left), "{left}");
}

/// F15: renewed while its holder waits, so that it outlives its length; by the server's clock.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_is_renewed_while_it_is_held() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let store = RedisFleet::new(server.url()).tokens();
    let lock = store.lock(&key()).await.unwrap();
    let lease = server.ask::<Vec<String>>(&["KEYS", "*:l:*"]).remove(0);
    let () = server.ask(&["PEXPIRE", &lease, "9000"]);

    while server.ask::<i64>(&["PTTL", &lease]) <= 9000 {
        assert_eq!(server.ask::<i64>(&["EXISTS", &lease]), 1, "never renewed");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    drop(lock);
}

/// F16: what another has taken is not renewed for it.
#[tokio::test]
async fn a_lease_that_another_has_taken_is_not_renewed() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let store = RedisFleet::new(server.url()).tokens();
    let lock = store.lock(&key()).await.unwrap();
    let lease = server.ask::<Vec<String>>(&["KEYS", "*:l:*"]).remove(0);
    let () = server.ask(&["SET", &lease, "another", "PX", "60000"]);
    let () = server.ask(&["CONFIG", "RESETSTAT"]);

    tokio::task::yield_now().await;
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(4)).await;
    tokio::time::resume();

    // The renewal looks whose it is.
    while server.calls("getrange") == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let left: i64 = server.ask(&["PTTL", &lease]);
    assert!((10_001..=60_000).contains(&left), "{left}");
    drop(lock);
}

/// F10, B10: a failover that loses the last write, ten seconds later.
#[tokio::test]
async fn what_was_lost_just_after_it_was_saved_is_put_back() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let store = RedisFleet::new(server.url()).tokens();
    store.save(&key(), &expired("r1"), None).await.unwrap();
    let () = server.ask(&["FLUSHALL"]);

    tokio::task::yield_now().await;
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(11)).await;
    tokio::time::resume();

    while server.ask::<Vec<String>>(&["KEYS", "*:t"]).is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// F6: a process puts back all that it knows once it is connected again, whichever login it is asked
/// for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_server_forgot_is_put_back_by_who_reconnects_for_another_login() {
    let Some(mut server) = RedisServer::start(&[]) else { return };
    let store = RedisFleet::new(server.url()).tokens();
    // Who saved it is gone, and looks no more.
    RedisFleet::new(server.url()).tokens().save(&key(), &expired("r1"), None).await.unwrap();
    assert!(store.load(&key()).await.unwrap().is_some());
    server.restart_empty();

    let other = TokenKey::new("client-id-1").with_user("otto");
    until("connected", async || store.load(&other).await.is_ok()).await;

    until("put back", async || !server.ask::<Vec<String>>(&["KEYS", "*:t"]).is_empty()).await;
    let newcomer = RedisFleet::new(server.url()).tokens();
    assert!(newcomer.load(&key()).await.unwrap().is_some());
}

/// F28: each write by itself, and what was removed does not outlive it either.
#[tokio::test]
async fn a_login_that_nobody_uses_is_gone_after_200_days() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let store = RedisFleet::new(server.url()).tokens();
    let lasts_200_days = |written: &str| {
        let names = server.ask::<Vec<String>>(&["KEYS", "*:t"]);
        assert_eq!(names.len(), 1, "{written}");
        let left: i64 = server.ask(&["PTTL", &names[0]]);
        let days = Duration::from_millis(left.try_into().expect(written)).as_secs_f64() / 86_400.0;
        assert!(days > 199.0 && days <= 200.0, "{written}: {days} days");
        // As if it had never had an end: the next write gives it one.
        let () = server.ask(&["PERSIST", &names[0]]);
    };
    store.save(&key(), &expired("r1"), None).await.unwrap();
    lasts_200_days("saved");
    store.remove(&key()).await.unwrap();
    lasts_200_days("removed");
    let second = expired("r2");
    store.save(&key(), &second, None).await.unwrap();
    lasts_200_days("saved again");
    store.save(&key(), &expired("r3"), Some(second.revision())).await.unwrap();
    lasts_200_days("replaced");
    let () = server.ask(&["FLUSHALL"]);
    store.load(&key()).await.unwrap();
    lasts_200_days("put back");
    store.remove_user("client-id-1", "anna").await.unwrap();
    lasts_200_days("removed everywhere");
}

/// F11: a client that has an app's token only, of a fleet whose server is away or goes away, ends at
/// once and without an error; its calls went well all the time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_with_the_token_of_an_app_settles_at_once_without_the_server() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let nowhere = format!("redis://127.0.0.1:{}/", crate::common::free_port());
    for url in [nowhere, server.url()] {
        let (fake, fleet) = (FakeSpotify::start().await.unwrap(), RedisFleet::new(url));
        let app = CredentialsAuthenticator::new("id", "secret")
            .with_store(fleet.tokens(), TokenKey::new("id"));
        let rate = RateLimitOptions::default().with_shared(fleet.shared_limit());
        let config = fake.config().with_authenticator(app).with_rate_limit(rate);
        let spotify = SpotifyClient::new(config).unwrap();
        spotify.tracks().get(TRACK).await.unwrap();
        server.signal("-STOP");
        fake.expire_tokens();
        spotify.tracks().get(TRACK).await.unwrap();

        spotify.settle().now_or_never().unwrap().unwrap();
        server.signal("-CONT");
    }
}

/// F11: what a program gets of its call when the server is away, until it is back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_of_a_user_without_the_server_says_when_to_ask_again_and_is_no_log_out() {
    let (fake, port) = (FakeSpotify::start().await.unwrap(), crate::common::free_port());
    let fleet = RedisFleet::new(format!("redis://127.0.0.1:{port}/"));
    let anna = PkceAuthenticator::new("client-id-1").with_store(fleet.tokens(), key());
    let config = fake.config().without_retries().with_authenticator(anna.clone());
    let spotify = SpotifyClient::new(config).unwrap();

    for _ in 0..2 {
        let error = spotify.users().me().await.unwrap_err();
        assert!(error.is_transient() && !error.needs_login(), "{error:?}");
        assert!(error.retry_after().is_some(), "{error:?}");
        let Error::Auth { source: AuthError::Store { source, retry_in }, .. } = &error else {
            panic!("{error:?}")
        };
        assert_eq!(*retry_in, error.retry_after());
        let is_away = matches!(**source, StoreError::Fleet(FleetError::Unreachable { .. }));
        assert!(is_away, "{source}");
        let error = anna.needs_login().await.unwrap_err();
        assert!(error.is_transient(), "nobody knows: {error}");
    }
    assert_eq!(fake.token_requests(), 0);
}

/// F11, B13: what is good is handed out while the server is away, and no login is taken for ended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_good_token_is_handed_out_while_the_server_is_killed() {
    let Some(mut server) = RedisServer::start(&[]) else { return };
    let (cache, source) = process(&server.url()).await;
    let login = Token::new("good", Duration::from_secs(3600)).with_refresh_token("r1");
    cache.log_in(login).await.unwrap();
    server.restart_empty();

    assert_eq!(token(cache.header().await), "good");
    assert_eq!(source.requests(), 0);
}

/// B15: after a new login elsewhere, the old token goes with the next look.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_at_one_process_is_used_by_the_others() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let store = RedisFleet::new(server.url()).tokens();
    store.save(&key(), &expired("r1"), None).await.unwrap();
    let ((a, _), (b, b_source)) = (process(&server.url()).await, process(&server.url()).await);
    b_source
        .next(Outcome::Token(Token::new("short", Duration::from_secs(1)).with_refresh_token("r2")));
    b.header().await.ok();
    let login = Token::new("new", Duration::from_secs(3600)).with_refresh_token("r3");
    a.log_in(login).await.unwrap();

    while b.header().await.map_or(true, |header| header != "Bearer new") {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(b_source.requests(), 1);
}
