//! A server's users and their tokens in SQLite: they log in, the server restarts, one logs out.
//!
//! `store.rs` beside this file is the store: copy it. It keeps every promise of a `TokenStore`,
//! which `testing::check_token_store` says. Runs against a fake, where two users log in; the
//! `web_server` example shows how they do in a browser.

mod store;

use std::path::Path;

use spotify_web::auth::{PkceAuthenticator, TokenKey};
use spotify_web::oauth::{AuthorizationCodeRequest, Login, OAuthClient, Token};
use spotify_web::testing::FakeSpotify;
use spotify_web::{Error, SpotifyClient};

use store::SqliteTokenStore;

const CLIENT_ID: &str = "fake-id";

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[tokio::main]
async fn main() -> Result<()> {
    let fake = FakeSpotify::start().await?;
    let file = std::env::temp_dir().join(format!("spotify-web-{}.sqlite", std::process::id()));
    let outcome = run(&fake, &file).await;
    for suffix in ["", "-wal", "-shm"] {
        std::fs::remove_file(format!("{}{suffix}", file.display())).ok();
    }
    outcome
}

async fn run(fake: &FakeSpotify, file: &Path) -> Result<()> {
    let server = Server::start(fake, file)?;
    for name in ["wizzler", "anna"] {
        let user = server.log_in(log_in_at(fake, name).await?).await?;
        println!("{user} has logged in");
    }
    drop(server);

    let server = Server::start(fake, file)?;
    let requests = fake.token_requests();
    for user in ["wizzler", "anna"] {
        println!("after a restart: {}", server.greeting(user).await?);
    }
    println!("token requests since: {}", fake.token_requests() - requests);

    server.authenticator("anna").log_out().await?;
    for user in ["wizzler", "anna"] {
        println!("after a log-out: {}", server.greeting(user).await?);
    }
    Ok(())
}

/// What all requests to the server share.
struct Server {
    spotify: SpotifyClient,
    store: SqliteTokenStore,
}

impl Server {
    fn start(fake: &FakeSpotify, file: &Path) -> Result<Self> {
        let (spotify, store) = (SpotifyClient::new(fake.config())?, SqliteTokenStore::open(file)?);
        Ok(Self { spotify, store })
    }

    /// All of a user's state is in the row with their key. A server with many requests of one user
    /// at once keeps the authenticator, so that they share one refresh.
    fn authenticator(&self, user: &str) -> PkceAuthenticator {
        let key = TokenKey::new(CLIENT_ID).with_user(user);
        PkceAuthenticator::new(CLIENT_ID).with_store(self.store.clone(), key)
    }

    /// Asks whose the new token is, and keeps it under their name.
    async fn log_in(&self, token: Token) -> Result<String> {
        let user = self.spotify.for_token(&token)?.users().me().await?.id;
        let authenticator = self.authenticator(user.as_str());
        authenticator.log_in(token).await?;
        // It goes at the end of this function: the login must be in the store by then.
        authenticator.settle().await?;
        Ok(user.to_string())
    }

    async fn greeting(&self, user: &str) -> Result<String> {
        let authenticator = self.authenticator(user);
        let spotify = self.spotify.for_user(authenticator.clone())?;
        let me = spotify.users().me().await;
        // It goes at the end of this function: what it has refreshed must be in the store by then.
        authenticator.settle().await?;
        match me {
            Ok(me) => Ok(format!("hello {}", me.id)),
            Err(Error::Auth { source, .. }) if source.needs_login() => {
                Ok(format!("{user} has to log in"))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// What a browser does.
async fn log_in_at(fake: &FakeSpotify, name: &str) -> Result<Token> {
    let login = Login::pkce(CLIENT_ID, "http://127.0.0.1:8888/callback");
    let pending = login.with_authorize_url(fake.authorize_url()).begin()?;
    let code = pending.finish(&fake.agree_as(pending.url(), name))?;
    let request = AuthorizationCodeRequest::public(CLIENT_ID, code);
    Ok(OAuthClient::new(&fake.config()).request_token(request).await?)
}
