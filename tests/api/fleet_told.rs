//! What a program is told of a server that it can use only in part, or not as its URL says: with
//! the rights of the guide, when it is full, when its nodes do not name themselves.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use spotify_web::auth::{StoreError, TokenCache, TokenKey, TokenStore};
use spotify_web::fleet::{FleetError, FleetEvent, RedisFleet, SealingKey};
use spotify_web::middleware::{SharedLimit, Told};
use spotify_web::oauth::Token;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::common::{RedisServer, ScriptedSource, free_port};
use crate::fleet::{fleet, key, login};
use crate::fleet_servers::until;

const HOUR: Duration = Duration::from_secs(3600);

/// A fleet, and what its listener hears.
pub(crate) fn heard(url: &str) -> (RedisFleet, Arc<Mutex<Vec<FleetEvent>>>) {
    let events = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&events);
    let fleet =
        RedisFleet::new(url).with_listener(move |event| told.lock().unwrap().push(event.clone()));
    (fleet, events)
}

pub(crate) fn of_store<T: std::fmt::Debug>(result: Result<T, StoreError>) -> FleetError {
    match result.unwrap_err() {
        StoreError::Fleet(error) => error,
        other => panic!("{other}"),
    }
}

async fn listed(fleet: &RedisFleet) -> Vec<TokenKey> {
    let (mut logins, mut listed) = (fleet.tokens().logins(), Vec::new());
    while let Some(key) = logins.next().await {
        listed.push(key.unwrap());
    }
    listed
}

/// The user `bot` with the rights that the guide lists.
fn with_rights_of_the_guide(server: &RedisServer) -> String {
    let guide = include_str!("../../docs/fleet.md");
    let list = guide.lines().find(|line| line.starts_with("~spotify-web:1:*")).unwrap();
    let user: Vec<_> =
        ["ACL", "SETUSER", "bot", "on", ">pw"].into_iter().chain(list.split(' ')).collect();
    let () = server.ask(&user);
    format!("redis://bot:pw@127.0.0.1:{}", server.port)
}

#[tokio::test]
async fn with_the_rights_of_the_guide_nothing_is_refused_and_an_eviction_is_told() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let (fleet, events) = heard(&with_rights_of_the_guide(&server));

    fleet.check().await.unwrap();
    assert_eq!(fleet.stats().is_alone, Some(false), "{:?}", fleet.stats());
    let store = fleet.tokens();
    store.save(&key(), &login("1"), None).await.unwrap();
    drop(store.lock(&key()).await.unwrap());
    assert!(store.load(&key()).await.unwrap().is_some());
    fleet.shared_limit().exchange(Some("app"), &Told::default()).await.unwrap();
    assert_eq!(listed(&fleet).await, [key()]);
    store.reseal().await.unwrap();
    assert_eq!(store.remove_user("client-id-1", "anna").await.unwrap(), 1);
    assert_eq!(fleet.stats().is_alone, Some(false), "{:?}", fleet.stats());
    until("heard", async || !events.lock().unwrap().is_empty()).await;
    assert_eq!(*events.lock().unwrap(), [FleetEvent::Joined]);
    assert!(server.ask::<Vec<redis::Value>>(&["ACL", "LOG"]).is_empty(), "nothing is refused");

    for policy in ["allkeys-lru", "volatile-ttl"] {
        let () = server.ask(&["CONFIG", "SET", "maxmemory-policy", policy]);
        let error = fleet.check().await.unwrap_err();
        assert_eq!(error, FleetError::Evicts { policy: policy.into() });
    }
}

