//! Which life of a server this is: noticed by one call for all, also by who only saves, and waited
//! for only where something may be lost.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use spotify_web::auth::{TokenKey, TokenStore};
use spotify_web::fleet::{RedisFleet, RedisTokenStore};
use tokio::time::sleep;

use crate::common::{RedisServer, Wire};
use crate::fleet::{fleet, login};
use crate::fleet_adoption::{field, found, user};
use crate::fleet_losses::{OTHERS_PUT_BACK, is_used, names, refreshed};
use crate::fleet_returns::{WITHOUT_INFO, hang_up};
use crate::fleet_servers::{cluster, until};

fn anna() -> TokenKey {
    user("anna")
}

/// Nobody takes it for one that began a moment ago.
async fn is_no_longer_young() {
    sleep(OTHERS_PUT_BACK + Duration::from_secs(1)).await;
}

/// Whether a user without a login is told so at once.
async fn is_quick(store: &RedisTokenStore) -> bool {
    let began = Instant::now();
    assert_eq!(found(store, &user("nobody")).await, None);
    began.elapsed() < OTHERS_PUT_BACK - Duration::from_millis(500)
}

/// The note of its life.
fn note(server: &RedisServer) -> String {
    server.ask::<Vec<String>>(&["KEYS", "*:i"]).remove(0)
}

async fn cost_of_many_loads(fleet: &RedisFleet) -> u64 {
    let (before, store) = (fleet.stats().calls, fleet.tokens());
    let load = async |number: usize| store.load(&user(&number.to_string())).await.unwrap();
    join_all((0..200).map(load)).await;
    fleet.stats().calls - before
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_loads_at_once_one_notices_which_life_of_the_server_it_is() {
    let on = async |arguments: &[&str]| {
        let Some(server) = RedisServer::start(arguments) else { return };
        is_no_longer_young().await;
        assert_eq!(found(&fleet(&server).tokens(), &anna()).await, None);

        let cost = cost_of_many_loads(&fleet(&server)).await;

        assert!(cost <= 200 + 8, "{cost}: {arguments:?}");
    };
    tokio::join!(on(&[]), on(&WITHOUT_INFO));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn something_else_under_the_note_of_its_life_costs_one_call_for_each_connection() {
    let on = async |arguments: &[&str]| {
        let Some(server) = RedisServer::start(arguments) else { return };
        is_no_longer_young().await;
        assert_eq!(found(&fleet(&server).tokens(), &anna()).await, None);
        let note = note(&server);
        let _: u64 = server.ask(&["DEL", &note]);
        let _: u64 = server.ask(&["RPUSH", &note, "x"]);
        let process = fleet(&server);
        assert!(is_quick(&process.tokens()).await);

        let cost = cost_of_many_loads(&process).await;

        assert_eq!(cost, 200, "{arguments:?}");
    };
    tokio::join!(on(&[]), on(&WITHOUT_INFO));
}

/// Its name is another then (`master_replid`).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_where_the_first_replica_comes_or_the_last_one_goes() {
    let Some(server) = RedisServer::start(&["--repl-backlog-ttl", "1"]) else { return };
    is_no_longer_young().await;
    let name = || {
        let told: String = server.ask(&["INFO", "replication"]);
        told.lines().find(|line| line.starts_with("master_replid:")).unwrap().to_owned()
    };
    let known = fleet(&server).tokens();
    assert!(is_quick(&known).await);
    let mut last = name();

    let mut replica = None;
    for comes in [true, false] {
        match comes {
            true => {
                let port = server.port.to_string();
                replica = RedisServer::start(&["--replicaof", "127.0.0.1", &port]);
            }
            false => drop(replica.take()),
        }
        until("another name", async || name() != last).await;
        last = name();
        hang_up(&server);
        for store in [&known, &fleet(&server).tokens(), &fleet(&server).tokens()] {
            assert!(is_quick(store).await, "{comes}");
        }
    }
}

/// It has the state of another since, and goes on as the same process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_followed_another_meanwhile_is_waited_for() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let port = server.port.to_string();
    let Some(other) = RedisServer::start(&["--replicaof", "127.0.0.1", &port]) else { return };
    is_no_longer_young().await;
    let knows = fleet(&server).tokens();
    let first = login("1");
    knows.save(&anna(), &first, None).await.unwrap();
    assert!(found(&knows, &anna()).await.is_some());
    until("copied", async || names(&other).len() == 1).await;
    let () = other.ask(&["REPLICAOF", "NO", "ONE"]);
    let second = refreshed(&first, "2");
    knows.save(&anna(), &second, Some(first.revision())).await.unwrap();
    let () = server.ask(&["REPLICAOF", "127.0.0.1", &other.port.to_string()]);
    until("in step", async || {
        server.ask::<String>(&["INFO", "replication"]).contains("master_link_status:up")
    })
    .await;
    let () = server.ask(&["REPLICAOF", "NO", "ONE"]);
    hang_up(&server);

    tokio::select! {
        () = is_used(&knows) => unreachable!(),
        there = async { found(&fleet(&server).tokens(), &anna()).await } => {
            assert_eq!(there.as_deref(), Some("refresh-2"));
        }
    }
}

