//! Which login is the later one when clocks are wrong: P46, P47 and P51.

use std::time::Duration;

use spotify_web::auth::{AuthError, TokenStore};
use spotify_web::oauth::Token;

use super::{expired, key, stored, user};
use crate::common::{FailingStore, ManualClock, put, token};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// P47: the wall clock was wrong at the login, and the store could not be read then.
#[tokio::test]
async fn a_login_made_while_the_clock_was_wrong_outlives_the_clock_being_set() {
    for jumps in [&[-HOUR, HOUR][..], &[-DAY, DAY], &[HOUR, -HOUR], &[DAY, -DAY], &[-DAY, 2 * DAY]]
    {
        let (clock, store) = (ManualClock::new(), FailingStore::default());
        put(&store.inner, &key(), &expired("old")).await;
        clock.advance(60.0);
        let (cache, source) = stored(&clock, &store);
        clock.jump_wall(jumps[0]);
        store.fail_loads(1);

        cache.log_in(user("new")).await.unwrap();
        clock.jump_wall(jumps[1]);
        clock.advance(4000.0);
        cache.header().await.unwrap();
        cache.settle().await.unwrap();

        assert_eq!(source.previous(), [Some("new".to_owned())], "{jumps:?}");
        let kept = store.inner.load(&key()).await.unwrap().unwrap();
        assert!(kept.token().unwrap().access_token.expose().starts_with("token-"), "{jumps:?}");
    }
}

/// P47, P50: the entry was read, and could not be replaced at once; it is of a machine whose clock
/// is ahead.
#[tokio::test]
async fn what_read_the_entry_that_it_replaces_is_the_later_one() {
    for behind in [1, 10, HOUR] {
        for logs_in in [true, false] {
            let (clock, store) = (ManualClock::new(), FailingStore::default());
            put(&store.inner, &key(), &expired("old")).await;
            clock.jump_wall(-behind);
            let (cache, source) = stored(&clock, &store);
            store.fail_saves(1);

            match logs_in {
                true => cache.log_in(user("new")).await.unwrap(),
                false => drop(cache.log_out().await.unwrap_err()),
            }
            clock.advance(4000.0);
            let header = cache.header().await;
            cache.settle().await.unwrap();

            let kept = store.inner.load(&key()).await.unwrap().unwrap();
            assert_eq!(header.is_ok(), logs_in, "{behind}");
            assert_eq!(kept.is_logged_out(), !logs_in, "{behind}");
            let sent = logs_in.then(|| Some("new".to_owned()));
            assert_eq!(source.previous(), Vec::from_iter(sent), "{behind}");
        }
    }
}

/// P50: the same for a log-out.
#[tokio::test]
async fn a_log_out_made_while_the_clock_was_wrong_outlives_the_clock_being_set() {
    for jumps in [[-HOUR, HOUR], [HOUR, -HOUR], [-DAY, 2 * DAY]] {
        let (clock, store) = (ManualClock::new(), FailingStore::default());
        put(&store.inner, &key(), &expired("old")).await;
        clock.advance(60.0);
        let (cache, source) = stored(&clock, &store);
        clock.jump_wall(jumps[0]);
        store.fail_loads(1);

        let error = cache.log_out().await.unwrap_err();
        assert!(matches!(error, AuthError::NotSaved(_)), "{error:?}");
        clock.jump_wall(jumps[1]);
        clock.advance(70.0);
        let error = cache.header().await.unwrap_err();
        cache.settle().await.unwrap();

        assert!(matches!(error, AuthError::NotLoggedIn), "{error:?} {jumps:?}");
        assert_eq!(source.requests(), 0, "{jumps:?}");
        assert!(store.inner.load(&key()).await.unwrap().unwrap().is_logged_out(), "{jumps:?}");
    }
}

/// P47, P51: what another machine saved whose clock is ahead. In the store the login is later than
/// what it replaced.
#[tokio::test]
async fn a_login_wins_over_one_of_the_future() {
    for ahead in [30, HOUR, 400 * DAY] {
        let (clock, store) = (ManualClock::new(), FailingStore::default());
        let theirs = ManualClock::new();
        theirs.jump_wall(ahead);
        stored(&theirs, &store).0.log_in(user("old")).await.unwrap();
        let old = store.inner.load(&key()).await.unwrap().unwrap();
        clock.advance(10.0);
        let (cache, source) = stored(&clock, &store);
        store.fail_loads(1);

        cache.log_in(user("new")).await.unwrap();
        clock.advance(5.0);
        cache.settle().await.unwrap();
        let new = store.inner.load(&key()).await.unwrap().unwrap();
        assert!(new.login() > old.login(), "{ahead} s ahead");
        clock.advance(4000.0);
        cache.header().await.unwrap();

        assert_eq!(source.previous(), [Some("new".to_owned())], "{ahead} s ahead");
    }
}

