//! Logins that processes share through Redis: F1 to F28, before a real server.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::StreamExt;
use futures_util::future::join_all;
use spotify_web::auth::{AuthError, StoreError, StoredToken, TokenCache, TokenKey, TokenStore};
use spotify_web::fleet::{FleetError, RedisFleet, RedisTokenStore, SealingKey};
use spotify_web::oauth::Token;
use spotify_web::testing::check_token_store;

use crate::common::{ManualClock, RedisServer, ScriptedSource, Steps, Stop, token};

pub(crate) fn fleet(server: &RedisServer) -> RedisFleet {
    RedisFleet::new(server.url())
}

pub(crate) fn key() -> TokenKey {
    TokenKey::new("client-id-1").with_user("anna").with_scopes(["user-top-read"])
}

pub(crate) fn login(name: &str) -> StoredToken {
    let token =
        Token::new(format!("access-{name}"), HOUR).with_refresh_token(format!("refresh-{name}"));
    StoredToken::new(token, SystemTime::now() + HOUR)
}

pub(crate) fn refresh_token(stored: &StoredToken) -> &str {
    stored.token().unwrap().refresh_token.as_ref().unwrap().expose()
}

async fn load(store: &RedisTokenStore) -> Option<String> {
    store.load(&key()).await.unwrap().map(|stored| refresh_token(&stored).to_owned())
}

fn keys(names: &[(&str, u8)]) -> Vec<SealingKey> {
    names.iter().map(|(name, byte)| SealingKey::new(*name, [*byte; 32])).collect()
}

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_keeps_every_promise_of_a_token_store() {
    let Some(server) = RedisServer::start(&[]) else { return };
    check_token_store(fleet(&server).tokens()).await.unwrap();
    let sealed = fleet(&server).with_sealing_keys([1; 32], keys(&[("a", 2)]));
    check_token_store(sealed.tokens()).await.unwrap();
    sealed.check().await.unwrap();
}

/// F1, F2, F19: as many processes, each with a connection of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_herd_sends_one_token_request() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let source = ScriptedSource::default();
    let caches = (0..50).map(|_| {
        let cache = TokenCache::new(source.clone());
        cache.with_store(fleet(&server).tokens(), TokenKey::new("client-id-1"))
    });
    let headers = join_all(caches.map(|cache| async move { token(cache.header().await) })).await;

    assert_eq!(headers, vec!["token-1".to_owned(); 50]);
    assert_eq!(source.requests(), 1);
}

/// F7, B9
#[tokio::test]
async fn a_writer_that_has_not_seen_the_entry_changes_nothing_and_learns_it() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let (a, b) = (fleet(&server).tokens(), fleet(&server).tokens());
    let first = login("1");
    a.save(&key(), &first, None).await.unwrap();
    b.save(&key(), &login("2"), Some(first.revision())).await.unwrap();

    for replaces in [None, Some(first.revision())] {
        let error = a.save(&key(), &login("3"), replaces).await.unwrap_err();
        assert!(matches!(error, StoreError::Stale), "{error}");
    }
    assert_eq!(load(&a).await.as_deref(), Some("refresh-2"));
}

/// F13, F16, B5, B6: no key without an end, and nobody else's lease is released.
#[tokio::test]
async fn a_lease_has_an_end_and_is_released_by_its_owner_alone() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let store = fleet(&server).tokens();
    let lock = store.lock(&key()).await.unwrap();
    let names: Vec<String> = server.ask(&["KEYS", "*:l:*"]);
    let left: i64 = server.ask(&["PTTL", &names[0]]);
    assert!((1..=10_000).contains(&left), "{left}");

    let () = server.ask(&["SET", &names[0], "another", "PX", "9000"]);
    let () = server.ask(&["CONFIG", "RESETSTAT"]);
    drop(lock);
    // The release looks whose it is.
    while server.calls("getrange") == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(server.ask::<String>(&["GET", &names[0]]), "another");

    let () = server.ask(&["DEL", &names[0]]);
    drop(store.lock(&key()).await.unwrap());
    drop(store.lock(&key()).await.unwrap());
}

/// A wait for the lease that is given up leaves nothing behind.
#[tokio::test]
async fn a_wait_for_the_lease_that_is_given_up_takes_none() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let (a, b) = (fleet(&server).tokens(), fleet(&server).tokens());
    let held = a.lock(&key()).await.unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(300), b.lock(&key())).await.is_err());
    drop(held);

    let taken = tokio::time::timeout(Duration::from_secs(8), a.lock(&key())).await;
    drop(taken.unwrap().unwrap());
}

