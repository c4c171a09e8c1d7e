//! A server that has lost something, as those see it who use it right after that: what others know
//! is waited for, and one loss that is noticed has all looked at.

use std::time::{Duration, Instant, SystemTime};

use spotify_web::auth::{StoredToken, TokenKey, TokenStore};
use spotify_web::fleet::{RedisFleet, RedisTokenStore};
use spotify_web::oauth::Token;
use tokio::time::{sleep, timeout};

use crate::common::{Directory, RedisServer, free_port};
use crate::fleet::{fleet, login};
use crate::fleet_adoption::{found, user};
use crate::fleet_servers::{RANGES, until};

const HOUR: Duration = Duration::from_secs(3600);

/// As long as those who put back may take to notice that the server is back.
pub(crate) const OTHERS_PUT_BACK: Duration = Duration::from_secs(3);

fn anna() -> TokenKey {
    user("anna")
}

/// The same login, refreshed.
pub(crate) fn refreshed(login: &StoredToken, name: &str) -> StoredToken {
    let token = Token::new("access", HOUR).with_refresh_token(format!("refresh-{name}"));
    login.followed_by(token, SystemTime::now() + HOUR)
}

pub(crate) fn names(server: &RedisServer) -> Vec<String> {
    server.ask(&["KEYS", "*:t"])
}

/// A program that has something else to do with the server, half a second from now on.
pub(crate) async fn is_used(store: &RedisTokenStore) {
    loop {
        sleep(Duration::from_millis(500)).await;
        store.load(&TokenKey::new("client-id-1")).await.ok();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_used_refresh_token_is_not_taken_for_the_latest_after_a_restart() {
    for state in ["an earlier one", "none"] {
        // On a busy machine who knows the latest may come back too late to be waited for.
        while !is_waited_for_after_a_restart(state).await {}
    }
}

/// Whether who knows the latest was back in time.
async fn is_waited_for_after_a_restart(state: &str) -> bool {
    let directory = Directory::new();
    let arguments = ["--dir", directory.path().to_str().unwrap()];
    let Some(mut server) = RedisServer::start(&arguments) else { return true };
    let (knows, other) = (fleet(&server).tokens(), fleet(&server).tokens());
    let first = login("1");
    knows.save(&anna(), &first, None).await.unwrap();
    assert_eq!(found(&other, &anna()).await.as_deref(), Some("refresh-1"));
    if state != "none" {
        let () = server.ask(&["SAVE"]);
    }
    let second = refreshed(&first, "2");
    knows.save(&anna(), &second, Some(first.revision())).await.unwrap();
    let down_at = Instant::now();
    server.restart_empty();

    let newcomer = fleet(&server).tokens();
    // By a program that has something else to do with the server, half a second from now on.
    let back_after = async {
        sleep(Duration::from_millis(500)).await;
        while knows.load(&TokenKey::new("client-id-1")).await.is_err() {}
        down_at.elapsed()
    };
    let key = &anna();
    let (back_after, of_other, of_newcomer) =
        tokio::join!(back_after, found(&other, key), found(&newcomer, key));

    if back_after > OTHERS_PUT_BACK / 2 {
        return false;
    }
    assert_eq!(of_other.as_deref(), Some("refresh-2"), "{state}");
    assert_eq!(of_newcomer.as_deref(), Some("refresh-2"), "{state}");
    true
}

/// An app's token is requested again just as well; who would put something back does not wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_for_others_in_vain() {
    let Some(mut server) = RedisServer::start(&[]) else { return };
    let (store, app) = (fleet(&server).tokens(), TokenKey::new("client-id-1"));
    let token = spotify_web::oauth::Token::new("access", Duration::from_secs(3600));
    let of_app = spotify_web::auth::StoredToken::new(token, std::time::SystemTime::now());
    store.save(&app, &of_app, None).await.unwrap();
    store.save(&anna(), &login("1"), None).await.unwrap();
    let began = Instant::now();
    // The server is new, and has what was written since it began.
    assert!(found(&fleet(&server).tokens(), &anna()).await.is_some());
    assert!(fleet(&server).tokens().load(&app).await.unwrap().is_some());
    // The same server, by another connection.
    let _: u64 = server.ask(&["CLIENT", "KILL", "TYPE", "normal"]);
    assert!(found(&store, &anna()).await.is_some());
    server.restart_empty();
    assert!(store.load(&app).await.unwrap().is_some());
    store.remove(&user("bert")).await.unwrap();
    assert_eq!(found(&store, &user("bert")).await, None);

    assert!(began.elapsed() < OTHERS_PUT_BACK);
}

/// No connection is lost with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_notices_that_one_entry_is_lost_looks_at_all() {
    const USERS: usize = 5;
    let by = async |how: &str| {
        let Some(server) = RedisServer::start(&[]) else { return };
        let store = fleet(&server).tokens();
        for number in 0..USERS {
            let key = user(&number.to_string());
            fleet(&server).tokens().save(&key, &login("1"), None).await.unwrap();
            assert!(store.load(&key).await.unwrap().is_some());
        }
        match how {
            "a save" => store.save(&anna(), &login("1"), None).await.unwrap(),
            "a removal" => {
                assert_eq!(store.remove_user("client-id-1", "anna").await, Ok(0));
            }
            _ => {}
        }
        let () = server.ask(&["FLUSHALL"]);
        if how == "a load" {
            assert!(store.load(&user("0")).await.unwrap().is_some());
        }

        until(how, async || names(&server).len() >= USERS).await;
    };
    tokio::join!(by("a load"), by("a save"), by("a removal"));
}

