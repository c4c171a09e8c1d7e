//! One fetch, in a task of its own: the store, the source, the store again.
//!
//! | step | why |
//! |---|---|
//! | lock the store | two processes with one rotating refresh token would end each other's login |
//! | read the store | another process may have refreshed, or the user logged in or out there |
//! | ask the source | only if no login has begun meanwhile; while its request is queued, the lock is given up |
//! | lock and read again | when it is its turn; who finds the lock held or a newer token sends nothing |
//! | on `invalid_grant`, read the store again | a process that does not lock may have rotated |
//! | wait for a login that has begun | it may be given up; what came is kept in memory meanwhile |
//! | save | before the token is used: a crash afterwards loses nothing |
//! | complete | those who wait are told, then the listener |
//! | save again, if that failed | a token that is only in memory dies with the process |

mod looking;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use self::looking::{LockState, Look, StoreTrust};
use super::credentials::Seen;
use super::flight::{LockKeeper, Signal};
use super::saving::{self, SaveOutcome, Saver};
use super::state::{Arrival, Permission, Start, Ticket};
use super::{Now, Shared};
use crate::auth::{AuthError, LoginId, Revision, TokenEventKind, TokenSource};
use crate::oauth::{RequestLimit, RequestStep, TaskGuard, Token};
use crate::transport::TimeLimit;

/// A fetch under way. However it ends, those who wait are told.
pub(super) struct Fetch<S: TokenSource> {
    shared: Arc<Shared<S>>,
    ticket: Ticket,
    signal: Signal,
    is_complete: bool,
    guard: Option<TaskGuard>,
    /// What is told once it is complete.
    events: Vec<TokenEventKind>,
    store: StoreTrust,
}

/// Why a fetch brings no token.
enum Halt {
    /// Its credentials are being replaced: those who wait look again.
    Superseded,
    /// Before it was sent, another process has refreshed or is refreshing.
    Withdrawn,
    Failed(AuthError),
}

impl From<AuthError> for Halt {
    fn from(error: AuthError) -> Self {
        Self::Failed(error)
    }
}

/// Whether the calling task is the fetch of this cache, as in the code of its source or store.
pub(super) fn is_within<S>(shared: &Arc<Shared<S>>) -> bool {
    WITHIN.try_with(|within| *within == address(shared)).unwrap_or(false)
}

/// For a part of a fetch that runs in a task of its own.
pub(super) fn within_the_same<F: Future>(part: F) -> impl Future<Output = F::Output> {
    let within = WITHIN.try_with(|within| *within);
    async move {
        match within {
            Ok(within) => WITHIN.scope(within, part).await,
            Err(_) => part.await,
        }
    }
}

impl<S: TokenSource> Fetch<S> {
    /// Called without the lock: a runtime that shuts down drops the task on the spot, and that
    /// takes the lock.
    pub(super) fn spawn(shared: &Arc<Shared<S>>, start: Start) -> Result<(), AuthError> {
        let fetch = Self {
            shared: Arc::clone(shared),
            ticket: start.ticket,
            signal: start.signal,
            is_complete: false,
            guard: shared.has_something_to_lose().then(|| shared.task_guard()).flatten(),
            events: Vec::new(),
            store: StoreTrust::default(),
        };
        fetch.signal.begin_step(START_LIMIT);
        let runtime = Handle::try_current().map_err(|_| AuthError::NoRuntime)?;
        let flight = start.flight;
        flight.runs_in(runtime.spawn(fetch.run()).abort_handle());
        Ok(())
    }

    async fn run(mut self) {
        let mut result = WITHIN.scope(address(&self.shared), self.fetch()).await;
        if matches!(result, Err(Halt::Failed(_))) && runtime_ends().await {
            // Who waits, perhaps on another runtime, begins anew.
            return;
        }
        let saver = Saver::begin(&self.shared);
        self.shared.give_up_lock(&self.signal);
        self.signal.begin_step(LOGIN_LIMIT);
        while let Err(early) = self.complete(result) {
            result = early;
            saving::wait_for_logins(&self.shared).await;
        }
        let shared = Arc::clone(&self.shared);
        let guard = self.guard.take();
        let error = self.store.unsaved.take();
        // Who waits until nothing is under way need not wait for a store that fails.
        drop(self);
        saving::save_again(saver, shared, error, guard).await;
    }

