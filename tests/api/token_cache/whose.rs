//! Whose a token is: P46, P47, P49 to P53, P55, and scopes that a program needs.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use spotify_web::auth::{
    AuthError, PkceAuthenticator, StoreError, StoredToken, TokenCacheOptions, TokenEventKind,
    TokenKey, TokenStore,
};

use super::{expired, key, stored, user};
use crate::common::{
    FailingStore, Locks, ManualClock, Outcome, cache, cache_with, put, settle, spawn_header, token,
};

const HOUR: Duration = Duration::from_secs(3600);

/// P46: a fetch that begins beside a login sends nothing of that login's.
#[tokio::test]
async fn a_fetch_beside_a_login_does_not_use_up_its_refresh_token() {
    for is_stored in [false, true] {
        for login_first in [false, true] {
            let (cache, source) = match is_stored {
                true => stored(&ManualClock::new(), &FailingStore::default()),
                false => cache(&ManualClock::new()),
            };
            let (header, login) = match login_first {
                true => {
                    let (login, header) = tokio::join!(cache.log_in(user("new")), cache.header());
                    (header, login)
                }
                false => tokio::join!(cache.header(), cache.log_in(user("new"))),
            };
            login.unwrap();
            assert_eq!(token(header), "access of new");
            assert!(!source.previous().contains(&Some("new".to_owned())));
        }
    }
}

/// P46, P47: nor does what comes of the login before take the place of the new one.
#[tokio::test]
async fn what_an_old_refresh_brings_does_not_replace_a_new_login() {
    for is_stored in [false, true] {
        let (clock, store) = (ManualClock::new(), FailingStore::default());
        let (cache, source) = match is_stored {
            true => stored(&clock, &store),
            false => cache(&clock),
        };
        cache.log_in(user("old")).await.unwrap();
        clock.advance(3600.0);
        source.next(Outcome::Token(user("rotated")));
        source.block();
        let waiting = spawn_header(&cache);
        settle().await;

        cache.log_in(user("new")).await.unwrap();
        source.release();

        assert_eq!(token(waiting.await.unwrap()), "access of new");
        cache.settle().await.unwrap();
        clock.advance(3600.0);
        cache.header().await.unwrap();
        let sent = source.previous();
        assert_eq!(sent, [Some("old".to_owned()), Some("new".to_owned())], "stored: {is_stored}");
    }
}

/// P46: what hangs of an earlier login is ended, and keeps nobody from the store.
#[tokio::test(start_paused = true)]
async fn a_fetch_of_an_earlier_login_that_hangs_is_ended_by_the_next() {
    for is_stored in [false, true] {
        let (clock, store) = (ManualClock::new(), FailingStore::default());
        let (cache, source) = match is_stored {
            true => stored(&clock, &store),
            false => cache(&clock),
        };
        cache.log_in(user("old")).await.unwrap();
        clock.advance(3600.0);
        source.next(Outcome::Never);
        let waiting = spawn_header(&cache);
        settle().await;
        assert_eq!(source.in_flight(), 1);

        cache.log_in(user("new")).await.unwrap();
        settle().await;

        assert_eq!(source.in_flight(), 0, "stored: {is_stored}");
        assert_eq!(token(waiting.await.unwrap()), "access of new");
        clock.advance(3600.0);
        assert_eq!(token(cache.header().await), "token-2", "stored: {is_stored}");
        let sent = source.previous();
        assert_eq!(sent, [Some("old".to_owned()), Some("new".to_owned())], "stored: {is_stored}");
    }
}

/// P47: a store that cannot be read once leads to nobody else's token.
#[tokio::test]
async fn after_a_login_whose_store_failed_the_old_user_does_not_come_back() {
    let (clock, store) = (ManualClock::new(), FailingStore::default());
    put(&store.inner, &key(), &expired("old")).await;
    // Which login is the later one, only the clock says here.
    clock.advance(60.0);
    let (cache, source) = stored(&clock, &store);
    store.fail_loads(1);

    cache.log_in(user("new")).await.unwrap();
    cache.settle().await.unwrap();
    clock.advance(3600.0);
    cache.header().await.unwrap();

    assert_eq!(source.previous(), [Some("new".to_owned())]);
}

