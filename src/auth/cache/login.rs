//! A login or a log-out: it takes the place of everything there was.
//!
//! It runs in a task of its own: a caller that goes away leaves it whole. Logins that overlap are
//! taken over one after the other, in the order in which they began.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::credentials::Replacement;
use super::flight::{Flight, Outcome};
use super::saving;
use super::state::LoginStart;
use super::storage::Storage;
use super::{Now, Shared};
use crate::auth::store::Content;
use crate::auth::{
    AuthError, LoginId, Revision, StoreError, StoredToken, TokenEventKind, TokenSource,
};
use crate::oauth::Token;

/// A login, or a log-out where `token` is `None`. Saves it where there is a store, and takes it
/// over. The second result is why it could not be saved yet.
pub(super) async fn log_in<S: TokenSource>(
    shared: &Arc<Shared<S>>,
    token: Option<Token>,
) -> (Outcome, Option<StoreError>) {
    if shared.storage.is_none() {
        return (LoginTask::begin(shared, token).end(false), None);
    }
    let Ok(runtime) = Handle::try_current() else { return (Err(AuthError::NoRuntime), None) };
    let task = LoginTask::begin(shared, token);
    let taken_over = runtime.spawn(task.run()).await;
    taken_over.unwrap_or((Err(AuthError::Interrupted), None))
}

struct LoginTask<S: TokenSource> {
    shared: Arc<Shared<S>>,
    start: LoginStart,
    /// Taken when it ends.
    new: Option<Replacement>,
    now: Now,
}

impl<S: TokenSource> LoginTask<S> {
    /// From now on nothing is sent, saved or published with what there was.
    fn begin(shared: &Arc<Shared<S>>, token: Option<Token>) -> Self {
        let now = shared.options.now();
        let (start, login) = shared.change(|state| (state.begin_login(), state.credentials.login));
        let expires_in = token.as_ref().map_or_else(Default::default, |token| token.expires_in);
        let expires_at = now.wall.checked_add(expires_in);
        let new = Replacement {
            login: LoginId::after(now.wall, login, fastrand::u64(..)),
            revision: Revision::random(),
            token,
            expires_at: expires_at.unwrap_or(std::time::SystemTime::UNIX_EPOCH),
        };
        Self { shared: Arc::clone(shared), start, new: Some(new), now }
    }

    async fn run(mut self) -> (Outcome, Option<StoreError>) {
        if let Some(before) = self.start.before.take() {
            wait_for(before).await;
        }
        let error = match self.shared.storage.clone() {
            Some(storage) => self.save(&storage).await.err(),
            None => None,
        };
        let outcome = self.end(error.is_none());
        if let Some(error) = &error {
            self.shared.tell(TokenEventKind::StoreFailed { error: error.clone() });
            let shared = Arc::downgrade(&self.shared);
            tokio::spawn(saving::save_again(shared));
        }
        (outcome, error)
    }

    /// Over what is there, whatever that is.
    async fn save(&mut self, storage: &Storage) -> Result<(), StoreError> {
        for _ in 0..MOST_CONFLICTS {
            let there = storage.load().await?;
            let Some(new) = &mut self.new else { return Ok(()) };
            if let Some(there) = &there {
                new.login = new.login.moved_after(there.login);
            }
            let replaces = there.map(|there| there.revision);
            match storage.save_over(&new.stored(), replaces).await {
                Err(StoreError::Stale) => {}
                saved => return saved,
            }
        }
        Err(StoreError::Stale)
    }

    fn end(&mut self, is_saved: bool) -> Outcome {
        let Some(new) = self.new.take() else { return Ok(()) };
        let (id, now, policy) = (self.start.id, self.now, self.shared.policy());
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

async fn wait_for(mut login: Flight) {
    login.outcome().await;
}

impl Replacement {
    fn stored(&self) -> StoredToken {
        let content = match &self.token {
            Some(token) => {
                let (token, expires_at) = (token.clone(), self.expires_at);
                Content::Token { token, expires_at, ended: false }
            }
            None => Content::LoggedOut,
        };
        StoredToken { login: self.login, revision: self.revision, content }
    }
}

const MOST_CONFLICTS: u32 = 8;
