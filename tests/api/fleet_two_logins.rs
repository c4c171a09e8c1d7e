//! Two logins of one user, by processes that do not know of each other. Where they were made some seconds apart, the
//! one that was made later counts, however late the other one is saved, and whatever the clocks of the processes say;
//! where they were not, as the clocks of the processes say.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use spotify_web::auth::{Clock, Now, SystemClock, TokenCache, TokenCacheOptions, TokenStore};
use spotify_web::fleet::{RedisFleet, RedisTokenStore};
use spotify_web::oauth::Token;
use tokio::time::sleep;

use crate::common::{RedisServer, ScriptedSource, Steps, Stop};
use crate::fleet::{fleet, login};
use crate::fleet_adoption::{adopting, field, found, user};
use crate::fleet_late_logins::Pending;
use crate::fleet_losses::names;
use crate::fleet_removals::reconnect;
use crate::fleet_servers::until;

/// A wall clock that is ahead, or behind, and a moment that is past.
#[derive(Debug, Clone, Default)]
struct Ahead {
    /// In ms.
    wall: i64,
    ago: Arc<AtomicI64>,
}

impl Clock for Ahead {
    fn now(&self) -> Now {
        let Now { monotonic, wall } = SystemClock::default().now();
        let ago = self.ago.load(Ordering::Relaxed);
        let ahead = self.wall - ago;
        let by = Duration::from_millis(ahead.unsigned_abs());
        let wall = if ahead < 0 { wall - by } else { wall + by };
        Now { monotonic: monotonic - Duration::from_millis(ago.unsigned_abs()), wall }
    }
}

async fn made(store: RedisTokenStore, name: &str, knows: bool) -> Pending {
    Pending::of(store, TokenCacheOptions::default(), name, knows).await
}

/// By a process whose wall clock is that many ms ahead, that many ms ago.
async fn made_by_clock(store: RedisTokenStore, name: &str, wall: i64, ago: i64) -> Pending {
    let clock = Ahead { wall, ago: Arc::new(AtomicI64::new(ago)) };
    let options = TokenCacheOptions::default().with_clock(clock.clone());
    let made = Pending::of(store, options, name, false).await;
    clock.ago.store(0, Ordering::Relaxed);
    made
}

/// By a process that saves it at once.
async fn log_in(store: RedisTokenStore, name: &str) {
    let cache = TokenCache::new(ScriptedSource::default()).with_store(store, user("anna"));
    let token = Token::new("access", Duration::from_secs(3600)).with_refresh_token(name);
    cache.log_in(token).await.unwrap();
}

/// One in which nobody waits for what others may know.
async fn settled_server() -> Option<RedisServer> {
    let server = RedisServer::start(&[])?;
    sleep(SETTLED).await;
    fleet(&server).tokens().save(&user("bert"), &login("1"), None).await.unwrap();
    Some(server)
}

/// In one order or the other.
async fn save([first, second]: [Pending; 2], in_order: bool) {
    let (one, other) = if in_order { (first, second) } else { (second, first) };
    one.save().await;
    sleep(BETWEEN).await;
    other.save().await;
}

