//! What an error means to a program: is it transient, may it have been carried out, when may it ask
//! again, and what did the server say.

use std::time::Duration;

use reqwest::StatusCode;

use super::{Error, RequestLine};
use crate::auth::AuthError;
use crate::transport::{is_transient_failure, is_transient_status, may_be_done};

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
            Self::PartlyCarriedOut { source, .. } => source.is_transient(),
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
            Self::CarriedOut { .. } | Self::PartlyCarriedOut { .. } => return true,
            // Of what the HTTP client says, the request knows more.
            Self::Transport { source: reqwest_middleware::Error::Middleware(_), .. } => true,
            Self::Api { status, .. } => may_be_done(*status),
            _ => false,
        };
        self.request()
            .is_some_and(|request| request.is_write() && (may_be_done || request.may_be_done))
    }

    /// Whether only a login of the user helps: nobody has logged in, the login has ended, or it
    /// lacks scopes that the program needs.
    pub fn needs_login(&self) -> bool {
        match self {
            Self::Auth { source, .. } | Self::Authenticator(source) | Self::Unsettled(source) => {
                source.needs_login()
            }
            Self::PartlyCarriedOut { source, .. } => source.needs_login(),
            _ => false,
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
            Self::PartlyCarriedOut { source, .. } => source.retry_after(),
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
            Self::PartlyCarriedOut { source, .. } => source.status(),
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
            Self::CarriedOut { source, .. } | Self::PartlyCarriedOut { source, .. } => {
                source.raw_body()
            }
            _ => None,
        }
    }

    /// A word of the server that names the reason, such as `NO_ACTIVE_DEVICE`.
    pub(crate) fn reason(&self) -> Option<&str> {
        match self {
            Self::Api { reason, .. } | Self::RateLimited { reason, .. } => reason.as_deref(),
            Self::DeadlineExceeded { last, .. } => last.as_ref()?.reason(),
            Self::PartlyCarriedOut { source, .. } => source.reason(),
            _ => None,
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
