//! Servers that do not fit, and do not come to fit by waiting: what is wrong is told, with what to
//! do, by the first use and by `RedisFleet::check`.

use spotify_web::auth::{StoreError, TokenKey, TokenStore};
use spotify_web::fleet::{FleetError, RedisFleet};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::common::{Directory, RedisServer};
use crate::fleet::{fleet, key, login};
use crate::fleet_full::{end_saving, saving};
use crate::fleet_servers::until;
use crate::fleet_setup::old_redis;

fn of_store<T: std::fmt::Debug>(result: Result<T, StoreError>) -> FleetError {
    match result.unwrap_err() {
        StoreError::Fleet(error) => error,
        other => panic!("{other}"),
    }
}

/// Who has no login yet.
fn bert() -> TokenKey {
    TokenKey::new("client-id-1").with_user("bert")
}

/// What is said by who writes, each by a process of its own.
async fn said_to_writers(url: &str) -> Vec<FleetError> {
    let store = || RedisFleet::new(url).tokens();
    vec![
        of_store(store().save(&bert(), &login("1"), None).await),
        of_store(store().remove(&key()).await),
        of_store(store().lock(&key()).await),
        store().remove_user("client-id-1", "anna").await.unwrap_err(),
        RedisFleet::new(url).check().await.unwrap_err(),
    ]
}

/// The same, and by who reads.
async fn said_to_all(url: &str) -> Vec<FleetError> {
    let mut said = said_to_writers(url).await;
    said.push(of_store(RedisFleet::new(url).tokens().load(&key()).await));
    said.extend(RedisFleet::new(url).tokens().reseal().await.err());
    said
}

/// On a busy machine a call may be too late; so all of them are made again.
async fn are_told(expected: &str, mut said: impl AsyncFnMut() -> Vec<FleetError>) {
    let mut last = Vec::new();
    for _ in 0..20 {
        last = said().await;
        if is_told(&last, expected) {
            return;
        }
    }
    panic!("{expected} is not told, but {last:?}");
}

fn is_told(said: &[FleetError], expected: &str) -> bool {
    let is_it = |error: &FleetError| {
        let is_it = error.to_string().contains(expected);
        let passes = matches!(error, FleetError::NotPersisted { .. } | FleetError::OutOfMemory);
        assert_eq!(error.is_transient(), passes || !is_it, "{error}");
        is_it
    };
    said.iter().all(is_it)
}

/// A login that stands there already stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_is_given_as_the_server_is_told_and_not_read() {
    let Some(master) = RedisServer::start(&[]) else { return };
    let port = master.port.to_string();
    let replica = RedisServer::start(&["--replicaof", "127.0.0.1", &port]).unwrap();
    fleet(&master).tokens().save(&key(), &login("1"), None).await.unwrap();
    until("replicated", async || replica.ask::<i64>(&["DBSIZE"]) > 0).await;

    let expected = "is a replica, which takes no writes";
    are_told(expected, async || said_to_all(&replica.url()).await).await;

    assert!(fleet(&master).tokens().load(&key()).await.unwrap().is_some());
}

/// Its name, or what stands before it, may soon lead to the new master.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_that_becomes_a_replica_is_a_failover_that_passes() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let other = RedisServer::start(&[]).unwrap();
    let store = fleet(&server).tokens();
    let first = login("1");
    store.save(&key(), &first, None).await.unwrap();
    let () = server.ask(&["REPLICAOF", "127.0.0.1", &other.port.to_string()]);

    for _ in 0..3 {
        let error = of_store(store.save(&key(), &login("2"), Some(first.revision())).await);
        assert!(error.is_transient(), "{error}");
    }

    let () = server.ask(&["REPLICAOF", "NO", "ONE"]);
    until("saved", async || {
        let there = store.load(&key()).await.ok().flatten().map(|there| there.revision());
        store.save(&key(), &login("3"), there).await.is_ok()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_cannot_save_its_data_is_told_with_what_to_do() {
    let directory = Directory::new();
    let Some(server) = saving(&directory) else { return };
    fleet(&server).tokens().save(&key(), &login("1"), None).await.unwrap();
    end_saving(&server, &directory).await;

    let expected = "cannot save its data to disk";
    are_told(expected, async || said_to_writers(&server.url()).await).await;

    assert!(fleet(&server).tokens().load(&key()).await.unwrap().is_some());
    let () = server.ask(&["CONFIG", "SET", "stop-writes-on-bgsave-error", "no"]);
    fleet(&server).check().await.unwrap();
}

#[tokio::test]
async fn what_an_older_server_says_within_an_error_of_a_script_is_told_as_well() {
    for (said, expected) in [
        (
            "-ERR Error running script (call to f_1): @user_script:9: @user_script: 9: -MISCONF Redis is \
             configured to save RDB snapshots, but it is currently not able to persist on disk.\r\n",
            "cannot save its data to disk",
        ),
        (
            "-ERR Error running script (call to f_1): @user_script:9: @user_script: 9: -OOM command not \
             allowed when used memory > 'maxmemory'.\r\n",
            "raise its `maxmemory`",
        ),
        (
            "-ERR Error running script (call to f_1): @user_script:9: @user_script: 9: -READONLY You can't \
             write against a read only replica.\r\n",
            "is a replica, which takes no writes",
        ),
    ] {
        let url = old_redis("$20\r\nredis_version:6.2.14\r\n", said).await;
        are_told(expected, async || said_to_writers(&url).await).await;
    }
}

/// What Redis says before anything else, and then hangs up.
async fn protected() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            stream.write_all(DENIED.as_bytes()).await.ok();
        }
    });
    port
}

const DENIED: &str = "-DENIED Redis is running in protected mode because protected mode is enabled and no password \
                      is set for the default user. In this mode connections are only accepted from the \
                      loopback interface.\r\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_serves_its_own_machine_only_is_told_without_the_password() {
    let port = protected().await;
    for scheme in ["redis://", "redis://:s3cr3t@", "redis+cluster://", "redis+sentinel://"] {
        let master = if scheme.contains("sentinel") { "/mymaster" } else { "" };
        let url = format!("{scheme}127.0.0.1:{port}{master}");

        are_told("runs in protected mode", async || said_to_all(&url).await).await;

        for error in said_to_all(&url).await {
            assert!(!format!("{error} {error:?}").contains("s3cr3t"), "{error}");
        }
    }
}
