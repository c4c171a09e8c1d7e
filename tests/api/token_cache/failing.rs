//! Failing: P17 to P25.

use std::time::{Duration, Instant, SystemTime};

use reqwest::StatusCode;
use serde_json::json;
use spotify_web::auth::{
    AuthError, Backoff, Clock, CredentialsAuthenticator, MemoryTokenStore, Now, TokenCacheOptions,
    TokenEventKind, TokenKey,
};
use spotify_web::oauth::{
    ClientCredentialsRequest, OAuthClient, OAuthError, OAuthErrorCode, Token,
};
use spotify_web::testing::{FakeResponse, FakeSpotify};
use spotify_web::{Error, SpotifyClient};

use crate::common::{ManualClock, Outcome, TRACK, cache, cache_with, settle, spawn_header, token};

/// P18, B8: one attempt, one error for all, at the same time.
#[tokio::test(start_paused = true)]
async fn all_waiters_of_an_attempt_get_its_error_together() {
    let limit = Duration::from_secs(5);
    let (cache, source) = cache_with(TokenCacheOptions::default().with_timeout(limit));
    source.next(Outcome::Never);
    let begun = tokio::time::Instant::now();
    let callers: Vec<_> = (0..100).map(|_| spawn_header(&cache)).collect();

    for caller in callers {
        let error = caller.await.unwrap().unwrap_err();
        assert!(matches!(error, AuthError::TimedOut { .. }), "{error:?}");
        assert_eq!(begun.elapsed(), limit);
    }
    assert_eq!(source.requests(), 1);
}

/// P19: until the back-off is over, the last error is there at once.
#[tokio::test]
async fn after_a_failure_no_attempt_is_made_before_the_back_off() {
    let clock = ManualClock::new();
    let (cache, source) = cache(&clock);
    // No longer than 10 s while there is nothing to hand out.
    let steps = [1.0, 2.0, 4.0, 8.0, 10.0, 10.0, 10.0, 10.0];
    for (index, step) in steps.into_iter().enumerate() {
        source.next(Outcome::Fail(AuthError::custom("down", "connection refused")));
        assert!(cache.header().await.is_err());
        assert_eq!(source.requests(), index + 1);

        clock.advance(step - 0.01);
        assert!(cache.header().await.is_err());
        assert_eq!(source.requests(), index + 1, "asked before {step} s were over");
        clock.advance(0.01);
    }
    assert_eq!(token(cache.header().await), "token-9");
}

/// P17, B1: in the window, with a source that fails and fails.
#[tokio::test]
async fn while_the_token_is_good_a_failing_refresh_is_invisible() {
    let clock = ManualClock::new();
    let (cache, source) = cache(&clock);
    cache.header().await.unwrap();
    for _ in 0..100 {
        source.next(Outcome::Fail(down()));
    }
    clock.advance(3300.0);

    for _ in 0..1000 {
        assert_eq!(token(cache.header().await), "token-1");
        settle().await;
        clock.advance(0.29);
    }

    // 290 s: after 1, 2, 4, ... 60 s, and each minute from then on.
    assert_eq!(source.requests(), 1 + 10);
}

/// P18, B11: a refresh that began in the window fails when there is nothing left to hand out.
#[tokio::test]
async fn a_background_refresh_that_fails_after_the_expiry_leaves_nobody_waiting() {
    let clock = ManualClock::new();
    let (cache, source) = cache(&clock);
    cache.header().await.unwrap();
    source.block();
    source.next(Outcome::Fail(down()));
    clock.advance(3400.0);
    assert_eq!(token(cache.header().await), "token-1");
    settle().await;
    clock.advance(200.0);
    let callers: Vec<_> = (0..10).map(|_| spawn_header(&cache)).collect();
    settle().await;

    source.release();

    for caller in callers {
        let error = caller.await.unwrap().unwrap_err();
        assert_eq!(error.to_string(), "the source is down");
    }
    assert_eq!(source.requests(), 2);
}

