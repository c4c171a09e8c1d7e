//! Fleets that are set up wrongly: the first use and `RedisFleet::check` say so, and what to do;
//! nothing is overwritten.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use futures_util::StreamExt;
use spotify_web::auth::{StoreError, StoredToken, TokenKey, TokenStore};
use spotify_web::fleet::{FleetError, RedisFleet, SealingKey};
use spotify_web::middleware::Told;
use spotify_web::oauth::Token;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::common::RedisServer;
use crate::fleet_rate::exchange_of;

fn fleet(server: &RedisServer) -> RedisFleet {
    RedisFleet::new(server.url())
}

fn key() -> TokenKey {
    TokenKey::new("client-id-1").with_user("anna").with_scopes(["user-top-read"])
}

fn user(number: u32) -> TokenKey {
    TokenKey::new("client-id-1").with_user(format!("user-{number}"))
}

fn login(name: &str) -> StoredToken {
    let token =
        Token::new(format!("access-{name}"), HOUR).with_refresh_token(format!("refresh-{name}"));
    StoredToken::new(token, SystemTime::now() + HOUR)
}

fn keys(names: &[(&str, u8)]) -> Vec<SealingKey> {
    names.iter().map(|(name, byte)| SealingKey::new(*name, [*byte; 32])).collect()
}

