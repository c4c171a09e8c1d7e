//! Logging in: a URL that the user opens, and the one that they come back to.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use url::{Host, Url};
use zeroize::Zeroizing;

use super::app::blank_fault;
use super::pkce::random_text;
use super::{AuthorizationCode, LoginError, PkceVerifier, Scopes};
use crate::transport::{clipped, shown_url};

/// An app that users log in to: what the URL of a login is made of ([RFC 6749, section 4.1.1]).
///
/// ```
/// use spotify_web::oauth::{Login, Scope};
///
/// let login = Login::pkce("CLIENT_ID", "http://127.0.0.1:8888/callback")
///     .with_scopes([Scope::PlaylistReadPrivate, Scope::UserReadCurrentlyPlaying])
///     .with_dialog();
/// let pending = login.begin()?;
/// println!("open {}", pending.url());
/// # Ok::<(), spotify_web::oauth::LoginError>(())
/// ```
///
/// [RFC 6749, section 4.1.1]: https://www.rfc-editor.org/rfc/rfc6749#section-4.1.1
#[derive(Clone)]
pub struct Login {
    client_id: String,
    redirect_uri: String,
    authorize_url: String,
    scopes: Scopes,
    shows_dialog: bool,
    with_pkce: bool,
}

impl Login {
    /// Where Spotify's users log in.
    pub const SPOTIFY_AUTHORIZE_URL: &'static str = "https://accounts.spotify.com/authorize";

    /// A login of an app that keeps no secret: on a desktop, in a bot, on a phone ([RFC 7636]).
    ///
    /// The redirect URI must be one that is registered on the app's page in Spotify's dashboard:
    /// HTTPS, or HTTP to `127.0.0.1` or `[::1]`, or a URL of a phone's app. It is sent as it is
    /// given, since Spotify compares it so with the registered one.
    ///
    /// [RFC 7636]: https://www.rfc-editor.org/rfc/rfc7636
    pub fn pkce(client_id: impl Into<String>, redirect_uri: impl Into<String>) -> Self {
        Self {
            client_id: client_id.into(),
            redirect_uri: redirect_uri.into(),
            authorize_url: Self::SPOTIFY_AUTHORIZE_URL.to_owned(),
            scopes: Scopes::default(),
            shows_dialog: false,
            with_pkce: true,
        }
    }

    /// A login of an app that keeps a secret, on a server; or of one whose token swap server does.
    pub fn authorization_code(
        client_id: impl Into<String>,
        redirect_uri: impl Into<String>,
    ) -> Self {
        Self { with_pkce: false, ..Self::pkce(client_id, redirect_uri) }
    }

    /// What the user is asked to allow; nothing but their public profile by default.
    #[must_use]
    pub fn with_scopes(self, scopes: impl Into<Scopes>) -> Self {
        Self { scopes: scopes.into(), ..self }
    }

    /// Asks a user who has agreed before to agree again (`show_dialog`), as where another account
    /// is to be chosen. Spotify does not ask again by default.
    #[must_use]
    pub fn with_dialog(self) -> Self {
        Self { shows_dialog: true, ..self }
    }

    /// Where users log in: [`SPOTIFY_AUTHORIZE_URL`](Self::SPOTIFY_AUTHORIZE_URL) by default.
    #[must_use]
    pub fn with_authorize_url(self, url: impl Into<String>) -> Self {
        Self { authorize_url: url.into(), ..self }
    }

    /// The same with another redirect URI, such as one whose port is known now.
    #[must_use]
    pub fn with_redirect_uri(self, redirect_uri: impl Into<String>) -> Self {
        Self { redirect_uri: redirect_uri.into(), ..self }
    }

    #[cfg(feature = "login")]
    pub(crate) fn redirect(&self) -> &str {
        &self.redirect_uri
    }

    #[cfg(feature = "login")]
    pub(crate) fn has_pkce(&self) -> bool {
        self.with_pkce
    }

