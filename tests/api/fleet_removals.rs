//! What was removed stays removed, and what was done later stays, whichever response is lost and
//! whatever the clocks say.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use spotify_web::auth::{TokenCache, TokenCacheOptions, TokenKey, TokenStore};
use spotify_web::fleet::{RedisFleet, RedisTokenStore, SealingKey};
use spotify_web::oauth::Token;

use crate::common::{ManualClock, RedisServer, ScriptedSource, Steps, Stop};
use crate::fleet::{fleet, login};
use crate::fleet_adoption::{adopting, field, found, sealed, user};
use crate::fleet_late_logins::Away;
use crate::fleet_servers::until;

const HOUR: Duration = Duration::from_secs(3600);

fn anna() -> TokenKey {
    user("anna")
}

/// The token of an app, of which nothing is waited for.
fn app() -> TokenKey {
    TokenKey::new("client-id-1")
}

fn names(server: &RedisServer) -> Vec<String> {
    server.ask(&["KEYS", "*:t"])
}

/// Whether any login stands there.
pub(crate) fn has_login(server: &RedisServer) -> bool {
    let fields = |name: &String| server.ask::<Vec<String>>(&["HKEYS", name]);
    let is_record = |field: &String| field.len() == 17 && field.ends_with('r');
    names(server).iter().flat_map(fields).any(|field| is_record(&field))
}

/// As by a server whose clock is ahead of that of its successor.
fn move_ahead(server: &RedisServer) {
    let name = names(server).remove(0);
    let number = field(server, &name, 'n');
    let _: u64 = server.ask(&["HINCRBY", &name, &number, "60000"]);
}

pub(crate) async fn remove(store: &RedisTokenStore, how: &str) {
    match how {
        "remove" => store.remove(&anna()).await.unwrap(),
        _ => assert!(store.remove_user("client-id-1", "anna").await.is_ok()),
    }
}

/// By a process whose clock is some seconds ahead.
async fn log_in(server: &RedisServer, name: &str, seconds: i64) -> RedisTokenStore {
    let clock = ManualClock::new();
    clock.jump_wall(seconds);
    let store = fleet(server).with_clock(clock.clone()).tokens();
    let options = TokenCacheOptions::default().with_clock(clock);
    let cache = TokenCache::new(ScriptedSource::default()).with_options(options);
    let token = Token::new("access", HOUR).with_refresh_token(format!("refresh-{name}"));
    cache.with_store(store.clone(), anna()).log_in(token).await.unwrap();
    store
}

/// The process finds its connection closed, and looks at what it knows on the next one.
pub(crate) async fn reconnect(server: &RedisServer, store: &RedisTokenStore) {
    let _: u64 = server.ask(&["CLIENT", "KILL", "TYPE", "normal"]);
    until("served", async || store.load(&app()).await.is_ok()).await;
}

/// F25: also one after which the same process tries again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_user_is_removed_again_whichever_response_is_lost() {
    for number in 1..30 {
        let Some(mut server) = RedisServer::start(&[]) else { return };
        let wire = Arc::new(Steps::to(server.port, number, Stop::After).await);
        let (old, remover) = (fleet(&server).tokens(), RedisFleet::new(wire.url()).tokens());
        old.save(&anna(), &login("old"), None).await.unwrap();
        let loses = tokio::spawn({
            let wire = Arc::clone(&wire);
            async move {
                wire.stopped().await;
                wire.hang_up();
            }
        });
        assert_eq!(remover.remove_user("client-id-1", "anna").await, Ok(1));
        server.restart_empty();
        // Unless the remover is faster, which lost a connection before.
        let back = found(&old, &anna()).await;
        assert!(back.is_none_or(|refresh_token| refresh_token == "refresh-old"));

        until("served", async || remover.load(&app()).await.is_ok()).await;

        until("ended", async || !has_login(&server)).await;
        if !loses.is_finished() {
            assert!(number > 4, "what is put back is among the calls");
            assert_eq!(found(&old, &anna()).await, None);
            return;
        }
    }
}

