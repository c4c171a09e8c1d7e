//! What an error says about a request: whether a server can have carried it out.

use std::error::Error;
use std::io;

use http::Extensions;

use super::left_out;

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
/// 6.8), which its extensions know.
///
/// [RFC 9113, section 8.7]: https://www.rfc-editor.org/rfc/rfc9113#section-8.7
pub(super) fn provably_not_carried_out(error: &reqwest::Error, extensions: &Extensions) -> bool {
    let is_left_out = || left_out::was_left_out(extensions) && causes(error).any(is_good_bye);
    has_no_connection(error)
        || causes(error).any(|it| never_written(it) || is_refusal(it))
        || is_left_out()
}

/// Whether its connection went away for what the server is not to blame for. As it seems, that was
/// before it looked at the request: it was never written, or there was a `GOAWAY`. Or this side
/// ended the connection, for what had been given up on it. No proof.
pub(crate) fn was_left_behind(error: &reqwest::Error) -> bool {
    let is_cause = |cause: &(dyn Error + 'static)| {
        never_written(cause) || is_good_bye(cause) || is_worn_out(cause)
    };
    !has_no_connection(error) && causes(error).any(is_cause)
}

/// Whether an HTTP/2 server refused it, before it began with it.
pub(crate) fn was_refused(error: &reqwest::Error) -> bool {
    causes(error).any(is_refusal)
}

/// Whether no connection was made for it. The HTTP client says so as well where the body of the
/// request came from a server that could not be reached.
pub(super) fn has_no_connection(error: &reqwest::Error) -> bool {
    error.is_connect() && !all_causes(error).any(is_user_fault)
}

/// Whether it is the user's body that failed, as far as this HTTP client goes.
fn is_user_fault(cause: &(dyn Error + 'static)) -> bool {
    cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_user)
}

/// Whether its connection was closed before anything of it was written.
pub(super) fn was_never_written(error: &reqwest::Error) -> bool {
    causes(error).any(never_written)
}

fn never_written(cause: &(dyn Error + 'static)) -> bool {
    let error = cause.downcast_ref::<hyper::Error>();
    // The second: it was closed before a request was handed to it.
    error.is_some_and(|error| error.is_canceled() || error.is_closed())
}

#[cfg(feature = "http2")]
fn is_refusal(cause: &(dyn Error + 'static)) -> bool {
    let is_refusal = |error: &h2::Error| {
        error.is_remote() && error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM)
    };
    cause.downcast_ref().is_some_and(is_refusal)
}

/// With an error as its reason, a `GOAWAY` ends the streams that it does not leave out as well.
#[cfg(feature = "http2")]
fn is_good_bye(cause: &(dyn Error + 'static)) -> bool {
    let is_good_bye = |error: &h2::Error| {
        error.is_remote() && error.is_go_away() && error.reason() == Some(h2::Reason::NO_ERROR)
    };
    cause.downcast_ref().is_some_and(is_good_bye)
}

/// This side ends a connection on which too much has come for requests that were given up.
#[cfg(feature = "http2")]
fn is_worn_out(cause: &(dyn Error + 'static)) -> bool {
    let is_worn_out = |error: &h2::Error| {
        error.is_library()
            && error.is_go_away()
            && error.reason() == Some(h2::Reason::ENHANCE_YOUR_CALM)
    };
    cause.downcast_ref().is_some_and(is_worn_out)
}

#[cfg(not(feature = "http2"))]
fn is_worn_out(_: &(dyn Error + 'static)) -> bool {
    false
}

#[cfg(not(feature = "http2"))]
fn is_refusal(_: &(dyn Error + 'static)) -> bool {
    false
}

#[cfg(not(feature = "http2"))]
fn is_good_bye(_: &(dyn Error + 'static)) -> bool {
    false
}

/// All causes of an error that are of its request; what made the user's body fail says nothing of
/// that.
fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    all_causes(error).take_while(|cause| !is_user_fault(*cause))
}

fn all_causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(error.source(), |cause| next_cause(*cause))
}

/// An [`io::Error`] names what is in it by `get_ref` only.
pub(super) fn next_cause<'a>(
    cause: &'a (dyn Error + 'static),
) -> Option<&'a (dyn Error + 'static)> {
    match cause.downcast_ref::<io::Error>() {
        Some(error) => error.get_ref().map(|inner| inner as &(dyn Error + 'static)),
        None => cause.source(),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use hyper::client::conn::http1::handshake;
    use hyper_util::rt::TokioIo;

    use super::*;

    #[tokio::test]
    async fn on_a_connection_that_was_closed_before_it_nothing_of_a_request_was_written() {
        let (stream, _server) = tokio::io::duplex(64);
        let (mut sender, connection) = handshake::<_, String>(TokioIo::new(stream)).await.unwrap();
        drop(connection);

        let error = sender.ready().await.unwrap_err();

        assert!(!error.is_canceled() && never_written(&error), "{error:?}");
    }
}
