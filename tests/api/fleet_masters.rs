//! The masters of a cluster, each by itself: the trouble of one is nobody else's.

use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use spotify_web::auth::{TokenKey, TokenStore};
use spotify_web::fleet::{FleetError, FleetEvent, RedisFleet, RedisTokenStore};
use spotify_web::middleware::{SharedLimit, Told};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::common::{Directory, RedisServer};
use crate::fleet::login;
use crate::fleet_adoption::{found, user};
use crate::fleet_losses::{is_well, names, refreshed, three_masters};
use crate::fleet_servers::{cluster, until};
use crate::fleet_told::{heard, of_store};

const USERS: usize = 150;

/// Beyond the limits of a load together, however busy the machine is.
const LONG: Duration = Duration::from_secs(20);

/// Three masters, each of which serves its slots also while another is away.
pub(crate) struct Cluster {
    pub(crate) servers: Vec<RedisServer>,
    _directories: [Directory; 3],
}

impl Cluster {
    pub(crate) async fn start() -> Option<Self> {
        let directories = [(); 3].map(|()| Directory::new());
        let servers = three_masters(&directories).await?;
        serve_without_others(&servers);
        Some(Self { servers, _directories: directories })
    }

    pub(crate) fn url(&self) -> String {
        url_of(&self.servers)
    }

    pub(crate) fn fleet(&self) -> RedisFleet {
        RedisFleet::new(self.url())
    }

    /// Has some users log in by a process that ends: those of each master.
    pub(crate) async fn users(&self, count: usize) -> Vec<Vec<TokenKey>> {
        users_of(&self.servers, &self.fleet().tokens(), count).await
    }
}

fn serve_without_others(servers: &[RedisServer]) {
    for server in servers {
        let () = server.ask(&["CONFIG", "SET", "cluster-require-full-coverage", "no"]);
    }
}

fn url_of(servers: &[RedisServer]) -> String {
    let hosts: Vec<_> = servers.iter().map(|it| format!("127.0.0.1:{}", it.port)).collect();
    format!("redis+cluster://{}", hosts.join(","))
}

async fn users_of(
    masters: &[RedisServer],
    store: &RedisTokenStore,
    count: usize,
) -> Vec<Vec<TokenKey>> {
    let sizes = || masters.iter().map(|master| names(master).len()).collect::<Vec<_>>();
    let mut users = vec![Vec::new(); masters.len()];
    for number in 0..count {
        let (before, key) = (sizes(), user(&format!("user-{number}")));
        store.save(&key, &login("1"), None).await.unwrap();
        let has_it = sizes().iter().zip(before).position(|(now, before)| *now > before);
        users[has_it.unwrap()].push(key);
    }
    users
}

/// Callers of a master that does not respond, or is not there, as long as this is kept.
fn hammer(store: &RedisTokenStore, users: &[TokenKey]) -> JoinSet<()> {
    let mut callers = JoinSet::new();
    for key in users.iter().cycle().take(50) {
        let (store, key) = (store.clone(), key.clone());
        callers.spawn(async move {
            loop {
                store.load(&key).await.ok();
                sleep(Duration::from_millis(10)).await;
            }
        });
    }
    callers
}

/// All users of a master are there, each in the time that a call has.
pub(crate) async fn are_there(store: &RedisTokenStore, users: &[TokenKey]) {
    for key in users {
        let began = Instant::now();
        let there = store.load(key).await;
        assert!(matches!(&there, Ok(Some(_))), "{there:?} after {:?}", began.elapsed());
    }
}

/// One is stopped and another one is emptied. Nothing is saved, so that no second look after a save
/// is the cause of what is back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_that_is_stopped_keeps_no_user_of_another_one_waiting() {
    let Some(cluster) = Cluster::start().await else { return };
    let users = cluster.users(USERS).await;
    let knows = cluster.fleet().tokens();
    for of_one in &users {
        are_there(&knows, of_one).await;
    }
    cluster.servers[0].signal("-STOP");
    let _callers = hammer(&knows, &users[0]);
    are_there(&knows, &users[1]).await;
    sleep(Duration::from_secs(2)).await;
    are_there(&knows, &users[1]).await;

    let () = cluster.servers[2].ask(&["FLUSHALL"]);

    let began = Instant::now();
    are_there(&knows, &users[2][..1]).await;
    until("back", async || names(&cluster.servers[2]).len() == users[2].len()).await;
    assert!(began.elapsed() < LONG, "{:?}", began.elapsed());
    are_there(&knows, &users[2]).await;
    are_there(&knows, &users[1]).await;
    for key in users[1..].iter().flatten() {
        let known = knows.load(key).await.unwrap().unwrap();
        let saved = knows.save(key, &refreshed(&known, "2"), Some(known.revision())).await;
        assert!(saved.is_ok(), "{saved:?}");
    }
    // A process that begins now.
    let newcomer = cluster.fleet().tokens();
    until("there", async || newcomer.load(&users[1][0]).await.is_ok()).await;
    are_there(&newcomer, &users[1]).await;
    cluster.servers[0].signal("-CONT");
    until("there", async || knows.load(&users[0][0]).await.is_ok()).await;
}