/// What the first use of each kind says.
async fn first_uses(fleet: &RedisFleet) -> [FleetError; 3] {
    let of_store = |error| match error {
        StoreError::Fleet(error) => error,
        other => panic!("{other}"),
    };
    [
        of_store(fleet.tokens().load(&key()).await.unwrap_err()),
        of_store(fleet.tokens().save(&key(), &login("1"), None).await.unwrap_err()),
        of_store(fleet.tokens().lock(&key()).await.unwrap_err()),
    ]
}

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn what_is_wrong_with_the_server_is_said_with_what_to_do() {
    let Some(server) = RedisServer::start(&["--requirepass", "s3cr3t"]) else { return };
    let at = |credentials: &str| format!("redis://{credentials}127.0.0.1:{}/", server.port);
    for credentials in ["", ":wr0ng@", "nobody:s3cr3t@"] {
        let error = RedisFleet::new(at(credentials)).check().await.unwrap_err();
        assert_eq!(error, FleetError::WrongPassword, "{credentials}");
        let fleet = RedisFleet::new(at(credentials));
        assert_eq!(first_uses(&fleet).await, [const { FleetError::WrongPassword }; 3]);
    }
    let fleet = RedisFleet::new(at(":s3cr3t@"));
    fleet.check().await.unwrap();
    assert!(!format!("{fleet:?}").contains("s3cr3t"));
    let client = redis::Client::open(at(":s3cr3t@")).unwrap();
    let mut connection = client.get_connection().unwrap();
    let mut run =
        |words: &[&str]| redis::cmd(words[0]).arg(&words[1..]).exec(&mut connection).unwrap();
    run(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    let error = fleet.check().await.unwrap_err();
    assert_eq!(error, FleetError::Evicts { policy: "allkeys-lru".into() });
    run(&["ACL", "SETUSER", "bot", "on", ">pw", "~spotify-web:1:*", "+get", "+ping"]);
    let bot = RedisFleet::new(at("bot:pw@"));
    for error in first_uses(&bot).await.into_iter().chain([bot.check().await.unwrap_err()]) {
        let is_told = matches!(error, FleetError::NoPermission { .. });
        assert!(is_told && !error.is_transient(), "{error}");
        assert!(error.to_string().contains("grant `~spotify-web:1:*"), "{error}");
    }
}

/// What the error says is enough, and no more is needed.
#[tokio::test]
async fn the_rights_that_the_error_names_are_enough() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let nobody = FleetError::NoPermission { reason: String::new(), prefix: None }.to_string();
    let grants = nobody.split('`').nth(1).unwrap().to_owned();
    assert!(include_str!("../../docs/fleet.md").contains(&grants), "the guide has the list");
    let user: Vec<_> =
        ["ACL", "SETUSER", "bot", "on", ">pw"].into_iter().chain(grants.split(' ')).collect();
    let () = server.ask(&user);
    let fleet = RedisFleet::new(format!("redis://bot:pw@127.0.0.1:{}", server.port));

    fleet.check().await.unwrap();
    let store = fleet.tokens();
    store.save(&key(), &login("1"), None).await.unwrap();
    assert_eq!(store.logins().map(Result::unwrap).collect::<Vec<_>>().await, [key()]);
    store.reseal().await.unwrap();
    store.remove_user("client-id-1", "anna").await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_not_there_is_transient_and_a_wrong_setting_is_not() {
    let nowhere = RedisFleet::new(format!("redis://127.0.0.1:{}/", crate::common::free_port()));
    for error in first_uses(&nowhere).await.into_iter().chain([nowhere.check().await.unwrap_err()])
    {
        assert!(matches!(error, FleetError::Unreachable { .. }) && error.is_transient(), "{error}");
        assert!(StoreError::from(error).is_transient());
    }

    let fleet = || RedisFleet::new("redis://127.0.0.1/");
    for (fleet, expected) in [
        (RedisFleet::new("localhost"), "begin with"),
        (fleet().with_sealing_keys([1; 32], []), "no sealing key"),
        (fleet().with_sealing_keys([1; 32], keys(&[("", 1)])), "name of a sealing key"),
        (fleet().with_sealing_keys([1; 32], keys(&[("a", 1), ("a", 2)])), "same name"),
    ] {
        let error = fleet.check().await.unwrap_err();
        assert!(error.to_string().contains(expected) && !error.is_transient(), "{error}");
        assert!(!StoreError::from(error).is_transient());
        let error = fleet.tokens().load(&key()).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}

/// Which fails at once, after a few attempts to connect.
#[tokio::test]
async fn who_calls_a_server_that_is_not_there_again_and_again_keeps_no_other_task_from_running() {
    let store =
        RedisFleet::new(format!("redis://127.0.0.1:{}/", crate::common::free_port())).tokens();
    let ran = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&ran);
    tokio::spawn(async move {
        loop {
            counted.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
    });

    for _ in 0..200 {
        let before = ran.load(Ordering::Relaxed);
        store.load(&key()).await.unwrap_err();
        assert!(ran.load(Ordering::Relaxed) > before);
    }
}

/// Says what an old Redis says to `INFO`, and to scripts that it fails.
pub(crate) async fn old_redis(to_info: &'static str, to_scripts: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut read = [0; 4096];
                while let Ok(length @ 1..) = stream.read(&mut read).await {
                    let text = String::from_utf8_lossy(&read[..length]).into_owned();
                    // Each command is sent by itself, or all of them want the same response.
                    let commands = text.matches("\r\n$4\r\nINFO").count();
                    let response = match (commands, text.contains("EVAL")) {
                        (1.., _) => to_info,
                        (0, true) => to_scripts,
                        (0, false) => "+OK\r\n+OK\r\n",
                    };
                    let _ = stream.write_all(response.as_bytes()).await;
                }
            });
        }
    });
    url
}

/// To scripts that look at the clock before they write.
const TOO_OLD: &str = "-ERR Error running script (call to f_1): @user_script:9: @user_script: 9: Write \
                       commands not allowed after non deterministic commands.\r\n";

#[tokio::test]
async fn a_server_that_is_too_old_is_named_at_the_first_use_and_by_the_check() {
    let fleet = RedisFleet::new(old_redis("$20\r\nredis_version:4.0.14\r\n", TOO_OLD).await);
    let checked = fleet.check().await.unwrap_err();
    assert_eq!(checked, FleetError::TooOld { version: "4.0.14".into() });
    for error in first_uses(&fleet).await {
        assert!(matches!(error, FleetError::TooOld { .. }) && !error.is_transient(), "{error}");
        assert!(error.to_string().contains("Redis 5 or Valkey is needed"), "{error}");
    }
}

