//! Whatever the accounts service answers, there is a clear typed error or a token.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use spotify_web::auth::{AuthError, CredentialsAuthenticator};
use spotify_web::oauth::{
    ClientCredentialsRequest, OAuthClient, OAuthError, OAuthErrorCode, Token,
};
use spotify_web::testing::{FakeAnswer, FakeSpotify, Fault, FaultProxy};
use spotify_web::{Error, SpotifyClient, SpotifyClientConfig};

use crate::common::{PausedTime, TRACK};

#[tokio::test]
async fn html_with_503_is_transient() {
    let answer = FakeAnswer::body(503, "text/html", "<h1>Service Unavailable</h1>");
    let error = ask(answer.header("retry-after", "7")).await.unwrap_err();

    assert_eq!(
        error.to_string(),
        "the token request was answered with HTTP 503 Service Unavailable"
    );
    assert_eq!(error.status(), Some(StatusCode::SERVICE_UNAVAILABLE));
    assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
    assert!(error.is_transient());
}

#[tokio::test]
async fn bodies_without_a_token_say_what_is_wrong() {
    for (body, reason) in [
        ("", "Eof at line 1 column 0"),
        ("{\"access_token\":\"secret", "Eof at line 1"),
        ("<html>", "Syntax at line 1"),
        ("[]", "Data at line 1"),
        ("{}", "access_token is missing"),
        ("{\"access_token\":null}", "access_token is missing"),
        ("{\"access_token\":\"\"}", "access_token is missing"),
        ("{\"access_token\":5}", "access_token is missing, empty or no text"),
        ("{\"access_token\":\"a\\nb\"}", "characters that cannot be sent"),
    ] {
        let error = ask(FakeAnswer::body(200, "application/json", body)).await.unwrap_err();
        assert!(matches!(error, OAuthError::Answer { .. }), "{body}: {error:?}");
        assert!(error.to_string().contains(reason), "{body}: {error}");
        assert!(error.is_transient());
    }
}

#[tokio::test]
async fn a_refusal_keeps_status_code_and_description() {
    for (code, permanent) in [
        ("invalid_client", true),
        ("invalid_grant", true),
        ("unauthorized_client", true),
        ("slow_down", true),
        ("temporarily_unavailable", false),
    ] {
        let body = json!({ "error": code, "error_description": "as it is\u{7}" });
        let error = ask(FakeAnswer::json(400, &body)).await.unwrap_err();

        assert_eq!(error.status(), Some(StatusCode::BAD_REQUEST));
        assert_eq!(error.code(), Some(&OAuthErrorCode::from(code)));
        assert!(error.to_string().contains(&format!("{code}: as it is (HTTP 400")), "{error}");
        assert_eq!(error.is_transient(), !permanent, "{code}");
    }
}

#[tokio::test]
async fn statuses_that_pass_by_are_transient() {
    for status in [408, 429, 500, 502, 503, 504] {
        let body = json!({ "error": "invalid_client" });
        assert!(ask(FakeAnswer::json(status, &body)).await.unwrap_err().is_transient(), "{status}");
    }
    for status in [204, 302, 400, 401, 403, 404] {
        assert!(!ask(FakeAnswer::body(status, "text/html", "")).await.unwrap_err().is_transient());
    }
}

/// A server that repeats what it was sent does not get it into our errors.
#[tokio::test]
async fn a_description_cannot_repeat_a_secret() {
    let body = json!({ "error": "invalid_client", "error_description": "wrong: the-secret" });
    let error = ask(FakeAnswer::json(400, &body)).await.unwrap_err();

    assert!(error.to_string().contains("wrong: [redacted]"), "{error}");
    assert!(!format!("{error:?}").contains("the-secret"));
}

/// B26, B27.
#[tokio::test]
async fn a_lifetime_is_read_in_every_shape() {
    for (expires_in, seconds) in [
        (json!(3600), 3600.0),
        (json!("3600"), 3600.0),
        (json!(" 60 "), 60.0),
        (json!(3600.0), 3600.0),
        (json!(0.5), 0.5),
        (json!(0), 0.0),
        (json!(315_360_000), 315_360_000.0),
        (json!(null), 3600.0),
        (json!("soon"), 3600.0),
        (json!([1]), 3600.0),
    ] {
        let token = ask(with_lifetime(&expires_in)).await.unwrap();
        assert_eq!(token.expires_in.as_secs_f64(), seconds, "{expires_in}");
    }
    let missing = ask(FakeAnswer::json(200, &json!({ "access_token": "a" }))).await.unwrap();
    assert_eq!(missing.expires_in, Token::DEFAULT_LIFETIME);
}

/// P25, B27: the token, and with it a refresh token, is not lost.
#[tokio::test]
async fn a_lifetime_that_makes_no_sense_is_an_error_that_keeps_the_token() {
    for expires_in in [json!(-1), json!(1e300), json!("-3600"), json!("inf"), json!("NaN")] {
        let error = ask(with_lifetime(&expires_in)).await.unwrap_err();
        let OAuthError::Unusable { reason, token } = &error else { panic!("{error:?}") };
        assert!(reason.starts_with("it is said to expire in"), "{reason}");
        assert_eq!(token.access_token.expose(), "access");
        assert_eq!(token.refresh_token.as_ref().unwrap().expose(), "refresh");
        assert!(!format!("{error:?} {error}").contains("\"access\""));
    }
}