/// Its replica takes over. Those of the others are there meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_that_is_killed_is_the_trouble_of_its_own_users_until_its_replica_takes_over() {
    let Some(mut servers) = cluster().await else { return };
    serve_without_others(&servers);
    let fleet = RedisFleet::new(url_of(&servers));
    let store = fleet.tokens();
    let users = users_of(&servers[..3], &store, 60).await;
    let size = |server: &RedisServer| names(server).len();
    until("replicated", async || size(&servers[3]) == size(&servers[0])).await;

    drop(servers.remove(0));

    let replica = &servers[2];
    let is_master = || replica.ask::<String>(&["INFO", "replication"]).contains("role:master");
    let _callers = hammer(&store, &users[0]);
    let mut promoted = None;
    let began = Instant::now();
    while store.load(&users[0][0]).await.is_err() {
        are_there(&store, &users[1]).await;
        are_there(&store, &users[2]).await;
        if promoted.is_none() && is_master() {
            promoted = Some(Instant::now());
        }
        assert!(began.elapsed() < Duration::from_secs(60), "no master");
    }
    let took = promoted.map_or(Duration::ZERO, |at| at.elapsed());
    assert!(took < LONG, "{took:?}");
    are_there(&store, &users[0]).await;
    let first = store.load(&users[0][0]).await.unwrap().unwrap();
    store.save(&users[0][0], &refreshed(&first, "2"), Some(first.revision())).await.unwrap();
}

/// Who knows more of what it had may put it back for three seconds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_master_lost_is_waited_for_by_its_own_users_alone() {
    let Some(mut cluster) = Cluster::start().await else { return };
    let users = cluster.users(30).await;
    let process = cluster.fleet().tokens();
    for of_one in &users {
        process.load(&of_one[0]).await.unwrap();
    }
    cluster.servers[2].restart_empty();
    until("back", async || is_well(&cluster.servers[2])).await;

    let lost = {
        let (process, key) = (process.clone(), users[2][1].clone());
        tokio::spawn(async move { process.load(&key).await })
    };
    sleep(Duration::from_millis(300)).await;
    are_there(&process, &users[1]).await;

    assert!(!lost.is_finished());
    assert!(matches!(lost.await.unwrap(), Ok(None)));
}

/// A slot goes from one master to another and back, while its users are loaded and saved.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slot_that_is_moved_while_it_is_used_costs_no_call() {
    let Some(cluster) = Cluster::start().await else { return };
    let (fleet, events) = heard(&cluster.url());
    let store = fleet.tokens();
    let key = user("anna");
    store.save(&key, &login("1"), None).await.unwrap();
    let from = cluster.servers.iter().position(|server| !names(server).is_empty()).unwrap();
    let name = names(&cluster.servers[from]).remove(0);
    let slot = cluster.servers[0].ask::<u64>(&["CLUSTER", "KEYSLOT", &name]).to_string();
    let is_used = {
        let (store, key) = (store.clone(), key.clone());
        let mut known = store.load(&key).await.unwrap().unwrap();
        async move {
            for number in 2.. {
                let there = store.load(&key).await.unwrap().unwrap();
                assert_eq!(there.revision(), known.revision());
                let next = refreshed(&known, &number.to_string());
                store.save(&key, &next, Some(known.revision())).await.unwrap();
                known = next;
            }
        }
    };
    let is_moved = async {
        for turn in 0..6 {
            let (from, to) = ((from + turn) % 3, (from + turn + 1) % 3);
            move_slot(&cluster.servers[from], &cluster.servers[to], &slot).await;
            // The third one has not heard of it perhaps.
            let newcomer = cluster.fleet().tokens();
            assert!(found(&newcomer, &key).await.is_some());
        }
    };

    tokio::select! {
        () = is_used => unreachable!(),
        () = is_moved => {}
    }

    assert_eq!(fleet.stats().timeouts, 0);
    assert_eq!(*events.lock().unwrap(), [FleetEvent::Joined]);
}