    async fn fetch(&mut self) -> Result<Arrival, Halt> {
        match self.look_with_lock().await? {
            Look::Good(arrival) => return Ok(arrival),
            Look::Newer | Look::NothingNew => self.save_before_request().await,
        }
        let mut requests = 0;
        loop {
            requests += 1;
            let (sent, counted_from, result) = match self.request().await {
                Err(Halt::Withdrawn) => return self.replaced_by(),
                requested => requested?,
            };
            match result {
                Err(error) if is_end_of(&error, &sent) => match self.look_after_end().await? {
                    Look::Good(arrival) => return Ok(arrival),
                    Look::Newer if requests < MOST_REQUESTS => {}
                    _ => return self.end(&sent, error).await,
                },
                result => return self.keep(&sent, counted_from, result).await,
            }
        }
    }

    /// Asks the source once; what is sent is decided in the same step in which it is known whose it
    /// is.
    async fn request(&mut self) -> Result<(Sent, Now, Result<Token, AuthError>), Halt> {
        // Before permission is given: who takes a fetch for overdue gives its lock away.
        self.signal.begin_step(LATE_LIMIT);
        let (previous, revision) = match self.shared.state.lock().permission(self.ticket) {
            Permission::Send { previous, revision } => (previous, revision),
            Permission::Superseded => return Err(Halt::Superseded),
            Permission::Ended(error) => return Err(error.into()),
        };
        let sent = Sent { has_refresh_token: has_refresh_token(previous.as_ref()), revision };
        let is_used = self.shared.state.lock().credentials.has_used_store();
        self.store.check(&sent, is_used)?;
        let client_id = self.shared.client_id();
        let user = self.shared.user();
        tracing::debug!(client_id, user, "requesting an access token");
        let mut counted_from = self.shared.options.now();
        let asked = self.ask_source(previous.as_ref(), &sent, &mut counted_from).await;
        let mut result = asked.ok_or_else(|| self.withdrawn(&sent))?;
        if !sent.has_refresh_token {
            result = result.map_err(AuthError::about_no_login);
        }
        Ok((sent, counted_from, self.store.explain(result)))
    }

    /// Within its limit; then waits for longer where a rotated refresh token may be on its way,
    /// while callers are told already.
    async fn ask_source(
        &mut self,
        previous: Option<&Token>,
        sent: &Sent,
        counted_from: &mut Now,
    ) -> Option<Result<Token, AuthError>> {
        let shared = Arc::clone(&self.shared);
        let mut request = shared.source.request_token(previous);
        let limit = RequestLimit::new(shared.options.timeout, self.may_send(sent));
        // Who waits for others lets other processes refresh meanwhile, once all is saved.
        let signal = &self.signal;
        let in_time = limit.run(&mut request, |step| match step {
            RequestStep::Queued => {
                signal.begin_step(QUEUE_LIMIT);
                shared.give_up_lock(signal);
            }
            RequestStep::Left => signal.begin_step(LATE_LIMIT),
            RequestStep::Sent => {
                signal.begin_step(LATE_LIMIT);
                *counted_from = shared.options.now();
            }
        });
        let result = in_time.await;
        if limit.is_withdrawn() {
            return None;
        }
        let limit = match result {
            Ok(result) => return Some(result),
            Err(limit) => limit,
        };
        let error = AuthError::TimedOut { limit };
        if !sent.has_refresh_token {
            return Some(Err(error));
        }
        self.give_up_waiting(&error);
        let left = LATE_LIMIT.saturating_sub(limit);
        self.signal.begin_step(left);
        Some(TimeLimit::after(left).run(request).await.unwrap_or(Err(error)))
    }

