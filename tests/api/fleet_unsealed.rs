//! What a login that stands unsealed costs, and what becomes of it, whatever is lost and whichever
//! process is cut off meanwhile.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::StreamExt;
use spotify_web::auth::{PkceAuthenticator, StoredToken, TokenStore};
use spotify_web::fleet::{FleetError, RedisFleet, SealingKey};
use spotify_web::oauth::Token;

use crate::common::{RedisServer, Steps, Stop};
use crate::fleet::{fleet, key, login};
use crate::fleet_adoption::{
    adopting, all, field, found, is_of_unsealed, is_unsealed, mark_of, sealed, user,
};
use crate::fleet_servers::until;

/// With keys of another program beside the fleet's.
fn fill(server: &RedisServer, number: u32) {
    let script = format!("for i = 1, {number} do redis.call('SET', 'other:' .. i, 'x') end");
    let () = server.ask(&["EVAL", &script, "0"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_walks_over_no_other_logins() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let store = sealed(&server).tokens();
    store.save(&user("bert"), &login("1"), None).await.unwrap();

    for _ in 0..3 {
        assert_eq!(found(&sealed(&server).tokens(), &key()).await, None);
    }
    fleet(&server).tokens().save(&key(), &login("1"), None).await.unwrap();
    for store in [store, sealed(&server).tokens()] {
        assert!(is_unsealed(store.load(&key()).await.unwrap_err()), "also one that looked before");
        assert_eq!(found(&store, &user("carl")).await, None);
        assert_eq!(store.remove_user("client-id-1", "carl").await, Ok(0));
    }

    assert_eq!(server.calls("scan"), 0);
}

/// As long as no login is saved without the keys.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_all_logins_are_sealed_none_is_looked_for_unsealed() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let notes = || server.ask::<Vec<String>>(&["KEYS", "*:u"]).len();
    let plain = fleet(&server).tokens();
    plain.save(&key(), &login("1"), None).await.unwrap();
    assert!(is_of_unsealed(&sealed(&server).tokens().reseal().await.unwrap_err()));
    assert_eq!(notes(), 1);

    assert_eq!(adopting(&server).reseal().await, Ok(1));
    assert_eq!(notes(), 0);

    plain.save(&user("bert"), &login("2"), None).await.unwrap();
    let error = sealed(&server).tokens().load(&user("bert")).await.unwrap_err();
    assert!(is_unsealed(error));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_finds_logins_among_many_keys_of_other_programs() {
    let Some(server) = RedisServer::start(&[]) else { return };
    fill(&server, 20_000);
    let keys = |name_key, key| {
        fleet(&server).with_sealing_keys([name_key; 32], [SealingKey::new("2026-11", [key; 32])])
    };
    keys(1, 2).check().await.unwrap();
    keys(1, 2).tokens().save(&key(), &login("1"), None).await.unwrap();

    keys(1, 2).check().await.unwrap();
    let error = keys(1, 3).check().await.unwrap_err();
    assert!(matches!(error, FleetError::Sealed { .. }), "{error}");
    let error = keys(3, 2).check().await.unwrap_err();
    assert!(matches!(error, FleetError::OtherNameKey { .. }), "{error}");

    for number in 0..20 {
        let user = user(&format!("user-{number}"));
        keys(1, 2).tokens().save(&user, &login("1"), None).await.unwrap();
    }
    fleet(&server).tokens().save(&user("bert"), &login("2"), None).await.unwrap();
    assert!(is_of_unsealed(&keys(1, 2).check().await.unwrap_err()));
}

fn refreshed(login: &StoredToken, refresh_token: &str) -> StoredToken {
    let token = Token::new("access", Duration::from_secs(60)).with_refresh_token(refresh_token);
    login.followed_by(token, SystemTime::now() + Duration::from_secs(60))
}

fn hashes(server: &RedisServer) -> Vec<String> {
    server.ask(&["KEYS", "*:t"])
}

/// The unsealed login may be what somebody put back, or what was taken over before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_takes_over_an_old_login_waits_for_who_knows_a_later_one() {
    for lost in ["both", "the sealed one"] {
        let Some(server) = RedisServer::start(&[]) else { return };
        let (first, plain) = (login("1"), fleet(&server).tokens());
        plain.save(&key(), &first, None).await.unwrap();
        let unsealed = hashes(&server).remove(0);
        let knows = adopting(&server);
        assert_eq!(found(&knows, &key()).await.as_deref(), Some("refresh-1"));
        let later = refreshed(&first, "refresh-2");
        knows.save(&key(), &later, Some(first.revision())).await.unwrap();
        if lost == "both" {
            let () = server.ask(&["FLUSHALL"]);
            tokio::spawn(async move { plain.load(&key()).await });
            until("put back", async || !hashes(&server).is_empty()).await;
        } else {
            // Long ago.
            let taken_over = field(&server, &unsealed, 't');
            let _: i64 = server.ask(&["HINCRBY", &unsealed, &taken_over, "-10000"]);
            for name in hashes(&server).iter().filter(|name| **name != unsealed) {
                let _: u64 = server.ask(&["DEL", name]);
            }
        }

        let newcomer = adopting(&server);
        let newcomer = tokio::spawn(async move { found(&newcomer, &key()).await });
        until("taken over", async || hashes(&server).len() == 2).await;
        assert_eq!(found(&knows, &key()).await.as_deref(), Some("refresh-2"), "{lost}");

        assert_eq!(newcomer.await.unwrap().as_deref(), Some("refresh-2"), "{lost}");
    }
}

/// Of the two places, the unsealed one is left behind by a process that ends in between.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_finds_half_a_removal_ends_it() {
    for done in ["remove", "log out"] {
        let mut halves = 0;
        for number in 1..40 {
            let Some(server) = RedisServer::start(&[]) else { return };
            let first = login("1");
            fleet(&server).tokens().save(&key(), &first, None).await.unwrap();
            let mark = mark_of(&first).await;
            let steps = Steps::to(server.port, number, Stop::Before).await;
            let store = by(&steps).tokens();
            let mut removing = tokio::spawn(async move {
                store.load(&key()).await?;
                match done {
                    "remove" => store.remove(&key()).await,
                    _ => store.save(&key(), &mark, Some(first.revision())).await,
                }
            });
            let step = tokio::select! {
                step = steps.stopped() => step,
                removed = &mut removing => {
                    removed.unwrap().unwrap();
                    break;
                }
            };
            removing.abort();
            drop(steps);
            if step != "remove seen or put back" {
                continue;
            }
            halves += 1;

            let listed: Vec<_> = adopting(&server).logins().collect().await;
            assert_eq!(listed, [], "{done}");
            assert_eq!(found(&adopting(&server), &key()).await, None, "{done}");

            assert_eq!(found(&fleet(&server).tokens(), &key()).await, None, "{done}");
            assert!(!all(&server).contains("refresh-1"), "{done}");
            assert_eq!(adopting(&server).reseal().await, Ok(0), "{done}");
        }
        assert!(halves > 0, "{done}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_out_that_failed_half_way_is_saved_at_both_places_when_it_settles() {
    let mut halves = 0;
    for number in 1..40 {
        let Some(server) = RedisServer::start(&[]) else { return };
        fleet(&server).tokens().save(&key(), &login("1"), None).await.unwrap();
        let steps = Steps::to(server.port, number, Stop::Before).await;
        let anna = PkceAuthenticator::new("client-id-1").with_store(by(&steps).tokens(), key());
        let anna = Arc::new(anna);
        let logs_out = Arc::clone(&anna);
        let mut logs_out = tokio::spawn(async move { logs_out.log_out().await });
        let step = tokio::select! {
            step = steps.stopped() => step,
            done = &mut logs_out => {
                done.unwrap().unwrap();
                break;
            }
        };
        if step != "remove seen or put back" {
            continue;
        }
        halves += 1;
        let () = server.ask(&["CONFIG", "SET", "min-replicas-to-write", "1"]);
        steps.go_on();
        logs_out.await.unwrap().unwrap_err();
        let () = server.ask(&["CONFIG", "SET", "min-replicas-to-write", "0"]);

        anna.settle().await.unwrap();

        assert_eq!(found(&fleet(&server).tokens(), &key()).await, None);
        assert!(!all(&server).contains("refresh-1"));
    }
    assert!(halves > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn something_else_at_the_unsealed_place_keeps_no_login_from_being_removed() {
    let Some(server) = RedisServer::start(&[]) else { return };
    fleet(&server).tokens().save(&key(), &login("1"), None).await.unwrap();
    let unsealed = hashes(&server).remove(0);
    let _: u64 = server.ask(&["DEL", &unsealed]);
    let () = server.ask(&["SET", &unsealed, "x"]);
    let store = adopting(&server);
    for done in ["remove", "remove_user", "log_out"] {
        let there = store.load(&key()).await.unwrap_or_default().map(|there| there.revision());
        store.save(&key(), &login("2"), there).await.unwrap();

        match done {
            "remove" => store.remove(&key()).await.unwrap(),
            "remove_user" => assert_eq!(store.remove_user("client-id-1", "anna").await, Ok(1)),
            _ => {
                let anna = PkceAuthenticator::new("client-id-1").with_store(store.clone(), key());
                anna.log_out().await.unwrap();
            }
        }

        for store in [&store, &adopting(&server)] {
            assert_eq!(found(store, &key()).await, None, "{done}");
        }
    }
    assert_eq!(server.ask::<String>(&["GET", &unsealed]), "x");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_that_is_cut_off_leaves_nothing_for_long() {
    let mut seen = 0;
    for number in 1..20 {
        let Some(server) = RedisServer::start(&[]) else { return };
        let steps = Steps::to(server.port, number, Stop::After).await;
        // There is none, which is said when the rest has been seen.
        let fleet = RedisFleet::new(steps.url()).with_replicas(1);
        let mut checking = tokio::spawn(async move { fleet.check().await });
        tokio::select! {
            _ = steps.stopped() => {}
            checked = &mut checking => {
                let expected = FleetError::NotReplicated { wanted: 1, confirmed: 0 };
                assert_eq!(checked.unwrap(), Err(expected));
                break;
            }
        }
        checking.abort();
        drop(steps);
        let left: Vec<String> = server.ask(&["KEYS", "*:c"]);
        if let Some(name) = left.first() {
            seen += 1;
            let left: i64 = server.ask(&["PTTL", name]);
            assert!((0..=60_000).contains(&left), "{left} ms after step {number}");
        }
    }
    assert!(seen >= 2, "what it saved is read as well");
}

/// A process that takes over, by a wire.
fn by(steps: &Steps) -> RedisFleet {
    let keys = [SealingKey::new("2026-11", [2; 32])];
    RedisFleet::new(steps.url()).with_sealing_keys([1; 32], keys).adopt_unsealed()
}