    /// The id of the app.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Begins a login of one user: a new `state`, and a new verifier with PKCE.
    ///
    /// # Errors
    ///
    /// [`LoginError::Input`] when a part cannot be used, such as a redirect URI to `localhost`,
    /// which Spotify rejects; [`LoginError::NoRandomness`].
    pub fn begin(&self) -> Result<PendingLogin, LoginError> {
        let mut url = self.check()?;
        let state = random_text::<32>()?;
        let verifier = self.with_pkce.then(PkceVerifier::generate).transpose()?;
        let mut query = url.query_pairs_mut();
        query
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.client_id)
            .append_pair("redirect_uri", &self.redirect_uri)
            .append_pair("state", &state);
        if !self.scopes.is_empty() {
            query.append_pair("scope", &self.scopes.to_string());
        }
        if self.shows_dialog {
            query.append_pair("show_dialog", "true");
        }
        if let Some(verifier) = &verifier {
            query
                .append_pair("code_challenge_method", "S256")
                .append_pair("code_challenge", &verifier.challenge());
        }
        drop(query);
        let verifier = verifier.map(|verifier| Zeroizing::new(verifier.expose().to_owned()));
        Ok(PendingLogin {
            url: url.into(),
            redirect_uri: self.redirect_uri.clone(),
            state,
            verifier,
        })
    }

    /// The authorize URL, where nothing keeps the login from beginning.
    pub(crate) fn check(&self) -> Result<Url, LoginError> {
        if let Some(fault) = blank_fault(&self.client_id) {
            return Err(input("client id", fault));
        }
        check_redirect(&self.redirect_uri)?;
        Url::parse(&self.authorize_url)
            .map_err(|error| input("authorize URL", &format!("is not a valid URL: {error}")))
    }
}

/// A login that has begun: its URL is shown to the user, who comes back with a code.
///
/// It can be serialized, so that another request, process or day finishes it. Then it holds
/// secrets: keep it where sessions are kept, and not in the hands of another user. `Debug` shows
/// none.
///
/// ```
/// use spotify_web::oauth::{Login, LoginError, PendingLogin};
///
/// let pending = Login::pkce("CLIENT_ID", "http://127.0.0.1:8888/callback").begin()?;
/// let kept = serde_json::to_string(&pending).unwrap();
///
/// let pending: PendingLogin = serde_json::from_str(&kept).unwrap();
/// let error = pending.finish("http://127.0.0.1:8888/callback?error=access_denied").unwrap_err();
/// assert_eq!(error, LoginError::StateMissing);
/// # Ok::<(), LoginError>(())
/// ```
#[derive(Clone, Serialize, Deserialize)]
pub struct PendingLogin {
    url: String,
    redirect_uri: String,
    state: Zeroizing<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    verifier: Option<Zeroizing<String>>,
}

impl PendingLogin {
    /// The URL that the user opens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Scheme, host and port of the redirect URI.
    #[cfg(feature = "login")]
    pub(crate) fn redirect_origin(&self) -> &str {
        let host = self.redirect_uri.find("://").map_or(0, |at| at + "://".len());
        let rest = self.redirect_uri.get(host..).unwrap_or_default();
        let length = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        self.redirect_uri.get(..host + length).unwrap_or_default()
    }

    /// What links the redirect to this login: the key to keep it under, where many are pending.
    ///
    /// A secret between the user and the app.
    pub fn state(&self) -> &str {
        &self.state
    }

    /// The `state` of a URL that a user came back to: which login it belongs to, where many are
    /// pending. `None` where it has none, or more than one. Whether it is right,
    /// [`finish`](Self::finish) says.
    ///
    /// ```
    /// use spotify_web::oauth::PendingLogin;
    ///
    /// let state = PendingLogin::state_of("/callback?code=x&state=abc");
    /// assert_eq!(state.as_deref(), Some("abc"));
    /// assert_eq!(PendingLogin::state_of("/callback"), None);
    /// ```
    pub fn state_of(redirect: &str) -> Option<String> {
        Query::of(&without_white_space(redirect)).ok()?.once("state").ok()?.map(str::to_owned)
    }