/// F20, B26
#[tokio::test]
async fn processes_whose_clocks_differ_by_hours_agree_on_the_end_of_a_token() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let (early, late) = (ManualClock::new(), ManualClock::new());
    late.jump_wall(7200);
    let saver = fleet(&server).with_clock(late).tokens();
    let end = SystemTime::now() + HOUR * 3;
    let token = Token::new("access", HOUR);
    saver.save(&key(), &StoredToken::new(token, end), None).await.unwrap();

    let found = fleet(&server).with_clock(early).tokens().load(&key()).await.unwrap().unwrap();
    let left = found.expires_at().unwrap().duration_since(SystemTime::now()).unwrap();
    assert!(left <= HOUR && left > HOUR - Duration::from_secs(60), "{left:?}");
}

/// F21, B17
#[tokio::test]
async fn with_a_sealing_key_nothing_in_the_server_shows_a_secret_or_a_name() {
    let Some(server) = RedisServer::start(&["--appendonly", "yes"]) else { return };
    let () = server.ask(&["CONFIG", "SET", "slowlog-log-slower-than", "0"]);
    let store = fleet(&server).with_sealing_keys([1; 32], keys(&[("a", 2)])).tokens();
    store.save(&key(), &login("1"), None).await.unwrap();
    drop(store.lock(&key()).await.unwrap());
    store.remove(&key()).await.unwrap();
    store.save(&key(), &login("2"), None).await.unwrap();

    let log: redis::Value = server.ask(&["SLOWLOG", "GET", "-1"]);
    let mut seen = format!("{log:?}").replace("\\", "");
    for name in server.ask::<Vec<String>>(&["KEYS", "*"]) {
        let dump: Vec<u8> = server.ask(&["DUMP", &name]);
        seen.push_str(&(name + &String::from_utf8_lossy(&dump)));
    }
    for secret in ["access-", "refresh-", "anna", "client-id", "user-top-read"] {
        assert!(!seen.contains(secret), "{secret}");
    }
    assert_eq!(load(&store).await.as_deref(), Some("refresh-2"));
}

/// F22
#[tokio::test]
async fn a_record_that_was_moved_or_altered_is_refused_and_stays() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let sealed = |name, byte| fleet(&server).with_sealing_keys([1; 32], keys(&[(name, byte)]));
    let store = sealed("a", 2).tokens();
    let bert = TokenKey::new("client-id-1").with_user("bert").with_scopes(["user-top-read"]);
    let (anna, first) = (key(), login("1"));
    store.save(&anna, &first, None).await.unwrap();
    let name = server.ask::<Vec<String>>(&["KEYS", "*:t"]).remove(0);
    store.save(&bert, &login("2"), None).await.unwrap();
    let names: Vec<String> = server.ask(&["KEYS", "*:t"]);
    let other = names.iter().find(|other| **other != name).unwrap();
    let fields: Vec<String> = server.ask(&["HKEYS", &name]);
    let record = fields.iter().find(|field| field.ends_with('r')).unwrap();
    let good: Vec<u8> = server.ask(&["HGET", &name, record]);
    let set = |value: &[u8]| {
        let client = redis::Client::open(server.url()).unwrap();
        let mut connection = client.get_connection().unwrap();
        let mut set = redis::cmd("HSET");
        set.arg(&name).arg(record).arg(value).exec(&mut connection).unwrap();
    };
    let of_bert: Vec<u8> = server.ask(&["HGET", other, record]);
    let mut altered = good.clone();
    *altered.last_mut().unwrap() ^= 1;
    let plain = format!("P1{{\"client_id\":\"client-id-1\",\"token\":\"{}\"}}", "x");
    for bad in [&of_bert, &altered, &plain.into_bytes(), &good[..20].to_vec(), &Vec::new()] {
        set(bad);
        let fresh = sealed("a", 2).tokens();
        let error = fresh.load(&anna).await.unwrap_err();
        assert!(matches!(error, StoreError::Fleet(FleetError::Sealed { .. })), "{error}");
        assert_eq!(server.ask::<Vec<u8>>(&["HGET", &name, record]), *bad);
    }
    set(&good);
    let error = sealed("a", 3).tokens().load(&anna).await.unwrap_err();
    assert!(matches!(error, StoreError::Fleet(FleetError::Sealed { .. })), "{error}");
    let error = sealed("b", 2).tokens().load(&anna).await.unwrap_err();
    let StoreError::Fleet(error) = error else { panic!("{error}") };
    let FleetError::UnknownKey { place, id } = &error else { panic!("{error}") };
    assert_eq!((place, id.as_str()), (&name, "a"));
    assert_eq!(load(&store).await.as_deref(), Some("refresh-1"));
}