/// P49: a login whose save failed is saved again, by itself.
#[tokio::test(start_paused = true)]
async fn a_login_that_could_not_be_saved_is_saved_again() {
    let (clock, store) = (ManualClock::new(), FailingStore::default());
    let (cache, _) = stored(&clock, &store);
    store.fail_saves(2);

    cache.log_in(user("new")).await.unwrap();
    assert_eq!(store.refresh_token(&key()).await, None);
    tokio::time::sleep(Duration::from_secs(60)).await;

    assert_eq!(store.refresh_token(&key()).await.as_deref(), Some("new"));
}

/// P50: here, in the store, and in another process at its next look.
#[tokio::test]
async fn a_log_out_ends_the_login_everywhere() {
    let (clock, store) = (ManualClock::new(), FailingStore::default());
    let ((here, source), (there, other)) = (stored(&clock, &store), stored(&clock, &store));
    here.log_in(user("r")).await.unwrap();
    assert_eq!(token(there.header().await), "access of r");

    here.log_out().await.unwrap();

    assert!(matches!(here.header().await.unwrap_err(), AuthError::NotLoggedIn));
    let mark = store.inner.load(&key()).await.unwrap().expect("a mark, and not an absence");
    assert!(mark.is_logged_out());
    clock.advance(3600.0);
    assert!(matches!(there.header().await.unwrap_err(), AuthError::NotLoggedIn));
    assert_eq!((source.requests(), other.requests()), (0, 0));
}

/// P50: the refresh that is on its way in another process does not put the login back.
#[tokio::test]
async fn nothing_under_way_puts_a_login_back() {
    let (clock, store) = (ManualClock::new(), FailingStore::default());
    let ((here, _), (there, other)) = (stored(&clock, &store), stored(&clock, &store));
    here.log_in(user("r")).await.unwrap();
    there.header().await.unwrap();
    clock.advance(3600.0);
    other.next(Outcome::Token(user("rotated")));
    other.block();
    let waiting = spawn_header(&there);
    settle().await;

    here.log_out().await.unwrap();
    other.release();

    assert!(matches!(waiting.await.unwrap().unwrap_err(), AuthError::NotLoggedIn));
    there.settle().await.unwrap();
    assert!(store.inner.load(&key()).await.unwrap().unwrap().is_logged_out());
}

/// P50: nor does forgetting failures.
#[tokio::test]
async fn reset_does_not_undo_a_log_out() {
    for is_stored in [false, true] {
        let (clock, store) = (ManualClock::new(), FailingStore::default());
        let (cache, source) = match is_stored {
            true => stored(&clock, &store),
            false => cache(&clock),
        };
        cache.log_in(user("r")).await.unwrap();
        cache.log_out().await.unwrap();

        for _ in 0..3 {
            cache.reset();
            let error = cache.header().await.unwrap_err();
            assert!(matches!(error, AuthError::NotLoggedIn), "stored: {is_stored}: {error:?}");
            clock.advance(60.0);
        }

        assert_eq!(source.requests(), 0, "stored: {is_stored}");
        cache.log_in(user("new")).await.unwrap();
        assert_eq!(token(cache.header().await), "access of new");
    }
}

/// Where only the refresh token has ended, it does, also where the store has a mark of that.
#[tokio::test]
async fn reset_lets_a_refresh_token_that_has_ended_be_tried_again() {
    for is_stored in [false, true] {
        let (clock, store) = (ManualClock::new(), FailingStore::default());
        let (cache, source) = match is_stored {
            true => stored(&clock, &store),
            false => cache(&clock),
        };
        cache.log_in(user("r")).await.unwrap();
        clock.advance(3600.0);
        source.next(Outcome::Fail(AuthError::LoginEnded { source: None }));
        assert!(cache.header().await.unwrap_err().needs_login());

        cache.reset();

        assert_eq!(token(cache.header().await), "token-2", "stored: {is_stored}");
        assert_eq!(source.previous(), ["r", "r"].map(|it| Some(it.to_owned())));
    }
}

