//! What a user of a fleet is told who has nothing but its words: whose trouble it is, and what to do.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;

use futures_util::{FutureExt, StreamExt};
use spotify_web::auth::{PkceAuthenticator, StoreError, TokenStore};
use spotify_web::fleet::{FleetError, RedisFleet, SealingKey};
use spotify_web::middleware::{SharedLimit, Told};
use spotify_web::oauth::Token;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

use crate::common::{Directory, RedisServer, free_port};
use crate::fleet::{fleet, login};
use crate::fleet_adoption::{found, is_of_unsealed, user};

fn with(server: &RedisServer, name_key: u8, name: &str, key: u8) -> RedisFleet {
    fleet(server).with_sealing_keys([name_key; 32], [SealingKey::new(name, [key; 32])])
}

async fn save(fleet: &RedisFleet, names: &[&str]) {
    for name in names {
        fleet.tokens().save(&user(name), &login(name), None).await.unwrap();
    }
}

fn is_of_other_names(error: &FleetError) -> bool {
    error.to_string().contains("another name key") && !error.is_transient()
}

/// What a wrong key of each kind is, by what is said of it.
type Wrong<'a> = (RedisFleet, &'a dyn Fn(&FleetError) -> bool);

fn wrong(server: &RedisServer) -> [Wrong<'_>; 3] {
    [
        (with(server, 1, "a", 3), &|error| matches!(error, FleetError::Sealed { .. })),
        (
            with(server, 1, "b", 2),
            &|error| matches!(error, FleetError::UnknownKey { id, .. } if id == "a"),
        ),
        (with(server, 9, "a", 2), &is_of_other_names),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logins_without_a_seal_hide_no_wrong_key_from_the_check() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let right = || with(&server, 1, "a", 2);
    save(&fleet(&server), &["anna", "bert", "carl", "dora"]).await;
    right().adopt_unsealed().check().await.unwrap();
    for (wrong, _) in wrong(&server) {
        // Nothing is sealed yet.
        wrong.clone().adopt_unsealed().check().await.unwrap();
        assert!(is_of_unsealed(&wrong.check().await.unwrap_err()));
    }

    save(&right(), &["emma"]).await;

    right().adopt_unsealed().check().await.unwrap();
    assert!(is_of_unsealed(&right().check().await.unwrap_err()), "of those that are left over");
    for (wrong, is_it) in wrong(&server) {
        for fleet in [wrong.clone(), wrong.adopt_unsealed()] {
            let error = fleet.check().await.unwrap_err();
            assert!(is_it(&error), "{error}");
        }
    }
}

/// It is the trouble of none but its user.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn something_else_under_a_name_is_no_proof_against_logins_that_are_taken_over() {
    let Some(server) = RedisServer::start(&[]) else { return };
    save(&fleet(&server), &["anna", "bert"]).await;
    let names: Vec<String> = server.ask(&["KEYS", "*:t"]);
    let () = server.ask(&["DEL", &names[0]]);
    let () = server.ask(&["SET", &names[0], "something else"]);

    with(&server, 1, "a", 2).adopt_unsealed().check().await.unwrap();
}

