//! What a process knows of a server that has lost something is put back, whatever else fails, and
//! before anything that is earlier.

use std::time::{Duration, SystemTime};

use spotify_web::auth::{
    StoreError, StoredToken, TokenCache, TokenCacheOptions, TokenKey, TokenStore,
};
use spotify_web::fleet::{RedisFleet, RedisTokenStore, SealingKey};
use spotify_web::oauth::Token;

use crate::common::{Directory, ManualClock, RedisServer, ScriptedSource, Steps, Stop};
use crate::fleet::{fleet, login};
use crate::fleet_servers::until;

const HOUR: Duration = Duration::from_secs(3600);

fn user(name: &str) -> TokenKey {
    TokenKey::new("client-id-1").with_user(name)
}

fn anna() -> TokenKey {
    user("anna")
}

/// The token of an app, of which nothing is waited for.
fn app() -> TokenKey {
    TokenKey::new("client-id-1")
}

fn token(name: &str) -> Token {
    Token::new("access", HOUR).with_refresh_token(format!("refresh-{name}"))
}

/// The same login, refreshed.
fn refreshed(login: &StoredToken, name: &str) -> StoredToken {
    login.followed_by(token(name), SystemTime::now() + HOUR)
}

fn adopting(server: &RedisServer) -> RedisTokenStore {
    let keys = [SealingKey::new("2026-11", [2; 32])];
    fleet(server).with_sealing_keys([1; 32], keys).adopt_unsealed().tokens()
}

async fn found(store: &RedisTokenStore) -> Option<String> {
    let stored = store.load(&anna()).await.unwrap()?;
    Some(stored.token()?.refresh_token.as_ref()?.expose().to_owned())
}

fn names(server: &RedisServer) -> Vec<String> {
    server.ask(&["KEYS", "*:t"])
}

/// The name of the field that ends so, where there is one login.
fn field(server: &RedisServer, name: &str, end: char) -> String {
    let fields: Vec<String> = server.ask(&["HKEYS", name]);
    fields.into_iter().find(|field| field.len() == 17 && field.ends_with(end)).unwrap()
}

/// The server's clock.
fn millis(server: &RedisServer) -> u64 {
    let time: Vec<u64> = server.ask(&["TIME"]);
    time[0] * 1000 + time[1] / 1000
}

