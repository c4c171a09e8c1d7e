//! A control that moves faster than requests can follow: the last value wins.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::{Handle, Id};
use tokio::sync::watch;
use tokio::time::Instant;

use super::request::Request;
use super::request::params::OnDevice;
use super::{Connection, Player};
use crate::error::Error;
use crate::middleware::OneLogin;
use crate::transport::can_wait;

/// A control of the player whose last value wins: of a hundred values in two seconds a few are
/// sent, the last one for certain.
///
/// From [`Player::volume_slider`] and [`Player::seek_slider`]. [`set`](Self::set) returns at once;
/// the first value is sent at once, and after that the newest one, [`PAUSE`](Self::PAUSE) after the
/// response to the one before at the earliest, so that they cannot overtake each other. Where one
/// is to be sent again, since the server failed or was asked too often, the newest one goes in its
/// place. As long as the server has asked to wait for longer than a call
/// [may](crate::SpotifyClientConfig::with_max_wait), values end with its error at once. Clones are
/// the same control. A value goes out for the login that set it, or not at all:
/// [`AuthError::OtherLogin`](crate::auth::AuthError::OtherLogin).
///
/// Values are sent by a task of the runtime, which ends when nothing is left to send. It does not
/// depend on who set the value: dropping the slider, or the future of [`settled`](Self::settled),
/// cancels nothing. On another runtime, its task takes over what was not sent yet. Wait for
/// `settled` before a runtime ends, or is no longer driven: a request that is under way on it is
/// waited for.
///
/// ```
/// # use spotify_web::testing::FakeSpotify;
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// # let fake = FakeSpotify::start().await?;
/// # let spotify = spotify_web::SpotifyClient::new(fake.config().with_token(fake.user_token()))?;
/// let volume = spotify.player().volume_slider();
/// for percent in 0..=80 {
///     volume.set(percent); // as the user drags
/// }
/// volume.settled().await?;
/// # assert_eq!(fake.requests().last().unwrap().parameter("volume_percent"), Some("80"));
/// # assert!(fake.api_requests() <= 2);
/// # Ok(())
/// # }
/// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
/// ```
pub struct Slider<V> {
    shared: Arc<Shared<V>>,
}

struct Shared<V> {
    player: Player,
    device: Option<String>,
    request: fn(&Player, V) -> Request<(), OnDevice>,
    state: watch::Sender<State<V>>,
}

struct State<V> {
    /// The newest value, until it is sent.
    wanted: Option<Asked<V>>,
    /// The value whose response has not come yet, and who sends it.
    sending: Option<(Asked<V>, Sender)>,
    /// The task that sees to what is wanted.
    driver: Option<Sender>,
    /// How many drivers there were.
    drivers: u64,
    /// When the next request may go out.
    not_before: Option<Instant>,
    failures: Failures,
    /// Until when the server asked to wait with an error that ended a value.
    closed: Option<(Instant, Arc<Error>)>,
    /// What came of the value that was sent last.
    outcome: Result<(), Arc<Error>>,
}

/// A value, and for which login it was set.
#[derive(Clone, Copy)]
struct Asked<V> {
    value: V,
    login: u64,
}

/// Who sends: a task of this runtime, or a caller without any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sender {
    runtime: Option<Id>,
    number: u64,
}

impl<V> State<V> {
    fn is_settled(&self) -> bool {
        self.wanted.is_none() && self.sending.is_none()
    }

    /// A value that would have to wait for longer than a call may ends as the one before it. Says
    /// whether there was one.
    fn refuse(&mut self, max_wait: Duration) -> bool {
        let Some((end, error)) = &self.closed else { return false };
        let is_long = end.saturating_duration_since(Instant::now()) > max_wait;
        let is_refused = is_long && self.wanted.take().is_some();
        if is_refused {
            self.outcome = Err(Arc::clone(error));
        }
        is_refused
    }

    /// What came of the value that was sent last, for good.
    fn end(&mut self, outcome: Result<(), Error>) {
        self.failures = Failures::default();
        self.outcome = outcome.map_err(Arc::new);
        self.closed = match &self.outcome {
            Ok(()) => None,
            Err(error) => {
                let asked = error.retry_after().and_then(|asked| Instant::now().checked_add(asked));
                asked.map(|end| (end, Arc::clone(error)))
            }
        };
        self.not_before = self.not_before.max(self.closed.as_ref().map(|(end, _)| *end));
    }

    /// Makes a new sender the driver, unless one of this runtime is.
    fn appoint(&mut self, runtime: Id) -> Option<Sender> {
        let is_driven = self.driver.is_some_and(|driver| driver.runtime == Some(runtime));
        if is_driven || self.wanted.is_none() {
            return None;
        }
        self.drivers += 1;
        self.driver = Some(Sender { runtime: Some(runtime), number: self.drivers });
        self.driver
    }
}