#[tokio::test]
async fn other_fields_may_have_any_shape() {
    let token = ask(FakeAnswer::json(
        200,
        &json!({
            "access_token": "a", "token_type": "bEARER", "refresh_token": "", "scope": "one two",
        }),
    ));
    let token = token.await.unwrap();
    assert!(token.refresh_token.is_none());
    assert_eq!(token.scopes.unwrap(), ["one", "two"]);

    let body =
        json!({ "access_token": "a", "token_type": 5, "refresh_token": 5, "scope": ["one"] });
    let token = ask(FakeAnswer::json(200, &body)).await.unwrap();
    assert_eq!(token.scopes.unwrap(), ["one"]);

    let body = json!({ "access_token": "a", "token_type": "mac" });
    let error = ask(FakeAnswer::json(200, &body)).await.unwrap_err();
    assert!(error.to_string().contains("its type is \"mac\", not bearer"), "{error}");
}

/// P24: asked for through an authenticator.
#[tokio::test]
async fn a_token_that_has_expired_on_arrival_is_a_failed_attempt() {
    for expires_in in [json!(0), json!(-1)] {
        let fake = FakeSpotify::start().await.unwrap();
        let spotify = SpotifyClient::new(fake.config_with_credentials()).unwrap();
        fake.next_token(with_lifetime(&expires_in));

        let error = spotify.tracks().get(TRACK).await.unwrap_err();

        assert!(matches!(error, Error::Auth { .. }), "{error:?}");
        assert!(error.is_transient());
        assert_eq!(fake.api_requests(), 0);
    }
}

#[tokio::test]
async fn a_connection_that_is_lost_is_transient() {
    for fault in [Fault::ResetBeforeRequest, Fault::HalfBody] {
        let fake = FakeSpotify::start().await.unwrap();
        let proxy = FaultProxy::start(&fake, 1).await.unwrap();
        proxy.inject_into_tokens(fault, 1.0);

        let error = request(&proxy.config()).await.unwrap_err();

        assert!(matches!(error, OAuthError::Transport { .. }), "{fault:?}: {error:?}");
        assert!(error.is_transient());
        assert!(proxy.faults().contains_key(&fault));
    }
    let hung_up = ask(FakeAnswer::hang_up()).await.unwrap_err();
    assert!(hung_up.is_transient());
}

#[tokio::test]
async fn nobody_at_home_is_transient() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}/");

    let error = request(&SpotifyClientConfig::default().with_token_url(url)).await.unwrap_err();

    assert!(error.is_transient());
}

#[tokio::test]
async fn a_server_that_never_answers_is_a_time_out() {
    let time = PausedTime::pause();
    let fake = FakeSpotify::start().await.unwrap();
    fake.next_token(FakeAnswer::never());
    let config = fake.config().with_token_timeout(Duration::from_secs(12));
    let asked = tokio::spawn(async move { request(&config).await });
    while fake.token_requests() == 0 {
        tokio::task::yield_now().await;
    }
    time.advance(Duration::from_secs(13)).await;

    let error = asked.await.unwrap().unwrap_err();

    assert_eq!(error.to_string(), "no answer to the token request within 12s");
    assert!(matches!(error, OAuthError::TimedOut { limit } if limit.as_secs() == 12));
    assert!(error.is_transient());
}

#[tokio::test]
async fn an_endless_answer_is_cut_off() {
    let endless = "x".repeat(1024 * 1024);
    let error = ask(FakeAnswer::body(200, "application/json", endless)).await.unwrap_err();

    assert!(error.to_string().contains("longer than 65536 bytes"), "{error}");
}

#[tokio::test]
async fn wrong_credentials_say_what_to_check() {
    let fake = FakeSpotify::builder().client("id", "right").start().await.unwrap();
    let authenticator = CredentialsAuthenticator::new("id", "wrong");
    let spotify = SpotifyClient::new(fake.config().with_authenticator(authenticator)).unwrap();

    let error = spotify.tracks().get(TRACK).await.unwrap_err();

    assert_eq!(
        error.to_line(),
        "GET /v1/tracks/11dFghVXANMlKmJXsNCbNl could not be signed: no access token could be had: \
         the accounts service refused the token request: invalid_client: Invalid client \
         (HTTP 400 Bad Request); check client id and secret"
    );
    assert!(!error.is_transient());
    let Error::Auth { source: AuthError::Request(source), .. } = &error else { panic!() };
    assert_eq!(source.code(), Some(&OAuthErrorCode::InvalidClient));
}

/// RFC 6749, section 2.3.1: both are form-encoded before they enter HTTP Basic.
#[tokio::test]
async fn odd_credentials_arrive_as_they_are() {
    let (id, secret) = ("id:with/odd chars", "p%s&=ü");
    let fake = FakeSpotify::builder().client(id, secret).start().await.unwrap();

    let request = ClientCredentialsRequest::new(id, secret);

    assert!(OAuthClient::new(&fake.config()).request_token(request).await.is_ok());
}

fn with_lifetime(expires_in: &Value) -> FakeAnswer {
    FakeAnswer::json(
        200,
        &json!({
            "access_token": "access",
            "token_type": "Bearer",
            "expires_in": expires_in,
            "refresh_token": "refresh",
        }),
    )
}

async fn ask(answer: FakeAnswer) -> Result<Token, OAuthError> {
    let fake = FakeSpotify::start().await.unwrap();
    fake.next_token(answer);
    request(&fake.config()).await
}

async fn request(config: &SpotifyClientConfig) -> Result<Token, OAuthError> {
    OAuthClient::new(config).request_token(ClientCredentialsRequest::new("id", "the-secret")).await
}
