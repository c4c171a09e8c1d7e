//! What a check of one process, and what else a server has, is to others: no login, and no proof.

use futures_util::StreamExt;
use spotify_web::auth::TokenStore;
use spotify_web::fleet::{FleetError, RedisFleet, SealingKey};
use spotify_web::middleware::Told;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::common::RedisServer;
use crate::fleet::{fleet, login};
use crate::fleet_adoption::{adopting, found, sealed, user};
use crate::fleet_rate::exchange_of;

/// A check that was cut off leaves its entry for a minute.
async fn begin_a_check(fleet: impl Fn(RedisFleet) -> RedisFleet, server: &RedisServer) {
    let () = server.ask(&["ACL", "SETUSER", "bot", "on", ">pw", "allkeys", "+@all", "-del"]);
    let url = format!("redis://bot:pw@127.0.0.1:{}", server.port);
    let error = fleet(RedisFleet::new(url)).check().await.unwrap_err();
    assert!(matches!(error, FleetError::NoPermission { .. }), "{error}");
}

#[tokio::test]
async fn a_check_with_a_wrong_key_fails_whatever_others_check() {
    let Some(server) = RedisServer::start(&[]) else { return };
    sealed(&server).tokens().save(&user("anna"), &login("1"), None).await.unwrap();
    for (id, name_key, key) in [("2026-11", 1, 7), ("unknown", 1, 7), ("2026-11", 9, 2)] {
        let wrong = |fleet: RedisFleet| {
            fleet.with_sealing_keys([name_key; 32], [SealingKey::new(id, [key; 32])])
        };
        begin_a_check(wrong, &server).await;

        let error = wrong(fleet(&server)).check().await.unwrap_err();

        assert!(!error.is_transient(), "{error}");
    }
    sealed(&server).check().await.unwrap();
}

#[tokio::test]
async fn a_check_is_no_login_to_others() {
    let Some(server) = RedisServer::start(&[]) else { return };
    begin_a_check(|fleet| fleet, &server).await;
    let wrong =
        |fleet: RedisFleet| fleet.with_sealing_keys([1; 32], [SealingKey::new("a", [7; 32])]);
    begin_a_check(wrong, &server).await;

    assert_eq!(fleet(&server).tokens().logins().count().await, 0);
    sealed(&server).check().await.unwrap();
    assert_eq!(sealed(&server).tokens().reseal().await, Ok(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_removes_a_user_that_the_server_has_forgotten_removes_what_is_put_back_unsealed() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let (plain, anna) = (fleet(&server).tokens(), user("anna"));
    plain.save(&anna, &login("1"), None).await.unwrap();
    let () = server.ask(&["FLUSHALL"]);

    assert_eq!(adopting(&server).remove_user("client-id-1", "anna").await, Ok(0));

    assert_eq!(found(&plain, &anna).await, None);
    assert_eq!(found(&fleet(&server).tokens(), &anna).await, None);
}

#[tokio::test]
async fn a_server_that_has_as_many_clients_as_it_may_says_so() {
    let Some(server) = RedisServer::start(&["--maxclients", "2"]) else { return };
    let mut clients = Vec::new();
    loop {
        let mut client = TcpStream::connect(("127.0.0.1", server.port)).await.unwrap();
        client.write_all(b"PING\r\n").await.unwrap();
        if client.read_u8().await.unwrap() == b'-' {
            break;
        }
        clients.push(client);
    }

    let error = fleet(&server).check().await.unwrap_err();

    assert!(error.to_string().contains("`maxclients`") && error.is_transient(), "{error}");
}

#[tokio::test]
async fn something_else_under_either_name_of_a_rate_is_told() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let limit = fleet(&server).shared_limit();
    exchange_of(Some("app"), &limit, Told::default()).await.unwrap();
    for kind in ["g", "m"] {
        let names: Vec<String> = server.ask(&["KEYS", &format!("*:{kind}")]);
        let [name] = &names[..] else { panic!("{names:?}") };
        let () = server.ask(&["DEL", name]);
        let () = server.ask(&["RPUSH", name, "other"]);

        let error = exchange_of(Some("app"), &limit, Told::default()).await.unwrap_err();

        assert!(error.to_string().contains(&format!("`{name}`")), "{error}");
        let () = server.ask(&["DEL", name]);
    }
}
