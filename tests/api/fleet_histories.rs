//! What one process knows of a server meets what another, later one holds.

use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use futures_util::StreamExt;
use spotify_web::auth::{StoreError, StoredToken, TokenKey, TokenStore};
use spotify_web::fleet::{FleetError, FleetEvent, RedisFleet, RedisTokenStore};
use spotify_web::middleware::{SharedLimit, Told};
use spotify_web::oauth::Token;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::common::{RedisServer, Steps, Stop};

const HOUR: Duration = Duration::from_secs(3600);

fn anna() -> TokenKey {
    TokenKey::new("app").with_user("anna")
}

fn token(name: &str) -> Token {
    Token::new(name, HOUR).with_refresh_token(name)
}

fn login(name: &str) -> StoredToken {
    StoredToken::new(token(name), SystemTime::now() + HOUR)
}

/// Several refreshes of one login.
async fn refresh(store: &RedisTokenStore, mut login: StoredToken, times: usize) {
    for number in 0..times {
        let next = login.followed_by(token(&format!("old{number}")), SystemTime::now() + HOUR);
        store.save(&anna(), &next, Some(login.revision())).await.unwrap();
        login = next;
    }
}

async fn found(store: &RedisTokenStore) -> Option<String> {
    let stored = store.load(&anna()).await.unwrap();
    stored.and_then(|stored| Some(stored.token()?.access_token.expose().to_owned()))
}

/// What a second process did after a restart that lost everything, which the first does not know.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_done_after_a_restart_is_not_undone_by_who_knows_earlier_entries() {
    for done in ["login", "remove", "remove_user", "remove_user by who knows"] {
        let Some(mut server) = RedisServer::start(&[]) else { return };
        let (a, b) =
            (RedisFleet::new(server.url()).tokens(), RedisFleet::new(server.url()).tokens());
        let first = login("first");
        a.save(&anna(), &first, None).await.unwrap();
        refresh(&a, first, 3).await;
        server.restart_empty();

        match done {
            "login" => b.save(&anna(), &login("new"), None).await.unwrap(),
            "remove" => b.remove(&anna()).await.unwrap(),
            "remove_user" => assert_eq!(b.remove_user("app", "anna").await.unwrap(), 0),
            // It may have put the login back before.
            _ => assert!(a.remove_user("app", "anna").await.is_ok()),
        }

        let expected = (done == "login").then(|| "new".to_owned());
        assert_eq!(found(&a).await, expected, "{done}");
        assert_eq!(found(&b).await, expected, "{done}");
    }
}

/// A failover that loses two writes; what follows them is nobody's to undo.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_done_after_lost_writes_is_not_undone_by_who_made_them() {
    for done in ["login", "remove_user"] {
        let Some(server) = RedisServer::start(&[]) else { return };
        let (a, b) =
            (RedisFleet::new(server.url()).tokens(), RedisFleet::new(server.url()).tokens());
        let first = login("first");
        a.save(&anna(), &first, None).await.unwrap();
        let name = server.ask::<Vec<String>>(&["KEYS", "*:t"]).remove(0);
        let () = server.ask(&["COPY", &name, "before"]);
        refresh(&a, first.clone(), 2).await;
        let () = server.ask(&["COPY", "before", &name, "REPLACE"]);

        match done {
            "login" => b.save(&anna(), &login("new"), Some(first.revision())).await.unwrap(),
            _ => assert_eq!(b.remove_user("app", "anna").await.unwrap(), 1),
        }

        let expected = (done == "login").then(|| "new".to_owned());
        assert_eq!(found(&a).await, expected, "{done}");
        assert_eq!(found(&b).await, expected, "{done}");
    }
}

/// A login that is later than a removal stays, also where the removal is put back first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removal_that_is_put_back_undoes_no_login_that_was_made_after_it() {
    for removed in ["one login", "the user"] {
        let Some(mut server) = RedisServer::start(&[]) else { return };
        let (a, b) =
            (RedisFleet::new(server.url()).tokens(), RedisFleet::new(server.url()).tokens());
        a.save(&anna(), &login("old"), None).await.unwrap();
        match removed {
            "one login" => a.remove(&anna()).await.unwrap(),
            _ => assert!(b.remove_user("app", "anna").await.is_ok()),
        }
        assert_eq!(found(&a).await, None, "{removed}");
        b.save(&anna(), &login("new"), None).await.unwrap();
        server.restart_empty();

        assert_eq!(found(&a).await, None, "{removed}: that is what it knows");

        assert_eq!(found(&b).await.as_deref(), Some("new"), "{removed}");
        assert_eq!(found(&a).await.as_deref(), Some("new"), "{removed}");
    }
}

