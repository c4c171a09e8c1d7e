//! What a response to a token request comes to: a token, or which error.

mod fields;
mod objects;

use std::time::Duration;

use reqwest::StatusCode;
use zeroize::Zeroizing;

use self::fields::{Fields, can_be_sent};
use super::scrub::Scrubber;
use super::{OAuthError, Token, TokenForm};
use crate::transport::unannounced;

/// What was received, which may be less than was sent.
pub(super) struct TokenResponse {
    pub(super) status: StatusCode,
    pub(super) retry_after: Option<Duration>,
    pub(super) body: Zeroizing<Vec<u8>>,
    /// What the body is said to be compressed with, if it was not decompressed.
    pub(super) coding: Option<String>,
}

impl TokenResponse {
    /// The token, or the error that keeps the most of the response; `cut` says why the end of the
    /// body is missing, where it is.
    ///
    /// | the response has | result |
    /// |---|---|
    /// | a success status and a token without fault | the token |
    /// | a refresh token, or an access token that cannot be used | [`OAuthError::Unusable`] |
    /// | an error code, under any status | [`OAuthError::Rejected`] |
    /// | no end | why it has none |
    /// | a success status, and a body | [`OAuthError::NoToken`] |
    /// | nothing of it | [`OAuthError::Status`] |
    pub(super) fn read(
        &self,
        form: &TokenForm,
        cut: Option<OAuthError>,
    ) -> Result<Token, OAuthError> {
        let status = self.status;
        let retry_after = self.retry_after;
        let sent = form.secrets();
        let mut fields = Fields::of(&self.body, &sent, status.is_success());
        if form.is_refresh() {
            fields.forget_empty_scope();
        }
        let scrubber = fields.scrubber(&sent);
        let Some(reason) = self.fault(&fields, &scrubber) else { return Ok(fields.token()) };
        let code = fields.error.as_deref().and_then(|code| scrubber.code(code));
        if fields.refresh_token.is_some() || self.has_odd_token(&fields) && code.is_none() {
            let token = Box::new(Token { expires_in: Duration::ZERO, ..fields.token() });
            return Err(OAuthError::Unusable { status, code, reason, retry_after, token });
        }
        if let Some(code) = code {
            let description = fields.error_description.as_deref().map(|text| scrubber.words(text));
            return Err(OAuthError::Rejected { status, code, description, retry_after });
        }
        let has_content = status == StatusCode::OK || !self.body.is_empty();
        Err(match cut {
            Some(cut) => cut,
            None if status.is_success() && has_content => OAuthError::NoToken { reason },
            None => OAuthError::Status { status, retry_after, unread: self.compressed() },
        })
    }

    /// What keeps the token from being used, if anything does.
    fn fault(&self, fields: &Fields, scrubber: &Scrubber<'_>) -> Option<String> {
        if !self.status.is_success() {
            return Some(format!("it came with HTTP {}", self.status));
        }
        if let Some(syntax) = &fields.syntax {
            return Some(self.coded().unwrap_or_else(|| syntax.clone()));
        }
        let Some(access_token) = &fields.access_token else {
            if let Some(coded) = self.coded() {
                return Some(coded);
            }
            return Some("access_token is missing, empty or not a string".to_owned());
        };
        if !can_be_sent(access_token) {
            return Some("access_token has characters that cannot be sent".to_owned());
        }
        let other =
            fields.token_type.as_deref().filter(|name| !name.trim().eq_ignore_ascii_case("bearer"));
        if let Some(other) = other {
            return Some(format!("its type is {:?}, not bearer", scrubber.words(other)));
        }
        fields.lifetime().err()
    }

    fn coded(&self) -> Option<String> {
        self.compressed().map(|coding| format!("it has {coding}"))
    }

    fn compressed(&self) -> Option<String> {
        self.coding.clone().or_else(|| unannounced(&self.body))
    }

    /// A whole response with an access token, about which something else makes no sense.
    fn has_odd_token(&self, fields: &Fields) -> bool {
        let has_token = fields.access_token.as_deref().is_some_and(|token| can_be_sent(token));
        self.status.is_success() && fields.syntax.is_none() && has_token
    }
}
