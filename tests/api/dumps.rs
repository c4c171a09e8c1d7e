//! No secret shows in what a token request is told, in whatever form the server dumps it; P39.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use spotify_web::oauth::{OAuthClient, OAuthError, OAuthErrorCode, RefreshRequest};
use spotify_web::testing::{FakeResponse, FakeSpotify};

/// How programs show a secret, `$`, behind its name.
const FORMS: [&str; 44] = [
    r#"{"access_token":"$","token_type":"bearer"}"#,
    r#"{\"access_token\":\"$\"}"#,
    "{u'access_token': u'$', 'n': 1}",
    "{'refresh_token': b'$'}",
    "access_token=b'$'",
    "namespace(access_token='$')",
    r#"Tokens { access_token: Some("$") }"#,
    r#"AccessToken("$")"#,
    r#"client_secret: Secret(String("$"))"#,
    r#"access_token=Optional("$")"#,
    "&{AccessToken:$ TokenType:Bearer}",
    "map[access_token:$ expires_in:3600]",
    "Array ( [access_token] => $ )",
    r#"array(1) { ["access_token"]=> string(30) "$" }"#,
    "<access_token>$</access_token>",
    "<ns:AccessToken>$</ns:AccessToken>",
    "&lt;access_token&gt;$&lt;/access_token&gt;",
    "{&quot;access_token&quot;:&quot;$&quot;}",
    "{&#34;refreshToken&#34;:&#34;$&#34;}",
    "grant_type%3Drefresh_token%26refresh_token%3D$",
    "%7B%22access_token%22%3A%22$%22%7D",
    "%257B%2522access_token%2522%253A%2522$%2522%257D",
    "grant_type=refresh_token&refresh_token=$",
    "Authorization: Bearer $",
    "curl -H 'Authorization: Basic $' -d x",
    "Set-Cookie: sp_dc=$; path=/",
    "refresh_token: $",
    "refresh_token -> $",
    "new access token $",
    "{access_token=$, token_type=Bearer}",
    "Token(value=$)",
    "INSERT INTO t (access_token) VALUES ('$')",
    "('access_token', '$')",
    "name=\"refresh_token\"\r\n\r\n$\r\n--x",
    r#"{<<"access_token">>,<<"$">>}"#,
    r#"%{access_token: "$"}"#,
    r#":access_token=>"$""#,
    r#"access_token = @"$""#,
    "api_key=$",
    r#""jwt":"$""#,
    "https://example.com/callback?code=$&state=1",
    r#"access_token { value: "$" }"#,
    r#"{"name":"refresh_token","value":"$"}"#,
    r#"<input name="refresh_token" value="$">"#,
];

