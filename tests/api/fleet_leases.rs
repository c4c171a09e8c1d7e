//! Leases where calls come late, and where a slot of a cluster is on its way to another master.

use std::time::{Duration, Instant};

use spotify_web::auth::{RefreshLock, StoredToken, TokenKey, TokenStore};
use spotify_web::fleet::{FleetEvent, RedisFleet, RedisTokenStore};
use tokio::time::{sleep, timeout};

use crate::common::{Directory, RedisServer, Steps, Stop, Wire};
use crate::fleet::{fleet, login};
use crate::fleet_adoption::user;
use crate::fleet_losses::{OTHERS_PUT_BACK, names, refreshed, three_masters};
use crate::fleet_servers::until;
use crate::fleet_told::heard;

fn anna() -> TokenKey {
    user("anna")
}

/// On a connection that was given up, while the lease was given back on the next one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewal_that_comes_late_makes_no_lease_that_nobody_has() {
    let Some(server) = RedisServer::start(&[]) else { return };
    // The server has the scripts from here on.
    let lock = fleet(&server).tokens().lock(&anna()).await.unwrap();
    until("renewed", async || server.calls("pexpire") > 0).await;
    drop(lock);
    let leases = || server.ask::<Vec<String>>(&["KEYS", "*:l:*"]).len();
    until("free", async || leases() == 0).await;
    // A look, as it is on a new connection, and the lease.
    let wire = Steps::to(server.port, 3, Stop::Before).await;
    let store = RedisFleet::new(wire.url()).tokens();
    let lock = store.lock(&anna()).await.unwrap();
    assert_eq!(wire.stopped().await, "renew or take");

    until("another connection", async || store.load(&user("bert")).await.is_ok()).await;
    drop(lock);
    until("given back", async || leases() == 0).await;
    let before = server.calls("evalsha");
    wire.go_on();
    until("there", async || server.calls("evalsha") > before).await;

    assert_eq!(leases(), 0);
    drop(timeout(Duration::from_secs(5), store.lock(&anna())).await.unwrap().unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slot_that_is_moved_is_no_trouble_of_who_refreshes() {
    let directories = [(); 3].map(|()| Directory::new());
    let Some(servers) = three_masters(&directories).await else { return };
    let hosts: Vec<_> = servers.iter().map(|it| format!("127.0.0.1:{}", it.port)).collect();
    let (fleet, events) = heard(&format!("redis+cluster://{}", hosts.join(",")));
    let store = fleet.tokens();
    let first = login("1");
    store.save(&anna(), &first, None).await.unwrap();
    let from = servers.iter().position(|server| !names(server).is_empty()).unwrap();
    let (from, to) = (&servers[from], &servers[(from + 1) % servers.len()]);
    let name = names(from).remove(0);
    let slot = from.ask::<u64>(&["CLUSTER", "KEYSLOT", &name]).to_string();
    let [of_from, of_to]: [String; 2] = [from, to].map(|it| it.ask(&["CLUSTER", "MYID"]));
    let () = to.ask(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &of_from]);
    let () = from.ask(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &of_to]);

    for is_moved in [false, true] {
        if is_moved {
            let port = to.port.to_string();
            let () = from.ask(&["MIGRATE", "127.0.0.1", &port, &name, "0", "1000"]);
        }
        // Somebody else has refreshed it, or nobody has.
        assert!(store.turn(&anna(), None).await.is_ok(), "{is_moved}");
        let turn = store.turn(&anna(), Some(first.revision())).await.unwrap();
        let other = RedisFleet::new(format!("redis+cluster://{}", hosts[0])).tokens();
        let key = anna();
        let waits = other.turn(&key, Some(first.revision()));
        timeout(Duration::from_secs(1), waits).await.unwrap_err();
        drop(turn);
        drop(store.turn(&anna(), Some(first.revision())).await.unwrap());
    }
    until("heard", async || !events.lock().unwrap().is_empty()).await;
    assert_eq!(*events.lock().unwrap(), [FleetEvent::Joined]);
    // One to each master.
    assert_eq!((fleet.stats().timeouts, fleet.stats().connections), (0, 3));
}