    /// Asked again when it is the request's turn: a login may have begun while it was queued, or
    /// another process may have refreshed.
    fn may_send(
        &self,
        sent: &Sent,
    ) -> impl Fn() -> Pin<Box<dyn Future<Output = bool> + Send>> + Send + Sync + 'static {
        let keeper = match self.store.lock {
            LockState::Held | LockState::HeldHere => Some(self.signal.keeper()),
            LockState::NotNeeded | LockState::Failed => None,
        };
        let turn = Turn {
            shared: Arc::clone(&self.shared),
            ticket: self.ticket,
            sent_with: sent.revision,
            keeper,
        };
        let turn = Arc::new(turn);
        move || {
            let turn = Arc::clone(&turn);
            Box::pin(async move { turn.has_lock().await && turn.may_send() })
        }
    }

    /// Why a request was not sent when it was its turn.
    fn withdrawn(&self, sent: &Sent) -> Halt {
        let state = self.shared.state.lock();
        match state.may_act(self.ticket) && state.credentials.revision != sent.revision {
            true => Halt::Withdrawn,
            false => Halt::Superseded,
        }
    }

    /// Takes over and saves what came. A token that is not usable may still carry the only refresh
    /// token that works.
    async fn keep(
        &mut self,
        sent: &Sent,
        counted_from: Now,
        result: Result<Token, AuthError>,
    ) -> Result<Arrival, Halt> {
        let last = self.shared.state.lock().credentials.token.clone();
        let (token, error) = match result {
            Ok(token) => (token, None),
            Err(error) => match error.carried_token() {
                Some(token) => (token.clone(), Some(error)),
                None => return Err(error.into()),
            },
        };
        let token = token.following(last.as_ref());
        let kept = self.take_over(sent, Arrival { token, counted_from, restored: false }).await?;
        match error {
            None => self.shared.check_scopes(&kept.token).map(|()| kept).map_err(Halt::from),
            Some(error) => Err(error.into()),
        }
    }

    /// Into memory at once, and into the store unless a login replaces it.
    async fn take_over(&mut self, sent: &Sent, arrival: Arrival) -> Result<Arrival, Halt> {
        let login = LoginId::next(arrival.counted_from.wall, None);
        let ids = (login, Revision::random());
        let ticket = self.ticket;
        let revision = sent.revision;
        if !self.shared.change(|state| state.receive(ticket, revision, &arrival, ids)) {
            return Err(Halt::Superseded);
        }
        self.signal.begin_step(LOGIN_LIMIT);
        saving::wait_for_logins(&self.shared).await;
        self.signal.begin_step(SAVE_LIMIT);
        match self.save().await {
            SaveOutcome::Replaced => self.replaced_by(),
            SaveOutcome::Done | SaveOutcome::Failed => Ok(arrival),
            SaveOutcome::Superseded => Err(Halt::Superseded),
        }
    }

    /// Saves what memory has and the store lacks: it was not saved when it came.
    async fn save_before_request(&mut self) {
        if self.shared.state.lock().credentials.is_unsaved() {
            self.signal.begin_step(SAVE_LIMIT);
            self.save().await;
        }
    }

    async fn save(&mut self) -> SaveOutcome {
        let (outcome, error) = saving::save(&self.shared, self.ticket).await;
        self.store.unsaved.clone_from(&error);
        error.iter().for_each(|error| self.tell_of_failure(error));
        outcome
    }

    /// The refresh token has ended, and the store has no other. So that no process sends anything
    /// with it again, its entry is marked.
    async fn end(&mut self, sent: &Sent, error: AuthError) -> Result<Arrival, Halt> {
        if !self.shared.change(|state| state.end(self.ticket, sent.revision, &error)) {
            return Err(Halt::Superseded);
        }
        self.signal.begin_step(SAVE_LIMIT);
        match self.save().await {
            SaveOutcome::Done | SaveOutcome::Failed => Err(error.into()),
            SaveOutcome::Superseded => Err(Halt::Superseded),
            SaveOutcome::Replaced => self.replaced_by(),
        }
    }

    fn give_up_waiting(&mut self, error: &AuthError) {
        let now = self.shared.options.now();
        let policy = self.shared.policy();
        let event = self
            .shared
            .change(|state| state.give_up_waiting(self.ticket, now, error.clone(), policy));
        event.into_iter().for_each(|event| self.shared.tell(event));
        self.signal.send(Err(error.clone()));
    }

    /// Gives the result back when a login has begun that may be given up.
    fn complete(&mut self, result: Result<Arrival, Halt>) -> Result<(), Result<Arrival, Halt>> {
        let now = self.shared.options.now();
        let policy = self.shared.policy();
        let ticket = self.ticket;
        let was_told = self.signal.is_sent();
        let (outcome, event) = self.shared.change(|state| match result {
            early if state.login_under_way().is_some() => Err(early),
            Err(Halt::Superseded | Halt::Withdrawn) => Ok(state.supersede(ticket)),
            // Told when its time was over.
            Err(Halt::Failed(_)) if was_told => Ok(state.supersede(ticket)),
            Err(Halt::Failed(error)) => Ok(state.complete(ticket, now, Err(error), policy)),
            Ok(arrival) => Ok(state.complete(ticket, now, Ok(arrival), policy)),
        })?;
        self.is_complete = true;
        // First, so that who settles after a call waits until the listener has been told of it.
        self.events.drain(..).chain(event).for_each(|event| self.shared.tell(event));
        self.signal.send(outcome);
        Ok(())
    }
}