impl<V> Default for State<V> {
    fn default() -> Self {
        Self {
            wanted: None,
            sending: None,
            driver: None,
            drivers: 0,
            not_before: None,
            failures: Failures::default(),
            closed: None,
            outcome: Ok(()),
        }
    }
}

impl Slider<u32> {
    pub(super) fn of_volume(player: &Player) -> Self {
        Self::new(player, Player::volume)
    }
}

impl Slider<Duration> {
    pub(super) fn of_position(player: &Player) -> Self {
        Self::new(player, Player::seek)
    }
}

impl<V: Copy + Send + Sync + 'static> Slider<V> {
    /// At least this long passes from the response to one request to the next: half a second.
    pub const PAUSE: Duration = Duration::from_millis(500);

    fn new(player: &Player, request: fn(&Player, V) -> Request<(), OnDevice>) -> Self {
        let state = watch::Sender::new(State::default());
        let shared = Shared { player: player.clone(), device: None, request, state };
        Self { shared: Arc::new(shared) }
    }

    /// A control of this device, in place of the active one; apart from the control that it is made
    /// from.
    #[must_use]
    pub fn on_device(&self, device_id: impl Into<String>) -> Self {
        let Shared { player, request, .. } = &*self.shared;
        let state = watch::Sender::new(State::default());
        let player = player.clone();
        let device = Some(device_id.into());
        Self { shared: Arc::new(Shared { player, device, request: *request, state }) }
    }

    /// Sets the value that is to be sent next, in place of one that was not sent yet.
    ///
    /// Called outside of a tokio runtime, it only keeps the value for [`settled`](Self::settled).
    /// What is wrong with a value, and what the server says, is returned by `settled`.
    pub fn set(&self, value: V) {
        let asked = Asked { value, login: self.shared.player.0.login() };
        self.shared.state.send_if_modified(|state| {
            state.wanted = Some(asked);
            false
        });
        self.drive();
    }

    /// Waits until the last value was sent and its response came.
    ///
    /// # Errors
    ///
    /// Why the last value that was sent was not accepted, after as many retries as those of
    /// [`Player::volume`] and [`Player::seek`]. It is not sent again unless it is set again. An
    /// [`Error::Panicked`] where a layer of the program's, or its observer, panicked at it.
    pub async fn settled(&self) -> Result<(), Arc<Error>> {
        let mut state = self.shared.state.subscribe();
        loop {
            // Its task may have ended with its runtime.
            if !self.drive()
                && let Some(asked) = self.shared.undriven()
            {
                // Without a runtime, this is an error that says so.
                self.shared.send(asked, NOBODY).await;
            }
            let outcome = {
                let state = state.borrow_and_update();
                state.is_settled().then(|| state.outcome.clone())
            };
            if let Some(outcome) = outcome {
                return outcome;
            }
            // Only a sender that is gone is an error, and this is one.
            let _ = state.changed().await;
        }
    }

    /// Sees to it that a task sends what is to be sent. Returns whether there is a runtime for it.
    fn drive(&self) -> bool {
        let Ok(runtime) = Handle::try_current() else { return false };
        let mut appointed = None;
        self.shared.state.send_if_modified(|state| {
            appointed = state.appoint(runtime.id());
            false
        });
        if let Some(sender) = appointed {
            let shared = Arc::clone(&self.shared);
            runtime.spawn(Driver { shared, sender }.run());
        }
        true
    }
}

impl<V: Copy> Shared<V> {
    /// When the newest value may be sent. Without one, the task that asks has nothing more to do,
    /// nor has one that another took over from.
    fn due(&self, sender: Sender) -> Option<Instant> {
        let mut due = None;
        let max_wait = self.player.0.max_wait();
        self.state.send_if_modified(|state| {
            let is_refused = state.refuse(max_wait);
            if state.driver == Some(sender) && state.wanted.is_none() {
                state.driver = None;
            }
            let is_driver = state.driver == Some(sender);
            due = is_driver.then(|| state.not_before.unwrap_or_else(Instant::now));
            is_refused
        });
        due
    }

    /// The newest value, to be sent now.
    fn take(&self, sender: Sender) -> Option<Asked<V>> {
        let mut asked = None;
        self.state.send_if_modified(|state| {
            if state.driver == Some(sender) && state.sending.is_none() {
                asked = state.wanted.take();
                state.sending = asked.map(|asked| (asked, sender));
                // Whatever becomes of it.
                state.not_before = Instant::now().checked_add(Slider::<u32>::PAUSE);
            }
            false
        });
        asked
    }

