//! The login of the only user of a program stands under a key without a user. What it holds says that it is a login:
//! in a fleet it is treated as one.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use spotify_web::auth::{PkceAuthenticator, StoredToken, TokenKey, TokenStore};
use spotify_web::oauth::Token;
use tokio::time::Instant;

use crate::common::RedisServer;
use crate::fleet::{fleet, login};
use crate::fleet_adoption::{mark_of, user};
use crate::fleet_servers::until;

const HOUR: Duration = Duration::from_secs(3600);

/// As the guide has it.
const OTHERS_PUT_BACK: Duration = Duration::from_secs(3);

fn only_user() -> [TokenKey; 2] {
    let key = TokenKey::new("client-id-1");
    [key.clone(), key.with_scopes(["user-top-read"])]
}

fn names(server: &RedisServer) -> Vec<String> {
    server.ask(&["KEYS", "*:t"])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_login_of_an_only_user_is_put_back_by_who_does_something_else() {
    for key in only_user() {
        for ends_with in ["login", "log-out", "removal"] {
            let Some(mut server) = RedisServer::start(&[]) else { return };
            let store = fleet(&server).tokens();
            let first = login("1");
            store.save(&key, &first, None).await.unwrap();
            match ends_with {
                "log-out" => {
                    let mark = mark_of(&first).await;
                    store.save(&key, &mark, Some(first.revision())).await.unwrap();
                }
                "removal" => store.remove(&key).await.unwrap(),
                _ => {}
            }
            let name = names(&server).remove(0);
            server.restart_empty();

            until("served", async || store.load(&TokenKey::new("other")).await.is_ok()).await;

            until(ends_with, async || names(&server) == [name.clone()]).await;
        }
    }
}

/// By a process that has the login from before it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_the_login_of_an_only_user_is_not_undone() {
    for key in only_user() {
        for is_removed in [true, false] {
            let Some(mut server) = RedisServer::start(&[]) else { return };
            let (ends, knows) = (fleet(&server).tokens(), fleet(&server).tokens());
            let first = login("1");
            ends.save(&key, &first, None).await.unwrap();
            assert!(knows.load(&key).await.unwrap().is_some());
            match is_removed {
                true => ends.remove(&key).await.unwrap(),
                false => {
                    let mark = mark_of(&first).await;
                    ends.save(&key, &mark, Some(first.revision())).await.unwrap();
                }
            }
            server.restart_empty();
            until("served", async || ends.load(&TokenKey::new("other")).await.is_ok()).await;

            let found = knows.load(&key).await.unwrap();

            assert!(found.is_none_or(|found| found.is_logged_out()), "{key} {is_removed}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loss_is_waited_out_before_the_login_of_an_only_user_is_used() {
    for key in only_user() {
        let Some(mut server) = RedisServer::start(&[]) else { return };
        let first = login("1");
        let stores = [fleet(&server).tokens(), fleet(&server).tokens()];
        stores[0].save(&key, &first, None).await.unwrap();
        let known = stores[1].load(&key).await.unwrap().unwrap().revision();
        server.restart_empty();
        let began = Instant::now();

        until("served", async || stores[1].load(&key).await.is_ok()).await;
        assert!(began.elapsed() >= OTHERS_PUT_BACK.mul_f32(0.9), "{:?}", began.elapsed());

        server.restart_empty();
        let began = Instant::now();
        until("taken", async || stores[1].turn(&key, Some(known)).await.is_ok()).await;
        assert!(began.elapsed() >= OTHERS_PUT_BACK.mul_f32(0.9), "{:?}", began.elapsed());
    }
}

/// It is known by its authenticator that a login is to be there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_after_a_loss_does_not_say_that_an_only_user_is_not_logged_in() {
    for key in only_user() {
        let Some(mut server) = RedisServer::start(&[]) else { return };
        let knows = fleet(&server).tokens();
        knows.save(&key, &login("1"), None).await.unwrap();
        server.restart_empty();
        // Also where the store is one of several that a program may have.
        let store: Arc<dyn TokenStore> = Arc::new(fleet(&server).tokens());
        let comes = PkceAuthenticator::new("client-id-1").with_store(store, key.clone());
        let told = tokio::spawn(async move { comes.needs_login().await });
        until("looked at", async || server.calls("hmget") > 0).await;

        until("served", async || knows.load(&TokenKey::new("other")).await.is_ok()).await;

        assert!(!told.await.unwrap().unwrap(), "{key}");
    }
}

/// The next is a request away.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_token_of_an_app_is_neither_waited_for_nor_put_back() {
    let Some(mut server) = RedisServer::start(&[]) else { return };
    let key = TokenKey::new("client-id-1");
    let stores = [fleet(&server).tokens(), fleet(&server).tokens()];
    let stored = StoredToken::new(Token::new("access", HOUR), SystemTime::now() + HOUR);
    stores[0].save(&key, &stored, None).await.unwrap();
    stores[0].save(&user("anna"), &login("1"), None).await.unwrap();
    server.restart_empty();

    until("back", async || stores[0].load(&TokenKey::new("other")).await.is_ok()).await;
    until("anna is back", async || !names(&server).is_empty()).await;
    assert_eq!(names(&server).len(), 1);
    // Who waits asks which server it is before.
    let before = server.calls("getrange");
    assert!(stores[1].load(&key).await.unwrap().is_none());
    let lease = stores[1].turn(&key, None).await.unwrap();
    assert_eq!(server.calls("getrange") - before, 1, "of the lease alone");
    drop(lease);
}