/// As after a failover: what is noted is the life before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_server_takes_the_note_of_its_life_and_is_waited_for_once() {
    let on = async |arguments: &[&str]| {
        let Some(server) = RedisServer::start(arguments) else { return };
        is_no_longer_young().await;
        fleet(&server).tokens().save(&anna(), &login("1"), None).await.unwrap();
        assert_eq!(found(&fleet(&server).tokens(), &user("nobody")).await, None);
        let note = note(&server);
        let () = server.ask(&["SET", &note, "before 0"]);
        let () = server.ask(&["CONFIG", "SET", "maxmemory", "1000000"]);
        assert!(found(&fleet(&server).tokens(), &anna()).await.is_some());

        for _ in 0..2 {
            assert!(is_quick(&fleet(&server).tokens()).await, "{arguments:?}");
        }
        // Nor is one without a note noted less.
        let _: u64 = server.ask(&["DEL", &note]);
        assert_eq!(found(&fleet(&server).tokens(), &user("nobody")).await, None);
        assert!(is_quick(&fleet(&server).tokens()).await, "{arguments:?}");
    };
    tokio::join!(on(&[]), on(&WITHOUT_INFO));
}

/// Nobody can put anything back, nor refresh; who comes when it takes writes again waits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_for_others_in_a_server_that_takes_no_writes() {
    let on = async |arguments: &[&str]| {
        let Some(server) = RedisServer::start(arguments) else { return };
        is_no_longer_young().await;
        assert_eq!(found(&fleet(&server).tokens(), &anna()).await, None);
        let () = server.ask(&["SET", &note(&server), "before 0"]);
        let () = server.ask(&["CONFIG", "SET", "min-replicas-to-write", "1"]);
        let store = fleet(&server).tokens();
        for _ in 0..2 {
            assert!(is_quick(&store).await, "{arguments:?}");
        }

        let () = server.ask(&["CONFIG", "SET", "min-replicas-to-write", "0"]);

        assert!(!is_quick(&store).await, "{arguments:?}");
        assert!(is_quick(&store).await, "{arguments:?}");
    };
    tokio::join!(on(&[]), on(&WITHOUT_INFO));
}

/// The server's clock was set back since.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_put_back_at_a_time_to_come_is_waited_for_once() {
    let of = async |what: &str| {
        let Some(server) = RedisServer::start(&[]) else { return };
        let store = fleet(&server).tokens();
        store.save(&anna(), &login("1"), None).await.unwrap();
        let name = names(&server).remove(0);
        let number = field(&server, &name, 'n');
        let expected = (what == "a login").then(|| "refresh-1".to_owned());
        let put_back = match what {
            "a removal of the user" => {
                store.remove_user("client-id-1", "anna").await.unwrap();
                "gp".to_owned()
            }
            "a removal" => {
                store.remove(&anna()).await.unwrap();
                number.replace('n', "p")
            }
            _ => number.replace('n', "p"),
        };
        is_no_longer_young().await;
        let time: Vec<u64> = server.ask(&["TIME"]);
        let ahead = (time[0] * 1000 + 3_600_000).to_string();
        let _: u64 = server.ask(&["HSET", &name, &put_back, &ahead]);

        let began = Instant::now();
        assert_eq!(found(&fleet(&server).tokens(), &anna()).await, expected, "{what}");
        assert!(began.elapsed() >= OTHERS_PUT_BACK, "{what}");
        let began = Instant::now();
        for store in [&store, &fleet(&server).tokens()] {
            assert_eq!(found(store, &anna()).await, expected, "{what}");
        }
        assert!(began.elapsed() < OTHERS_PUT_BACK, "{what}");
    };
    tokio::join!(of("a login"), of("a removal"), of("a removal of the user"));
}

