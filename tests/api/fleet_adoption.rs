//! Sealing keys that are set where logins stand unsealed already: an error by default, and with
//! `adopt_unsealed` each login is taken over, sealed and removed from where it was.

use std::sync::Arc;

use futures_util::StreamExt;
use spotify_web::auth::{
    AuthError, MemoryTokenStore, PkceAuthenticator, StoreError, StoredToken, TokenCache, TokenKey,
    TokenStore,
};
use spotify_web::fleet::{FleetError, RedisFleet, RedisTokenStore, SealingKey};
use spotify_web::oauth::Token;

use crate::common::{RedisServer, ScriptedSource, Steps, Stop, token};
use crate::fleet::{fleet, key, login, refresh_token};

pub(crate) fn sealed(server: &RedisServer) -> RedisFleet {
    fleet(server).with_sealing_keys([1; 32], [SealingKey::new("2026-11", [2; 32])])
}

pub(crate) fn adopting(server: &RedisServer) -> RedisTokenStore {
    sealed(server).adopt_unsealed().tokens()
}

pub(crate) fn user(name: &str) -> TokenKey {
    TokenKey::new("client-id-1").with_user(name)
}

pub(crate) async fn found(store: &RedisTokenStore, key: &TokenKey) -> Option<String> {
    let stored = store.load(key).await.unwrap()?;
    Some(stored.token()?.refresh_token.as_ref()?.expose().to_owned())
}

/// Everything that stands in the server, as text.
pub(crate) fn all(server: &RedisServer) -> String {
    let mut seen = String::new();
    let mut names: Vec<String> = server.ask(&["KEYS", "*:t"]);
    names.sort();
    for name in names {
        let mut fields: Vec<(String, Vec<u8>)> = server.ask(&["HGETALL", &name]);
        fields.sort();
        for (field, value) in fields {
            seen.push_str(&format!("{field} {}\n", String::from_utf8_lossy(&value)));
        }
    }
    seen
}

pub(crate) fn is_unsealed(error: StoreError) -> bool {
    matches!(error, StoreError::Fleet(error) if is_of_unsealed(&error))
}

