//! A web server with many users: each logs in with their own account, and sees their playlists.
//!
//! With `SPOTIFY_CLIENT_ID` and `SPOTIFY_CLIENT_SECRET` it talks to Spotify, where
//! http://127.0.0.1:3000/callback must be registered as the app's redirect URI; else to a fake,
//! where you choose who you are. `PORT` sets another port. Behind a proxy that adds HTTPS,
//! `ORIGIN` is what users see, as in `https://playlists.example`. Ends on Ctrl-C.
//!
//! All users share one client with its connections and limits; each adds an authenticator of their
//! own.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{OriginalUri, Request, State};
use axum::http::header::{ORIGIN, RETRY_AFTER};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use spotify_web::auth::AuthorizationCodeAuthenticator;
use spotify_web::model::UserId;
use spotify_web::oauth::{
    AuthorizationCode, AuthorizationCodeRequest, ClientSecret, Login, LoginError, OAuthClient,
    PendingLogin, Scope,
};
use spotify_web::{Error, SpotifyClient};
use url::Url;

use self::pages::failure;
use self::sessions::Sessions;

mod pages;
mod sessions;
#[path = "../common/user.rs"]
mod user;

/// What all requests share.
struct Server {
    /// What users see in front of each path.
    origin: String,
    authorize_origin: String,
    client_id: String,
    client_secret: ClientSecret,
    login: Login,
    oauth: OAuthClient,
    spotify: SpotifyClient,
    sessions: Sessions<Session>,
}

/// Who is logged in. A server that is to remember them keeps sessions in a database, and tokens in
/// a `TokenStore` by a key with the id of the user, as the `sqlite_store` example does.
#[derive(Clone)]
struct Session {
    user: UserId,
    spotify: SpotifyClient,
    login: AuthorizationCodeAuthenticator,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let app = user::app().await?;
    let port: u16 = user::variable("PORT").map_or(Ok(3000), |port| port.parse())?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    let local = format!("http://{}", listener.local_addr()?);
    let origin = user::variable("ORIGIN").unwrap_or(local);
    if let Some(fake) = &app.fake {
        println!("users log in at {}", fake.authorize_url());
    }
    let server = Arc::new(Server::new(&app, &origin)?);
    println!("open {origin}");
    axum::serve(listener, router(&server))
        .with_graceful_shutdown(async { tokio::signal::ctrl_c().await.unwrap_or_default() })
        .await?;
    // Refresh tokens that were replaced must be in the store by then.
    if let Err(error) = server.spotify.settle().await {
        eprintln!("logins may be lost: {}", error.to_line());
    }
    Ok(())
}

fn router(server: &Arc<Server>) -> Router {
    Router::new()
        .route("/", get(home))
        .route("/style.css", get(pages::style))
        .route("/login", post(log_in))
        .route("/callback", get(come_back))
        .route("/logout", post(log_out))
        .fallback(async || failure(StatusCode::NOT_FOUND, "There is no such page."))
        .layer(middleware::from_fn_with_state(Arc::clone(server), guard))
        .with_state(Arc::clone(server))
}

/// Takes forms from its own pages only, and adds the headers that protect these.
async fn guard(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    let origin = request.headers().get(ORIGIN);
    let is_own = origin.is_some_and(|origin| origin.as_bytes() == server.origin.as_bytes());
    let response = if request.method() == Method::POST && !is_own {
        let reason = format!("This was not sent from a page of {}. Open it there.", server.origin);
        failure(StatusCode::FORBIDDEN, &reason)
    } else {
        next.run(request).await
    };
    (pages::headers(&server.authorize_origin), response).into_response()
}

/// The user's playlists, or a way to log in.
async fn home(State(server): State<Arc<Server>>, headers: HeaderMap) -> Response {
    let Some(Session { user, spotify, .. }) = server.sessions.get(&headers) else {
        return pages::welcome(None).into_response();
    };
    match spotify.playlists().mine().all().await {
        Ok(playlists) => pages::playlists(&user, &playlists).into_response(),
        Err(error) if error.needs_login() => {
            let page = pages::welcome(Some("Your login has ended. Please log in again."));
            (server.sessions.end(&headers).1, page).into_response()
        }
        Err(error) => spotify_failed(&error),
    }
}

async fn log_in(State(server): State<Arc<Server>>, headers: HeaderMap) -> Response {
    let begun = server.login.begin().map_err(|error| error.to_string()).and_then(|pending| {
        let cookies = server.sessions.begin_login(&headers, &pending);
        Ok((cookies.map_err(|error| error.to_string())?, Redirect::to(pending.url())))
    });
    begun.map_or_else(|error| internal(&error), IntoResponse::into_response)
}