/// It says `LOADING` to who is connected already.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_process_knows_is_put_back_once_a_server_has_loaded_an_earlier_state() {
    let directory = Directory::new();
    let slowly = ["--key-load-delay", "300", "--loading-process-events-interval-bytes", "1024"];
    let arguments = [&["--dir", directory.path().to_str().unwrap()], slowly.as_slice()].concat();
    let Some(mut server) = RedisServer::start(&arguments) else { return };
    let saver = fleet(&server).tokens();
    let first = login("1");
    saver.save(&anna(), &first, None).await.unwrap();
    let name = names(&server).remove(0);
    let revision = field(&server, &name, 'v');
    let many = "for i = 1, 10000 do redis.call('SET', 'x:' .. i, string.rep('y', 50)) end";
    let () = server.ask(&["EVAL", many, "0"]);
    let () = server.ask(&["SAVE"]);
    let second = refreshed(&first, "2");
    saver.save(&anna(), &second, Some(first.revision())).await.unwrap();
    let store = fleet(&server).tokens();
    assert_eq!(found(&store).await.as_deref(), Some("refresh-2"));
    drop(saver);
    server.restart_empty();

    until("served", async || store.load(&app()).await.is_ok()).await;

    until("put back", async || {
        server.ask::<String>(&["HGET", &name, &revision]) == second.revision().to_string()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_could_not_be_put_back_in_time_is_put_back_later() {
    const USERS: usize = 20;
    let Some(mut server) = RedisServer::start(&[]) else { return };
    let a = fleet(&server);
    let store = a.tokens();
    for number in 0..USERS {
        let key = user(&number.to_string());
        fleet(&server).tokens().save(&key, &login("1"), None).await.unwrap();
        assert!(store.load(&key).await.unwrap().is_some());
    }
    server.restart_empty();
    let () = server.ask(&["CLIENT", "PAUSE", "600000", "WRITE"]);

    // Once for this, and once for what is put back.
    store.load(&user("nobody")).await.unwrap_err();
    until("too late twice", async || a.stats().timeouts >= 2).await;
    let () = server.ask(&["CLIENT", "UNPAUSE"]);

    until("put back", async || names(&server).len() == USERS).await;
}

/// A failover that lost a removal, or a later login, while a refresh of the earlier one was under
/// way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_refresh_is_not_saved_over_what_is_known_to_be_later() {
    for done in ["remove", "remove_user", "a removal that it saw", "login", "a login that it saw"] {
        let Some(server) = RedisServer::start(&[]) else { return };
        let (store, other) = (fleet(&server).tokens(), fleet(&server).tokens());
        let first = login("1");
        store.save(&anna(), &first, None).await.unwrap();
        let name = names(&server).remove(0);
        let () = server.ask(&["COPY", &name, "before"]);
        let is_known = match done {
            "remove" => store.remove(&anna()).await.map(|()| None),
            "remove_user" => {
                assert_eq!(store.remove_user("client-id-1", "anna").await, Ok(1));
                Ok(None)
            }
            "a removal that it saw" => {
                other.remove(&anna()).await.unwrap();
                Ok(found(&store).await)
            }
            "login" => {
                let saved = store.save(&anna(), &login("new"), Some(first.revision())).await;
                saved.map(|()| Some("refresh-new".to_owned()))
            }
            _ => {
                other.save(&anna(), &login("new"), Some(first.revision())).await.unwrap();
                Ok(found(&store).await)
            }
        };
        let expected = is_known.unwrap();
        drop(other);
        let () = server.ask(&["COPY", "before", &name, "REPLACE"]);

        let late = refreshed(&first, "late");
        let saved = store.save(&anna(), &late, Some(first.revision())).await;

        assert!(matches!(saved, Err(StoreError::Stale)), "{done}: {saved:?}");
        assert_eq!(found(&store).await, expected, "{done}");
        assert_eq!(found(&fleet(&server).tokens()).await, expected, "{done}");
    }
}

/// Of a store that has forgotten what it replaces; of a login that was removed without the keys.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_by_who_does_not_remember_the_login_is_not_saved_over_a_removal() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let plain = fleet(&server).tokens();
    let first = login("1");
    plain.save(&anna(), &first, None).await.unwrap();
    assert_eq!(found(&adopting(&server)).await.as_deref(), Some("refresh-1"));
    assert_eq!(plain.remove_user("client-id-1", "anna").await, Ok(1));

    let late = refreshed(&first, "late");
    let saved = adopting(&server).save(&anna(), &late, Some(first.revision())).await;

    assert!(matches!(saved, Err(StoreError::Stale)), "{saved:?}");
    assert_eq!(found(&adopting(&server)).await, None);
}

/// The same where the server has lost the removal, which somebody else knows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_by_who_does_not_remember_the_login_is_no_later_login() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let store = fleet(&server).tokens();
    let first = login("1");
    store.save(&anna(), &first, None).await.unwrap();
    let name = names(&server).remove(0);
    let () = server.ask(&["COPY", &name, "before"]);
    // A removal within the same millisecond has the number of the refresh.
    let saved_at: u64 = server.ask(&["HGET", &name, &field(&server, &name, 'n')]);
    while millis(&server) <= saved_at + 1 {}
    store.remove(&anna()).await.unwrap();
    let () = server.ask(&["COPY", "before", &name, "REPLACE"]);

    let late = refreshed(&first, "late");
    fleet(&server).tokens().save(&anna(), &late, Some(first.revision())).await.unwrap();

    assert_eq!(found(&store).await, None);
    assert_eq!(found(&fleet(&server).tokens()).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_removed_a_user_does_not_put_the_user_back() {
    let Some(mut server) = RedisServer::start(&[]) else { return };
    let store = fleet(&server).tokens();
    store.save(&anna(), &login("1"), None).await.unwrap();
    assert_eq!(store.remove_user("client-id-1", "anna").await, Ok(1));
    server.restart_empty();

    assert_eq!(found(&store).await, None);
    assert_eq!(found(&fleet(&server).tokens()).await, None);
}

/// The server's clock was ahead when a login was put back, and has been set since.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_finds_what_was_put_back_in_the_future_waits_once() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let store = fleet(&server).tokens();
    store.save(&anna(), &login("1"), None).await.unwrap();
    let () = server.ask(&["FLUSHALL"]);
    assert_eq!(found(&store).await.as_deref(), Some("refresh-1"));
    let name = names(&server).remove(0);
    let at = field(&server, &name, 'p');
    let _: u64 = server.ask(&["HINCRBY", &name, &at, "600000"]);

    assert_eq!(found(&fleet(&server).tokens()).await.as_deref(), Some("refresh-1"));
}