/// Each at its own place. A process without keys does not see what is sealed, and has its own.
async fn with_keys_and_without(is_plain_first: bool, had: &str, in_order: bool) {
    let Some(server) = RedisServer::start(&[]) else { return };
    let plain = fleet(&server).tokens();
    plain.save(&user("bert"), &login("1"), None).await.unwrap();
    match had {
        "nothing" => {}
        "sealed" => adopting(&server).save(&user("anna"), &login("0"), None).await.unwrap(),
        _ => plain.save(&user("anna"), &login("0"), None).await.unwrap(),
    }
    if had == "adopted" {
        assert!(found(&adopting(&server), &user("anna")).await.is_some());
    }
    // Who has seen the login before goes on from there. What is sealed is not seen without the keys.
    let knows = had == "plain" || had == "adopted";
    let process = |is_plain| match is_plain {
        true => fleet(&server).tokens(),
        false => adopting(&server),
    };
    let first = made(process(is_plain_first), "first", knows).await;
    sleep(BETWEEN).await;
    let second = made(process(!is_plain_first), "second", knows).await;
    sleep(BETWEEN).await;

    save([first, second], in_order).await;

    let case = format!("plain first: {is_plain_first}, {had}, in order: {in_order}");
    for _ in 0..2 {
        let found = found(&adopting(&server), &user("anna")).await;
        assert_eq!(found.as_deref(), Some("second"), "{case}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_login_with_sealing_keys_and_one_without_the_later_counts() {
    for had in ["nothing", "plain", "adopted", "sealed"] {
        let cases = [(true, false), (true, true), (false, false), (false, true)];
        let cases =
            cases.map(|(plain_first, order)| with_keys_and_without(plain_first, had, order));
        join_all(cases).await;
    }
}

async fn by_clocks(first: i64, second: i64, apart: i64, in_order: bool) {
    let Some(server) = RedisServer::start(&[]) else { return };
    let one = made_by_clock(fleet(&server).tokens(), "first", first, apart).await;
    let other = made_by_clock(fleet(&server).tokens(), "second", second, 0).await;
    sleep(BETWEEN).await;

    save([one, other], in_order).await;

    let found = found(&fleet(&server).tokens(), &user("anna")).await;
    let case = format!("{first} ms, {second} ms, {apart} ms apart, in order: {in_order}");
    assert_eq!(found.as_deref(), Some("second"), "{case}");
}

/// The server has nothing by which they could be told apart, but its time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_logins_in_an_empty_server_the_later_counts_whatever_the_clocks_of_processes_say() {
    for in_order in [false, true] {
        let clocks =
            [(0, 0), (1_900, 0), (-1_900, 0), (0, 1_900), (0, -1_900), (HOUR, 0), (0, -HOUR)];
        for apart in [6_000, 100_000] {
            join_all(clocks.map(|(one, other)| by_clocks(one, other, apart, in_order))).await;
        }
        by_clocks(0, 0, 300, in_order).await;
    }
}

/// Each call of a save of the first, or its response, takes longer than is between the logins.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_logins_made_while_the_network_is_slow_the_one_that_was_made_later_counts() {
    for is_first_slow in [true, false] {
        let calls = (1..=6).flat_map(|call| [(call, Stop::Before), (call, Stop::After)]);
        join_all(calls.map(async |(call, stop)| {
            let Some(server) = settled_server().await else { return };
            let wire = Steps::to(server.port, call, stop).await;
            let slow = RedisFleet::new(wire.url()).tokens();
            let first = match is_first_slow {
                true => made(slow.clone(), "first", false).await,
                false => {
                    log_in(fleet(&server).tokens(), "first").await;
                    sleep(MOMENT).await;
                    made(slow, "second", false).await
                }
            };
            let mut saving = tokio::spawn(first.save());

            let held = tokio::select! {
                held = wire.stopped() => held,
                // In less calls.
                saved = &mut saving => return saved.unwrap(),
            };
            sleep(MOMENT).await;
            let second = match is_first_slow {
                true => Some(made(fleet(&server).tokens(), "second", false).await),
                false => None,
            };
            sleep(MOMENT).await;
            wire.go_on();
            saving.await.unwrap();
            if let Some(second) = second {
                second.save().await;
            }

            let found = found(&fleet(&server).tokens(), &user("anna")).await;
            let case = format!("first slow: {is_first_slow}, {stop:?} {call}, a {held}");
            assert_eq!(found.as_deref(), Some("second"), "{case}");
        }))
        .await;
    }
}

