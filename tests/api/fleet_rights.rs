//! Rights that a user of the server's access list lacks: the check finds each that anything needs, the error names
//! the fleet's own keys, and nothing is half done.

use std::time::SystemTime;

use futures_util::StreamExt;
use spotify_web::auth::{PkceAuthenticator, StoreError, StoredToken, TokenStore};
use spotify_web::fleet::{FleetError, FleetEvent, RedisFleet, RedisTokenStore, SealingKey};
use spotify_web::middleware::Told;

use crate::common::RedisServer;
use crate::fleet::{fleet, login};
use crate::fleet_adoption::{found, mark_of, user};
use crate::fleet_rate::exchange_of;
use crate::fleet_servers::until;
use crate::fleet_told::{heard, of_store};

pub(crate) const PREFIX: &str = "my-bots";

/// Each right of the guide's list.
pub(crate) fn rights() -> Vec<&'static str> {
    let guide = include_str!("../../docs/fleet.md");
    let list = guide.lines().find(|line| line.starts_with("~spotify-web:1:*")).unwrap();
    list.split(' ').skip(1).collect()
}

/// The URL of a user with all of these but one.
pub(crate) fn without(server: &RedisServer, right: &str) -> String {
    let all = rights();
    let names = format!("~{PREFIX}:1:*");
    let mut words = vec!["ACL", "SETUSER", "bot", "reset", "on", ">pw", &names];
    words.extend(all.iter().filter(|it| **it != right));
    let () = server.ask(&words);
    format!("redis://bot:pw@127.0.0.1:{}", server.port)
}

/// What the fleet does, each by itself, with what came of it.
async fn uses(fleet: &RedisFleet) -> Vec<(&'static str, Result<(), FleetError>)> {
    let store = fleet.tokens();
    // What was refused before is not there to be replaced.
    let of_fleet = |result: Result<(), StoreError>| match result {
        Err(StoreError::Stale) => Ok(()),
        result => result.map_err(|error| of_store::<()>(Err(error))),
    };
    let (anna, first) = (user("anna"), login("1"));
    let mut listed = Ok(());
    let saved = store.save(&anna, &first, None).await;
    let mut logins = store.logins();
    while let Some(key) = logins.next().await {
        listed = listed.and_then(|()| key.map(drop));
    }
    let mark = mark_of(&first).await;
    vec![
        ("save", of_fleet(saved)),
        ("load", of_fleet(store.load(&anna).await.map(drop))),
        ("lock", of_fleet(store.lock(&anna).await.map(drop))),
        ("turn", of_fleet(store.turn(&anna, None).await.map(drop))),
        ("list", listed),
        ("reseal", store.reseal().await.map(drop)),
        ("log-out", of_fleet(store.save(&anna, &mark, Some(first.revision())).await)),
        ("remove", of_fleet(store.remove(&anna).await)),
        ("remove_user", store.remove_user("client-id-1", "anna").await.map(drop)),
        (
            "rate",
            exchange_of(Some("app"), &fleet.shared_limit(), Told::default())
                .await
                .map(drop)
                .map_err(|error| FleetError::Server { reason: error.to_string() }),
        ),
    ]
}

/// On the day of its deployment a server is empty, and knows no script; later it knows all of them, until it is
/// restarted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_check_finds_each_right_that_anything_needs_on_an_empty_server() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let mut found = Vec::new();
    for right in rights() {
        for (is_sealed, knows_scripts) in [(false, false), (true, true)] {
            let () = server.ask(&["FLUSHALL"]);
            let () = server.ask(&["SCRIPT", "FLUSH"]);
            let plain = |url: &str| RedisFleet::new(url).with_prefix(PREFIX);
            if knows_scripts {
                plain(&server.url()).check().await.unwrap();
                uses(&plain(&server.url())).await;
                let () = server.ask(&["FLUSHALL"]);
            }
            let url = without(&server, right);
            let fleet = || match is_sealed {
                true => plain(&url).with_sealing_keys([1; 32], [SealingKey::new("a", [2; 32])]),
                false => plain(&url),
            };
            let checked = fleet().check().await;
            let () = server.ask(&["SCRIPT", "FLUSH"]);

            match checked {
                Err(error) => {
                    let is_told = matches!(&error, FleetError::NoPermission { prefix: Some(prefix), .. } if prefix == PREFIX);
                    assert!(is_told, "without {right}: {error:?}");
                    found.push(right);
                }
                Ok(()) => {
                    for (use_of, result) in uses(&fleet()).await {
                        assert!(result.is_ok(), "without {right}, {use_of}: {result:?}");
                    }
                }
            }
        }
    }
    // The others are not needed by these settings, or by no server.
    for right in ["+hkeys", "+hlen", "+hstrlen", "+eval", "+evalsha", "+scan", "+del", "+zadd"] {
        assert_eq!(found.iter().filter(|it| **it == right).count(), 2, "{right}: {found:?}");
    }
}

