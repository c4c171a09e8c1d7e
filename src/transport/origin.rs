//! Origins: which servers may get credentials.

use std::fmt;
use std::sync::Arc;

use url::{Host, Url};

use super::loopback::is_loopback;

/// A server by scheme, host and port. Credentials go to their own origin and to no other.
///
/// Plain HTTP is allowed to loopback alone, where no one else can listen.
///
/// ```
/// use spotify_web::{Origin, OriginError};
///
/// let origin: Origin = "https://api.spotify.com/v1/".parse()?;
/// assert!(origin.covers(&"https://api.spotify.com/v1/me".parse().unwrap()));
/// assert!(!origin.covers(&"https://api.spotify.com.evil.test/v1/me".parse().unwrap()));
/// assert_eq!("http://example.test/".parse::<Origin>(), Err(OriginError::PlainHttp));
/// # Ok::<(), OriginError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Origin(Arc<url::Origin>);

impl Origin {
    /// The origin of `url`.
    ///
    /// # Errors
    ///
    /// An [`OriginError`] when credentials must not be sent to such a URL.
    pub fn of(url: &Url) -> Result<Self, OriginError> {
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(url) => {}
            "http" => return Err(OriginError::PlainHttp),
            _ => return Err(OriginError::Scheme),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(OriginError::UserInfo);
        }
        Ok(Self(Arc::new(url.origin())))
    }

    /// Whether `url` is of this origin.
    pub fn covers(&self, url: &Url) -> bool {
        // As `url.origin() == self.0`, which makes strings of both for each request.
        let url::Origin::Tuple(scheme, host, port) = &*self.0 else { return false };
        let is_host = match (host, url.host()) {
            (Host::Domain(host), Some(Host::Domain(other))) => host == other,
            (Host::Ipv4(host), Some(Host::Ipv4(other))) => *host == other,
            (Host::Ipv6(host), Some(Host::Ipv6(other))) => *host == other,
            _ => false,
        };
        is_host && url.scheme() == scheme && url.port_or_known_default() == Some(*port)
    }
}

impl std::str::FromStr for Origin {
    type Err = OriginError;

    fn from_str(url: &str) -> Result<Self, OriginError> {
        Self::of(&Url::parse(url).map_err(|_| OriginError::NoUrl)?)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.ascii_serialization())
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Origin({self})")
    }
}

/// Why no credentials can be sent to a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OriginError {
    /// Not an absolute URL.
    #[error("is not an absolute URL; expected one such as `https://example.test/path`")]
    NoUrl,
    /// Neither HTTP nor HTTPS.
    #[error("has a scheme that is not HTTP; use `https:`")]
    Scheme,
    /// Plain HTTP to another machine, where everyone on the network path could read the
    /// credentials.
    #[error("is plain HTTP, which is allowed to 127.0.0.1, [::1] and localhost only; use `https:`")]
    PlainHttp,
    /// A user name or password in the URL, which would show in logs.
    #[error("holds a user name or password; leave them out")]
    UserInfo,
}