/// Masters without replicas, which keep what they are in a directory each.
pub(crate) async fn three_masters(directories: &[Directory]) -> Option<Vec<RedisServer>> {
    let mut servers = Vec::new();
    for directory in directories {
        let bus = free_port().to_string();
        let arguments = ["--cluster-enabled", "yes", "--cluster-node-timeout", "5000"];
        let places = ["--cluster-port", &bus, "--dir", directory.path().to_str().unwrap()];
        servers.push(RedisServer::start(&[&arguments[..], &places].concat())?);
        let last = servers.last()?;
        if servers.len() > 1 {
            let port = last.port.to_string();
            let () = servers[0].ask(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]);
        }
    }
    for (server, (from, to)) in servers.iter().zip(RANGES) {
        let () = server.ask(&["CLUSTER", "ADDSLOTSRANGE", from, to]);
    }
    until("a cluster", async || servers.iter().all(is_well)).await;
    Some(servers)
}

pub(crate) fn is_well(server: &RedisServer) -> bool {
    server.ask::<String>(&["CLUSTER", "INFO"]).contains("cluster_state:ok")
}

/// Those of whom a server has something, with keys that nothing else has.
async fn users_of(server: &RedisServer, store: &RedisTokenStore, name: &str) -> Vec<TokenKey> {
    let mut users = Vec::new();
    for number in 0..30 {
        let (before, key) = (names(server).len(), user(&format!("{name}-{number}")));
        store.save(&key, &login("1"), None).await.unwrap();
        if names(server).len() > before {
            users.push(key);
        }
    }
    users
}

/// A process that has nothing to do with it notices it as well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_of_a_cluster_that_lost_its_data_gets_it_back() {
    let directories = [(); 3].map(|()| Directory::new());
    let Some(mut servers) = three_masters(&directories).await else { return };
    let hosts: Vec<_> = servers.iter().map(|it| format!("127.0.0.1:{}", it.port)).collect();
    let cluster = || RedisFleet::new(format!("redis+cluster://{}", hosts.join(",")));
    let (knows, newcomer) = (cluster().tokens(), cluster().tokens());
    let lost = users_of(&servers[2], &knows, "lost").await;
    let stays = users_of(&servers[0], &knows, "stays").await;
    // What this one refreshes is an earlier state then, which a snapshot has.
    let (refreshed_one, others) = lost.split_first().unwrap();
    let first = knows.load(refreshed_one).await.unwrap().unwrap();
    assert!(newcomer.load(refreshed_one).await.unwrap().is_some());
    let () = servers[2].ask(&["SAVE"]);
    let second = refreshed(&first, "2");
    knows.save(refreshed_one, &second, Some(first.revision())).await.unwrap();
    let late: Vec<_> = (0..3).map(|number| user(&format!("late-{number}"))).collect();
    for key in &late {
        knows.save(key, &login("1"), None).await.unwrap();
    }

    servers[2].restart_empty();
    until("back", async || is_well(&servers[2])).await;

    // A program that has to do with the other masters only.
    let is_used = async {
        for key in stays.iter().cycle() {
            knows.load(key).await.ok();
            sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::select! {
        () = is_used => unreachable!(),
        () = async {
            assert_eq!(found(&newcomer, refreshed_one).await.as_deref(), Some("refresh-2"));
            for key in others.iter().chain(&late) {
                assert!(found(&cluster().tokens(), key).await.is_some(), "{key:?}");
            }
        } => {}
    }
}

/// F25, F10: a store is the same as another of its fleet, also after it is dropped.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_store_of_a_fleet_did_is_put_back_by_all_of_them() {
    for done in ["remove_user", "save"] {
        let Some(server) = RedisServer::start(&[]) else { return };
        let process = fleet(&server);
        let in_use = process.clone().tokens();
        assert!(in_use.load(&TokenKey::new("client-id-1")).await.unwrap().is_none());
        fleet(&server).tokens().save(&anna(), &login("1"), None).await.unwrap();
        let name = names(&server).remove(0);
        let () = server.ask(&["COPY", &name, "before"]);
        let expected = match done {
            "save" => {
                let first = process.tokens().load(&anna()).await.unwrap().unwrap();
                let second = refreshed(&first, "2");
                process.tokens().save(&anna(), &second, Some(first.revision())).await.unwrap();
                Some("refresh-2")
            }
            _ => {
                let removed = process.tokens().remove_user("client-id-1", "anna").await;
                assert_eq!(removed, Ok(1));
                None
            }
        };
        let () = server.ask(&["COPY", "before", &name, "REPLACE"]);

        let there = found(&in_use, &anna()).await;

        assert_eq!(there.as_deref(), expected, "{done}");
        assert_eq!(found(&fleet(&server).tokens(), &anna()).await.as_deref(), expected, "{done}");
    }
}