/// The login is one that this browser has begun, so that nobody can be logged in by another
/// user's link. A link that belongs to no login changes nothing.
async fn come_back(
    State(server): State<Arc<Server>>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Response {
    let redirect = uri.to_string();
    let state = PendingLogin::state_of(&redirect);
    let pending = state.and_then(|state| server.sessions.take_login(&headers, &state));
    let Some((pending, cookies)) = pending else {
        let reason = "This login was not begun in this browser, or took too long.";
        return failure(StatusCode::BAD_REQUEST, reason);
    };
    let code = match pending.finish(&redirect) {
        Ok(code) => code,
        Err(error) => return (cookies, not_logged_in(&error)).into_response(),
    };
    match server.logged_in(code).await {
        Ok(session) => {
            (server.sessions.log_in(cookies, session), Redirect::to("/")).into_response()
        }
        Err(error) => (cookies, spotify_failed(&error)).into_response(),
    }
}

async fn log_out(State(server): State<Arc<Server>>, headers: HeaderMap) -> Response {
    let (session, cookies) = server.sessions.end(&headers);
    if let Some(Session { login, .. }) = session {
        // With a store, other processes that share it notice at their next refresh.
        if let Err(error) = login.log_out().await {
            return (cookies, internal(&error.to_string())).into_response();
        }
    }
    (cookies, Redirect::to("/")).into_response()
}

impl Server {
    fn new(app: &user::App, origin: &str) -> Result<Self, Box<dyn std::error::Error>> {
        let origin = Url::parse(origin)?.origin().ascii_serialization();
        let is_secure = origin.starts_with("https:");
        let client_secret = user::variable("SPOTIFY_CLIENT_SECRET");
        Ok(Self {
            login: Login::authorization_code(&app.client_id, format!("{origin}/callback"))
                .with_scopes([Scope::PlaylistReadPrivate])
                .with_dialog()
                .with_authorize_url(&app.authorize_url),
            authorize_origin: Url::parse(&app.authorize_url)?.origin().ascii_serialization(),
            oauth: OAuthClient::new(&app.config),
            spotify: SpotifyClient::new(app.config.clone())?,
            client_id: app.client_id.clone(),
            client_secret: client_secret.unwrap_or_else(|| "fake-secret".to_owned()).into(),
            sessions: Sessions::new(is_secure, Duration::from_secs(600)),
            origin,
        })
    }

    /// Asks whose the token is, with nothing but the token, and plugs it in for them.
    async fn logged_in(&self, code: AuthorizationCode) -> Result<Session, Error> {
        let secret = &self.client_secret;
        let request = AuthorizationCodeRequest::confidential(&self.client_id, secret.clone(), code);
        let token = self.oauth.request_token(request).await?;
        let user = self.spotify.for_token(&token)?.users().me().await?.id;
        let login = AuthorizationCodeAuthenticator::new(&self.client_id, secret.clone());
        let spotify = self.spotify.for_user(login.clone())?;
        login.log_in(token).await.map_err(Error::Authenticator)?;
        Ok(Session { user, spotify, login })
    }
}

fn not_logged_in(error: &LoginError) -> Response {
    let reason = match error {
        LoginError::Denied => "You did not allow this page to see your playlists.",
        _ => "Spotify did not log you in.",
    };
    eprintln!("a login failed: {error}");
    failure(StatusCode::FORBIDDEN, reason)
}

/// What the user can do about it; the log says the rest.
fn spotify_failed(error: &Error) -> Response {
    eprintln!("{}", error.to_line());
    let wait = error.retry_after().map(|wait| wait.as_secs() + 1);
    match (error.status(), wait) {
        (Some(StatusCode::FORBIDDEN), _) => {
            failure(StatusCode::FORBIDDEN, "Spotify does not let this page see your playlists.")
        }
        (_, Some(seconds)) => {
            let reason = format!("Spotify is busy. Try again in {seconds} seconds.");
            let response = failure(StatusCode::SERVICE_UNAVAILABLE, &reason);
            ([(RETRY_AFTER, seconds.to_string())], response).into_response()
        }
        (_, None) => failure(StatusCode::BAD_GATEWAY, "Spotify cannot be reached. Try again soon."),
    }
}

fn internal(error: &str) -> Response {
    eprintln!("{error}");
    failure(StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong here. Try again soon.")
}
