//! Secrets: they cannot be printed, and their memory is wiped when the last clone goes.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use reqwest::header::HeaderValue;
use zeroize::Zeroizing;

/// What every secret has: no way to print it, and ways to make it.
macro_rules! redacted {
    ($name:ident) => {
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "([redacted])"))
            }
        }

        impl From<&str> for $name {
            fn from(secret: &str) -> Self {
                Self::new(secret)
            }
        }

        impl From<String> for $name {
            fn from(secret: String) -> Self {
                Self::new(secret)
            }
        }
    };
}

macro_rules! secret {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// `Debug` shows `[redacted]`. Clones share their memory, which is wiped with the last one.
        #[derive(Clone)]
        pub struct $name(Arc<Zeroizing<String>>);

        impl $name {
            /// Takes over `secret`; what it was copied from is the caller's to wipe.
            pub fn new(secret: impl Into<String>) -> Self {
                Self(Arc::new(Zeroizing::new(secret.into())))
            }

            /// The secret itself. Anyone who holds it can act as its owner: never log it.
            pub fn expose(&self) -> &str {
                &self.0
            }
        }

        redacted!($name);
    };
}

secret!(
    /// Exchanged for a new access token ([RFC 6749, section 1.5]).
    ///
    /// [RFC 6749, section 1.5]: https://www.rfc-editor.org/rfc/rfc6749#section-1.5
    RefreshToken
);
secret!(
    /// An app's password ([RFC 6749, section 2.3.1]).
    ///
    /// [RFC 6749, section 2.3.1]: https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1
    ClientSecret
);

secret!(
    /// Proves that the app that exchanges a code began the login ([RFC 7636, section 4.1]).
    ///
    /// [RFC 7636, section 4.1]: https://www.rfc-editor.org/rfc/rfc7636#section-4.1
    PkceVerifier
);

/// What a request to the API carries ([RFC 6749, section 1.4]).
///
/// `Debug` shows `[redacted]`. Clones share their memory, which is wiped with the last one; so does
/// the header that the token makes.
///
/// [RFC 6749, section 1.4]: https://www.rfc-editor.org/rfc/rfc6749#section-1.4
#[derive(Clone)]
pub struct AccessToken(
    /// As it is sent, `Bearer` included: then the secret is in one place only.
    Arc<Zeroizing<String>>,
);

impl AccessToken {
    /// Takes over `secret`; what it was copied from is the caller's to wipe.
    pub fn new(secret: impl Into<String>) -> Self {
        let secret = Zeroizing::new(secret.into());
        let mut text = Zeroizing::new(String::with_capacity(BEARER.len() + secret.len()));
        text.push_str(BEARER);
        text.push_str(&secret);
        Self(Arc::new(text))
    }

    /// The secret itself. Anyone who holds it can act as its owner: never log it.
    pub fn expose(&self) -> &str {
        self.0.get(BEARER.len()..).unwrap_or_default()
    }

    /// The value of an `Authorization` header, in the memory of the token.
    pub(crate) fn authorization(&self) -> Bytes {
        Bytes::from_owner(Owner(Arc::clone(&self.0)))
    }

    /// Whether it is the token in this `Authorization`.
    pub(crate) fn is_in(&self, authorization: &HeaderValue) -> bool {
        authorization.as_bytes() == self.0.as_bytes()
    }
}

redacted!(AccessToken);

/// Bytes that can be sent, and whose memory is wiped when the last clone goes.
pub(crate) fn wiped_bytes(text: Zeroizing<String>) -> Bytes {
    Bytes::from_owner(Owner(Arc::new(text)))
}

struct Owner(Arc<Zeroizing<String>>);

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// [RFC 6750, section 2.1](https://www.rfc-editor.org/rfc/rfc6750#section-2.1).
const BEARER: &str = "Bearer ";
