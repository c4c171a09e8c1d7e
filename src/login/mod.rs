//! Signing in on a desktop: one call that opens the browser and takes the user's answer.
//!
//! [`sign_in`] does it as most programs want it; [`SignIn`] has the options. Without a browser, as on
//! a server over SSH or in a container, the same call has the user open the address anywhere and paste
//! the one that they were sent to.
//!
//! What comes to the loopback port is not trusted: only a `GET` of the redirect URI's path, to its
//! very host, with this login's `state` counts. Anything else is refused and counted.

mod answers;
mod error;
mod listener;
mod pasting;

use std::fmt;
use std::io::BufRead;
use std::time::Duration;

use tokio::sync::mpsc;

use self::answers::Answer;
use self::listener::Listener;
use crate::oauth::{
    AuthorizationCode, AuthorizationCodeRequest, Login, LoginError, OAuthClient, PendingLogin,
    Token,
};

pub use error::SignInError;

/// Signs a user in: opens the browser, prints the address too, and waits for the answer.
///
/// The login is one with PKCE whose redirect URI is of `127.0.0.1` or `[::1]`; without a port in it, a
/// free one is taken, which Spotify allows if it was registered without one too. Ends after five
/// minutes. When the future is dropped, as by a program that ends on Ctrl-C, the port is free again.
///
/// # Errors
///
/// A [`SignInError`] that says what to do.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use spotify_web::auth::PkceAuthenticator;
/// use spotify_web::login::sign_in;
/// use spotify_web::oauth::{Login, OAuthClient, OAuthConfig, Scope};
/// use spotify_web::{SpotifyClient, SpotifyClientConfig};
///
/// let config = SpotifyClientConfig::default();
/// let login = Login::pkce("CLIENT_ID", "http://127.0.0.1:8888/callback")
///     .scopes([Scope::UserReadCurrentlyPlaying]);
/// let signed_in = sign_in(login, &OAuthClient::new(&config)).await?;
///
/// let authenticator = PkceAuthenticator::new("CLIENT_ID");
/// authenticator.log_in(signed_in.token).await?;
/// let spotify = SpotifyClient::new(config.with_authenticator(authenticator))?;
/// # Ok(())
/// # }
/// ```
pub async fn sign_in(login: Login, oauth: &OAuthClient) -> Result<SignedIn, SignInError> {
    SignIn::new(login).run(oauth).await
}

/// What signing in brought.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SignedIn {
    /// The token, with its refresh token.
    pub token: Token,
    /// How many requests to the loopback port were refused meanwhile. A browser asks for an icon or
    /// two; many more are somebody who tries.
    pub refused: usize,
}

/// [`sign_in`] with options.
pub struct SignIn {
    login: Login,
    time_limit: Duration,
    opens_browser: bool,
    tells: Box<dyn Fn(&str) + Send + Sync>,
    pastes_from: Option<Box<dyn BufRead + Send>>,
}

impl SignIn {
    /// How long the user may take, unless it is set.
    pub const DEFAULT_TIME_LIMIT: Duration = Duration::from_secs(300);

    /// Signs in by this login.
    pub fn new(login: Login) -> Self {
        Self {
            login,
            time_limit: Self::DEFAULT_TIME_LIMIT,
            opens_browser: true,
            tells: Box::new(|text| eprintln!("{text}")),
            pastes_from: None,
        }
    }

    /// Sets how long the user may take.
    #[must_use]
    pub fn time_limit(self, time_limit: Duration) -> Self {
        Self { time_limit, ..self }
    }

    /// Opens no browser: the user opens the address, here or anywhere, and may paste the one that they
    /// were sent to.
    #[must_use]
    pub fn without_browser(self) -> Self {
        Self { opens_browser: false, ..self }
    }

    /// Where the user is told what to do: standard error by default.
    #[must_use]
    pub fn tell(self, tell: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self { tells: Box::new(tell), ..self }
    }

    /// Where a pasted address is read from, a line at a time: standard input by default. Read only
    /// where no browser could be opened.
    #[must_use]
    pub fn paste_from(self, input: impl BufRead + Send + 'static) -> Self {
        Self { pastes_from: Some(Box::new(input)), ..self }
    }

    /// Signs in.
    ///
    /// # Errors
    ///
    /// As [`sign_in`].
    pub async fn run(self, oauth: &OAuthClient) -> Result<SignedIn, SignInError> {
        let limit = self.time_limit;
        tokio::time::timeout(limit, self.sign_in(oauth))
            .await
            .unwrap_or(Err(SignInError::TimedOut { limit }))
    }

    async fn sign_in(mut self, oauth: &OAuthClient) -> Result<SignedIn, SignInError> {
        oauth.check()?;
        let (sender, mut answers) = mpsc::channel(1);
        let (listener, redirect_uri) = Listener::bind(self.login.redirect()).await?;
        let client_id = self.login.client_id().to_owned();
        let pending = self.login.clone().redirect_uri(redirect_uri).begin()?;
        let mut server = listener.serve(pending.clone(), sender.clone());
        self.invite(&pending, sender).await;

        loop {
            // The server holds a sender, so that there is always another.
            let answer = answers.recv().await.ok_or(SignInError::Interrupted)?;
            let (code, reply) = match answer {
                Answer::Redirect { code, reply } => (code, Some(reply)),
                Answer::Pasted(line) => match pending.finish(&line) {
                    Err(error) if !is_final(&error) => {
                        (self.tells)(&format!("{error}."));
                        continue;
                    }
                    code => (code, None),
                },
            };
            let outcome = redeem(&client_id, code, oauth).await;
            if let Some(reply) = reply {
                // A browser that has gone needs no page.
                let _ = reply.send(answers::page(&outcome));
                server.finish().await;
            }
            let refused = server.refused();
            return outcome.map(|token| SignedIn { token, refused });
        }
    }

    /// Shows the user the way.
    async fn invite(&mut self, pending: &PendingLogin, sender: mpsc::Sender<Answer>) {
        if self.opens_browser && open_browser(pending.url().to_owned()).await {
            (self.tells)(&format!(
                "Log in in the browser. If none opens, open\n\n  {}\n",
                pending.url()
            ));
            return;
        }
        (self.tells)(&format!(
            "Open this address in a browser, on any machine:\n\n  {}\n\nAfter agreeing, the browser is \
             sent to an address that may not load. If this program does not go on by itself, paste that \
             address here:",
            pending.url()
        ));
        pasting::start(self.pastes_from.take(), sender);
    }
}

impl fmt::Debug for SignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignIn")
            .field("login", &self.login)
            .field("time_limit", &self.time_limit)
            .field("opens_browser", &self.opens_browser)
            .finish_non_exhaustive()
    }
}

async fn redeem(
    client_id: &str,
    code: Result<AuthorizationCode, LoginError>,
    oauth: &OAuthClient,
) -> Result<Token, SignInError> {
    Ok(oauth.request_token(AuthorizationCodeRequest::public(client_id, code?)).await?)
}

/// Whether the user, or the accounts service, has given an answer for good.
fn is_final(error: &LoginError) -> bool {
    matches!(error, LoginError::Denied | LoginError::Refused { .. })
}

/// Finding and starting a browser blocks.
async fn open_browser(url: String) -> bool {
    tokio::task::spawn_blocking(move || has_display() && webbrowser::open(&url).is_ok())
        .await
        .unwrap_or(false)
}

/// Where a text browser would be found, it would take over the terminal.
fn has_display() -> bool {
    !cfg!(target_os = "linux")
        || ["BROWSER", "DISPLAY", "WAYLAND_DISPLAY"]
            .iter()
            .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}
