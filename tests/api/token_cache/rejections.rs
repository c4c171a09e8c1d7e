//! What a 401 proves: P44 and P45.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::HeaderValue;
use serde_json::json;
use spotify_web::auth::{
    AuthError, CredentialsAuthenticator, Rejection, RejectionReason, Replay, TokenCache,
    TokenCacheOptions, TokenSource,
};
use spotify_web::oauth::Token;
use spotify_web::testing::{FakeResponse, FakeSpotify};
use spotify_web::{Backoff, SpotifyClient};

use crate::common::{ManualClock, Outcome, ScriptedSource, TRACK, cache, plain, rejected, token};

/// P44: rejected with the replacement too, a request is itself at fault.
#[tokio::test]
async fn the_replacement_of_a_rejected_token_stays_whoever_is_rejected_with_it() {
    let (cache, source) = cache(&ManualClock::new());
    let first = accepted(&cache).await;
    assert_eq!(rejected(&cache, &first).await, Replay::Yes);
    let second = cache.header().await.unwrap();

    for _ in 0..100 {
        assert_eq!(rejected(&cache, &second).await, Replay::No);
    }

    assert_eq!(token(cache.header().await), "token-2");
    assert_eq!(source.requests(), 2);
}

/// P44: what the server says of the request is nothing against the token.
#[tokio::test]
async fn a_rejection_of_the_request_alone_changes_nothing() {
    let (cache, source) = cache(&ManualClock::new());
    let header = cache.header().await.unwrap();
    let rejection = Rejection::new(header, RejectionReason::Request);

    for _ in 0..100 {
        assert_eq!(cache.rejected(&rejection).await.unwrap(), Replay::No);
    }

    assert_eq!((source.requests(), cache.stats().rejections), (1, 0));
}

/// P44: through the client, in every way in which a server can say so.
#[tokio::test]
async fn a_request_that_is_at_fault_gets_its_401_and_costs_nobody_anything() {
    let of_spotify = |message: &str| {
        FakeResponse::json(401, &json!({"error": {"status": 401, "message": message}}))
    };
    for (response, token_requests) in [
        (of_spotify("Permissions missing"), 1),
        (of_spotify("Valid user authentication required"), 1),
        (
            FakeResponse::status(401)
                .with_header("www-authenticate", "Bearer error=\"insufficient_scope\""),
            1,
        ),
        // It does not say: one replacement, and then no more.
        (of_spotify("No."), 2),
        (FakeResponse::body(401, "text/html", "<h1>no</h1>"), 2),
    ] {
        let fake = FakeSpotify::start().await.unwrap();
        let options = TokenCacheOptions::default().without_jitter().with_clock(ManualClock::new());
        let authenticator = CredentialsAuthenticator::new("id", "secret").with_options(options);
        let config = plain(&fake).with_authenticator(authenticator);
        let spotify = SpotifyClient::new(config).unwrap();
        spotify.tracks().get(TRACK).await.unwrap();
        for _ in 0..20 {
            // The first, and its replay where there is one.
            fake.next_api(response.clone());
            fake.next_api(response.clone());
            let error = spotify.users().me().await.unwrap_err();
            assert_eq!(error.status().map(|status| status.as_u16()), Some(401), "{error:?}");
            // What was left is used up by a caller that is rejected too.
            while spotify.tracks().get(TRACK).await.is_err() {}
        }
        assert_eq!(fake.token_requests(), token_requests, "{response:?}");
    }
}

/// P45: 20 good calls a second, one bad one, for two minutes; also with the source down.
#[tokio::test]
async fn good_calls_go_on_while_others_are_rejected() {
    for is_down in [false, true] {
        for bad_in_a_second in [1, 50] {
            let clock = ManualClock::new();
            let (cache, source) = cache(&clock);
            accepted(&cache).await;
            for second in 0..120 {
                if is_down {
                    source.next(Outcome::Fail(AuthError::custom("down", "no route to host")));
                }
                for call in 0..20 {
                    accepted(&cache).await;
                    if call < bad_in_a_second {
                        bad_call(&cache, bad_in_a_second / 20 + 1).await;
                    }
                }
                assert!(source.requests() <= 10, "{} in {second} s", source.requests());
                clock.advance(1.0);
            }
        }
    }
}