/// Also where the command has no key, and by a listener.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_right_that_is_missing_is_told_with_the_prefix_of_the_fleet() {
    let Some(server) = RedisServer::start(&[]) else { return };
    for right in ["+del", "+scan", "+hset", "+hmget", "+evalsha", "+eval", "+hkeys"] {
        let () = server.ask(&["FLUSHALL"]);
        let () = server.ask(&["SCRIPT", "FLUSH"]);
        let (heard, events) = heard(&without(&server, right));
        let fleet = heard.with_prefix(PREFIX);

        let mut errors: Vec<_> = fleet.check().await.err().into_iter().collect();
        errors.extend(uses(&fleet).await.into_iter().filter_map(|(_, result)| result.err()));
        errors.retain(|error| !matches!(error, FleetError::Server { .. }));

        // A walk is no trouble of what users have to do with.
        let is_alone = |event: &FleetEvent| matches!(event, FleetEvent::Alone { .. });
        let is_heard = || events.lock().unwrap().iter().any(is_alone);
        until("heard", async || right == "+scan" || is_heard()).await;
        let events = events.lock().unwrap();
        errors.extend(events.iter().filter_map(|event| match event {
            FleetEvent::Alone { error } => Some(error.clone()),
            _ => None,
        }));
        errors.extend(fleet.stats().error);
        for error in errors {
            let text = error.to_string();
            let is_it =
                matches!(&error, FleetError::NoPermission { prefix: Some(it), .. } if it == PREFIX);
            let is_told = text.contains("grant `~my-bots:1:*") && !text.contains(".;");
            assert!(is_it && is_told, "{right}: {error:?}");
        }
    }
}

/// What stands there of all users, but for the marks of saves, by which a login is not found.
async fn standing(fleet: &RedisFleet) -> Vec<Option<String>> {
    let (store, mut standing) = (fleet.tokens(), Vec::new());
    for name in ["anna", "bert", "carl", "dora"] {
        standing.push(found(&store, &user(name)).await);
    }
    standing
}

async fn try_all(store: &RedisTokenStore, first: &StoredToken) -> Vec<bool> {
    let next = first.followed_by(first.token().unwrap().clone(), SystemTime::now());
    let mark = mark_of(first).await;
    let replaces = Some(first.revision());
    let anna = user("anna");
    vec![
        // A refresh, another login, a log-out, the first login of another, one where another was removed.
        store.save(&anna, &next, replaces).await.is_ok(),
        store.save(&anna, &login("2"), replaces).await.is_ok(),
        store.save(&anna, &mark, replaces).await.is_ok(),
        store.save(&user("bert"), &login("3"), None).await.is_ok(),
        store.save(&user("carl"), &login("4"), None).await.is_ok(),
        store.remove(&anna).await.is_ok(),
        store.remove_user("client-id-1", "anna").await.is_ok(),
        store.remove_user("client-id-1", "dora").await.is_ok(),
    ]
}

/// A script that fails in its middle is not undone: what may fail comes first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_right_that_is_missing_in_the_middle_of_a_step_leaves_what_stood_there() {
    let Some(server) = RedisServer::start(&[]) else { return };
    for is_sealed in [false, true] {
        for right in ["+hset", "+hdel", "+pexpire"] {
            let of = |fleet: RedisFleet| match is_sealed {
                true => fleet
                    .with_prefix(PREFIX)
                    .with_sealing_keys([1; 32], [SealingKey::new("2026-11", [2; 32])]),
                false => fleet.with_prefix(PREFIX),
            };
            let (owner, first) = (of(fleet(&server)).tokens(), login("1"));
            owner.save(&user("anna"), &first, None).await.unwrap();
            owner.remove(&user("carl")).await.unwrap();
            owner.save(&user("dora"), &login("5"), None).await.unwrap();
            let before = standing(&of(fleet(&server))).await;
            let ends = |server: &RedisServer| -> Vec<i64> {
                let names: Vec<String> = server.ask(&["KEYS", "*:t"]);
                names.iter().map(|name| server.ask(&["PTTL", name])).collect()
            };

            // By a process for each, which knows nothing.
            let url = without(&server, right);
            let done = try_all(&of(RedisFleet::new(&url)).tokens(), &first).await;

            assert!(done.iter().all(|is_done| !is_done), "{right} {done:?}");
            assert_eq!(standing(&of(fleet(&server))).await, before, "{right}");
            let listed: Vec<_> = of(fleet(&server)).tokens().logins().collect().await;
            assert!(listed.iter().all(Result::is_ok) && listed.len() == 2, "{right} {listed:?}");
            if right != "+pexpire" {
                assert!(ends(&server).iter().all(|end| *end > 0), "{right} {:?}", ends(&server));
            }
            let anna =
                PkceAuthenticator::new("client-id-1").with_store(owner.clone(), user("anna"));
            assert!(!anna.needs_login().await.unwrap());
            let () = server.ask(&["FLUSHALL"]);
        }
    }
}