    /// A value that no task sees to.
    fn undriven(&self) -> Option<Asked<V>> {
        let mut asked = None;
        self.state.send_if_modified(|state| {
            if state.driver.is_none() && state.sending.is_none() {
                asked = state.wanted.take();
                state.sending = asked.map(|asked| (asked, NOBODY));
            }
            false
        });
        asked
    }

    async fn send(&self, asked: Asked<V>, sender: Sender) {
        let request = (self.request)(&self.player, asked.value);
        let request = match &self.device {
            Some(device) => request.device(device),
            None => request,
        };
        // Each attempt is one of the newest value.
        let login = OneLogin::of(asked.login);
        let outcome = guarded(request.retries(0).send_for(&login)).await;
        self.state.send_modify(|state| {
            if state.sending.is_some_and(|(_, sending)| sending == sender) {
                state.sending = None;
            }
            let pause = match &outcome {
                Ok(()) => None,
                Err(error) => state.failures.retry(&self.player.0, error, state.wanted.is_some()),
            };
            state.not_before =
                Instant::now().checked_add(pause.unwrap_or_default().max(Slider::<u32>::PAUSE));
            if pause.is_some() {
                state.wanted = state.wanted.or(Some(asked));
            } else {
                state.end(outcome);
            }
        });
    }
}

/// Layers, authenticators and observers are user code: that one panics is what came of the value.
async fn guarded(sending: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    let mut sending = pin!(sending);
    std::future::poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| sending.as_mut().poll(context)));
        polled.unwrap_or(Poll::Ready(Err(Error::Panicked)))
    })
    .await
}

/// Failures in a row that were retried.
#[derive(Default)]
struct Failures {
    count: u32,
    /// How long `Retry-After` has been waited for.
    waited: Duration,
}

impl Failures {
    /// The pause after which the newest value is sent in place of the one that failed; `None` where
    /// that failure is final.
    fn retry(
        &mut self,
        connection: &Connection,
        error: &Error,
        is_newer: bool,
    ) -> Option<Duration> {
        let is_limited = matches!(error, Error::RateLimited { .. });
        if !is_retried(error) {
            return None;
        }
        let pause = connection.pause_before_retry(self.count + 1);
        let pause = error.retry_after().map_or(pause, |asked| asked.max(pause));
        let waited = self.waited.saturating_add(pause);
        let may_wait = error.retry_after().is_none() || waited <= connection.max_wait();
        if !may_wait || !(is_newer || connection.takes_retry(self.count, is_limited)) {
            return None;
        }
        *self = Self { count: self.count + u32::from(!is_limited), waited };
        Some(pause)
    }
}

/// What the layers would retry. The rate limiter has waited already.
fn is_retried(error: &Error) -> bool {
    match error {
        Error::Transport { .. } | Error::Api { .. } => error.is_transient(),
        Error::RateLimited { status, reason, .. } => status.is_some() && reason.is_none(),
        _ => false,
    }
}

const NOBODY: Sender = Sender { runtime: None, number: 0 };

/// The task that sends, for as long as there is something to send.
struct Driver<V: Copy> {
    shared: Arc<Shared<V>>,
    sender: Sender,
}

impl<V: Copy> Driver<V> {
    async fn run(self) {
        loop {
            // Only then is it known how long to wait.
            self.others_end().await;
            let Some(due) = self.shared.due(self.sender) else { return };
            // Where there is no time, the request says so.
            if can_wait() {
                tokio::time::sleep_until(due).await;
            }
            if let Some(asked) = self.shared.take(self.sender) {
                self.shared.send(asked, self.sender).await;
            }
        }
    }

    /// What a task of another runtime is sending comes first.
    async fn others_end(&self) {
        let mut state = self.shared.state.subscribe();
        // Only a sender that is gone is an error, and this is one.
        let _ = state.wait_for(|state| state.sending.is_none()).await;
    }
}

/// A task that ended with its runtime leaves its value to the next one.
impl<V: Copy> Drop for Driver<V> {
    fn drop(&mut self) {
        self.shared.state.send_if_modified(|state| {
            let sending = state.sending.filter(|(_, sender)| *sender == self.sender);
            if let Some((asked, _)) = sending {
                state.sending = None;
                state.wanted = state.wanted.or(Some(asked));
            }
            let is_driver = state.driver == Some(self.sender);
            if is_driver {
                state.driver = None;
            }
            is_driver || sending.is_some()
        });
    }
}

impl<V> Clone for Slider<V> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<V> fmt::Debug for Slider<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slider").finish_non_exhaustive()
    }
}