/// F25: who removed a user need not have known the login. One that was made since stays, also by the
/// clock of a server that is behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_removed_a_user_puts_that_back_when_the_server_forgets_it() {
    for (done, expected) in [
        ("nothing", None),
        ("put the old one back", None),
        ("log in", Some("new")),
        ("log in, by a clock that is behind", Some("new")),
    ] {
        let Some(mut server) = RedisServer::start(&[]) else { return };
        let url = server.url();
        let process = || RedisFleet::new(&url).tokens();
        let (old, remover, new) = (process(), process(), process());
        old.save(&anna(), &login("old"), None).await.unwrap();
        assert_eq!(remover.remove_user("app", "anna").await.unwrap(), 1);
        if done.starts_with("log in") {
            new.save(&anna(), &login("new"), None).await.unwrap();
        }
        server.restart_empty();

        if done == "put the old one back" {
            assert_eq!(found(&old).await.as_deref(), Some("old"), "that is what it knows");
        }
        if done.ends_with("is behind") {
            assert_eq!(found(&new).await.as_deref(), Some("new"));
            let name = server.ask::<Vec<String>>(&["KEYS", "*:t"]).remove(0);
            let fields: Vec<String> = server.ask(&["HKEYS", &name]);
            let number = fields.iter().find(|it| it.len() == 17 && it.ends_with('n')).unwrap();
            let () = server.ask(&["HSET", &name, number, "5"]);
        }
        remover.load(&TokenKey::new("app").with_user("bert")).await.unwrap();
        let mut is_marked = false;
        for _ in 0..200 {
            let names: Vec<String> = server.ask(&["KEYS", "*:t"]);
            is_marked = names.iter().any(|name| server.ask(&["HEXISTS", name, "g"]));
            if is_marked && found(&process()).await.as_deref() == expected {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert!(is_marked, "{done}");
        // The last of them puts back what it knows, where that is later.
        for store in [&new, &old, &remover, &process()] {
            assert_eq!(found(store).await.as_deref(), expected, "{done}");
        }
    }
}

/// Between the look that finds it forgotten, and the removal.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removal_that_is_put_back_late_undoes_no_login_that_was_made_meanwhile() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let b = RedisFleet::new(server.url()).tokens();
    // The server has the scripts from here on.
    b.save(&anna(), &login("first"), None).await.unwrap();
    b.remove(&anna()).await.unwrap();
    let () = server.ask(&["FLUSHALL"]);
    assert_eq!(found(&b).await, None);
    // A look, a look that finds nothing, and what is put back.
    let wire = Steps::to(server.port, 3, Stop::Before).await;
    let a = RedisFleet::new(wire.url()).tokens();
    assert_eq!(found(&a).await, None);
    let () = server.ask(&["FLUSHALL"]);
    let late = tokio::spawn({
        let a = a.clone();
        async move { a.load(&anna()).await }
    });
    assert_eq!(wire.stopped().await, "remove seen or put back");

    b.save(&anna(), &login("new"), None).await.unwrap();
    wire.go_on();

    late.await.unwrap().ok();
    // Who made the login would put it back.
    let newcomer = RedisFleet::new(server.url()).tokens();
    assert_eq!(found(&newcomer).await.as_deref(), Some("new"));
    assert_eq!(found(&a).await.as_deref(), Some("new"));
}

/// The same of a login that is put back, when it was removed meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_that_is_put_back_late_undoes_no_removal_that_was_made_meanwhile() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let b = RedisFleet::new(server.url()).tokens();
    b.save(&anna(), &login("old"), None).await.unwrap();
    // The server has the scripts from here on.
    assert_eq!(found(&b).await.as_deref(), Some("old"));
    let wire = Steps::to(server.port, 3, Stop::Before).await;
    let a = RedisFleet::new(wire.url()).tokens();
    assert_eq!(found(&a).await.as_deref(), Some("old"));
    let () = server.ask(&["FLUSHALL"]);
    let late = tokio::spawn({
        let a = a.clone();
        async move { a.load(&anna()).await }
    });
    assert_eq!(wire.stopped().await, "save");

    b.remove(&anna()).await.unwrap();
    wire.go_on();

    late.await.unwrap().ok();
    let newcomer = RedisFleet::new(server.url()).tokens();
    assert_eq!(found(&newcomer).await, None);
    assert_eq!(found(&a).await, None);
}