/// By one process that was started with a wrong one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_under_another_name_key_is_no_trouble_of_the_others() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let right = with(&server, 1, "a", 2);
    save(&right, &["anna", "bert", "carl", "dora"]).await;
    let before: Vec<String> = server.ask(&["KEYS", "*:t"]);
    save(&with(&server, 9, "a", 2), &["zed"]).await;
    let after: Vec<String> = server.ask(&["KEYS", "*:t"]);
    let odd = after.iter().find(|name| !before.contains(name)).unwrap();
    let is_it = |error: &FleetError| is_of_other_names(error) && error.to_string().contains(odd);

    for fleet in [right.clone(), right.clone().adopt_unsealed()] {
        fleet.check().await.unwrap();
        let listed: Vec<_> = fleet.tokens().logins().collect().await;
        assert_eq!(listed.iter().filter(|login| login.is_ok()).count(), 4);
        let errors: Vec<_> = listed.iter().filter_map(|login| login.as_ref().err()).collect();
        assert!(errors.len() == 1 && is_it(errors[0]), "{errors:?}");
        let error = fleet.tokens().reseal().await.unwrap_err();
        assert!(is_it(&error), "{error}");
    }
    let keys = [SealingKey::new("b", [3; 32]), SealingKey::new("a", [2; 32])];
    let changed = fleet(&server).with_sealing_keys([1; 32], keys);
    assert!(is_it(&changed.tokens().reseal().await.unwrap_err()));
    for name in ["anna", "bert", "carl", "dora"] {
        let sealed_anew = with(&server, 1, "b", 3).tokens();
        assert_eq!(found(&sealed_anew, &user(name)).await, Some(format!("refresh-{name}")));
    }

    // What it says to do.
    let error = changed.tokens().reseal().await.unwrap_err();
    assert!(error.to_string().contains("`DEL`"), "{error}");
    let _: u64 = server.ask(&["DEL", odd]);
    changed.tokens().reseal().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_that_is_missing_is_not_told_as_a_database() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let () = server.ask(&["ACL", "SETUSER", "bot", "on", ">pw", "~*", "+@all", "-select"]);
    let at = |credentials: &str, database: u32| {
        RedisFleet::new(format!("redis://{credentials}127.0.0.1:{}/{database}", server.port))
    };
    at("", 3).check().await.unwrap();
    let error = at("bot:pw@", 3).check().await.unwrap_err();
    assert!(matches!(error, FleetError::NoPermission { .. }), "{error}");
    let () = server.ask(&["ACL", "SETUSER", "bot", "+select"]);
    let password: &[&[&str]] = &[&["CONFIG", "SET", "requirepass", "s3cr3t"]];
    let off: &[&[&str]] =
        &[&["CONFIG", "SET", "requirepass", ""], &["ACL", "SETUSER", "default", "off"]];
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_connection().unwrap();
    for commands in [password, off] {
        for words in commands {
            redis::cmd(words[0]).arg(&words[1..]).exec(&mut connection).unwrap();
        }
        for database in [0, 3, 99] {
            let error = at("", database).check().await.unwrap_err();
            assert_eq!(error, FleetError::WrongPassword, "{database}");
            let error = at("sesame@", database).check().await.unwrap_err();
            assert!(error.to_string().contains("behind a colon"), "{database}: {error}");
        }
        at("bot:pw@", 3).check().await.unwrap();
        let error = at("bot:pw@", 99).check().await.unwrap_err();
        assert!(error.to_string().contains("the database that its URL names"), "{error}");
    }
}

/// `None` is without a runtime.
fn places() -> [(&'static str, Option<Runtime>); 4] {
    [
        ("no tokio runtime", None),
        ("time", Some(Builder::new_current_thread().build().unwrap())),
        ("time", Some(Builder::new_current_thread().enable_io().build().unwrap())),
        ("IO", Some(Builder::new_current_thread().enable_time().build().unwrap())),
    ]
}

type Call = Pin<Box<dyn Future<Output = Result<(), String>>>>;

/// Every way to the server.
fn calls(fleet: &RedisFleet) -> Vec<(&'static str, Call)> {
    fn call<T, E: std::fmt::Display>(call: impl Future<Output = Result<T, E>> + 'static) -> Call {
        Box::pin(async { call.await.map(drop).map_err(|error| error.to_string()) })
    }
    let (store, limit) = (fleet.tokens(), fleet.shared_limit());
    let of_store = |name: &'static str| {
        let store = store.clone();
        call(async move {
            let anna = user("anna");
            match name {
                "load" => store.load(&anna).await.map(drop),
                "save" => store.save(&anna, &login("1"), None).await,
                "remove" => store.remove(&anna).await,
                "lock" => store.lock(&anna).await.map(drop),
                _ => store.turn(&anna, None).await.map(drop),
            }
        })
    };
    let whole = fleet.clone();
    let (lists, removes, reseals) = (store.clone(), store.clone(), store.clone());
    vec![
        ("check", call(async move { whole.check().await })),
        ("load", of_store("load")),
        ("lock", of_store("lock")),
        ("turn", of_store("turn")),
        ("save", of_store("save")),
        ("remove", of_store("remove")),
        ("logins", call(async move { lists.logins().next().await.transpose() })),
        ("remove_user", call(async move { removes.remove_user("client-id-1", "anna").await })),
        ("reseal", call(async move { reseals.reseal().await })),
        ("exchange", call(async move { limit.exchange(Some("app"), &Told::default()).await })),
    ]
}

