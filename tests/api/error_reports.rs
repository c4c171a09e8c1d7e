//! What an error looks like to people: as `main` prints it, and what it says of itself.

use std::fmt::Write;
use std::time::Duration;

use serde_json::{Value, json};
use spotify_web::auth::{AuthError, AuthorizationCodeAuthenticator, CredentialsAuthenticator};
use spotify_web::middleware::RetryOptions;
use spotify_web::oauth::{Login, OAuthClient, RefreshRequest, Scope};
use spotify_web::testing::{FakeResponse, FakeSpotify};
use spotify_web::{Backoff, BatchError, Error, SpotifyClient, SpotifyClientConfig};

use crate::common::{PLAYLIST, TRACK, plain, plain_client, this_test};

fn said(status: u16, message: &str, reason: Option<&str>) -> FakeResponse {
    let mut error = json!({ "status": status, "message": message });
    if let Some(reason) = reason {
        error["reason"] = reason.into();
    }
    FakeResponse::json(status, &json!({ "error": error }))
}

fn uris(number: usize) -> Vec<String> {
    vec![format!("spotify:track:{TRACK}"); number]
}

/// Errors of many kinds, each with what led to it.
async fn errors() -> Vec<(&'static str, String)> {
    let mut all = Vec::new();
    let mut keep = |title, error: &dyn std::fmt::Debug| all.push((title, format!("{error:?}")));

    let config = SpotifyClientConfig::default();
    keep("a base URL that is none", &SpotifyClient::new(config.with_base_url("x")).unwrap_err());
    let nobody = SpotifyClient::new(SpotifyClientConfig::default()).unwrap();
    keep("no authenticator", &nobody.tracks().get(TRACK).await.unwrap_err());
    keep("an id that is none", &nobody.tracks().get("x").await.unwrap_err());
    let login = Login::pkce("id", "http://127.0.0.1/callback").begin().unwrap();
    let redirect = "http://127.0.0.1/callback?error=access_denied&state=forged";
    keep("a login that is forged", &login.finish(redirect).unwrap_err());

    let fake = FakeSpotify::builder().with_client("id", "right").start().await.unwrap();
    let config = || fake.config().without_retries().without_rate_limiter();
    let wrong = CredentialsAuthenticator::new("id", "wrong");
    let wrong = SpotifyClient::new(config().with_authenticator(wrong)).unwrap();
    keep("a wrong client secret", &wrong.tracks().get(TRACK).await.unwrap_err());
    let nobody = AuthorizationCodeAuthenticator::new("id", "right");
    let nobody = SpotifyClient::new(config().with_authenticator(nobody)).unwrap();
    keep("nobody is logged in", &nobody.users().me().await.unwrap_err());
    let ended = RefreshRequest::confidential("id", "right", "ended");
    let ended = OAuthClient::new(&config()).request_token(ended).await.unwrap_err();
    keep("a login that has ended", &Error::Authenticator(AuthError::from(ended)));

    let (fake, spotify) = plain_client().await;
    keep("too many items", &spotify.playlists().add_items(PLAYLIST, uris(101)).await.unwrap_err());
    fake.next_api(said(404, "Resource not found", None));
    keep("a private playlist", &spotify.playlists().get(PLAYLIST).await.unwrap_err());
    let anna = fake.user("anna").without_playback();
    let anna = SpotifyClient::new(config().with_base_url(fake.base_url()).with_token(anna.token()));
    keep("no active device", &anna.unwrap().player().pause().await.unwrap_err());
    fake.next_api(said(403, "Insufficient client scope", None));
    keep("a scope is missing", &spotify.users().top_artists().await.unwrap_err());
    fake.next_api(said(403, "Player command failed: Premium required", Some("PREMIUM_REQUIRED")));
    keep("no Premium", &spotify.player().pause().await.unwrap_err());
    fake.next_api(said(401, "The access token expired", None));
    keep("a token that has expired", &spotify.users().me().await.unwrap_err());
    fake.next_api(FakeResponse::status(429).with_header("retry-after", "7"));
    keep("a limit without a rate limiter", &spotify.tracks().get(TRACK).await.unwrap_err());
    fake.next_api(FakeResponse::json(200, &json!({ "id": 5 })));
    keep("a response that cannot be read", &spotify.tracks().get(TRACK).await.unwrap_err());
    fake.next_api(FakeResponse::status(502));
    keep("a write that failed midway", &spotify.player().next().await.unwrap_err());
    fake.next_api(FakeResponse::json(201, &json!({ "snapshot_id": "s" })));
    fake.next_api(said(403, "You cannot add to this playlist", None));
    let batches = spotify.playlists().add_items_in_batches(PLAYLIST, uris(250));
    let failed = batches.await.unwrap_err();
    keep("a batch that failed", &failed);
    keep("the same by `?`", &Error::from(failed));
    fake.next_api(FakeResponse::status(502));
    let batches = spotify.playlists().add_items_in_batches(PLAYLIST, uris(250));
    keep("the first batch", &batches.await.unwrap_err());
    all
}

