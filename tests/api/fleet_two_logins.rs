//! Two logins of one user, by processes that do not know of each other: the one that was made later counts, however
//! late the other one is saved, and whatever the clocks of the processes say.

use std::time::Duration;

use futures_util::future::join_all;
use spotify_web::auth::{Clock, Now, SystemClock, TokenCacheOptions, TokenStore};
use spotify_web::fleet::RedisTokenStore;
use tokio::time::sleep;

use crate::common::RedisServer;
use crate::fleet::{fleet, login};
use crate::fleet_adoption::{adopting, found, user};
use crate::fleet_late_logins::Pending;

/// A wall clock that is ahead, or behind.
#[derive(Debug)]
struct Ahead(i64);

impl Clock for Ahead {
    fn now(&self) -> Now {
        let Now { monotonic, wall } = SystemClock::default().now();
        let by = Duration::from_millis(self.0.unsigned_abs());
        Now { monotonic, wall: if self.0 < 0 { wall - by } else { wall + by } }
    }
}

async fn made(store: RedisTokenStore, name: &str, ahead: i64, knows: bool) -> Pending {
    let options = TokenCacheOptions::default().with_clock(Ahead(ahead));
    Pending::of(store, options, name, knows).await
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
    let first = made(process(is_plain_first), "first", 0, knows).await;
    sleep(BETWEEN).await;
    let second = made(process(!is_plain_first), "second", 0, knows).await;
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

async fn by_clocks(first: i64, second: i64, in_order: bool) {
    let Some(server) = RedisServer::start(&[]) else { return };
    let one = made(fleet(&server).tokens(), "first", first, false).await;
    sleep(BETWEEN).await;
    let other = made(fleet(&server).tokens(), "second", second, false).await;
    sleep(BETWEEN).await;

    save([one, other], in_order).await;

    let found = found(&fleet(&server).tokens(), &user("anna")).await;
    assert_eq!(found.as_deref(), Some("second"), "{first} ms, {second} ms, in order: {in_order}");
}

/// The server has nothing by which they could be told apart, but its time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_logins_in_an_empty_server_the_later_counts_whatever_the_clocks_of_processes_say() {
    for in_order in [false, true] {
        let clocks =
            [(0, 0), (1_900, 0), (-1_900, 0), (0, 1_900), (0, -1_900), (HOUR, 0), (0, -HOUR)];
        join_all(clocks.map(|(first, second)| by_clocks(first, second, in_order))).await;
    }
}

/// Longer than a call takes.
const BETWEEN: Duration = Duration::from_millis(500);

/// In ms. The clocks of machines that are set by the network differ by two seconds at most.
const HOUR: i64 = 3_600_000;
