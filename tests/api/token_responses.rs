//! Whatever the accounts service responds, there is a token or a clear typed error.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use spotify_web::auth::{AuthError, CredentialsAuthenticator};
use spotify_web::oauth::{
    AuthorizationCodeRequest, ClientCredentialsRequest, Login, OAuthClient, OAuthError,
    OAuthErrorCode, RefreshRequest, RefreshToken, Token,
};
use spotify_web::testing::{FakeResponse, FakeSpotify, Fault, FaultProxy};
use spotify_web::{Error, SpotifyClient, SpotifyClientConfig};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::common::{PausedTime, TRACK};

#[tokio::test]
async fn html_with_503_is_transient() {
    let response = FakeResponse::body(503, "text/html", "<h1>Service Unavailable</h1>");
    let error = ask(response.with_header("retry-after", "7")).await.unwrap_err();

    assert_eq!(
        error.to_string(),
        "the response to the token request is HTTP 503 Service Unavailable"
    );
    assert_eq!(error.status(), Some(StatusCode::SERVICE_UNAVAILABLE));
    assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
    assert!(error.is_transient());
}

#[tokio::test]
async fn bodies_without_a_token_say_what_is_wrong() {
    for (body, reason) in [
        ("", "it has no JSON object"),
        ("{\"access_token\":\"secret", "it breaks off at line 1"),
        ("{\"access_token\":\"secret\"", "it breaks off at line 1"),
        ("<html>", "it has no JSON object"),
        ("<style>a { color: red }</style>", "it has no JSON object"),
        ("[]", "it has no JSON object"),
        ("{}", "access_token is missing"),
        ("{\"access_token\":null}", "access_token is missing"),
        ("{\"access_token\":\"\"}", "access_token is missing"),
        ("{\"access_token\":5}", "access_token is missing, empty or not a string"),
        ("{\"access_token\":\"a\\nb\"}", "characters that cannot be sent"),
    ] {
        let error = ask(FakeResponse::body(200, "application/json", body)).await.unwrap_err();
        assert!(matches!(error, OAuthError::NoToken { .. }), "{body}: {error:?}");
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
        let error = ask(FakeResponse::json(400, &body)).await.unwrap_err();

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
        assert!(
            ask(FakeResponse::json(status, &body)).await.unwrap_err().is_transient(),
            "{status}"
        );
    }
}