/// With a connection and without one.
#[test]
fn a_fleet_on_a_runtime_that_does_not_suit_says_what_to_enable() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let whole = Runtime::new().unwrap();
    for is_connected in [false, true] {
        for (lacks, place) in places() {
            for number in 0.. {
                let fleet = fleet(&server);
                if is_connected {
                    whole.block_on(fleet.check()).unwrap();
                }
                let Some((name, call)) = calls(&fleet).into_iter().nth(number) else { break };
                let said = catch_unwind(AssertUnwindSafe(|| match &place {
                    Some(runtime) => runtime.block_on(call),
                    None => call.now_or_never().unwrap(),
                }));
                let said = said.unwrap_or_else(|_| panic!("{name} panics without {lacks}"));
                drop(fleet.stats());
                let error = match said {
                    // A connection that is there is driven elsewhere.
                    _ if is_connected && lacks == "IO" => {
                        let is_late = |error: &String| error.contains("did not respond within");
                        assert!(said.as_ref().err().is_none_or(is_late), "{name}: {said:?}");
                        continue;
                    }
                    said => said.unwrap_err(),
                };
                assert!(error.contains(lacks), "{name} without {lacks}: {error}");
                let enables = error.contains("`enable_all`");
                assert_eq!(enables, place.is_some(), "{name} without {lacks}: {error}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_keeps_a_login_from_settling_is_told_whole() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let () = server.ask(&["ACL", "SETUSER", "bot", "on", ">pw", "~spotify-web:1:*", "+get"]);
    let fleet = RedisFleet::new(format!("redis://bot:pw@127.0.0.1:{}/", server.port));
    let refused = fleet.tokens().save(&user("anna"), &login("1"), None).await.unwrap_err();
    let StoreError::Fleet(FleetError::NoPermission { .. }) = &refused else { panic!("{refused}") };
    let anna = PkceAuthenticator::new("client-id-1").with_store(fleet.tokens(), user("anna"));
    let token = Token::new("access", std::time::Duration::from_secs(3600));
    anna.log_in(token.with_refresh_token("refresh")).await.ok();

    let error = anna.settle().await.unwrap_err().to_string();

    assert!(error.contains("or in the server's `ACL LOG`"), "{error}");
}

/// As they are to be granted, also where the prefix has what would be a pattern.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rights_are_named_with_the_prefix_of_the_fleet() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let () = server.ask(&["ACL", "SETUSER", "bot", "on", ">pw", "resetkeys"]);
    let url = format!("redis://bot:pw@127.0.0.1:{}/", server.port);
    for prefix in ["my-bots", "a*[b]?", "x:1:y", "spotify-web"] {
        let () = server.ask(&["ACL", "SETUSER", "bot", "resetkeys", "-@all"]);
        let fleet = RedisFleet::new(&url).with_prefix(prefix);
        let refused = fleet.tokens().save(&user("anna"), &login("1"), None).await.unwrap_err();
        let checked = fleet.check().await.unwrap_err().to_string();
        for error in [refused.to_string(), checked] {
            assert!(!error.contains("in place of"), "{error}");
            let grants = error.split('`').nth(1).unwrap();
            let rights: Vec<_> = ["ACL", "SETUSER", "bot", "resetkeys", "-@all"]
                .into_iter()
                .chain(grants.split(' '))
                .collect();
            let () = server.ask(&rights);
            fleet.check().await.unwrap();
            let name = fastrand::u64(..).to_string();
            save(&fleet, &[name.as_str()]).await;
        }
    }
}

/// On a busy machine a call may be too late; so it is made again.
async fn is_told(url: &str, expected: &str) -> FleetError {
    let mut last = None;
    for _ in 0..20 {
        let error = RedisFleet::new(url).check().await.unwrap_err();
        if error.to_string().contains(expected) {
            return error;
        }
        last = Some(error);
    }
    panic!("{url}: {last:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_url_with_the_wrong_kind_of_server_says_which_is_right() {
    let Some(master) = RedisServer::start(&[]) else { return };
    let directory = Directory::new();
    let file = directory.path().join("sentinel.conf");
    std::fs::write(&file, format!("sentinel monitor mymaster 127.0.0.1 {} 1\n", master.port))
        .unwrap();
    let sentinel = RedisServer::start_sentinel(&file);
    for database in ["", "3"] {
        let url = format!("redis://127.0.0.1:{}/{database}", sentinel.port);
        assert!(!is_told(&url, "write `redis+sentinel://`").await.is_transient());
    }
    let sentinels = format!("redis+sentinel://127.0.0.1:{}", sentinel.port);
    RedisFleet::new(format!("{sentinels}/mymaster/3")).check().await.unwrap();
    let error =
        is_told(&format!("{sentinels}/mymaster/99"), "the database that its URL names").await;
    assert!(!error.is_transient());
    // As in a failover, in which the Sentinels know none that is well.
    let error = is_told(&format!("{sentinels}/wrongname"), "`wrongname`").await;
    assert!(error.is_transient() && error.to_string().contains("`sentinel monitor`"), "{error}");

    let bus = free_port().to_string();
    let node = RedisServer::start(&["--cluster-enabled", "yes", "--cluster-port", &bus]).unwrap();
    let url = format!("redis+cluster://127.0.0.1:{}/", node.port);
    is_told(&url, "has no slots").await;
    let url = format!("redis://127.0.0.1:{}/3", node.port);
    assert!(!is_told(&url, "write `redis+cluster://`").await.is_transient());
}

/// As a web server says to whatever it does not understand.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_web_server_is_told_with_and_without_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _length = stream.read(&mut [0; 512]).await;
                stream
                    .write_all(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n")
                    .await
                    .ok();
            });
        }
    });
    for scheme in ["redis", "rediss"] {
        let url = format!("{scheme}://127.0.0.1:{port}/");
        assert!(!is_told(&url, "neither Redis nor Valkey").await.is_transient());
    }
}