/// F23
#[tokio::test]
async fn a_new_sealing_key_takes_over() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let with =
        |names: &[(&str, u8)]| fleet(&server).with_sealing_keys([1; 32], keys(names)).tokens();
    with(&[("old", 2)]).save(&key(), &login("1"), None).await.unwrap();

    assert_eq!(with(&[("new", 3), ("old", 2)]).reseal().await.unwrap(), 1);
    assert_eq!(with(&[("new", 3), ("old", 2)]).reseal().await.unwrap(), 0);
    assert_eq!(load(&with(&[("new", 3)])).await.as_deref(), Some("refresh-1"));
}

/// F25: the process that still holds it in memory does not bring it back.
#[tokio::test]
async fn a_user_is_removed_in_every_set_of_scopes() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let (a, b) = (fleet(&server).tokens(), fleet(&server).tokens());
    let more = TokenKey::new("client-id-1").with_user("anna").with_scopes(["streaming"]);
    let (first, second) = (login("1"), login("2"));
    a.save(&key(), &first, None).await.unwrap();
    a.save(&more, &second, None).await.unwrap();
    a.save(&TokenKey::new("client-id-1").with_user("bert"), &login("3"), None).await.unwrap();

    assert_eq!(b.remove_user("client-id-1", "anna").await.unwrap(), 2);
    assert_eq!(b.remove_user("client-id-1", "anna").await.unwrap(), 0, "there is none left");

    let late = a.save(&key(), &login("4"), Some(first.revision())).await;
    assert!(matches!(late, Err(StoreError::Stale)));
    assert!(a.load(&key()).await.unwrap().is_none());
    assert!(a.load(&more).await.unwrap().is_none());
    assert!(b.load(&TokenKey::new("client-id-1").with_user("bert")).await.unwrap().is_some());
    a.save(&key(), &login("5"), None).await.unwrap();
    assert_eq!(load(&b).await.as_deref(), Some("refresh-5"));
}

/// The connection ends before the response to a call that the server has carried out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logins_that_are_removed_by_a_call_that_is_sent_again_are_counted() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let store = fleet(&server).tokens();
    store.save(&key(), &login("1"), None).await.unwrap();
    store.save(&key().with_scopes(["streaming"]), &login("2"), None).await.unwrap();
    // From now on the server knows the script.
    assert_eq!(store.remove_user("client-id-1", "bert").await.unwrap(), 0);
    let wire = Steps::to(server.port, 2, Stop::After).await;
    let remover = RedisFleet::new(wire.url()).tokens();
    let removing = tokio::spawn(async move { remover.remove_user("client-id-1", "anna").await });
    assert_eq!(wire.stopped().await, "remove all or reseal");
    wire.hang_up();

    assert_eq!(removing.await.unwrap().unwrap(), 2);
    assert_eq!(store.remove_user("client-id-1", "anna").await.unwrap(), 0);
}

/// Another call for the user comes before the one that is sent again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_of_several_removals_at_once_counts_what_it_has_removed() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let store = fleet(&server).tokens();
    // From now on the server knows the script.
    assert_eq!(store.remove_user("client-id-1", "bert").await.unwrap(), 0);
    for others in [1, 3] {
        store.save(&key(), &login("1"), None).await.unwrap();
        store.save(&key().with_scopes(["streaming"]), &login("2"), None).await.unwrap();
        let wire = Steps::to(server.port, 2, Stop::After).await;
        let remover = RedisFleet::new(wire.url()).tokens();
        let removing =
            tokio::spawn(async move { remover.remove_user("client-id-1", "anna").await });
        assert_eq!(wire.stopped().await, "remove all or reseal");
        for _ in 0..others {
            assert_eq!(store.remove_user("client-id-1", "anna").await.unwrap(), 0);
        }

        wire.hang_up();

        assert_eq!(removing.await.unwrap().unwrap(), 2, "{others}");
    }
}

