//! Which node of a cluster a call goes to where nodes differ, are others than they were, or are slow.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use spotify_web::auth::TokenStore;
use spotify_web::fleet::{FleetError, FleetEvent, RedisFleet};
use tokio::runtime::Runtime;
use tokio::time::sleep;

use crate::fleet_adoption::user;
use crate::fleet_masters::{Cluster, are_there, odd_node, slots_at, slow_node};
use crate::fleet_servers::until;
use crate::fleet_told::{heard, of_store};

/// As a node hears it that is asked all that it tells.
const INFO: &str = "$4 INFO";

pub(crate) fn fleet_at(ports: &[u16]) -> RedisFleet {
    let hosts: Vec<_> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
    RedisFleet::new(format!("redis+cluster://{}", hosts.join(",")))
}

pub(crate) fn was_asked(asked: &Mutex<Vec<String>>, what: &str) -> usize {
    asked.lock().unwrap().iter().filter(|words| words.contains(what)).count()
}

pub(crate) fn says_that_it_has_all(words: &str, port: u16) -> String {
    match words {
        words if words.contains("SLOTS") => slots_at(port),
        words if words.contains("EVAL") => "-ERR odd\r\n".into(),
        _ => "+OK\r\n".into(),
    }
}

fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

/// Of a node that takes longer than a call on a connection may.
pub(crate) fn connects_slowly(words: &str) -> Duration {
    match words {
        words if words.contains("SETINFO") => Duration::from_millis(200),
        INFO => Duration::from_millis(400),
        _ => Duration::ZERO,
    }
}

/// As in a failover, whose new master has had no connection yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_led_to_a_node_has_the_time_to_connect_to_it() {
    for how in ["MOVED", "ASK"] {
        // One of several, as a machine may be too busy for connecting.
        until(how, async || {
            let (to, asked) = slow_node(says_that_it_has_all, connects_slowly).await;
            let leads = Arc::new(AtomicBool::new(false));
            let is_led = Arc::clone(&leads);
            let (from, _) = odd_node(move |words, port| match words {
                words if words.contains("EVAL") && is_led.load(Ordering::Relaxed) => {
                    format!("-{how} 1 127.0.0.1:{to}\r\n")
                }
                words => says_that_it_has_all(words, port),
            })
            .await;
            let store = fleet_at(&[from]).tokens();
            store.load(&user("anna")).await.unwrap_err();
            leads.store(true, Ordering::Relaxed);
            store.load(&user("anna")).await.unwrap_err();
            was_asked(&asked, "EVAL") > 0
        })
        .await;
    }
}

/// As of an address that another server has by now.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_node_of_a_cluster_is_sent_nothing_as_a_master() {
    for is in [
        "redis_mode:standalone\r\nrole:master",
        "server_mode:standalone\r\nrole:master",
        "role:master\r\ncluster_enabled:0",
        "redis_mode:sentinel",
        "server_mode:sentinel",
    ] {
        let (other, sent) = odd_node(move |words, _| match words {
            INFO => bulk(is),
            _ => "+OK\r\n".into(),
        })
        .await;
        let (seed, asked) = odd_node(move |words, _| match words {
            words if words.contains("SLOTS") => slots_at(other),
            _ => "+OK\r\n".into(),
        })
        .await;
        let store = fleet_at(&[seed]).tokens();

        let error = of_store(store.load(&user("anna")).await);

        assert!(matches!(error, FleetError::Server { .. }), "{is}: {error}");
        assert!(error.is_transient());
        until("asked anew", async || was_asked(&asked, "SLOTS") > 1).await;
        assert_eq!(was_asked(&sent, "EVAL"), 0, "{is}");
    }
}

