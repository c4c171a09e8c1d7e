//! What an error means to a program: is it transient, may it have been carried out, when may it ask
//! again, and what did the server say.

use std::time::Duration;

use reqwest::StatusCode;

use super::{Error, RequestLine};
use crate::auth::AuthError;
use crate::oauth::Scope;
use crate::transport::{is_transient_failure, is_transient_status, lacks_permission, may_be_done};

impl Error {
    /// Whether the same call may succeed later without any change.
    ///
    /// Before a write is sent again, [`may_have_been_carried_out`](Self::may_have_been_carried_out)
    /// counts as well.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Auth { source, .. } | Self::Unsettled(source) => source.is_transient(),
            Self::OAuth(error) => error.is_transient(),
            Self::Transport { source, .. } => is_transient_failure(source),
            Self::Api { status, .. } => is_transient_status(*status),
            Self::RateLimited { .. } | Self::DeadlineExceeded { .. } | Self::Interrupted => true,
            Self::PartlyCarriedOut(error) => error.source.is_transient(),
            _ => false,
        }
    }

    /// Whether the request may have changed something although it failed, so that sending it again
    /// might do it twice. `false` for requests that only read, and wherever it is known that the
    /// server did not act, on any of the attempts.
    ///
    /// ```
    /// # use spotify_web::testing::FakeSpotify;
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// # let fake = FakeSpotify::start().await?;
    /// # let spotify =
    /// spotify_web::SpotifyClient::new(fake.config().with_token(fake.user_token()))?;
    /// # fake.next(502);
    /// if let Err(error) = spotify.player().next().await {
    ///     let retry = error.is_transient() && !error.may_have_been_carried_out();
    ///     assert!(!retry, "it may have skipped already");
    /// }
    /// # Ok(())
    /// # }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
    /// ```
    pub fn may_have_been_carried_out(&self) -> bool {
        let may_be_done = match self {
            Self::CarriedOut { .. } | Self::PartlyCarriedOut(_) => return true,
            // Of what the HTTP client says, the request knows more.
            Self::Transport { source: reqwest_middleware::Error::Middleware(_), .. } => true,
            Self::Api { status, .. } => may_be_done(*status),
            _ => false,
        };
        self.request()
            .is_some_and(|request| request.is_write() && (may_be_done || request.may_be_done))
    }

    /// Whether only a login of the user helps: nobody has logged in, the login has ended, or it
    /// lacks scopes; see [`missing_scopes`](Self::missing_scopes) for which. So it is where Spotify
    /// says that an endpoint needs a user's token and got one of the app.
    ///
    /// ```
    /// # use spotify_web::testing::FakeSpotify;
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// # let fake = FakeSpotify::start().await?;
    /// use spotify_web::SpotifyClient;
    /// use spotify_web::oauth::Scope;
    ///
    /// // A login that asked for the user's name, and for nothing else.
    /// # let config = fake.config();
    /// # let token = fake.user("anna").token_for([Scope::UserReadPrivate]);
    /// let spotify = SpotifyClient::new(config.with_token(token))?;
    /// let error = spotify.users().top_artists().await.unwrap_err();
    /// assert!(error.needs_login());
    /// assert_eq!(error.missing_scopes(), [Scope::UserTopRead]);
    /// # Ok(())
    /// # }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
    /// ```
    pub fn needs_login(&self) -> bool {
        self.auth_error().is_some_and(AuthError::needs_login) || self.lacks_permission()
    }

    /// The scopes that a new login is to ask for, where the error is for want of them: those that
    /// the stored login lacks, or those of the endpoint, of which Spotify wants all or one. Empty
    /// for all other errors, for a call by path, whose scopes are not known, and for scopes that
    /// [`Scope`] does not have.
    ///
    /// A 403 for another reason, such as `PREMIUM_REQUIRED` or somebody else's playlist, is not
    /// mended by any scope and has none.
    pub fn missing_scopes(&self) -> Vec<Scope> {
        match (self.last_response(), self.auth_error()) {
            (Self::Api { scopes, .. }, _) if self.lacks_permission() => scopes.to_vec(),
            (_, Some(AuthError::MissingScopes { missing })) => {
                let known = Scope::ALL.iter().copied();
                known.filter(|scope| missing.iter().any(|name| name == scope.as_str())).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Whether a command of the player found no device to act on: start Spotify on one, or name one
    /// of [`devices`](crate::api::Player::devices) by
    /// [`device`](crate::api::Request::device).
    ///
    /// ```
    /// # use spotify_web::testing::FakeSpotify;
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// # let fake = FakeSpotify::start().await?;
    /// # let config = fake.config().with_token(fake.user("anna").without_playback().token());
    /// # let spotify = spotify_web::SpotifyClient::new(config)?;
    /// let error = spotify.player().pause().await.unwrap_err();
    /// assert!(error.is_no_active_device());
    /// assert_eq!(error.reason(), Some("NO_ACTIVE_DEVICE"));
    /// # Ok(())
    /// # }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
    /// ```
    pub fn is_no_active_device(&self) -> bool {
        match self.last_response() {
            Self::Api { message, reason, .. } => match reason.as_deref() {
                Some(reason) => reason == "NO_ACTIVE_DEVICE",
                None => message.as_ref().is_some_and(|message| {
                    message.to_ascii_lowercase().contains("no active device")
                }),
            },
            _ => false,
        }
    }

    /// Whether the server says that the token lacks a scope, or is not of a user.
    pub(super) fn lacks_permission(&self) -> bool {
        match self.last_response() {
            Self::Api { status, message: Some(message), .. } => {
                matches!(*status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
                    && lacks_permission(message)
            }
            _ => false,
        }
    }

    /// The error of the last response, of a call or a batch that failed by it.
    fn last_response(&self) -> &Self {
        match self {
            Self::DeadlineExceeded { last: Some(last), .. } => last.last_response(),
            Self::PartlyCarriedOut(error) => error.source.last_response(),
            error => error,
        }
    }

    fn auth_error(&self) -> Option<&AuthError> {
        match self.last_response() {
            Self::Auth { source, .. } | Self::Authenticator(source) | Self::Unsettled(source) => {
                Some(source)
            }
            _ => None,
        }
    }

    /// How long to wait before the call is made again, where the other side, the rate limiter or
    /// the token cache says so. Until then neither of the latter would send it. Of a transient
    /// error where nobody does, it is `None`: wait for a second, and twice as long after each
    /// failure that follows, as the retries do.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Auth { source, .. } => source.retry_after(),
            Self::OAuth(error) => error.retry_after(),
            Self::RateLimited { retry_after, .. } | Self::Api { retry_after, .. } => *retry_after,
            Self::DeadlineExceeded { last, .. } => last.as_ref()?.retry_after(),
            Self::PartlyCarriedOut(error) => error.source.retry_after(),
            _ => None,
        }
    }

    /// The status of the response, where there was one. A call that the rate limiter did not send
    /// has none.
    ///
    /// Of a call that ran out of time, it is the status of the last attempt.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Api { status, .. } | Self::CarriedOut { status, .. } => Some(*status),
            Self::RateLimited { status, .. } => *status,
            Self::OAuth(error) => error.status(),
            Self::Auth { source: AuthError::Request { source, .. }, .. } => source.status(),
            Self::DeadlineExceeded { last, .. } => last.as_ref()?.status(),
            Self::PartlyCarriedOut(error) => error.source.status(),
            _ => None,
        }
    }

    /// The body of a response that cannot be read, as it came.
    ///
    /// ```
    /// # use spotify_web::testing::{FakeResponse, FakeSpotify};
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// # let fake = FakeSpotify::start().await?;
    /// # let spotify = spotify_web::SpotifyClient::new(fake.config_with_credentials())?;
    /// # fake.next_api(FakeResponse::json(200, &serde_json::json!({ "new": true })));
    /// let error = spotify.tracks().get("11dFghVXANMlKmJXsNCbNl").await.unwrap_err();
    /// assert_eq!(error.raw_body(), Some(&br#"{"new":true}"#[..]));
    /// # Ok(())
    /// # }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
    /// ```
    pub fn raw_body(&self) -> Option<&[u8]> {
        match self {
            Self::Decode { body, .. } => Some(body.as_bytes()),
            Self::CarriedOut { source, .. } => source.raw_body(),
            Self::PartlyCarriedOut(error) => error.source.raw_body(),
            _ => None,
        }
    }

    /// A word of the server that names the reason: `NO_ACTIVE_DEVICE` and `PREMIUM_REQUIRED` of the
    /// player, `QUOTA_EXCEEDED`. Of a call that ran out of time, it is that of the last attempt.
    pub fn reason(&self) -> Option<&str> {
        match self.last_response() {
            Self::Api { reason, .. } => reason.as_deref(),
            Self::RateLimited { reason, .. } => reason.as_deref(),
            _ => None,
        }
    }

    /// The name of its variant, as the label of a figure has it.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Config { .. } => "config",
            Self::Id(_) => "id",
            Self::Market(_) => "market",
            Self::Range { .. } => "range",
            Self::Count { .. } => "count",
            Self::Parameter { .. } => "parameter",
            Self::ForeignOrigin { .. } => "foreign_origin",
            Self::NoRuntime { .. } => "no_runtime",
            Self::NoAuthenticator { .. } => "no_authenticator",
            Self::Auth { .. } => "auth",
            Self::Authenticator(_) => "authenticator",
            Self::Unsettled(_) => "unsettled",
            Self::OAuth(_) => "oauth",
            Self::Transport { .. } => "transport",
            Self::Api { .. } => "api",
            Self::RateLimited { .. } => "rate_limited",
            Self::Decode { .. } => "decode",
            Self::CarriedOut { .. } => "carried_out",
            Self::PartlyCarriedOut(_) => "partly_carried_out",
            Self::Paging { .. } => "paging",
            Self::MalformedLink { .. } => "malformed_link",
            Self::UnreadableItem { .. } => "unreadable_item",
            Self::DeadlineExceeded { .. } => "deadline_exceeded",
            Self::Interrupted => "interrupted",
            Self::Panicked => "panicked",
            Self::TooLong { .. } => "too_long",
        }
    }

    /// The request that it is about, where there is one.
    fn request(&self) -> Option<&RequestLine> {
        match self {
            Self::NoRuntime { request }
            | Self::NoAuthenticator { request }
            | Self::Auth { request, .. }
            | Self::Transport { request, .. }
            | Self::Api { request, .. }
            | Self::RateLimited { request, .. }
            | Self::Decode { request, .. }
            | Self::CarriedOut { request, .. }
            | Self::Paging { request, .. }
            | Self::DeadlineExceeded { request, .. }
            | Self::TooLong { request, .. } => Some(request),
            _ => None,
        }
    }
}