/// P18, B8: those who waited do not try one after the other, however late they wake.
#[tokio::test]
async fn a_failed_attempt_is_not_repeated_by_each_of_its_waiters() {
    #[derive(Debug)]
    struct TickingClock(std::sync::Mutex<Duration>, Instant);

    impl Clock for TickingClock {
        fn now(&self) -> Now {
            let mut since = self.0.lock().unwrap();
            *since += Duration::from_secs(100);
            Now { monotonic: self.1 + *since, wall: SystemTime::UNIX_EPOCH + *since }
        }
    }

    let clock = TickingClock(std::sync::Mutex::default(), Instant::now());
    let (cache, source) = cache_with(TokenCacheOptions::default().with_clock(clock));
    source.block();
    source.next(Outcome::Fail(down()));
    let callers: Vec<_> = (0..100).map(|_| spawn_header(&cache)).collect();
    settle().await;
    source.release();

    for caller in callers {
        assert!(caller.await.unwrap().is_err());
    }
    assert_eq!(source.requests(), 1);
}

/// P19: full jitter takes a random part of each step.
#[tokio::test]
async fn the_back_off_is_jittered() {
    let mut pauses = Vec::new();
    for _ in 0..50 {
        let clock = ManualClock::new();
        let backoff = Backoff::new(Duration::from_secs(10), 2.0, Duration::from_secs(60)).unwrap();
        let options = TokenCacheOptions::default().with_backoff(backoff).with_clock(clock.clone());
        let (cache, source) = cache_with(options);
        source.next(Outcome::Fail(down()));
        cache.header().await.unwrap_err();
        let mut pause = 0;
        while cache.header().await.is_err() {
            clock.advance(1.0);
            pause += 1;
        }
        pauses.push(pause);
    }
    assert!(pauses.iter().all(|pause| (0..=10).contains(pause)), "{pauses:?}");
    assert!(pauses.iter().any(|pause| *pause <= 4) && pauses.iter().any(|pause| *pause >= 6));
}

/// P19: `Retry-After` wins when it is longer.
#[tokio::test]
async fn the_accounts_service_may_ask_for_a_longer_pause() {
    for (retry_after, pause) in
        [(None, 1.0), (Some(0), 1.0), (Some(90), 90.0), (Some(u64::MAX), 600.0)]
    {
        let clock = ManualClock::new();
        let (cache, source) = cache(&clock);
        source.next(Outcome::Fail(busy(retry_after.map(Duration::from_secs))));
        cache.header().await.unwrap_err();

        clock.advance(pause - 0.01);
        assert!(cache.header().await.is_err(), "asked before {pause} s were over");
        clock.advance(0.01);
        assert!(cache.header().await.is_ok(), "not asked after {pause} s");
    }
}

/// P21: the token is as good as before.
#[tokio::test]
async fn a_permanent_error_does_not_discard_a_good_token() {
    let clock = ManualClock::new();
    let (cache, source) = cache(&clock);
    let hour = Duration::from_secs(3600);
    let first = Token::new("token-1", hour).with_refresh_token("refresh");
    source.next(Outcome::Token(first));
    cache.header().await.unwrap();
    for code in [OAuthErrorCode::InvalidClient, OAuthErrorCode::InvalidGrant] {
        source.next(Outcome::Fail(refusal(code)));
    }

    clock.advance(3300.0);
    for _ in 0..290 {
        assert_eq!(token(cache.header().await), "token-1");
        settle().await;
        clock.advance(1.0);
    }

    // `invalid_client` is asked again after a minute, `invalid_grant` never.
    assert_eq!(source.requests(), 3);
}

/// P22, B3: at most once a minute, and only when a caller asks.
#[tokio::test]
async fn a_permanent_error_is_asked_again_once_a_minute() {
    for code in [OAuthErrorCode::InvalidClient, OAuthErrorCode::UnauthorizedClient] {
        let clock = ManualClock::new();
        let (cache, source) = cache(&clock);
        for _ in 0..3 {
            source.next(Outcome::Fail(refusal(code.clone())));
        }
        for _ in 0..150 {
            let error = cache.header().await.unwrap_err();
            assert!(!error.is_transient() && !error.needs_login(), "{error:?}");
            clock.advance(1.0);
        }
        assert_eq!(source.requests(), 3);

        clock.advance(3600.0);
        settle().await;
        assert_eq!(source.requests(), 3, "asked although nobody did");
        assert_eq!(token(cache.header().await), "token-4");
    }
}