async fn cluster_of_one() -> Option<RedisServer> {
    let bus = free_port().to_string();
    let node = RedisServer::start(&["--cluster-enabled", "yes", "--cluster-port", &bus])?;
    let () = node.ask(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    until("well", async || node.ask::<String>(&["CLUSTER", "INFO"]).contains("cluster_state:ok"))
        .await;
    Some(node)
}

/// The host is empty until a node has met another, and NULL where it is the client's to know.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_do_not_name_themselves_are_where_they_were_reached() {
    let Some(node) = cluster_of_one().await else { return };
    let other = free_port();
    for hosts in
        [format!("localhost:{}", node.port), format!("127.0.0.1:{other},127.0.0.1:{}", node.port)]
    {
        for kind in ["ip", "unknown-endpoint"] {
            let () = node.ask(&["CONFIG", "SET", "cluster-preferred-endpoint-type", kind]);
            let () = node.ask(&["FLUSHALL"]);
            let fleet = RedisFleet::new(format!("redis+cluster://{hosts}/"));

            fleet.check().await.unwrap();
            let store = fleet.tokens();
            store.save(&key(), &login("1"), None).await.unwrap();
            assert_eq!(listed(&fleet).await, [key()], "{hosts} {kind}");
            store.reseal().await.unwrap();
        }
    }
    let () = node.ask(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    let fleet = RedisFleet::new(format!("redis+cluster://127.0.0.1:{}/", node.port));
    let error = fleet.check().await.unwrap_err();
    assert_eq!(error, FleetError::Evicts { policy: "allkeys-lru".into() });
}

/// Reads that go well say nothing of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_is_alone_as_long_as_its_writes_are_refused() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let (fleet, events) = heard(&server.url());
    let store = fleet.tokens();
    let first = login("1");
    store.save(&key(), &first, None).await.unwrap();
    let () = server.ask(&["CONFIG", "SET", "maxmemory", "1"]);

    for _ in 0..20 {
        let refused = store.save(&key(), &login("2"), Some(first.revision())).await;
        assert_eq!(of_store(refused), FleetError::OutOfMemory);
        assert!(store.load(&key()).await.unwrap().is_some());
        fleet.shared_limit().exchange(Some("app"), &Told::default()).await.ok();
        let stats = fleet.stats();
        assert_eq!((stats.is_alone, stats.error), (Some(true), Some(FleetError::OutOfMemory)));
    }
    let () = server.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    store.save(&key(), &login("2"), Some(first.revision())).await.unwrap();

    assert_eq!(fleet.stats().is_alone, Some(false), "{:?}", fleet.stats());
    let is_rejoined = |event: &FleetEvent| matches!(event, FleetEvent::Rejoined { .. });
    until("back", async || events.lock().unwrap().iter().any(is_rejoined)).await;
    let events = events.lock().unwrap();
    let alone = FleetEvent::Alone { error: FleetError::OutOfMemory };
    assert_eq!((&events[0], &events[1]), (&FleetEvent::Joined, &alone));
    assert_eq!(events.len(), 3, "{events:?}");
}

/// Neither does what was looked at and not written, and what has come too late.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_writes_nothing_does_not_tell_that_a_full_server_takes_writes_again() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let (fleet, events) = heard(&server.url());
    let (store, other) = (fleet.tokens(), RedisFleet::new(server.url()).tokens());
    assert!(store.load(&key()).await.unwrap().is_none());
    let users = [1, 2, 3].map(|number| TokenKey::new("app").with_user(number.to_string()));
    for user in &users {
        other.save(user, &login("1"), None).await.unwrap();
    }
    let kept = other.lock(&key()).await.unwrap();
    let () = server.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    let refused = store.save(&TokenKey::new("app"), &login("2"), None).await;
    assert_eq!(of_store(refused), FleetError::OutOfMemory);

    for user in &users {
        // Another process has saved a token that is good, or has the lease.
        drop(store.turn(user, Some(login("3").revision())).await.unwrap());
        drop(store.turn(user, None).await.unwrap());
        let key = key();
        timeout(Duration::from_millis(200), store.lock(&key)).await.unwrap_err();
        let late = store.save(user, &login("4"), None).await;
        assert!(matches!(late, Err(StoreError::Stale)), "{late:?}");
        assert_eq!(fleet.stats().error, Some(FleetError::OutOfMemory));
    }
    let () = server.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    drop(kept);
    drop(store.lock(&key()).await.unwrap());

    let is_rejoined = |event: &FleetEvent| matches!(event, FleetEvent::Rejoined { .. });
    until("back", async || events.lock().unwrap().iter().any(is_rejoined)).await;
    assert_eq!(events.lock().unwrap().len(), 3);
}