pub(crate) fn is_of_unsealed(error: &FleetError) -> bool {
    matches!(error, FleetError::Unsealed { .. })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unsealed_logins_are_an_error_of_their_own_once_there_are_sealing_keys() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let plain = fleet(&server).tokens();
    plain.save(&key(), &login("1"), None).await.unwrap();
    plain.save(&user("bert"), &login("2"), None).await.unwrap();
    let before = all(&server);

    let error = sealed(&server).check().await.unwrap_err();
    let FleetError::Unsealed { place } = &error else { panic!("{error}") };
    assert!(server.ask::<Vec<String>>(&["KEYS", "*:t"]).contains(place));
    assert!(!error.is_transient());
    let said = error.to_string();
    assert!(said.contains(place), "{said}");
    assert!(said.contains("`adopt_unsealed`") && said.contains("`remove_user`"), "{said}");
    let store = sealed(&server).tokens();
    assert!(is_unsealed(store.load(&key()).await.unwrap_err()));
    assert_eq!(found(&store, &user("carl")).await, None, "who never had a login");
    assert!(is_of_unsealed(&store.reseal().await.unwrap_err()));
    let listed: Vec<_> = store.logins().collect().await;
    let is_told = |login: &Result<_, _>| login.as_ref().is_err_and(is_of_unsealed);
    assert!(listed.len() == 2 && listed.iter().all(is_told), "{listed:?}");
    assert_eq!(all(&server), before, "nothing was changed");

    // To a program it is no log-out.
    let anna = PkceAuthenticator::new("client-id-1").with_store(store.clone(), key());
    let error = anna.needs_login().await.unwrap_err();
    let AuthError::Store { source, .. } = error else { panic!("{error:?}") };
    assert!(is_unsealed((*source).clone()));

    // A new user logs in, and one whose login is given up.
    store.save(&user("carl"), &login("3"), None).await.unwrap();
    assert_eq!(store.remove_user("client-id-1", "anna").await.unwrap(), 1);
    assert_eq!(found(&store, &key()).await, None);
    store.save(&key(), &login("4"), None).await.unwrap();
    assert_eq!(found(&store, &key()).await.as_deref(), Some("refresh-4"));
    assert!(is_unsealed(store.load(&user("bert")).await.unwrap_err()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unsealed_login_is_adopted_sealed_and_removed_from_where_it_was() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let plain = fleet(&server).tokens();
    plain.save(&key(), &login("1"), None).await.unwrap();
    plain.save(&user("bert"), &login("2"), None).await.unwrap();
    plain.save(&TokenKey::new("client-id-1"), &login("app"), None).await.unwrap();
    let store = adopting(&server);
    sealed(&server).adopt_unsealed().check().await.unwrap();

    assert_eq!(found(&store, &key()).await.as_deref(), Some("refresh-1"));
    assert_eq!(found(&sealed(&server).tokens(), &key()).await.as_deref(), Some("refresh-1"));
    let mut listed: Vec<_> = store.logins().map(Result::unwrap).collect().await;
    listed.sort();
    let mut expected = vec![key(), user("bert"), TokenKey::new("client-id-1")];
    expected.sort();
    assert_eq!(listed, expected, "each once, also the one that stands at two places");

    assert_eq!(store.reseal().await.unwrap(), 3);
    assert_eq!(store.reseal().await.unwrap(), 0);

    let left = all(&server);
    for secret in ["refresh-", "access-", "anna", "client-id"] {
        assert!(!left.contains(secret), "{secret} in {left}");
    }
    let strict = sealed(&server);
    strict.check().await.unwrap();
    let strict = strict.tokens();
    assert_eq!(found(&strict, &user("bert")).await.as_deref(), Some("refresh-2"));
    let mut listed: Vec<_> = strict.logins().map(Result::unwrap).collect().await;
    listed.sort();
    assert_eq!(listed, expected);
}

/// A refresh by who adopts: what it saves is sealed, and what it replaces comes back for nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_adopted_login_is_refreshed_once_and_saved_sealed() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let expired = Token::new("old", std::time::Duration::ZERO).with_refresh_token("r1");
    let expired = StoredToken::new(expired, std::time::SystemTime::now());
    fleet(&server).tokens().save(&key(), &expired, None).await.unwrap();
    let source = ScriptedSource::default();
    let caches: Vec<_> = (0..2)
        .map(|_| TokenCache::new(source.clone()).with_store(adopting(&server), key()))
        .collect();

    let (one, other) = tokio::join!(caches[0].header(), caches[1].header());

    assert_eq!((token(one), token(other)), ("token-1".into(), "token-1".into()));
    assert_eq!(source.previous(), [Some("r1".to_owned())]);
    let later = sealed(&server).tokens().load(&key()).await.unwrap().unwrap();
    assert_eq!(later.token().unwrap().access_token.expose(), "token-1");
    adopting(&server).reseal().await.unwrap();
    let there = adopting(&server).load(&key()).await.unwrap().unwrap();
    assert_eq!(there.revision(), later.revision());
}

/// Processes without the keys go on while others have them already.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_later_of_a_sealed_and_an_unsealed_login_counts() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let (plain, store) = (fleet(&server).tokens(), adopting(&server));
    let first = login("1");
    plain.save(&key(), &first, None).await.unwrap();
    assert_eq!(found(&store, &key()).await.as_deref(), Some("refresh-1"));

    // Refreshed by a process without the keys.
    plain.save(&key(), &login("2"), Some(first.revision())).await.unwrap();
    assert_eq!(found(&store, &key()).await.as_deref(), Some("refresh-2"));

    // Logged in anew by one with them.
    let there = store.load(&key()).await.unwrap().map(|stored| stored.revision());
    store.save(&key(), &login("3"), there).await.unwrap();
    assert_eq!(found(&store, &key()).await.as_deref(), Some("refresh-3"));
    assert_eq!(found(&adopting(&server), &key()).await.as_deref(), Some("refresh-3"));
    assert_eq!(store.reseal().await.unwrap(), 1, "the unsealed one is gone");
    assert_eq!(found(&adopting(&server), &key()).await.as_deref(), Some("refresh-3"));
}

