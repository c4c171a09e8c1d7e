//! What a process knows of a server that has lost something is put back, whatever else fails.

use std::time::{Duration, SystemTime};

use spotify_web::auth::{StoredToken, TokenKey, TokenStore};
use spotify_web::fleet::RedisTokenStore;
use spotify_web::oauth::Token;

use crate::common::{Directory, RedisServer};
use crate::fleet::{fleet, login};
use crate::fleet_servers::until;

const HOUR: Duration = Duration::from_secs(3600);

fn user(name: &str) -> TokenKey {
    TokenKey::new("client-id-1").with_user(name)
}

fn anna() -> TokenKey {
    user("anna")
}

fn token(name: &str) -> Token {
    Token::new("access", HOUR).with_refresh_token(format!("refresh-{name}"))
}

/// The same login, refreshed.
fn refreshed(login: &StoredToken, name: &str) -> StoredToken {
    login.followed_by(token(name), SystemTime::now() + HOUR)
}

async fn found(store: &RedisTokenStore) -> Option<String> {
    let stored = store.load(&anna()).await.unwrap()?;
    Some(stored.token()?.refresh_token.as_ref()?.expose().to_owned())
}

fn names(server: &RedisServer) -> Vec<String> {
    server.ask(&["KEYS", "*:t"])
}

/// The name of the field that ends so, where there is one login.
fn field(server: &RedisServer, name: &str, end: char) -> String {
    let fields: Vec<String> = server.ask(&["HKEYS", name]);
    fields.into_iter().find(|field| field.len() == 17 && field.ends_with(end)).unwrap()
}

/// It says `LOADING` to who is connected already.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_process_knows_is_put_back_once_a_server_has_loaded_an_earlier_state() {
    let directory = Directory::new();
    let slowly = ["--key-load-delay", "300", "--loading-process-events-interval-bytes", "1024"];
    let arguments = [&["--dir", directory.path().to_str().unwrap()], slowly.as_slice()].concat();
    let Some(mut server) = RedisServer::start(&arguments) else { return };
    let saver = fleet(&server).tokens();
    let first = login("1");
    saver.save(&anna(), &first, None).await.unwrap();
    let name = names(&server).remove(0);
    let revision = field(&server, &name, 'v');
    let many = "for i = 1, 10000 do redis.call('SET', 'x:' .. i, string.rep('y', 50)) end";
    let () = server.ask(&["EVAL", many, "0"]);
    let () = server.ask(&["SAVE"]);
    let second = refreshed(&first, "2");
    saver.save(&anna(), &second, Some(first.revision())).await.unwrap();
    let store = fleet(&server).tokens();
    assert_eq!(found(&store).await.as_deref(), Some("refresh-2"));
    drop(saver);
    server.restart_empty();

    until("served", async || store.load(&user("bert")).await.is_ok()).await;

    until("put back", async || {
        server.ask::<String>(&["HGET", &name, &revision]) == second.revision().to_string()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_could_not_be_put_back_in_time_is_put_back_later() {
    const USERS: usize = 20;
    let Some(mut server) = RedisServer::start(&[]) else { return };
    let a = fleet(&server);
    let store = a.tokens();
    for number in 0..USERS {
        let key = user(&number.to_string());
        fleet(&server).tokens().save(&key, &login("1"), None).await.unwrap();
        assert!(store.load(&key).await.unwrap().is_some());
    }
    server.restart_empty();
    let () = server.ask(&["CLIENT", "PAUSE", "600000", "WRITE"]);

    // Once for this, and once for what is put back.
    store.load(&user("nobody")).await.unwrap_err();
    until("too late twice", async || a.stats().timeouts >= 2).await;
    let () = server.ask(&["CLIENT", "UNPAUSE"]);

    until("put back", async || names(&server).len() == USERS).await;
}
