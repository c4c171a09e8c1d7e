//! Logins that are made before or after a removal, and saved after it: the one that was made later
//! counts, whatever became of the removal meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use spotify_web::auth::{
    RefreshLock, Revision, StoreError, StoredToken, TokenCache, TokenCacheOptions, TokenKey,
    TokenStore,
};
use spotify_web::fleet::{RedisFleet, RedisTokenStore};
use spotify_web::oauth::Token;
use tokio::time::sleep;

use crate::common::{RedisServer, ScriptedSource, Steps, Stop};
use crate::fleet::{fleet, login};
use crate::fleet_adoption::{adopting, field, found, user};
use crate::fleet_losses::names;
use crate::fleet_removals::{has_login, reconnect, remove};
use crate::fleet_servers::until;

fn anna() -> TokenKey {
    user("anna")
}

/// A fleet's store that is away at times.
#[derive(Debug)]
pub(crate) struct Away {
    pub(crate) store: RedisTokenStore,
    pub(crate) is_away: AtomicBool,
}

impl Away {
    fn check(&self) -> Result<(), StoreError> {
        match self.is_away.load(Ordering::Relaxed) {
            true => Err(StoreError::custom("away")),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl TokenStore for Away {
    async fn load(&self, key: &TokenKey) -> Result<Option<StoredToken>, StoreError> {
        self.check()?;
        self.store.load(key).await
    }

    async fn save(
        &self,
        key: &TokenKey,
        token: &StoredToken,
        replaces: Option<Revision>,
    ) -> Result<(), StoreError> {
        self.check()?;
        self.store.save(key, token, replaces).await
    }

    async fn remove(&self, key: &TokenKey) -> Result<(), StoreError> {
        self.check()?;
        self.store.remove(key).await
    }

    async fn lock(&self, key: &TokenKey) -> Result<RefreshLock, StoreError> {
        self.check()?;
        self.store.lock(key).await
    }
}

/// A login that cannot be saved yet.
pub(crate) struct Pending {
    store: Arc<Away>,
    cache: TokenCache<ScriptedSource>,
}

impl Pending {
    async fn made(store: RedisTokenStore) -> Self {
        Self::of(store, TokenCacheOptions::default(), "pending", false).await
    }

    pub(crate) async fn of(
        store: RedisTokenStore,
        options: TokenCacheOptions,
        refresh_token: &str,
        knows_the_one_before: bool,
    ) -> Self {
        let store = Arc::new(Away { store, is_away: AtomicBool::new(!knows_the_one_before) });
        let cache = TokenCache::new(ScriptedSource::default()).with_options(options);
        let cache = cache.with_store(Arc::clone(&store), anna());
        if knows_the_one_before {
            cache.header().await.unwrap();
            store.is_away.store(true, Ordering::Relaxed);
        }
        let token = Token::new("access", Duration::from_secs(3600));
        cache.log_in(token.with_refresh_token(refresh_token)).await.unwrap();
        Self { store, cache }
    }

    /// A log-out that cannot be saved yet.
    pub(crate) async fn log_out(store: RedisTokenStore) -> Self {
        let store = Arc::new(Away { store, is_away: AtomicBool::new(true) });
        let cache = TokenCache::new(ScriptedSource::default());
        let cache = cache.with_store(Arc::clone(&store), anna());
        cache.log_out().await.unwrap_err();
        Self { store, cache }
    }

    pub(crate) async fn save(self) {
        self.store.is_away.store(false, Ordering::Relaxed);
        self.cache.settle().await.unwrap();
    }
}

/// One that is made before a removal, and one that is made after it.
async fn around(
    how: &str,
    remover: &RedisTokenStore,
    process: impl Fn() -> RedisTokenStore,
) -> [Pending; 2] {
    let before = Pending::made(process()).await;
    sleep(Duration::from_millis(50)).await;
    remove(remover, how).await;
    sleep(Duration::from_millis(50)).await;
    [before, Pending::made(process()).await]
}

async fn stands(store: &RedisTokenStore) -> bool {
    found(store, &anna()).await.is_some()
}

/// A server that has forgotten the removal gets it back before the login is saved.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removal_that_was_put_back_ends_a_login_that_was_made_before_it() {
    for how in ["remove", "remove_user"] {
        for is_made_first in [true, false] {
            let Some(server) = RedisServer::start(&[]) else { return };
            let remover = fleet(&server).tokens();
            remover.save(&anna(), &login("1"), None).await.unwrap();
            let pending = async || Pending::made(fleet(&server).tokens()).await;
            let before = if is_made_first { Some(pending().await) } else { None };
            sleep(Duration::from_millis(50)).await;
            remove(&remover, how).await;
            sleep(Duration::from_millis(50)).await;
            let made = match before {
                Some(made) => made,
                None => pending().await,
            };
            let () = server.ask(&["FLUSHALL"]);
            reconnect(&server, &remover).await;
            until("put back", async || !names(&server).is_empty()).await;

            made.save().await;

            for store in [&remover, &fleet(&server).tokens()] {
                assert_eq!(stands(store).await, !is_made_first, "{how}");
            }
        }
    }
}

/// The server's clock was set back before the removal.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removal_with_a_number_ahead_of_the_clock_ends_what_was_made_before_it_and_nothing_else()
{
    for how in ["remove", "remove_user"] {
        for was_removed_before in [true, false] {
            let Some(server) = RedisServer::start(&[]) else { return };
            let remover = fleet(&server).tokens();
            remover.save(&anna(), &login("1"), None).await.unwrap();
            if was_removed_before {
                remove(&remover, how).await;
            }
            let name = names(&server).remove(0);
            let number = field(&server, &name, 'n');
            let _: u64 = server.ask(&["HINCRBY", &name, &number, "1500"]);
            let [before, after] = around(how, &remover, || fleet(&server).tokens()).await;
            // The clock is where the number is.
            sleep(Duration::from_secs(2)).await;

            before.save().await;
            assert!(!stands(&fleet(&server).tokens()).await, "{how}, {was_removed_before}");
            after.save().await;

            for store in [&remover, &fleet(&server).tokens()] {
                assert!(stands(store).await, "{how}, {was_removed_before}");
            }
        }
    }
}

/// The removal is at the place of what is not sealed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removal_without_the_keys_ends_a_login_with_them_that_was_made_before_it() {
    for how in ["remove", "remove_user"] {
        for had_login in [true, false] {
            let Some(server) = RedisServer::start(&[]) else { return };
            let plain = fleet(&server).tokens();
            plain.save(&user("bert"), &login("1"), None).await.unwrap();
            if had_login {
                plain.save(&anna(), &login("1"), None).await.unwrap();
            }
            let [before, after] = around(how, &plain, || adopting(&server)).await;

            before.save().await;
            for store in [&adopting(&server), &plain] {
                assert!(!stands(store).await, "{how}, {had_login}");
            }
            after.save().await;

            assert!(stands(&adopting(&server)).await, "{how}, {had_login}");
        }
    }
}

/// As the one before, where the server has lost the removal, and its own number by another clock.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removal_without_the_keys_that_was_put_back_ends_what_was_made_before_it_and_nothing_else()
 {
    for how in ["remove", "remove_user"] {
        let Some(server) = RedisServer::start(&[]) else { return };
        let plain = fleet(&server).tokens();
        plain.save(&user("bert"), &login("1"), None).await.unwrap();
        plain.save(&anna(), &login("1"), None).await.unwrap();
        let [before, after] = around(how, &plain, || adopting(&server)).await;
        let () = server.ask(&["FLUSHALL"]);
        reconnect(&server, &plain).await;
        until("put back", async || names(&server).len() == 2).await;

        before.save().await;
        for store in [&adopting(&server), &plain] {
            assert!(!stands(store).await, "{how}");
        }
        after.save().await;

        assert!(stands(&adopting(&server)).await, "{how}");
    }
}

/// Where there was nothing for it to remove.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removal_with_the_keys_ends_a_login_without_them_that_was_made_before_it() {
    for how in ["remove", "remove_user"] {
        for had_login in [true, false] {
            let Some(server) = RedisServer::start(&[]) else { return };
            let plain = fleet(&server).tokens();
            plain.save(&user("bert"), &login("1"), None).await.unwrap();
            let adopter = adopting(&server);
            if had_login {
                adopter.save(&anna(), &login("1"), None).await.unwrap();
            }
            let [before, after] = around(how, &adopter, || fleet(&server).tokens()).await;

            before.save().await;
            for store in [&adopting(&server), &plain] {
                assert!(!stands(store).await, "{how}, {had_login}");
            }
            after.save().await;

            for store in [&adopting(&server), &plain, &adopter] {
                assert!(stands(store).await, "{how}, {had_login}");
            }
        }
    }
}