/// What the URL says of the server is not so: no wait helps.
#[tokio::test]
async fn a_url_that_does_not_fit_the_server_is_not_transient_and_says_which_does() {
    let Some(single) = RedisServer::start(&[]) else { return };
    let bus = crate::common::free_port().to_string();
    let node = RedisServer::start(&["--cluster-enabled", "yes", "--cluster-port", &bus]).unwrap();
    let () = node.ask(&["CLUSTER", "ADDSLOTSRANGE", "0", "8191"]);
    for (url, said) in [
        (format!("redis+cluster://127.0.0.1:{}", single.port), "write `redis://`"),
        (format!("redis+sentinel://127.0.0.1:{}/mymaster", single.port), "is no Sentinel"),
        (format!("redis://127.0.0.1:{}/99", single.port), "the database that its URL names"),
        (node.url(), "write `redis+cluster://`"),
    ] {
        let error = RedisFleet::new(&url).check().await.unwrap_err();
        assert!(error.to_string().contains(said), "{url}: {error}");
        assert!(matches!(error, FleetError::Config { .. }) && !error.is_transient(), "{error}");
    }
}

/// F22, F23: one that opens nothing is a wrong key; one record that is damaged is its user's trouble.
#[tokio::test]
async fn the_check_tells_a_wrong_sealing_key_from_a_damaged_record() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let sealed = |key: (&str, u8)| fleet(&server).with_sealing_keys([1; 32], keys(&[key]));
    let right = sealed(("a", 2));
    for number in 0..3 {
        right.tokens().save(&user(number), &login("1"), None).await.unwrap();
    }
    let names: Vec<String> = server.ask(&["KEYS", "*:t"]);
    let fields = |name: &String| {
        let mut fields: Vec<(String, Vec<u8>)> = server.ask(&["HGETALL", name]);
        fields.sort();
        fields
    };
    let all = || names.iter().map(fields).collect::<Vec<_>>();
    let before = all();
    right.check().await.unwrap();
    let is_altered = |error: &FleetError| matches!(error, FleetError::Sealed { .. });
    let is_unknown =
        |error: &FleetError| matches!(error, FleetError::UnknownKey { id, .. } if id == "a");
    for (wrong, is_it) in [
        (sealed(("b", 2)), &is_unknown as &dyn Fn(&FleetError) -> bool),
        (fleet(&server), &is_unknown),
        (sealed(("a", 3)), &is_altered),
    ] {
        let error = wrong.check().await.unwrap_err();
        assert!(is_it(&error) && !error.is_transient(), "{error}");
        let error = wrong.tokens().reseal().await.unwrap_err();
        assert!(is_it(&error), "{error}");
    }
    for wrong in [sealed(("b", 2)), sealed(("a", 3))] {
        wrong.tokens().load(&user(0)).await.unwrap_err();
    }
    let other_names = fleet(&server).with_sealing_keys([9; 32], keys(&[("a", 2)]));
    let error = other_names.check().await.unwrap_err();
    assert!(error.to_string().contains("another name key") && !error.is_transient(), "{error}");
    assert_eq!(all(), before, "nothing was overwritten");

    let (record, _) =
        fields(&names[1]).into_iter().find(|(field, _)| field.ends_with('r')).unwrap();
    let () = server.ask(&["HSET", &names[1], &record, "S1damaged"]);
    right.check().await.unwrap();
}

/// An app's own token without a seal is read by nobody, and may be planted.
#[tokio::test]
async fn a_token_without_a_seal_hides_no_wrong_sealing_key_from_the_check() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let sealed = |key: (&str, u8)| fleet(&server).with_sealing_keys([1; 32], keys(&[key]));
    sealed(("a", 2)).tokens().save(&user(1), &login("1"), None).await.unwrap();
    let of_app = StoredToken::new(Token::new("access", HOUR), SystemTime::now() + HOUR);
    fleet(&server).tokens().save(&TokenKey::new("client-id-1"), &of_app, None).await.unwrap();

    sealed(("a", 2)).check().await.unwrap();
    let error = sealed(("b", 2)).check().await.unwrap_err();
    assert!(matches!(error, FleetError::UnknownKey { .. }), "{error}");
}