/// What is written then takes less than what was there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_out_is_saved_by_a_full_server_which_stays_full() {
    for has_keys in [false, true] {
        let Some(server) = RedisServer::start(&[]) else { return };
        let with_keys = |fleet: RedisFleet| match has_keys {
            true => fleet.with_sealing_keys([1; 32], [SealingKey::new("a", [2; 32])]),
            false => fleet,
        };
        let (heard, events) = heard(&server.url());
        let fleet = with_keys(heard);
        let cache = |user: &str| {
            let user = TokenKey::new("client-id-1").with_user(user);
            TokenCache::new(ScriptedSource::default()).with_store(fleet.tokens(), user)
        };
        let token = |name: &str| Token::new(format!("access-{name}"), HOUR);
        let (anna, carl) = (cache("anna"), cache("carl"));
        anna.log_in(token("1").with_refresh_token("refresh")).await.unwrap();
        let () = server.ask(&["CONFIG", "SET", "maxmemory", "1"]);
        let refused = fleet.tokens().save(&key(), &login("2"), None).await;
        assert_eq!(of_store(refused), FleetError::OutOfMemory);

        anna.log_out().await.unwrap();
        // Who never had one is logged out as well.
        carl.log_out().await.unwrap();

        assert_eq!(fleet.stats().error, Some(FleetError::OutOfMemory));
        let other = with_keys(RedisFleet::new(server.url())).tokens();
        for user in ["anna", "carl"] {
            let there = other.load(&TokenKey::new("client-id-1").with_user(user)).await.unwrap();
            assert!(there.is_none_or(|there| there.is_logged_out()), "{user}");
        }
        until("heard", async || events.lock().unwrap().len() == 2).await;
    }
}

/// Not even `INFO`, which a server may forbid that does all else.
#[tokio::test]
async fn who_may_do_nothing_has_not_joined() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let () = server.ask(&["ACL", "SETUSER", "bot", "on", ">pw", "~*"]);
    let (fleet, events) = heard(&format!("redis://bot:pw@127.0.0.1:{}", server.port));

    let error = fleet.check().await.unwrap_err();

    assert!(matches!(error, FleetError::NoPermission { .. }), "{error}");
    until("heard", async || !events.lock().unwrap().is_empty()).await;
    let events = events.lock().unwrap();
    assert!(matches!(&events[..], [FleetEvent::Alone { .. }]), "{events:?}");
}

/// As a right that is granted is known by the call that lacked it.
#[tokio::test]
async fn a_process_is_alone_until_the_call_that_lacked_a_right_has_it() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let url = with_rights_of_the_guide(&server);
    let fleet = RedisFleet::new(url);
    let store = fleet.tokens();
    let () = server.ask(&["ACL", "SETUSER", "bot", "-hset"]);

    let refused = store.save(&key(), &login("1"), None).await;
    assert!(matches!(of_store(refused), FleetError::NoPermission { .. }));
    assert!(store.load(&key()).await.unwrap().is_none());
    assert_eq!(fleet.stats().is_alone, Some(true));
    let () = server.ask(&["ACL", "SETUSER", "bot", "+hset"]);
    store.save(&key(), &login("1"), None).await.unwrap();

    assert_eq!(fleet.stats().is_alone, Some(false));
}