async fn asked_for(store: &RedisTokenStore, how: &str, known: &StoredToken) -> RefreshLock {
    match how {
        "turn" => store.turn(&anna(), Some(known.revision())).await.unwrap(),
        _ => store.lock(&anna()).await.unwrap(),
    }
}

/// F4: also by who is new, and where the server forgets it again meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_the_server_forgot_is_left_to_who_held_it() {
    let after = async |how: &str, is_new: bool, losses: u32| {
        let Some(mut server) = RedisServer::start(&[]) else { return };
        let (holder, other) = (fleet(&server).tokens(), fleet(&server).tokens());
        let first = login("1");
        holder.save(&anna(), &first, None).await.unwrap();
        assert!(other.load(&anna()).await.unwrap().is_some());
        let lock = holder.turn(&anna(), Some(first.revision())).await.unwrap();
        server.restart_empty();
        let other = if is_new { fleet(&server).tokens() } else { other };

        let asked = asked_for(&other, how, &first);
        let lost_again = async {
            for _ in 1..losses {
                sleep(OTHERS_PUT_BACK.mul_f64(0.8)).await;
                server.restart_empty();
            }
            sleep(OTHERS_PUT_BACK * 2).await;
        };
        tokio::select! {
            _ = asked => panic!("{how}, {is_new}, {losses}: two have it"),
            () = lost_again => {}
        }
        drop(lock);
        drop(timeout(Duration::from_secs(9), asked_for(&other, how, &first)).await.unwrap());
    };
    tokio::join!(
        after("turn", true, 1),
        after("lock", true, 1),
        after("lock", false, 1),
        after("turn", false, 2),
        after("turn", true, 2),
    );
}

/// F4
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_was_lost_with_a_failover_is_left_to_who_held_it() {
    let Some(master) = RedisServer::start(&[]) else { return };
    let port = master.port.to_string();
    let replica = RedisServer::start(&["--replicaof", "127.0.0.1", &port]).unwrap();
    let wire = Wire::to(master.port).await;
    let process = || RedisFleet::new(wire.url()).tokens();
    let (holder, first) = (process(), login("1"));
    assert!(holder.load(&anna()).await.unwrap().is_none());
    holder.save(&anna(), &first, None).await.unwrap();
    until("copied", async || names(&replica).len() == 1).await;
    // Nobody takes it for one that began a moment ago.
    sleep(OTHERS_PUT_BACK + Duration::from_secs(1)).await;
    let () = replica.ask(&["REPLICAOF", "127.0.0.1", "1"]);
    let lock = holder.turn(&anna(), Some(first.revision())).await.unwrap();
    wire.lead_to(replica.port);
    master.signal("-KILL");
    let () = replica.ask(&["REPLICAOF", "NO", "ONE"]);

    let other = process();
    timeout(OTHERS_PUT_BACK * 2, asked_for(&other, "turn", &first)).await.unwrap_err();
    drop(lock);
    drop(asked_for(&other, "turn", &first).await);
}

/// What was saved since the server began is in use by nobody whom it forgot; of an app there is nothing to be
/// lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_for_a_lease_that_nobody_can_have() {
    let Some(mut server) = RedisServer::start(&[]) else { return };
    let app = TokenKey::new("client-id-1");
    let began = Instant::now();
    let mut last = login("1");
    fleet(&server).tokens().save(&anna(), &last, None).await.unwrap();
    for number in 2..5 {
        let store = fleet(&server).tokens();
        let turn = store.turn(&anna(), Some(last.revision())).await.unwrap();
        let next = refreshed(&last, &number.to_string());
        assert!(store.load(&anna()).await.unwrap().is_some());
        store.save(&anna(), &next, Some(last.revision())).await.unwrap();
        drop(turn);
        drop(store.lock(&anna()).await.unwrap());
        last = next;
    }
    server.restart_empty();
    let store = fleet(&server).tokens();
    drop(store.turn(&app, None).await.unwrap());
    drop(store.lock(&app).await.unwrap());

    assert!(began.elapsed() < OTHERS_PUT_BACK, "{:?}", began.elapsed());
}
