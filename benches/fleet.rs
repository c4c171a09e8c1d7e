//! What sharing through a real server costs, on loopback, beside the bare driver.
//!
//! `cargo bench --bench fleet` prints the table of `benches/README.md`: two minutes. `-- --logins
//! 1000000` fills the server with as many logins instead, and measures what concerns them all.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a bench that fails is a bench that panics")]

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use futures_util::StreamExt;
use futures_util::future::join_all;
use spotify_web::SpotifyClient;
use spotify_web::auth::{
    Authenticator, CredentialsAuthenticator, StoreError, StoredToken, TokenKey, TokenStore,
};
use spotify_web::fleet::{RedisFleet, RedisTokenStore, SealingKey};
use spotify_web::middleware::{SharedLimit, Told};
use spotify_web::oauth::Token;
use spotify_web::testing::FakeSpotify;

use self::directory::Directory;
use self::figures::Figure;
use self::redis_server::RedisServer;

#[path = "../tests/api/common/directory.rs"]
#[allow(dead_code, reason = "what tests use")]
mod directory;
#[path = "common/figures.rs"]
mod figures;
#[path = "../tests/api/common/redis.rs"]
#[allow(dead_code, reason = "what tests use")]
mod redis_server;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let logins = arguments.iter().position(|argument| argument == "--logins");
    let logins = logins.map(|at| arguments.get(at + 1).unwrap().parse().unwrap());
    let is_test = arguments.iter().any(|argument| argument == "--test");
    let Some(server) = RedisServer::start(&[]) else { return ExitCode::SUCCESS };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let figures = runtime.block_on(async {
        match logins {
            Some(logins) => all_logins(&server, logins).await,
            None if is_test => small(&server, 20, 1_000).await,
            None => small(&server, 5_000, 100_000).await,
        }
    });
    // Too few for the figures to mean anything.
    if is_test { ExitCode::SUCCESS } else { figures::report(&figures) }
}

async fn small(server: &RedisServer, rounds: usize, logins: usize) -> Vec<Figure> {
    let fleet = fleet(server);
    if rounds > 1_000 {
        tokio::time::sleep(YOUNG).await;
    }
    let Medians { set, exchange, turn, save } = one_at_a_time(server, &fleet, rounds).await;
    let bare = scripts_at_once(server, rounds * 10).await;
    let () = server.ask(&["CONFIG", "RESETSTAT"]);
    let at_once = exchanges_at_once(&fleet, rounds * 10).await;
    println!(
        "64 at once: {bare:.0} empty scripts a second by the bare driver, {at_once:.0} exchanges, of which \
         the server takes {} us each",
        script_micros(server),
    );
    println!(
        "half within: SET {:.0} us, exchange {:.0} us, turn {:.0} us, save {:.0} us",
        micros(set),
        micros(exchange),
        micros(turn),
        micros(save),
    );
    let mut figures = vec![
        Figure::at_most("an exchange, to a bare `SET`", ratio(exchange, set), 1.5, "times"),
        Figure::at_least("exchanges a second, 64 at once", at_once, 50_000.0, "/s"),
        Figure::at_most(
            "a turn that finds a newer token, to a bare `SET`",
            ratio(turn, set),
            1.5,
            "times",
        ),
        Figure::at_most("a save, to a bare `SET`", ratio(save, set), 1.5, "times"),
    ];
    figures.extend(herd(server, rounds.min(1_000)).await);
    figures.extend(all_logins(server, logins).await);
    figures
}

/// Half of each took at most this.
struct Medians {
    set: Duration,
    exchange: Duration,
    turn: Duration,
    save: Duration,
}

/// A `SET` by the bare driver, an exchange under a known rate that grants one start, a turn that
/// another process made unnecessary, and a save. They take turns, so that a machine that is slower
/// for a while is slower for all of them.
async fn one_at_a_time(server: &RedisServer, fleet: &RedisFleet, rounds: usize) -> Medians {
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let (limit, told) = (fleet.shared_limit(), told());
    let (store, key) = (fleet.tokens(), TokenKey::new("app").with_user("jane"));
    let first = stored(0);
    store.save(&key, &first, None).await.unwrap();
    let mut last = first.revision();
    let [mut set, mut exchange, mut turn, mut save] = [const { Vec::new() }; 4];
    for round in 1..=rounds {
        let command = redis::cmd("SET").arg("bare").arg("value").to_owned();
        set.push(time(command.exec_async(&mut connection)).await);
        exchange.push(time(limit.exchange(Some("one"), &told)).await);
        let token = stored(round);
        save.push(time(store.save(&key, &token, Some(last))).await);
        last = token.revision();
        turn.push(time(store.turn(&key, Some(first.revision()))).await);
    }
    let [set, exchange, turn, save] = [set, exchange, turn, save].map(middle);
    Medians { set, exchange, turn, save }
}

