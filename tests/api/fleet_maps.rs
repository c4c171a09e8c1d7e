//! What a process makes of the maps that a cluster's nodes have, and how often it asks and connects where
//! something is away.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use spotify_web::auth::TokenStore;
use spotify_web::fleet::{FleetError, FleetEvent, RedisFleet};
use spotify_web::middleware::{SharedLimit, Told};
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};

use crate::common::RedisServer;
use crate::fleet_adoption::user;
use crate::fleet_masters::{HANGS_UP, odd_node, slots_at, slow_node};
use crate::fleet_routes::{connects_slowly, fleet_at, says_that_it_has_all, was_asked};
use crate::fleet_servers::until;
use crate::fleet_told::{heard, of_store};

/// As after a quiet night in which one node after the other was replaced.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_a_replica_is_asked_for_the_map_when_nobody_else_has_one() {
    let (replica, asked) = odd_node(says_that_it_has_all).await;
    let is_gone = Arc::new(AtomicBool::new(false));
    let goes = Arc::clone(&is_gone);
    let (master, _) = odd_node(move |words, port| match words {
        _ if goes.load(Ordering::Relaxed) => HANGS_UP.into(),
        words if words.contains("SLOTS") => format!(
            "*1\r\n*4\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:{port}\r\n\
             *2\r\n$9\r\n127.0.0.1\r\n:{replica}\r\n"
        ),
        words => says_that_it_has_all(words, port),
    })
    .await;
    let store = fleet_at(&[master]).tokens();
    store.load(&user("anna")).await.unwrap_err();
    assert_eq!(was_asked(&asked, "SLOTS"), 0, "while the master has one");

    is_gone.store(true, Ordering::Relaxed);

    until("at the new master", async || {
        store.load(&user("anna")).await.unwrap_err();
        was_asked(&asked, "EVAL") > 0
    })
    .await;
}

/// By chance some processes would use the one, and others the other: who has logged in at the one is said
/// to be logged out by the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hosts_of_two_clusters_are_told_and_neither_is_used() {
    let ((first, of_first), (second, of_second)) =
        (odd_node(says_that_it_has_all).await, odd_node(says_that_it_has_all).await);
    for ports in [[first, second], [second, first]] {
        let fleet = fleet_at(&ports);
        let error = of_store(fleet.tokens().load(&user("anna")).await);

        assert!(error.to_string().contains("no master in common"), "{error}");
        assert!(error.is_transient(), "a node that was cut off learns better");
        let checked = fleet.check().await.unwrap_err();
        assert!(checked.to_string().contains("no master in common"), "{checked}");
    }
    assert_eq!([of_first, of_second].map(|asked| was_asked(&asked, "EVAL")), [0, 0]);
}

/// Nothing fails at the node that is near, so that nobody has reason to ask for the map again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_said_late_of_the_map_counts_when_it_is_said() {
    let near: fn(&str, u16) -> String = |words, port| match words {
        words if words.contains("EVAL") => "-NOSCRIPT No matching script.\r\n".into(),
        words => says_that_it_has_all(words, port),
    };
    let ((first, _), (now, asked)) = (odd_node(near).await, odd_node(near).await);
    let seed = || {
        let says = move |words: &str, _| match words {
            words if words.contains("SLOTS") => slots_at(now),
            _ => "+OK\r\n".into(),
        };
        slow_node(says, connects_slowly)
    };
    let ((second, _), (third, _)) = (seed().await, seed().await);
    let store = fleet_at(&[first, second, third]).tokens();
    until("where most say", async || {
        store.load(&user("anna")).await.unwrap_err();
        was_asked(&asked, "EVAL") > 0
    })
    .await;

    let store = fleet_at(&[first, second]).tokens();
    until("that there are two", async || {
        let error = of_store(store.load(&user("anna")).await);
        error.to_string().contains("no master in common")
    })
    .await;
}

/// Each process asks all masters, and there may be thousands.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_that_no_map_mends_has_it_asked_for_less_and_less_often() {
    let (node, asked) = odd_node(says_that_it_has_all).await;
    let store = fleet_at(&[node]).tokens();
    let end = Instant::now() + Duration::from_secs(4);

    while Instant::now() < end {
        store.load(&user("anna")).await.unwrap_err();
        sleep(Duration::from_millis(10)).await;
    }

    let times = was_asked(&asked, "SLOTS");
    assert!((3..=8).contains(&times), "{times} in 4 s");
    assert!(was_asked(&asked, "EVAL") > times, "and nobody waits for that");
}

/// As a server does that has as many clients as it may have.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_hangs_up_is_connected_to_less_and_less_often() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    for (url, kind) in [("redis", "one server"), ("redis+cluster", "a cluster")] {
        connections.store(0, Ordering::Relaxed);
        let store = RedisFleet::new(format!("{url}://127.0.0.1:{port}")).tokens();
        let mut calls = 0;
        let end = Instant::now() + Duration::from_secs(3);

        while Instant::now() < end {
            let error = of_store(store.load(&user("anna")).await);
            assert!(error.is_transient(), "{error}");
            calls += 1;
            sleep(Duration::from_millis(10)).await;
        }

        let connections = connections.load(Ordering::Relaxed);
        assert!(connections <= 24, "{kind}: {connections} for {calls} calls in 3 s");
    }
}

/// As a load balancer closes what is idle. What must not run twice has not run then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_was_closed_while_idle_is_no_trouble() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let (fleet, events) = heard(&server.url());
    let limit = fleet.shared_limit();
    let mut failed = 0;
    for _ in 0..4 {
        let exchanged = limit.exchange(Some("app"), &Told::default()).await;
        failed += usize::from(exchanged.is_err());
        fleet.check().await.unwrap();
        sleep(Duration::from_millis(1_200)).await;
        let () = server.ask(&["CLIENT", "KILL", "TYPE", "normal"]);
    }
    // A busy machine may be late once.
    assert!(failed <= 1, "{failed} of 4");
    let alone = |event: &&FleetEvent| matches!(event, FleetEvent::Alone { .. });
    let alone = events.lock().unwrap().iter().filter(alone).count();
    assert!(alone <= 1, "{alone} of 4");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_is_told_as_it_was_set() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();

    let first = fleet_at(&[port]).tokens().logins().next().await;

    let limit = match first {
        Some(Err(FleetError::TimedOut { limit })) => limit,
        other => panic!("{other:?} of what hangs"),
    };
    assert_eq!(limit.subsec_micros() % 1000, 0, "{limit:?}");
}
