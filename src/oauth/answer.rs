//! Reading answers to token requests, which come in many shapes.

use std::time::Duration;

use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::{AccessToken, OAuthError, OAuthErrorCode, RefreshToken, Token};
use crate::transport::clipped;

/// Reads the body of a successful answer.
///
/// `expires_in` may be an integer, a float or a text; when it is missing, `null` or no number at
/// all, the token is taken to hold for an hour, which a 401 corrects.
pub(super) fn token(body: &[u8]) -> Result<Token, OAuthError> {
    let answer: TokenAnswer = serde_json::from_slice(body).map_err(|error| OAuthError::Answer {
        // Category and place only: serde's own text would quote the answer.
        reason: format!(
            "{:?} at line {} column {}",
            error.classify(),
            error.line(),
            error.column()
        ),
    })?;
    let access_token = access_token(answer.access_token.as_ref())?;
    let token = Token {
        access_token,
        expires_in: Duration::ZERO,
        refresh_token: text(answer.refresh_token.as_ref()).map(RefreshToken::from),
        scopes: scopes(answer.scope.as_ref()),
    };
    if let Some(other) =
        text(answer.token_type.as_ref()).filter(|it| !it.eq_ignore_ascii_case("bearer"))
    {
        let reason = format!("its type is {:?}, not bearer", clipped(other));
        return Err(OAuthError::Unusable { reason, token: Box::new(token) });
    }
    match lifetime(answer.expires_in.as_ref()) {
        Ok(expires_in) => Ok(Token { expires_in, ..token }),
        Err(reason) => Err(OAuthError::Unusable { reason, token: Box::new(token) }),
    }
}

/// Reads an answer that is not successful; `secrets` are what its words may not repeat.
pub(super) fn refusal<'a>(
    status: StatusCode,
    retry_after: Option<Duration>,
    body: &[u8],
    secrets: impl Iterator<Item = &'a str>,
) -> OAuthError {
    let answer: ErrorAnswer = serde_json::from_slice(body).unwrap_or_default();
    let Some(code) = text(answer.error.as_ref()) else {
        return OAuthError::Status { status, retry_after };
    };
    let secrets: Vec<&str> = secrets.filter(|secret| !secret.is_empty()).collect();
    let scrub = |text: &str| {
        let scrubbed =
            secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret, "[redacted]"));
        clipped(&scrubbed)
    };
    OAuthError::Refused {
        status,
        code: OAuthErrorCode::from(scrub(code).as_str()),
        description: text(answer.error_description.as_ref()).map(scrub),
        retry_after,
    }
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: Option<Value>,
    token_type: Option<Value>,
    expires_in: Option<Value>,
    refresh_token: Option<Value>,
    scope: Option<Value>,
}

#[derive(Deserialize, Default)]
struct ErrorAnswer {
    error: Option<Value>,
    error_description: Option<Value>,
}

fn text(value: Option<&Value>) -> Option<&str> {
    value.and_then(Value::as_str).filter(|text| !text.is_empty())
}

fn access_token(value: Option<&Value>) -> Result<AccessToken, OAuthError> {
    let reason = match text(value) {
        // What RFC 6750 allows is less, but all of this can be sent.
        Some(text) if text.bytes().all(|byte| byte.is_ascii_graphic()) => return Ok(text.into()),
        Some(_) => "access_token has characters that cannot be sent",
        None => "access_token is missing, empty or no text",
    };
    Err(OAuthError::Answer { reason: reason.to_owned() })
}

fn lifetime(value: Option<&Value>) -> Result<Duration, String> {
    let seconds = match value {
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text)) => text.trim().parse().ok(),
        _ => None,
    };
    let Some(seconds) = seconds else { return Ok(Token::DEFAULT_LIFETIME) };
    match Duration::try_from_secs_f64(seconds) {
        Ok(lifetime) if lifetime <= LONGEST_LIFETIME => Ok(lifetime),
        _ => Err(format!("it is said to expire in {seconds} seconds")),
    }
}

fn scopes(value: Option<&Value>) -> Option<Vec<String>> {
    match value? {
        Value::String(text) => Some(text.split_whitespace().map(str::to_owned).collect()),
        Value::Array(list) => {
            Some(list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
        }
        _ => None,
    }
}

/// A hundred years: beyond any token that a server means, and far below what a clock overflows at.
const LONGEST_LIFETIME: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