/// What the guide says that calls of the store cost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_call_costs_what_the_guide_says() {
    let Some(server) = RedisServer::start(&[]) else { return };
    async fn costs<T>(
        fleet: &RedisFleet,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> u64 {
        let before = fleet.stats().calls;
        call.await.unwrap();
        fleet.stats().calls - before
    }
    let (anna, nobody) = (user("anna"), user("nobody"));
    let (plain, sealed) = (fleet(&server), with(&server, 1, "a", 2));
    // For who finds nothing in a server that has just begun.
    for fleet in [&plain, &sealed] {
        fleet.tokens().load(&nobody).await.unwrap();
    }
    for (fleet, to_load_nobody, to_remove) in [(&sealed, 2, 3), (&plain, 1, 2)] {
        let store = fleet.tokens();
        assert_eq!(costs(fleet, store.save(&anna, &login("1"), None)).await, 1);
        assert_eq!(costs(fleet, store.load(&anna)).await, 1);
        assert_eq!(costs(fleet, store.load(&nobody)).await, to_load_nobody);
        assert_eq!(costs(fleet, store.remove(&anna)).await, to_remove);
    }
    save(&plain, &["bert"]).await;
    save(&sealed, &["carl"]).await;
    assert_eq!(costs(&sealed, sealed.tokens().load(&nobody)).await, 3);
    assert_eq!(costs(&sealed, sealed.tokens().load(&user("carl"))).await, 1);
    let adopting = sealed.adopt_unsealed();
    assert_eq!(costs(&adopting, adopting.tokens().load(&user("carl"))).await, 2);
    assert_eq!(costs(&adopting, adopting.tokens().load(&user("bert"))).await, 6);
    assert_eq!(costs(&adopting, adopting.tokens().load(&user("bert"))).await, 2);
}