/// The first one goes on as if nothing had been, and has an earlier state.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_to_which_processes_come_back_is_waited_for_by_those_who_only_saved_meanwhile() {
    let on = async |arguments: &[&str]| {
        let Some(server) = RedisServer::start(arguments) else { return };
        let port = server.port.to_string();
        let follows = ["--replicaof", "127.0.0.1", &port];
        let Some(other) = RedisServer::start(&[&follows[..], arguments].concat()) else { return };
        let wire = Wire::to(server.port).await;
        let process = || RedisFleet::new(wire.url()).tokens();
        let (knows, saves) = (process(), process());
        let first = login("1");
        knows.save(&anna(), &first, None).await.unwrap();
        for store in [&knows, &saves] {
            assert!(found(store, &anna()).await.is_some());
        }
        is_no_longer_young().await;
        until("copied", async || !names(&other).is_empty()).await;
        let () = other.ask(&["REPLICAOF", "NO", "ONE"]);
        wire.lead_to(other.port);
        hang_up(&server);
        let second = refreshed(&first, "2");
        knows.save(&anna(), &second, Some(first.revision())).await.unwrap();
        knows.save(&user("carl"), &login("1"), None).await.unwrap();
        saves.save(&user("bert"), &login("1"), None).await.unwrap();
        // And the looks that follow a save are over.
        sleep(Duration::from_secs(11)).await;
        let before: String = server.ask(&["GET", &note(&server)]);

        wire.lead_to(server.port);
        hang_up(&other);

        let newcomer = async {
            until("told", async || server.ask::<String>(&["GET", &note(&server)]) != before).await;
            found(&process(), &user("carl")).await
        };
        let key = &anna();
        let both = async { tokio::join!(found(&saves, key), newcomer) };
        tokio::select! {
            () = is_used(&knows) => unreachable!(),
            (of_saver, of_newcomer) = both => {
                assert_eq!(of_saver.as_deref(), Some("refresh-2"), "{arguments:?}");
                assert!(of_newcomer.is_some(), "{arguments:?}");
            }
        }
        let began = Instant::now();
        hang_up(&server);
        for store in [&saves, &process()] {
            assert!(found(store, &anna()).await.is_some());
        }
        assert!(began.elapsed() < OTHERS_PUT_BACK, "{arguments:?}");
    };
    tokio::join!(on(&[]), on(&WITHOUT_INFO));
}

/// The name of its master is another then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_where_the_last_replica_of_a_master_of_a_cluster_goes() {
    let Some(mut servers) = cluster().await else { return };
    is_no_longer_young().await;
    let url = format!("redis+cluster://127.0.0.1:{}", servers[0].port);
    let store = RedisFleet::new(url).tokens();
    let keys: Vec<_> = (0..12).map(|number| user(&number.to_string())).collect();
    for key in &keys {
        store.save(key, &login("1"), None).await.unwrap();
        assert!(found(&store, key).await.is_some());
    }
    let name = |server: &RedisServer| {
        let told: String = server.ask(&["INFO", "replication"]);
        told.lines().find(|line| line.starts_with("master_replid:")).unwrap().to_owned()
    };
    let names: Vec<_> = servers[..3].iter().map(name).collect();
    for master in &servers[..3] {
        let () = master.ask(&["CONFIG", "SET", "repl-backlog-ttl", "1"]);
    }

    drop(servers.split_off(3));

    until("other names", async || {
        servers.iter().zip(&names).all(|(server, before)| name(server) != *before)
    })
    .await;
    let began = Instant::now();
    for key in &keys {
        assert!(found(&store, key).await.is_some());
    }
    assert!(began.elapsed() < OTHERS_PUT_BACK);
}