/// In steps of half a second, of which one is over.
#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_is_told_with_the_time_that_was_waited() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", silent.local_addr().unwrap());
    let began = tokio::time::Instant::now();

    let error = RedisFleet::new(url).tokens().load(&key()).await.unwrap_err();

    let limit = Duration::from_millis(500);
    assert!(matches!(error, StoreError::Fleet(FleetError::TimedOut { limit: it }) if it == limit));
    assert_eq!(began.elapsed().as_millis() / 100, 5, "{error}");
}

/// The trouble of one login is no other's.
#[tokio::test]
async fn records_that_cannot_be_opened_keep_no_other_from_being_listed_or_sealed_anew() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let with =
        |names: &[(&str, u8)]| fleet(&server).with_sealing_keys([1; 32], keys(names)).tokens();
    for number in 0..20 {
        with(&[("old", 2)]).save(&user(number), &login("1"), None).await.unwrap();
    }
    let names: Vec<String> = server.ask(&["KEYS", "*:t"]);
    let fields: Vec<String> = server.ask(&["HKEYS", &names[4]]);
    let record = fields.iter().find(|field| field.ends_with('r')).unwrap();
    let () = server.ask(&["HSET", &names[4], record, "S1damaged"]);
    let () = server.ask(&["DEL", &names[7]]);
    let () = server.ask(&["SET", &names[7], "something else"]);

    let store = with(&[("new", 3), ("old", 2)]);
    let listed: Vec<_> = store.logins().collect().await;
    assert_eq!(listed.iter().filter(|key| key.is_ok()).count(), 18);
    let of_another = FleetError::Layout { place: names[7].clone() };
    assert!(listed.contains(&Err(of_another)), "{listed:?}");
    store.reseal().await.unwrap_err();

    let listed: Vec<_> = with(&[("new", 3)]).logins().collect().await;
    assert_eq!(listed.iter().filter(|key| key.is_ok()).count(), 18, "all others were sealed anew");
    assert_eq!(server.ask::<String>(&["GET", &names[7]]), "something else");
    assert_eq!(server.ask::<String>(&["HGET", &names[4], record]), "S1damaged");
}

#[tokio::test]
async fn keys_of_another_layout_are_left_as_they_are() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let fleet = fleet(&server);
    fleet.tokens().save(&key(), &login("1"), None).await.unwrap();
    drop(fleet.tokens().lock(&key()).await.unwrap());
    exchange_of(Some("app"), &fleet.shared_limit(), Told::default()).await.unwrap();
    let names: Vec<String> = server.ask(&["KEYS", "*"]);
    let is_of = |kind: &str| names.iter().find(|name| name.ends_with(kind)).unwrap();
    let (logins, rate) = (is_of(":t"), is_of(":g"));
    for name in [logins, rate] {
        let () = server.ask(&["DEL", name]);
        let () = server.ask(&["SET", name, "something else"]);
    }

    let other = RedisFleet::new(server.url());
    let exchanged = exchange_of(Some("app"), &other.shared_limit(), Told::default()).await;
    let errors = [
        other.tokens().load(&key()).await.unwrap_err().to_string(),
        other.tokens().save(&key(), &login("2"), None).await.unwrap_err().to_string(),
        other.tokens().remove(&key()).await.unwrap_err().to_string(),
        other.tokens().remove_user("client-id-1", "anna").await.unwrap_err().to_string(),
        exchanged.unwrap_err().to_string(),
        other.check().await.unwrap_err().to_string(),
    ];
    for (number, error) in errors.iter().enumerate() {
        assert!(error.contains("another prefix"), "{error}");
        let place = if number == 4 { rate } else { logins };
        assert!(error.contains(&format!("`{place}`")), "{error}");
    }
    for name in [logins, rate] {
        assert_eq!(server.ask::<String>(&["GET", name]), "something else");
    }
    assert!(!StoreError::from(FleetError::Layout { place: logins.clone() }).is_transient());
    other.with_prefix("other").check().await.unwrap();
}