/// P47: logins of one process at one moment of a clock that stands still, some of which could not
/// be saved: those here.
#[tokio::test]
async fn of_logins_of_one_moment_the_last_one_wins() {
    for order in [
        &["here", "there"][..],
        &["there", "here"],
        &["there", "there", "there", "here"],
        &["there", "there", "here", "there"],
        &["here", "there", "there", "here"],
        &["here", "there", "here", "there"],
        &["here", "here", "there"],
    ] {
        let (clock, store) = (ManualClock::new(), FailingStore::default());
        let ((here, source), (there, _)) = (stored(&clock, &store), stored(&clock, &store));
        for (number, place) in order.iter().enumerate() {
            let token = user(&format!("user-{number}"));
            if *place == "there" {
                there.log_in(token).await.unwrap();
            } else {
                store.fail_loads(1);
                here.log_in(token).await.unwrap();
            }
        }
        let last = format!("user-{}", order.len() - 1);

        here.settle().await.unwrap();

        assert_eq!(store.refresh_token(&key()).await.as_ref(), Some(&last), "{order:?}");
        clock.advance(4000.0);
        here.header().await.unwrap();
        assert_eq!(source.previous(), [Some(last)], "{order:?}");
    }
}

/// P47: a login that was never saved, made while the clock was ahead, yields to a later one.
#[tokio::test]
async fn a_login_of_a_clock_that_was_ahead_does_not_take_a_later_logins_place() {
    let (clock, store) = (ManualClock::new(), FailingStore::default());
    let ((here, source), (there, _)) = (stored(&clock, &store), stored(&clock, &store));
    clock.jump_wall(DAY);
    store.fail_loads(1);
    here.log_in(user("first")).await.unwrap();
    clock.jump_wall(-DAY);
    clock.advance(60.0);

    there.log_in(user("second")).await.unwrap();
    clock.advance(60.0);
    let _ = here.settle().await;

    assert_eq!(store.refresh_token(&key()).await.as_deref(), Some("second"));
    clock.advance(4000.0);
    here.header().await.unwrap();
    assert_eq!(source.previous(), [Some("second".to_owned())]);
    assert_eq!(token(here.header().await), "token-1");
}

/// Neither its access token nor a refresh token can be sent.
#[tokio::test]
async fn a_login_of_no_use_leaves_the_one_that_there_is() {
    let blank = Token::new("", Duration::from_secs(3600));
    let expired = Token::new("expired", Duration::ZERO);
    for (of_no_use, is_malformed) in [
        (blank.clone(), true),
        (blank.with_refresh_token(" "), true),
        (Token::new("two\nlines", Duration::from_secs(3600)).with_refresh_token(""), true),
        (expired.clone(), false),
        (expired.with_refresh_token(""), false),
    ] {
        let (clock, store) = (ManualClock::new(), FailingStore::default());
        let (cache, source) = stored(&clock, &store);
        cache.log_in(user("good")).await.unwrap();

        let error = cache.log_in(of_no_use).await.unwrap_err();

        let is_told = match error {
            AuthError::Malformed => is_malformed,
            AuthError::ExpiredOnArrival => !is_malformed,
            _ => false,
        };
        assert!(is_told, "{error:?}");
        assert!(!cache.needs_login().await.unwrap());
        clock.advance(4000.0);
        cache.header().await.unwrap();
        assert_eq!(source.previous(), [Some("good".to_owned())]);
    }
}

/// One that is empty is none: it is not sent, and the user has to log in.
#[tokio::test]
async fn a_refresh_token_of_no_letters_is_none() {
    let (clock, store) = (ManualClock::new(), FailingStore::default());
    let (cache, source) = stored(&clock, &store);
    let token = Token::new("good", Duration::from_secs(3600)).with_refresh_token(" ");

    cache.log_in(token).await.unwrap();

    let kept = store.inner.load(&key()).await.unwrap().unwrap();
    assert!(kept.token().unwrap().refresh_token.is_none());
    clock.advance(4000.0);
    cache.header().await.unwrap();
    assert_eq!(source.previous(), [None]);
}