/// As after a failover to a copy whose clock is not quite the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_logins_the_later_counts_where_the_clock_of_the_server_was_a_little_ahead_or_behind()
{
    let cases = ["-3000", "-1500", "0", "1500", "3000"].into_iter();
    let cases = cases.flat_map(|by| [(by, true), (by, false)]);
    join_all(cases.map(async |(by, is_first_late)| {
        let Some(server) = settled_server().await else { return };
        let late = match is_first_late {
            true => {
                let first = made(fleet(&server).tokens(), "first", false).await;
                sleep(BETWEEN).await;
                log_in(fleet(&server).tokens(), "second").await;
                first
            }
            false => {
                log_in(fleet(&server).tokens(), "first").await;
                sleep(BETWEEN).await;
                made(fleet(&server).tokens(), "second", false).await
            }
        };
        let name = of_anna(&server);
        let _: u64 = server.ask(&["HINCRBY", &name, &field(&server, &name, 'n'), by]);
        // The clock is where the number is.
        sleep(SETTLED).await;

        late.save().await;

        let found = found(&fleet(&server).tokens(), &user("anna")).await;
        assert_eq!(found.as_deref(), Some("second"), "{by} ms, first late: {is_first_late}");
    }))
    .await;
}

/// The name that was written last: it is kept for as long as each other.
fn of_anna(server: &RedisServer) -> String {
    let kept = |name: &String| -> u64 { server.ask(&["PTTL", name]) };
    names(server).into_iter().max_by_key(kept).unwrap()
}

/// It has its number by the clock of the server before, whatever that was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_that_was_put_back_is_told_to_be_one_also_where_it_is_sealed() {
    join_all(["-60000", "0"].map(async |by| {
        let Some(server) = RedisServer::start(&[]) else { return };
        let plain = fleet(&server).tokens();
        let first = made(adopting(&server), "first", false).await;
        sleep(BETWEEN).await;
        plain.save(&user("anna"), &login("second"), None).await.unwrap();
        let () = server.ask(&["FLUSHALL"]);
        reconnect(&server, &plain).await;
        until("put back", async || !names(&server).is_empty()).await;
        let name = names(&server).remove(0);
        let _: u64 = server.ask(&["HINCRBY", &name, &field(&server, &name, 'n'), by]);
        drop(plain);
        // Nobody waits for others any more.
        sleep(SETTLED).await;
        assert!(found(&adopting(&server), &user("anna")).await.is_some());
        for name in names(&server) {
            field(&server, &name, 'p');
        }

        first.save().await;

        let found = found(&adopting(&server), &user("anna")).await;
        assert_eq!(found.as_deref(), Some("refresh-second"), "{by} ms");
    }))
    .await;
}

/// Its place holds nothing, as the login's does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_out_that_was_saved_late_ends_what_was_made_before_it_and_nothing_else() {
    for (is_mixed, is_made_before) in [(false, true), (false, false), (true, true), (true, false)] {
        let Some(server) = RedisServer::start(&[]) else { return };
        fleet(&server).tokens().save(&user("bert"), &login("1"), None).await.unwrap();
        let store = || match is_mixed {
            true => adopting(&server),
            false => fleet(&server).tokens(),
        };
        let before = match is_made_before {
            true => Some(made(store(), "login", false).await),
            false => None,
        };
        sleep(BETWEEN).await;
        let log_out = Pending::log_out(fleet(&server).tokens()).await;
        sleep(BETWEEN).await;
        let login = match before {
            Some(login) => login,
            None => made(store(), "login", false).await,
        };

        log_out.save().await;
        login.save().await;

        let found = found(&store(), &user("anna")).await;
        assert_eq!(found.is_none(), is_made_before, "mixed: {is_mixed}");
    }
}

/// Longer than a call takes.
const BETWEEN: Duration = Duration::from_millis(500);

/// For longer than anybody waits for others.
const SETTLED: Duration = Duration::from_millis(3_500);

/// A part of the time that a call may take.
const MOMENT: Duration = Duration::from_millis(150);

/// In ms.
const HOUR: i64 = 3_600_000;
