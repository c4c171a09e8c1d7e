//! Users log in: the URL, the way back, the token, and what may go wrong.

use serde_json::json;
use spotify_web::auth::{
    AuthError, Authenticator, AuthorizationCodeAuthenticator, FileTokenStore, MemoryTokenStore,
    PkceAuthenticator, TokenCacheOptions, TokenEvent, TokenEventKind, TokenKey, TokenStore,
    TokenSwapAuthenticator,
};
use spotify_web::oauth::{
    AuthorizationCodeRequest, Login, LoginError, OAuthClient, OAuthError, OAuthErrorCode,
    PendingLogin, PkceVerifier, RefreshRequest, Scope, Token,
};
use spotify_web::testing::{FakeResponse, FakeSpotify};
use spotify_web::{Error, SpotifyClient};
use std::sync::{Arc, Mutex};
use url::Url;

use crate::common::{Directory, ManualClock};

const REDIRECT: &str = "http://127.0.0.1:8888/callback";

fn login(fake: &FakeSpotify) -> Login {
    Login::pkce("id", REDIRECT).with_authorize_url(fake.authorize_url())
}

fn parameter(url: &str, name: &str) -> Option<String> {
    let url = Url::parse(url).unwrap();
    url.query_pairs().find(|(other, _)| other == name).map(|(_, value)| value.into_owned())
}

/// The token of a user who logs in and agrees.
async fn log_in(fake: &FakeSpotify) -> Token {
    let pending = login(fake).begin().unwrap();
    let code = pending.finish(&fake.agree(pending.url())).unwrap();
    let request = AuthorizationCodeRequest::public("id", code);
    OAuthClient::new(&fake.config()).request_token(request).await.unwrap()
}

/// P22: whether the token had been accepted before makes no difference, nor does a store.
#[tokio::test]
async fn after_the_end_of_a_login_every_call_says_so_and_nothing_is_sent() {
    for has_store in [false, true] {
        let fake = FakeSpotify::start().await.unwrap();
        let user = PkceAuthenticator::new("id");
        let user = match has_store {
            true => user.with_store(MemoryTokenStore::new(), TokenKey::new("id").with_user("a")),
            false => user,
        };
        let spotify = SpotifyClient::new(fake.config().with_authenticator(user.clone())).unwrap();
        user.log_in(log_in(&fake).await).await.unwrap();
        spotify.users().me().await.unwrap();
        fake.end_logins();
        fake.expire_tokens();

        for _ in 0..20 {
            let error = spotify.users().me().await.unwrap_err();
            let is_end = matches!(&error, Error::Auth { source, .. } if source.needs_login());
            assert!(is_end, "{error}");
            assert!(user.needs_login().await.unwrap());
        }
        let calls = fake.requests().iter().filter(|request| request.path == "/v1/me").count();
        assert!(calls <= 4, "{calls} calls with a token that is rejected");

        user.log_in(log_in(&fake).await).await.unwrap();
        spotify.users().me().await.unwrap();
        assert!(!user.needs_login().await.unwrap());
    }
}

/// P45: a login that has ended takes no access token from calls that are still accepted.
#[tokio::test]
async fn a_login_that_has_ended_leaves_a_good_access_token() {
    let fake = FakeSpotify::start().await.unwrap();
    let user = PkceAuthenticator::new("id");
    let spotify = SpotifyClient::new(fake.config().with_authenticator(user.clone())).unwrap();
    user.log_in(log_in(&fake).await).await.unwrap();
    spotify.users().me().await.unwrap();
    fake.end_logins();

    for _ in 0..10 {
        fake.next_api(FakeResponse::json(401, &json!({"error": {"message": "no"}})));
        assert!(spotify.users().me().await.is_err());
        spotify.users().me().await.unwrap();
    }
    assert!(user.needs_login().await.unwrap());
}

