//! A web server with many users: each logs in with their own account, and sees their playlists.
//!
//! With `SPOTIFY_CLIENT_ID` and `SPOTIFY_CLIENT_SECRET` it talks to Spotify, where
//! http://127.0.0.1:3000/callback must be registered as the app's redirect URI; else to a fake,
//! where you choose who you are. `PORT` sets another port. Ends on Ctrl-C.
//!
//! All users share one client with its connections and limits; each adds an authenticator of their
//! own.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{OriginalUri, State};
use axum::http::HeaderMap;
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use parking_lot::Mutex;
use spotify_web::auth::AuthorizationCodeAuthenticator;
use spotify_web::model::UserId;
use spotify_web::oauth::{
    AuthorizationCodeRequest, ClientSecret, Login, OAuthClient, PendingLogin, Scope, Token,
};
use spotify_web::{Error, SpotifyClient};

#[path = "common/user.rs"]
mod user;

/// What all requests share.
struct Server {
    client_id: String,
    client_secret: ClientSecret,
    login: Login,
    oauth: OAuthClient,
    spotify: SpotifyClient,
    sessions: Mutex<HashMap<String, Session>>,
}

/// What a browser's cookie leads to. A real server keeps these in a database, and tokens in a
/// `TokenStore` by a key with the id of the user, as the `sqlite_store` example does.
#[derive(Clone)]
enum Session {
    LoggingIn(PendingLogin),
    LoggedIn { user: UserId, spotify: SpotifyClient, login: AuthorizationCodeAuthenticator },
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let app = user::app().await?;
    let port: u16 = user::variable("PORT").map_or(Ok(3000), |port| port.parse())?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    let origin = format!("http://{}", listener.local_addr()?);
    let client_secret = user::variable("SPOTIFY_CLIENT_SECRET");
    let server = Arc::new(Server {
        login: Login::authorization_code(&app.client_id, format!("{origin}/callback"))
            .with_scopes([Scope::PlaylistReadPrivate])
            .with_dialog()
            .with_authorize_url(&app.authorize_url),
        oauth: OAuthClient::new(&app.config),
        spotify: SpotifyClient::new(app.config.clone())?,
        client_id: app.client_id,
        client_secret: client_secret.unwrap_or_else(|| "fake-secret".to_owned()).into(),
        sessions: Mutex::default(),
    });
    if let Some(fake) = &app.fake {
        println!("users log in at {}", fake.authorize_url());
    }
    let router = Router::new()
        .route("/", get(home))
        .route("/login", post(log_in))
        .route("/callback", get(come_back))
        .route("/logout", post(log_out))
        .with_state(Arc::clone(&server));
    println!("open {origin}");
    axum::serve(listener, router)
        .with_graceful_shutdown(async { tokio::signal::ctrl_c().await.unwrap_or_default() })
        .await?;
    server.settle().await;
    Ok(())
}

/// The user's playlists, or a way to log in.
async fn home(State(server): State<Arc<Server>>, headers: HeaderMap) -> Response {
    let Some(Session::LoggedIn { user, spotify, .. }) = server.session(&headers) else {
        return page(
            "<h1>Your playlists</h1>
<form method=\"post\" action=\"/login\"><button id=\"login\">Log in with Spotify</button></form>",
        );
    };
    match playlists(&spotify, &user).await {
        Ok(html) => page(&html),
        Err(Error::Auth { source, .. }) if source.needs_login() => {
            failure("Your login has ended. Please log in again.")
        }
        Err(error) => failure(&error.to_line()),
    }
}

async fn playlists(spotify: &SpotifyClient, user: &UserId) -> Result<String, Error> {
    let playlists = spotify.playlists().mine().all().await?;
    let list: String =
        playlists.iter().map(|it| format!("<li>{}</li>", escaped(&it.name))).collect();
    let name = escaped(user.as_str());
    Ok(format!(
        "<h1>Playlists of <span id=\"user\">{name}</span></h1>\n<ul>{list}</ul>
<form method=\"post\" action=\"/logout\"><button id=\"logout\">Log out</button></form>"
    ))
}

async fn log_in(State(server): State<Arc<Server>>) -> Response {
    match server.login.begin() {
        Ok(pending) => {
            let to = Redirect::to(pending.url());
            (server.new_session(Session::LoggingIn(pending)), to).into_response()
        }
        Err(error) => failure(&error.to_string()),
    }
}

