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

/// An empty value is most often a variable of the environment that is not set.
pub(super) fn not_blank(name: &'static str, value: &str) -> Result<(), OAuthError> {
    if value.trim().is_empty() {
        return Err(OAuthError::Input { name, reason: "is empty; set it to the app's".to_owned() });
    }
    Ok(())
}
