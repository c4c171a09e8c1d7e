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

/// Whether its connection was put away before it was used, since another's was there, which then was
/// not given to it.
pub(crate) fn was_overtaken(error: &reqwest::Error) -> bool {
    causes(error).any(is_overtaken)
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
    error.is_some_and(|error| error.is_canceled() || error.is_closed()) || is_overtaken(cause)
}

/// The HTTP client makes this error in one place, where there is no connection to send anything on.
#[cfg(feature = "http2")]
fn is_overtaken(cause: &(dyn Error + 'static)) -> bool {
    let error = cause.downcast_ref::<hyper_util::client::legacy::Error>();
    let why = error.and_then(Error::source);
    why.is_some_and(|why| why.to_string() == "ALPN upgraded to HTTP/2")
}

#[cfg(not(feature = "http2"))]
fn is_overtaken(_: &(dyn Error + 'static)) -> bool {
    false
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
    /// Ends after some writes, or cannot be written to for now.
    #[cfg(feature = "http2")]
    struct Io {
        writes_left: Option<usize>,
    }

    /// Asks for each connection.
    #[cfg(feature = "http2")]
    #[derive(Clone)]
    struct Asks(tokio::sync::mpsc::UnboundedSender<tokio::sync::oneshot::Sender<Io>>);

    #[cfg(feature = "http2")]
    mod connecting {
        use std::io;
        use std::pin::Pin;
        use std::task::{Context, Poll};

        use hyper::rt::{Read, ReadBufCursor, Write};
        use hyper_util::client::legacy::connect::{Connected, Connection};
        use tokio::sync::oneshot;
        use tower_service::Service;

        use super::{Asks, Io};

        impl Service<http::Uri> for Asks {
            type Response = Io;
            type Error = oneshot::error::RecvError;
            type Future = oneshot::Receiver<Io>;

            fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
                Poll::Ready(Ok(()))
            }

            fn call(&mut self, _: http::Uri) -> Self::Future {
                let (sender, io) = oneshot::channel();
                self.0.send(sender).unwrap();
                io
            }
        }

        impl Connection for Io {
            fn connected(&self) -> Connected {
                Connected::new().negotiated_h2()
            }
        }

        impl Read for Io {
            fn poll_read(
                self: Pin<&mut Self>,
                context: &mut Context<'_>,
                _: ReadBufCursor<'_>,
            ) -> Poll<io::Result<()>> {
                if self.writes_left == Some(0) {
                    return Poll::Ready(Ok(()));
                }
                context.waker().wake_by_ref();
                Poll::Pending
            }
        }

        impl Write for Io {
            fn poll_write(
                mut self: Pin<&mut Self>,
                _: &mut Context<'_>,
                bytes: &[u8],
            ) -> Poll<io::Result<usize>> {
                let Some(left) = &mut self.writes_left else { return Poll::Pending };
                *left = left.saturating_sub(1);
                Poll::Ready(Ok(bytes.len()))
            }

            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }
        }
    }

    /// The first connection is given to all and has ended by then, so that the others wait for their
    /// own; that of the last is about to be shared when the second's is there.
    #[cfg(feature = "http2")]
    #[tokio::test]
    async fn a_request_that_another_connection_overtook_never_left() {
        use futures_util::poll;
        use hyper_util::client::legacy::Client;
        use hyper_util::rt::TokioExecutor;

        let (asks, mut asked) = tokio::sync::mpsc::unbounded_channel();
        let client = Client::builder(TokioExecutor::new()).build::<_, String>(Asks(asks));
        let request = || client.get("http://localhost/".parse().unwrap());
        let (mut first, mut second, mut third) = (request(), request(), request());
        assert!(poll!(&mut first).is_pending());
        let of_first = asked.recv().await.unwrap();
        assert!(poll!(&mut second).is_pending());
        let of_second = asked.recv().await.unwrap();
        assert!(poll!(&mut third).is_pending());
        let of_third = asked.recv().await.unwrap();
        // The preface, the settings, and the first request.
        of_first.send(Io { writes_left: Some(3) }).ok().unwrap();
        first.await.unwrap_err();
        assert!(poll!(&mut second).is_pending());
        of_third.send(Io { writes_left: None }).ok().unwrap();
        assert!(poll!(&mut third).is_pending());

        of_second.send(Io { writes_left: None }).ok().unwrap();

        let error = second.await.unwrap_err();
        assert!(never_written(&error) && is_overtaken(&error), "{error:?}");
    }
}