/// P22, B29: nothing is sent with that refresh token any more, until there is another.
#[tokio::test]
async fn invalid_grant_ends_the_requests_until_a_new_login() {
    let clock = ManualClock::new();
    let (cache, source) = cache(&clock);
    let hour = Duration::from_secs(3600);
    cache.log_in(Token::new("first", hour).with_refresh_token("old")).await.unwrap();
    clock.advance(3600.0);
    source.next(Outcome::Fail(refusal(OAuthErrorCode::InvalidGrant)));
    for _ in 0..100 {
        let error = cache.header().await.unwrap_err();
        assert!(error.needs_login(), "{error:?}");
        clock.advance(3600.0);
    }
    assert_eq!(source.requests(), 1);

    cache.log_in(Token::new("after login", hour).with_refresh_token("new")).await.unwrap();

    assert_eq!(token(cache.header().await), "after login");
    clock.advance(3600.0);
    assert_eq!(token(cache.header().await), "token-2");
    assert_eq!(source.previous(), [Some("old".into()), Some("new".into())]);
}

#[tokio::test]
async fn reset_forgets_failures_and_their_back_off() {
    for code in [OAuthErrorCode::InvalidGrant, OAuthErrorCode::InvalidClient] {
        let (cache, source) = cache(&ManualClock::new());
        source.next(Outcome::Fail(refusal(code)));
        cache.header().await.unwrap_err();

        cache.reset();

        assert_eq!(token(cache.header().await), "token-2");
    }
}

/// A login while a refresh with the old credentials is under way.
#[tokio::test]
async fn what_comes_of_old_credentials_after_a_login_is_void() {
    let clock = ManualClock::new();
    let (cache, source) = cache(&clock);
    source.next(Outcome::Fail(refusal(OAuthErrorCode::InvalidGrant)));
    source.block();
    let waiting = spawn_header(&cache);
    settle().await;

    cache.log_in(Token::new("after login", Duration::from_secs(3600))).await.unwrap();
    source.release();

    assert_eq!(token(waiting.await.unwrap()), "after login");
    assert_eq!(token(cache.header().await), "after login");
}

/// P23, B2: the same cache, after any outage.
#[tokio::test]
async fn after_an_outage_it_recovers_by_itself() {
    let clock = ManualClock::new();
    let (cache, source) = cache(&clock);
    cache.header().await.unwrap();
    for _ in 0..30 {
        source.next(Outcome::Fail(down()));
    }
    let mut errors = 0;
    clock.advance(3300.0);
    while cache.stats().refreshes < 2 {
        errors += usize::from(cache.header().await.is_err());
        settle().await;
        clock.advance(10.0);
        assert!(errors < 1000, "never recovered");
    }
    assert!(errors > 0, "the token outlived the outage");
    assert!(token(cache.header().await).starts_with("token-"));
}

/// P23, B3: through the client, with a truncated response.
#[tokio::test]
async fn one_truncated_response_does_not_end_anything() {
    let fake = FakeSpotify::start().await.unwrap();
    let clock = ManualClock::new();
    let options = TokenCacheOptions::default().without_jitter().with_clock(clock.clone());
    let authenticator = CredentialsAuthenticator::new("id", "secret").with_options(options);
    let spotify = SpotifyClient::new(fake.config().with_authenticator(authenticator)).unwrap();
    fake.next_token(FakeResponse::hang_up());

    let error = spotify.tracks().get(TRACK).await.unwrap_err();
    assert!(matches!(error, Error::Auth { .. }) && error.is_transient(), "{error:?}");

    clock.advance(1.0);
    assert!(spotify.tracks().get(TRACK).await.is_ok());
}

/// P24, B4: whatever the lifetime, the source is not asked in a loop.
#[tokio::test]
async fn short_lifetimes_do_not_make_a_busy_loop() {
    // With a lifetime of 0 there is the back-off; with others a token is used to its leeway.
    for (lifetime, most) in [(0, 9), (1, 60), (5, 14), (10, 7)] {
        let clock = ManualClock::new();
        let (cache, source) = cache(&clock);
        for _ in 0..1000 {
            source.next_token(&format!("short-{}", fastrand::u64(..)), lifetime);
        }
        for _ in 0..600 {
            for _ in 0..10 {
                let _ = cache.header().await;
            }
            settle().await;
            clock.advance(0.1);
        }
        assert!(source.requests() <= most, "{} requests for {lifetime} s", source.requests());
    }
}