/// P50: an entry that was there and is gone counts as logged out, and stays gone.
#[tokio::test]
async fn a_removed_entry_does_not_come_back() {
    let (clock, store) = (ManualClock::new(), FailingStore::default());
    let (cache, source) = stored(&clock, &store);
    cache.log_in(user("r")).await.unwrap();

    store.inner.remove(&key()).await.unwrap();
    clock.advance(3600.0);

    assert!(matches!(cache.header().await.unwrap_err(), AuthError::NotLoggedIn));
    cache.settle().await.unwrap();
    assert!(store.inner.load(&key()).await.unwrap().is_none());
    assert_eq!(source.requests(), 0);
}

/// P51: by whatever clock, the login that replaced another is the later one.
#[tokio::test]
async fn a_login_is_later_than_what_it_replaced_whatever_the_clock_says() {
    let (clock, store) = (ManualClock::new(), FailingStore::default());
    let ((here, _), (there, _)) = (stored(&clock, &store), stored(&clock, &store));
    here.log_in(user("old")).await.unwrap();
    assert_eq!(token(there.header().await), "access of old");
    let old = store.inner.load(&key()).await.unwrap().unwrap().login();

    clock.jump_wall(-86_400);
    here.log_in(user("new")).await.unwrap();

    let new = store.inner.load(&key()).await.unwrap().unwrap().login();
    assert!(new > old, "{new} is not later than {old}");
    clock.advance(3600.0 + 86_400.0);
    there.header().await.unwrap();
    assert_eq!(store.inner.load(&key()).await.unwrap().unwrap().login(), new);
}

/// P52: told as what it is, and over as soon as the store is back.
#[tokio::test]
async fn a_store_that_is_down_is_no_missing_login() {
    let (clock, store) = (ManualClock::new(), FailingStore::default());
    put(&store.inner, &key(), &expired("r")).await;
    let options = TokenCacheOptions::default().without_jitter().with_clock(clock.clone());
    let authenticator =
        PkceAuthenticator::new("app").with_options(options).with_store(store.clone(), key());
    store.fail_loads(1);

    let error = authenticator.needs_login().await.unwrap_err();
    assert!(matches!(error, AuthError::Store { .. }) && error.is_transient(), "{error:?}");
    assert!(!error.needs_login());
    let wait = error.retry_after().unwrap();
    let is_told = matches!(error, AuthError::Store { retry_in, .. } if retry_in == Some(wait));
    assert!(is_told && !wait.is_zero(), "{wait:?}");
    clock.advance(wait.as_secs_f64() / 2.0);
    let again = authenticator.needs_login().await.unwrap_err();
    assert_eq!(again.retry_after(), Some(wait / 2), "what is left of it: {again:?}");

    clock.advance(wait.as_secs_f64() / 2.0);
    let error = authenticator.needs_login().await.unwrap_err();
    assert!(matches!(error, AuthError::NotConnected), "it goes on to its request: {error:?}");
}

/// P53: a lock that another holds is waited for, and never gone without.
#[tokio::test(start_paused = true)]
async fn without_the_lock_no_refresh_token_is_sent() {
    let store = FailingStore::default();
    put(&store.inner, &key(), &expired("r")).await;
    let (cache, source) = cache_with(TokenCacheOptions::default().without_jitter());
    let cache = cache.with_store(store.clone(), key());
    store.set_locks(Locks::Held);

    let begun = tokio::time::Instant::now();
    let error = loop {
        match cache.header().await.unwrap_err() {
            AuthError::TimedOut { .. } if begun.elapsed() < Duration::from_secs(300) => {}
            error => break error,
        }
    };

    assert!(error.is_transient() && !error.needs_login(), "{error:?}");
    assert!(
        matches!(&error, AuthError::Store { source, .. } if matches!(**source, StoreError::TimedOut { .. })),
        "{error:?}"
    );
    assert!(begun.elapsed() >= Duration::from_secs(180), "longer than any holder holds it");
    assert_eq!(source.requests(), 0);
    store.set_locks(Locks::Right);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(token(cache.header().await), "token-1");
}

