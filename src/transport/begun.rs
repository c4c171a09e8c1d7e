//! A body of which the beginning has been read, for others to read from there.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame};
use reqwest::{Body, Response};
use tokio::time::Instant;

use super::TimeLimit;
use super::arrival::note_slow_body;
use super::body::with_body;

/// Reads what a body begins with, up to its end, until there is more than `limit` bytes or until
/// nothing has come for a second, for five at most, and gives the response back whole: what was
/// read, then what comes, or the error with which it breaks off.
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
    let (pause, longest) = if has_stalled { Default::default() } else { (LONGEST_PAUSE, LONGEST) };
    let began = Instant::now();
    let mut begin = Vec::new();
    let mut late = 0;
    let rest = loop {
        let left = longest.saturating_sub(began.elapsed());
        // What has come by the end of the time is read; what goes on coming is not.
        late += u32::from(left.is_zero());
        if late > MOST_LATE {
            break Rest::Stalls;
        }
        match TimeLimit::after(pause.min(left)).run(response.chunk()).await {
            Some(Ok(Some(piece))) => begin.extend_from_slice(&piece),
            Some(Ok(None)) => break Rest::Nothing,
            Some(Err(error)) => break Rest::Broken(Some(error)),
            None => break Rest::Stalls,
        }
        if begin.len() > limit {
            break Rest::Comes;
        }
    };
    if matches!(rest, Rest::Stalls) && response.status().is_success() {
        note_slow_body(response);
    }
    (begin.into(), rest)
}

/// An extension of a response whose body did not come to its end in time.
#[derive(Clone)]
struct Stalled;

/// What says why a request failed comes with its status; who waits for more waits for nothing.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(5);
/// Pieces that are read after that: a process that stood still finds a whole body.
const MOST_LATE: u32 = 16;

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

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use tokio::time::{Sleep, advance, sleep};

    use super::*;

    /// A body that comes in a number of pieces, each after a pause.
    struct Trickle {
        left: usize,
        pause: Duration,
        next: Pin<Box<Sleep>>,
    }

    impl HttpBody for Trickle {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            ready!(self.next.as_mut().poll(context));
            self.next = Box::pin(sleep(self.pause));
            let piece = Ok(Frame::data(Bytes::from_static(b"word ")));
            let comes = self.left > 0;
            self.left = self.left.saturating_sub(1);
            Poll::Ready(comes.then_some(piece))
        }
    }

    fn trickling(left: usize, pause: Duration) -> Response {
        let body = Trickle { left, pause, next: Box::pin(sleep(pause)) };
        http::Response::new(Body::wrap(body)).into()
    }

    #[tokio::test(start_paused = true)]
    async fn words_that_trickle_are_waited_for_as_long_as_they_come() {
        let response = trickling(3, Duration::from_millis(600));
        let (_, words) = peek_body(response, 1000).await;
        assert_eq!(words, "word word word ");
    }

    #[tokio::test(start_paused = true)]
    async fn words_that_do_not_come_or_come_to_no_end_are_waited_for_a_few_seconds_at_most() {
        for (pause, longest) in [(60_000, 1), (900, 5)] {
            let began = Instant::now();
            let response = trickling(1000, Duration::from_millis(pause));
            let (response, words) = peek_body(response, 1_000_000).await;
            assert!(began.elapsed() <= Duration::from_secs(longest), "{words:?}");
            // The next who looks does not wait again.
            peek_body(response, 1_000_000).await;
            assert!(began.elapsed() <= Duration::from_secs(longest), "{words:?}");
        }
    }

    /// A word at each turn of the runtime, as from a server that never pauses and never ends.
    struct EachTurn {
        is_next: bool,
    }

    impl HttpBody for EachTurn {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            self.is_next = !self.is_next;
            if self.is_next {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"word ")))))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn words_without_end_are_waited_for_a_few_seconds_at_most() {
        let turn = Duration::from_millis(50);
        let clock = tokio::spawn(async move {
            loop {
                advance(turn).await;
            }
        });
        let began = Instant::now();
        let body = Body::wrap(EachTurn { is_next: false });
        let mut response = http::Response::new(body).into();
        for times in 1..=3 {
            let (whole, words) = peek_body(response, 1_000_000).await;
            response = whole;
            let longest = LONGEST + turn * 3 * times * MOST_LATE;
            assert!(began.elapsed() <= longest, "{} bytes", words.len());
        }
        clock.abort();
    }
}
