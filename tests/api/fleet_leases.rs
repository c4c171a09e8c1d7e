//! Leases where calls come late, and where a slot of a cluster is on its way to another master.

use std::time::Duration;

use spotify_web::auth::{TokenKey, TokenStore};
use spotify_web::fleet::{FleetEvent, RedisFleet};
use tokio::time::timeout;

use crate::common::{Directory, RedisServer, Steps, Stop};
use crate::fleet::{fleet, login};
use crate::fleet_adoption::user;
use crate::fleet_losses::{names, three_masters};
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
    let wire = Steps::to(server.port, 2, Stop::Before).await;
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
    assert_eq!((fleet.stats().timeouts, fleet.stats().connections), (0, 1));
}
