//! The note of unsealed logins: it is there when it matters, and is the trouble of no other login.

use std::time::{Duration, SystemTime};

use spotify_web::auth::{StoreError, StoredToken, TokenCache, TokenKey, TokenStore};
use spotify_web::fleet::{FleetError, RedisFleet, RedisTokenStore, SealingKey};
use spotify_web::oauth::{OAuthError, OAuthErrorCode, Token};

use crate::common::{Outcome, RedisServer, ScriptedSource, Steps, Stop, free_port};
use crate::fleet::{fleet, login};
use crate::fleet_adoption::{adopting, found, is_unsealed, sealed, user};
use crate::fleet_servers::{RANGES, until};

const NOTE: &str = "spotify-web:1:{unsealed}:u";

fn anna() -> TokenKey {
    user("anna")
}

fn refreshed(login: &StoredToken) -> StoredToken {
    let token = Token::new("access", Duration::from_secs(60)).with_refresh_token("refresh-2");
    login.followed_by(token, SystemTime::now() + Duration::from_secs(60))
}

/// A login whose access token has expired.
fn expired(refresh_token: &str) -> StoredToken {
    let token = Token::new("access", Duration::ZERO).with_refresh_token(refresh_token);
    StoredToken::new(token, SystemTime::now())
}

/// Three masters without replicas, of which any may be away.
async fn masters() -> Option<Vec<RedisServer>> {
    let mut servers = Vec::new();
    for (from, to) in RANGES {
        let bus = free_port().to_string();
        let arguments = ["--cluster-enabled", "yes", "--cluster-require-full-coverage", "no"];
        let server = RedisServer::start(&[&arguments[..], &["--cluster-port", &bus]].concat())?;
        let () = server.ask(&["CLUSTER", "ADDSLOTSRANGE", from, to]);
        servers.push(server);
    }
    let nodes: String = servers[0].ask(&["CLUSTER", "NODES"]);
    let bus = nodes.split(['@', ' ', ',']).nth(2).unwrap();
    for server in &servers[1..] {
        let port = servers[0].port.to_string();
        let () = server.ask(&["CLUSTER", "MEET", "127.0.0.1", &port, bus]);
    }
    let knows_all = |server: &RedisServer| {
        let about: String = server.ask(&["CLUSTER", "INFO"]);
        about.contains("cluster_state:ok") && about.contains("cluster_slots_assigned:16384")
    };
    until("a cluster", async || servers.iter().all(knows_all)).await;
    Some(servers)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_master_that_has_the_note_stops_no_logins_of_the_others() {
    const USERS: usize = 16;
    let Some(mut servers) = masters().await else { return };
    let hosts: Vec<_> = servers.iter().map(|it| format!("127.0.0.1:{}", it.port)).collect();
    let cluster = RedisFleet::new(format!("redis+cluster://{}", hosts.join(",")));
    let keys = [SealingKey::new("2026-11", [2; 32])];
    let with_keys = cluster.clone().with_prefix("sealed").with_sealing_keys([1; 32], keys);
    let (plain, sealed) = (cluster.tokens(), with_keys.tokens());
    let slot: usize = servers[0].ask(&["CLUSTER", "KEYSLOT", "{unsealed}"]);
    let is_with_note = |range: &(&str, &str)| slot <= range.1.parse().unwrap();
    let with_note = RANGES.iter().position(is_with_note).unwrap();
    assert!(sealed.load(&user("nobody")).await.unwrap().is_none());
    let mut logins = Vec::new();
    for number in 0..USERS {
        let (key, login) = (user(&number.to_string()), login("1"));
        for store in [&plain, &sealed] {
            store.save(&key, &login, None).await.unwrap();
        }
        logins.push((key, login));
    }

    drop(servers.remove(with_note));

    // Those of its own users cannot be had.
    let mut served = [0; 2];
    for (key, login) in &logins {
        if plain.load(key).await.is_ok() {
            plain.save(key, &refreshed(login), Some(login.revision())).await.unwrap();
            served[0] += 1;
        }
        if sealed.load(key).await.is_ok() {
            sealed.remove(key).await.unwrap();
            sealed.remove_user("client-id-1", key.user().unwrap()).await.unwrap();
            served[1] += 1;
        }
    }
    assert!(served.iter().all(|served| (1..USERS).contains(served)), "{served:?}");
    // So are those that a process saves that begins now.
    let newcomer = cluster.clone().with_prefix("later").tokens();
    let mut saved = 0;
    for number in 0..USERS {
        saved +=
            usize::from(newcomer.save(&user(&number.to_string()), &login("1"), None).await.is_ok());
    }
    assert!((1..USERS).contains(&saved), "{saved}");
    // Who does not know whether anything was ever unsealed removes what is sealed, and says so.
    let newcomer = with_keys.clone().with_prefix("sealed").tokens();
    let mut removed = 0;
    for number in 0..USERS {
        let key = user(&format!("new-{number}"));
        if sealed.save(&key, &login("1"), None).await.is_ok() {
            let error = newcomer.remove(&key).await.unwrap_err();
            assert!(error.is_transient(), "{error}");
            assert_eq!(found(&with_keys.tokens(), &key).await, None);
            removed += 1;
        }
    }
    assert!(removed > 0);
}

/// A `reseal` that begins and ends between two calls of a save.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_that_is_saved_without_keys_is_noted_whatever_reseals_meanwhile() {
    let mut is_over = false;
    for number in 1..20 {
        let Some(server) = RedisServer::start(&[]) else { return };
        let wire = Steps::to(server.port, number, Stop::Before).await;
        let plain = RedisFleet::new(wire.url()).tokens();
        let mut saving = tokio::spawn(async move {
            // The note is written for the first one.
            plain.save(&user("bert"), &login("1"), None).await?;
            plain.save(&anna(), &login("1"), None).await
        });
        tokio::select! {
            _ = wire.stopped() => {
                adopting(&server).reseal().await.unwrap();
                wire.go_on();
                saving.await.unwrap().unwrap();
            }
            saved = &mut saving => {
                saved.unwrap().unwrap();
                is_over = true;
            }
        }
        let strict = sealed(&server).tokens();
        assert!(is_unsealed(strict.load(&anna()).await.unwrap_err()), "{number}");
        assert_eq!(strict.remove_user("client-id-1", "anna").await, Ok(1), "{number}");
        if is_over {
            return;
        }
    }
    assert!(is_over);
}