/// F14: as where the server's clock was set back while its holder died, or by another hand.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_ends_later_than_a_lease_can_is_taken() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let store = fleet(&server).tokens();
    let first = login("1");
    store.save(&anna(), &first, None).await.unwrap();
    let lock = store.lock(&anna()).await.unwrap();
    let lease = server.ask::<Vec<String>>(&["KEYS", "*:l:*"]).remove(0);
    drop(lock);
    until("free", async || !server.ask::<bool>(&["EXISTS", &lease])).await;

    for end in [&["PX", "3610000"][..], &[]] {
        let () = server.ask(&[&["SET", &lease, "other"], end].concat());
        drop(timeout(OTHERS_PUT_BACK, store.lock(&anna())).await.unwrap().unwrap());
        until("free", async || !server.ask::<bool>(&["EXISTS", &lease])).await;
        let () = server.ask(&[&["SET", &lease, "other"], end].concat());
        let known = Some(first.revision());
        drop(timeout(OTHERS_PUT_BACK, store.turn(&anna(), known)).await.unwrap().unwrap());
        until("free", async || !server.ask::<bool>(&["EXISTS", &lease])).await;
    }
    let () = server.ask(&["SET", &lease, "other", "PX", "9000"]);
    timeout(Duration::from_secs(1), store.lock(&anna())).await.unwrap_err();
}

/// F4: a server that has forgotten who refreshes is told so again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_holds_a_lease_that_the_server_forgot_takes_it_again() {
    let Some(mut server) = RedisServer::start(&[]) else { return };
    let store = fleet(&server).tokens();
    let lock = store.lock(&anna()).await.unwrap();
    let lease = server.ask::<Vec<String>>(&["KEYS", "*:l:*"]).remove(0);
    let owner: String = server.ask(&["GET", &lease]);
    server.restart_empty();

    let there = async || server.ask::<Option<String>>(&["GET", &lease]);
    until("taken again", async || there().await.as_ref() == Some(&owner)).await;
    assert!(server.ask::<u64>(&["PTTL", &lease]) <= 10_000);
    drop(lock);
    until("free", async || there().await.is_none()).await;

    let lock = store.lock(&anna()).await.unwrap();
    let () = server.ask(&["SET", &lease, "other", "PX", "9000"]);
    sleep(Duration::from_secs(4)).await;
    assert_eq!(there().await.as_deref(), Some("other"));
    drop(lock);
}

/// F4: so that one refresh token is sent by one process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_first_after_a_loss_leaves_a_lease_to_who_held_it() {
    let Some(mut server) = RedisServer::start(&[]) else { return };
    let (holder, other) = (fleet(&server).tokens(), fleet(&server).tokens());
    let first = login("1");
    holder.save(&anna(), &first, None).await.unwrap();
    assert!(other.load(&anna()).await.unwrap().is_some());
    let lock = holder.turn(&anna(), Some(first.revision())).await.unwrap();
    server.restart_empty();

    let turn = tokio::spawn({
        let (other, known) = (other.clone(), first.revision());
        async move { other.turn(&anna(), Some(known)).await }
    });
    sleep(OTHERS_PUT_BACK * 2).await;
    assert!(!turn.is_finished());
    drop(lock);
    drop(turn.await.unwrap().unwrap());
}