/// P45: and one that was revoked is replaced at its first rejection.
#[tokio::test]
async fn a_revoked_token_is_replaced_at_its_first_rejection() {
    for reason in [RejectionReason::Token, RejectionReason::Unknown] {
        let (cache, source) = cache(&ManualClock::new());
        let header = accepted(&cache).await;
        let rejection = Rejection::new(header, reason);

        assert_eq!(cache.rejected(&rejection).await.unwrap(), Replay::Yes);

        assert_eq!((token(cache.header().await), source.requests()), ("token-2".to_owned(), 2));
    }
}

/// P45: also while the step of the back-off lasts that requests at fault have brought about, once
/// nothing has been accepted for 10 s.
#[tokio::test]
async fn a_token_that_is_revoked_during_suspicion_is_replaced() {
    let clock = ManualClock::new();
    let (cache, source) = cache(&clock);
    let revoked = suspected(&cache, &clock).await;
    let requests = source.requests();

    for _ in 0..3 {
        assert_eq!(rejected(&cache, &revoked).await, Replay::No);
        clock.advance(3.3);
    }
    assert_eq!(source.requests(), requests);
    clock.advance(0.2);

    assert_eq!(rejected(&cache, &revoked).await, Replay::Yes);
    assert_eq!(source.requests(), requests + 1);
    assert_ne!(cache.header().await.unwrap(), revoked);
}

/// P44: two rejections are too few, and so are any number as long as others are accepted.
#[tokio::test]
async fn a_token_is_not_given_up_for_few_rejections_or_beside_accepted_calls() {
    let clock = ManualClock::new();
    let (cache, source) = cache(&clock);
    let suspected = suspected(&cache, &clock).await;
    let requests = source.requests();

    assert_eq!(rejected(&cache, &suspected).await, Replay::No);
    clock.advance(11.0);
    assert_eq!(rejected(&cache, &suspected).await, Replay::No, "the second in 11 s");
    for _ in 0..10 {
        cache.accepted(&suspected);
        clock.advance(1.0);
        for _ in 0..3 {
            assert_eq!(rejected(&cache, &suspected).await, Replay::No);
        }
    }

    assert_eq!(source.requests(), requests);
}

/// P29, P45: calls that are accepted so rarely that the token seems to be revoked in between. One
/// that really is has been replaced after twice as long as that.
#[tokio::test]
async fn an_odd_endpoint_beside_rare_calls_costs_one_request_a_step() {
    for (good, bad) in
        [(1, 1), (11, 1), (12, 1), (15, 3), (21, 2), (25, 1), (41, 1), (45, 4), (61, 1), (90, 1)]
    {
        let clock = ManualClock::new();
        let (cache, source) = cache(&clock);
        for second in 0..3600 {
            if second % good == 0 {
                accepted(&cache).await;
            }
            if second % bad == 0 {
                bad_call(&cache, 1).await;
            }
            clock.advance(1.0);
        }
        // The first token, six steps that grow, one a minute, and three that are given up early.
        assert!(source.requests() <= 70, "{good} {bad}: {} requests", source.requests());

        let revoked = accepted(&cache).await;
        let mut waited = 0;
        while rejected(&cache, &revoked).await == Replay::No {
            clock.advance(1.0);
            waited += 1;
        }
        assert!(waited <= (2 * good).clamp(10, 60), "{good} {bad}: replaced after {waited} s");
    }
}

/// P45: no request is at fault, so that nothing speaks against a token that it was revoked often.
#[tokio::test]
async fn a_token_that_is_revoked_again_and_again_is_replaced_each_time_after_as_long() {
    for reason in [RejectionReason::Token, RejectionReason::Unknown] {
        for longest_step in [60, 1800] {
            for good_for in [8, 20, 30, 55, 65, 300] {
                let clock = ManualClock::new();
                let cache = with_longest_step(&clock, longest_step);
                for death in 0..20 {
                    for _ in 0..good_for {
                        accepted(&cache).await;
                        clock.advance(1.0);
                    }
                    let revoked = accepted(&cache).await;
                    let waited = replaced_after(&cache, &clock, &revoked, reason).await;
                    assert!(waited <= 10, "{death} of {good_for} s: replaced after {waited} s");
                }
            }
        }
    }
}