/// F20
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_with_a_later_number_than_a_removal_stays_whatever_the_clocks_of_processes_say() {
    for lost in ["the removal", "all"] {
        for seconds in [-3600, 3600] {
            let Some(mut server) = RedisServer::start(&[]) else { return };
            let clock = ManualClock::new();
            clock.jump_wall(seconds);
            let remover = fleet(&server).with_clock(clock).tokens();
            let old = fleet(&server).tokens();
            old.save(&anna(), &login("old"), None).await.unwrap();
            let name = names(&server).remove(0);
            let () = server.ask(&["COPY", &name, "before"]);
            remove(&remover, "remove_user").await;
            let at: u64 = server.ask(&["HGET", &name, "g"]);
            match lost {
                "all" => server.restart_empty(),
                _ => server.ask(&["COPY", "before", &name, "REPLACE"]),
            }
            until("later", async || server.ask::<Vec<u64>>(&["TIME"])[0] * 1000 > at).await;
            let new = log_in(&server, "new", 0).await;

            reconnect(&server, &remover).await;

            let is_marked =
                async || names(&server).iter().any(|it| server.ask(&["HEXISTS", it, "g"]));
            until("put back", is_marked).await;
            for store in [fleet(&server).tokens(), old, new, remover] {
                let there = found(&store, &anna()).await;
                assert_eq!(there.as_deref(), Some("refresh-new"), "{lost}, {seconds}");
            }
        }
    }
}

/// The login may have been refreshed since it was put back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_login_ends_whatever_the_clocks_of_processes_say() {
    for how in ["remove", "remove_user"] {
        for lost in ["the removal", "all", "all, and then refreshed"] {
            for seconds in [-3600, 3600] {
                let Some(mut server) = RedisServer::start(&[]) else { return };
                let old = log_in(&server, "old", seconds).await;
                let name = names(&server).remove(0);
                let () = server.ask(&["COPY", &name, "before"]);
                let remover = fleet(&server).tokens();
                remove(&remover, how).await;
                match lost {
                    "the removal" => server.ask(&["COPY", "before", &name, "REPLACE"]),
                    _ => server.restart_empty(),
                }
                let there = old.load(&anna()).await.unwrap();
                if lost.ends_with("refreshed") {
                    let there = there.unwrap();
                    let token = Token::new("access", HOUR).with_refresh_token("refresh-later");
                    let later = there.followed_by(token, SystemTime::now() + HOUR);
                    old.save(&anna(), &later, Some(there.revision())).await.unwrap();
                }

                reconnect(&server, &remover).await;

                let what = format!("ended: {how}, {lost}, {seconds}");
                until(&what, async || !has_login(&server)).await;
                for store in [old, fleet(&server).tokens(), remover] {
                    assert_eq!(found(&store, &anna()).await, None, "{what}");
                }
            }
        }
    }
}

/// Of a server whose clock is behind that of the one before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_later_login_stays_also_where_a_process_has_only_read_of_a_removal() {
    for how in ["remove", "remove_user"] {
        for reader in [false, true] {
            let Some(mut server) = RedisServer::start(&[]) else { return };
            let (remover, seen_by) = (fleet(&server).tokens(), fleet(&server).tokens());
            remover.save(&anna(), &login("old"), None).await.unwrap();
            move_ahead(&server);
            remove(&remover, how).await;
            assert_eq!(found(&seen_by, &anna()).await, None);
            server.restart_empty();
            let new = fleet(&server).tokens();
            new.save(&anna(), &login("new"), None).await.unwrap();

            let first = if reader { &seen_by } else { &remover };
            assert_eq!(found(first, &anna()).await.as_deref(), Some("refresh-new"), "{how}");

            for store in [fleet(&server).tokens(), new, remover, seen_by] {
                let there = found(&store, &anna()).await;
                assert_eq!(there.as_deref(), Some("refresh-new"), "{how}, {reader}");
            }
        }
    }
}