/// Each call of the save, for longer than was between the login and the removal, or between that and the save.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_is_slow_makes_no_login_later_than_its_removal_and_none_earlier() {
    let both = [(true, Stop::Before), (true, Stop::After)];
    for (is_before, stop) in both.into_iter().chain([(false, Stop::Before), (false, Stop::After)]) {
        for (how, call) in (1..=4).flat_map(|call| [("remove", call), ("remove_user", call)]) {
            let Some(server) = RedisServer::start(&[]) else { return };
            let remover = fleet(&server).tokens();
            remover.save(&anna(), &login("1"), None).await.unwrap();
            let wire = Steps::to(server.port, call, stop).await;
            let pending = async || Pending::made(RedisFleet::new(wire.url()).tokens()).await;
            let before = if is_before { Some(pending().await) } else { None };
            sleep(Duration::from_millis(50)).await;
            remove(&remover, how).await;
            sleep(Duration::from_millis(50)).await;
            let made = match before {
                Some(made) => made,
                None => pending().await,
            };
            let mut saving = tokio::spawn(made.save());

            let held = tokio::select! {
                held = wire.stopped() => held,
                // In less calls.
                saved = &mut saving => {
                    saved.unwrap();
                    continue;
                }
            };
            sleep(Duration::from_millis(200)).await;
            wire.go_on();
            saving.await.unwrap();

            let case = format!("{how}, {stop:?} {call}, a {held}");
            assert_eq!(has_login(&server), !is_before, "{case}");
        }
    }
}