async fn move_slot(from: &RedisServer, to: &RedisServer, slot: &str) {
    let pause = Duration::from_millis(50);
    let [of_from, of_to]: [String; 2] = [from, to].map(|it| it.ask(&["CLUSTER", "MYID"]));
    let () = to.ask(&["CLUSTER", "SETSLOT", slot, "IMPORTING", &of_from]);
    let () = from.ask(&["CLUSTER", "SETSLOT", slot, "MIGRATING", &of_to]);
    sleep(pause).await;
    let port = to.port.to_string();
    loop {
        let keys: Vec<String> = from.ask(&["CLUSTER", "GETKEYSINSLOT", slot, "100"]);
        if keys.is_empty() {
            break;
        }
        for name in keys {
            let _: String = from.ask(&["MIGRATE", "127.0.0.1", &port, &name, "0", "1000"]);
            sleep(pause).await;
        }
    }
    let () = to.ask(&["CLUSTER", "SETSLOT", slot, "NODE", &of_to]);
    sleep(pause).await;
    let () = from.ask(&["CLUSTER", "SETSLOT", slot, "NODE", &of_to]);
    sleep(pause).await;
}

/// Calls to several masters end in turn, well and not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_is_alone_once_until_all_masters_respond() {
    let Some(cluster) = Cluster::start().await else { return };
    let users = cluster.users(30).await;
    let (fleet, events) = heard(&cluster.url());
    let store = fleet.tokens();
    for of_one in &users {
        are_there(&store, of_one).await;
    }

    for stopped in [0, 2] {
        cluster.servers[stopped].signal("-STOP");
        for _ in 0..4 {
            store.load(&users[stopped][0]).await.unwrap_err();
            are_there(&store, &users[1]).await;
            assert_eq!(fleet.stats().is_alone, Some(true));
        }
    }
    cluster.servers[0].signal("-CONT");
    until("there", async || store.load(&users[0][0]).await.is_ok()).await;
    assert_eq!(fleet.stats().is_alone, Some(true), "the other one is away");
    assert!(fleet.stats().error.is_some());
    cluster.servers[2].signal("-CONT");
    until("there", async || store.load(&users[2][0]).await.is_ok()).await;

    assert_eq!(fleet.stats().is_alone, Some(false), "{:?}", fleet.stats());
    let is_rejoined = |event: &FleetEvent| matches!(event, FleetEvent::Rejoined { .. });
    until("heard", async || events.lock().unwrap().iter().any(is_rejoined)).await;
    let events = events.lock().unwrap();
    assert!(
        matches!(
            &events[..],
            [FleetEvent::Joined, FleetEvent::Alone { .. }, FleetEvent::Rejoined { .. }]
        ),
        "{events:?}"
    );
}

/// What a node says to a command, by its name and the port that it has.
type Says = fn(&str, u16) -> String;

/// In place of a response.
pub(crate) const HANGS_UP: &str = "";

/// A node that is none of Redis, and what it was asked.
pub(crate) async fn odd_node(
    says: impl Fn(&str, u16) -> String + Send + Sync + 'static,
) -> (u16, Arc<Mutex<Vec<String>>>) {
    slow_node(says, |_| Duration::ZERO).await
}

/// The same, which takes its time, by the command.
pub(crate) async fn slow_node(
    says: impl Fn(&str, u16) -> String + Send + Sync + 'static,
    takes: fn(&str) -> Duration,
) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (counted, says) = (Arc::clone(&asked), Arc::new(says));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (asked, says) = (Arc::clone(&counted), Arc::clone(&says));
            tokio::spawn(async move {
                let mut read = [0; 65_536];
                while let Ok(length @ 1..) = stream.read(&mut read).await {
                    // Each command is an array of strings, of which none begins a line with `*`.
                    let text = String::from_utf8_lossy(&read[..length]).into_owned();
                    for command in text.split("\r\n*").filter(|it| !it.is_empty()) {
                        let words = command.lines().skip(1).collect::<Vec<_>>().join(" ");
                        let said = says(&words, port);
                        let takes = takes(&words);
                        asked.lock().unwrap().push(words);
                        if !takes.is_zero() {
                            sleep(takes).await;
                        }
                        if said == HANGS_UP {
                            return;
                        }
                        stream.write_all(said.as_bytes()).await.ok();
                    }
                }
            });
        }
    });
    (port, asked)
}

pub(crate) fn slots_at(port: u16) -> String {
    format!("*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:{port}\r\n")
}

