//! A control that moves faster than requests can follow: the last value wins.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::Instant;

use super::Player;
use super::request::Request;
use super::request::params::OnDevice;
use crate::error::Error;

/// A control of the player whose last value wins: of a hundred values in two seconds a few are
/// sent, the last one for certain.
///
/// From [`Player::volume_slider`] and [`Player::seek_slider`]. [`set`](Self::set) returns at once;
/// the first value is sent at once, and after that the newest one, at most one every
/// [`PAUSE`](Self::PAUSE) and never two at a time, so that they cannot overtake each other. Clones
/// are the same control.
///
/// Values are sent by a task of the runtime, which ends when nothing is left to send. It does not
/// depend on who set the value: dropping the slider, or the future of [`settled`](Self::settled),
/// cancels nothing. Wait for `settled` before the runtime ends.
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
    wanted: Option<V>,
    /// The value whose response has not come yet.
    sending: Option<V>,
    /// Whether a task sees to it.
    is_driven: bool,
    /// When the next request may go out.
    not_before: Option<Instant>,
    /// What came of the value that was sent last.
    outcome: Result<(), Arc<Error>>,
}

impl<V> State<V> {
    fn is_settled(&self) -> bool {
        self.wanted.is_none() && self.sending.is_none()
    }
}

impl<V> Default for State<V> {
    fn default() -> Self {
        let wanted = None;
        let sending = None;
        Self { wanted, sending, is_driven: false, not_before: None, outcome: Ok(()) }
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
    /// At least this long passes from one request to the next: half a second.
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
        self.shared.state.send_if_modified(|state| {
            state.wanted = Some(value);
            false
        });
        self.drive();
    }

    /// Waits until the last value was sent and its response came.
    ///
    /// # Errors
    ///
    /// Why the last value that was sent was not accepted. It is not sent again unless it is set
    /// again; the requests themselves are retried as those of [`Player::volume`] and
    /// [`Player::seek`] are.
    pub async fn settled(&self) -> Result<(), Arc<Error>> {
        let mut state = self.shared.state.subscribe();
        loop {
            // Its task may have ended with its runtime.
            if !self.drive()
                && let Some(value) = self.shared.undriven()
            {
                // Without a runtime, this is an error that says so.
                self.shared.send(value).await;
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
        let mut begins = false;
        self.shared.state.send_if_modified(|state| {
            begins = !state.is_driven && state.wanted.is_some();
            state.is_driven |= begins;
            false
        });
        if begins {
            let driver = Driver { shared: Arc::clone(&self.shared), is_done: false };
            runtime.spawn(driver.run());
        }
        true
    }
}

impl<V: Copy> Shared<V> {
    /// The newest value, to be sent now; without one, the task that asks has nothing more to do.
    fn next(&self) -> Option<V> {
        let mut next = None;
        self.state.send_if_modified(|state| {
            next = state.wanted.take();
            state.sending = next;
            state.is_driven = next.is_some();
            false
        });
        next
    }

    /// A value that no task sees to.
    fn undriven(&self) -> Option<V> {
        let mut value = None;
        self.state.send_if_modified(|state| {
            value = if state.is_driven { None } else { state.wanted.take() };
            state.sending = state.sending.or(value);
            false
        });
        value
    }

    async fn send(&self, value: V) {
        let next = Instant::now().checked_add(Slider::<u32>::PAUSE);
        let request = (self.request)(&self.player, value);
        let request = match &self.device {
            Some(device) => request.device(device),
            None => request,
        };
        let outcome = request.await.map_err(Arc::new);
        self.state.send_modify(|state| {
            state.outcome = outcome;
            state.sending = None;
            state.not_before = next;
        });
    }
}

/// The task that sends, for as long as there is something to send.
struct Driver<V: Copy> {
    shared: Arc<Shared<V>>,
    is_done: bool,
}

impl<V: Copy> Driver<V> {
    async fn run(mut self) {
        loop {
            let not_before = self.shared.state.borrow().not_before;
            if let Some(not_before) = not_before {
                tokio::time::sleep_until(not_before).await;
            }
            let Some(value) = self.shared.next() else { break };
            self.shared.send(value).await;
        }
        self.is_done = true;
    }
}

/// A task that ended with its runtime leaves its value to the next one.
impl<V: Copy> Drop for Driver<V> {
    fn drop(&mut self) {
        if !self.is_done {
            self.shared.state.send_modify(|state| {
                state.is_driven = false;
                let sending = state.sending.take();
                state.wanted = state.wanted.or(sending);
            });
        }
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
