//! Who asks for a token.

use super::{ClientSecret, OAuthError, TokenForm};

/// How an app proves that it is the one that the user allowed something.
#[derive(Debug, Clone)]
pub(crate) enum OAuthApp {
    Confidential {
        id: String,
        secret: ClientSecret,
    },
    Public {
        id: String,
    },
    /// Another party proves it.
    Swap,
}

impl OAuthApp {
    pub(crate) fn confidential(id: impl Into<String>, secret: impl Into<ClientSecret>) -> Self {
        Self::Confidential { id: id.into(), secret: secret.into() }
    }

    pub(crate) fn public(id: impl Into<String>) -> Self {
        Self::Public { id: id.into() }
    }

    /// The client id, where it is known here.
    pub(crate) fn client_id(&self) -> Option<&str> {
        match self {
            Self::Confidential { id, .. } | Self::Public { id } => Some(id),
            Self::Swap => None,
        }
    }

    /// What is missing, if anything is.
    pub(crate) fn check(&self) -> Result<(), OAuthError> {
        match self {
            Self::Confidential { id, secret } => {
                not_blank("client id", id)?;
                not_blank("client secret", secret.expose())
            }
            Self::Public { id } => not_blank("client id", id),
            Self::Swap => Ok(()),
        }
    }

    pub(super) fn form(&self, grant_type: &str) -> Result<TokenForm, OAuthError> {
        self.check()?;
        Ok(match self {
            Self::Confidential { id, secret } => {
                TokenForm::new(grant_type).basic(id.as_str(), secret.clone())
            }
            Self::Public { id } => TokenForm::new(grant_type).parameter("client_id", id.as_str()),
            Self::Swap => TokenForm::without_grant_type(),
        })
    }
}

pub(super) fn not_blank(name: &'static str, value: &str) -> Result<(), OAuthError> {
    let fault = |reason: &str| OAuthError::Input { name, reason: reason.to_owned() };
    blank_fault(value).map_or(Ok(()), |reason| Err(fault(reason)))
}

/// An empty value is most often a variable of the environment that is not set, and white space
/// around it the end of the line that it was read with.
pub(super) fn blank_fault(value: &str) -> Option<&'static str> {
    match value.trim() {
        "" => Some("is empty; set it to the app's"),
        trimmed if trimmed.len() < value.len() => {
            Some("begins or ends with white space; trim it, as after reading it from a file")
        }
        _ => None,
    }
}