impl<S: TokenSource> Drop for Fetch<S> {
    fn drop(&mut self) {
        self.signal.release();
        if self.is_complete {
            return;
        }
        let is_told =
            std::thread::panicking() && self.complete(Err(AuthError::of_panic().into())).is_ok();
        if !is_told {
            self.shared.state.lock().leave(self.ticket);
        }
    }
}

/// A request whose turn it is.
struct Turn<S> {
    shared: Arc<Shared<S>>,
    ticket: Ticket,
    sent_with: Option<Revision>,
    /// Of a lock that must be held, and was given up while the request was queued.
    keeper: Option<LockKeeper>,
}

impl<S> Turn<S> {
    /// With the lock that it needs, and nothing new in the store. Does not wait for long, since
    /// others wait for the turn: who holds the lock is refreshing the same token.
    async fn has_lock(&self) -> bool {
        let (Some(keeper), Some(storage)) = (&self.keeper, &self.shared.storage) else {
            return true;
        };
        if keeper.has_lock() {
            return true;
        }
        let Ok(lock) = self.shared.savers.lock(storage, RELOCK_LIMIT).await else { return false };
        keeper.keep(lock);
        let Ok(found) = storage.load().await else { return false };
        let now = self.shared.options.now();
        let seen = self.shared.change(|state| state.look(self.ticket, found.as_ref(), now));
        seen == Some(Seen::NothingNew)
    }

    fn may_send(&self) -> bool {
        let permission = self.shared.state.lock().permission(self.ticket);
        matches!(permission, Permission::Send { revision, .. } if revision == self.sent_with)
    }
}

/// What a request was sent with.
struct Sent {
    revision: Option<Revision>,
    has_refresh_token: bool,
}

fn has_refresh_token(token: Option<&Token>) -> bool {
    token.is_some_and(|token| token.refresh_token.is_some())
}

/// An end of the login; a grant without a refresh token has none to end.
fn is_end_of(error: &AuthError, sent: &Sent) -> bool {
    sent.has_refresh_token && matches!(error, AuthError::LoginEnded { .. })
}

/// Whether the runtime of the calling task shuts down. It drops the tasks of connections and stores
/// before or after those that wait for them, whose failures then are its own.
async fn runtime_ends() -> bool {
    tokio::spawn(async {}).await.is_err()
}

fn address<S>(shared: &Arc<Shared<S>>) -> usize {
    Arc::as_ptr(shared).addr()
}

tokio::task_local! {
    /// The cache whose fetch the task is.
    static WITHIN: usize;
}

/// One with what was known, and one with what the store had.
const MOST_REQUESTS: u32 = 2;

/// How long a busy runtime may take to begin.
const START_LIMIT: Duration = Duration::from_secs(2);

/// Until when a response that may carry a rotated refresh token is waited for.
const LATE_LIMIT: Duration = Duration::from_secs(60);

/// How long a request may wait for its turn.
const QUEUE_LIMIT: Duration = Duration::from_secs(600);

/// How long a request whose turn it is waits for the lock that it gave up in the queue.
const RELOCK_LIMIT: Duration = Duration::from_secs(1);

/// Reading, and saving over what was read, a few times.
const SAVE_LIMIT: Duration = Duration::from_secs(60);

/// How long a login that has begun may take to be saved.
const LOGIN_LIMIT: Duration = Duration::from_secs(60);
