//! Saves that replicas confirm, before real servers: F9.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use futures_util::StreamExt;
use futures_util::future::join_all;
use spotify_web::auth::{
    Revision, StoreError, StoredToken, TokenCache, TokenCacheOptions, TokenEventKind, TokenKey,
    TokenStore,
};
use spotify_web::fleet::{FleetError, RedisFleet, RedisTokenStore};
use spotify_web::oauth::Token;
use tokio::task::JoinHandle;

use crate::common::{Outcome, RedisServer, ScriptedSource, Steps, Stop};
use crate::fleet_servers::{cluster, until};

fn user(number: usize) -> TokenKey {
    TokenKey::new("client-id-1").with_user(format!("user-{number}"))
}

fn login() -> StoredToken {
    let token = Token::new("access", HOUR).with_refresh_token("refresh");
    StoredToken::new(token, SystemTime::now() + HOUR)
}

/// A master, and a replica that has caught up with it.
async fn master_and_replica() -> Option<(RedisServer, RedisServer)> {
    let master = RedisServer::start(&[])?;
    let of_master = ["--replicaof", "127.0.0.1", &master.port.to_string()];
    let replica = RedisServer::start(&of_master)?;
    while !replica.ask::<String>(&["INFO", "replication"]).contains("link_status:up") {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Some((master, replica))
}

/// A fleet that has a connection to each of a cluster's masters, and to each for replicas.
async fn fleet_in(servers: &[RedisServer], replicas: u32) -> RedisFleet {
    let hosts: Vec<_> = servers.iter().map(|it| format!("127.0.0.1:{}", it.port)).collect();
    let url = format!("redis+cluster://{}", hosts.join(","));
    let fleet = RedisFleet::new(url).with_replicas(replicas);
    until("confirmed", async || fleet.check().await.is_ok()).await;
    fleet
}

/// The numbers of users whose logins each of some masters has, found by saving one of each.
async fn users_of(masters: &[RedisServer], store: &RedisTokenStore) -> Vec<Vec<usize>> {
    let logins = |master: &RedisServer| master.ask::<Vec<String>>(&["KEYS", "*:t"]).len();
    let sizes = || masters.iter().map(logins).collect::<Vec<_>>();
    let mut users = vec![Vec::new(); masters.len()];
    for number in 0..USERS {
        let before = sizes();
        store.save(&user(number), &login(), None).await.ok();
        let has_it = sizes().iter().zip(before).position(|(now, before)| *now > before);
        users[has_it.expect("saved in any case")].push(number);
    }
    users
}

/// Saves `login` over what is there.
async fn replace(
    store: &RedisTokenStore,
    number: usize,
    login: &StoredToken,
) -> Result<(), StoreError> {
    let there = store.load(&user(number)).await?.map(|it| it.revision());
    store.save(&user(number), login, there).await
}

fn is_told(saved: &Result<(), StoreError>) -> bool {
    matches!(saved, Err(StoreError::Fleet(error)) if *error == NOBODY)
}

fn waiting_for_replicas(server: &RedisServer) -> usize {
    let clients: String = server.ask(&["INFO", "clients"]);
    let blocked = clients.lines().find_map(|line| line.strip_prefix("blocked_clients:"));
    blocked.unwrap().trim().parse().unwrap()
}

fn fleet(master: &RedisServer) -> RedisFleet {
    RedisFleet::new(master.url()).with_replicas(1)
}

const NOBODY: FleetError = FleetError::NotReplicated { wanted: 1, confirmed: 0 };
const USERS: usize = 40;
const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_save_has_acknowledged_is_on_the_replica() {
    let Some((master, replica)) = master_and_replica().await else { return };
    let store = fleet(&master).tokens();
    let mut confirmed = 0;
    for number in 0..20 {
        if store.save(&user(number), &login(), None).await.is_ok() {
            confirmed += 1;
            assert!(replica.ask::<usize>(&["DBSIZE"]) >= confirmed);
        }
    }
    let at_once = (20..84).map(|number| {
        let store = store.clone();
        async move { store.save(&user(number), &login(), None).await.is_ok() }
    });
    let at_once = join_all(at_once).await.into_iter().filter(|is_ok| *is_ok).count();
    assert!(confirmed > 0 && at_once > 0, "{confirmed} {at_once}");
    assert!(replica.ask::<usize>(&["DBSIZE"]) >= confirmed + at_once);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_is_away_is_told_and_keeps_nobody_up() {
    let Some((master, replica)) = master_and_replica().await else { return };
    let fleet = fleet(&master);
    let store = fleet.tokens();
    replica.signal("-STOP");

    let saves = (0..50).map(|number| {
        let store = store.clone();
        async move { store.save(&user(number), &login(), None).await.unwrap_err() }
    });
    for error in join_all(saves).await {
        assert!(error.is_transient(), "{error}");
        assert!(matches!(error, StoreError::Fleet(error) if error == NOBODY));
    }
    assert_eq!(fleet.check().await.unwrap_err(), NOBODY);
    for number in 0..50 {
        assert!(store.load(&user(number)).await.unwrap().is_some(), "saved all the same");
    }

    replica.signal("-CONT");
    while fleet.check().await.is_err() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Nobody waits for replicas that nobody asked for.
#[tokio::test]
async fn more_replicas_than_there_are_confirm_nothing() {
    let Some(master) = RedisServer::start(&[]) else { return };
    let alone = RedisFleet::new(master.url());
    alone.clone().with_replicas(0).check().await.unwrap();
    assert_eq!(alone.with_replicas(1).check().await.unwrap_err(), NOBODY);
}

/// F9: the token is handed out, `StoreFailed` is told, and nothing is requested again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_no_replica_has_is_handed_out_and_told() {
    let Some(master) = RedisServer::start(&[]) else { return };
    let (source, told) = (ScriptedSource::default(), Arc::new(Mutex::new(Vec::new())));
    let log = Arc::clone(&told);
    let options = TokenCacheOptions::default()
        .with_listener(move |event| log.lock().unwrap().push(event.kind.clone()));
    let cache = TokenCache::new(source.clone())
        .with_options(options)
        .with_store(fleet(&master).tokens(), TokenKey::new("client-id-1"));
    source.next(Outcome::Token(Token::new("first", HOUR)));

    for _ in 0..2 {
        assert_eq!(crate::common::token(cache.header().await), "first");
    }

    cache.settle().await.ok();
    assert_eq!(source.requests(), 1);
    let told = told.lock().unwrap();
    let is_told = told.iter().any(|kind| {
        matches!(kind, TokenEventKind::StoreFailed { error: StoreError::Fleet(error) } if *error == NOBODY)
    });
    assert!(is_told, "{told:?}");
}

/// What the server does not have any more when replicas are asked for, none of them has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_lost_before_it_was_confirmed_is_not_confirmed() {
    let Some((master, _replica)) = master_and_replica().await else { return };
    // The server knows the script from here on.
    fleet(&master).tokens().save(&user(0), &login(), None).await.ok();
    let failed = loop {
        let () = master.ask(&["FLUSHALL"]);
        let wire = Steps::to(master.port, 1, Stop::After).await;
        let store = RedisFleet::new(wire.url()).with_replicas(1).tokens();
        let save = tokio::spawn(async move { store.save(&user(1), &login(), None).await });
        assert_eq!(wire.stopped().await, "save");

        let () = master.ask(&["FLUSHALL"]);
        wire.go_on();

        match save.await.unwrap() {
            // A busy machine.
            Err(StoreError::Fleet(FleetError::TimedOut { .. })) => {}
            saved => break saved,
        }
    };

    assert!(is_told(&failed), "{failed:?}");
}

/// In a cluster the replica is that of the master that has the login, and one that is away keeps up
/// nobody else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_cluster_a_save_waits_for_the_replica_of_its_own_master() {
    let Some(servers) = cluster().await else { return };
    let (masters, replicas) = servers.split_at(3);
    let fleet = fleet_in(&servers, 1).await;
    let store = fleet.tokens();
    let users = users_of(masters, &store).await;
    let [of_first, of_second, of_third] = [0, 1, 2].map(|at| users[at][0]);
    replicas[0].signal("-STOP");

    for _ in 0..2 {
        let saved = replace(&store, of_first, &login()).await;
        assert!(is_told(&saved), "{saved:?}");
        assert!(store.load(&user(of_first)).await.unwrap().is_some(), "saved all the same");
    }
    for number in [of_second, of_third] {
        until("confirmed", async || replace(&store, number, &login()).await.is_ok()).await;
    }
    // One that comes while another waits for the replica that is away is through before it.
    until("through", async || {
        let of_first = {
            let store = store.clone();
            tokio::spawn(async move { replace(&store, of_first, &login()).await })
        };
        while waiting_for_replicas(&masters[0]) == 0 {
            if of_first.is_finished() {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        replace(&store, of_second, &login()).await.is_ok() && !of_first.is_finished()
    })
    .await;

    replicas[0].signal("-CONT");
    until("confirmed", async || replace(&store, of_first, &login()).await.is_ok()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_cluster_each_master_needs_as_many_replicas_as_are_wanted() {
    let Some(servers) = cluster().await else { return };
    fleet_in(&servers, 1).await;
    let hosts: Vec<_> = servers.iter().map(|it| format!("127.0.0.1:{}", it.port)).collect();
    let two = RedisFleet::new(format!("redis+cluster://{}", hosts.join(","))).with_replicas(2);

    until("told how many there are", async || {
        let error = two.check().await.unwrap_err();
        let is_told =
            matches!(error, FleetError::NotReplicated { wanted: 2, .. }) || error.is_transient();
        assert!(is_told, "{error}");
        error == FleetError::NotReplicated { wanted: 2, confirmed: 1 }
    })
    .await;
}

/// The master is killed while saves wait for its replica, which lacks them and takes over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failover_while_saves_wait_for_replicas_loses_and_doubles_nothing() {
    let Some(mut servers) = cluster().await else { return };
    let store = fleet_in(&servers, 1).await.tokens();
    let users = users_of(&servers[..3], &store).await.swap_remove(0);
    let size = |server: &RedisServer| server.ask::<usize>(&["DBSIZE"]);
    until("replicated", async || size(&servers[3]) == size(&servers[0])).await;
    servers[3].signal("-STOP");
    let () = servers[0].ask(&["CLIENT", "KILL", "TYPE", "replica"]);
    let saves = loop {
        let saves: Vec<_> = users.iter().map(|&number| Save::begin(&store, number)).collect();
        // On a busy machine they may be over before anybody sees them wait.
        while waiting_for_replicas(&servers[0]) == 0 && !saves.iter().all(Save::is_over) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        if waiting_for_replicas(&servers[0]) > 0 {
            break saves;
        }
    };

    drop(servers.remove(0));
    let replica = &servers[2];
    replica.signal("-CONT");

    for Save { number, revision, task } in saves {
        let saved = tokio::time::timeout(Duration::from_secs(60), task).await.expect("it hangs");
        let saved = saved.unwrap();
        assert!(saved.as_ref().err().is_none_or(StoreError::is_transient), "{saved:?}");
        let is_saved = saved.is_ok() || is_told(&saved);
        until("there", async || {
            let there = store.load(&user(number)).await.ok().flatten();
            // What was not saved may be there, as after any call whose response was lost.
            there.is_some_and(|there| there.revision() == revision || !is_saved)
        })
        .await;
    }
    let role: Vec<redis::Value> = replica.ask(&["ROLE"]);
    assert_eq!(role[0], redis::Value::BulkString(b"master".to_vec()));
    let listed: Vec<_> = store.logins().map(Result::unwrap).collect().await;
    assert_eq!(listed.len(), USERS);
}

/// One that is under way.
struct Save {
    number: usize,
    revision: Revision,
    task: JoinHandle<Result<(), StoreError>>,
}

impl Save {
    fn begin(store: &RedisTokenStore, number: usize) -> Self {
        let (store, login) = (store.clone(), login());
        let revision = login.revision();
        let task = tokio::spawn(async move { replace(&store, number, &login).await });
        Self { number, revision, task }
    }

    fn is_over(&self) -> bool {
        self.task.is_finished()
    }
}
