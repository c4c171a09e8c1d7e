//! Signs in with the browser, once: the second run asks nothing, for months.
//!
//! With `SPOTIFY_CLIENT_ID` it talks to Spotify, where http://127.0.0.1:8888/callback, or what is
//! in `SPOTIFY_REDIRECT_URI`, must be registered as the app's redirect URI; else to a fake. The
//! token is kept in the user's config directory.

use std::path::PathBuf;
use std::time::Duration;

use spotify_web::SpotifyClient;
use spotify_web::auth::{FileTokenStore, PkceAuthenticator, TokenKey};
use spotify_web::login::SignIn;
use spotify_web::oauth::{Login, OAuthClient, Scope};

#[path = "common/user.rs"]
mod user;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let app = user::app().await?;
    let file = token_file(app.fake.is_some());
    std::fs::create_dir_all(file.parent().unwrap_or(&file))?;
    let authenticator = PkceAuthenticator::new(&app.client_id)
        .with_store(FileTokenStore::new(&file), TokenKey::new(&app.client_id));
    let spotify = SpotifyClient::new(app.config.clone().with_authenticator(authenticator.clone()))?;

    if authenticator.needs_login().await? {
        let redirect_uri = user::variable("SPOTIFY_REDIRECT_URI");
        let redirect_uri = redirect_uri.as_deref().unwrap_or("http://127.0.0.1:8888/callback");
        let login = Login::pkce(&app.client_id, redirect_uri)
            .with_scopes([Scope::UserReadPrivate, Scope::PlaylistReadPrivate])
            .with_authorize_url(&app.authorize_url);
        let sign_in = SignIn::new(login).with_timeout(Duration::from_secs(120));
        let oauth = OAuthClient::new(&app.config);
        let signed_in = tokio::select! {
            // Listened for before anybody is told where to sign in.
            biased;
            _ = tokio::signal::ctrl_c() => return Ok(()),
            signed_in = sign_in.run(&oauth) => signed_in?,
        };
        authenticator.log_in(signed_in.token).await?;
    }

    let me = spotify.users().me().await?;
    println!("You are {}.", me.display_name.as_deref().unwrap_or(me.id.as_str()));
    println!("The token is kept in {}.", file.display());
    // Before the program ends: a refresh token that was replaced must be in the file by then.
    spotify.settle().await?;
    Ok(())
}

/// Tokens of a fake are worth nothing after its end.
fn token_file(is_fake: bool) -> PathBuf {
    let directory = match (is_fake, std::env::var_os("XDG_CONFIG_HOME"), std::env::home_dir()) {
        (true, _, _) => std::env::temp_dir().join(std::process::id().to_string()),
        (false, Some(config), _) => config.into(),
        (false, None, Some(home)) => home.join(".config"),
        (false, None, None) => PathBuf::new(),
    };
    directory.join("spotify-web-example").join("token.json")
}
