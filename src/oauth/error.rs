//! What can go wrong with a token request.

use std::time::Duration;

use reqwest::StatusCode;

use super::Token;
use crate::model::open_enum::open_enum;
use crate::report::{debug_for_people, says_it_all};
use crate::transport::is_transient_status;

/// Why a token request returned no token that can be used.
#[derive(thiserror::Error)]
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
    /// The request was not made from within a tokio runtime with IO and time enabled. Nothing was
    /// sent.
    #[error(
        "a token can only be requested from within a tokio runtime with IO and time enabled (`enable_all`)"
    )]
    NoRuntime,
    /// There was no complete response: no connection, a reset, a truncated body, no trust.
    #[error("no complete response to the token request")]
    Transport {
        /// The error of the HTTP client, without the URL.
        #[source]
        source: reqwest::Error,
    },
    /// No complete response came in time.
    #[error("no response to the token request within {limit:?}")]
    TimedOut {
        /// The limit that was set for token requests.
        limit: Duration,
    },
    /// The accounts service rejected the request and said why ([RFC 6749, section 5.2]).
    ///
    /// [RFC 6749, section 5.2]: https://www.rfc-editor.org/rfc/rfc6749#section-5.2
    #[error("the accounts service rejected the token request: {code}{} (HTTP {status}){}", colon(description.as_deref()), advice(code))]
    Rejected {
        /// The status of the response; some servers send errors with a success status.
        status: StatusCode,
        /// The reason as a code, never changed by the removal of secrets.
        code: OAuthErrorCode,
        /// The reason in words, without secrets and clipped to 200 characters. `[redacted]` alone
        /// where it has a secret of under eight characters as a word.
        description: Option<String>,
        /// How long the service asks the client to wait.
        retry_after: Option<Duration>,
    },
    /// The accounts service, or a proxy before it, sent a status without a reason.
    #[error("the response to the token request is HTTP {status}{}", with(unread.as_deref()))]
    Status {
        /// The status of the response.
        status: StatusCode,
        /// How long the service asks the client to wait.
        retry_after: Option<Duration>,
        /// What kept its words from being read, such as a compression that was not asked for.
        unread: Option<String>,
    },
    /// A success status without a token.
    #[error("the response to the token request has no token: {reason}")]
    NoToken {
        /// What was wrong with it; never a part of the response.
        reason: String,
    },
    /// The response carries a token that cannot be used as it is. The token is not lost.
    #[error("the response to the token request has a token that cannot be used: {reason}")]
    Unusable {
        /// The status of the response.
        status: StatusCode,
        /// The error code that came with the token, if any.
        code: Option<OAuthErrorCode>,
        /// What was wrong with it.
        reason: String,
        /// How long the service asks the client to wait.
        retry_after: Option<Duration>,
        /// What the response carried: its refresh token may be the only one that still works. Its
        /// lifetime is zero, and its access token is empty where none came that can be sent.
        token: Box<Token>,
    },
}

debug_for_people! {
    OAuthError, says_it_all;
    fields
        Input { name, reason }
        Transport { source }
        TimedOut { limit }
        Rejected { status, code, description, retry_after }
        Status { status, retry_after, unread }
        NoToken { reason }
        Unusable { status, code, reason, retry_after, token };
    values;
    words NoRuntime;
}

fn with(unread: Option<&str>) -> String {
    unread.map_or_else(String::new, |unread| format!(", with {unread}"))
}

impl OAuthError {
    /// Whether the same request may well succeed later.
    ///
    /// A request that the accounts service rejects with a code of its own is not. All else is
    /// transient: missing or truncated responses, time-outs, and every status without such a code,
    /// also 403 or 404, which load balancers, captive portals and pages of maintenance send. 408,
    /// 429 and 5xx are transient whatever they say, other than 501 and 505.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Input { .. } | Self::NoRuntime => false,
            Self::Transport { source } => !source.is_builder(),
            Self::TimedOut { .. }
            | Self::Status { .. }
            | Self::NoToken { .. }
            | Self::Unusable { .. } => true,
            Self::Rejected { status, code, .. } => {
                is_transient_status(*status)
                    || *code == OAuthErrorCode::TemporarilyUnavailable
                    || !is_of_oauth(*status, code)
            }
        }
    }

    /// The status of the response, where it matters.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Rejected { status, .. }
            | Self::Status { status, .. }
            | Self::Unusable { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// The reason that the accounts service gave, where it gave one.
    ///
    /// Of [`Unusable`](Self::Unusable), the code that came beside a token: keep the token first.
    pub fn code(&self) -> Option<&OAuthErrorCode> {
        match self {
            Self::Rejected { code, .. } => Some(code),
            Self::Unusable { code, .. } => code.as_ref(),
            _ => None,
        }
    }

    /// How long the service asks the client to wait: `Retry-After`, in seconds or as a date
    /// ([RFC 9110, section 10.2.3](https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3)), however
    /// long that is.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Rejected { retry_after, .. }
            | Self::Status { retry_after, .. }
            | Self::Unusable { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// The token that the response carried although it is an error: keep its refresh token, which
    /// may be the only one that still works.
    pub fn token(&self) -> Option<&Token> {
        match self {
            Self::Unusable { token, .. } => Some(token),
            _ => None,
        }
    }
}

open_enum! {
    /// Why a token request was rejected ([RFC 6749, section 5.2]).
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

/// Whether the accounts service itself says so. "Not Found" as the error of a 404 is of what stands
/// before it.
fn is_of_oauth(status: StatusCode, code: &OAuthErrorCode) -> bool {
    let is_known = !matches!(code, OAuthErrorCode::Unknown(_));
    is_known || matches!(status, StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED)
}

pub(super) fn colon(description: Option<&str>) -> String {
    description.map(|text| format!(": {text}")).unwrap_or_default()
}

fn advice(code: &OAuthErrorCode) -> &'static str {
    match code {
        OAuthErrorCode::InvalidClient => "; check client id and secret",
        OAuthErrorCode::InvalidGrant => {
            "; what was sent has expired, was used already, was revoked, or belongs to another app or \
             redirect URI"
        }
        OAuthErrorCode::UnauthorizedClient => "; the app may not use this grant",
        _ => "",
    }
}
