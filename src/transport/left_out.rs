//! Whether a `GOAWAY` speaks of a request, or of its connection alone.
//!
//! An HTTP/2 server that goes away names the last request that it looked at, and the error does not
//! repeat the name. Those after it get the error by their own streams, which is a proof that they
//! were not carried out. But the HTTP client asks how the connection is right after it has handed it
//! a request's head, and fails the request by what it hears: another thread may have sent the
//! request by then, and may have read a `GOAWAY` that does not leave it out. Only after that does it
//! ask for the request's body, so a body that was asked for tells the two apart. To be asked, it may
//! not be at its end when the head goes, though it be empty.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Extensions;
use http_body::{Body as HttpBody, Frame, SizeHint};
use reqwest::header::CONTENT_LENGTH;
use reqwest::{Body, Request};

/// Whether a request's body was asked for.
pub(super) struct Asked(Arc<AtomicBool>);

/// An extension of a request: a `GOAWAY` that ends it leaves it out.
#[derive(Clone)]
struct LeftOut;

/// Notes whether the body of a request is asked for.
pub(super) fn note_asking(request: &mut Request) -> Asked {
    let was_asked = Arc::new(AtomicBool::new(false));
    let body = request.body_mut().take().unwrap_or_default();
    let is_empty = body.size_hint().exact() == Some(0);
    if is_empty {
        // What HTTP/1.1 is told by an exact size.
        request.headers_mut().entry(CONTENT_LENGTH).or_insert(0.into());
    }
    let body = AskedBody { body, is_empty, was_asked: Arc::clone(&was_asked) };
    *request.body_mut() = Some(Body::wrap(body));
    Asked(was_asked)
}

impl Asked {
    /// Notes that the request failed, for [`was_left_out`].
    pub(super) fn failed(&self, extensions: &mut Extensions) {
        if self.0.load(Ordering::Acquire) {
            extensions.insert(LeftOut);
        }
    }
}

/// A request begins.
pub(super) fn begin(extensions: &mut Extensions) {
    extensions.remove::<LeftOut>();
}

/// Whether a `GOAWAY` with which the last request failed leaves it out.
pub(super) fn was_left_out(extensions: &Extensions) -> bool {
    extensions.get::<LeftOut>().is_some()
}

struct AskedBody {
    body: Body,
    is_empty: bool,
    was_asked: Arc<AtomicBool>,
}

impl HttpBody for AskedBody {
    type Data = Bytes;
    type Error = reqwest::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, reqwest::Error>>> {
        self.was_asked.store(true, Ordering::Release);
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        let was_asked = self.was_asked.load(Ordering::Acquire);
        was_asked && self.body.is_end_stream()
    }

    /// One that is known to be empty would be replaced by another at a redirect, which notes
    /// nothing.
    fn size_hint(&self) -> SizeHint {
        if self.is_empty { SizeHint::new() } else { self.body.size_hint() }
    }
}
