//! What a server that takes no writes keeps from nobody: that nobody has logged in, and a removal.

use std::time::Duration;

use spotify_web::SpotifyClient;
use spotify_web::auth::{
    PkceAuthenticator, StoreError, StoredToken, TokenCache, TokenCacheOptions, TokenEventKind,
    TokenKey, TokenStore,
};
use spotify_web::fleet::{FleetError, RedisFleet};
use spotify_web::oauth::Token;
use spotify_web::testing::FakeSpotify;

use crate::common::{Directory, RedisServer, ScriptedSource};
use crate::fleet::{fleet, login};
use crate::fleet_adoption::{adopting, found, sealed, user};
use crate::fleet_servers::until;

const HOUR: Duration = Duration::from_secs(3600);

fn fill(server: &RedisServer) {
    let () = server.ask(&["CONFIG", "SET", "maxmemory", "1"]);
}

fn make_room(server: &RedisServer) {
    let () = server.ask(&["CONFIG", "SET", "maxmemory", "0"]);
}

/// A server that saves its data to disk until [`end_saving`].
pub(crate) fn saving(directory: &Directory) -> Option<RedisServer> {
    let gone = directory.path().join("gone");
    std::fs::create_dir(&gone).unwrap();
    RedisServer::start(&["--dir", gone.to_str().unwrap()])
}

pub(crate) async fn end_saving(server: &RedisServer, directory: &Directory) {
    std::fs::remove_dir(directory.path().join("gone")).unwrap();
    let () = server.ask(&["CONFIG", "SET", "save", "3600 1"]);
    until("failed", async || {
        // As it does by itself, if it is not just doing that.
        let client = redis::Client::open(server.url()).unwrap();
        redis::cmd("BGSAVE").exec(&mut client.get_connection().unwrap()).ok();
        server.ask::<String>(&["INFO", "persistence"]).contains("rdb_last_bgsave_status:err")
    })
    .await;
}

/// Nobody else has the login: it is saved if there is room within two minutes, and why it is not saved yet is told at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_settles_waits_for_room_in_a_full_server_and_has_been_told_before() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let store = fleet(&server).tokens();
    store.load(&user("anna")).await.unwrap();
    fill(&server);
    let (sender, told) = std::sync::mpsc::channel();
    let options = TokenCacheOptions::default()
        .with_listener(move |event| drop(sender.send(event.kind.clone())));
    let cache = TokenCache::new(ScriptedSource::default()).with_options(options);
    let cache = cache.with_store(store, user("anna"));
    cache.log_in(Token::new("access", HOUR).with_refresh_token("refresh")).await.unwrap();
    let is_full = |event: &TokenEventKind| {
        let TokenEventKind::StoreFailed { error } = event else { return false };
        matches!(error, StoreError::Fleet(FleetError::OutOfMemory))
    };

    let mut settling = tokio::spawn(async move { cache.settle().await });
    until("told", async || told.try_iter().any(|event| is_full(&event))).await;
    let is_over = tokio::time::timeout(Duration::from_secs(6), &mut settling).await;
    assert!(is_over.is_err(), "longer than for a failure that does not pass: {is_over:?}");
    make_room(&server);

    settling.await.unwrap().unwrap();
    assert_eq!(found(&fleet(&server).tokens(), &user("anna")).await.as_deref(), Some("refresh"));
}

/// A login that is to be refreshed.
fn expired() -> StoredToken {
    let token = Token::new("access", Duration::from_secs(1)).with_refresh_token("refresh");
    StoredToken::new(token, std::time::SystemTime::now())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_never_logged_in_is_told_so_also_where_the_server_takes_no_writes() {
    for is_full in [true, false] {
        let directory = Directory::new();
        let Some(server) = saving(&directory) else { return };
        fleet(&server).tokens().save(&user("anna"), &expired(), None).await.unwrap();
        sealed(&server).tokens().save(&user("anna"), &expired(), None).await.unwrap();
        match is_full {
            true => fill(&server),
            false => end_saving(&server, &directory).await,
        }
        let fake = FakeSpotify::start().await.unwrap();
        let spotify = SpotifyClient::new(fake.config().without_retries()).unwrap();
        for store in [
            fleet(&server).tokens(),
            sealed(&server).tokens(),
            sealed(&server).adopt_unsealed().tokens(),
        ] {
            let of = |name: &str| {
                PkceAuthenticator::new("client-id-1").with_store(store.clone(), user(name))
            };

            assert!(of("nobody").needs_login().await.unwrap(), "{is_full}");
            let error = spotify.for_user(of("nobody")).unwrap().users().me().await.unwrap_err();
            assert!(error.needs_login() && !error.is_transient(), "{error}");
            let error = spotify.for_user(of("anna")).unwrap().users().me().await.unwrap_err();
            assert!(!error.needs_login() && error.is_transient(), "{error}");
        }
        assert_eq!(fake.token_requests(), 0);
    }
}

/// A log-in that was made before a removal, and could not be saved until after it.
async fn comes_back_nowhere(of: impl Fn() -> RedisFleet, server: &RedisServer, has_login: bool) {
    let anna = || user("anna");
    let process = TokenCache::new(ScriptedSource::default()).with_store(of().tokens(), anna());
    if has_login {
        of().tokens().save(&anna(), &login("0"), None).await.unwrap();
    }
    fill(server);
    let token = Token::new("access-1", HOUR).with_refresh_token("refresh-1");
    process.log_in(token).await.unwrap();

    let remover = of().tokens();
    assert_eq!(remover.remove_user("client-id-1", "anna").await, Ok(u64::from(has_login)));
    assert_eq!(remover.remove_user("client-id-1", "bert").await, Ok(0));

    make_room(server);
    process.settle().await.unwrap();
    assert_eq!(found(&of().tokens(), &anna()).await, None);
    let () = server.ask(&["FLUSHALL"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_server_takes_the_removal_of_a_user_of_whom_nothing_stands_there() {
    let Some(server) = RedisServer::start(&[]) else { return };
    for has_login in [false, true] {
        comes_back_nowhere(|| fleet(&server), &server, has_login).await;
        comes_back_nowhere(|| sealed(&server), &server, has_login).await;
        comes_back_nowhere(|| sealed(&server).adopt_unsealed(), &server, has_login).await;
    }
    assert!(
        found(&adopting(&server), &TokenKey::new("client-id-1").with_user("anna")).await.is_none()
    );
}

/// A removal that a full server has forgotten is put back there as well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_server_gets_a_removal_back() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let remover = fleet(&server).tokens();
    remover.remove_user("client-id-1", "anna").await.unwrap();
    let () = server.ask(&["FLUSHALL"]);
    fill(&server);

    until("put back", async || {
        remover.load(&user("anna")).await.unwrap();
        let names: Vec<String> = server.ask(&["KEYS", "*:t"]);
        names.first().is_some_and(|name| server.ask(&["HEXISTS", name, "g"]))
    })
    .await;
}

/// What is no removal is refused all the same.
#[tokio::test]
async fn a_full_server_takes_no_login_after_a_removal() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let store = fleet(&server).tokens();
    store.remove_user("client-id-1", "anna").await.unwrap();
    fill(&server);

    let saved = store.save(&user("anna"), &login("1"), None).await.unwrap_err();

    let saved = match saved {
        StoreError::Fleet(error) => error,
        other => panic!("{other}"),
    };
    assert_eq!(saved, FleetError::OutOfMemory);
    assert_eq!(found(&store, &user("anna")).await, None);
}