/// P24.
#[tokio::test]
async fn a_response_that_is_already_expired_is_a_failed_attempt() {
    let clock = ManualClock::new();
    let (cache, source) = cache(&clock);
    source.next_token("slow", 10);
    source.block();
    let waiting = spawn_header(&cache);
    settle().await;
    clock.advance(10.0);
    source.release();

    let error = waiting.await.unwrap().unwrap_err();

    assert!(matches!(error, AuthError::ExpiredOnArrival), "{error:?}");
    assert!(cache.header().await.is_err(), "asked again before the back-off");
    assert_eq!(cache.stats().failures, 1);
}

/// P25, B27: a refresh token in a response that is no good is the one that the next request sends.
#[tokio::test]
async fn a_refresh_token_in_a_bad_response_is_not_lost() {
    let clock = ManualClock::new();
    let (cache, source) = cache(&clock);
    let body = json!({ "access_token": "a", "expires_in": -1, "refresh_token": "rotated" });
    let fake = FakeSpotify::start().await.unwrap();
    fake.next_token(FakeResponse::json(200, &body));
    let oauth = OAuthClient::new(&fake.config());
    let request = ClientCredentialsRequest::new("id", "secret");
    let unusable = oauth.request_token(request).await.unwrap_err();
    let hour = Duration::from_secs(3600);
    source.next(Outcome::Token(Token::new("first", hour).with_refresh_token("old")));
    source.next(Outcome::Fail(unusable.into()));
    cache.header().await.unwrap();
    clock.advance(3600.0);
    cache.header().await.unwrap_err();
    clock.advance(1.0);

    assert_eq!(token(cache.header().await), "token-3");

    assert_eq!(source.previous(), [None, Some("old".into()), Some("rotated".into())]);
}

/// P25: what no clock can express.
#[tokio::test]
async fn a_lifetime_beyond_all_clocks_does_not_panic() {
    let (clock, store) = (ManualClock::new(), MemoryTokenStore::new());
    let [(first, source), (second, unasked)] = [(); 2].map(|()| cache(&clock));
    let [first, second] =
        [first, second].map(|cache| cache.with_store(store.clone(), TokenKey::new("app")));
    source.next(Outcome::Token(Token::new("for ever", Duration::MAX)));

    assert_eq!(token(first.header().await), "for ever");
    clock.advance(3600.0 * 24.0 * 365.0);
    assert_eq!(token(second.header().await), "for ever", "as it was saved");
    assert_eq!(unasked.requests(), 0);
}

/// B25: a clock that is set wrong, and set right again.
#[tokio::test]
async fn a_wall_clock_that_jumps_costs_one_fetch_a_jump() {
    for jumps in [vec![-86_400], vec![86_400], vec![86_400, -86_400, 86_400, -172_800]] {
        let clock = ManualClock::new();
        let (cache, source) = cache(&clock);
        cache.header().await.unwrap();
        for jump in &jumps {
            clock.jump_wall(*jump);
            for _ in 0..100 {
                cache.header().await.unwrap();
                settle().await;
                clock.advance(0.1);
            }
        }
        assert!(source.requests() <= 1 + jumps.len(), "{} for {jumps:?}", source.requests());

        source.block();
        clock.advance(3600.0);
        clock.jump_wall(-86_400);
        let waiting = spawn_header(&cache);
        settle().await;
        assert!(!waiting.is_finished(), "handed out past its end by the monotonic clock");
        source.release();
    }
}

fn down() -> AuthError {
    AuthError::custom("the source is down", "connection refused")
}

fn refusal(code: OAuthErrorCode) -> AuthError {
    let (status, description, retry_after) = (StatusCode::BAD_REQUEST, None, None);
    OAuthError::Rejected { status, code, description, retry_after }.into()
}

fn busy(retry_after: Option<Duration>) -> AuthError {
    OAuthError::Status { status: StatusCode::TOO_MANY_REQUESTS, retry_after, unread: None }.into()
}

