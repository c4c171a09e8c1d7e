//! What can go wrong with a token request.

use std::time::Duration;

use reqwest::StatusCode;

use super::Token;
use crate::model::open_enum::open_enum;

/// Why a token request brought no token that can be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OAuthError {
    /// A part of the request is missing or cannot be sent. Nothing was sent.
    #[error("{name} {reason}")]
    Input {
        /// Which part.
        name: &'static str,
        /// What is wrong with it and what to do.
        reason: String,
    },
    /// The request or its answer was lost on the way: no connection, reset, torn, not trusted.
    #[error("the token request or its answer was lost on the way")]
    Transport {
        /// What the HTTP client says, without the address.
        #[source]
        source: reqwest::Error,
    },
    /// No whole answer came in time.
    #[error("no answer to the token request within {limit:?}")]
    TimedOut {
        /// The limit that was set for token requests.
        limit: Duration,
    },
    /// The accounts service refused the request and said why ([RFC 6749, section 5.2]).
    ///
    /// [RFC 6749, section 5.2]: https://www.rfc-editor.org/rfc/rfc6749#section-5.2
    #[error("the accounts service refused the token request: {code}{} (HTTP {status}){}", colon(description.as_deref()), advice(code))]
    Refused {
        /// The status of the answer.
        status: StatusCode,
        /// The reason as a code.
        code: OAuthErrorCode,
        /// The reason in words, without secrets and clipped to 200 characters.
        description: Option<String>,
        /// How long the service asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// The accounts service, or something before it, answered with a status and no reason.
    #[error("the token request was answered with HTTP {status}")]
    Status {
        /// The status of the answer.
        status: StatusCode,
        /// How long the service asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// A successful answer that holds no token.
    #[error("the answer to the token request holds no token: {reason}")]
    Answer {
        /// What was wrong with it; never a part of the answer.
        reason: String,
    },
    /// A token came, but what was said about it makes no sense. The token is not lost.
    #[error("the answer to the token request holds a token that cannot be used: {reason}")]
    Unusable {
        /// What was wrong with it.
        reason: String,
        /// The token all the same: its refresh token may be the only one that still works. Its
        /// lifetime is zero.
        token: Box<Token>,
    },
}

impl OAuthError {
    /// Whether the same request may well succeed later.
    ///
    /// Lost or torn answers, time-outs, 408, 429 and 5xx are transient; what the accounts service
    /// refuses for a reason of its own is not.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Input { .. } => false,
            Self::Transport { source } => !source.is_builder(),
            Self::TimedOut { .. } | Self::Answer { .. } | Self::Unusable { .. } => true,
            Self::Refused { status, code, .. } => {
                passes_by(*status) || *code == OAuthErrorCode::TemporarilyUnavailable
            }
            Self::Status { status, .. } => passes_by(*status),
        }
    }

    /// The status of the answer, where there was one.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Refused { status, .. } | Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// The reason that the accounts service gave, where it gave one.
    pub fn code(&self) -> Option<&OAuthErrorCode> {
        match self {
            Self::Refused { code, .. } => Some(code),
            _ => None,
        }
    }

    /// How long the service asks to be left alone (`Retry-After`).
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } | Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

open_enum! {
    /// Why a token request was refused ([RFC 6749, section 5.2]).
    ///
    /// [RFC 6749, section 5.2]: https://www.rfc-editor.org/rfc/rfc6749#section-5.2
    pub enum OAuthErrorCode {
        /// The request lacks a parameter or repeats one.
        InvalidRequest = "invalid_request",
        /// Client id or secret are wrong.
        InvalidClient = "invalid_client",
        /// The code or refresh token has ended, was revoked or was another client's.
        InvalidGrant = "invalid_grant",
        /// The app may not use this grant.
        UnauthorizedClient = "unauthorized_client",
        /// The service does not know this grant.
        UnsupportedGrantType = "unsupported_grant_type",
        /// A scope does not exist, or is more than was granted.
        InvalidScope = "invalid_scope",
        /// The service failed.
        ServerError = "server_error",
        /// The service is overloaded or down for maintenance.
        TemporarilyUnavailable = "temporarily_unavailable",
    }
}

fn passes_by(status: StatusCode) -> bool {
    status.is_server_error()
        || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS)
}

fn colon(description: Option<&str>) -> String {
    description.map(|text| format!(": {text}")).unwrap_or_default()
}

fn advice(code: &OAuthErrorCode) -> &'static str {
    match code {
        OAuthErrorCode::InvalidClient => "; check client id and secret",
        OAuthErrorCode::InvalidGrant => "; the user must log in again",
        OAuthErrorCode::UnauthorizedClient => "; the app may not use this grant",
        _ => "",
    }
}