/// Longer than the time by which a process that has only read of a removal takes it to be earlier.
const LONG_BEFORE: Duration = Duration::from_millis(1300);

/// Its number is ahead of the server's clock, and is or is not any more when somebody reads of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_only_read_of_a_removal_puts_it_back_with_the_time_at_which_it_was_made() {
    for (how, is_read_at_once) in
        [("remove", true), ("remove", false), ("remove_user", true), ("remove_user", false)]
    {
        let Some(server) = RedisServer::start(&[]) else { return };
        let remover = fleet(&server).tokens();
        remover.save(&anna(), &login("1"), None).await.unwrap();
        let name = names(&server).remove(0);
        let _: u64 = server.ask(&["HINCRBY", &name, &field(&server, &name, 'n'), "4000"]);
        let before = Pending::made(fleet(&server).tokens()).await;
        sleep(LONG_BEFORE).await;
        remove(&remover, how).await;
        sleep(Duration::from_millis(50)).await;
        let after = Pending::made(fleet(&server).tokens()).await;
        let reader = fleet(&server).tokens();
        if is_read_at_once {
            assert!(!stands(&reader).await);
        }
        // The clock is where the number is.
        sleep(Duration::from_secs(4)).await;
        assert!(!stands(&reader).await);
        drop(remover);
        let () = server.ask(&["FLUSHALL"]);
        reconnect(&server, &reader).await;
        until("put back", async || !names(&server).is_empty()).await;

        before.save().await;
        assert!(!stands(&fleet(&server).tokens()).await, "{how}, {is_read_at_once}");
        after.save().await;

        assert!(stands(&fleet(&server).tokens()).await, "{how}, {is_read_at_once}");
    }
}
