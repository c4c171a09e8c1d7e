//! Fields of a user's hash that are longer than the fleet writes them: the trouble of that user alone.

use futures_util::StreamExt;
use spotify_web::auth::{StoreError, TokenKey, TokenStore};
use spotify_web::fleet::{FleetError, RedisFleet, SealingKey};
use spotify_web::middleware::Told;

use crate::common::RedisServer;
use crate::fleet::{fleet, login};
use crate::fleet_adoption::{found, sealed, user};
use crate::fleet_rate::exchange_of;
use crate::fleet_rights::{PREFIX, without};
use crate::fleet_servers::until;

/// What a server sends in all that is done here with short fields is less than a tenth of it.
const LENGTH: usize = 4_000_000;

fn name_of_user(server: &RedisServer) -> String {
    server.ask::<Vec<String>>(&["KEYS", "*:t"]).remove(0)
}

/// The scopes in the names of the fields.
fn place_in(server: &RedisServer, name: &str) -> String {
    let fields: Vec<String> = server.ask(&["HKEYS", name]);
    fields.iter().find_map(|it| it.strip_suffix('n')).unwrap().to_owned()
}

/// Hexadecimal, as what stands there is.
fn make_long(server: &RedisServer, name: &str, field: &str) {
    let () = server.ask(&["HSET", name, field, &"a".repeat(LENGTH)]);
}

fn sent(server: &RedisServer) -> usize {
    let stats: String = server.ask(&["INFO", "stats"]);
    let line = stats.lines().find_map(|line| line.strip_prefix("total_net_output_bytes:"));
    line.unwrap().trim().parse().unwrap()
}

/// What the server's Lua holds: what the last script has read is among it.
fn read(server: &RedisServer) -> usize {
    let memory: String = server.ask(&["INFO", "memory"]);
    let line = memory.lines().find_map(|line| line.strip_prefix("used_memory_lua:"));
    line.unwrap().trim().parse().unwrap()
}

fn is_altered<T>(result: &Result<T, StoreError>, name: &str) -> bool {
    matches!(result, Err(StoreError::Fleet(FleetError::Altered { place })) if place == name)
}

/// Whose fields are long.
fn anna() -> TokenKey {
    user("anna")
}