async fn time<T, E: std::fmt::Debug>(step: impl Future<Output = Result<T, E>>) -> Duration {
    let began = Instant::now();
    drop(step.await.unwrap());
    began.elapsed()
}

/// Exchanges a second, 64 under way at any time.
async fn exchanges_at_once(fleet: &RedisFleet, rounds: usize) -> f64 {
    let (limit, told) = (fleet.shared_limit(), told());
    let began = Instant::now();
    let exchanges = (0..rounds).map(|_| limit.exchange(Some("many"), &told));
    let failures = futures_util::stream::iter(exchanges).buffer_unordered(64);
    let failures = failures.filter(|granted| std::future::ready(granted.is_err())).count().await;
    assert_eq!(failures, 0);
    rounds as f64 / began.elapsed().as_secs_f64()
}

/// The bare driver with a script that does nothing, 64 under way at any time.
async fn scripts_at_once(server: &RedisServer, rounds: usize) -> f64 {
    let client = redis::Client::open(server.url()).unwrap();
    let connection = client.get_multiplexed_async_connection().await.unwrap();
    let hash: String = server.ask(&["SCRIPT", "LOAD", "return 1"]);
    let began = Instant::now();
    let calls = (0..rounds).map(|_| {
        let (mut connection, hash) = (connection.clone(), hash.clone());
        async move {
            let call = redis::cmd("EVALSHA").arg(hash).arg(0).exec_async(&mut connection).await;
            call.unwrap();
        }
    });
    futures_util::stream::iter(calls).buffer_unordered(64).count().await;
    rounds as f64 / began.elapsed().as_secs_f64()
}

/// What a script took since the counters were set back.
fn script_micros(server: &RedisServer) -> String {
    let stats: String = server.ask(&["INFO", "commandstats"]);
    let line = stats.lines().find(|line| line.starts_with("cmdstat_evalsha:")).unwrap();
    line.split(&['=', ','][..]).nth(5).unwrap().to_owned()
}

/// Of a rate that is known: one above 10,000 a second counts as none.
fn told() -> Told {
    serde_json::from_value(serde_json::json!({
        "member": 7, "epoch": 0, "succeeded": 1, "is_open": false, "others_wait": true,
        "refused_for": null, "refused_in": 0, "last_rate": 9_000.0, "starts": 1, "is_urgent": false,
    }))
    .unwrap()
}

/// As many caches as processes, whose app's token has expired: who asks, and how long the last one
/// waits.
async fn herd(server: &RedisServer, processes: usize) -> [Figure; 2] {
    let fake = FakeSpotify::start().await.unwrap();
    let caches: Vec<_> = (0..processes)
        .map(|_| {
            let authenticator = CredentialsAuthenticator::new("id", "secret")
                .with_store(fleet(server).with_prefix("herd").tokens(), TokenKey::new("id"));
            let spotify =
                SpotifyClient::new(fake.config().with_authenticator(authenticator.clone()));
            (authenticator, spotify.unwrap())
        })
        .collect();
    let began = Instant::now();
    let last = AtomicUsize::new(0);
    let url: reqwest::Url = "http://127.0.0.1/".parse().unwrap();
    let calls = caches.iter().map(|(authenticator, _)| async {
        let mut request = reqwest::Request::new(reqwest::Method::GET, url.clone());
        authenticator.apply(&mut request).await.unwrap();
        last.fetch_max(began.elapsed().as_millis() as usize, Ordering::Relaxed);
    });
    join_all(calls).await;
    let requests = fake.token_requests();
    [
        Figure::at_most("token requests of 1,000 processes", requests as f64, 1.0, ""),
        Figure::at_most(
            "until the last of them has the token",
            last.into_inner() as f64,
            2_000.0,
            "ms",
        ),
    ]
}