/// P45: however often the token of an odd endpoint's neighbours seemed to be revoked before.
#[tokio::test]
async fn a_revoked_token_beside_an_odd_endpoint_is_replaced_within_a_minute() {
    for (reason, bound) in [(RejectionReason::Token, 10), (RejectionReason::Unknown, 60)] {
        for longest_step in [60, 1800, 86_400] {
            let clock = ManualClock::new();
            let cache = with_longest_step(&clock, longest_step);
            for second in 0..7200 {
                if second % 90 == 0 {
                    accepted(&cache).await;
                }
                bad_call(&cache, 1).await;
                clock.advance(1.0);
            }
            let revoked = accepted(&cache).await;
            let waited = replaced_after(&cache, &clock, &revoked, reason).await;
            assert!(waited <= bound, "{reason:?}, {longest_step} s: replaced after {waited} s");
        }
    }
}

/// P45: who is told that the token has expired learns why there is no other, however often it is told.
#[tokio::test]
async fn a_token_that_is_revoked_in_an_outage_is_the_trouble_of_the_outage_until_its_end() {
    for pause in [0.02, 0.3, 1.0, 7.0] {
        let clock = ManualClock::new();
        let (cache, source) = cache(&clock);
        let rejection = Rejection::new(accepted(&cache).await, RejectionReason::Token);
        let failures = 20;
        for _ in 0..failures {
            source.next(Outcome::Fail(AuthError::custom("down", "no route to host")));
        }

        let (mut calls, mut waited) = (0, 0.0);
        loop {
            match cache.rejected(&rejection).await {
                Err(error) => {
                    assert!(error.is_transient(), "{error:?}");
                }
                Ok(replay) => break assert_eq!(replay, Replay::Yes, "after {calls} calls"),
            }
            if source.requests() > failures {
                waited += pause;
            }
            calls += 1;
            clock.advance(pause);
        }
        let longest = 60.0 + pause + 0.1;
        assert!(calls >= failures && waited <= longest, "{pause} s: {calls} calls, {waited} s");
    }
}

/// P45: as soon as the back-off of the failures allows it, which say nothing of the token.
#[tokio::test]
async fn a_token_that_is_revoked_in_an_outage_is_replaced_soon_after_its_end() {
    for failures in 1..=5 {
        let clock = ManualClock::new();
        let (cache, source) = cache(&clock);
        let revoked = suspected(&cache, &clock).await;
        let requests = source.requests();
        for _ in 0..failures {
            source.next(Outcome::Fail(AuthError::custom("down", "no route to host")));
        }

        let mut waited = 0;
        while rejected(&cache, &revoked).await == Replay::No {
            waited = if source.requests() == requests + failures { waited + 1 } else { 0 };
            clock.advance(1.0);
        }

        assert!(waited <= 1 << (failures - 1), "{failures}: replaced after {waited} s");
        assert_eq!(source.requests(), requests + failures + 1);
    }
}

/// P21, P45: the refresh token has ended, the access token has not: calls that are accepted go on
/// beside any number of rejected ones, until nothing has been accepted for 10 s.
#[tokio::test]
async fn the_end_of_a_login_leaves_its_token_to_calls_that_are_accepted() {
    for rejections in [1, 2, 3, 50] {
        let clock = ManualClock::new();
        let (cache, source) = cache(&clock);
        let header = accepted(&cache).await;
        source.next(Outcome::Fail(AuthError::LoginEnded { source: None }));
        let rejection = Rejection::new(header.clone(), RejectionReason::Unknown);
        assert!(cache.rejected(&rejection).await.unwrap_err().needs_login());

        for _ in 0..200 {
            accepted(&cache).await;
            for _ in 0..rejections {
                assert!(cache.rejected(&rejection).await.unwrap_err().needs_login());
            }
            clock.advance(0.1);
        }
        for _ in 0..95 {
            assert_eq!(cache.header().await.unwrap(), header);
            cache.rejected(&rejection).await.unwrap_err();
            clock.advance(0.1);
        }
        clock.advance(1.0);
        cache.rejected(&rejection).await.unwrap_err();

        assert!(cache.header().await.unwrap_err().needs_login(), "{rejections} at once");
        assert_eq!(source.requests(), 2);
    }
}

/// P5: never accepted, it is not handed out again, whatever becomes of its replacement.
#[tokio::test]
async fn a_token_that_was_never_accepted_is_handed_out_to_nobody_after_its_rejection() {
    let (cache, source) = cache(&ManualClock::new());
    let header = cache.header().await.unwrap();
    source.next(Outcome::Fail(AuthError::custom("down", "no route to host")));

    assert_eq!(rejected(&cache, &header).await, Replay::No);

    cache.header().await.unwrap_err();
}

