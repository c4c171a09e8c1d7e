//! Saves that replicas confirm, before real servers: F9.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use futures_util::future::join_all;
use spotify_web::auth::{
    StoreError, StoredToken, TokenCache, TokenCacheOptions, TokenEventKind, TokenKey, TokenStore,
};
use spotify_web::fleet::{FleetError, RedisFleet};
use spotify_web::oauth::Token;

use crate::common::{Outcome, RedisServer, ScriptedSource};

fn user(number: usize) -> TokenKey {
    TokenKey::new("client-id-1").with_user(format!("user-{number}"))
}

fn login() -> StoredToken {
    let token = Token::new("access", HOUR).with_refresh_token("refresh");
    StoredToken::new(token, SystemTime::now() + HOUR)
}

/// A master, and a replica that has caught up with it.
async fn master_and_replica() -> Option<(RedisServer, RedisServer)> {
    let master = RedisServer::start(&[])?;
    let of_master = ["--replicaof", "127.0.0.1", &master.port.to_string()];
    let replica = RedisServer::start(&of_master)?;
    while !replica.ask::<String>(&["INFO", "replication"]).contains("link_status:up") {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Some((master, replica))
}

fn fleet(master: &RedisServer) -> RedisFleet {
    RedisFleet::new(master.url()).with_replicas(1)
}

const NOBODY: FleetError = FleetError::NotReplicated { wanted: 1, confirmed: 0 };
const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_save_has_acknowledged_is_on_the_replica() {
    let Some((master, replica)) = master_and_replica().await else { return };
    let store = fleet(&master).tokens();
    let mut confirmed = 0;
    for number in 0..20 {
        if store.save(&user(number), &login(), None).await.is_ok() {
            confirmed += 1;
            assert!(replica.ask::<usize>(&["DBSIZE"]) >= confirmed);
        }
    }
    let at_once = (20..84).map(|number| {
        let store = store.clone();
        async move { store.save(&user(number), &login(), None).await.is_ok() }
    });
    let at_once = join_all(at_once).await.into_iter().filter(|is_ok| *is_ok).count();
    assert!(confirmed > 0 && at_once > 0, "{confirmed} {at_once}");
    assert!(replica.ask::<usize>(&["DBSIZE"]) >= confirmed + at_once);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_is_away_is_told_and_keeps_nobody_up() {
    let Some((master, replica)) = master_and_replica().await else { return };
    let fleet = fleet(&master);
    let store = fleet.tokens();
    replica.signal("-STOP");

    let saves = (0..50).map(|number| {
        let store = store.clone();
        async move { store.save(&user(number), &login(), None).await.unwrap_err() }
    });
    for error in join_all(saves).await {
        assert!(error.is_transient(), "{error}");
        assert!(matches!(error, StoreError::Fleet(error) if error == NOBODY));
    }
    assert_eq!(fleet.check().await.unwrap_err(), NOBODY);
    for number in 0..50 {
        assert!(store.load(&user(number)).await.unwrap().is_some(), "saved all the same");
    }

    replica.signal("-CONT");
    while fleet.check().await.is_err() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Nobody waits for replicas that nobody asked for.
#[tokio::test]
async fn more_replicas_than_there_are_confirm_nothing() {
    let Some(master) = RedisServer::start(&[]) else { return };
    let alone = RedisFleet::new(master.url());
    alone.clone().with_replicas(0).check().await.unwrap();
    assert_eq!(alone.with_replicas(1).check().await.unwrap_err(), NOBODY);
}

/// F9: the token is handed out, `StoreFailed` is told, and nothing is requested again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_no_replica_has_is_handed_out_and_told() {
    let Some(master) = RedisServer::start(&[]) else { return };
    let (source, told) = (ScriptedSource::default(), Arc::new(Mutex::new(Vec::new())));
    let log = Arc::clone(&told);
    let options = TokenCacheOptions::default()
        .with_listener(move |event| log.lock().unwrap().push(event.kind.clone()));
    let cache = TokenCache::new(source.clone())
        .with_options(options)
        .with_store(fleet(&master).tokens(), TokenKey::new("client-id-1"));
    source.next(Outcome::Token(Token::new("first", HOUR)));

    for _ in 0..2 {
        assert_eq!(crate::common::token(cache.header().await), "first");
    }

    cache.settle().await.ok();
    assert_eq!(source.requests(), 1);
    let told = told.lock().unwrap();
    let is_told = told.iter().any(|kind| {
        matches!(kind, TokenEventKind::StoreFailed { error: StoreError::Fleet(error) } if *error == NOBODY)
    });
    assert!(is_told, "{told:?}");
}