fn of_fleet<T: std::fmt::Debug>(result: Result<T, StoreError>) -> String {
    match result.unwrap_err() {
        StoreError::Fleet(error @ FleetError::Layout { .. }) => error.to_string(),
        other => panic!("{other}"),
    }
}

/// It says which key it is, and stops nothing of anybody's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn something_else_under_the_note_is_told_and_is_no_trouble_of_logins() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let _: u64 = server.ask(&["RPUSH", NOTE, "x"]);
    let (fleet, store) = (sealed(&server), sealed(&server).tokens());

    assert_eq!(found(&store, &anna()).await, None);
    store.save(&anna(), &login("1"), None).await.unwrap();
    store.remove(&anna()).await.unwrap();
    assert_eq!(found(&store, &anna()).await, None);
    assert_eq!(store.remove_user("client-id-1", "bert").await, Ok(0));

    for error in [fleet.check().await.unwrap_err(), store.reseal().await.unwrap_err()] {
        let is_told = matches!(&error, FleetError::Layout { place } if place == NOTE);
        assert!(is_told, "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn something_else_under_a_lease_is_told_by_the_name_of_the_lease() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let store = fleet(&server).tokens();
    let saved = login("1");
    store.save(&anna(), &saved, None).await.unwrap();
    let lock = store.lock(&anna()).await.unwrap();
    let lease = server.ask::<Vec<String>>(&["KEYS", "*:l:*"]).remove(0);
    drop(lock);
    until("released", async || server.ask::<u64>(&["EXISTS", &lease]) == 0).await;
    let _: u64 = server.ask(&["RPUSH", &lease, "x"]);

    for known in [None, Some(saved.revision())] {
        if known.is_some() {
            let said = of_fleet(store.turn(&anna(), known).await);
            assert!(said.contains(&lease), "{said}");
        }
    }
    let said = of_fleet(store.lock(&anna()).await);
    assert!(said.contains(&lease), "{said}");
    let name = server.ask::<Vec<String>>(&["KEYS", "*:t"]).remove(0);
    let _: u64 = server.ask(&["DEL", &name]);
    let () = server.ask(&["SET", &name, "x"]);
    let said = of_fleet(store.turn(&anna(), None).await);
    assert!(said.contains(&name), "{said}");
}

/// What the accounts service says of a refresh token that it does not take any more.
fn invalid_grant() -> Outcome {
    let (status, code) = (reqwest::StatusCode::BAD_REQUEST, OAuthErrorCode::InvalidGrant);
    Outcome::Fail(
        OAuthError::Rejected { status, code, description: None, retry_after: None }.into(),
    )
}

/// Finds out that the refresh token has ended.
async fn end(store: RedisTokenStore) {
    let source = ScriptedSource::default();
    source.next(invalid_grant());
    let cache = TokenCache::new(source.clone()).with_store(store, anna());
    assert!(cache.header().await.unwrap_err().needs_login());
    assert_eq!(source.previous(), [Some("r1".to_owned())]);
}

/// F8: an entry that has ended has the revision of what it marks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_ends_between_the_steps_of_a_reseal_stays_ended() {
    let old = || SealingKey::new("old", [2; 32]);
    let two = |url: String| {
        let keys = [SealingKey::new("new", [3; 32]), old()];
        RedisFleet::new(url).with_sealing_keys([1; 32], keys)
    };
    for was_sealed in [true, false] {
        let mut is_over = false;
        for number in 1..40 {
            let Some(server) = RedisServer::start(&[]) else { return };
            let before = match was_sealed {
                true => fleet(&server).with_sealing_keys([1; 32], [old()]).tokens(),
                false => fleet(&server).tokens(),
            };
            before.save(&anna(), &expired("r1"), None).await.unwrap();
            let wire = Steps::to(server.port, number, Stop::Before).await;
            let resealing = two(wire.url()).adopt_unsealed().tokens();
            let mut resealing = tokio::spawn(async move { resealing.reseal().await });
            let step = tokio::select! {
                step = wire.stopped() => step,
                resealed = &mut resealing => {
                    assert_eq!(resealed.unwrap(), Ok(1));
                    is_over = true;
                    break;
                }
            };
            end(before).await;
            wire.go_on();
            resealing.await.unwrap().unwrap();

            let source = ScriptedSource::default();
            let keys = two(server.url()).adopt_unsealed();
            let there = keys.tokens().load(&anna()).await.unwrap().unwrap();
            assert!(there.has_ended(), "{was_sealed}, {step} {number}");
            let cache = TokenCache::new(source.clone()).with_store(keys.tokens(), anna());
            assert!(cache.header().await.unwrap_err().needs_login());
            assert_eq!(source.previous(), [], "{was_sealed}, {step} {number}");
        }
        assert!(is_over);
    }
}
