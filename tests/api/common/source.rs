//! A token source that does what it is told.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use spotify_web::auth::{AuthError, TokenSource};
use spotify_web::oauth::Token;
use tokio::sync::watch;

/// Counts, can block, fail, panic and return anything. Unless it is told otherwise, its tokens are
/// `token-1`, `token-2`, ... and are valid for an hour.
#[derive(Debug, Clone)]
pub(crate) struct ScriptedSource(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    requests: AtomicUsize,
    in_flight: AtomicUsize,
    most_in_flight: AtomicUsize,
    outcomes: Mutex<VecDeque<Outcome>>,
    /// The refresh token of the token before, at each request.
    previous: Mutex<Vec<Option<String>>>,
    open: watch::Sender<bool>,
}

#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    Token(Token),
    Fail(AuthError),
    Panic,
    Never,
}

impl Default for ScriptedSource {
    fn default() -> Self {
        Self(Arc::new(Inner {
            requests: AtomicUsize::new(0),
            in_flight: AtomicUsize::new(0),
            most_in_flight: AtomicUsize::new(0),
            outcomes: Mutex::default(),
            previous: Mutex::default(),
            open: watch::Sender::new(true),
        }))
    }
}

impl ScriptedSource {
    /// Sets the outcome of the next request; several are used up in order.
    pub(crate) fn next(&self, outcome: Outcome) {
        self.0.outcomes.lock().unwrap().push_back(outcome);
    }

    pub(crate) fn next_token(&self, token: &str, seconds: u64) {
        self.next(Outcome::Token(Token::new(token, Duration::from_secs(seconds))));
    }

    /// Requests begin, but get no response before [`release`](Self::release).
    pub(crate) fn block(&self) {
        self.0.open.send_replace(false);
    }

    pub(crate) fn release(&self) {
        self.0.open.send_replace(true);
    }

    pub(crate) fn requests(&self) -> usize {
        self.0.requests.load(Ordering::SeqCst)
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.0.in_flight.load(Ordering::SeqCst)
    }

    pub(crate) fn most_in_flight(&self) -> usize {
        self.0.most_in_flight.load(Ordering::SeqCst)
    }

    pub(crate) fn previous(&self) -> Vec<Option<String>> {
        self.0.previous.lock().unwrap().clone()
    }

    /// Says whether this source is still held elsewhere.
    pub(crate) fn is_released(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

#[async_trait]
impl TokenSource for ScriptedSource {
    async fn request_token(&self, previous: Option<&Token>) -> Result<Token, AuthError> {
        let number = self.0.requests.fetch_add(1, Ordering::SeqCst) + 1;
        let _in_flight = InFlight::new(self.0.clone());
        let refresh_token = previous.and_then(|token| token.refresh_token.as_ref());
        let refresh_token = refresh_token.map(|token| token.expose().to_owned());
        self.0.previous.lock().unwrap().push(refresh_token);
        self.0.open.subscribe().wait_for(|open| *open).await.expect("the sender is kept");
        let outcome = self.0.outcomes.lock().unwrap().pop_front();
        match outcome {
            None => Ok(Token::new(format!("token-{number}"), Token::DEFAULT_LIFETIME)),
            Some(Outcome::Token(token)) => Ok(token),
            Some(Outcome::Fail(error)) => Err(error),
            Some(Outcome::Panic) => panic!("the source panics as scripted"),
            Some(Outcome::Never) => std::future::pending().await,
        }
    }
}

struct InFlight(Arc<Inner>);

impl InFlight {
    fn new(inner: Arc<Inner>) -> Self {
        let now = inner.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        inner.most_in_flight.fetch_max(now, Ordering::SeqCst);
        Self(inner)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
    }
}
