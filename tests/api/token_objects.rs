//! Which object of an odd response to a token request counts; P25.

use spotify_web::oauth::{
    OAuthClient, OAuthError, OAuthErrorCode, RefreshRequest, RefreshToken, Token,
};
use spotify_web::testing::{FakeResponse, FakeSpotify};

const SENT: &str = "the-refresh-token";
const OLD: &str = r#"{"access_token":"OLD","token_type":"Bearer","expires_in":3600}"#;
const REAL: &str = r#"{"access_token":"REAL","token_type":"Bearer","expires_in":3600}"#;

/// What stands before a refusal is of a log: the token that has ended.
#[tokio::test]
async fn a_refusal_behind_a_token_is_a_refusal() {
    for code in ["invalid_grant", "invalid_client", "temporarily_unavailable"] {
        let refusal = format!(r#"{{"error":"{code}","error_description":"revoked"}}"#);
        let with_sent = OLD.replace('}', r#","refresh_token":"the-refresh-token"}"#);
        for body in [
            format!("{OLD}{refusal}"),
            format!("DEBUG known: {OLD}\n{refusal}\n"),
            format!("{with_sent}\n{refusal}"),
            format!("{OLD}{with_sent}<p>{refusal}</p>"),
        ] {
            let error = ask(&body).await.unwrap_err();
            assert!(matches!(error, OAuthError::Rejected { .. }), "{body}: {error:?}");
            assert_eq!(error.code(), Some(&OAuthErrorCode::from(code)), "{body}");
        }
    }
}

/// One that was rotated is kept all the same.
#[tokio::test]
async fn a_new_refresh_token_before_a_refusal_is_kept() {
    let body = r#"{"access_token":"A","refresh_token":"NEW"}{"error":"invalid_grant"}"#;

    let error = ask(body).await.unwrap_err();

    assert_eq!(refresh_token(&error), Some("NEW"), "{error:?}");
    assert_eq!(error.code(), Some(&OAuthErrorCode::InvalidGrant));
}

/// The token is the response, whatever a log tells of before or behind it.
#[tokio::test]
async fn a_token_is_taken_beside_what_is_no_refusal_of_it() {
    for body in [
        format!(r#"{{"error":"invalid_grant"}}{REAL}"#),
        format!(r#"{OLD}{{"error":"invalid_grant"}}{{"x":1}}{REAL}"#),
        format!(r#"{REAL}{{"error":"slow query","took":3}}"#),
        format!(r#"{REAL}{{"level":"warn","error":null}}"#),
        format!(r#"{REAL}{{"error":"invalid_gra"#),
    ] {
        let token = ask(&body).await.unwrap_or_else(|error| panic!("{body}: {error:?}"));
        assert_eq!(token.access_token.expose(), "REAL", "{body}");
    }
}

/// An object that has no end, and ends with what the request was for.
#[tokio::test]
async fn a_refresh_token_within_an_object_without_an_end_is_kept() {
    let whole = r#"{"access_token":"A","refresh_token":"NEW"}"#;
    let open = r#"{"access_token":"A","refresh_token":"NEW","user":{"id":"#;
    for body in [
        format!(r#"{{"status":"ok","data":{whole}"#),
        format!("{{\"status\":\"ok\",\"data\":{whole}\n\n"),
        format!(r#"{{"took":NaN,"data":{{"token":{whole}"#),
        format!(r#"{{"data":{open}"#),
        format!(r#"{{"data":{{"token":{open}"#),
        format!(r#"log: {{"x":{{}},"data":{open}5}},"expires_in":36"#),
    ] {
        let error = ask(&body).await.unwrap_err();
        assert_eq!(refresh_token(&error), Some("NEW"), "{body}: {error:?}");
    }
}

/// What stands before more of the object around it speaks of something else; and what was sent is
/// no news.
#[tokio::test]
async fn what_an_object_without_an_end_has_passed_over_is_no_token() {
    let example = r#"{"access_token":"A","refresh_token":"example"}"#;
    let sent = format!(r#"{{"refresh_token":"{SENT}"}}"#);
    for body in [
        format!(r#"{{"example":{example},"error""#),
        format!(r#"{{"example":{example},"data":{{"x":1"#),
        format!(r#"{{"request":{sent}"#),
        format!(r#"{{"example":{example}}}"#),
    ] {
        let error = ask(&body).await.unwrap_err();
        assert_eq!(refresh_token(&error), None, "{body}: {error:?}");
    }
    let body = format!(r#"{{"refresh_token":"NEW","example":{example}"#);
    assert_eq!(refresh_token(&ask(&body).await.unwrap_err()), Some("NEW"));
}

fn refresh_token(error: &OAuthError) -> Option<&str> {
    error.token()?.refresh_token.as_ref().map(RefreshToken::expose)
}

/// A refresh that gets this body, with HTTP 200.
async fn ask(body: &str) -> Result<Token, OAuthError> {
    let fake = FakeSpotify::start().await.unwrap();
    fake.next_token(FakeResponse::body(200, "application/json", body));
    OAuthClient::new(&fake.config()).request_token(RefreshRequest::public("id", SENT)).await
}