/// What stands in front of the accounts service, or a page of a captive portal, is no refusal,
/// whatever its status.
#[tokio::test]
async fn what_is_not_an_oauth_error_is_transient() {
    let bodies =
        ["", "<html>", "{}", "null", "[]", r#"{"error":{"status":404}}"#, r#"{"error":""}"#];
    for status in [200, 204, 302, 400, 401, 403, 404, 405, 407, 413, 421, 425, 451, 501, 505, 511] {
        for body in bodies {
            let error = ask(FakeResponse::body(status, "text/html", body)).await.unwrap_err();
            assert!(error.is_transient(), "{status} {body}: {error:?}");
        }
    }
    for status in [200, 403, 404, 421, 425] {
        for code in ["Not Found", "forbidden", "maintenance"] {
            let error =
                ask(FakeResponse::json(status, &json!({ "error": code }))).await.unwrap_err();
            assert!(error.is_transient(), "{status} {code}: {error:?}");
        }
        for code in ["invalid_client", "invalid_grant", "unauthorized_client", "invalid_scope"] {
            let error =
                ask(FakeResponse::json(status, &json!({ "error": code }))).await.unwrap_err();
            assert!(!error.is_transient(), "{status} {code}: {error:?}");
        }
    }
}

/// A server that repeats what it was sent does not get it into our errors.
#[tokio::test]
async fn a_description_cannot_repeat_a_secret() {
    let body = json!({ "error": "invalid_client", "error_description": "wrong: the-secret" });
    let error = ask(FakeResponse::json(400, &body)).await.unwrap_err();

    assert!(error.to_string().contains("wrong: [redacted]"), "{error}");
    assert!(!format!("{error:?}").contains("the-secret"));
}

/// P63: whatever the secrets look like, the code is the one that was sent.
#[tokio::test]
async fn an_error_code_is_never_scrubbed() {
    for code in ["invalid_client", "invalid_grant", "slow_down", "x", "unauthorized_client"] {
        for secret in ["client", "r", "invalid_grant", "_", "slow_down!", "in", "unauthorized"] {
            let body = json!({ "error": code });
            let error = ask_with(secret, FakeResponse::json(400, &body)).await.unwrap_err();
            assert_eq!(error.code(), Some(&OAuthErrorCode::from(code)), "{secret}: {error}");
        }
    }
}

/// One that is no code of the standard, and repeats a secret, is a secret in the wrong place.
#[tokio::test]
async fn a_secret_in_place_of_a_code_does_not_show() {
    for code in ["the-long-secret", "wrong secret: the-long-secret", "the-\u{7}long-secret"] {
        let body = json!({ "error": code });
        let error = ask_with("the-long-secret", FakeResponse::json(400, &body)).await.unwrap_err();
        assert!(matches!(error, OAuthError::Status { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_description_never_shows_a_secret_and_is_never_mangled() {
    for (secret, sent, shown) in [
        ("r", "Refresh token revoked", "Refresh token revoked"),
        ("lien", "Invalid client", "Invalid client"),
        ("client", "see invalid_client", "see invalid_client"),
        ("client", "Invalid client", "[redacted]"),
        ("hunter2", "wrong secret: hunter2", "[redacted]"),
        ("hunter2", "'hunter2'", "[redacted]"),
        ("hunter2", "hunt\u{0}er2", "[redacted]"),
        ("correct horse", "not `correct horse`!", "not `[redacted]`!"),
        ("a-long-secret", "a-long-secreta-long-secret", "[redacted]"),
        ("a-long-secret", "wrong: a-long-secre...", "wrong: [redacted]..."),
        ("a-long-secret", "a-long\u{1}-secret", "[redacted]"),
        // As it was sent.
        ("a long&secret", "client_secret=a+long%26secret", "client_secret=[redacted]"),
        ("a-long-secret", "Basic aWQ6YS1sb25nLXNlY3JldA==", "Basic [redacted]"),
    ] {
        let body = json!({ "error": "invalid_client", "error_description": sent });
        let error = ask_with(secret, FakeResponse::json(401, &body)).await.unwrap_err();
        let OAuthError::Rejected { description, .. } = error else { panic!("{error:?}") };
        assert_eq!(description.as_deref(), Some(shown), "{secret}: {sent}");
    }
}

/// P25: none of it can be used, and the refresh token may be the only one that still works.
#[tokio::test]
async fn a_refresh_token_survives_whatever_is_around_it() {
    for (what, status, body) in [
        ("no access token", 200, r#"{"refresh_token":"kept-token"}"#),
        ("null", 200, r#"{"access_token":null,"refresh_token":"kept-token"}"#),
        ("a number", 200, r#"{"access_token":7,"refresh_token":"kept-token"}"#),
        ("a list", 200, r#"{"access_token":["a"],"refresh_token":"kept-token"}"#),
        ("an object", 200, r#"{"access_token":{"value":"a"},"refresh_token":"kept-token"}"#),
        ("nothing that can be sent", 200, r#"{"access_token":"a b","refresh_token":"kept-token"}"#),
        (
            "another type",
            200,
            r#"{"access_token":"a","token_type":"mac","refresh_token":"kept-token"}"#,
        ),
        (
            "no lifetime",
            200,
            r#"{"access_token":"a","expires_in":-1,"refresh_token":"kept-token"}"#,
        ),
        ("an error beside it", 200, r#"{"error":"server_error","refresh_token":"kept-token"}"#),
        ("an error status", 500, r#"{"access_token":"a","refresh_token":"kept-token"}"#),
        ("a refusal", 400, r#"{"error":"invalid_grant","refresh_token":"kept-token"}"#),
        ("no end", 200, r#"{"access_token":"a","refresh_token":"kept-token""#),
        ("an end within a string", 200, r#"{"refresh_token":"kept-token","access_token":"a"#),
        ("no JSON after it", 200, r#"{"refresh_token":"kept-token",oops}"#),
        ("an object after it", 200, r#"{"refresh_token":"kept-token",{"error":"x"}"#),
        ("an empty one after it", 200, r#"{"refresh_token":"kept-token","refresh_token":""}"#),
        ("a null after it", 200, r#"{"refresh_token":"kept-token","refresh_token":null}"#),
        ("no number that fits", 200, r#"{"expires_in":1e999,"refresh_token":"kept-token"}"#),
        ("half a letter", 200, r#"{"scope":"\ud800","refresh_token":"kept-token"}"#),
        ("a log before it", 200, r#"{"error":"slow"}{"refresh_token":"kept-token","scope":"#),
        ("a comma too many", 200, r#"{"refresh_token":"kept-token","x":{"access_token":"b"},}"#),
        (
            "a number that is none",
            200,
            r#"{"refresh_token":"kept-token","x":NaN,"y":{"error":"x"}}"#,
        ),
    ] {
        let response = FakeResponse::body(status, "application/json", body);
        let error = ask(response.with_header("retry-after", "5")).await.unwrap_err();

        let kept = error.token().and_then(|token| token.refresh_token.as_ref());
        assert_eq!(kept.map(RefreshToken::expose), Some("kept-token"), "{what}: {error:?}");
        assert!(error.is_transient(), "{what}: it can be used at once");
        assert!(error.token().unwrap().expires_in.is_zero());
        assert_eq!(error.retry_after(), Some(Duration::from_secs(5)));
        assert!(!format!("{error} {error:?}").contains("kept-token"), "{error:?}");
    }
}

/// P25: nor does a value before it that is no JSON cost it.
#[tokio::test]
async fn a_refresh_token_survives_whatever_stands_before_it() {
    for value in [
        "NaN",
        "-Infinity",
        "03600",
        "+3600",
        "3600.",
        ".5e4",
        "0x0E10",
        "3600L",
        "None",
        "'3600'",
        "",
        "2026-11-26",
        "\"a\ttab\"",
        "\"\\x\"",
        "[1,]",
        "{\"a\":NaN,\"refresh_token\":\"other\"}",
    ] {
        for status in [200, 500] {
            let body = format!(
                r#"{{"expires_in":{value},"refresh_token":"kept-token","access_token":"a","x":[{{"refresh_token":"other"}}]}}"#
            );
            let error =
                ask(FakeResponse::body(status, "application/json", body)).await.unwrap_err();

            let kept = error.token().and_then(|token| token.refresh_token.as_ref());
            assert_eq!(kept.map(RefreshToken::expose), Some("kept-token"), "{value}: {error:?}");
        }
    }
}

/// P25: what is odd about it is nothing that the token needs.
#[tokio::test]
async fn a_token_is_read_from_an_odd_response() {
    let good = r#"{"access_token":"a","token_type":"BEARER","expires_in":60,"refresh_token":"r"}"#;
    let deep = format!(r#"{{"x":{}{},{}"#, "[".repeat(9000), "]".repeat(9000), &good[1..]);
    let mut latin = br#"{"scope":"caf"#.to_vec();
    latin.extend(b"\xe9\",");
    latin.extend(&good.as_bytes()[1..]);
    for (what, status, body) in [
        ("as it should be", 200, good.as_bytes().to_vec()),
        ("status 201", 201, good.as_bytes().to_vec()),
        ("status 202", 202, good.as_bytes().to_vec()),
        ("a byte order mark", 200, format!("\u{feff}{good}").into()),
        ("white space", 200, format!("\r\n\t {good} \n").into()),
        ("something after it", 200, format!("{good}\n<!-- 12 ms -->").into()),
        ("something before it", 200, format!("<br>Warning: x\n{good}").into()),
        ("another after it", 200, format!("{good}{good}").into()),
        ("a list", 200, format!("[{good}]").into()),
        (
            "a key twice",
            200,
            format!(r#"{{"access_token":"b","expires_in":7,{}"#, &good[1..]).into(),
        ),
        ("an unusable key first", 200, format!(r#"{{"access_token":null,{}"#, &good[1..]).into()),
        ("unknown keys, deep", 200, deep.into()),
        ("an error of null", 200, format!(r#"{{"error":null,{}"#, &good[1..]).into()),
        ("an error of nothing", 200, format!(r#"{{"error":"",{}"#, &good[1..]).into()),
        ("another encoding", 200, latin),
        ("braces before it", 200, format!("{{main}} {{closure}} {{\n{good}").into()),
        ("many braces before it", 200, format!("{}{good}", "{main} ".repeat(5_000)).into()),
        ("a broken object before it", 200, format!(r#"{{"a" => 1}} {good}"#).into()),
        ("many before it", 200, format!("{}{good}", r#"{"a" => {"b" => 1}}"#.repeat(30)).into()),
        ("a whole one before it", 200, format!(r#"{{"level":"warn","x":{{}}}}{good}"#).into()),
        ("an empty one before it", 200, format!("{{ }} {good}").into()),
        (
            "a whole log before it",
            200,
            format!("{}{good}", "{\"level\":\"info\"}\n".repeat(2_000)).into(),
        ),
        (
            "a broken dump before it",
            200,
            format!("{}{good}", r#"{"a" => 1} "#.repeat(3_000)).into(),
        ),
        (
            "a logged error before it",
            200,
            format!(r#"{{"error":"slow","level":"warn"}}{good}"#).into(),
        ),
        (
            "a logged error after it",
            200,
            format!(r#"{good}{{"error":"slow","level":"warn"}}"#).into(),
        ),
        ("a logged type before it", 200, format!(r#"{{"token_type":"request"}}{good}"#).into()),
        (
            "the request before it",
            200,
            format!(r#"{{"grant_type":"refresh_token","refresh_token":"the-secret"}}{good}"#)
                .into(),
        ),
        (
            "the token before it",
            200,
            format!(r#"{{"access_token":"old","refresh_token":"the-secret"}}{good}"#).into(),
        ),
        (
            "an access token alone before it",
            200,
            format!(r#"{{"access_token":"old"}}{good}"#).into(),
        ),
        (
            "an access token and its lifetime before it",
            200,
            format!(r#"{{"access_token":"old","expires_in":5}}{good}"#).into(),
        ),
        ("an access token alone after it", 200, format!(r#"{good}{{"access_token":"b"}}"#).into()),
        ("an open dump before it", 200, format!(r#"{{"debug": "began at {{ {good}"#).into()),
        (
            "an open dump of a line before it",
            200,
            format!("DEBUG {{\"request\": {{\"grant_type\"...\n{good}").into(),
        ),
        (
            "one that breaks off before it",
            200,
            format!(r#"{{"access_token":"c","refresh_token":"d", oops {good}"#).into(),
        ),
    ] {
        let token = ask(FakeResponse::body(status, "text/html", body)).await;
        let token = token.unwrap_or_else(|error| panic!("{what}: {error:?}"));
        assert_eq!(token.access_token.expose(), "a", "{what}");
        assert_eq!(token.expires_in.as_secs(), 60, "{what}");
        assert_eq!(token.refresh_token.unwrap().expose(), "r", "{what}");
    }
}

/// P25: what stands in place of a token is none, so that it replaces none.
#[tokio::test]
async fn a_mask_or_a_word_in_place_of_a_refresh_token_is_none() {
    for mask in ["This field is required.", "[FILTERED]", "***", "AQBx***", "xxxxxxxx", "<hidden>"]
    {
        for status in [200, 400, 503] {
            let body = json!({ "error": "invalid_request", "refresh_token": mask });
            let error = ask(FakeResponse::json(status, &body)).await.unwrap_err();
            assert!(error.token().is_none(), "{status} {mask}: {error:?}");
            assert!(error.code().is_some(), "{status} {mask}: {error:?}");
        }
        let broken = format!(r#"{{"expires_in":NaN,"refresh_token":"{mask}"}}"#);
        let error = ask(FakeResponse::body(200, "text/html", broken)).await.unwrap_err();
        assert!(error.token().is_none(), "{mask}: {error:?}");
    }
    for word in ["required", "invalid_token", "Expired"] {
        let body = json!({ "error": "invalid_request", "refresh_token": word });
        let error = ask(FakeResponse::json(400, &body)).await.unwrap_err();
        assert!(error.token().is_none(), "{word}: {error:?}");
    }
}

/// As servers of tests and counters have them.
#[tokio::test]
async fn a_token_of_one_letter_is_none_that_is_covered() {
    for text in ["aaa".to_owned(), "0".repeat(200), "x".repeat(200), "x*y".to_owned()] {
        let body = json!({ "access_token": text, "refresh_token": text, "token_type": "Bearer" });
        let token = ask(FakeResponse::json(200, &body)).await.unwrap();
        assert_eq!(token.access_token.expose(), text);
        assert_eq!(token.refresh_token.unwrap().expose(), text);
    }
}

/// P25: what a log shows of the tokens before stands before the response.
#[tokio::test]
async fn a_token_is_read_from_behind_what_a_log_shows_of_others() {
    let response = r#"{"access_token":"a","token_type":"Bearer","expires_in":60}"#;
    let rotated = r#"{"access_token":"a","expires_in":60,"refresh_token":"r"}"#;
    let masked = |mask: &str| {
        format!(
            r#"{{"access_token":"{mask}","token_type":"x","scope":"","refresh_token":"{mask}"}}"#
        )
    };
    for (log, response, refresh_token) in [
        (
            r#"I, Parameters: {"grant_type":"refresh_token","refresh_token":"[FILTERED]"}"#.into(),
            response,
            None,
        ),
        (masked("[FILTERED]"), response, None),
        (masked("[FILTERED]"), rotated, Some("r")),
        (masked("***"), rotated, Some("r")),
        // Those of a response before.
        (masked("old-token"), rotated, Some("r")),
    ] {
        let body = format!("{log}\n{response}");
        let token = ask(FakeResponse::body(200, "application/json", body.clone())).await;
        let token = token.unwrap_or_else(|error| panic!("{body}: {error:?}"));
        assert_eq!(token.access_token.expose(), "a", "{body}");
        let came = token.refresh_token.as_ref().map(RefreshToken::expose);
        assert_eq!(came, refresh_token, "{body}");
    }
}

/// P63: what is wrong may stand behind the name of a secret, too.
#[tokio::test]
async fn a_code_that_has_the_name_of_a_secret_as_well_is_kept() {
    for (code, name) in [
        ("account_suspended", "code"),
        ("refresh_token_revoked", "code"),
        ("mfa_required", "mfa_token"),
        ("ACCOUNT_SUSPENDED", "code"),
    ] {
        let body = json!({ "error": code, name: code });
        let error = ask(FakeResponse::json(400, &body)).await.unwrap_err();
        assert_eq!(error.code(), Some(&OAuthErrorCode::from(code)), "{name}: {error:?}");
    }
}

/// What a response says about a secret of its own accord is as good as a secret to nobody.
#[tokio::test]
async fn a_description_is_not_mangled_by_what_is_said_behind_the_name_of_a_secret() {
    for (name, value, sent) in [
        ("refresh_token", json!(["This field is required."]), "refresh_token is required"),
        ("refresh_token", json!("Must be at most 255 characters."), "at most 255 characters."),
        ("token", json!("expired"), "the grant has expired"),
        ("token", json!("refresh token"), "the refresh token has ended"),
        ("client_secret", json!("no"), "no such client"),
        ("code", json!("refresh_token_revoked"), "refresh_token_revoked by the user"),
    ] {
        let body = json!({ "error": "invalid_grant", "error_description": sent, name: value });
        let error = ask(FakeResponse::json(400, &body)).await.unwrap_err();
        let OAuthError::Rejected { description, .. } = error else { panic!("{error:?}") };
        assert_eq!(description.as_deref(), Some(sent), "{name}: {value}");
    }
    // One among the words is one all the same.
    let description = "void: HIDDEN-token/1";
    let body =
        json!({ "error": "x", "error_description": description, "token": "Bearer HIDDEN-token/1" });
    let error = ask(FakeResponse::json(400, &body)).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("HIDDEN"), "{error:?}");
}

/// An object within another is about something else, such as the request or the token before.
#[tokio::test]
async fn a_token_within_another_object_is_none() {
    let inner = r#"{"access_token":"a","token_type":"bearer","refresh_token":"r"}"#;
    for body in [
        format!(r#"{{"request":{inner}}}"#),
        format!(r#"{{"request":{inner},"error""#),
        format!(r#"{{"took":NaN,"example":{inner}}}"#),
        format!(r#"{{"example":{inner},}}"#),
        format!(r#"{{"text":"a \"quoted\" }} brace", took: 5, "list":[{inner}]}}"#),
    ] {
        let error = ask(FakeResponse::body(200, "application/json", body)).await.unwrap_err();
        assert!(matches!(error, OAuthError::NoToken { .. }), "{error:?}");
        assert!(error.token().is_none());
    }
}

/// What a page shows that tells of an error is an example, or somebody else's: taken for a rotated
/// refresh token, it would end the login.
#[tokio::test]
async fn a_token_in_the_page_of_an_error_is_none() {
    let example = r#"{"access_token":"a","token_type":"bearer","refresh_token":"example-token"}"#;
    for status in [301, 400, 401, 404, 429, 500, 502] {
        for body in [
            format!("<html>Bad gateway <script>let x = {example}</script>"),
            format!(r#"{{"error":"server_error"}} see {example}"#),
            format!(r#"{{"error":"server_error","example":{example},}}"#),
            format!(r#"{{"level":"warn"}}{example}"#),
            format!("[{example}]"),
        ] {
            let error =
                ask(FakeResponse::body(status, "text/html", body.as_str())).await.unwrap_err();
            assert!(error.token().is_none(), "{status} {body}: {error:?}");
            assert_eq!(
                error.code().is_some(),
                body.contains("error\""),
                "{status} {body}: {error:?}"
            );
        }
    }
}

/// Which object of a response is taken decides nothing about what is secret in it.
#[tokio::test]
async fn a_token_that_is_passed_over_does_not_show_either() {
    let refusal = r#"{"error":"invalid_request","error_description":"no use for hidden-token"}"#;
    for (status, body) in [
        (400, format!(r#"{refusal}{{"refresh_token":"hidden-token"}}"#)),
        (400, format!(r#"{refusal}<p>{{"access_token":"hidden-token"}}"#)),
        (200, format!(r#"{{"access_token":"hidden-token",}}{refusal}"#)),
    ] {
        let error = ask(FakeResponse::body(status, "text/html", body.as_str())).await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hidden"), "{body}: {error:?}");
        assert!(error.code().is_some(), "{body}: {error:?}");
    }
}

/// Nor does any other that a response names, however deep it is and however broken the response.
#[tokio::test]
async fn a_secret_that_a_response_names_does_not_show() {
    let refusal =
        r#""error":"invalid_request","error_description":"void: HIDDEN-token/1 or HIDDEN-token/2""#;
    for body in [
        r#"{"data":{"access_token":"HIDDEN-token/1","x":[{"refresh_token":"HIDDEN-token/2"}]},REFUSAL}"#,
        r#"{"id_token":"HIDDEN-token/1","device_code":"HIDDEN-token/2",REFUSAL}"#,
        r#"{"access_token":"HIDDEN-token/1","access_token":"HIDDEN-token/2","access_token":"x",REFUSAL}"#,
        r#"{"access_token":"HIDDEN-token/1","access_token":null,"code":"HIDDEN-token/2",REFUSAL}"#,
        r#"{"Access_Token":"HIDDEN-token/1","CLIENT_SECRET":"HIDDEN-token/2",REFUSAL}"#,
        r#"{"accessToken":"HIDDEN-token/1","clientSecret":"HIDDEN-token/2",REFUSAL}"#,
        r#"{"access_token":["HIDDEN-token/1"],"tokens":[{"value":"HIDDEN-token/2"}],REFUSAL}"#,
        r#"{"token":{"value":{"jwt":"HIDDEN-token/1"}},"token":"HIDDEN-token/2",REFUSAL}"#,
        r#"{"access_token":"HIDDEN-token\/1","id_token":"HIDDEN-token\/2",REFUSAL}"#,
        r#"{REFUSAL,"debug":"{"access_token":"HIDDEN-token/1","x":"{\"code\":\"HIDDEN-token\/2\"}"}"}"#,
        r#"{REFUSAL,"request":"grant_type=refresh_token&refresh_token=HIDDEN-token/1&client_secret=HIDDEN-token/2"}"#,
        r#"{REFUSAL,"access_token":'HIDDEN-token/1',"id_token":HIDDEN-token/2}"#,
        r#"{REFUSAL,access_token:'HIDDEN-token/1',id_token : "HIDDEN-token/2",}"#,
        r#"{REFUSAL,"x":NaN,"y":{"access_token" => "HIDDEN-token/1","id_token" = "HIDDEN-token/2"}}"#,
        r#"DEBUG " {REFUSAL}{"access_token":"HIDDEN-token/1","code_verifier":"HIDDEN-token/2"}"#,
        r#"{REFUSAL}{"access_token":"HIDDEN-token/1"} {"id_token":"HIDDEN-token/2"#,
        r#"{REFUSAL,"access_token":"HIDDEN-token/1"} and "id_token": "HIDDEN-token/2"#,
    ] {
        for status in [200, 400] {
            let body = body.replace("REFUSAL", refusal);
            let result = ask(FakeResponse::body(status, "text/html", body.as_str())).await;
            let shown = result.as_ref().map_or_else(ToString::to_string, |_| String::new());
            assert!(!format!("{shown} {result:?}").contains("HIDDEN"), "{body}: {result:?}");
        }
    }
}

/// What a response says beside its secrets is shown.
#[tokio::test]
async fn what_is_no_secret_is_left_in_a_description() {
    for (rest, description) in [
        (r#""token_type":"bearer","scope":"user-read""#, "no bearer for user-read-email"),
        (r#""token":null,"code":400,"id_token":"""#, "null is no token, 400"),
        (
            r#""error_code":"expired_assertion","trace":"1f2e3d4c5b"#,
            "see 1f2e3d4c5b: expired_assertion",
        ),
        (r#""token":{"name":"session","kind":"opaque"}"#, "the session has expired: name, opaque"),
        (r#""expires_in":3600"#, "the refresh token: malformed; code: 'wrong'"),
    ] {
        let body =
            format!(r#"{{"error":"invalid_request","error_description":"{description}",{rest}}}"#);
        let error = ask(FakeResponse::body(400, "application/json", body)).await.unwrap_err();
        let OAuthError::Rejected { description: shown, .. } = error else { panic!("{error:?}") };
        assert_eq!(shown.as_deref(), Some(description));
    }
}

/// A body of nothing but beginnings takes no longer than one of text.
#[tokio::test]
async fn hostile_bodies_are_read_in_a_bounded_time() {
    for body in [
        "{".repeat(60_000),
        "{\"".repeat(30_000),
        "{\"a\":".repeat(12_000),
        // Each is read to the end before it turns out to be none.
        format!("{}x", "{\"a\":".repeat(12_000)),
        format!("{}\n}}", "{\"\n".repeat(20_000)),
        format!("{}NaN}}", "{\"a\":{\"refresh_token\":1".repeat(2_000)),
        "\"token\":[{".repeat(6_000),
        "\"token\":\"".repeat(6_000),
        "token=token:'".repeat(5_000),
        "{}".repeat(30_000),
    ] {
        ask(FakeResponse::body(200, "application/json", body)).await.unwrap_err();
    }
}

/// P25: some servers send errors with a success status.
#[tokio::test]
async fn an_error_code_is_read_under_any_status() {
    for status in [200, 201, 302, 400, 401, 403, 503] {
        for body in [
            r#"{"error":"invalid_grant","error_description":"as it is"}"#,
            r#"{"access_token":null,"error":"invalid_grant","error_description":"as it is"}"#,
            "\u{feff}{\"error\":\" invalid_grant \",\"error_description\":\"as it is\"} ",
            r#"{"error":null,"error":"invalid_grant","error_description":"as it is","uri":5}"#,
        ] {
            let response = FakeResponse::body(status, "application/json", body);
            let error = ask(response.with_header("retry-after", "9")).await.unwrap_err();
            assert_eq!(error.code(), Some(&OAuthErrorCode::InvalidGrant), "{body}: {error:?}");
            assert_eq!(error.status().unwrap().as_u16(), status);
            assert_eq!(error.retry_after(), Some(Duration::from_secs(9)));
            assert_eq!(error.is_transient(), status == 503, "{status}");
            assert!(error.to_string().contains("invalid_grant: as it is (HTTP"), "{error}");
            // P62: who asked may have been no user.
            assert!(!error.to_string().contains("log in"), "{error}");
        }
    }
}

/// P25: the server has rotated, and the connection broke before the last byte.
#[tokio::test]
async fn a_truncated_response_keeps_its_refresh_token() {
    let truncated = |body: &str| {
        let body = body.to_owned();
        async move {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}/", listener.local_addr().unwrap());
            let server = tokio::spawn(async move {
                let (mut stream, _) = listener.accept().await.unwrap();
                let head = "HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n";
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await.unwrap();
                stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
            });
            let result = request(&SpotifyClientConfig::default().with_token_url(url)).await;
            server.await.unwrap();
            result
        }
    };

    let error = truncated(r#"{"access_token":"a","refresh_token":"kept","sc"#).await.unwrap_err();
    assert_eq!(error.token().unwrap().refresh_token.as_ref().unwrap().expose(), "kept");
    // Half a token is none.
    let error = truncated(r#"{"access_token":"a","refresh_token":"ke"#).await.unwrap_err();
    assert!(matches!(error, OAuthError::Transport { .. }), "{error:?}");
    // All that matters has come.
    let token = truncated(r#"{"access_token":"a","refresh_token":"kept"}"#).await.unwrap();
    assert_eq!(token.refresh_token.unwrap().expose(), "kept");
}

/// P25: the same where the rest never comes.
#[tokio::test]
async fn a_response_that_stalls_keeps_its_refresh_token() {
    let time = PausedTime::pause();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = SpotifyClientConfig::default()
        .with_token_url(format!("http://{}/", listener.local_addr().unwrap()));
    let asked = tokio::spawn(async move { request(&config).await });
    let (mut stream, _) = listener.accept().await.unwrap();
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n";
    let response = format!(r#"{head}{{"refresh_token":"kept","access_token":"a"#);
    stream.write_all(response.as_bytes()).await.unwrap();
    time.settle().await;

    let error = time.run_by(Duration::from_secs(1), asked).await.unwrap_err();

    let token = error.token().unwrap_or_else(|| panic!("{error:?}"));
    assert_eq!(token.refresh_token.as_ref().unwrap().expose(), "kept");
}

/// A server that repeats the refresh token that it refuses has not rotated it.
#[tokio::test]
async fn a_refresh_token_that_is_repeated_in_a_refusal_is_not_a_new_one() {
    let fake = FakeSpotify::start().await.unwrap();
    let body = json!({ "error": "invalid_grant", "refresh_token": "the-refresh-token" });
    fake.next_token(FakeResponse::json(400, &body));

    let request = RefreshRequest::public("id", "the-refresh-token");
    let error = OAuthClient::new(&fake.config()).request_token(request).await.unwrap_err();

    assert!(matches!(error, OAuthError::Rejected { .. }), "{error:?}");
}

/// P60.
#[tokio::test]
async fn retry_after_is_read_in_seconds_and_as_a_date() {
    let in_an_hour = std::time::SystemTime::now() + Duration::from_secs(3600);
    let date = chrono::DateTime::<chrono::Utc>::from(in_an_hour);
    let date = date.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    for (header, least, most) in [
        ("0", 0, 0),
        ("86400", 86_400, 86_400),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0, 0),
        (date.as_str(), 3000, 3600),
    ] {
        for (status, body) in [(429, ""), (503, "<html>"), (400, r#"{"error":"slow_down"}"#)] {
            let response = FakeResponse::body(status, "text/plain", body);
            let error = ask(response.with_header("retry-after", header)).await.unwrap_err();
            let seconds = error.retry_after().unwrap().as_secs();
            assert!((least..=most).contains(&seconds), "{header}: {seconds}");
        }
    }
    let response = FakeResponse::status(429).with_header("retry-after", "soon");
    assert_eq!(ask(response).await.unwrap_err().retry_after(), None);
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
        // Said of a token that never expires.
        (json!(9_999_999_999_u64), LONGEST),
        (json!(u64::MAX), LONGEST),
        (json!(1e300), LONGEST),
        (json!("99999999999999999999"), LONGEST),
        (json!("1e30"), LONGEST),
        (json!("1e999"), LONGEST),
        (json!("9".repeat(400)), LONGEST),
        (json!(null), 3600.0),
        (json!("soon"), 3600.0),
        (json!([1]), 3600.0),
    ] {
        let token = ask(with_lifetime(&expires_in)).await.unwrap();
        assert_eq!(token.expires_in.as_secs_f64(), seconds, "{expires_in}");
    }
    for seconds in ["1e999".to_owned(), "9".repeat(400)] {
        let body = format!(r#"{{"access_token":"a","expires_in":{seconds}}}"#);
        let token = ask(FakeResponse::body(200, "application/json", body)).await.unwrap();
        assert_eq!(token.expires_in.as_secs_f64(), LONGEST, "{seconds}");
    }
    let missing = ask(FakeResponse::json(200, &json!({ "access_token": "a" }))).await.unwrap();
    assert_eq!(missing.expires_in, Token::DEFAULT_LIFETIME);
}

/// A hundred years.
const LONGEST: f64 = 3_153_600_000.0;

/// P25, B27: the token, and with it a refresh token, is not lost.
#[tokio::test]
async fn a_lifetime_that_makes_no_sense_is_an_error_that_keeps_the_token() {
    for expires_in in [
        json!(-1),
        json!(-1e300),
        json!("-3600"),
        json!("-1e999"),
        json!(format!("-{}", "9".repeat(400))),
        json!("inf"),
        json!("NaN"),
    ] {
        let error = ask(with_lifetime(&expires_in)).await.unwrap_err();
        let OAuthError::Unusable { reason, token, .. } = &error else { panic!("{error:?}") };
        assert!(reason.starts_with("it is said to expire in"), "{reason}");
        assert_eq!(token.access_token.expose(), "access");
        assert_eq!(token.refresh_token.as_ref().unwrap().expose(), "refresh");
        assert!(!format!("{error:?} {error}").contains("\"access\""));
    }
}

/// RFC 6749, section 6: a refresh takes no scopes away, and one that names none leaves them as they
/// were. At a login, where only the absence of the field means "as requested", an empty one says
/// that there are none.
#[tokio::test]
async fn an_empty_scope_is_none_granted_at_a_login_and_nothing_said_on_a_refresh() {
    let fake = FakeSpotify::start().await.unwrap();
    let oauth = OAuthClient::new(&fake.config());
    for scope in [json!(""), json!(" \t"), json!([]), json!([""]), json!([" ", null])] {
        let body = json!({ "access_token": "a", "scope": scope });
        for request in [
            RefreshRequest::public("id", "r"),
            RefreshRequest::confidential("id", "the-secret", "r"),
            RefreshRequest::swap("r"),
        ] {
            fake.next_token(FakeResponse::json(200, &body));
            let token = oauth.request_token(request).await.unwrap();
            assert_eq!(token.scopes, None, "{scope}");
        }
        let pending = Login::pkce("id", "http://127.0.0.1:8888/callback")
            .with_authorize_url(fake.authorize_url())
            .begin()
            .unwrap();
        let code = pending.finish(&fake.agree(pending.url())).unwrap();
        fake.next_token(FakeResponse::json(200, &body));
        let token = oauth.request_token(AuthorizationCodeRequest::public("id", code)).await;
        assert_eq!(token.unwrap().scopes, Some(Vec::new()), "{scope}");
    }
}

#[tokio::test]
async fn other_fields_may_have_any_shape() {
    let token = ask(FakeResponse::json(
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
    let token = ask(FakeResponse::json(200, &body)).await.unwrap();
    assert_eq!(token.scopes.unwrap(), ["one"]);

    let body = json!({ "access_token": "a", "token_type": "mac" });
    let error = ask(FakeResponse::json(200, &body)).await.unwrap_err();
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
    let hung_up = ask(FakeResponse::hang_up()).await.unwrap_err();
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
async fn a_server_that_never_responds_is_a_time_out() {
    let time = PausedTime::pause();
    let fake = FakeSpotify::start().await.unwrap();
    fake.next_token(FakeResponse::never());
    let config = fake.config().with_token_timeout(Duration::from_secs(12));
    let asked = tokio::spawn(async move { request(&config).await });
    while fake.token_requests() == 0 {
        tokio::task::yield_now().await;
    }
    let error = time.run_by(Duration::from_secs(1), asked).await.unwrap_err();

    assert_eq!(error.to_string(), "no response to the token request within 12s");
    assert!(matches!(error, OAuthError::TimedOut { limit } if limit.as_secs() == 12));
    assert!(error.is_transient());
}

#[tokio::test]
async fn an_endless_response_is_cut_off() {
    let endless = "x".repeat(1024 * 1024);
    let error = ask(FakeResponse::body(200, "application/json", endless)).await.unwrap_err();

    assert!(error.to_string().contains("longer than 65536 bytes"), "{error}");
}

#[tokio::test]
async fn wrong_credentials_say_what_to_check() {
    let fake = FakeSpotify::builder().with_client("id", "right").start().await.unwrap();
    let authenticator = CredentialsAuthenticator::new("id", "wrong");
    let spotify = SpotifyClient::new(fake.config().with_authenticator(authenticator)).unwrap();

    let error = spotify.tracks().get(TRACK).await.unwrap_err();

    assert_eq!(
        error.to_line(),
        "GET /v1/tracks/11dFghVXANMlKmJXsNCbNl could not be signed: no access token could be obtained: \
         the accounts service rejected the token request: invalid_client: Invalid client \
         (HTTP 400 Bad Request); check client id and secret"
    );
    assert!(!error.is_transient());
    let Error::Auth { source: AuthError::Request { source, .. }, .. } = &error else { panic!() };
    assert_eq!(source.code(), Some(&OAuthErrorCode::InvalidClient));
}

/// RFC 6749, section 2.3.1: both are form-encoded before they enter HTTP Basic.
#[tokio::test]
async fn odd_credentials_arrive_as_they_are() {
    let (id, secret) = ("id:with/odd chars", "p%s&=ü");
    let fake = FakeSpotify::builder().with_client(id, secret).start().await.unwrap();

    let request = ClientCredentialsRequest::new(id, secret);

    assert!(OAuthClient::new(&fake.config()).request_token(request).await.is_ok());
}

/// As read from a file, with the end of its line.
#[tokio::test]
async fn white_space_around_credentials_is_told_before_anything_is_sent() {
    let client = OAuthClient::new(&SpotifyClientConfig::default());
    for (name, id, secret) in [
        ("client id", "id\n", "secret"),
        ("client id", " id", "secret"),
        ("client secret", "id", "s\r\n"),
    ] {
        let request = ClientCredentialsRequest::new(id, secret);
        let error = client.request_token(request).await.unwrap_err();

        let text = error.to_string();
        assert!(text.starts_with(name) && text.contains("white space; trim it"), "{text}");
    }
}

fn with_lifetime(expires_in: &Value) -> FakeResponse {
    FakeResponse::json(
        200,
        &json!({
            "access_token": "access",
            "token_type": "Bearer",
            "expires_in": expires_in,
            "refresh_token": "refresh",
        }),
    )
}

async fn ask(response: FakeResponse) -> Result<Token, OAuthError> {
    let fake = FakeSpotify::start().await.unwrap();
    fake.next_token(response);
    request(&fake.config()).await
}

async fn ask_with(secret: &str, response: FakeResponse) -> Result<Token, OAuthError> {
    let fake = FakeSpotify::start().await.unwrap();
    fake.next_token(response);
    let request = ClientCredentialsRequest::new("id", secret);
    OAuthClient::new(&fake.config()).request_token(request).await
}

async fn request(config: &SpotifyClientConfig) -> Result<Token, OAuthError> {
    OAuthClient::new(config).request_token(ClientCredentialsRequest::new("id", "the-secret")).await
}

/// It is no token and no word of an error, and the reader of the log sees why.
#[tokio::test]
async fn a_coding_that_nobody_asked_for_is_named_in_the_error() {
    for (coding, words) in [
        ("br", "a body compressed with br, which was not asked for"),
        ("deflate, gzip", "which was not asked for"),
        ("x-gzip", "a body compressed with"),
    ] {
        for status in [200, 400, 503] {
            let response = FakeResponse::body(status, "application/json", "\u{b}\u{2}\u{80}{}");
            let error = ask(response.with_header("content-encoding", coding)).await.unwrap_err();
            assert!(error.to_string().contains(words), "{coding}, {status}: {error}");
            assert!(error.is_transient(), "{coding}, {status}: {error}");
        }
    }
    let response = FakeResponse::body(400, "application/json", "{\"error\":\"invalid_grant\"}");
    let error = ask(response.with_header("content-encoding", "identity")).await.unwrap_err();
    assert!(matches!(error, OAuthError::Rejected { .. }), "{error:?}");
}

#[tokio::test]
async fn a_compression_that_is_not_announced_is_named_in_the_error() {
    let gzip: &[u8] = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xabVJ-*";
    let zstd: &[u8] = b"\x28\xb5\x2f\xfd\x04\x58";
    for (body, coding) in [(gzip, "gzip"), (zstd, "zstd")] {
        for status in [200, 400, 503] {
            let error =
                ask(FakeResponse::body(status, "application/json", body)).await.unwrap_err();
            let words = format!("a body compressed with {coding}, which was not announced");
            assert!(error.to_string().contains(&words), "{coding}, {status}: {error}");
            assert!(error.is_transient(), "{coding}, {status}: {error}");
        }
    }
}