/// Between the look that finds nothing, and what is put back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removal_with_a_later_number_undoes_no_login_that_was_made_meanwhile() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let other = fleet(&server).tokens();
    other.save(&anna(), &login("old"), None).await.unwrap();
    move_ahead(&server);
    other.remove(&anna()).await.unwrap();
    // A look, a look that finds nothing, and what is put back.
    let wire = Steps::to(server.port, 3, Stop::Before).await;
    let store = RedisFleet::new(wire.url()).tokens();
    assert_eq!(found(&store, &anna()).await, None);
    let () = server.ask(&["FLUSHALL"]);
    let late = tokio::spawn({
        let store = store.clone();
        async move { store.load(&anna()).await }
    });
    wire.stopped().await;

    let new = fleet(&server).tokens();
    new.save(&anna(), &login("new"), None).await.unwrap();
    wire.go_on();

    late.await.unwrap().unwrap();
    for store in [fleet(&server).tokens(), new, store] {
        assert_eq!(found(&store, &anna()).await.as_deref(), Some("refresh-new"));
    }
}

/// By a process that did not know the login, at a server whose clock is behind that by which the
/// login was made.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removal_with_an_earlier_number_is_not_undone_by_who_knows_the_login() {
    for how in ["remove", "remove_user"] {
        let Some(mut server) = RedisServer::start(&[]) else { return };
        let knows = fleet(&server).tokens();
        knows.save(&anna(), &login("old"), None).await.unwrap();
        move_ahead(&server);
        assert!(found(&knows, &anna()).await.is_some());
        server.restart_empty();
        let remover = fleet(&server).tokens();
        remove(&remover, how).await;

        for store in [&knows, &remover, &fleet(&server).tokens(), &knows] {
            assert_eq!(found(store, &anna()).await, None, "{how}");
        }
    }
}

/// The same of a login that was made without the keys, which stands at another place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_later_login_without_keys_stays_also_where_a_lost_removal_has_a_later_number() {
    for how in ["remove", "remove_user"] {
        for reader in [false, true] {
            let Some(mut server) = RedisServer::start(&[]) else { return };
            let (remover, seen_by) = (adopting(&server), adopting(&server));
            remover.save(&anna(), &login("old"), None).await.unwrap();
            move_ahead(&server);
            remove(&remover, how).await;
            assert_eq!(found(&seen_by, &anna()).await, None);
            server.restart_empty();
            let plain = fleet(&server).tokens();
            plain.save(&anna(), &login("new"), None).await.unwrap();

            let first = if reader { &seen_by } else { &remover };
            assert_eq!(found(first, &anna()).await.as_deref(), Some("refresh-new"), "{how}");

            for store in [adopting(&server), remover, seen_by, plain] {
                let there = found(&store, &anna()).await;
                assert_eq!(there.as_deref(), Some("refresh-new"), "{how}, {reader}");
            }
        }
    }
}

/// By a server whose clock is behind, of a process whose clock is ahead.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removal_that_was_put_back_ends_no_login_with_a_later_number() {
    for how in ["remove", "remove_user"] {
        let Some(mut server) = RedisServer::start(&[]) else { return };
        let clock = ManualClock::new();
        clock.jump_wall(3600);
        let remover = fleet(&server).with_clock(clock).tokens();
        fleet(&server).tokens().save(&anna(), &login("old"), None).await.unwrap();
        remove(&remover, how).await;
        let new = fleet(&server).tokens();
        new.save(&anna(), &login("new"), None).await.unwrap();
        move_ahead(&server);
        assert!(found(&new, &anna()).await.is_some());
        server.restart_empty();
        until("served", async || remover.load(&app()).await.is_ok()).await;
        until("put back", async || !names(&server).is_empty()).await;

        assert_eq!(found(&new, &anna()).await.as_deref(), Some("refresh-new"), "{how}");

        for store in [fleet(&server).tokens(), remover, new] {
            assert_eq!(found(&store, &anna()).await.as_deref(), Some("refresh-new"), "{how}");
        }
    }
}

