//! What an error says about a request: whether a server can have carried it out.

use std::error::Error;
use std::io;

/// TLS is needed and cannot be set up. Waiting does not help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub(crate) struct TlsUnavailable {
    reason: String,
}

impl TlsUnavailable {
    #[cfg(feature = "__rustls")]
    pub(super) fn new(reason: String) -> Self {
        Self { reason }
    }

    /// The one that caused `error`.
    #[cfg(feature = "__rustls")]
    pub(super) fn cause_of(error: &reqwest::Error) -> Option<Self> {
        causes(error).find_map(|cause| match cause.downcast_ref()? {
            rustls::Error::Other(rustls::OtherError(other)) => {
                let other: &(dyn Error + 'static) = other.as_ref();
                other.downcast_ref().cloned()
            }
            _ => None,
        })
    }

    #[cfg(not(feature = "__rustls"))]
    pub(super) fn cause_of(_: &reqwest::Error) -> Option<Self> {
        None
    }
}

/// Whether it is certain that no server carried the request out.
///
/// So it is when no connection was made, when the connection was closed before anything of the
/// request was written, and when an HTTP/2 server says so: by `REFUSED_STREAM`
/// ([RFC 9113, section 8.7]) or by a `GOAWAY` without an error that leaves the request out (section
/// 6.8).
///
/// [RFC 9113, section 8.7]: https://www.rfc-editor.org/rfc/rfc9113#section-8.7
pub(super) fn provably_not_carried_out(error: &reqwest::Error) -> bool {
    error.is_connect() || causes(error).any(|cause| never_written(cause) || refused_stream(cause))
}

fn never_written(cause: &(dyn Error + 'static)) -> bool {
    cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_canceled)
}

#[cfg(feature = "http2")]
fn refused_stream(cause: &(dyn Error + 'static)) -> bool {
    let Some(error) = cause.downcast_ref::<h2::Error>() else { return false };
    let reason = error.reason();
    let refused = error.is_reset() && reason == Some(h2::Reason::REFUSED_STREAM);
    let left_out = error.is_go_away() && reason == Some(h2::Reason::NO_ERROR);
    error.is_remote() && (refused || left_out)
}

#[cfg(not(feature = "http2"))]
fn refused_stream(_: &(dyn Error + 'static)) -> bool {
    false
}

/// All causes of an error. An [`io::Error`] names what is in it by `get_ref` only.
fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(error.source(), |cause| {
        let cause: &'_ (dyn Error + 'static) = *cause;
        match cause.downcast_ref::<io::Error>() {
            Some(error) => error.get_ref().map(|inner| inner as &(dyn Error + 'static)),
            None => cause.source(),
        }
    })
}