#[tokio::test]
async fn a_key_with_other_bytes_is_not_told_as_logins_to_delete() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let sealed =
        |byte| fleet(&server).with_sealing_keys([1; 32], [SealingKey::new("a", [byte; 32])]);
    sealed(2).tokens().save(&key(), &login("1"), None).await.unwrap();

    let checked = sealed(3).check().await.unwrap_err().to_string();
    let loaded = of_store(sealed(3).tokens().load(&key()).await).to_string();

    for said in [checked, loaded] {
        let key_first = said.find("see that each key of `with_sealing_keys`");
        assert!(key_first < said.find("`remove_user`") && key_first.is_some(), "{said}");
    }
}

/// Without `check`, and also for who has its login there.
#[tokio::test]
async fn a_node_of_a_cluster_with_the_url_of_one_server_is_told_at_the_first_use() {
    let Some(node) = cluster_of_one().await else { return };

    for number in 0..4 {
        let user = TokenKey::new("client-id-1").with_user(format!("user-{number}"));
        let error = of_store(fleet(&node).tokens().save(&user, &login("1"), None).await);
        assert!(error.to_string().contains("write `redis+cluster://`"), "{error}");
        assert!(matches!(error, FleetError::Config { .. }) && !error.is_transient());
    }
}

#[tokio::test]
async fn what_is_wrong_with_the_credentials_of_a_url_is_told_by_which_they_are() {
    let Some(open) = RedisServer::start(&[]) else { return };
    let closed = RedisServer::start(&["--requirepass", "s3cr3t"]).unwrap();
    let bus = free_port().to_string();
    let node = RedisServer::start(&["--cluster-enabled", "yes", "--cluster-port", &bus]).unwrap();
    let () = node.ask(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    let bus = free_port().to_string();
    let own = ["--cluster-enabled", "yes", "--requirepass", "s3cr3t", "--cluster-port", &bus];
    let closed_node = RedisServer::start(&own).unwrap();
    let denied = "does not accept the user name or the password";
    for (scheme, credentials, server, said) in [
        ("redis", ":s3cr3t@", &open, "has no password"),
        ("redis+cluster", ":s3cr3t@", &node, "has no password"),
        ("redis", "s3cr3t@", &closed, "stands behind a colon"),
        ("redis+cluster", "s3cr3t@", &closed_node, "stands behind a colon"),
        ("redis", "nobody:s3cr3t@", &open, denied),
        ("redis", "", &closed, denied),
        ("redis", ":wr0ng@", &closed, denied),
        ("redis+cluster", "", &closed_node, denied),
        ("redis+cluster", ":wr0ng@", &closed_node, denied),
    ] {
        let url = format!("{scheme}://{credentials}127.0.0.1:{}/", server.port);
        let used = of_store(RedisFleet::new(&url).tokens().load(&key()).await);
        for error in [used, RedisFleet::new(&url).check().await.unwrap_err()] {
            assert!(error.to_string().contains(said), "{scheme} {credentials} {error}");
            assert!(!error.to_string().contains("s3cr3t") && !error.is_transient(), "{error}");
        }
    }
}

/// Says the same to everything, before anything is asked or after.
async fn no_redis(said: &'static str, is_first: bool) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut read = [0; 4096];
            if is_first || stream.read(&mut read).await.is_ok() {
                stream.write_all(said.as_bytes()).await.ok();
            }
            while let Ok(1..) = stream.read(&mut read).await {}
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_where_something_else_listens_is_told_without_words_of_the_driver() {
    for (said, is_first) in [
        ("HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n", false),
        ("SSH-2.0-OpenSSH_9.2\r\n", true),
    ] {
        let port = no_redis(said, is_first).await;
        for scheme in ["redis", "redis+cluster"] {
            let url = format!("{scheme}://:s3cr3t@127.0.0.1:{port}/");
            let used = of_store(RedisFleet::new(&url).tokens().load(&key()).await);
            for error in [used, RedisFleet::new(&url).check().await.unwrap_err()] {
                assert!(error.to_string().contains("neither Redis nor Valkey"), "{error}");
                assert!(!error.is_transient() && !error.to_string().contains("arse"), "{error}");
            }
        }
    }
}
