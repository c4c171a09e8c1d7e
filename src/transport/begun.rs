//! A body of which the beginning has been read, for others to read from there.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame};
use reqwest::{Body, Response};

use super::TimeLimit;
use super::body::with_body;

/// Reads what a body begins with, up to its end, until there is more than `limit` bytes or until
/// nothing has come for a second, and gives the response back whole: what was read, then what
/// comes, or the error with which it breaks off.
pub(crate) async fn peek_body(mut response: Response, limit: usize) -> (Response, Bytes) {
    let (begin, rest) = begin(&mut response, limit).await;
    if let Rest::Stalls = rest {
        response.extensions_mut().insert(Stalled);
    }
    let body = begin.clone();
    let whole = with_body(response, |response| match rest {
        Rest::Nothing => body.into(),
        Rest::Broken(error) => Body::wrap(Begun { begin: Some(body), rest: Err(error) }),
        Rest::Comes | Rest::Stalls => {
            Body::wrap(Begun { begin: Some(body), rest: Ok(response.into()) })
        }
    });
    (whole, begin)
}

/// What [`peek_body`] reads of the body of a response that nobody looks at afterwards.
pub(super) async fn read_begin(response: &mut Response, limit: usize) -> Bytes {
    begin(response, limit).await.0
}

async fn begin(response: &mut Response, limit: usize) -> (Bytes, Rest) {
    // A body is waited for once, however many layers read it.
    let has_stalled = response.extensions().get::<Stalled>().is_some();
    let time = TimeLimit::after(if has_stalled { Duration::ZERO } else { LONGEST_PEEK });
    let mut begin = Vec::new();
    let rest = loop {
        match time.run(response.chunk()).await {
            Some(Ok(Some(piece))) => begin.extend_from_slice(&piece),
            Some(Ok(None)) => break Rest::Nothing,
            Some(Err(error)) => break Rest::Broken(Some(error)),
            None => break Rest::Stalls,
        }
        if begin.len() > limit {
            break Rest::Comes;
        }
    };
    (begin.into(), rest)
}

/// An extension of a response whose body did not come to its end in time.
#[derive(Clone)]
struct Stalled;

/// What says why a request failed comes with its status; who waits for more waits for nothing.
const LONGEST_PEEK: Duration = Duration::from_secs(1);

enum Rest {
    Nothing,
    Comes,
    /// Not in time.
    Stalls,
    Broken(Option<reqwest::Error>),
}

struct Begun {
    begin: Option<Bytes>,
    /// What comes, or how it broke off, until that was told.
    rest: Result<Body, Option<reqwest::Error>>,
}

impl HttpBody for Begun {
    type Data = Bytes;
    type Error = reqwest::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, reqwest::Error>>> {
        if let Some(begin) = self.begin.take() {
            return Poll::Ready(Some(Ok(Frame::data(begin))));
        }
        Poll::Ready(match &mut self.rest {
            Ok(rest) => ready!(Pin::new(rest).poll_frame(context)),
            Err(error) => error.take().map(Err),
        })
    }
}