    /// Takes the URL that the user was sent back to, whole or from its path on. White space in it,
    /// as from a terminal's line breaks, is passed over.
    ///
    /// Only its query counts. Its scheme, host and path may differ from the redirect URI: behind a
    /// proxy a server sees others than the browser did. That the response belongs to this login, the
    /// `state` says, which nobody else knows ([RFC 6749, section 10.12]); and the accounts service
    /// compares the redirect URI that is sent with the code, which is always that of the login.
    ///
    /// [RFC 6749, section 10.12]: https://www.rfc-editor.org/rfc/rfc6749#section-10.12
    ///
    /// # Errors
    ///
    /// A [`LoginError`] that says what was wrong with it. The login stays pending: another URL may
    /// still be the right one.
    pub fn finish(&self, redirect: &str) -> Result<AuthorizationCode, LoginError> {
        let redirect = without_white_space(redirect);
        let query = Query::of(&redirect)?;
        let state = query.once("state")?.ok_or(LoginError::StateMissing)?;
        if !bool::from(state.as_bytes().ct_eq(self.state.as_bytes())) {
            return Err(LoginError::StateMismatch);
        }
        RESPONSE_PARAMETERS.into_iter().try_for_each(|name| query.once(name).map(drop))?;
        match query.get("error") {
            Some("access_denied") => return Err(LoginError::Denied),
            Some(code) => {
                let description = query.get("error_description").map(clipped);
                return Err(LoginError::Rejected { code: clipped(code), description });
            }
            None => {}
        }
        let code = query.get("code").filter(|code| !code.is_empty());
        Ok(AuthorizationCode {
            code: Zeroizing::new(code.ok_or(LoginError::CodeMissing)?.to_owned()),
            redirect_uri: self.redirect_uri.clone(),
            verifier: self.verifier.as_ref().map(|text| PkceVerifier::new(text.as_str())),
        })
    }
}

/// No URL has any; a terminal breaks its line where it likes.
fn without_white_space(redirect: &str) -> String {
    redirect.split_whitespace().collect()
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("client_id", &self.client_id)
            .field("redirect_uri", &shown_url(&self.redirect_uri))
            .field("authorize_url", &shown_url(&self.authorize_url))
            .field("scopes", &self.scopes)
            .field("shows_dialog", &self.shows_dialog)
            .field("with_pkce", &self.with_pkce)
            .finish()
    }
}

impl fmt::Debug for PendingLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingLogin")
            .field("redirect_uri", &shown_url(&self.redirect_uri))
            .field("with_pkce", &self.verifier.is_some())
            .finish_non_exhaustive()
    }
}

/// The parameters of a URL, decoded.
struct Query(Vec<(String, Zeroizing<String>)>);

impl Query {
    fn of(url: &str) -> Result<Self, LoginError> {
        let Some((_, query)) = url.split_once('?') else {
            // A code is one long word.
            let is_word = url.len() > 20
                && url.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
            return Err(if is_word { LoginError::OnlyCode } else { LoginError::NoUrl });
        };
        let query = query.split('#').next().unwrap_or_default();
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        Ok(Self(
            pairs.map(|(name, value)| (name.into_owned(), value.into_owned().into())).collect(),
        ))
    }

    /// The value of a parameter that must not be there more than once.
    fn once(&self, name: &'static str) -> Result<Option<&str>, LoginError> {
        match self.0.iter().filter(|(other, _)| other == name).count() {
            0 | 1 => Ok(self.get(name)),
            _ => Err(LoginError::Repeated { name }),
        }
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

/// <https://developer.spotify.com/documentation/web-api/concepts/redirect_uri>
fn check_redirect(redirect_uri: &str) -> Result<(), LoginError> {
    let wrong = |reason| Err(input("redirect URI", reason));
    let Ok(url) = Url::parse(redirect_uri) else {
        return wrong("is not a valid URL; give the one that is registered for the app");
    };
    if redirect_uri.trim() != redirect_uri || redirect_uri.contains(char::is_control) {
        return wrong(
            "has white space around it or a line break in it; Spotify compares it exactly",
        );
    }
    let loopback = match url.host() {
        Some(Host::Domain("localhost")) => {
            return wrong("is of `localhost`, which Spotify rejects; use 127.0.0.1 or [::1]");
        }
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        _ => false,
    };
    match url.scheme() {
        "http" if !loopback => {
            wrong("is plain HTTP, which Spotify rejects except to 127.0.0.1 or [::1]")
        }
        _ if url.fragment().is_some() => wrong("has a fragment (`#`), which none may have"),
        _ => check_query(&url),
    }
}

/// What the accounts service adds would be there twice.
fn check_query(url: &Url) -> Result<(), LoginError> {
    let has = |name: &&str| url.query_pairs().any(|(other, _)| other == *name);
    match RESPONSE_PARAMETERS.into_iter().find(has) {
        Some(name) => {
            let reason = format!("has the parameter `{name}`, which the accounts service adds");
            Err(input("redirect URI", &reason))
        }
        None => Ok(()),
    }
}

fn input(name: &'static str, reason: &str) -> LoginError {
    LoginError::Input { name, reason: reason.to_owned() }
}

/// [RFC 6749, section 4.1.2](https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2).
const RESPONSE_PARAMETERS: [&str; 4] = ["code", "state", "error", "error_description"];