/// By who knows nothing of the removal: the time says which was later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_that_was_made_after_a_restart_is_later_than_a_removal_before_it() {
    let Some(mut server) = RedisServer::start(&[]) else { return };
    let (a, b) = (RedisFleet::new(server.url()).tokens(), RedisFleet::new(server.url()).tokens());
    a.save(&anna(), &login("old"), None).await.unwrap();
    a.remove(&anna()).await.unwrap();
    server.restart_empty();
    b.save(&anna(), &login("new"), None).await.unwrap();

    assert_eq!(found(&a).await.as_deref(), Some("new"));
    assert_eq!(found(&b).await.as_deref(), Some("new"));
}

/// A removal that is put back says that others may know better, as a login does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_finds_a_removal_that_was_put_back_waits_for_those_who_know_a_later_login() {
    let Some(mut server) = RedisServer::start(&[]) else { return };
    let store = || RedisFleet::new(server.url()).tokens();
    let (a, b, newcomer) = (store(), store(), store());
    a.save(&anna(), &login("old"), None).await.unwrap();
    a.remove(&anna()).await.unwrap();
    b.save(&anna(), &login("new"), None).await.unwrap();
    server.restart_empty();
    let of_a = tokio::spawn(async move { found(&a).await });
    while server.ask::<Vec<String>>(&["KEYS", "*:t"]).is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }

    let (of_newcomer, of_b) = tokio::join!(found(&newcomer), found(&b));

    assert_eq!(of_b.as_deref(), Some("new"));
    assert_eq!(of_newcomer.as_deref(), Some("new"));
    assert_eq!(of_a.await.unwrap().as_deref(), Some("new"));
}

/// The clock of the second server is behind: the login says that it is later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_later_login_stays_whatever_number_it_has() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let (a, b) = (RedisFleet::new(server.url()).tokens(), RedisFleet::new(server.url()).tokens());
    a.save(&anna(), &login("old"), None).await.unwrap();
    let () = server.ask(&["FLUSHALL"]);
    b.save(&anna(), &login("new"), None).await.unwrap();
    let name = server.ask::<Vec<String>>(&["KEYS", "*:t"]).remove(0);
    let fields = server.ask::<Vec<String>>(&["HKEYS", &name]);
    let number = fields.iter().find(|field| field.ends_with('n')).unwrap();
    let () = server.ask(&["HSET", &name, number, "1"]);

    assert_eq!(found(&a).await.as_deref(), Some("new"));
    assert_eq!(found(&b).await.as_deref(), Some("new"));
}

/// Leads to one server, and to another after `lead_to`.
struct Switch {
    port: u16,
    target: Arc<AtomicU16>,
    connections: Arc<Mutex<JoinSet<()>>>,
}

