//! A request under way, from when it leaves to the end of its response's body.
//!
//! What is known of it goes with the body, however that is passed on: it ends where the body does,
//! and one that is dropped before its end was given up.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use reqwest::{Body, Response};
use tokio::time::Instant;

use super::body::with_body;
use super::lane::Lane;
use super::pool::{Place, Pool};
use super::reached::Sending;

/// A wait for the head of a response. One that is dropped after a while without an end timed out
/// for its caller.
pub(super) struct Arrival(Option<Journey>);

/// On which connections a request is under way.
struct Journey {
    lane: Arc<Lane>,
    place: Place,
    sending: Arc<Sending>,
    /// How many responses had come on them before.
    responses: u64,
    /// Whether the connections are replaced after a time-out though others get responses.
    is_rare: bool,
}

impl Arrival {
    pub(super) fn new(
        lane: Arc<Lane>,
        pool: Arc<Pool>,
        sending: Arc<Sending>,
        is_rare: bool,
    ) -> Self {
        let responses = pool.responses();
        Self(Some(Journey { lane, place: Place::on(pool), sending, responses, is_rare }))
    }

    /// The head has come. It proves nothing yet: that of a body which never comes is as dead.
    pub(super) fn head_came(mut self, response: Response) -> Response {
        let Some(journey) = self.0.take() else { return response };
        if response.content_length() == Some(0) {
            journey.end();
            return response;
        }
        let is_slow = IsSlow::default();
        let journey =
            OfBody { journey: Some(journey), waits_since: None, is_slow: is_slow.clone() };
        let mut response = with_body(response, |response| {
            Body::wrap(ArrivingBody { body: response.into(), journey })
        });
        response.extensions_mut().insert(is_slow);
        response
    }

    /// Returns whether the connection may be dead.
    pub(super) fn failed(mut self, error: &reqwest::Error) -> bool {
        let timed_out = self.0.take().filter(|_| error.is_timeout());
        timed_out.is_some_and(Journey::time_out)
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        if let Some(journey) = self.0.take() {
            journey.drop_after(None);
        }
    }
}

impl Journey {
    fn pool(&self) -> &Arc<Pool> {
        self.place.pool()
    }

    fn end(self) {
        self.pool().count_response();
    }

    /// A connection that was made for the request alone may have taken most of its time.
    fn time_out(self) -> bool {
        let is_suspect = self.is_rare
            || self.sending.found_connection()
            || self.sending.connected_since().is_some_and(|since| since.elapsed() >= GIVEN_UP);
        if is_suspect {
            self.suspect();
        }
        self.give_up();
        is_suspect
    }

    /// It is dropped while its body, or its head, has been waited for since then.
    fn drop_after(self, waits_since: Option<Instant>) {
        let waits_since = waits_since.or_else(|| self.sending.connected_since());
        if waits_since.is_some_and(|since| since.elapsed() >= GIVEN_UP) {
            self.suspect();
        }
        self.give_up();
    }

    /// Replaces the connections, unless others got their responses on them meanwhile: then it is
    /// the request that is slow, and nobody else's concern.
    fn suspect(&self) {
        if self.is_rare || self.pool().responses() == self.responses {
            self.lane.replace(self.pool());
        }
    }

    /// The connection may have to carry on without what is still on its way, where it was sent.
    fn give_up(self) {
        if self.sending.connected_since().is_some() && self.pool().is_worn_by_giving_up() {
            self.lane.relieve(self.pool());
        }
    }
}

/// An extension of a response: it is the body that is slow, and nothing is known against its
/// connection.
#[derive(Clone, Default)]
struct IsSlow(Arc<AtomicBool>);

/// Notes that nobody waits any longer for the body of a response that is good.
pub(super) fn note_slow_body(response: &Response) {
    if let Some(IsSlow(is_slow)) = response.extensions().get() {
        is_slow.store(true, Ordering::Relaxed);
    }
}

struct ArrivingBody {
    body: Body,
    journey: OfBody,
}

/// What is known of a body that is under way.
struct OfBody {
    /// Until its end.
    journey: Option<Journey>,
    /// Since when it has been waited for in vain.
    waits_since: Option<Instant>,
    is_slow: IsSlow,
}

impl OfBody {
    fn note(&mut self, polled: &Poll<Option<Result<Frame<Bytes>, reqwest::Error>>>) {
        match polled {
            Poll::Pending => drop(self.waits_since.get_or_insert_with(Instant::now)),
            Poll::Ready(Some(Ok(_))) => self.waits_since = None,
            Poll::Ready(None) => {
                if let Some(journey) = self.journey.take() {
                    journey.end();
                }
            }
            Poll::Ready(Some(Err(error))) => {
                if let Some(journey) = self.journey.take().filter(|_| error.is_timeout()) {
                    journey.time_out();
                }
            }
        }
    }

    fn is_dropped(&mut self, is_whole: bool) {
        let Some(journey) = self.journey.take() else { return };
        match self.waits_since {
            _ if is_whole => journey.end(),
            Some(since) if !self.is_slow.0.load(Ordering::Relaxed) => {
                journey.drop_after(Some(since));
            }
            _ => journey.give_up(),
        }
    }
}

impl HttpBody for ArrivingBody {
    type Data = Bytes;
    type Error = reqwest::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, reqwest::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        self.journey.note(&polled);
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for ArrivingBody {
    fn drop(&mut self) {
        self.journey.is_dropped(self.body.is_end_stream());
    }
}

/// From when on a request that its caller drops is taken for one that timed out.
const GIVEN_UP: Duration = Duration::from_secs(1);