/// A program of an administrator, or a hook.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_nothing_but_remove_puts_that_back() {
    let after_a_restart = async {
        let Some(mut server) = RedisServer::start(&[]) else { return };
        let (old, remover) = (fleet(&server).tokens(), fleet(&server).tokens());
        old.save(&anna(), &login("old"), None).await.unwrap();
        remover.remove(&anna()).await.unwrap();
        server.restart_empty();
        assert_eq!(found(&old, &anna()).await.as_deref(), Some("refresh-old"));

        remover.remove(&user("bert")).await.unwrap();

        until("removed again", async || !has_login(&server)).await;
    };
    let after_a_failover = async {
        let Some(server) = RedisServer::start(&[]) else { return };
        fleet(&server).tokens().save(&anna(), &login("old"), None).await.unwrap();
        let name = names(&server).remove(0);
        let () = server.ask(&["COPY", &name, "before"]);
        let remover = fleet(&server).tokens();
        remover.remove(&anna()).await.unwrap();

        let () = server.ask(&["COPY", "before", &name, "REPLACE"]);

        until("removed again", async || !has_login(&server)).await;
    };
    tokio::join!(after_a_restart, after_a_failover);
}

/// Of a user whose login was not sealed, as long as processes run without the keys.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_removal_of_an_unsealed_login_is_put_back_at_its_place() {
    for (how, adopts) in [("remove_user", true), ("remove_user", false), ("remove", true)] {
        let Some(mut server) = RedisServer::start(&[]) else { return };
        let plain = fleet(&server).tokens();
        plain.save(&anna(), &login("1"), None).await.unwrap();
        let remover = if adopts { adopting(&server) } else { sealed(&server).tokens() };
        remove(&remover, how).await;
        server.restart_empty();
        assert_eq!(found(&plain, &anna()).await.as_deref(), Some("refresh-1"));

        until("served", async || remover.load(&app()).await.is_ok()).await;

        until("removed again", async || !has_login(&server)).await;
        for store in [&plain, &fleet(&server).tokens()] {
            assert_eq!(found(store, &anna()).await, None, "{how}, {adopts}");
        }
    }
}

/// Its caller was told that it did not end in time, and the user has logged in since.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removal_that_comes_late_ends_no_later_login() {
    let late = async |how: &str, adopts: bool| {
        for number in 1.. {
            let Some(server) = RedisServer::start(&[]) else { return };
            // The server has the scripts from here on.
            let others = fleet(&server).tokens();
            others.save(&user("bert"), &login("1"), None).await.unwrap();
            others.remove(&user("bert")).await.unwrap();
            assert_eq!(others.remove_user("client-id-1", "bert").await, Ok(0));
            let old = log_in(&server, "old", 0).await;
            let wire = Steps::to(server.port, number, Stop::Before).await;
            let process = RedisFleet::new(wire.url());
            let process = match adopts {
                true => {
                    let keys = [SealingKey::new("2026-11", [2; 32])];
                    process.with_sealing_keys([1; 32], keys).adopt_unsealed()
                }
                false => process,
            };
            let removed = match how {
                "remove" => process.tokens().remove(&anna()).await.is_ok(),
                _ => process.tokens().remove_user("client-id-1", "anna").await.is_ok(),
            };
            if removed {
                assert!(number > 2, "{how}, {adopts}");
                return;
            }
            drop((process, old));
            log_in(&server, "new", 0).await;
            let before = server.calls("evalsha");

            wire.go_on();

            until("late", async || server.calls("evalsha") > before).await;
            let there = found(&fleet(&server).tokens(), &anna()).await;
            assert_eq!(there.as_deref(), Some("refresh-new"), "{how}, {adopts}, {number}");
        }
    };
    tokio::join!(
        late("remove", false),
        late("remove_user", false),
        late("remove", true),
        late("remove_user", true)
    );
}