/// The pending login is the one of the browser that comes back, so that nobody can be logged in
/// with another user's redirect.
async fn come_back(
    State(server): State<Arc<Server>>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Response {
    let Some(Session::LoggingIn(pending)) = server.end_session(&headers) else {
        return failure("There is no login to go on with. Please log in again.");
    };
    let code = match pending.finish(&uri.to_string()) {
        Ok(code) => code,
        Err(error) => return failure(&error.to_string()),
    };
    let Server { client_id, client_secret, .. } = &*server;
    let request = AuthorizationCodeRequest::confidential(client_id, client_secret.clone(), code);
    let token = match server.oauth.request_token(request).await {
        Ok(token) => token,
        Err(error) => return failure(&error.to_string()),
    };
    match server.logged_in(token).await {
        // A new cookie: one that was known before the login is worth nothing after it.
        Ok(session) => (server.new_session(session), Redirect::to("/")).into_response(),
        Err(error) => failure(&error.to_line()),
    }
}

async fn log_out(State(server): State<Arc<Server>>, headers: HeaderMap) -> Response {
    if let Some(Session::LoggedIn { login, .. }) = server.end_session(&headers) {
        // With a store, other processes that share it notice at their next refresh.
        if let Err(error) = login.log_out().await {
            return failure(&error.to_string());
        }
    }
    Redirect::to("/").into_response()
}

impl Server {
    /// Asks whose the token is, with nothing but the token, and plugs it in for them.
    async fn logged_in(&self, token: Token) -> Result<Session, Error> {
        let user = self.spotify.for_token(&token)?.users().me().await?.id;
        let secret = self.client_secret.clone();
        let login = AuthorizationCodeAuthenticator::new(&self.client_id, secret);
        let spotify = self.spotify.for_user(login.clone())?;
        login.log_in(token).await.map_err(Error::Authenticator)?;
        Ok(Session::LoggedIn { user, spotify, login })
    }

    /// Before the program ends: refresh tokens that were replaced must be in the store by then.
    async fn settle(&self) {
        if let Err(error) = self.spotify.settle().await {
            eprintln!("logins may be lost: {}", error.to_line());
        }
    }

    fn session(&self, headers: &HeaderMap) -> Option<Session> {
        self.sessions.lock().get(cookie(headers)?).cloned()
    }

    fn end_session(&self, headers: &HeaderMap) -> Option<Session> {
        self.sessions.lock().remove(cookie(headers)?)
    }

    /// The header that gives the browser its cookie.
    #[expect(clippy::expect_used, reason = "a server without random numbers must not go on")]
    fn new_session(&self, session: Session) -> [(axum::http::HeaderName, String); 1] {
        let mut id = [0; 16];
        let id = getrandom::fill(&mut id).map(|()| format!("{:032x}", u128::from_le_bytes(id)));
        let id = id.expect("the system has random numbers");
        self.sessions.lock().insert(id.clone(), session);
        // A real server is on HTTPS, and adds `Secure`.
        [(SET_COOKIE, format!("session={id}; HttpOnly; SameSite=Lax; Path=/"))]
    }
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get(COOKIE)?.to_str().ok()?;
    cookies.split("; ").find_map(|cookie| cookie.strip_prefix("session="))
}

fn failure(reason: &str) -> Response {
    page(&format!(
        "<h1>That did not work</h1>
<p>The reason: <span id=\"reason\">{}</span></p>
<p><a href=\"/\">Start again</a></p>",
        escaped(reason)
    ))
}

fn page(main: &str) -> Response {
    Html(format!("<!doctype html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width\">
<title>Your playlists</title>
<style>
body {{ font: 1.1rem/1.6 system-ui, sans-serif; color: #191414; background: #eef1ee; margin: 0 }}
h1 {{ font-size: 1.5rem; margin-top: 0 }}
main {{ max-width: 34rem; margin: 8vh auto; padding: 2rem 2.5rem; background: #fff; border-radius: 1rem }}
button {{ font: inherit; padding: .6rem 1.8rem; border: 0; border-radius: 2rem; background: #14733b; color: #fff; cursor: pointer }}
</style>
</head>
<body><main>
{main}
</main></body>
</html>")).into_response()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}