/// What a program prints whose `main` returns the error, all of it without secrets, numbers of ports
/// and words of the system. `UPDATE_ERRORS=1 cargo test error_reports` writes the file anew.
#[tokio::test]
async fn errors_print_what_failed_why_and_what_to_do() {
    let mut now = String::new();
    for (title, printed) in errors().await {
        writeln!(now, "--- {title}\nError: {printed}\n").unwrap();
    }
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/errors.txt");
    if std::env::var_os("UPDATE_ERRORS").is_some() {
        std::fs::write(file, &now).unwrap();
    }
    assert_eq!(now, std::fs::read_to_string(file).unwrap_or_default());
}

/// A test that returns an error ends as `main` does.
#[test]
fn a_process_whose_main_returns_an_error_prints_it() {
    if std::env::var_os("RETURNS_AN_ERROR").is_some() {
        return;
    }
    let mut command = this_test("error_reports::returned_from_main");
    let output = command.env("RETURNS_AN_ERROR", "1").output().unwrap();

    assert!(!output.status.success());
    let text =
        String::from_utf8(output.stderr).unwrap() + &String::from_utf8(output.stdout).unwrap();
    let expected = "Error: GET /v1/me could not be signed\n\nCaused by:\n    nobody is logged in; begin a login\n";
    assert!(text.contains(expected), "{text}");
}

#[tokio::test]
async fn returned_from_main() -> Result<(), Error> {
    if std::env::var_os("RETURNS_AN_ERROR").is_none() {
        return Ok(());
    }
    let fake = FakeSpotify::start().await.unwrap();
    let authenticator = AuthorizationCodeAuthenticator::new("id", "secret");
    let spotify = SpotifyClient::new(plain(&fake).with_authenticator(authenticator))?;
    spotify.users().me().await?;
    Ok(())
}

#[tokio::test]
async fn no_cause_is_left_out_and_structure_is_for_those_who_ask() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1/", listener.local_addr().unwrap());
    drop(listener);
    let config = SpotifyClientConfig::default().with_base_url(url).with_token("t0ken-s3cret");
    let spotify = SpotifyClient::new(config.without_retries()).unwrap();
    let error = spotify.tracks().get(TRACK).await.unwrap_err();

    let printed = format!("{error:?}");
    let mut cause = std::error::Error::source(&error);
    assert!(cause.is_some());
    while let Some(of) = cause {
        assert!(printed.contains(&of.to_string()), "{of} is not in {printed}");
        cause = of.source();
    }
    assert!(
        printed.ends_with("What to do:\n    Call again later: it may succeed without any change.")
    );
    let structure = format!("{error:#?}");
    assert!(structure.starts_with("Transport {\n    request: RequestLine {"), "{structure}");
    assert!(!(printed + &structure).contains("t0ken-s3cret"));
}

#[tokio::test]
async fn a_cause_of_several_lines_stays_within_its_place() {
    let error = AuthError::custom("outer", "one\ntwo");
    assert_eq!(format!("{error:?}"), "outer\n\nCaused by:\n    one\n       two");
    let error = Error::Authenticator(error);
    assert!(format!("{error:?}").contains("\n    0: outer\n    1: one\n       two"), "{error:?}");
}

