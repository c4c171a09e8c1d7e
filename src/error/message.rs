//! How an error is told to people.

use std::time::Duration;

use reqwest::StatusCode;

use super::{Error, RawBody};
use crate::middleware::LimitKind;

impl Error {
    /// The error and all its causes in one line, for people.
    ///
    /// ```
    /// use spotify_web::SpotifyClient;
    /// use spotify_web::SpotifyClientConfig;
    /// use spotify_web::auth::CredentialsAuthenticator;
    ///
    /// let config = SpotifyClientConfig::default()
    ///     .with_authenticator(CredentialsAuthenticator::new("", "SECRET"));
    /// let error = SpotifyClient::new(config).unwrap_err();
    /// assert_eq!(
    ///     error.to_line(),
    ///     "the authenticator cannot be used: no access token could be obtained: \
    ///      client id is empty; set it to the app's"
    /// );
    /// ```
    pub fn to_line(&self) -> String {
        let causes = std::iter::successors(std::error::Error::source(self), |cause| cause.source());
        causes.fold(self.to_string(), |line, cause| format!("{line}: {cause}"))
    }
}

pub(super) fn with_quota(extended: Option<u32>) -> String {
    extended.map_or_else(String::new, |most| {
        format!(
            "; up to {most} with `with_quota(Quota::Extended)`, for apps that have extended quota"
        )
    })
}

/// What the server says, without the full stop at its end, since the sentence goes on.
pub(super) fn detail(status: StatusCode, message: Option<&str>, reason: Option<&str>) -> String {
    match (message.and_then(|message| says_more(status, message)), reason) {
        (Some(message), Some(reason)) => format!(": {message} ({reason})"),
        (Some(text), None) | (None, Some(text)) => format!(": {text}"),
        (None, None) => String::new(),
    }
}

/// A message without its full stop; none where it only repeats the status.
fn says_more(status: StatusCode, message: &str) -> Option<&str> {
    let message = message.trim().trim_end_matches('.').trim_end();
    let phrase = status.canonical_reason().unwrap_or_default();
    (!message.is_empty() && !message.eq_ignore_ascii_case(phrase)).then_some(message)
}

/// What an error of Spotify's is for, where it does not say so itself.
pub(super) fn advice(error: &Error) -> String {
    let Error::Api { request, status, message, reason, scopes, .. } = error else {
        return String::new();
    };
    let said = message.as_deref().and_then(|message| says_more(*status, message));
    match *status {
        StatusCode::NOT_FOUND if request.is_of_playlist() => {
            "; the playlist is not there, or is private: then only a token of a user who may see it \
             helps, with the scope playlist-read-private"
                .into()
        }
        StatusCode::UNAUTHORIZED => {
            "; the token was rejected, or the endpoint needs a user's token".into()
        }
        // Of Premium or of somebody else's playlist: no scope helps.
        StatusCode::FORBIDDEN
            if !error.lacks_permission() && (said.is_some() || reason.is_some()) =>
        {
            String::new()
        }
        StatusCode::FORBIDDEN if !scopes.is_empty() => {
            let scopes: Vec<_> = scopes.iter().map(|scope| scope.as_str()).collect();
            format!("; the endpoint needs a user's token with the scope {}", scopes.join(" or "))
        }
        StatusCode::FORBIDDEN => {
            "; the token lacks a scope, or the app may not use this endpoint".into()
        }
        _ if status.is_redirection() => {
            "; redirects of writes and redirects to another origin are not followed, and a read \
             follows five at most"
                .into()
        }
        _ => String::new(),
    }
}

pub(super) fn begins(start: Option<&str>, body: &RawBody) -> String {
    match start {
        _ if body.as_bytes().is_empty() => "; it has no body".to_owned(),
        Some(start) => format!("; it begins with `{start}`"),
        None => String::new(),
    }
}

pub(super) fn takes_more(in_batches: Option<&str>) -> String {
    in_batches.map(|method| format!("; `{method}` takes more")).unwrap_or_default()
}

pub(super) fn wait(retry_after: Option<Duration>) -> String {
    retry_after.map(|wait| format!("; retry in {}", for_people(wait))).unwrap_or_default()
}

/// In seconds, and from two hours on in hours and minutes; rounded up: nobody retries too early.
pub(super) fn for_people(wait: Duration) -> String {
    let seconds = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0));
    if seconds < 7200 {
        return format!("{seconds} s");
    }
    let minutes = seconds.div_ceil(60);
    format!("{} h {} min", minutes / 60, minutes % 60)
}

/// What became of a request that is limited, and why.
pub(super) fn limited(
    status: Option<StatusCode>,
    limit: Option<LimitKind>,
    reason: Option<&str>,
) -> String {
    let word = match reason {
        Some("QUOTA_EXCEEDED") => {
            " (QUOTA_EXCEEDED, the quota of the developer's account)".to_owned()
        }
        Some(reason) => format!(" ({reason})"),
        None => String::new(),
    };
    match limit {
        Some(limit @ (LimitKind::Outage | LimitKind::ByHand | LimitKind::EndpointByHand)) => {
            not_sent(status, limit)
        }
        Some(limit) if status != Some(StatusCode::TOO_MANY_REQUESTS) => {
            format!("{}{word}", not_sent(status, limit))
        }
        _ => format!("failed with HTTP 429, too many requests{word}"),
    }
}

fn not_sent(status: Option<StatusCode>, limit: LimitKind) -> String {
    let again = status.map(|status| format!(" again after HTTP {}", status.as_u16()));
    format!("was not sent{}: {limit}", again.unwrap_or_default())
}

pub(super) fn last_failure(last: Option<&Error>) -> String {
    last.map(|last| format!("; the last attempt: {last}")).unwrap_or_default()
}
