//! A stored token as one text.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::stored::Content;
use super::{StoreError, StoredToken};
use crate::oauth::Token;
use crate::transport::json_fault;

/// A [`StoredToken`] as one text of printable characters. A secret: `Debug` shows nothing of it,
/// and its memory is wiped.
#[derive(Clone)]
pub struct TokenText(Zeroizing<String>);

impl TokenText {
    /// The text itself. Who has it can act as the user: never log it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TokenText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenText([redacted])")
    }
}

/// The fields of the text, and of an entry in a token file.
#[derive(Serialize, Deserialize)]
pub(super) struct Entry {
    version: u32,
    pub(super) login: String,
    pub(super) revision: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    logged_out: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    ended: bool,
    /// Seconds since 1970.
    #[serde(default)]
    expires_at: u64,
    /// Seconds.
    #[serde(default)]
    lifetime: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    access_token: Option<Zeroizing<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refresh_token: Option<Zeroizing<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scopes: Option<Vec<String>>,
}

impl StoredToken {
    /// All of it as one text, a secret, for a column of a database or a value in a cache.
    ///
    /// The text says which version of its format it has; later versions of this crate read it.
    pub fn to_text(&self) -> TokenText {
        // A struct of strings and numbers always becomes JSON.
        let text = serde_json::to_string(&Entry::from(self)).unwrap_or_default();
        TokenText(Zeroizing::new(text))
    }

    /// Reads what [`to_text`](Self::to_text) made.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreadable`] when it is no such text; the error shows nothing of it.
    pub fn from_text(text: &str) -> Result<Self, StoreError> {
        let entry: Entry = serde_json::from_str(text)
            .map_err(|error| StoreError::unreadable(json_fault(&error)))?;
        entry.into_stored()
    }
}

impl Entry {
    pub(super) fn into_stored(self) -> Result<StoredToken, StoreError> {
        if self.version != VERSION {
            let reason = format!("its version is {}, expected {VERSION}", self.version);
            return Err(StoreError::unreadable(reason));
        }
        let login = self.login.parse()?;
        let revision = self.revision.parse()?;
        Ok(StoredToken { login, revision, content: self.content()?, made: None, made_about: None })
    }

    fn content(self) -> Result<Content, StoreError> {
        if self.logged_out {
            return Ok(Content::LoggedOut);
        }
        let access_token =
            self.access_token.ok_or_else(|| StoreError::unreadable("it has no access token"))?;
        let mut token = Token::new(access_token.as_str(), Duration::from_secs(self.lifetime));
        token.refresh_token = self.refresh_token.map(|token| token.as_str().into());
        token.scopes = self.scopes;
        let expires_at = UNIX_EPOCH.checked_add(Duration::from_secs(self.expires_at));
        // What a clock cannot express has expired.
        Ok(Content::Token {
            token,
            expires_at: expires_at.unwrap_or(UNIX_EPOCH),
            ended: self.ended,
        })
    }
}

impl From<&StoredToken> for Entry {
    fn from(stored: &StoredToken) -> Self {
        let secret = |text: &str| Zeroizing::new(text.to_owned());
        let token = stored.token();
        let refresh_token = token.and_then(|token| token.refresh_token.as_ref());
        Self {
            version: VERSION,
            login: stored.login.to_string(),
            revision: stored.revision.to_string(),
            logged_out: stored.is_logged_out(),
            ended: stored.has_ended(),
            expires_at: stored.expires_at().map_or(0, seconds_since_1970),
            lifetime: token.map_or(0, |token| token.expires_in.as_secs()),
            access_token: token.map(|token| secret(token.access_token.expose())),
            refresh_token: refresh_token.map(|token| secret(token.expose())),
            scopes: token.and_then(|token| token.scopes.clone()),
        }
    }
}

fn seconds_since_1970(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

const VERSION: u32 = 1;