async fn stands(fleet: &RedisFleet, what: &str) {
    let store = fleet.tokens();
    store.save(&anna(), &login("1"), None).await.unwrap();
    match what {
        "login" => {}
        "removal" => store.remove(&anna()).await.unwrap(),
        _ => assert_eq!(store.remove_user("client-id-1", "anna").await, Ok(1)),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_field_that_is_too_long_is_neither_read_nor_sent_and_is_the_trouble_of_its_user_alone() {
    let Some(server) = RedisServer::start(&[]) else { return };
    for is_sealed in [false, true] {
        let fleet = || if is_sealed { sealed(&server) } else { fleet(&server) };
        for what in ["login", "removal", "removal of a user"] {
            for field in ["v", "n", "x", "p", "m", "t", "w", "r", "g", "gl", "gm", "gp"] {
                stands(&fleet(), what).await;
                let name = name_of_user(&server);
                fleet().tokens().save(&user("bert"), &login("2"), None).await.unwrap();
                let field = match field.len() {
                    1 if field != "g" => format!("{}{field}", place_in(&server, &name)),
                    _ => field.to_owned(),
                };
                make_long(&server, &name, &field);
                // A record that is too long is not to be looked for under no name.
                make_long(&server, &name, "");
                let before = sent(&server);
                let case = format!("{is_sealed} {what} {field}");
                let is_cheap = |call: &str| {
                    let read = read(&server);
                    assert!(read < LENGTH / 10, "{case}: {call} has read {read} bytes");
                };

                let store = fleet().tokens();
                let loaded = store.load(&anna()).await;
                is_cheap("load");
                let listed: Vec<_> = store.logins().collect().await;
                is_cheap("logins");
                let resealed = store.reseal().await;
                is_cheap("reseal");
                drop(store.turn(&anna(), None).await);
                is_cheap("turn");
                let saved = store.save(&anna(), &login("3"), None).await;
                is_cheap("save");
                drop(store.remove(&anna()).await);
                is_cheap("remove");
                make_long(&server, &name, &field);

                assert!(listed.contains(&Ok(user("bert"))), "{case}: {listed:?}");
                assert_eq!(found(&store, &user("bert")).await.as_deref(), Some("refresh-2"));
                let is_of_anna =
                    |error: &FleetError| !error.is_transient() && error.to_string().contains(&name);
                let errors = [
                    loaded.map(drop).err(),
                    saved.err().filter(|error| !matches!(error, StoreError::Stale)),
                    resealed.err().map(StoreError::from),
                ];
                let errors = errors.into_iter().flatten().map(|error| match error {
                    StoreError::Fleet(error) => error,
                    other => panic!("{case}: {other}"),
                });
                for error in errors.chain(listed.into_iter().filter_map(Result::err)) {
                    assert!(is_of_anna(&error), "{case}: {error}");
                }
                store.remove_user("client-id-1", "anna").await.unwrap();
                is_cheap("remove_user");
                assert_eq!(found(&fleet().tokens(), &anna()).await, None, "{case}");
                fleet().tokens().save(&anna(), &login("4"), None).await.unwrap();
                assert_eq!(found(&fleet().tokens(), &anna()).await.as_deref(), Some("refresh-4"));
                store.remove_user("client-id-1", "anna").await.unwrap();
                let sent = sent(&server) - before;
                assert!(sent < LENGTH / 10, "{case}: {sent} bytes were sent");
                let () = server.ask(&["FLUSHALL"]);
            }
        }
    }
}

/// What says which login it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revision_a_mark_or_a_moment_that_is_too_long_is_told_as_altered() {
    let Some(server) = RedisServer::start(&[]) else { return };
    for (what, field) in [("login", "v"), ("removal", "m"), ("removal of a user", "gl")] {
        stands(&fleet(&server), what).await;
        let name = name_of_user(&server);
        let field = match field {
            "gl" => field.to_owned(),
            _ => format!("{}{field}", place_in(&server, &name)),
        };
        make_long(&server, &name, &field);

        let store = fleet(&server).tokens();

        assert!(is_altered(&store.load(&anna()).await, &name), "{field}");
        let saved = store.save(&anna(), &login("2"), None).await;
        let is_told = is_altered(&saved, &name) || matches!(saved, Err(StoreError::Stale));
        assert!(is_told || field != "v", "{saved:?}");
        let () = server.ask(&["FLUSHALL"]);
    }
    for field in ["v", "w"] {
        stands(&fleet(&server), "login").await;
        let name = name_of_user(&server);
        make_long(&server, &name, &format!("{}{field}", place_in(&server, &name)));
        let listed: Vec<_> = fleet(&server).tokens().logins().collect().await;
        assert_eq!(listed, [Err(FleetError::Altered { place: name.clone() })], "{field}");
        let resealed = fleet(&server).tokens().reseal().await;
        assert_eq!(resealed, Err(FleetError::Altered { place: name }), "{field}");
        let () = server.ask(&["FLUSHALL"]);
    }
}

/// A lease, the note of what is not sealed, that of the server's life, also where it may not be asked for, and a rate.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_long_under_another_name_of_the_fleet_is_neither_read_nor_sent() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let url = without(&server, "+info");
    let unasked = || RedisFleet::new(&url).with_prefix(PREFIX);
    let asked = || fleet(&server).with_prefix(PREFIX);
    let store = asked().tokens();
    let first = login("1");
    store.save(&anna(), &first, None).await.unwrap();
    unasked().tokens().save(&user("bert"), &login("2"), None).await.unwrap();
    let lock = store.lock(&anna()).await.unwrap();
    exchange_of(Some("app"), &asked().shared_limit(), Told::default()).await.unwrap();
    for kind in ["*:l:*", "*:u", "*{told}:i", "*{own}:i", "*:g"] {
        let name = server.ask::<Vec<String>>(&["KEYS", kind]).remove(0);
        let () = server.ask(&["SET", &name, &"a".repeat(LENGTH), "PX", "9000"]);
    }
    let before = sent(&server);
    let is_cheap = |call: &str| {
        let (read, sent) = (read(&server), sent(&server) - before);
        assert!(read.max(sent) < LENGTH / 10, "{call} has read {read} and sent {sent} bytes");
    };

    // It asks whose it is, and it is another's.
    let scripts = server.calls("evalsha");
    drop(lock);
    until("given back", async || server.calls("evalsha") > scripts).await;
    is_cheap("the end of a lease");
    for has_turn in [true, false] {
        let asks = server.calls("pttl");
        let (store, known) = (asked().tokens(), first.revision());
        let waits = tokio::spawn(async move {
            match has_turn {
                true => store.turn(&anna(), Some(known)).await.map(drop),
                false => store.lock(&anna()).await.map(drop),
            }
        });
        until("asked", async || server.calls("pttl") > asks).await;
        is_cheap("a turn or a lease");
        waits.abort();
    }
    let keys = || asked().with_sealing_keys([1; 32], [SealingKey::new("a", [2; 32])]);
    keys().tokens().load(&user("carl")).await.unwrap();
    is_cheap("a load with sealing keys");
    keys().adopt_unsealed().tokens().reseal().await.unwrap();
    assert!(server.ask::<Vec<String>>(&["KEYS", "*:u"]).is_empty());
    is_cheap("reseal");
    for fleet in [asked(), unasked()] {
        fleet.tokens().load(&anna()).await.ok();
        is_cheap("a load from an unknown server");
    }
    let limit = asked().shared_limit();
    exchange_of(Some("app"), &limit, Told::default()).await.unwrap_err();
    is_cheap("an exchange");
    // Also of what a script has read before another one ran.
    assert_eq!(server.calls("get"), 0);
}