#[tokio::test]
async fn only_words_about_scopes_need_a_login() {
    let (fake, spotify) = plain_client().await;
    let lacks = [Scope::UserModifyPlaybackState];
    for (status, message, reason, scopes) in [
        (403, "Insufficient client scope", None, &lacks[..]),
        (403, "insufficient_scope", None, &lacks),
        (401, "Permissions missing", None, &lacks),
        (403, "Permissions Missing", None, &lacks),
        (403, "Missing permissions", None, &lacks),
        (401, "Valid user authentication required", None, &lacks),
        (403, "Player command failed: Premium required", Some("PREMIUM_REQUIRED"), &[]),
        (403, "You cannot add tracks to a playlist you don't own.", None, &[]),
        (403, "", None, &[]),
        (401, "The access token expired", None, &[]),
        (404, "Insufficient client scope", None, &[]),
    ] {
        fake.next_api(said(status, message, reason));
        let error = spotify.player().pause().await.unwrap_err();
        assert_eq!(error.missing_scopes(), scopes, "{status} {message}");
        assert_eq!(error.needs_login(), !scopes.is_empty(), "{status} {message}");
        assert_eq!(error.reason(), reason);
        assert!(!error.is_no_active_device());
    }
    // Of a path nobody knows the scopes.
    fake.next_api(said(403, "Insufficient client scope", None));
    let error = spotify.get::<Value>("me/new").await.unwrap_err();
    assert!(error.needs_login() && error.missing_scopes().is_empty());
}

/// And none where the server names another reason.
#[tokio::test]
async fn a_403_names_a_scope_where_it_may_help() {
    let (fake, spotify) = plain_client().await;
    for (message, reason, names_scope) in [
        ("Insufficient client scope", None, true),
        ("", None, true),
        ("Forbidden", None, true),
        ("Forbidden.", None, true),
        ("Player command failed: Premium required", Some("PREMIUM_REQUIRED"), false),
        ("", Some("PREMIUM_REQUIRED"), false),
        ("You cannot add tracks to a playlist you don't own.", None, false),
        ("User not registered in the Developer Dashboard", None, false),
    ] {
        fake.next_api(said(403, message, reason));
        let error = spotify.player().pause().await.unwrap_err().to_string();
        assert_eq!(error.contains("scope user-modify"), names_scope, "{error}");
        fake.next_api(said(403, message, reason));
        let error = spotify.get::<Value>("me/new").await.unwrap_err().to_string();
        assert_eq!(error.contains("lacks a scope"), names_scope, "{error}");
    }
}

#[tokio::test]
async fn what_a_server_says_is_told_once_and_within_a_sentence() {
    let (fake, spotify) = plain_client().await;
    for (status, message, end) in [
        (404, "Not found.", "HTTP 404 Not Found; the playlist is not there"),
        (404, "Gone away.", "HTTP 404 Not Found: Gone away; the playlist is not there"),
        (404, " ... ", "HTTP 404 Not Found; the playlist is not there"),
        (401, "Token expired.", "HTTP 401 Unauthorized: Token expired; the token was rejected"),
    ] {
        fake.next_api(said(status, message, None));
        let error = spotify.playlists().get(PLAYLIST).await.unwrap_err().to_string();
        assert!(error.contains(end), "{error}");
    }
    fake.next_api(FakeResponse::status(503));
    let error = spotify.tracks().get(TRACK).await.unwrap_err().to_string();
    assert!(error.ends_with("HTTP 503 Service Unavailable"), "{error}");
}

/// A ban may be for a day.
#[tokio::test]
async fn a_long_wait_is_told_in_hours_and_minutes() {
    let (fake, spotify) = plain_client().await;
    for (seconds, told) in [
        ("0", "0 s"),
        ("7199", "7199 s"),
        ("7200", "2 h 0 min"),
        ("80000", "22 h 14 min"),
        ("86340", "23 h 59 min"),
    ] {
        fake.next_api(FakeResponse::status(429).with_header("retry-after", seconds));
        let error = spotify.tracks().get(TRACK).await.unwrap_err();
        assert!(error.to_string().ends_with(&format!("; retry in {told}")), "{error}");
        assert!(format!("{error:?}").ends_with(&format!("Call again in {told}.")), "{error:?}");
    }
}

