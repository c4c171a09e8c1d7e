//! Signing in on a desktop: one call that opens the browser and waits for the user to come back.
//!
//! [`sign_in`] does it as most programs want it; [`SignIn`] has the options. Where no browser
//! opens, as on a server over SSH, or where one opens but cannot come back, as in a container or
//! from WSL, the user opens the URL anywhere and pastes the one that they were sent to.
//!
//! What comes to the loopback port is not trusted: only a `GET` of the redirect URI's path, to its
//! very host, with this login's `state` counts. Anything else is refused and counted, and delays
//! nobody.

mod browser;
mod callback;
mod error;
mod listener;
mod page;
mod pasting;
mod redirect;
#[cfg(unix)]
mod stdin;

use std::fmt;
use std::io::BufRead;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use self::listener::{Listener, Server};
use self::page::Page;
use self::pasting::Pasting;
use self::redirect::LoopbackRedirect;
use crate::oauth::{
    AuthorizationCode, AuthorizationCodeRequest, Login, LoginError, OAuthClient, PendingLogin,
    Token,
};

pub use error::SignInError;

/// Signs a user in: opens the browser, prints the URL too, and waits for the user to come back.
///
/// The login is one with [PKCE](Login::pkce) whose redirect URI is of `127.0.0.1` or `[::1]`. The
/// URI is sent as it is given, character by character, since Spotify compares it so with the registered
/// one; the port in it is the one that is bound. Only where it has no port, a free one is taken and
/// added, which Spotify allows for a URI that was registered without one.
///
/// Meanwhile the URL that the user was sent back to may be pasted into standard input, for browsers
/// that cannot reach this program. Not a line more is read than the one with the URL, and none at
/// all once the browser has come back; a line that is piped into a program that has a browser is
/// left to the program unless it is that URL. On Windows, which does not tell whether there is a
/// line to read, standard input is read only where there is no browser.
///
/// Ends after five minutes. When the future is dropped, as by a program that ends on Ctrl-C, the
/// port is free again.
///
/// # Errors
///
/// A [`SignInError`] that says what to do. What can be known before the user has logged in is said
/// before anything is opened.
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
///     .with_scopes([Scope::UserReadCurrentlyPlaying]);
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

/// What signing in returned.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SignedIn {
    /// The token, with its refresh token.
    pub token: Token,
    /// How many requests to the loopback port were refused meanwhile. A browser asks for an icon or
    /// two; many more are an attack.
    pub refused: usize,
}

/// [`sign_in`] with options.
pub struct SignIn {
    login: Login,
    timeout: Duration,
    opens_browser: bool,
    tells: Box<dyn Fn(&str) + Send + Sync>,
    pastes_from: Option<Box<dyn BufRead + Send>>,
}

impl SignIn {
    /// How long the user may take, unless it is set.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(300);

    /// Signs in by this login.
    pub fn new(login: Login) -> Self {
        Self {
            login,
            timeout: Self::DEFAULT_TIMEOUT,
            opens_browser: true,
            tells: Box::new(|text| eprintln!("{text}")),
            pastes_from: None,
        }
    }

    /// Sets how long the user may take to come back. The exchange of their code has a limit of its
    /// own, that of a token request.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Opens no browser: the user opens the URL, here or anywhere, and may paste the one that they
    /// were sent to.
    #[must_use]
    pub fn without_browser(self) -> Self {
        Self { opens_browser: false, ..self }
    }

    /// Where the user is told what to do: standard error by default.
    #[must_use]
    pub fn with_messages_to(self, tell: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self { tells: Box::new(tell), ..self }
    }

    /// Where a pasted URL is read from, a line at a time: standard input by default. The line that
    /// is being waited for when the browser comes back is lost, which it is not for standard input.
    #[must_use]
    pub fn with_pasted_lines_from(self, input: impl BufRead + Send + 'static) -> Self {
        Self { pastes_from: Some(Box::new(input)), ..self }
    }