/// What a program's tests need to see what it does when one of its users revokes it.
#[tokio::test]
async fn the_fake_ends_the_logins_of_one_user() {
    let fake = FakeSpotify::start().await.unwrap();
    let base = SpotifyClient::new(fake.config()).unwrap();
    let mut users = Vec::new();
    for name in ["anna", "anna&x=1 ü", "bert", "anna"] {
        let pending = login(&fake).begin().unwrap();
        let code = pending.finish(&fake.agree_as(pending.url(), name)).unwrap();
        let request = AuthorizationCodeRequest::public("id", code);
        let token = OAuthClient::new(&fake.config()).request_token(request).await.unwrap();
        let user = PkceAuthenticator::new("id");
        user.log_in(token).await.unwrap();
        let client = base.for_user(user).unwrap();
        assert_eq!(client.users().me().await.unwrap().id.as_str(), name);
        users.push((name, client));
    }

    fake.end_logins_of("anna");

    for is_expired in [false, true] {
        for (name, client) in &users {
            let me = client.users().me().await;
            let is_ended = is_expired && *name == "anna";
            assert_eq!(me.as_ref().is_err_and(Error::needs_login), is_ended, "{name}: {me:?}");
            assert_eq!(me.is_ok(), !is_ended, "{name}");
        }
        fake.expire_tokens();
    }
}

#[test]
fn the_url_of_a_login_says_what_the_app_asks_for() {
    let login = Login::pkce("my id&x", "http://127.0.0.1:8888/call back")
        .with_scopes([Scope::UserReadEmail, Scope::PlaylistReadPrivate, Scope::UserReadEmail])
        .with_dialog();
    let pending = login.begin().unwrap();

    let get = |name: &str| parameter(pending.url(), name);
    assert!(pending.url().starts_with("https://accounts.spotify.com/authorize?"));
    assert!(pending.url().contains("client_id=my+id%26x"), "{}", pending.url());
    assert_eq!(get("response_type").unwrap(), "code");
    assert_eq!(get("redirect_uri").unwrap(), "http://127.0.0.1:8888/call back");
    assert_eq!(get("scope").unwrap(), "playlist-read-private user-read-email");
    assert_eq!(get("show_dialog").unwrap(), "true", "in lower case");
    assert_eq!(get("code_challenge_method").unwrap(), "S256");
    assert_eq!(get("code_challenge").unwrap().len(), 43);
    assert_eq!(get("state").unwrap(), pending.state());

    let without = Login::authorization_code("id", REDIRECT).begin().unwrap();
    for absent in ["scope", "show_dialog", "code_challenge", "code_challenge_method"] {
        assert_eq!(parameter(without.url(), absent), None);
    }
}