#[test]
fn scopes_that_a_login_lacks_are_named() {
    let missing = vec!["user-read-email".to_owned(), "new-scope".into(), "streaming".into()];
    for error in [
        Error::Authenticator(AuthError::MissingScopes { missing: missing.clone() }),
        Error::Unsettled(AuthError::MissingScopes { missing }),
    ] {
        assert_eq!(error.missing_scopes(), [Scope::UserReadEmail, Scope::Streaming]);
        assert!(error.needs_login());
    }
}

#[tokio::test]
async fn a_player_without_a_device_is_told_by_reason_or_message() {
    let (fake, spotify) = plain_client().await;
    for (message, reason, expected) in [
        ("Player command failed: No active device found", Some("NO_ACTIVE_DEVICE"), true),
        ("anything", Some("NO_ACTIVE_DEVICE"), true),
        ("Player command failed: No active device found", None, true),
        ("NO ACTIVE DEVICE", None, true),
        ("Device not found", None, false),
        ("No active device", Some("UNKNOWN"), false),
        ("Service not found", None, false),
    ] {
        fake.next_api(said(404, message, reason));
        let error = spotify.player().pause().await.unwrap_err();
        assert_eq!(error.is_no_active_device(), expected, "{message} {reason:?}");
    }
}

/// Also of a call that ran out of time after it.
#[tokio::test]
async fn the_last_attempt_of_a_call_that_ran_out_of_time_has_its_reason() {
    let fake = FakeSpotify::start().await.unwrap();
    let pause = Duration::from_millis(1);
    let backoff = Backoff::new(pause, 1.0, pause).unwrap();
    let options = RetryOptions::default().with_retries(1).with_backoff(backoff);
    let config = fake.config().with_token(fake.user_token()).with_retries(options);
    let spotify = SpotifyClient::new(config).unwrap();
    fake.next_api(said(503, "later", Some("BUSY")));
    fake.next_api(FakeResponse::never());

    let call = spotify.tracks().get(TRACK).deadline(Duration::from_millis(300));
    let error = call.await.unwrap_err();

    assert!(matches!(error, Error::DeadlineExceeded { .. }), "{error:#?}");
    assert_eq!(error.reason(), Some("BUSY"));
}

#[tokio::test]
async fn a_404_of_a_playlist_says_that_it_may_be_private_and_no_other_does() {
    let (fake, spotify) = plain_client().await;
    let playlists = spotify.playlists();
    let of_playlist = |error: &Error| error.to_string().contains("is private");
    for _ in 0..4 {
        fake.next_api(FakeResponse::status(404));
    }
    assert!(of_playlist(&playlists.items(PLAYLIST).await.unwrap_err()));
    assert!(of_playlist(&playlists.add_items(PLAYLIST, uris(1)).await.unwrap_err()));
    assert!(of_playlist(&playlists.cover(PLAYLIST).await.unwrap_err()));
    assert!(of_playlist(
        &spotify.get::<Value>(&format!("playlists/{PLAYLIST}")).await.unwrap_err()
    ));
    for path in ["me/playlists", "users/x/playlists", "tracks/x", "browse/categories/x/playlists"] {
        fake.next_api(FakeResponse::status(404));
        assert!(!of_playlist(&spotify.get::<Value>(path).await.unwrap_err()), "{path}");
    }
    fake.next_api(FakeResponse::status(500));
    assert!(!of_playlist(&playlists.cover(PLAYLIST).await.unwrap_err()));
}

#[tokio::test]
async fn question_mark_makes_an_error_of_a_failed_batch() {
    async fn adds(spotify: &SpotifyClient) -> Result<(), Error> {
        spotify.library().save_in_batches(uris(90)).await?;
        Ok(())
    }
    let (fake, spotify) = plain_client().await;
    fake.next_api(FakeResponse::status(404));
    let error = adds(&spotify).await.unwrap_err();
    assert!(matches!(error, Error::Api { .. }), "{error:#?}");
    fake.next_api(FakeResponse::status(200));
    fake.next_api(FakeResponse::status(404));
    let Error::PartlyCarriedOut(error) = adds(&spotify).await.unwrap_err() else { panic!() };
    let BatchError { done, total, snapshot, source, .. } = *error;
    assert_eq!((done, total, snapshot), (40, 90, None));
    assert_eq!(source.status().unwrap().as_u16(), 404);
}