/// F25, also where a process removes or logs out by the other place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_login_is_adopted_by_nobody() {
    for done in
        ["remove", "remove_user", "log_out", "remove without keys", "remove_user without keys"]
    {
        let Some(server) = RedisServer::start(&[]) else { return };
        let (plain, store) = (fleet(&server).tokens(), adopting(&server));
        plain.save(&key(), &login("1"), None).await.unwrap();
        assert_eq!(found(&store, &key()).await.as_deref(), Some("refresh-1"));

        match done {
            "remove" => store.remove(&key()).await.unwrap(),
            "remove_user" => {
                assert_eq!(store.remove_user("client-id-1", "anna").await.unwrap(), 1, "not two");
            }
            "log_out" => {
                let cache = TokenCache::new(ScriptedSource::default());
                cache.with_store(store.clone(), key()).log_out().await.unwrap();
            }
            "remove without keys" => plain.remove(&key()).await.unwrap(),
            _ => assert_eq!(plain.remove_user("client-id-1", "anna").await.unwrap(), 1),
        }

        for store in [&store, &adopting(&server)] {
            assert_eq!(found(store, &key()).await, None, "{done}");
        }
        // Nor does who has it in memory still.
        assert_eq!(found(&plain, &key()).await, None, "{done}");
        assert_eq!(adopting(&server).reseal().await.unwrap(), 0, "{done}");
        assert_eq!(found(&adopting(&server), &key()).await, None, "{done}");
        assert_eq!(found(&sealed(&server).tokens(), &key()).await, None, "{done}");
    }
}

/// What stands unsealed where only sealed logins do was written by somebody without the keys.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_without_a_seal_at_the_place_of_a_sealed_one_is_refused_also_by_who_adopts() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let store = adopting(&server);
    store.save(&key(), &login("1"), None).await.unwrap();
    let name = server.ask::<Vec<String>>(&["KEYS", "*:t"]).remove(0);
    let fields: Vec<(String, Vec<u8>)> = server.ask(&["HGETALL", &name]);
    let record = fields.iter().find(|(field, _)| field.ends_with('r')).unwrap();
    let revision = fields.iter().find(|(field, _)| field.ends_with('v')).unwrap();
    fleet(&server).with_prefix("forged").tokens().save(&key(), &login("2"), None).await.unwrap();
    let forged = server.ask::<Vec<String>>(&["KEYS", "forged:*:t"]).remove(0);
    let of_forged: Vec<(String, Vec<u8>)> = server.ask(&["HGETALL", &forged]);
    for (field, value) in &of_forged {
        let field = match field.chars().last() {
            Some('r') => &record.0,
            Some('v') => &revision.0,
            _ => continue,
        };
        let client = redis::Client::open(server.url()).unwrap();
        let mut connection = client.get_connection().unwrap();
        redis::cmd("HSET").arg(&name).arg(field).arg(value).exec(&mut connection).unwrap();
    }
    let planted = all(&server);

    for store in [adopting(&server), sealed(&server).tokens()] {
        let error = store.load(&key()).await.unwrap_err();
        assert!(matches!(error, StoreError::Fleet(FleetError::Sealed { .. })), "{error}");
        let error = store.reseal().await.unwrap_err();
        assert!(matches!(error, FleetError::Sealed { .. }), "{error}");
    }
    assert_eq!(all(&server), planted, "it was not sealed");
}

/// F21: who has sealed from the start sends no name that can be guessed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fleet_without_unsealed_logins_never_asks_for_one() {
    let Some(server) = RedisServer::start(&[]) else { return };
    fleet(&server).tokens().save(&key(), &login("1"), None).await.unwrap();
    let guessed = server.ask::<Vec<String>>(&["KEYS", "*:t"]).remove(0);
    let () = server.ask(&["FLUSHALL"]);
    let () = server.ask(&["CONFIG", "SET", "slowlog-log-slower-than", "0"]);
    let () = server.ask(&["CONFIG", "SET", "slowlog-max-len", "10000"]);
    let () = server.ask(&["SLOWLOG", "RESET"]);

    let store = sealed(&server).tokens();
    assert_eq!(found(&store, &key()).await, None);
    store.save(&key(), &login("1"), None).await.unwrap();
    store.remove(&key()).await.unwrap();
    store.remove_user("client-id-1", "anna").await.unwrap();
    store.reseal().await.unwrap();

    let log: redis::Value = server.ask(&["SLOWLOG", "GET", "-1"]);
    let log = format!("{log:?}");
    let hash = guessed.split(['{', '}']).nth(1).unwrap();
    assert!(log.contains("EVALSHA") && !log.contains(hash), "{log}");
}