/// As of an address that a server with other users has by now, while others know the new master.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_a_node_refuses_goes_to_the_master_that_the_slot_has_by_then() {
    for refusal in [
        "-NOAUTH Authentication required.",
        "-WRONGPASS invalid username-password pair or user is disabled.",
        "-NOPERM User bot has no permissions to run the 'evalsha' command",
        "-MISCONF Redis is configured to save RDB snapshots",
        "-OOM command not allowed when used memory > 'maxmemory'.",
        "-ERR unknown command 'EVALSHA'",
        "-ERR something else",
    ] {
        let (before, _) = odd_node(move |words, _| match words {
            words if words.contains("EVAL") => format!("{refusal}\r\n"),
            words if words.contains("SLOTS") => format!("{refusal}\r\n"),
            _ => "+OK\r\n".into(),
        })
        .await;
        let (now, asked) = odd_node(says_that_it_has_all).await;
        let times = AtomicUsize::new(0);
        let (seed, _) = odd_node(move |words, _| match words {
            words if words.contains("SLOTS") => {
                slots_at(if times.fetch_add(1, Ordering::Relaxed) == 0 { before } else { now })
            }
            _ => "+OK\r\n".into(),
        })
        .await;
        let store = fleet_at(&[seed]).tokens();

        until(refusal, async || {
            store.load(&user("anna")).await.unwrap_err();
            sleep(Duration::from_millis(20)).await;
            was_asked(&asked, "EVAL") > 0
        })
        .await;
    }
}

/// As of one that is cut off from its cluster, or was reset: it has a whole map, and responds first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_map_that_most_nodes_have_is_the_one_that_counts() {
    let says: fn(&str, u16) -> String = |words, _| match words {
        words if words.contains("EVAL") => "-ERR odd\r\n".into(),
        _ => "+OK\r\n".into(),
    };
    let ((stale, asked_stale), (now, asked_now)) = (odd_node(says).await, odd_node(says).await);
    let seed_of = |master: u16, takes| {
        slow_node(
            move |words, _| match words {
                words if words.contains("SLOTS") => slots_at(master),
                _ => "+OK\r\n".into(),
            },
            takes,
        )
    };
    let late: fn(&str) -> Duration = |words| match words {
        words if words.contains("SLOTS") => Duration::from_millis(150),
        _ => Duration::ZERO,
    };
    let (first, _) = seed_of(stale, |_| Duration::ZERO).await;
    let (second, _) = seed_of(now, late).await;
    let (third, _) = seed_of(now, late).await;

    let mut wrong = 0;
    for turn in 0..10 {
        let store = fleet_at(&[first, second, third]).tokens();
        store.load(&user("anna")).await.unwrap_err();
        wrong += usize::from(was_asked(&asked_now, "EVAL") <= turn);
    }

    // On a busy machine the others may be later than they are waited for.
    assert!(wrong < 5, "{wrong}");
    assert!(was_asked(&asked_stale, "EVAL") < 10);
}

/// Its users do not come.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_that_responds_again_is_no_trouble_also_where_nobody_calls_it() {
    let Some(cluster) = Cluster::start().await else { return };
    let users = cluster.users(20).await;
    let (fleet, events) = heard(&cluster.url());
    let store = fleet.tokens();
    are_there(&store, &users[0][..1]).await;
    are_there(&store, &users[1][..1]).await;
    cluster.servers[0].signal("-STOP");
    store.load(&users[0][0]).await.unwrap_err();
    assert_eq!(fleet.stats().is_alone, Some(true));

    cluster.servers[0].signal("-CONT");

    until("back", async || {
        are_there(&store, &users[1][..1]).await;
        fleet.stats().is_alone == Some(false)
    })
    .await;
    let is_rejoined = |event: &FleetEvent| matches!(event, FleetEvent::Rejoined { .. });
    until("heard", async || events.lock().unwrap().iter().any(is_rejoined)).await;
}

/// By which a node is connected to, and asked for the map.
#[test]
fn a_runtime_that_ends_is_no_error_of_calls_of_another_one() {
    let (first, second) = (Runtime::new().unwrap(), Runtime::new().unwrap());
    let (port, asked) = second.block_on(slow_node(says_that_it_has_all, connects_slowly));
    let store = fleet_at(&[port]).tokens();
    let begun = store.clone();
    first.spawn(async move { begun.load(&user("anna")).await.ok() });
    let error = second.block_on(async {
        until("begun", async || was_asked(&asked, INFO) > 0).await;
        let waits = tokio::spawn(async move { store.load(&user("anna")).await });
        sleep(Duration::from_millis(50)).await;
        first.shutdown_background();
        of_store(waits.await.unwrap())
    });

    assert!(error.is_transient(), "{error}");
}