/// An emptied or a missing revision beside a record is no removal, which takes the record along.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_whose_revision_is_gone_is_an_error_and_stays() {
    let Some(server) = RedisServer::start(&[]) else { return };
    for (is_sealed, is_emptied, removes) in [
        (false, true, "remove_user"),
        (false, false, "remove"),
        (true, true, "remove"),
        (true, false, "remove_user"),
    ] {
        let fleet = || if is_sealed { sealed(&server) } else { fleet(&server) };
        let knows = fleet().tokens();
        let first = login("1");
        knows.save(&anna(), &first, None).await.unwrap();
        let name = name_of_user(&server);
        knows.save(&user("bert"), &login("2"), None).await.unwrap();
        let revision = format!("{}v", place_in(&server, &name));
        let () = match is_emptied {
            true => server.ask(&["HSET", &name, &revision, ""]),
            false => server.ask(&["HDEL", &name, &revision]),
        };
        let fields = || {
            let mut fields: Vec<(String, Vec<u8>)> = server.ask(&["HGETALL", &name]);
            fields.sort();
            fields
        };
        let before = fields();

        for store in [&knows, &fleet().tokens()] {
            assert!(is_altered(&store.load(&anna()).await, &name));
            for replaces in [None, Some(first.revision())] {
                let saved = store.save(&anna(), &login("3"), replaces).await;
                assert!(is_altered(&saved, &name), "{saved:?}");
            }
            drop(store.turn(&anna(), None).await.unwrap());
            let listed: Vec<_> = store.logins().collect().await;
            assert_eq!(listed.len(), 2, "{listed:?}");
            assert!(listed.contains(&Ok(user("bert"))), "{listed:?}");
            assert!(listed.contains(&Err(FleetError::Altered { place: name.clone() })));
        }
        fleet().check().await.unwrap();
        assert_eq!(fields(), before);

        let remover = fleet().tokens();
        match removes {
            "remove" => remover.remove(&anna()).await.unwrap(),
            _ => assert_eq!(remover.remove_user("client-id-1", "anna").await, Ok(1)),
        }
        assert_eq!(found(&fleet().tokens(), &anna()).await, None);
        fleet().tokens().save(&anna(), &login("4"), None).await.unwrap();
        assert_eq!(found(&fleet().tokens(), &anna()).await.as_deref(), Some("refresh-4"));
        let () = server.ask(&["FLUSHALL"]);
    }
}

/// Also one that is not looked at where a login is used.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_of_which_any_field_is_gone_ends_with_its_user() {
    let Some(server) = RedisServer::start(&[]) else { return };
    for field in ["v", "n", "w", "x", "r"] {
        for is_emptied in [false, true] {
            stands(&fleet(&server), "login").await;
            let name = name_of_user(&server);
            let field = format!("{}{field}", place_in(&server, &name));
            let () = match is_emptied {
                true => server.ask(&["HSET", &name, &field, ""]),
                false => server.ask(&["HDEL", &name, &field]),
            };

            fleet(&server).tokens().remove_user("client-id-1", "anna").await.unwrap();

            let case = format!("{field} {is_emptied}");
            assert_eq!(found(&fleet(&server).tokens(), &anna()).await, None, "{case}");
            let fields: Vec<String> = server.ask(&["HKEYS", &name]);
            assert!(!fields.iter().any(|field| field.ends_with('r')), "{case} {fields:?}");
            fleet(&server).tokens().save(&anna(), &login("2"), None).await.unwrap();
            assert_eq!(
                found(&fleet(&server).tokens(), &anna()).await.as_deref(),
                Some("refresh-2")
            );
            let () = server.ask(&["FLUSHALL"]);
        }
    }
}