    /// Signs in.
    ///
    /// # Errors
    ///
    /// As [`sign_in`].
    pub async fn run(mut self, oauth: &OAuthClient) -> Result<SignedIn, SignInError> {
        let redirect = self.check(oauth)?;
        let listener = Listener::bind(&redirect).await?;
        let pending = self.login.clone().with_redirect_uri(listener.redirect_uri()).begin()?;
        let (sender, returns) = mpsc::unbounded_channel();
        let server = listener.serve(pending.clone(), sender.clone())?;
        let pasting = self.invite(&pending, sender);
        // What follows is no longer the user's: it has the limit of a token request.
        let limit = self.timeout;
        let returned = tokio::time::timeout(limit, code(&pending, returns, &*self.tells)).await;
        drop(pasting);
        let outcome = match returned.unwrap_or(Err(SignInError::TimedOut { limit })) {
            Ok((code, reply)) => {
                let outcome = redeem(self.login.client_id(), code, oauth).await;
                show(&outcome, reply, &server).await;
                outcome
            }
            Err(error) => Err(error),
        };
        let refused = server.end().await;
        outcome.map(|token| SignedIn { token, refused })
    }

    /// Everything that would fail only after the user has logged in.
    fn check(&self, oauth: &OAuthClient) -> Result<LoopbackRedirect, SignInError> {
        if !self.login.has_pkce() {
            return Err(SignInError::WithoutPkce);
        }
        let redirect = LoopbackRedirect::parse(self.login.redirect())?;
        self.login.check()?;
        oauth.check()?;
        Ok(redirect)
    }

    /// Shows the user the way.
    fn invite(
        &mut self,
        pending: &PendingLogin,
        returns: mpsc::UnboundedSender<Return>,
    ) -> Pasting {
        let has_browser = self.opens_browser && browser::is_there();
        let (begin, end) = match has_browser {
            true => ("Log in in the browser. If none opens, open this URL on any machine:", "If"),
            false => (
                "Open this URL in a browser, on any machine:",
                "This program goes on by itself if the browser can reach it. If",
            ),
        };
        let url = pending.url();
        (self.tells)(&format!(
            "{begin}\n\n  {url}\n\n{end} you end on a page that does not load, paste its URL here:"
        ));
        if has_browser {
            browser::open(url.to_owned());
        }
        match self.pastes_from.take() {
            Some(input) => Pasting::from_input(input, returns),
            None => {
                let origin = pending.redirect_origin().to_owned();
                Pasting::from_stdin(has_browser, origin, returns)
            }
        }
    }
}

impl fmt::Debug for SignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignIn")
            .field("login", &self.login)
            .field("timeout", &self.timeout)
            .field("opens_browser", &self.opens_browser)
            .finish_non_exhaustive()
    }
}

type Code = Result<AuthorizationCode, LoginError>;

/// How a user comes back.
enum Return {
    /// By the browser, which waits for a page.
    Redirect { code: Code, reply: oneshot::Sender<Page> },
    /// By a line; the next is read only when this one is said to be wrong.
    Pasted { line: String, was_wrong: oneshot::Sender<()> },
}

/// Waits until the user has come back, by the browser or by a line.
async fn code(
    pending: &PendingLogin,
    mut returns: mpsc::UnboundedReceiver<Return>,
    tell: &(dyn Fn(&str) + Send + Sync),
) -> Result<(Code, Option<oneshot::Sender<Page>>), SignInError> {
    loop {
        // The server holds a sender, so that there is always one.
        match returns.recv().await.ok_or(SignInError::Interrupted)? {
            Return::Redirect { code, reply } => return Ok((code, Some(reply))),
            Return::Pasted { line, was_wrong } => match pending.finish(&line) {
                Err(error) if !is_final(&error) => {
                    tell(&format!("{error}."));
                    // A reader that has gone reads no more.
                    let _ = was_wrong.send(());
                }
                code => return Ok((code, None)),
            },
        }
    }
}

async fn redeem(client_id: &str, code: Code, oauth: &OAuthClient) -> Result<Token, SignInError> {
    Ok(oauth.request_token(AuthorizationCodeRequest::public(client_id, code?)).await?)
}

/// A browser that has gone needs no page.
async fn show(
    outcome: &Result<Token, SignInError>,
    reply: Option<oneshot::Sender<Page>>,
    server: &Server,
) {
    if reply.is_some_and(|reply| reply.send(page::outcome(outcome)).is_ok()) {
        server.finish().await;
    }
}

/// Whether the user, or the accounts service, has decided for good.
fn is_final(error: &LoginError) -> bool {
    matches!(error, LoginError::Denied | LoginError::Rejected { .. })
}