/// It sends everybody elsewhere, or says of the slots what cannot be: an error in time, and no storm.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_says_odd_things_is_an_error_in_time() {
    let odd: [(&str, Says); 12] = [
        ("moved to itself", |words, port| match words {
            words if words.contains("SLOTS") => slots_at(port),
            words if words.contains("EVAL") => format!("-MOVED 1 127.0.0.1:{port}\r\n"),
            _ => "+OK\r\n".into(),
        }),
        ("moved to where it is", |words, port| match words {
            words if words.contains("SLOTS") => slots_at(port),
            words if words.contains("EVAL") => format!("-MOVED 1 :{port}\r\n"),
            _ => "+OK\r\n".into(),
        }),
        ("asked to ask itself", |words, port| match words {
            words if words.contains("SLOTS") => slots_at(port),
            words if words.contains("EVAL") => format!("-ASK 1 127.0.0.1:{port}\r\n"),
            _ => "+OK\r\n".into(),
        }),
        ("moved to nowhere", |words, port| match words {
            words if words.contains("SLOTS") => slots_at(port),
            words if words.contains("EVAL") => "-MOVED x y\r\n".into(),
            _ => "+OK\r\n".into(),
        }),
        ("try again", |words, port| match words {
            words if words.contains("SLOTS") => slots_at(port),
            words if words.contains("EVAL") => "-TRYAGAIN Multiple keys\r\n".into(),
            _ => "+OK\r\n".into(),
        }),
        ("it is down", |words, port| match words {
            words if words.contains("SLOTS") => slots_at(port),
            words if words.contains("EVAL") => "-CLUSTERDOWN Hash slot not served\r\n".into(),
            _ => "+OK\r\n".into(),
        }),
        ("no slots", |words, _| match words {
            words if words.contains("SLOTS") => "*0\r\n".into(),
            _ => "+OK\r\n".into(),
        }),
        ("no array", |words, _| match words {
            words if words.contains("SLOTS") => ":7\r\n".into(),
            _ => "+OK\r\n".into(),
        }),
        ("slots beyond the last", |words, _| match words {
            words if words.contains("SLOTS") => {
                "*1\r\n*3\r\n:0\r\n:999999\r\n*2\r\n$1\r\nx\r\n:1\r\n".into()
            }
            _ => "+OK\r\n".into(),
        }),
        ("an odd port", |words, _| match words {
            words if words.contains("SLOTS") => {
                "*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$1\r\nx\r\n:-1\r\n".into()
            }
            _ => "+OK\r\n".into(),
        }),
        ("slots of nobody", |words, _| match words {
            words if words.contains("SLOTS") => "*1\r\n*2\r\n:0\r\n:16383\r\n".into(),
            _ => "+OK\r\n".into(),
        }),
        ("a master at no port", |words, _| match words {
            words if words.contains("SLOTS") => {
                "*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:0\r\n".into()
            }
            _ => "+OK\r\n".into(),
        }),
    ];
    for (how, says) in odd {
        let (port, asked) = odd_node(says).await;
        let fleet = RedisFleet::new(format!("redis+cluster://127.0.0.1:{port}"));
        let store = fleet.tokens();

        let loaded = timeout(LONG, store.load(&user("anna"))).await.expect(how);

        let error = of_store(loaded);
        assert!(matches!(error, FleetError::Server { .. }), "{how}: {error}");
        let asked = asked.lock().unwrap().len();
        assert!(asked < 100, "{how}: {asked}");
    }
}

/// An exchange that is sent twice would count for two; a load is sent again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exchange_is_sent_on_where_it_was_refused_and_never_twice_where_it_was_not() {
    let hangs_up: Says = |words, port| match words {
        words if words.contains("SLOTS") => slots_at(port),
        words if words.contains("EVAL") => HANGS_UP.into(),
        _ => "+OK\r\n".into(),
    };
    let refuses: Says = |words, port| match words {
        words if words.contains("SLOTS") => slots_at(port),
        words if words.contains("ASKING") => "+OK\r\n".into(),
        words if words.contains("EVAL") => format!("-ASK 1 127.0.0.1:{port}\r\n"),
        _ => "+OK\r\n".into(),
    };
    for (says, of_exchange, of_load) in [(hangs_up, 1..2, 2..3), (refuses, 2..7, 2..7)] {
        let (port, asked) = odd_node(says).await;
        let fleet = RedisFleet::new(format!("redis+cluster://127.0.0.1:{port}"));
        let times = || {
            let asked = std::mem::take(&mut *asked.lock().unwrap());
            asked.iter().filter(|words| words.contains("EVAL")).count()
        };
        // On a busy machine one may be too late before it is sent on.
        let is_within = |sent: usize, expected: &Range<usize>| {
            assert!(sent < expected.end, "{sent}");
            expected.contains(&sent)
        };
        until("loaded", async || {
            fleet.tokens().load(&user("anna")).await.unwrap_err();
            is_within(times(), &of_load)
        })
        .await;
        until("exchanged", async || {
            fleet.shared_limit().exchange(Some("app"), &Told::default()).await.unwrap_err();
            is_within(times(), &of_exchange)
        })
        .await;
    }
}