/// F26, F27
#[tokio::test]
async fn every_login_is_listed_once() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let store = fleet(&server).tokens();
    let mut expected = Vec::new();
    for user in 0..1200 {
        let key = TokenKey::new("client-id-1").with_user(format!("user-{user}"));
        store.save(&key, &login("1"), None).await.unwrap();
        expected.push(key);
    }
    store.remove(&expected[7]).await.unwrap();
    let leaver = TokenKey::new("client-id-1").with_user("leaver");
    let cache = TokenCache::new(ScriptedSource::default()).with_store(store.clone(), leaver);
    let token = Token::new("access", HOUR).with_refresh_token("refresh");
    cache.log_in(token).await.unwrap();
    cache.log_out().await.unwrap();
    let other = RedisFleet::new(server.url()).with_prefix("spotify-we*").tokens();
    other.save(&key(), &login("2"), None).await.unwrap();
    expected.remove(7);

    let mut listed: Vec<_> = store.logins().map(Result::unwrap).collect().await;
    listed.sort();
    expected.sort();
    assert_eq!(listed, expected);
    assert_eq!(other.logins().map(Result::unwrap).collect::<Vec<_>>().await, [key()]);
}

/// F42: neither does a list, and one call that comes late does not end it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_before_a_silent_server_goes_on_or_ends() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let wire = crate::common::Wire::to(server.port).await;
    let store = RedisFleet::new(wire.url()).tokens();
    store.save(&key(), &login("1"), None).await.unwrap();
    wire.lose_responses(1);
    assert_eq!(store.logins().map(Result::unwrap).collect::<Vec<_>>().await, [key()]);
    wire.lose_responses(1);
    assert_eq!(store.reseal().await.unwrap(), 0);

    wire.mute();
    let listed: Vec<_> = store.logins().collect().await;
    let is_told = matches!(listed[..], [Err(FleetError::TimedOut { .. })]);
    assert!(is_told, "{listed:?}");
}

/// F6, F10, B18: the numbers decide, not who comes first.
#[tokio::test]
async fn what_the_server_forgets_is_put_back_by_who_knows_the_latest() {
    let Some(mut server) = RedisServer::start(&[]) else { return };
    let (a, b) = (fleet(&server).tokens(), fleet(&server).tokens());
    let first = login("1");
    a.save(&key(), &first, None).await.unwrap();
    b.save(&key(), &login("2"), Some(first.revision())).await.unwrap();
    server.restart_empty();

    assert_eq!(load(&a).await.as_deref(), Some("refresh-1"), "the best that a knows");
    assert_eq!(load(&b).await.as_deref(), Some("refresh-2"));
    assert_eq!(load(&a).await.as_deref(), Some("refresh-2"));
}

#[tokio::test]
async fn what_was_removed_is_not_put_back_when_the_server_forgets() {
    let Some(mut server) = RedisServer::start(&[]) else { return };
    let store = fleet(&server).tokens();
    store.save(&key(), &login("1"), None).await.unwrap();
    store.remove(&key()).await.unwrap();
    server.restart_empty();

    assert_eq!(load(&store).await, None);
}

/// F43, B23
#[tokio::test]
async fn a_server_that_forgets_its_scripts_gets_them_again() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let store = fleet(&server).tokens();
    store.save(&key(), &login("1"), None).await.unwrap();
    let () = server.ask(&["SCRIPT", "FLUSH"]);

    assert_eq!(load(&store).await.as_deref(), Some("refresh-1"));
}

/// F11, F42, B13, B22: a stopped server costs a caller its limit, and is used again afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_server_an_app_goes_on_and_a_user_waits() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let fleet = fleet(&server);
    let of_user = TokenCache::new(ScriptedSource::default()).with_store(fleet.tokens(), key());
    let token = Token::new("first", Duration::from_secs(1)).with_refresh_token("refresh-1");
    of_user.log_in(token).await.ok();
    server.signal("-STOP");

    let of_app = TokenCache::new(ScriptedSource::default())
        .with_store(fleet.tokens(), TokenKey::new("client-id-1"));
    assert_eq!(crate::common::token(of_app.header().await), "token-1");
    let error = loop {
        match of_user.header().await {
            Ok(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            Err(error) => break error,
        }
    };
    assert!(error.is_transient() && !error.needs_login(), "{error}");
    assert!(matches!(error, AuthError::Store { .. }) && error.retry_after().is_some(), "{error}");

    server.signal("-CONT");
    while of_user.header().await.is_err() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// One authenticator after the other, on one connection.
#[tokio::test]
async fn stores_of_one_fleet_share_a_connection() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let fleet = Arc::new(fleet(&server));
    join_all((0..100).map(|_| {
        let store = fleet.tokens();
        async move { store.load(&key()).await.unwrap() }
    }))
    .await;

    let clients: String = server.ask(&["CLIENT", "LIST"]);
    assert_eq!(clients.lines().count(), 2, "one more asks this: {clients}");
}