impl Switch {
    async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let switch = Self {
            port: listener.local_addr().unwrap().port(),
            target: Arc::new(port.into()),
            connections: Arc::default(),
        };
        let (target, connections) = (Arc::clone(&switch.target), Arc::clone(&switch.connections));
        tokio::spawn(async move {
            while let Ok((mut here, _)) = listener.accept().await {
                let port = target.load(Ordering::SeqCst);
                connections.lock().unwrap().spawn(async move {
                    let mut there = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                    tokio::io::copy_bidirectional(&mut here, &mut there).await.ok();
                });
            }
        });
        switch
    }

    fn lead_to(&self, port: u16) {
        self.target.store(port, Ordering::SeqCst);
        self.connections.lock().unwrap().abort_all();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_another_server_goes_on_with_leaves_nobody_out() {
    const NUMBER: usize = 4000;
    let Some(master) = RedisServer::start(&[]) else { return };
    let store = RedisFleet::new(master.url()).tokens();
    for number in 0..NUMBER {
        let key = TokenKey::new("app").with_user(number.to_string());
        store.save(&key, &login("x"), None).await.unwrap();
    }
    let port = master.port.to_string();
    let replica = RedisServer::start(&["--replicaof", "127.0.0.1", &port]).unwrap();
    while !replica.ask::<String>(&["INFO", "replication"]).contains("link_status:up") {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let () = replica.ask(&["REPLICAOF", "NO", "ONE"]);
    let switch = Switch::to(master.port).await;
    let fleet = RedisFleet::new(format!("redis://127.0.0.1:{}/", switch.port));

    let mut logins = fleet.tokens().logins();
    let mut named = std::collections::HashSet::from([logins.next().await.unwrap().unwrap()]);
    switch.lead_to(replica.port);
    while let Some(key) = logins.next().await {
        assert!(named.insert(key.unwrap()), "each once");
    }

    assert_eq!(named.len(), NUMBER);
}

#[tokio::test]
async fn a_server_that_evicts_what_has_an_end_evicts_logins() {
    let Some(server) = RedisServer::start(&[]) else { return };
    for policy in ["volatile-lru", "volatile-ttl", "volatile-random", "allkeys-lfu"] {
        let () = server.ask(&["CONFIG", "SET", "maxmemory-policy", policy]);
        let error = RedisFleet::new(server.url()).check().await.unwrap_err();
        assert_eq!(error, FleetError::Evicts { policy: policy.into() });
        assert!(!error.to_string().contains("volatile-*"), "{error}");
    }
}

/// Who removes a user without logins, among those who save.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_without_logins_is_removed_and_is_the_trouble_of_no_save() {
    let Some(master) = RedisServer::start(&[]) else { return };
    let port = master.port.to_string();
    let replica = RedisServer::start(&["--replicaof", "127.0.0.1", &port]).unwrap();
    while !replica.ask::<String>(&["INFO", "replication"]).contains("link_status:up") {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let store = RedisFleet::new(master.url()).with_replicas(1).tokens();
    let remove = async |user: &str| {
        // A busy replica is late, and not for ever.
        while let Err(error) = store.remove_user("app", user).await {
            assert!(matches!(error, FleetError::NotReplicated { .. }), "{error}");
        }
    };
    let save = async |user: &str| {
        let (key, mut replaces) = (TokenKey::new("app").with_user(user), None);
        loop {
            let login = login("x");
            let saved = store.save(&key, &login, replaces).await;
            let Err(error) = saved else { return };
            let is_late = matches!(error, StoreError::Fleet(FleetError::NotReplicated { .. }));
            assert!(is_late, "{error}");
            replaces = Some(login.revision());
        }
    };
    remove("nobody").await;
    let saves = (0..40).map(|number| {
        let (remove, save, user) = (&remove, &save, number.to_string());
        async move {
            match number % 2 {
                0 => remove(&user).await,
                _ => save(&user).await,
            }
        }
    });
    futures_util::future::join_all(saves).await;
}

/// A runtime that is not driven makes no connection, and nobody waits for it for good.
#[test]
fn a_connection_that_an_idle_runtime_makes_is_waited_for_by_nobody_for_good() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let store = RedisFleet::new(server.url()).tokens();
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (idle, busy) = (runtime(), runtime());
    // Begun and given up, before the connection is there.
    idle.block_on(async {
        let (store, key) = (store.clone(), anna());
        let mut load = std::pin::pin!(async move { store.load(&key).await.map(drop) });
        std::future::poll_fn(|context| {
            assert!(load.as_mut().poll(context).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
    });

    let loaded = busy.block_on(async {
        for _ in 0..3 {
            if store.load(&anna()).await.is_ok() {
                return true;
            }
        }
        false
    });
    assert!(loaded);
    drop(idle);
}

#[test]
fn a_list_without_a_runtime_ends_with_an_error() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let store = RedisFleet::new(server.url()).tokens();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(store.save(&anna(), &login("x"), None)).unwrap();
    let outside = store.logins();
    let other = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let of_other = other.block_on(async { store.logins() });
    drop(other);

    for list in [outside, of_other] {
        let items = runtime.block_on(list.collect::<Vec<_>>());
        assert!(matches!(items[..], [Err(FleetError::Config { .. })]), "{items:?}");
    }
    let items = runtime.block_on(async { store.logins().collect::<Vec<_>>().await });
    assert!(matches!(&items[..], [Ok(key)] if *key == anna()), "{items:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_something_else_wrote_is_no_trouble_of_the_fleets() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let told = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&told);
    let fleet = RedisFleet::new(server.url())
        .with_listener(move |event| log.lock().unwrap().push(event.clone()));
    let store = fleet.tokens();
    store.save(&anna(), &login("x"), None).await.unwrap();
    let name = server.ask::<Vec<String>>(&["KEYS", "*:t"]).remove(0);
    let () = server.ask(&["SET", &name, "something else"]);

    store.load(&anna()).await.unwrap_err();
    store.load(&TokenKey::new("app").with_user("otto")).await.unwrap();

    assert_eq!(fleet.stats().is_alone, Some(false));
    assert!(!told.lock().unwrap().iter().any(|event| matches!(event, FleetEvent::Alone { .. })));
}

/// 64 KiB hold a hundred tokens; a hundred megabytes take longer than all others wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_huge_record_is_the_trouble_of_its_user_only() {
    let Some(server) = RedisServer::start(&["--proto-max-bulk-len", "1gb"]) else { return };
    let store = RedisFleet::new(server.url()).tokens();
    let otto = TokenKey::new("app").with_user("otto");
    store.save(&anna(), &login("x"), None).await.unwrap();
    let name = server.ask::<Vec<String>>(&["KEYS", "*:t"]).remove(0);
    let fields = server.ask::<Vec<String>>(&["HKEYS", &name]);
    let record = fields.iter().find(|field| field.ends_with('r')).unwrap();
    let script = "return redis.call('HSET', KEYS[1], ARGV[1], string.rep('x', 100000000))";
    let () = server.ask(&["EVAL", script, "1", &name, record]);
    let short = login("y");
    store.save(&otto, &short, None).await.unwrap();
    // What does not come back is not what keeps others up.
    let read = || -> usize {
        let stats = server.ask::<String>(&["INFO", "stats"]);
        let line = stats.lines().find_map(|line| line.strip_prefix("total_net_output_bytes:"));
        line.unwrap().trim().parse().unwrap()
    };
    let before = read();

    let error = store.load(&anna()).await.unwrap_err();
    assert!(error.to_string().contains("cannot be opened"), "{error}");
    let listed = store.logins().collect::<Vec<_>>().await;
    assert_eq!(listed.iter().filter(|key| key.is_ok()).count(), 1, "{listed:?}");
    assert!(store.reseal().await.is_err());
    assert!(read() - before < 1_000_000, "{}", read() - before);
    let long = Token::new("x".repeat(100_000), HOUR);
    let long = StoredToken::new(long, SystemTime::now() + HOUR);
    let error = store.save(&otto, &long, Some(short.revision())).await.unwrap_err();
    let is_told = matches!(error, StoreError::Fleet(FleetError::TooLong { bytes: 100_000.., .. }));
    assert!(is_told && !error.is_transient(), "{error}");
}

/// Exchanges are too late, and calls for tokens are not: that is said once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_too_slow_for_exchanges_only_is_told_of_once() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let told = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&told);
    let fleet = RedisFleet::new(server.url())
        .with_listener(move |event| log.lock().unwrap().push(event.clone()));
    let (store, limit) = (fleet.tokens(), fleet.shared_limit());
    fleet.check().await.unwrap();
    let connections = fleet.stats().connections;

    for _ in 0..4 {
        // Both wait behind what keeps the server up for 120 ms.
        let busy = "local t = redis.call('TIME') local e = t[1] * 1e6 + t[2] + 120000
            repeat t = redis.call('TIME') until t[1] * 1e6 + t[2] > e";
        let url = server.url();
        let keeps_up = tokio::task::spawn_blocking(move || {
            let mut connection = redis::Client::open(url).unwrap().get_connection().unwrap();
            redis::cmd("EVAL").arg(busy).arg(0).exec(&mut connection).unwrap();
        });
        tokio::time::sleep(Duration::from_millis(30)).await;
        limit.exchange(Some("app"), &Told::default()).await.ok();
        keeps_up.await.unwrap();
        store.load(&TokenKey::new("client-id-1")).await.unwrap();
    }

    assert_eq!(fleet.stats().connections, connections);
    let alone = |event: &&FleetEvent| matches!(event, FleetEvent::Alone { .. });
    assert!(told.lock().unwrap().iter().filter(alone).count() <= 1, "{:?}", told.lock().unwrap());
}