/// P5 before P45: beside an endpoint that rejects every token, calls go on through an outage of the
/// accounts service where the server has accepted the token before. Where they are rarer than two
/// steps of the back-off, they may get the error of the outage.
#[tokio::test]
async fn in_an_outage_a_token_stays_beside_an_odd_endpoint_only_if_it_was_accepted() {
    for (good, goes_on) in [(1, true), (20, true), (60, true), (150, false)] {
        let mut failed = 0;
        for outage in (600..700).step_by(7) {
            let (clock, source) = (ManualClock::new(), Accounts::default());
            let options = TokenCacheOptions::default().without_jitter().with_clock(clock.clone());
            let cache = TokenCache::new(source.clone()).with_options(options);
            for second in 0..1200 {
                source.is_down.store(second >= outage, Ordering::SeqCst);
                if second % good == 0 {
                    match cache.header().await {
                        Ok(header) => cache.accepted(&header),
                        Err(error) if second >= outage && error.is_transient() => failed += 1,
                        Err(error) => panic!("{good} {outage} {second}: {error:?}"),
                    }
                }
                if let Ok(header) = cache.header().await {
                    // The outage is no concern of a request that is at fault.
                    rejected(&cache, &header).await;
                }
                clock.advance(1.0);
            }
            source.is_down.store(false, Ordering::SeqCst);
            clock.advance(10.0);
            cache.header().await.unwrap();
        }
        assert_eq!(failed == 0, goes_on, "each {good} s: {failed} failed");
    }
}

/// An accounts service that is down and up again.
#[derive(Debug, Clone, Default)]
struct Accounts {
    is_down: Arc<AtomicBool>,
    tokens: Arc<AtomicUsize>,
}

#[async_trait]
impl TokenSource for Accounts {
    async fn request_token(&self, _: Option<&Token>) -> Result<Token, AuthError> {
        if self.is_down.load(Ordering::SeqCst) {
            return Err(AuthError::custom("down", "no route to host"));
        }
        let number = self.tokens.fetch_add(1, Ordering::SeqCst);
        Ok(Token::new(format!("token-{number}"), Token::DEFAULT_LIFETIME))
    }
}

fn with_longest_step(clock: &ManualClock, seconds: u64) -> TokenCache<ScriptedSource> {
    let [first, longest] = [1, seconds].map(Duration::from_secs);
    let options = TokenCacheOptions::default().without_jitter().with_clock(clock.clone());
    let options = options.with_backoff(Backoff::new(first, 2.0, longest).unwrap());
    TokenCache::new(ScriptedSource::default()).with_options(options)
}

/// In seconds, with a call each second.
async fn replaced_after(
    cache: &TokenCache<ScriptedSource>,
    clock: &ManualClock,
    revoked: &HeaderValue,
    reason: RejectionReason,
) -> u32 {
    let rejection = Rejection::new(revoked.clone(), reason);
    for second in 0..3600 {
        if cache.rejected(&rejection).await.unwrap() == Replay::Yes {
            return second;
        }
        clock.advance(1.0);
    }
    3600
}

/// A token that is accepted, in the middle of a long step of the back-off: the ones before it were
/// each rejected by a request at fault.
async fn suspected(cache: &TokenCache<ScriptedSource>, clock: &ManualClock) -> HeaderValue {
    for step in [1.0, 2.0, 4.0, 8.0, 16.0, 32.0] {
        let header = accepted(cache).await;
        assert_eq!(rejected(cache, &header).await, Replay::Yes);
        clock.advance(step);
    }
    let header = accepted(cache).await;
    assert_eq!(rejected(cache, &header).await, Replay::Yes);
    accepted(cache).await
}

/// A call that the server accepts.
async fn accepted(cache: &TokenCache<ScriptedSource>) -> HeaderValue {
    let header = cache.header().await.expect("a good call fails");
    cache.accepted(&header);
    header
}

/// Calls that it rejects, each replayed as the middleware does.
async fn bad_call(cache: &TokenCache<ScriptedSource>, times: usize) {
    for _ in 0..times {
        let header = cache.header().await.unwrap();
        if rejected(cache, &header).await == Replay::Yes {
            let header = cache.header().await.unwrap();
            rejected(cache, &header).await;
        }
    }
}