/// What an app requests again is no reason to keep it from that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_apps_own_token_without_a_seal_is_no_error() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let key = TokenKey::new("client-id-1");
    let source = ScriptedSource::default();
    let plain = TokenCache::new(source.clone()).with_store(fleet(&server).tokens(), key.clone());
    assert_eq!(token(plain.header().await), "token-1");

    sealed(&server).check().await.unwrap();
    let store = sealed(&server).tokens();
    assert_eq!(found(&store, &key).await, None);
    let cache = TokenCache::new(source.clone()).with_store(store, key);
    assert_eq!(token(cache.header().await), "token-2");
}

/// What a log-out saves in place of `login`.
pub(crate) async fn mark_of(login: &StoredToken) -> StoredToken {
    let kept = Arc::new(MemoryTokenStore::new());
    kept.save(&key(), login, None).await.unwrap();
    let anna = PkceAuthenticator::new("client-id-1").with_store(Arc::clone(&kept), key());
    anna.log_out().await.unwrap();
    kept.load(&key()).await.unwrap().unwrap()
}

/// The name of the field that ends so, where there is one login.
pub(crate) fn field(server: &RedisServer, name: &str, end: char) -> String {
    let fields: Vec<String> = server.ask(&["HKEYS", name]);
    fields.into_iter().find(|field| field.len() == 17 && field.ends_with(end)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_out_that_comes_too_late_leaves_the_later_login() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let first = login("1");
    fleet(&server).tokens().save(&key(), &first, None).await.unwrap();
    let (late, other) = (adopting(&server), adopting(&server));
    assert_eq!(found(&late, &key()).await.as_deref(), Some("refresh-1"));
    let mark = mark_of(&first).await;
    other.save(&key(), &login("2"), Some(first.revision())).await.unwrap();

    let error = late.save(&key(), &mark, Some(first.revision())).await.unwrap_err();

    assert!(matches!(error, StoreError::Stale), "{error}");
    for store in [other, late, adopting(&server), sealed(&server).tokens()] {
        assert_eq!(found(&store, &key()).await.as_deref(), Some("refresh-2"));
    }
}

/// In a cluster the two places have two clocks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_after_a_removal_is_later_also_where_the_other_places_clock_is_ahead() {
    for done in ["remove", "remove_user", "log_out", "remove without keys"] {
        let Some(server) = RedisServer::start(&[]) else { return };
        let plain = fleet(&server).tokens();
        let first = login("1");
        plain.save(&key(), &first, None).await.unwrap();
        let name = server.ask::<Vec<String>>(&["KEYS", "*:t"]).remove(0);
        let store = adopting(&server);
        assert_eq!(found(&store, &key()).await.as_deref(), Some("refresh-1"));
        let mut replaces = None;
        match done {
            "remove" => store.remove(&key()).await.unwrap(),
            "remove_user" => assert_eq!(store.remove_user("client-id-1", "anna").await, Ok(1)),
            "log_out" => {
                let mark = mark_of(&first).await;
                store.save(&key(), &mark, Some(first.revision())).await.unwrap();
                replaces = Some(mark.revision());
            }
            _ => plain.remove(&key()).await.unwrap(),
        }
        let number = field(&server, &name, 'n');
        let at: u64 = server.ask(&["HGET", &name, &number]);
        let _: u64 = server.ask(&["HSET", &name, &number, &(at + 3_000).to_string()]);
        if done == "remove without keys" {
            assert_eq!(found(&store, &key()).await, None);
        }

        store.save(&key(), &login("2"), replaces).await.unwrap();

        for store in [&store, &adopting(&server)] {
            assert_eq!(found(store, &key()).await.as_deref(), Some("refresh-2"), "{done}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_too_few_replicas_have_sealed_stays_where_it_was() {
    let Some(server) = RedisServer::start(&[]) else { return };
    fleet(&server).tokens().save(&key(), &login("1"), None).await.unwrap();
    let name = server.ask::<Vec<String>>(&["KEYS", "*:t"]).remove(0);

    let store = sealed(&server).adopt_unsealed().with_replicas(1).tokens();
    let error = store.reseal().await.unwrap_err();

    assert_eq!(error, FleetError::NotReplicated { wanted: 1, confirmed: 0 });
    assert_eq!(server.ask::<u64>(&["EXISTS", &name]), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sealed_login_that_the_server_lost_is_back_before_the_other_copy_goes() {
    let Some(server) = RedisServer::start(&[]) else { return };
    fleet(&server).tokens().save(&key(), &login("1"), None).await.unwrap();
    let plain = server.ask::<Vec<String>>(&["KEYS", "*:t"]).remove(0);
    let store = adopting(&server);
    assert_eq!(found(&store, &key()).await.as_deref(), Some("refresh-1"));
    for name in server.ask::<Vec<String>>(&["KEYS", "*:t"]) {
        if name != plain {
            let _: u64 = server.ask(&["DEL", &name]);
        }
    }

    assert_eq!(store.reseal().await, Ok(1));

    assert_eq!(server.ask::<u64>(&["EXISTS", &plain]), 0);
    assert_eq!(found(&adopting(&server), &key()).await.as_deref(), Some("refresh-1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_that_would_be_too_long_with_the_new_key_stays_sealed_with_the_old_one() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let old = || SealingKey::new("k", [2; 32]);
    let store = fleet(&server).with_sealing_keys([1; 32], [old()]).tokens();
    let (mut revision, mut size) = (None, 20_000);
    loop {
        let stored = login(&"x".repeat(size));
        store.save(&key(), &stored, revision).await.unwrap();
        revision = Some(stored.revision());
        let name = server.ask::<Vec<String>>(&["KEYS", "*:t"]).remove(0);
        let length: usize = server.ask(&["HSTRLEN", &name, &field(&server, &name, 'r')]);
        if length > 65_520 {
            break;
        }
        size += (65_536 - length).div_ceil(4);
    }
    let keys = [SealingKey::new("n".repeat(32), [3; 32]), old()];
    let later = fleet(&server).with_sealing_keys([1; 32], keys).tokens();

    let error = later.reseal().await.unwrap_err();

    let FleetError::TooLong { place, .. } = &error else { panic!("{error}") };
    assert_eq!(server.ask::<Vec<String>>(&["KEYS", "*:t"]), [place.as_str()]);
    assert!(found(&later, &key()).await.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_planted_without_a_seal_is_not_listed() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let app = TokenKey::new("client-id-1");
    let token = || Token::new("access", std::time::Duration::from_secs(3_600));
    let end = std::time::SystemTime::now() + std::time::Duration::from_secs(3_600);
    let store = sealed(&server).tokens();
    store.save(&app, &StoredToken::new(token(), end), None).await.unwrap();
    store.save(&key(), &login("1"), None).await.unwrap();
    let plain = fleet(&server).tokens();
    for planted in [&app, &user("mallory")] {
        plain.save(planted, &StoredToken::new(token(), end), None).await.unwrap();
    }
    let before = all(&server);

    let mut listed: Vec<_> = sealed(&server).tokens().logins().map(Result::unwrap).collect().await;
    listed.sort();

    let mut expected = [app, key()];
    expected.sort();
    assert_eq!(listed, expected);
    assert_eq!(sealed(&server).tokens().reseal().await, Ok(0));
    assert_eq!(all(&server), before);
}

/// Some were taken over, and then the option was left out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_login_without_a_seal_among_many_with_one_is_an_error_and_no_log_out() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let store = sealed(&server).tokens();
    for number in 0..1_500 {
        store.save(&user(&format!("user-{number}")), &login("1"), None).await.unwrap();
    }
    fleet(&server).tokens().save(&key(), &login("2"), None).await.unwrap();

    for store in [store, sealed(&server).tokens()] {
        assert!(is_unsealed(store.load(&key()).await.unwrap_err()));
    }
}

/// By a server whose clock is behind that of the one before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removal_that_the_server_lost_does_not_end_a_login_that_was_made_after_it() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let store = fleet(&server).tokens();
    store.save(&key(), &login("1"), None).await.unwrap();
    store.remove(&key()).await.unwrap();
    let () = server.ask(&["FLUSHALL"]);
    fleet(&server).tokens().save(&key(), &login("2"), None).await.unwrap();
    let name = server.ask::<Vec<String>>(&["KEYS", "*:t"]).remove(0);
    let number = field(&server, &name, 'n');
    let at: u64 = server.ask(&["HGET", &name, &number]);
    let _: u64 = server.ask(&["HSET", &name, &number, &(at - 3_000).to_string()]);

    for store in [store, fleet(&server).tokens()] {
        assert_eq!(found(&store, &key()).await.as_deref(), Some("refresh-2"));
    }
}

/// On a busy machine a call may be too late, and is made again; a save that took place all the same
/// is stale then, which is `None`.
async fn in_time<T>(call: impl AsyncFn() -> Result<T, StoreError>) -> Option<T> {
    for number in 0.. {
        match call().await {
            Err(StoreError::Stale) if number > 0 => break,
            Err(StoreError::Fleet(error)) if error.is_transient() => {}
            result => return Some(result.unwrap()),
        }
    }
    None
}

/// Whatever another process does between two steps of `reseal`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_loses_nothing_to_what_happens_between_its_steps() {
    for done in ["refresh", "log in", "log in without keys", "remove", "lose the sealed one"] {
        let mut is_over = false;
        for number in 1..40 {
            let Some(server) = RedisServer::start(&[]) else { return };
            let first = login("1");
            let plain = fleet(&server).tokens();
            in_time(async || plain.save(&key(), &first, None).await).await;
            let name = server.ask::<Vec<String>>(&["KEYS", "*:t"]).remove(0);
            let other = adopting(&server);
            in_time(async || other.load(&key()).await).await;
            let steps = Steps::to(server.port, number, Stop::Before).await;
            let keys = [SealingKey::new("2026-11", [2; 32])];
            let moving = RedisFleet::new(steps.url()).with_sealing_keys([1; 32], keys);
            let store = moving.adopt_unsealed().tokens();
            let mut moved = tokio::spawn(async move { store.reseal().await });
            tokio::select! {
                _ = steps.stopped() => {}
                moved = &mut moved => {
                    // Where a call was too late, it finds that it has moved it already.
                    assert!(moved.unwrap().is_ok());
                    is_over = true;
                    break;
                }
            }
            let expected = match done {
                "refresh" => {
                    let token = Token::new("a", std::time::Duration::from_secs(60));
                    let end = std::time::SystemTime::now() + std::time::Duration::from_secs(60);
                    let later = first.followed_by(token.with_refresh_token("later"), end);
                    in_time(async || other.save(&key(), &later, Some(first.revision())).await)
                        .await;
                    Some("later")
                }
                "log in" => {
                    let second = login("2");
                    in_time(async || other.save(&key(), &second, Some(first.revision())).await)
                        .await;
                    Some("refresh-2")
                }
                "log in without keys" => {
                    let there = in_time(async || plain.load(&key()).await).await.flatten();
                    let (there, second) = (there.map(|it| it.revision()), login("2"));
                    in_time(async || plain.save(&key(), &second, there).await).await;
                    Some("refresh-2")
                }
                "remove" => {
                    in_time(async || other.remove(&key()).await).await;
                    None
                }
                _ => {
                    for sealed in server.ask::<Vec<String>>(&["KEYS", "*:t"]) {
                        if sealed != name {
                            let _: u64 = server.ask(&["DEL", &sealed]);
                        }
                    }
                    Some("refresh-1")
                }
            };
            drop(other);
            steps.go_on();
            moved.await.unwrap().unwrap();
            let last = adopting(&server);
            let there = in_time(async || last.load(&key()).await).await.flatten();
            let there = there.as_ref().map(refresh_token);
            // After the last look, only a process that knows it has what the server loses then.
            if done != "lose the sealed one" || server.ask::<u64>(&["EXISTS", &name]) == 1 {
                assert_eq!(there, expected, "{done} before step {number}");
            }
        }
        assert!(is_over, "{done}");
    }
}