/// What a caller is told to wait is what the cache itself waits, however long the service asks for.
#[tokio::test]
async fn an_error_says_when_the_cache_asks_again() {
    let options = || TokenCacheOptions::default().without_jitter();
    for (asked, longest, wait) in [
        (Some("86400"), 600, 600),
        (Some("86400"), 7, 7),
        (Some("9"), 600, 9),
        // The back-off, after which the cache asks again.
        (None, 600, 1),
    ] {
        for status in [429, 503] {
            let clock = ManualClock::new();
            let fake = FakeSpotify::start().await.unwrap();
            let options = options().with_clock(clock.clone());
            let options = options.with_max_retry_after(Duration::from_secs(longest));
            let app = CredentialsAuthenticator::new("id", "secret").with_options(options);
            let config = fake.config().with_authenticator(app).without_retries();
            let spotify = SpotifyClient::new(config).unwrap();
            let response = FakeResponse::json(status, &json!({}));
            fake.next_token(match asked {
                Some(seconds) => response.with_header("retry-after", seconds),
                None => response,
            });

            let first = spotify.tracks().get(TRACK).await.unwrap_err();
            clock.advance(0.25);
            let later = spotify.tracks().get(TRACK).await.unwrap_err();

            let wait = Duration::from_secs(wait);
            assert_eq!(first.retry_after(), Some(wait), "{asked:?}");
            let left = wait - Duration::from_millis(250);
            assert_eq!(later.retry_after(), Some(left), "{asked:?}: what is left of it");
            assert!(first.is_transient() && later.is_transient());
            assert_eq!(fake.token_requests(), 1);
            clock.advance(left.as_secs_f64());
            spotify.tracks().get(TRACK).await.unwrap();
        }
    }
}

/// The same for what does not pass by itself, and for whom the event tells.
#[tokio::test]
async fn the_event_and_an_error_that_does_not_pass_say_no_longer_wait_than_the_cache_makes() {
    let clock = ManualClock::new();
    let fake = FakeSpotify::start().await.unwrap();
    let (told, events) = std::sync::mpsc::channel();
    let options = TokenCacheOptions::default().without_jitter().with_clock(clock.clone());
    let options = options.with_listener(move |event| told.send(event.kind.clone()).unwrap());
    let app = CredentialsAuthenticator::new("id", "secret").with_options(options);
    let spotify = SpotifyClient::new(fake.config().with_authenticator(app)).unwrap();
    for (status, body) in [(400, json!({"error": "invalid_client"})), (503, json!({}))] {
        let response = FakeResponse::json(status, &body);
        fake.next_token(response.with_header("retry-after", "86400"));

        let error = spotify.tracks().get(TRACK).await.unwrap_err();

        assert_eq!(error.retry_after(), Some(Duration::from_secs(600)), "{error:?}");
        let event = events.recv_timeout(Duration::from_secs(60)).unwrap();
        let (TokenEventKind::RefreshFailed { error, retry_in }
        | TokenEventKind::PermanentlyFailed { error, retry_in }) = event
        else {
            panic!("{event:?}")
        };
        assert_eq!(error.retry_after(), Some(retry_in));
        clock.advance(600.0);
    }
    fake.next_token(FakeResponse::json(400, &json!({"error": "invalid_client"})));
    let error = spotify.tracks().get(TRACK).await.unwrap_err();
    assert_eq!(error.retry_after(), None, "it needs somebody, and no wait");
}

/// What the server asked for is nothing that anybody waits for once there is no pause.
#[tokio::test]
async fn a_caller_that_looks_after_the_pause_is_told_no_longer_wait() {
    let (cache, source) = cache(&ManualClock::new());
    source.next(Outcome::Fail(busy(Some(Duration::from_secs(86_400)))));
    let mut asked = std::pin::pin!(cache.header());
    assert!(futures_util::poll!(asked.as_mut()).is_pending());
    while cache.stats().failures == 0 {
        tokio::task::yield_now().await;
    }
    cache.reset();

    let error = asked.await.unwrap_err();

    assert_eq!(error.retry_after(), Some(Duration::ZERO), "{error:?}");
}