/// As one that was reset, and has some slots again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_knows_a_part_of_the_slots_is_no_trouble_while_others_know_all() {
    let Some(cluster) = Cluster::start().await else { return };
    let users = cluster.users(20).await;
    let says: Says = |words, port| match words {
        words if words.contains("SLOTS") => slots_at(port).replace("16383", "16000"),
        words if words.contains("EVAL") => "-CLUSTERDOWN Hash slot not served\r\n".into(),
        _ => "+OK\r\n".into(),
    };
    let (port, _) = odd_node(says).await;
    let url = cluster.url().replace("cluster://", &format!("cluster://127.0.0.1:{port},"));

    for _ in 0..10 {
        let store = RedisFleet::new(&url).tokens();
        for of_one in &users {
            are_there(&store, &of_one[..1]).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_right_that_a_slot_on_its_way_needs_is_told_where_it_is_missing() {
    let says: Says = |words, port| match words {
        words if words.contains("SLOTS") => slots_at(port),
        words if words.contains("ASKING") => {
            "-NOPERM User bot has no permissions to run the 'asking' command\r\n".into()
        }
        words if words.contains("EVAL") => format!("-ASK 1 127.0.0.1:{port}\r\n"),
        _ => "+OK\r\n".into(),
    };
    let (port, _) = odd_node(says).await;
    let store = RedisFleet::new(format!("redis+cluster://127.0.0.1:{port}")).tokens();

    let error = of_store(store.load(&user("anna")).await);

    assert!(matches!(error, FleetError::NoPermission { .. }), "{error}");
    assert!(error.to_string().contains("+asking"), "{error}");
}

/// With all that was under way in it: the map was asked for, and connections were made.
#[test]
fn a_runtime_that_ends_while_nodes_are_asked_leaves_that_to_the_next() {
    let (first, second) = (Runtime::new().unwrap(), Runtime::new().unwrap());
    let Some(cluster) = second.block_on(Cluster::start()) else { return };
    let store = cluster.fleet().tokens();
    let signal = |name: &str| cluster.servers.iter().for_each(|server| server.signal(name));
    signal("-STOP");
    let is_given_up = first.block_on(async {
        timeout(Duration::from_millis(200), store.load(&user("anna"))).await.is_err()
    });

    drop(first);
    signal("-CONT");

    assert!(is_given_up);
    second.block_on(until("loaded", async || match store.load(&user("anna")).await {
        Ok(loaded) => loaded.is_none(),
        Err(error) => {
            assert!(error.is_transient(), "{error}");
            false
        }
    }));
}

/// With its slots, which nobody has then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slot_that_nobody_has_is_told_and_no_trouble_of_other_slots() {
    let Some(cluster) = Cluster::start().await else { return };
    let users = cluster.users(30).await;
    let store = cluster.fleet().tokens();
    for server in &cluster.servers {
        let () = server.ask(&["CLUSTER", "DELSLOTSRANGE", "0", "5460"]);
    }
    // They tell each other what they know.
    let serves = |server: &RedisServer| {
        server.ask::<String>(&["CLUSTER", "INFO"]).contains("cluster_slots_assigned:10923")
    };
    until("known", async || cluster.servers.iter().all(serves)).await;

    for newcomer in [store, cluster.fleet().tokens()] {
        let error = of_store(newcomer.load(&users[0][0]).await);
        let said = error.to_string();
        assert!(said.contains("`CLUSTER SLOTS`") || said.contains("not served"), "{said}");
        are_there(&newcomer, &users[1]).await;
        are_there(&newcomer, &users[2]).await;
    }
}

/// As nodes are by default where a master is gone without a replica.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_is_down_is_told_with_what_helps() {
    let says: Says = |words, port| match words {
        words if words.contains("SLOTS") => slots_at(port),
        words if words.contains("EVAL") => "-CLUSTERDOWN The cluster is down\r\n".into(),
        _ => "+OK\r\n".into(),
    };
    let (port, _) = odd_node(says).await;
    let store = RedisFleet::new(format!("redis+cluster://127.0.0.1:{port}")).tokens();

    let error = of_store(store.load(&user("anna")).await);

    assert!(error.is_transient(), "{error}");
    assert!(error.to_string().contains("`cluster-require-full-coverage no`"), "{error}");
}