/// By a process that lacks its key, or of which somebody has altered the record.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_removal_of_a_login_that_cannot_be_opened_is_put_back() {
    for how in ["remove", "remove_user"] {
        for is_altered in [false, true] {
            let Some(server) = RedisServer::start(&[]) else { return };
            let saver = || {
                let key = SealingKey::new(if is_altered { "2026-11" } else { "old" }, [3; 32]);
                fleet(&server).with_sealing_keys([1; 32], [key]).tokens()
            };
            saver().save(&anna(), &login("1"), None).await.unwrap();
            let name = names(&server).remove(0);
            let () = server.ask(&["COPY", &name, "before"]);
            let remover = sealed(&server).tokens();
            assert!(remover.load(&anna()).await.is_err());
            remove(&remover, how).await;
            let () = server.ask(&["COPY", "before", &name, "REPLACE"]);

            let _: u64 = server.ask(&["CLIENT", "KILL", "TYPE", "normal"]);
            remover.load(&app()).await.unwrap();

            until("removed again", async || !has_login(&server)).await;
            for store in [saver(), remover] {
                assert_eq!(found(&store, &anna()).await, None, "{how}, {is_altered}");
            }
        }
    }
}

/// Of which the clock was ahead.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_after_a_removal_is_later_than_what_was_removed_whatever_the_clocks_say() {
    let later = async |how: &str, remover_is_first: bool| {
        let Some(server) = RedisServer::start(&[]) else { return };
        drop(log_in(&server, "old", 3600).await);
        let name = names(&server).remove(0);
        let () = server.ask(&["COPY", &name, "before"]);
        let remover = fleet(&server).tokens();
        remove(&remover, how).await;
        let new = log_in(&server, "new", 0).await;
        let () = server.ask(&["COPY", "before", &name, "REPLACE"]);

        if remover_is_first {
            assert_eq!(found(&remover, &anna()).await, None, "{how}");
        }

        for store in [new, fleet(&server).tokens(), remover] {
            let there = found(&store, &anna()).await;
            assert_eq!(there.as_deref(), Some("refresh-new"), "{how}, {remover_is_first}");
        }
    };
    tokio::join!(
        later("remove", false),
        later("remove", true),
        later("remove_user", false),
        later("remove_user", true)
    );
}

/// Nor by number, where another server's clock is behind: it is a later login, for all that is known.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_that_cannot_be_opened_and_is_not_earlier_for_sure_is_not_ended() {
    for how in ["remove", "remove_user"] {
        let Some(server) = RedisServer::start(&[]) else { return };
        let other = || {
            let key = SealingKey::new("old", [3; 32]);
            fleet(&server).with_sealing_keys([1; 32], [key]).tokens()
        };
        other().save(&anna(), &login("1"), None).await.unwrap();
        move_ahead(&server);
        let remover = sealed(&server).tokens();
        remove(&remover, how).await;
        let () = server.ask(&["FLUSHALL"]);
        let saver = other();
        saver.save(&anna(), &login("2"), None).await.unwrap();

        reconnect(&server, &remover).await;
        for _ in 0..2 {
            assert!(remover.load(&anna()).await.is_err(), "{how}");
        }

        if how == "remove_user" {
            let has_gravestone = async || server.ask(&["HEXISTS", &names(&server)[0], "g"]);
            until("put back", has_gravestone).await;
        }
        let there = [found(&saver, &anna()).await, found(&other(), &anna()).await];
        assert_eq!(there, [Some("refresh-2".to_owned()), Some("refresh-2".to_owned())], "{how}");
    }
}