/// RFC 7636, Appendix B and section 4.1.
#[test]
fn verifiers_and_states_are_as_they_should_be() {
    let example = PkceVerifier::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    assert_eq!(example.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");

    let (one, other) = (PkceVerifier::generate().unwrap(), PkceVerifier::generate().unwrap());
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    assert!((43..=128).contains(&one.expose().len()) && one.expose().bytes().all(allowed));
    assert_ne!(one.expose(), other.expose());

    let login = Login::pkce("id", REDIRECT);
    assert_ne!(login.begin().unwrap().state(), login.begin().unwrap().state());
}

#[test]
fn a_login_that_spotify_would_refuse_is_an_error_at_once() {
    for (redirect, reason) in [
        ("", "is not a valid URL"),
        ("localhost:8888", "is not a valid URL"),
        ("http://localhost:8888/callback", "is of `localhost`"),
        ("https://localhost/callback", "is of `localhost`"),
        ("http://example.test/callback", "is plain HTTP"),
        ("https://example.test/callback#top", "has a fragment"),
    ] {
        match Login::pkce("id", redirect).begin().map(drop) {
            Err(LoginError::Input { name: "redirect URI", reason: said }) => {
                assert!(said.starts_with(reason), "{redirect}: {said}");
            }
            // `localhost:8888` is a URL of a scheme of that name.
            other => assert_eq!((redirect, other), ("localhost:8888", Ok(()))),
        }
    }
    for redirect in ["https://example.test/callback", "http://[::1]:9/x", "my-app://callback"] {
        Login::pkce("id", redirect).begin().unwrap();
    }
    let error = Login::pkce(" ", REDIRECT).begin().unwrap_err();
    assert_eq!(error.to_string(), "client id is empty; set it to the app's");
    let error = Login::pkce("id\n", REDIRECT).begin().unwrap_err();
    assert!(error.to_string().starts_with("client id begins or ends with white space"), "{error}");
}

#[tokio::test]
async fn the_way_back_is_checked_and_errors_say_what_to_do() {
    let fake = FakeSpotify::start().await.unwrap();
    let pending = login(&fake).begin().unwrap();
    let state = pending.state();
    let redirect = fake.agree(pending.url());
    let code = parameter(&redirect, "code").unwrap();

    for (pasted, error) in [
        (format!("{REDIRECT}?error=access_denied&state={state}"), LoginError::Denied),
        (fake.cancel(pending.url()), LoginError::Denied),
        (format!("{REDIRECT}?code={code}"), LoginError::StateMissing),
        (format!("{REDIRECT}?code={code}&state="), LoginError::StateMismatch),
        (format!("{REDIRECT}?code={code}&state={state}x"), LoginError::StateMismatch),
        (format!("{REDIRECT}?error=access_denied&state=x"), LoginError::StateMismatch),
        (code.clone(), LoginError::OnlyCode),
        (String::new(), LoginError::NoUrl),
        ("I agreed".to_owned(), LoginError::NoUrl),
        (REDIRECT.to_owned(), LoginError::NoUrl),
        // The URL of the login page in place of the one that it led to.
        (pending.url().to_owned(), LoginError::CodeMissing),
        (format!("{REDIRECT}?code=&state={state}"), LoginError::CodeMissing),
        (
            format!("{REDIRECT}?error=server_error&error_description=a%0Ab&state={state}"),
            LoginError::Rejected {
                code: "server_error".to_owned(),
                description: Some("ab".to_owned()),
            },
        ),
    ] {
        assert_eq!(pending.finish(&pasted).map(drop).unwrap_err(), error, "{pasted}");
        assert!(!error.to_string().contains(&code) && !error.to_string().contains(state));
    }
    // As a terminal breaks it, and as a server behind a proxy sees it.
    let (head, tail) = redirect.split_at(40);
    for pasted in [
        format!(" {head}\n {tail}\r\n"),
        redirect.replace("http://127.0.0.1:8888", ""),
        redirect.replace("http://127.0.0.1:8888/callback", "https://backend.internal/spotify"),
    ] {
        let code = pending.finish(&pasted).unwrap();
        assert!(format!("{code:?}").contains(REDIRECT), "{code:?}");
    }
}

/// RFC 6749, section 3.1: a parameter must not be there twice. Which of the two would count?
#[tokio::test]
async fn a_parameter_that_is_there_twice_is_refused() {
    let fake = FakeSpotify::start().await.unwrap();
    let pending = login(&fake).begin().unwrap();
    let redirect = fake.agree(pending.url());
    let state = pending.state();
    let code = parameter(&redirect, "code").unwrap();

    for (added, name) in [
        (format!("code={code}"), "code"),
        ("code=another".to_owned(), "code"),
        ("code=".to_owned(), "code"),
        ("c%6Fde=another".to_owned(), "code"),
        (format!("state={state}"), "state"),
        ("state=another".to_owned(), "state"),
        ("state".to_owned(), "state"),
        ("error=access_denied&error=x".to_owned(), "error"),
        ("error_description=a&error_description=b".to_owned(), "error_description"),
    ] {
        let (path, query) = redirect.split_once('?').unwrap();
        for doubled in [format!("{path}?{query}&{added}"), format!("{path}?{added}&{query}")] {
            let error = pending.finish(&doubled).map(drop).unwrap_err();
            let text = error.to_string();
            assert!(text.contains(&format!("`{name}` more than once")), "{added}: {text}");
            assert!(!text.contains(&code) && !text.contains(state), "{text}");
        }
    }
    for state in ["state=a&state=b", "state=a&state=a"] {
        assert_eq!(PendingLogin::state_of(&format!("/callback?code=x&{state}")), None);
    }
    // What the accounts service does not define may be there as often as it likes.
    pending.finish(&format!("{redirect}&utm=a&utm=b")).unwrap();
}

/// It would come back twice, with every login.
#[test]
fn a_redirect_uri_with_a_parameter_of_the_response_is_refused() {
    for name in ["code", "state", "error", "error_description"] {
        let uri = format!("https://example.test/callback?app=1&{name}=x");
        let error = Login::pkce("id", &uri).begin().map(drop).unwrap_err();
        assert!(error.to_string().contains(&format!("`{name}`")), "{error}");
    }
    Login::pkce("id", "https://example.test/callback?app=1").begin().unwrap();
}

#[tokio::test]
async fn a_login_goes_on_in_another_process() {
    let fake = FakeSpotify::start().await.unwrap();
    let pending = login(&fake).begin().unwrap();
    let redirect = fake.agree(pending.url());
    let kept = serde_json::to_string(&pending).unwrap();
    assert_eq!(PendingLogin::state_of(&redirect).as_deref(), Some(pending.state()));
    // Broken over two lines within the state, as `finish` takes it.
    let (begin, end) = redirect.split_at(redirect.len() - 3);
    let broken = format!("{begin}\n  {end}");
    assert_eq!(PendingLogin::state_of(&broken), PendingLogin::state_of(&redirect));
    drop(pending);

    let pending: PendingLogin = serde_json::from_str(&kept).unwrap();
    let code = pending.finish(&redirect).unwrap();
    let request = AuthorizationCodeRequest::public("id", code);
    let token = OAuthClient::new(&fake.config()).request_token(request).await.unwrap();

    assert!(token.refresh_token.is_some());
    let sent = fake.requests().pop().unwrap();
    assert!(!sent.authorized, "a public client has no secret to send");
    assert!(sent.body.contains("client_id=id") && sent.body.contains("code_verifier="));
}

/// A code is good for one token, of the app that it was given to, from where it was sent to.
#[tokio::test]
async fn a_code_is_refused_where_it_should_be() {
    let fake = FakeSpotify::start().await.unwrap();
    let oauth = OAuthClient::new(&fake.config());

    let pending = login(&fake).begin().unwrap();
    let redirect = fake.agree(pending.url());
    let request = |id: &str, redirect: &str| {
        AuthorizationCodeRequest::public(id, pending.finish(redirect).unwrap())
    };
    oauth.request_token(request("id", &redirect)).await.unwrap();
    let replayed = oauth.request_token(request("id", &redirect)).await.unwrap_err();
    let redirect = fake.agree(pending.url());
    let of_another = oauth.request_token(request("other", &redirect)).await.unwrap_err();
    for error in [replayed, of_another] {
        assert_eq!(error.code(), Some(&OAuthErrorCode::InvalidGrant));
    }

    // Without PKCE a secret is needed, and a public client has none.
    let pending = Login::authorization_code("id", REDIRECT);
    let pending = pending.with_authorize_url(fake.authorize_url()).begin().unwrap();
    let code = pending.finish(&fake.agree(pending.url())).unwrap();
    let error = oauth.request_token(AuthorizationCodeRequest::public("id", code)).await;
    assert!(matches!(error, Err(OAuthError::Input { name: "code", .. })), "{error:?}");
}

#[tokio::test]
async fn a_bot_acts_for_a_user_who_logged_in_with_a_secret() {
    let fake = FakeSpotify::builder().with_client("id", "secret").start().await.unwrap();
    let pending = Login::authorization_code("id", REDIRECT);
    let pending = pending.with_authorize_url(fake.authorize_url()).begin().unwrap();
    let code = pending.finish(&fake.agree(pending.url())).unwrap();
    let request = AuthorizationCodeRequest::confidential("id", "secret", code);
    let token = OAuthClient::new(&fake.config()).request_token(request).await.unwrap();
    let clock = ManualClock::new();
    let options = TokenCacheOptions::default().with_clock(clock.clone());
    let authenticator = AuthorizationCodeAuthenticator::new("id", "secret").with_options(options);
    let spotify = SpotifyClient::new(fake.config().with_authenticator(authenticator.clone()));
    let spotify = spotify.unwrap();
    authenticator.log_in(token).await.unwrap();

    let me = spotify.users().me().await.unwrap();
    for _ in 0..2 {
        clock.advance(3600.0);
        spotify.users().me().await.unwrap();
    }

    assert_eq!(me.id.as_str(), "wizzler");
    // The responses to refreshes name no refresh token: the first one stays good.
    assert_eq!(fake.token_requests(), 3);
    assert_eq!(authenticator.stats().requests, 2);
}

#[tokio::test]
async fn a_rotated_refresh_token_is_saved_before_the_access_token_is_used() {
    let fake = FakeSpotify::start().await.unwrap();
    let (store, key, clock) = (MemoryTokenStore::new(), TokenKey::new("id"), ManualClock::new());
    let options = TokenCacheOptions::default().with_clock(clock.clone());
    let authenticator = || {
        let authenticator = PkceAuthenticator::new("id").with_options(options.clone());
        authenticator.with_store(store.clone(), key.clone())
    };
    let (authenticator, restarted) = (authenticator(), authenticator());
    let config = fake.config().with_authenticator(authenticator.clone());
    let spotify = SpotifyClient::new(config).unwrap();
    assert!(authenticator.needs_login().await.unwrap());
    let error = spotify.users().me().await.unwrap_err();
    assert!(matches!(error, Error::Auth { source: AuthError::NotLoggedIn, .. }), "{error:?}");

    authenticator.log_in(log_in(&fake).await).await.unwrap();
    assert!(!authenticator.needs_login().await.unwrap());
    let refresh_token = async || {
        let stored = store.load(&key).await.unwrap().unwrap();
        stored.token().unwrap().refresh_token.as_ref().unwrap().expose().to_owned()
    };
    let mut seen = vec![refresh_token().await];
    for _ in 0..3 {
        clock.advance(3600.0);
        spotify.users().me().await.unwrap();
        seen.push(refresh_token().await);
    }
    seen.dedup();
    assert_eq!(seen.len(), 4, "each is good once");

    // The next run asks nothing.
    let config = fake.config().with_authenticator(restarted.clone());
    SpotifyClient::new(config).unwrap().users().me().await.unwrap();
    assert_eq!(restarted.stats().restored, 1);
}

#[tokio::test]
async fn a_login_that_has_ended_is_told_and_nothing_more_is_sent() {
    let fake = FakeSpotify::start().await.unwrap();
    let events: Arc<Mutex<Vec<TokenEvent>>> = Arc::default();
    let log = Arc::clone(&events);
    let store = MemoryTokenStore::new();
    let options = TokenCacheOptions::default()
        .with_listener(move |event| log.lock().unwrap().push(event.clone()));
    let authenticator = PkceAuthenticator::new("id").with_options(options);
    let authenticator = authenticator.with_store(store.clone(), TokenKey::new("id"));
    let config = fake.config().with_authenticator(authenticator.clone());
    let spotify = SpotifyClient::new(config).unwrap();
    authenticator.log_in(log_in(&fake).await).await.unwrap();
    fake.expire_tokens();
    fake.end_logins();

    for _ in 0..5 {
        let error = spotify.users().me().await.unwrap_err();
        assert!(
            matches!(&error, Error::Auth { source: AuthError::LoginEnded { .. }, .. }),
            "{error:?}"
        );
        assert!(error.to_line().contains("the user must log in again"), "{}", error.to_line());
    }

    assert_eq!(fake.token_requests(), 2, "the login, and one refresh that was refused");
    let stored = store.load(&TokenKey::new("id")).await.unwrap().unwrap();
    assert!(stored.has_ended() && stored.token().is_some(), "marked and not deleted");
    authenticator.settle().await.unwrap();
    let ended = |event: &TokenEvent| matches!(event.kind, TokenEventKind::LoginEnded { .. });
    assert_eq!(events.lock().unwrap().iter().filter(|event| ended(event)).count(), 1);

    authenticator.log_in(log_in(&fake).await).await.unwrap();
    spotify.users().me().await.unwrap();
}

#[tokio::test]
async fn a_token_swap_server_keeps_the_secret() {
    let fake = FakeSpotify::start().await.unwrap();
    let pending = Login::authorization_code("id", "my-app://callback");
    let pending = pending.with_authorize_url(fake.authorize_url()).begin().unwrap();
    let code = pending.finish(&fake.agree(pending.url())).unwrap();
    let swap = OAuthClient::new(&fake.config()).at(&fake.swap_url());
    let token = swap.request_token(AuthorizationCodeRequest::swap(code)).await.unwrap();
    let authenticator = TokenSwapAuthenticator::new(fake.refresh_url());
    let config = fake.config().with_authenticator(authenticator.clone());
    let spotify = SpotifyClient::new(config).unwrap();
    authenticator.log_in(token).await.unwrap();

    spotify.users().me().await.unwrap();
    fake.expire_tokens();
    spotify.users().me().await.unwrap();

    let requests = fake.requests();
    let swapped: Vec<_> = requests.iter().filter(|it| it.path.ends_with('p')).collect();
    let refreshed: Vec<_> = requests.iter().filter(|it| it.path == "/refresh").collect();
    assert_eq!((swapped.len(), refreshed.len()), (1, 1));
    assert!(swapped[0].body.starts_with("code=AQ-fake-"));
    assert!(!swapped[0].body.contains('&'), "and nothing else");
    assert!(refreshed[0].body.starts_with("refresh_token=AQ-refresh-fake-"));
    assert!(!refreshed[0].body.contains("client") && !refreshed[0].authorized);
}

/// The scope is kept where a response has none, as those to refreshes do.
#[tokio::test]
async fn scopes_and_refresh_tokens_outlive_a_response_that_names_none() {
    let fake = FakeSpotify::start().await.unwrap();
    let (store, key) = (MemoryTokenStore::new(), TokenKey::new("id"));
    let authenticator = PkceAuthenticator::new("id").with_store(store.clone(), key.clone());
    let config = fake.config().with_authenticator(authenticator.clone());
    let spotify = SpotifyClient::new(config).unwrap();
    let token = log_in(&fake).await.with_scopes([Scope::UserReadEmail]);
    let refresh_token = token.refresh_token.clone().unwrap();
    authenticator.log_in(token).await.unwrap();
    fake.expire_tokens();
    fake.next_token(FakeResponse::json(200, &json!({ "access_token": "BQ", "expires_in": 3600 })));

    spotify.users().me().await.unwrap_err();

    let stored = store.load(&key).await.unwrap().unwrap();
    let stored = stored.token().unwrap();
    assert_eq!(stored.scopes.as_deref().unwrap(), ["user-read-email"]);
    assert_eq!(stored.refresh_token.as_ref().unwrap().expose(), refresh_token.expose());
}

/// Each has a cache of its own, as two programs have; the file is all that they share.
#[tokio::test]
async fn two_programs_with_one_token_file_never_lose_the_session() {
    let fake = FakeSpotify::start().await.unwrap();
    let (directory, clock) = (Directory::new(), ManualClock::new());
    let client = || {
        let store = FileTokenStore::new(directory.file());
        let options = TokenCacheOptions::default().with_clock(clock.clone());
        let authenticator = PkceAuthenticator::new("id").with_options(options);
        let authenticator = authenticator.with_store(store, TokenKey::new("id"));
        let config = fake.config().with_authenticator(authenticator.clone());
        (SpotifyClient::new(config).unwrap(), authenticator)
    };
    let ((first, authenticator), (second, _)) = (client(), client());
    authenticator.log_in(log_in(&fake).await).await.unwrap();

    for round in 0..30 {
        if round % 3 == 0 {
            clock.advance(3600.0);
        }
        let (one, other) = tokio::join!(first.users().me().send(), second.users().me().send());
        one.unwrap();
        other.unwrap();
    }
}

#[tokio::test]
async fn what_is_missing_comes_out_before_anything_is_sent() {
    let fake = FakeSpotify::start().await.unwrap();
    let oauth = OAuthClient::new(&fake.config());

    for request in [
        RefreshRequest::public("", "token"),
        RefreshRequest::public("id", " "),
        RefreshRequest::confidential("id", "", "token"),
        RefreshRequest::swap(""),
    ] {
        let error = oauth.request_token(request).await.unwrap_err();
        assert!(matches!(error, OAuthError::Input { .. }), "{error:?}");
    }
    let authenticators: [Box<dyn Authenticator>; 2] = [
        Box::new(PkceAuthenticator::new(" ")),
        Box::new(AuthorizationCodeAuthenticator::new("id", "")),
    ];
    for authenticator in authenticators {
        assert!(authenticator.connect(&oauth).is_err());
    }
    assert!(fake.requests().is_empty());
}

/// So that a program meets in a test what it would meet at Spotify.
#[tokio::test]
async fn the_fake_refuses_what_spotify_refuses() {
    let fake = FakeSpotify::builder().with_client("id", "secret").start().await.unwrap();
    let open = |query: &str| fake.agree(&format!("{}?{query}", fake.authorize_url()));
    let good = "response_type=code&client_id=id&redirect_uri=http://127.0.0.1:1/";

    assert!(open(good).starts_with("http://127.0.0.1:1/?code="));
    for bad in [
        "response_type=code&client_id=id&redirect_uri=http://localhost:1/",
        "response_type=code&client_id=id&redirect_uri=http://example.test/",
        "response_type=code&client_id=other&redirect_uri=http://127.0.0.1:1/",
        "response_type=token&client_id=id&redirect_uri=http://127.0.0.1:1/",
        &format!("{good}&code_challenge=x&code_challenge_method=plain"),
        &format!("{good}&show_dialog=True"),
    ] {
        assert_eq!(open(bad), "FakeResponse(400)", "{bad}");
    }

    // From elsewhere than it was sent to.
    let login = |redirect: &str| {
        let login = Login::authorization_code("id", redirect);
        login.with_authorize_url(fake.authorize_url()).begin().unwrap()
    };
    let (here, there) = (login(REDIRECT), login("http://127.0.0.1:9/other"));
    let code = parameter(&fake.agree(here.url()), "code").unwrap();
    let code = there.finish(&format!("/other?code={code}&state={}", there.state())).unwrap();
    let request = AuthorizationCodeRequest::confidential("id", "secret", code);
    let error = OAuthClient::new(&fake.config()).request_token(request).await.unwrap_err();
    assert!(error.to_string().contains("Invalid redirect URI"), "{error}");
}

#[tokio::test]
async fn no_secret_of_a_login_shows() {
    let fake = FakeSpotify::start().await.unwrap();
    let pending = login(&fake).begin().unwrap();
    let kept = serde_json::to_value(&pending).unwrap();
    let redirect = fake.agree(pending.url());
    let code = pending.finish(&redirect).unwrap();

    let shown = format!("{pending:#?} {code:#?} ");
    let request = AuthorizationCodeRequest::public("id", code);
    let shown = format!("{shown} {request:#?} {:#?}", PkceVerifier::generate().unwrap());
    let secrets = [
        pending.state(),
        kept["verifier"].as_str().unwrap(),
        &parameter(&redirect, "code").unwrap(),
    ]
    .map(str::to_owned);
    for secret in secrets {
        assert!(!shown.contains(&secret), "{shown}");
    }
}