/// A later login is found under an earlier number, as of a server whose clock is behind, and is
/// removed while that number is corrected.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_done_after_a_later_login_is_not_undone_by_who_knows_an_earlier_one() {
    for done in ["remove", "remove_user"] {
        let Some(server) = RedisServer::start(&[]) else { return };
        // The server has the scripts from here on.
        fleet(&server).tokens().save(&anna(), &login("0"), None).await.unwrap();
        assert!(found(&fleet(&server).tokens()).await.is_some());
        let () = server.ask(&["FLUSHALL"]);
        // A save, a look, and what comes next.
        let wire = Steps::to(server.port, 3, Stop::Before).await;
        let store = RedisFleet::new(wire.url()).tokens();
        store.save(&anna(), &login("1"), None).await.unwrap();
        let () = server.ask(&["FLUSHALL"]);
        fleet(&server).tokens().save(&anna(), &login("2"), None).await.unwrap();
        let name = names(&server).remove(0);
        let number = field(&server, &name, 'n');
        let at: u64 = server.ask(&["HGET", &name, &number]);
        let behind = |by: u64| (at - 60_000 + by).to_string();
        let _: u64 = server.ask(&["HSET", &name, &number, &behind(0)]);
        let late = tokio::spawn({
            let store = store.clone();
            async move { store.load(&anna()).await }
        });
        wire.stopped().await;

        let other = fleet(&server).tokens();
        match done {
            "remove" => other.remove(&anna()).await.unwrap(),
            _ => assert_eq!(other.remove_user("client-id-1", "anna").await, Ok(1)),
        }
        let _: u64 = server.ask(&["HSET", &name, &number, &behind(1), "g", &behind(1)]);
        wire.go_on();

        late.await.unwrap().ok();
        assert_eq!(found(&store).await, None, "{done}");
        assert_eq!(found(&fleet(&server).tokens()).await, None, "{done}");
    }
}

/// F20: a login with the sealing keys, and then one without them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_clock_of_a_process_does_not_say_which_of_two_logins_on_one_server_is_later() {
    for seconds in [-3600, 3600] {
        let Some(server) = RedisServer::start(&[]) else { return };
        let clock = ManualClock::new();
        clock.jump_wall(seconds);
        let cache = |store: RedisTokenStore, options: TokenCacheOptions| {
            let cache = TokenCache::new(ScriptedSource::default()).with_options(options);
            cache.with_store(store, anna())
        };
        let skewed = || TokenCacheOptions::default().with_clock(clock.clone());
        let plain = || RedisFleet::new(server.url()).with_clock(clock.clone()).tokens();
        cache(plain(), skewed()).log_in(token("1")).await.unwrap();
        assert_eq!(found(&adopting(&server)).await.as_deref(), Some("refresh-1"));

        cache(adopting(&server), TokenCacheOptions::default()).log_in(token("2")).await.unwrap();
        assert_eq!(found(&adopting(&server)).await.as_deref(), Some("refresh-2"), "{seconds}");

        let last = cache(plain(), skewed());
        last.log_in(token("3")).await.unwrap();
        assert_eq!(found(&adopting(&server)).await.as_deref(), Some("refresh-3"), "{seconds}");

        last.log_out().await.unwrap();
        assert_eq!(found(&adopting(&server)).await, None, "{seconds}");
    }
}