/// P53: where there are none, that is said once, and tokens are saved all the same.
#[tokio::test]
async fn where_locks_are_impossible_tokens_are_saved_and_it_is_said_once() {
    let (clock, store) = (ManualClock::new(), FailingStore::default());
    let told: Arc<Mutex<Vec<TokenEventKind>>> = Arc::default();
    let log = Arc::clone(&told);
    let options = TokenCacheOptions::default()
        .with_clock(clock.clone())
        .with_listener(move |event| log.lock().push(event.kind.clone()));
    let (cache, _) = cache_with(options);
    let cache = cache.with_store(store.clone(), key());
    store.set_locks(Locks::Impossible);

    for number in 1..=3 {
        assert_eq!(token(cache.header().await), format!("token-{number}"));
        assert!(store.inner.load(&key()).await.unwrap().is_some());
        clock.advance(3600.0);
    }

    cache.settle().await.unwrap();
    let is_told = |kind: &&TokenEventKind| {
        matches!(kind, TokenEventKind::StoreFailed { error: StoreError::NoLocks { .. } })
    };
    assert_eq!(told.lock().iter().filter(is_told).count(), 1);
}

/// P55: options are shared, keys are not.
#[tokio::test]
async fn authenticators_that_share_options_share_no_login() {
    let (options, store) = (Arc::new(TokenCacheOptions::default()), FailingStore::default());
    let [anna, bert] = ["anna", "bert"].map(|name| {
        let key = TokenKey::new("app").with_user(name);
        PkceAuthenticator::new("app")
            .with_options(Arc::clone(&options))
            .with_store(store.clone(), key)
    });

    anna.log_in(user("r")).await.unwrap();

    assert!(!anna.needs_login().await.unwrap());
    assert!(bert.needs_login().await.unwrap());
}

/// The delays that `docs/flows.md` names: processes with one store do not signal each other.
#[tokio::test]
async fn what_another_process_does_is_noticed_when_the_guide_says() {
    let (clock, store) = (ManualClock::new(), FailingStore::default());
    let ((here, _), (there, source)) = (stored(&clock, &store), stored(&clock, &store));
    here.log_in(user("r1")).await.unwrap();
    assert_eq!(token(there.header().await), "access of r1");

    // A log-out: at the next refresh.
    here.log_out().await.unwrap();
    clock.advance(3000.0);
    assert_eq!(token(there.header().await), "access of r1");
    clock.advance(600.0);
    assert!(matches!(there.header().await, Err(AuthError::NotLoggedIn)));

    // A login: within a minute, or after `reset`.
    here.log_in(user("r2")).await.unwrap();
    clock.advance(59.0);
    assert!(matches!(there.header().await, Err(AuthError::NotLoggedIn)));
    clock.advance(1.0);
    assert_eq!(token(there.header().await), "access of r2");
    here.log_out().await.unwrap();
    there.log_out().await.unwrap();
    here.log_in(user("r3")).await.unwrap();
    assert!(matches!(there.header().await, Err(AuthError::NotLoggedIn)));
    there.reset();
    assert_eq!(token(there.header().await), "access of r3");

    // Another login: at the next refresh, which is then none.
    clock.advance(1800.0);
    here.log_in(user("r4")).await.unwrap();
    assert_eq!(token(there.header().await), "access of r3");
    clock.advance(1800.0);
    assert_eq!(token(there.header().await), "access of r4");
    assert_eq!(source.requests(), 0);
}

