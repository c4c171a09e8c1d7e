//! A login or a log-out: it takes the place of everything there was.
//!
//! It runs in a task of its own: a caller that goes away leaves it whole. Logins that overlap are
//! taken over one after the other, in the order in which they began.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use super::credentials::Replacement;
use super::flight::Outcome;
use super::saving::{self, Saver};
use super::state::{LoginStart, PendingLogin, end_of};
use super::storage::{OPERATION_LIMIT, Storage};
use super::{Now, Shared};
use crate::auth::store::Content;
use crate::auth::{
    AuthError, LoginId, Revision, StoreError, StoredToken, TokenEventKind, TokenSource,
};
use crate::oauth::{TaskGuard, Token};

/// A login, or a log-out where `token` is `None`. Saves it where there is a store, and takes it
/// over. The second result is why it could not be saved yet.
pub(super) async fn log_in<S: TokenSource>(
    shared: &Arc<Shared<S>>,
    token: Option<Token>,
) -> (Outcome, Option<StoreError>) {
    if shared.storage.is_none() {
        // Nothing is left to save: what only matters until then takes no memory.
        return (LoginTask::begin(shared, token).end(true), None);
    }
    let (Ok(()), Ok(runtime)) = (super::runtime_with_time(), Handle::try_current()) else {
        return (Err(AuthError::NoRuntime), None);
    };
    let task = LoginTask::begin(shared, token);
    let guard = shared.task_guard();
    let taken_over = runtime.spawn(task.run(guard)).await;
    taken_over.unwrap_or((Err(AuthError::Interrupted), None))
}

struct LoginTask<S: TokenSource> {
    shared: Arc<Shared<S>>,
    start: LoginStart,
    /// Taken when it ends, also by those who wait for it when it is overdue.
    new: PendingLogin,
    now: Now,
}

impl<S: TokenSource> LoginTask<S> {
    /// From now on nothing is sent, saved or published with what there was.
    fn begin(shared: &Arc<Shared<S>>, token: Option<Token>) -> Self {
        let now = shared.options.now();
        let (start, new) = shared.change(|state| {
            let new = PendingLogin::new(Replacement::made(token, state.latest_login(), now), now);
            (state.begin_login(new.clone()), new)
        });
        start.signal.begin_step(START_LIMIT);
        Self { shared: Arc::clone(shared), start, new, now }
    }

    async fn run(mut self, guard: Option<TaskGuard>) -> (Outcome, Option<StoreError>) {
        if let Some(before) = self.start.before.take() {
            self.start.signal.begin_step(BEFORE_LIMIT);
            saving::wait_for_login(&self.shared, before).await;
        }
        let error = match self.shared.storage.clone() {
            Some(storage) => self.save(&storage).await.err(),
            None => None,
        };
        let outcome = self.end(error.is_none());
        // What the refresh before could not save is of no use any more.
        self.shared.savers.release();
        if let Some(error) = &error {
            self.shared.tell(TokenEventKind::StoreFailed { error: error.clone() });
            let shared = Arc::clone(&self.shared);
            let saver = Saver::begin(&shared);
            tokio::spawn(saving::save_again(saver, shared, Some(error.clone()), guard));
        }
        (outcome, error)
    }

    /// Over what is there, whatever that is.
    async fn save(&mut self, storage: &Storage) -> Result<(), StoreError> {
        for _ in 0..saving::MOST_CONFLICTS {
            self.start.signal.begin_step(OPERATION_LIMIT * 2);
            let there = storage.load().await?;
            // Taken over already where it was overdue; then the next fetch saves.
            let latest = there.as_ref().map(StoredToken::login).or_else(|| storage.latest());
            let Some(stored) = self.new.over(latest, self.now.monotonic) else {
                return Ok(());
            };
            let replaces = there.map(|there| there.revision);
            match storage.save_over(&stored, replaces).await {
                Err(StoreError::Stale) => {}
                saved => return saved,
            }
        }
        Err(StoreError::Stale)
    }

    fn end(&mut self, is_saved: bool) -> Outcome {
        let taken = self.new.lock().take();
        let Some(new) = taken else { return Ok(()) };
        let id = self.start.id;
        let now = self.now;
        let policy = self.shared.policy();
        let outcome = self.shared.change(|state| state.end_login(id, new, now, is_saved, policy));
        self.start.signal.send(Ok(()));
        outcome
    }
}

/// A runtime that shuts down drops the task: the login counts all the same, and is saved later.
impl<S: TokenSource> Drop for LoginTask<S> {
    fn drop(&mut self) {
        // Who waited for it is gone, or looks again.
        let _ = self.end(false);
    }
}

impl PendingLogin {
    /// As it is saved over what is there, or was until it was removed.
    fn over(&self, latest: Option<LoginId>, made: Instant) -> Option<StoredToken> {
        let mut new = self.lock();
        let new = new.as_mut()?;
        if let Some(latest) = latest {
            new.login = new.login.moved_after(latest);
            new.replaced = new.replaced.max(Some(latest));
        }
        Some(new.stored(made))
    }
}

impl Replacement {
    /// A login that is later than `latest`, whatever the clock says.
    fn made(token: Option<Token>, latest: Option<LoginId>, now: Now) -> Self {
        Self {
            login: LoginId::next(now.wall, latest),
            revision: Revision::random(),
            expires_at: token.as_ref().map_or(now.wall, |token| end_of(token, now)),
            token,
            replaced: None,
        }
    }

    fn stored(&self, made: Instant) -> StoredToken {
        let content = match &self.token {
            Some(token) => {
                let token = token.clone();
                let expires_at = self.expires_at;
                Content::Token { token, expires_at, ended: false }
            }
            None => Content::LoggedOut,
        };
        StoredToken {
            login: self.login,
            revision: self.revision,
            content,
            made: Some(made),
            made_about: None,
        }
    }
}

/// How long a busy runtime may take to begin.
const START_LIMIT: Duration = Duration::from_secs(2);

/// Longer than the logins take that began before.
const BEFORE_LIMIT: Duration = Duration::from_secs(60);
