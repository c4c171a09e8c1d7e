//! A server that is reached anew, as the same one or as another: who waits for others, when all that
//! is known is looked at, and by which runtime.

use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use spotify_web::auth::{TokenKey, TokenStore};
use spotify_web::fleet::{RedisFleet, RedisTokenStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::time::sleep;

use crate::common::{Directory, RedisServer, Wire, this_test};
use crate::fleet::{fleet, login};
use crate::fleet_adoption::{found, user};
use crate::fleet_losses::{OTHERS_PUT_BACK, is_used, names, refreshed};
use crate::fleet_servers::until;

/// What a server lets its users do that forbids `INFO`, as the guide allows.
pub(crate) const WITHOUT_INFO: [&str; 8] =
    ["--user", "default", "on", "nopass", "~*", "&*", "+@all", "-info"];

fn anna() -> TokenKey {
    user("anna")
}

/// Which has something to do with the server, and is not waited for.
fn app() -> TokenKey {
    TokenKey::new("client-id-1")
}

/// Logins that others have saved, who have ended since, and of which `store` knows.
async fn known_to(store: &RedisTokenStore, server: &RedisServer, count: usize) {
    let others = fleet(server).tokens();
    for number in 0..count {
        let key = user(&number.to_string());
        others.save(&key, &login("1"), None).await.unwrap();
        assert!(store.load(&key).await.unwrap().is_some());
    }
}

/// Everybody reaches it anew.
pub(crate) fn hang_up(server: &RedisServer) {
    let _: u64 = server.ask(&["CLIENT", "KILL", "TYPE", "normal"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loss_that_is_noticed_shortly_after_a_look_is_looked_at_later() {
    const USERS: usize = 5;
    let Some(server) = RedisServer::start(&[]) else { return };
    let store = fleet(&server).tokens();
    known_to(&store, &server, USERS).await;
    hang_up(&server);
    assert!(store.load(&user("0")).await.unwrap().is_some());

    for _ in 0..2 {
        let () = server.ask(&["FLUSHALL"]);
        assert!(store.load(&user("3")).await.unwrap().is_some());

        until("all are back", async || names(&server).len() == USERS).await;
    }
}

/// As often as it is, and however it is restarted in between.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_info_is_waited_for_where_it_is_another_and_not_after_a_hang_up() {
    let directory = Directory::new();
    let place = ["--dir", directory.path().to_str().unwrap()];
    let Some(mut server) = RedisServer::start(&[&place[..], &WITHOUT_INFO].concat()) else {
        return;
    };
    let (knows, other) = (fleet(&server).tokens(), fleet(&server).tokens());
    let mut last = login("1");
    knows.save(&anna(), &last, None).await.unwrap();
    for store in [&knows, &other] {
        assert!(found(store, &anna()).await.is_some());
    }
    for number in 2..4 {
        for _ in 0..3 {
            hang_up(&server);
            let began = Instant::now();
            assert!(found(&other, &anna()).await.is_some());
            assert_eq!(found(&other, &user("bert")).await, None);
            assert!(began.elapsed() < OTHERS_PUT_BACK, "{:?}", began.elapsed());
        }
        let () = server.ask(&["SAVE"]);
        let next = refreshed(&last, &number.to_string());
        knows.save(&anna(), &next, Some(last.revision())).await.unwrap();
        last = next;
        server.restart_empty();

        let newcomer = fleet(&server).tokens();
        let key = &anna();
        let both = async { tokio::join!(found(&other, key), found(&newcomer, key)) };
        let expected = format!("refresh-{number}");
        tokio::select! {
            () = is_used(&knows) => unreachable!(),
            (of_other, of_newcomer) = both => {
                assert_eq!(of_other.as_ref(), Some(&expected));
                assert_eq!(of_newcomer.as_ref(), Some(&expected));
            }
        }
    }
}

/// Also where it has been up for long, and does not tell.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_process_after_a_failover_waits_for_those_who_know_more() {
    let after = async |arguments: &[&str]| {
        let Some(master) = RedisServer::start(arguments) else { return };
        let port = master.port.to_string();
        let follows = ["--replicaof", "127.0.0.1", &port];
        let replica = RedisServer::start(&[&follows[..], arguments].concat()).unwrap();
        let wire = Wire::to(master.port).await;
        let process = || RedisFleet::new(wire.url()).tokens();
        let knows = process();
        assert_eq!(found(&knows, &anna()).await, None);
        let first = login("1");
        knows.save(&anna(), &first, None).await.unwrap();
        until("copied", async || names(&replica).len() == 1).await;
        // Nobody takes it for one that began a moment ago.
        sleep(OTHERS_PUT_BACK + Duration::from_secs(1)).await;
        let () = replica.ask(&["REPLICAOF", "127.0.0.1", "1"]);
        let second = refreshed(&first, "2");
        knows.save(&anna(), &second, Some(first.revision())).await.unwrap();
        knows.save(&user("carl"), &login("1"), None).await.unwrap();
        wire.lead_to(replica.port);
        master.signal("-KILL");
        let () = replica.ask(&["REPLICAOF", "NO", "ONE"]);

        tokio::select! {
            () = is_used(&knows) => unreachable!(),
            () = async {
                assert_eq!(found(&process(), &anna()).await.as_deref(), Some("refresh-2"));
                assert!(found(&process(), &user("carl")).await.is_some());
            } => {}
        }
        let began = Instant::now();
        assert!(found(&process(), &anna()).await.is_some());
        assert_eq!(found(&process(), &user("nobody")).await, None);
        assert!(began.elapsed() < OTHERS_PUT_BACK, "who knows more is waited for once");
    };
    tokio::join!(after(&[]), after(&WITHOUT_INFO));
}

/// A wait that has begun is one for the loss before it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_loss_while_others_are_waited_for_is_waited_for_as_well() {
    let Some(mut server) = RedisServer::start(&[]) else { return };
    let (knows, other) = (fleet(&server).tokens(), fleet(&server).tokens());
    knows.save(&anna(), &login("1"), None).await.unwrap();
    assert_eq!(found(&other, &user("bert")).await, None);
    server.restart_empty();
    let told = tokio::spawn(async move { found(&other, &anna()).await });
    until("looked at", async || server.calls("hmget") > 0).await;

    server.restart_empty();
    // The first wait is over.
    sleep(OTHERS_PUT_BACK + Duration::from_millis(500)).await;
    assert!(knows.load(&app()).await.unwrap().is_none());

    assert_eq!(told.await.unwrap().as_deref(), Some("refresh-1"));
}

/// Carries what was sent within a while all at once, so that it is seen what waits for what.
async fn in_rounds(server: u16) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let rounds = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&rounds);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let counted = Arc::clone(&counted);
            let server = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
            let (mut from_client, mut to_client) = client.into_split();
            let (mut from_server, mut to_server) = server.into_split();
            tokio::spawn(async move { copy(&mut from_server, &mut to_client).await });
            tokio::spawn(async move {
                let mut sent = [0; 256 * 1024];
                while let Ok(first @ 1..) = from_client.read(&mut sent[..1]).await {
                    sleep(Duration::from_millis(30)).await;
                    let more = from_client.try_read(&mut sent[first..]).unwrap_or(0);
                    counted.fetch_add(1, Ordering::Relaxed);
                    if to_server.write_all(&sent[..first + more]).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (port, rounds)
}

/// Others wait for three seconds, over whatever wire.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_logins_are_put_back_at_a_time() {
    const USERS: usize = 600;
    let Some(server) = RedisServer::start(&[]) else { return };
    let (port, rounds) = in_rounds(server.port).await;
    let store = RedisFleet::new(format!("redis://127.0.0.1:{port}/")).tokens();
    let others = fleet(&server).tokens();
    let mut loads = tokio::task::JoinSet::new();
    for number in 0..USERS {
        let (store, key) = (store.clone(), user(&number.to_string()));
        others.save(&key, &login("1"), None).await.unwrap();
        loads.spawn(async move { store.load(&key).await.unwrap().is_some() });
    }
    assert!(loads.join_all().await.into_iter().all(|is_there| is_there));
    drop(others);
    let () = server.ask(&["FLUSHALL"]);
    let before = rounds.load(Ordering::Relaxed);

    assert!(store.load(&user("0")).await.unwrap().is_some());
    until("all are back", async || names(&server).len() == USERS).await;

    // Each is looked at, and then saved.
    let rounds = rounds.load(Ordering::Relaxed) - before;
    assert!(rounds < USERS / 2, "{rounds} rounds");
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

#[test]
fn a_runtime_that_ends_before_its_task_begins_keeps_no_other_from_putting_back() {
    const USERS: usize = 5;
    let Some(server) = RedisServer::start(&[]) else { return };
    let (store, key) = (fleet(&server).tokens(), app());
    let early = Builder::new_current_thread().enable_all().build().unwrap();
    early.block_on(async {
        tokio::select! {
            biased;
            _ = store.load(&key) => unreachable!(),
            () = ready(()) => {}
        }
    });
    drop(early);

    runtime().block_on(async {
        known_to(&store, &server, USERS).await;
        let () = server.ask(&["FLUSHALL"]);
        hang_up(&server);
        assert!(store.load(&app()).await.unwrap().is_none());
        until("all are back", async || names(&server).len() == USERS).await;
    });
}

/// What it says of itself is in `runtimes.rs`; the task that it begins is in no call.
#[test]
fn a_runtime_without_time_puts_nothing_back_and_keeps_no_other_from_it() {
    const IS_ALONE: &str = "FLEET_WITHOUT_TIME";
    if std::env::var_os(IS_ALONE).is_none() {
        let name =
            "fleet_returns::a_runtime_without_time_puts_nothing_back_and_keeps_no_other_from_it";
        let run = this_test(name).env(IS_ALONE, "").output().unwrap();
        let said = String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success() && !said.contains("panicked at src/fleet"), "{said}");
        return;
    }
    const USERS: usize = 5;
    let Some(server) = RedisServer::start(&[]) else { return };
    let store = fleet(&server).tokens();
    let first = runtime();
    first.block_on(known_to(&store, &server, USERS));
    drop(first);
    let without_time = Builder::new_multi_thread().worker_threads(1).enable_io().build().unwrap();
    without_time.block_on(store.load(&app())).unwrap_err();

    let () = server.ask(&["FLUSHALL"]);
    runtime().block_on(async {
        assert!(store.load(&app()).await.unwrap().is_none());
        until("all are back", async || names(&server).len() == USERS).await;
    });
    without_time.block_on(store.load(&app())).unwrap_err();
}
