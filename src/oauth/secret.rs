//! Secrets: they cannot be printed, and their memory is wiped when the last clone goes.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use zeroize::Zeroizing;

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

            /// The secret itself. Whoever holds it can act as its owner: never log it.
            pub fn expose(&self) -> &str {
                &self.0
            }
        }

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

secret!(
    /// What a request to the API carries ([RFC 6749, section 1.4]).
    ///
    /// [RFC 6749, section 1.4]: https://www.rfc-editor.org/rfc/rfc6749#section-1.4
    AccessToken
);
secret!(
    /// What a new access token is had for ([RFC 6749, section 1.5]).
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

/// Bytes that can be sent, and whose memory is wiped when the last clone goes.
pub(crate) fn wiped_bytes(text: Zeroizing<String>) -> Bytes {
    struct Owner(Zeroizing<String>);

    impl AsRef<[u8]> for Owner {
        fn as_ref(&self) -> &[u8] {
            self.0.as_bytes()
        }
    }

    Bytes::from_owner(Owner(text))
}