/// A login that could not be saved at once; its process has a clock that is wrong.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_removal_and_a_login_that_is_saved_after_it_the_one_that_was_made_later_counts() {
    for how in ["remove", "remove_user"] {
        for seconds in [-3600, 0, 3600] {
            for removed_first in [false, true] {
                let made_before = ManualClock::new();
                let Some(server) = RedisServer::start(&[]) else { return };
                let remover = fleet(&server).tokens();
                remover.save(&anna(), &login("1"), None).await.unwrap();
                if removed_first {
                    remove(&remover, how).await;
                }
                let clock = if removed_first { ManualClock::new() } else { made_before };
                clock.jump_wall(seconds);
                let (store, is_away) = (fleet(&server).tokens(), AtomicBool::new(true));
                let store = Arc::new(Away { store, is_away });
                let options = TokenCacheOptions::default().with_clock(clock);
                let cache = TokenCache::new(ScriptedSource::default()).with_options(options);
                let cache = cache.with_store(Arc::clone(&store), anna());
                let token = Token::new("access", HOUR).with_refresh_token("refresh-2");
                cache.log_in(token).await.unwrap();
                if !removed_first {
                    remove(&remover, how).await;
                }

                store.is_away.store(false, Ordering::Relaxed);
                cache.settle().await.unwrap();

                let expected = removed_first.then(|| "refresh-2".to_owned());
                let what = format!("{how}, {seconds}, {removed_first}");
                for there in [&store.store, &fleet(&server).tokens(), &remover] {
                    assert_eq!(found(there, &anna()).await, expected, "{what}");
                }
            }
        }
    }
}

/// It is on its way for as long as the network likes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_whose_save_comes_after_its_removal_stays_removed() {
    for how in ["remove", "remove_user"] {
        for removed_before in [false, true] {
            let Some(server) = RedisServer::start(&[]) else { return };
            let remover = fleet(&server).tokens();
            // The server has the scripts from here on.
            remover.save(&anna(), &login("1"), None).await.unwrap();
            remove(&remover, how).await;
            assert_eq!(found(&remover, &anna()).await, None);
            if !removed_before {
                let () = server.ask(&["FLUSHALL"]);
            }
            let wire = Steps::to(server.port, if removed_before { 3 } else { 1 }, Stop::Before);
            let wire = wire.await;
            let store = RedisFleet::new(wire.url()).tokens();
            let late = store.save(&anna(), &login("late"), None).await.unwrap_err();
            assert!(late.is_transient() && wire.stopped().await == "save", "{late}");
            remove(&remover, how).await;
            let before = server.calls("evalsha");
            wire.go_on();
            until("there", async || server.calls("evalsha") > before).await;

            assert!(!has_login(&server), "{how}, {removed_before}");
            for store in [&store, &remover, &fleet(&server).tokens()] {
                assert_eq!(found(store, &anna()).await, None, "{how}, {removed_before}");
            }
            // Who has not seen the removal, and who has.
            for (store, name) in [(&fleet(&server).tokens(), "2"), (&store, "3")] {
                let known = store.load(&anna()).await.unwrap().map(|known| known.revision());
                store.save(&anna(), &login(name), known).await.unwrap();
                assert_eq!(found(&remover, &anna()).await, Some(format!("refresh-{name}")));
            }
        }
    }
}

/// As a broken writer leaves them: a removal counts on from there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_the_highest_number_or_more_is_removed_and_logged_in_again() {
    let highest = 1_u64 << 52;
    for how in ["remove", "remove_user"] {
        let Some(server) = RedisServer::start(&[]) else { return };
        for number in [highest - 1, highest, highest + 1, highest * 2 - 2, highest * 2 - 1] {
            let store = fleet(&server).tokens();
            store.save(&anna(), &login("1"), None).await.unwrap();
            let name = names(&server).remove(0);
            let _: u64 =
                server.ask(&["HSET", &name, &field(&server, &name, 'n'), &number.to_string()]);
            assert_eq!(store.load(&anna()).await.is_ok(), number <= highest, "{number}");

            for time in 2..4 {
                remove(&store, how).await;
                assert_eq!(found(&store, &anna()).await, None, "{how} {number}");
                assert_eq!(found(&fleet(&server).tokens(), &anna()).await, None, "{how} {number}");
                store.save(&anna(), &login(&time.to_string()), None).await.unwrap();
                let expected = Some(format!("refresh-{time}"));
                assert_eq!(found(&store, &anna()).await, expected, "{how} {number}");
                assert_eq!(found(&fleet(&server).tokens(), &anna()).await, expected, "{number}");
            }
            let () = server.ask(&["FLUSHALL"]);
        }
    }
}