/// What listing, sealing anew and removing cost with many logins.
async fn all_logins(server: &RedisServer, logins: usize) -> Vec<Figure> {
    let fleet = fleet(server).with_prefix("logins");
    let store = fleet.with_sealing_keys([1; 32], [old()]).tokens();
    let before = memory(server);
    let began = Instant::now();
    let retries = fill(&store, logins).await;
    let each = (memory(server) - before) as f64 / logins as f64;
    let took = began.elapsed().as_secs_f64();
    println!("{logins} logins saved in {took:.1} s, {retries} of them again after a time-out");
    // A process looks again at what it saved, which is none of what is measured now.
    if logins >= MANY {
        tokio::time::sleep(SECOND_LOOKS).await;
    }
    let began = Instant::now();
    let listed = store.logins().filter(|key| std::future::ready(key.is_ok())).count().await;
    let list = began.elapsed();
    println!("listed in {:.1} s", list.as_secs_f64());
    assert_eq!(listed, logins);
    let store =
        self::fleet(server).with_prefix("logins").with_sealing_keys([1; 32], [new(), old()]);
    let store = store.tokens();
    let began = Instant::now();
    assert_eq!(store.reseal().await.unwrap(), logins as u64);
    let reseal = began.elapsed();
    println!("sealed anew in {:.1} s", reseal.as_secs_f64());
    let began = Instant::now();
    store.remove_user("app", "user 0").await.unwrap();
    let remove = began.elapsed();
    let per_100_000 = |took: Duration| took.as_secs_f64() * 100_000.0 / logins as f64;
    vec![
        Figure::at_most("memory of a sealed login", each, 1_500.0, "bytes"),
        Figure::at_most("listing, for 100,000 logins", per_100_000(list), 2.0, "s"),
        Figure::at_most("sealing anew, for 100,000 logins", per_100_000(reseal), 12.0, "s"),
        Figure::at_most("logging a user out everywhere", micros(remove) / 1e3, 50.0, "ms"),
    ]
}

/// How many saves had to be sent again: on a busy machine some take longer than their limit.
async fn fill(store: &RedisTokenStore, logins: usize) -> usize {
    let store = Arc::new(store.clone());
    let saves = (0..logins).map(|user| {
        let store = Arc::clone(&store);
        async move {
            let key = TokenKey::new("app").with_user(format!("user {user}"));
            let token = stored(user);
            let mut retries = 0;
            while let Err(error) = store.save(&key, &token, None).await {
                match error {
                    // One whose response was lost, which the store has saved meanwhile.
                    StoreError::Stale => break,
                    StoreError::Fleet(error) if error.is_transient() => retries += 1,
                    error => panic!("{error}"),
                }
            }
            retries
        }
    });
    let saves = futures_util::stream::iter(saves).buffer_unordered(64);
    saves.fold(0, async |sum, retries| sum + retries).await
}

/// As long as Spotify's are.
fn stored(number: usize) -> StoredToken {
    let life = Duration::from_secs(3_600);
    let token = Token::new(format!("{number:0>220}"), life);
    let token = token.with_refresh_token(format!("{number:0>131}"));
    StoredToken::new(token, SystemTime::now() + life)
}

fn memory(server: &RedisServer) -> u64 {
    let info: String = server.ask(&["INFO", "memory"]);
    let line = info.lines().find_map(|line| line.strip_prefix("used_memory:")).unwrap();
    line.trim().parse().unwrap()
}

fn fleet(server: &RedisServer) -> RedisFleet {
    RedisFleet::new(server.url())
}

fn old() -> SealingKey {
    SealingKey::new("old", [2; 32])
}

fn new() -> SealingKey {
    SealingKey::new("new", [3; 32])
}

fn middle(mut took: Vec<Duration>) -> Duration {
    took.sort();
    took.get(took.len() / 2).copied().unwrap()
}

fn ratio(one: Duration, other: Duration) -> f64 {
    one.as_secs_f64() / other.as_secs_f64()
}

fn micros(took: Duration) -> f64 {
    took.as_secs_f64() * 1e6
}

/// For so long after its start a server is asked one question more before a lease is taken.
const YOUNG: Duration = Duration::from_secs(4);

/// Logins to look at again that are seen in the figures.
const MANY: usize = 10_000;

/// After which a process has looked again at all that it saved.
const SECOND_LOOKS: Duration = Duration::from_secs(15);
