//! A right that is taken away while the fleet runs: no refresh token is sent that could not be saved, and a right
//! that is back is noticed.

use std::time::SystemTime;

use futures_util::future::join_all;
use spotify_web::auth::{StoreError, StoredToken, TokenKey, TokenStore};
use spotify_web::fleet::{FleetError, FleetEvent, RedisFleet, SealingKey};

use crate::common::RedisServer;
use crate::fleet::{fleet, login};
use crate::fleet_adoption::{field, user};
use crate::fleet_losses::names;
use crate::fleet_rights::{PREFIX, rights, without};
use crate::fleet_servers::until;
use crate::fleet_told::heard;

fn next(first: &StoredToken) -> StoredToken {
    first.followed_by(first.token().unwrap().clone(), SystemTime::now())
}

fn lacks(error: &StoreError) -> Option<&str> {
    match error {
        StoreError::Fleet(FleetError::NoPermission { reason, .. }) => Some(reason),
        _ => None,
    }
}

/// Whether a refresh token would be sent, and what came of it saved.
async fn refreshes(fleet: &RedisFleet, key: &TokenKey, has_turn: bool) -> (bool, bool) {
    let store = fleet.tokens();
    let Ok(Some(there)) = store.load(key).await else { return (false, false) };
    let taken = match has_turn {
        true => store.turn(key, Some(there.revision())).await,
        false => store.lock(key).await,
    };
    if let Err(error) = &taken {
        assert!(lacks(error).is_some(), "{error:?}");
    }
    let is_saved =
        taken.is_ok() && store.save(key, &next(&there), Some(there.revision())).await.is_ok();
    (taken.is_ok(), is_saved)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_could_not_save_gets_no_lease() {
    let Some(server) = RedisServer::start(&[]) else { return };
    for right in rights() {
        for (is_sealed, has_turn) in [(false, true), (false, false), (true, true)] {
            for key in [user("anna"), TokenKey::new("client-id-1")] {
                let of = |fleet: RedisFleet| match is_sealed {
                    true => fleet
                        .with_prefix(PREFIX)
                        .with_sealing_keys([1; 32], [SealingKey::new("a", [2; 32])]),
                    false => fleet.with_prefix(PREFIX),
                };
                let () = server.ask(&["FLUSHALL"]);
                of(fleet(&server)).tokens().save(&key, &login("1"), None).await.unwrap();

                let url = without(&server, right);
                let (is_sent, is_saved) =
                    refreshes(&of(RedisFleet::new(&url)), &key, has_turn).await;

                assert_eq!(is_sent, is_saved, "{key} without {right}");
            }
        }
    }
}

/// A server that says which is missing is quoted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_right_that_a_save_lacks_is_named() {
    let Some(server) = RedisServer::start(&[]) else { return };
    for right in ["+hset", "+hdel", "+pexpire"] {
        let fleet = RedisFleet::new(without(&server, right)).with_prefix(PREFIX);

        let error = fleet.tokens().lock(&user("anna")).await.unwrap_err();

        let reason = lacks(&error).unwrap();
        assert!(reason.contains(&format!("'{}'", right.trim_start_matches('+'))), "{reason}");
        let text = std::error::Error::source(&error)
            .map_or_else(|| error.to_string(), ToString::to_string);
        assert!(text.contains("grant `~my-bots:1:*") && !text.contains(".;"), "{text}");
        let () = server.ask(&["ACL", "DELUSER", "bot"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_that_passes_says_that_a_right_is_back() {
    let Some(server) = RedisServer::start(&[]) else { return };
    for right in ["+hdel", "+hkeys", "+zadd"] {
        let (heard, events) = heard(&without(&server, right));
        let fleet = heard.with_prefix(PREFIX);
        let store = fleet.tokens();
        store.load(&user("anna")).await.unwrap();
        match right {
            "+zadd" => drop(fleet.check().await.unwrap_err()),
            _ => drop(store.remove_user("client-id-1", "anna").await.unwrap_err()),
        }
        assert_eq!(fleet.stats().is_alone, Some(true), "{right}");
        let () = server.ask(&["ACL", "SETUSER", "bot", right]);
        store.load(&user("anna")).await.unwrap();
        assert_eq!(fleet.stats().is_alone, Some(true), "{right}: not the same call");

        fleet.check().await.unwrap();

        assert_eq!((fleet.stats().is_alone, fleet.stats().error), (Some(false), None), "{right}");
        let is_back = |event: &FleetEvent| matches!(event, FleetEvent::Rejoined { .. });
        until("told", async || events.lock().unwrap().iter().any(is_back)).await;
        // Another right that is missing is another trouble.
        let () = server.ask(&["ACL", "SETUSER", "bot", "-hset"]);
        store.save(&user("bert"), &login("1"), None).await.unwrap_err();
        assert_eq!(fleet.stats().is_alone, Some(true), "{right}");
        let () = server.ask(&["ACL", "DELUSER", "bot"]);
    }
}

/// Its time is still to come where the server's clock was set back since: who has waited says since when it stands.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_time_of_what_was_put_back_is_set_right_as_a_whole_or_not_at_all() {
    let cases =
        [("+hset", None, false), ("+hdel", None, true), ("", Some("nan"), false), ("", None, true)];
    join_all(cases.map(async |(right, of_all, is_done)| {
        let Some(server) = RedisServer::start(&[]) else { return };
        let owner = fleet(&server).with_prefix(PREFIX).tokens();
        owner.save(&user("anna"), &login("1"), None).await.unwrap();
        let name = names(&server).remove(0);
        let put_back = field(&server, &name, 'v').replace('v', "p");
        let now: u64 = server.ask::<Vec<String>>(&["TIME"])[0].parse().unwrap();
        let later = (now * 1000 + 3_600_000).to_string();
        let _: u64 = server.ask(&["HSET", &name, &put_back, &later]);
        if let Some(text) = of_all {
            let _: u64 = server.ask(&["HSET", &name, "gp", text]);
        }

        let store = RedisFleet::new(without(&server, right)).with_prefix(PREFIX).tokens();
        store.load(&user("anna")).await.unwrap();

        let stands: Option<String> = server.ask(&["HGET", &name, &put_back]);
        let stands = stands.map(|at| at.parse::<u64>().unwrap() / 1000);
        let earlier = stands.filter(|at| *at < now + 60);
        assert!(stands.is_some() && earlier.is_some() == is_done, "{right} {of_all:?} {stands:?}");
    }))
    .await;
}