/// Tokens of Spotify's kind, of base 64, of hex, ids, and three parts with points.
fn secrets() -> impl Strategy<Value = String> {
    prop_oneof![
        "AQ[A-Za-z0-9_-]{8}[0-9][a-z][A-Z][A-Za-z0-9_-]{20,90}",
        "[A-Za-z0-9+]{6}[0-9][a-z][A-Z][A-Za-z0-9+]{20,60}",
        "[0-9a-f]{14}[0-9][a-f][0-9a-f]{16}",
        "[0-9a-f]{7}a-[0-9]{4}-4[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}",
        "eyJ[a-z0-9]{12}\\.[A-Za-z0-9_]{30}\\.[A-Za-z0-9_-]{30}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 150, ..Default::default() })]

    /// Within the description, and beside one that repeats it.
    #[test]
    fn a_secret_shows_in_no_form(
        form in select(&FORMS[..]),
        secret in secrets(),
        around in select(&[("", ""), ("bad request: ", " (1 field)"), ("Error in line 5. ", "\n")][..]),
        is_beside in any::<bool>(),
    ) {
        let dump = format!("{}{}{}", around.0, form.replace('$', &secret), around.1);
        let body = match is_beside {
            true => json!({ "debug": dump, "error": "invalid_request", "error_description": format!("void: {secret}") }),
            false => json!({ "error": "invalid_request", "error_description": dump }),
        };

        let error = told(&[body]).remove(0);

        let shown = format!("{error} {error:?}");
        prop_assert!(!shown.contains(&secret[..12]), "{form}: {shown}");
        prop_assert!(!shown.contains(&secret[secret.len() - 12..]), "{form}: {shown}");
        prop_assert_eq!(error.code(), Some(&OAuthErrorCode::InvalidRequest));
    }
}

/// Those that people choose, and short ones, where a separator stands before them.
#[test]
fn a_short_secret_shows_in_no_form_with_a_separator() {
    for form in [
        "{'password': u'$'}",
        r#"Login { password: Some("$") }"#,
        r#"array(1) { ["password"]=> string(7) "$" }"#,
        "<password>$</password>",
        "<client_secret>$</client_secret>",
        "{&quot;password&quot;:&quot;$&quot;}",
        "%7B%22client_secret%22%3A%22$%22%7D",
        "Authorization: Basic $",
        "Array ( [client_secret] => $ )",
    ] {
        let body = json!({ "error": "x", "debug": form.replace('$', "hunTer2pass"), "error_description": "void: hunTer2pass" });

        let error = told(&[body]).remove(0);

        assert!(!format!("{error} {error:?}").contains("hunTer2"), "{form}: {error}");
    }
}

/// Also one of letters alone, which is too long for a word.
#[test]
fn no_secret_shows_behind_any_name_of_one() {
    let hex = "0123456789abcdef0123456789abcdef";
    let opaque = "BQDkq7Zp3LmN8xYtR2vW5sJc";
    let letters = "qwertyuiopasdfghjklzxcvbnm";
    let verifier = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopq";
    let dumps = [
        (r#""client_secrets":["$"]"#, hex),
        (r#"{"clientSecrets":{"old":"$"}}"#, hex),
        ("secretKey=$", hex),
        ("private_key=$", hex),
        ("private-key: $", opaque),
        ("AccessKey: $", opaque),
        ("access_token_value: $", hex),
        ("accessTokenValue=$", letters),
        ("api_keys=$", hex),
        ("session_id=$", hex),
        (r#"{"sessionId":"$"}"#, letters),
        ("credential: $", opaque),
        ("credentials=$", hex),
        ("passwd=$", "hunter2hunter2"),
        ("pwd=$", "hunter2hunter2"),
        ("passphrase=$", "correcthorsebattery"),
        ("code_verifier: $", verifier),
        ("code_verifier=$", verifier),
        ("pkce verifier $", verifier),
        ("token: $", letters),
        ("token: $", "QWERTYUIOPASDFGHJKLZXCVBNM"),
        ("token: $", "qWErTYuiOPasdFGhjKLzxcVBnm"),
        (r#"{"id_token":"$"}"#, letters),
        ("access_token=$&x=1", letters),
    ];
    let bodies = dumps.map(|(form, secret)| {
        let text = format!("bad request: {}", form.replace('$', secret));
        json!({ "error": "invalid_request", "error_description": text })
    });

    for (error, (form, secret)) in told(&bodies).iter().zip(dumps) {
        assert!(!format!("{error} {error:?}").contains(&secret[..8]), "{form}: {error}");
    }
}

/// What servers say of secrets without a secret in it.
#[test]
fn ordinary_descriptions_stay_as_they_are() {
    let descriptions = [
        "AADSTS700082: The refresh token has expired due to inactivity. The token was issued on \
         2024-01-01T00:00:00.0000000Z. Trace ID: 4bf92f35-77b3-4da6-a3ce-929d0e0e4736 Timestamp: \
         2024-05-01 12:00:00Z",
        "The provided value for the input parameter 'refresh_token' is not valid. Trace ID: \
         4bf92f35-77b3-4da6-a3ce-929d0e0e4736",
        "invalid token: see https://docs.example.com/Errors/E1234-refresh-token",
        "refresh_token[0]: must be at least 20 characters",
        "client_secret (expired on 2026-11-26T05:24:00.000Z)",
        "password: at-least 8 characters with 1 digit",
        "token_type must be Bearer; grant_type=refresh_token",
        "Authorization: missing or malformed",
        "Basic authentication with client_id and client_secret is required for this app",
        "token > 5 and < 10, 100% of the tokens & more; 5%20 off",
        "refresh_token, client_secret and offline_access",
        "user-read-private user-top-read: the token lacks them",
        "<b>token</b> is bad; <token>expired</token>",
        "invalid refresh token (request 4bf92f3577b34da6)",
        "code: E10012345",
        "4bf92f3577b34da6a3ce929d0e0e4736: request failed",
        "token endpoint /api/v1/oauth2/Token-Exchange moved",
        "the token endpoint is now accounts.example.com/api/v2/OAuthToken2",
        "token of com.example.app.release.v2 is revoked",
        "Token's client 0123456789abcdef0123456789abcdef differs",
        "invalid token (request_id 4bf92f3577b34da6a3ce929d0e0e4736)",
        "token: RefreshTokenExpiredException",
        "token: refresh_token_is_revoked_for_this_application",
        "token: TOKEN_IS_REVOKED_FOR_THIS_APPLICATION",
        "token: internationalization",
        "token: grant-is-revoked-for-this-application",
        "key: invalid_value, token_value_missing, token values differ",
        "invalid session_id, private_key or credentials: none was sent",
    ];
    for code in ["x", "invalid_token", "access_token_revoked"] {
        let bodies = descriptions.map(|text| json!({ "error": code, "error_description": text }));
        for (error, description) in told(&bodies).iter().zip(descriptions) {
            let OAuthError::Rejected { description: shown, .. } = error else {
                panic!("{error:?}")
            };
            assert_eq!(shown.as_deref(), Some(description), "{code}");
        }
    }
}

/// A header of which no more is said than that something is wrong with it.
#[test]
fn a_word_about_a_header_is_none_of_its_credentials() {
    let bodies = [
        json!({ "error": "x", "error_description": "The header is missing", "authorization": "missing" }),
        json!({ "error": "x", "error_description": "no cookie was set", "cookie": "set" }),
    ];

    for (error, body) in told(&bodies).iter().zip(&bodies) {
        let OAuthError::Rejected { description, .. } = error else { panic!("{error:?}") };
        assert_eq!(description.as_deref(), body["error_description"].as_str());
    }
}

/// P63: what a server repeats as `code` is none of its secrets.
#[test]
fn a_code_that_is_told_twice_is_kept() {
    for code in [
        "ERR-10012345",
        "E10012345",
        "AADSTS700082",
        "E10012345_Something_Long",
        "4001.7",
        "E1003-RefreshTokenExpired-v2",
        "E1003:RefreshTokenExpired2024",
        "missing_password",
    ] {
        let bodies = [
            json!({ "hint": "token", "errorCode": code, "error": code, "error_description": code }),
            json!({ "error": code, "code": code, "token": code, "password": code }),
            json!({ "error": code, "code": code }),
            json!({ "code": code, "error": code, "error_description": code }),
            json!({ "id_token": null, "error": code }),
        ];
        for (error, body) in told(&bodies).iter().zip(&bodies) {
            assert_eq!(error.code(), Some(&OAuthErrorCode::from(code)), "{body}: {error:?}");
            let OAuthError::Rejected { description, .. } = error else { panic!("{error:?}") };
            assert_eq!(description.is_some(), body.get("error_description").is_some());
            assert!(description.as_deref().is_none_or(|text| text == code), "{error:?}");
        }
    }
}

/// What a refresh is told by a server that responds with these bodies.
#[tokio::main(flavor = "current_thread")]
async fn told(bodies: &[Value]) -> Vec<OAuthError> {
    let fake = FakeSpotify::start().await.unwrap();
    let client = OAuthClient::new(&fake.config());
    let mut errors = Vec::new();
    for body in bodies {
        fake.next_token(FakeResponse::json(400, body));
        let request = RefreshRequest::public("id", "what-was-sent");
        errors.push(client.request_token(request).await.unwrap_err());
    }
    errors
}