/// A login in the store that lacks a scope needs another, and says which.
#[tokio::test]
async fn a_stored_login_that_lacks_a_scope_needs_a_login() {
    let store = FailingStore::default();
    let granted = user("r").with_scopes(["streaming"]);
    let stored = StoredToken::new(granted.clone(), SystemTime::now() + HOUR);
    put(&store.inner, &key(), &stored).await;
    let needs = |scopes: &[&str]| {
        PkceAuthenticator::new("app")
            .with_store(store.clone(), key())
            .with_required_scopes(scopes.iter().copied())
    };

    assert!(!needs(&["streaming"]).needs_login().await.unwrap());
    let program = needs(&["streaming", "user-top-read"]);
    assert!(program.needs_login().await.unwrap());
    let error = program.log_in(granted.clone()).await.unwrap_err();
    let AuthError::MissingScopes { missing } = &error else { panic!("{error:?}") };
    assert_eq!(missing, &["user-top-read"]);
    assert!(error.to_string().contains("user-top-read"), "{error}");

    let all = granted.with_scopes(["user-top-read", "streaming"]);
    program.log_in(all).await.unwrap();
    assert!(!program.needs_login().await.unwrap());
}

/// What a program shows its user, or decides by, without a call.
#[tokio::test]
async fn an_authenticator_says_whose_token_it_has_and_what_that_allows() {
    let store = FailingStore::default();
    let user_of = || PkceAuthenticator::new("app").with_store(store.clone(), key());
    let anna = user_of();
    assert_eq!((anna.key(), anna.granted_scopes()), (Some(&key()), None));

    anna.log_in(user("r").with_scopes(["user-top-read", "streaming"])).await.unwrap();

    let granted = || Some(vec!["user-top-read".to_owned(), "streaming".to_owned()]);
    assert_eq!(anna.granted_scopes(), granted());
    let restarted = user_of();
    assert_eq!(restarted.granted_scopes(), None, "nothing has been read yet");
    assert!(!restarted.needs_login().await.unwrap());
    assert_eq!(restarted.granted_scopes(), granted());
    anna.log_out().await.unwrap();
    assert_eq!((anna.key(), anna.granted_scopes()), (Some(&key()), None));

    let in_memory = PkceAuthenticator::new("app");
    in_memory.log_in(user("r")).await.unwrap();
    assert_eq!((in_memory.key(), in_memory.granted_scopes()), (None, None));
}

/// A response that names no scopes means those of before, and one that does is right.
#[tokio::test]
async fn scopes_are_those_that_were_said_last() {
    let clock = ManualClock::new();
    let (cache, source) = cache(&clock);
    cache.log_in(user("r").with_scopes(["streaming"])).await.unwrap();
    let none: Option<&[&str]> = None;
    for (scopes, wanted) in [
        (none, "streaming"),
        // As servers say it that keep the field.
        (Some(&[]), "streaming"),
        (Some(&["user-top-read"]), "user-top-read"),
    ] {
        let next = user("r");
        source.next(Outcome::Token(match scopes {
            Some(scopes) => next.with_scopes(scopes.iter().copied()),
            None => next,
        }));
        clock.advance(3600.0);
        cache.header().await.unwrap();
        assert_eq!(cache.granted_scopes(), Some(vec![wanted.to_owned()]));
    }
}

/// Those of before are unknown: an empty list makes them no better known.
#[tokio::test]
async fn scopes_that_nobody_has_said_stay_unknown() {
    let clock = ManualClock::new();
    let (cache, source) = cache(&clock);
    let cache = cache.with_required_scopes(["streaming"]);
    cache.log_in(user("r")).await.unwrap();
    source.next(Outcome::Token(user("r").with_scopes([""; 0])));
    clock.advance(3600.0);

    assert_eq!(token(cache.header().await), "access of r");
    assert_eq!(cache.granted_scopes(), None);
}
