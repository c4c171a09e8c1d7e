//! Operations of the store and the source, which take effect and return when it is chosen.

use std::fmt::Write as _;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::oneshot;
use tokio::task::Id;

use super::model::{Model, user_of};
use crate::auth::{
    AuthError, Clock, Now, RefreshLock, Revision, StoreError, StoredToken, TokenKey, TokenSource,
    TokenStore,
};
use crate::oauth::Token;
use crate::sync::Mutex;

/// What all processes share.
#[derive(Debug)]
pub(super) struct World {
    pub(super) model: Mutex<Model>,
    pub(super) operations: Mutex<Vec<Operation>>,
    /// What each task has seen so far, which is all that its next step depends on.
    pub(super) tasks: Mutex<Vec<(usize, Option<Id>, String)>>,
    pub(super) has_locks: bool,
    /// Everything takes effect at once, and well.
    pub(super) is_over: Mutex<bool>,
}

/// One that has been called and has not returned.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) process: usize,
    pub(super) task: Option<Id>,
    pub(super) call: Call,
    /// What it returns, once it has taken effect.
    pub(super) returns: Option<Return>,
    pub(super) sender: oneshot::Sender<Return>,
}

#[derive(Debug, Clone)]
pub(super) enum Call {
    Lock,
    Load,
    Save(StoredToken, Option<Revision>),
    Request(Option<Token>),
}

#[derive(Debug, Clone)]
pub(super) enum Return {
    Locked,
    Loaded(Option<StoredToken>),
    Saved,
    Stale,
    Token(Result<Token, AuthError>),
    Failed,
}

/// How an operation goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Well,
    Fails,
    /// It takes effect although it says that it failed.
    SeemsToFail,
}

impl World {
    /// What is called takes effect now.
    pub(super) fn take_effect(&self, process: usize, call: &Call) -> Return {
        let mut model = self.model.lock();
        match call {
            Call::Lock => {
                model.is_locked = true;
                Return::Locked
            }
            Call::Load => Return::Loaded(model.entry.clone()),
            Call::Save(stored, replaces) => match model.save(stored, *replaces, process) {
                true => Return::Saved,
                false => Return::Stale,
            },
            Call::Request(previous) => Return::Token(match refresh_token(previous.as_ref()) {
                Some(sent) => model.request(sent),
                None => Err(AuthError::NotLoggedIn),
            }),
        }
    }

    fn note(&self, process: usize, text: &str) {
        let mut tasks = self.tasks.lock();
        let id = tokio::task::try_id();
        let known = tasks.iter().position(|(of, other, _)| (*of, *other) == (process, id));
        let index = known.unwrap_or_else(|| {
            tasks.push((process, id, String::new()));
            tasks.len() - 1
        });
        tasks[index].2.push_str(text);
    }
}

pub(super) fn refresh_token(token: Option<&Token>) -> Option<&str> {
    token?.refresh_token.as_ref().map(crate::oauth::RefreshToken::expose)
}

/// The world as one process sees it: its store, its source and its clock.
#[derive(Debug, Clone)]
pub(super) struct View {
    pub(super) process: usize,
    pub(super) world: Arc<World>,
}

impl View {
    async fn call(&self, call: Call) -> Return {
        self.world.note(self.process, call.letter());
        if *self.world.is_over.lock() {
            return self.world.take_effect(self.process, &call);
        }
        let (sender, receiver) = oneshot::channel();
        let process = self.process;
        let task = tokio::task::try_id();
        let operation = Operation { process, task, call, returns: None, sender };
        self.world.operations.lock().push(operation);
        let returned = receiver.await.unwrap_or(Return::Failed);
        self.world.note(self.process, &describe(&returned));
        returned
    }
}

impl Call {
    fn letter(&self) -> &'static str {
        match self {
            Self::Lock => "k",
            Self::Load => "l",
            Self::Save(..) => "s",
            Self::Request(_) => "r",
        }
    }
}

pub(super) fn describe(returned: &Return) -> String {
    match returned {
        Return::Locked => "+".into(),
        Return::Loaded(found) => format!("({})", found.as_ref().map_or_else(|| "-".into(), entry)),
        Return::Saved => "+".into(),
        Return::Stale => "~".into(),
        Return::Token(Ok(token)) => format!("({})", token.access_token.expose()),
        Return::Token(Err(_)) => "!".into(),
        Return::Failed => "-".into(),
    }
}

pub(super) fn entry(stored: &StoredToken) -> String {
    let mut text = format!("{:?}{:?}", stored.login, stored.revision);
    if let Some(token) = stored.token() {
        let _ = write!(text, "{}{}", token.access_token.expose(), stored.has_ended());
    }
    text
}

#[async_trait]
impl TokenStore for View {
    async fn load(&self, _: &TokenKey) -> Result<Option<StoredToken>, StoreError> {
        match self.call(Call::Load).await {
            Return::Loaded(found) => Ok(found),
            _ => Err(StoreError::custom("down")),
        }
    }

    async fn save(
        &self,
        _: &TokenKey,
        token: &StoredToken,
        replaces: Option<Revision>,
    ) -> Result<(), StoreError> {
        {
            let mut model = self.world.model.lock();
            let owner = model.owner(token, self.process);
            if model.is_past(owner, self.process) {
                model.violation(format!("P47: {owner} is saved after a later login"));
            }
        }
        match self.call(Call::Save(token.clone(), replaces)).await {
            Return::Saved => Ok(()),
            Return::Stale => Err(StoreError::Stale),
            _ => Err(StoreError::custom("down")),
        }
    }

    async fn remove(&self, _: &TokenKey) -> Result<(), StoreError> {
        self.world.model.lock().remove();
        Ok(())
    }

    async fn lock(&self, _: &TokenKey) -> Result<RefreshLock, StoreError> {
        if !self.world.has_locks {
            return Err(StoreError::NoLocks { reason: "none here".into() });
        }
        match self.call(Call::Lock).await {
            Return::Locked => Ok(RefreshLock::new(Unlock(Arc::clone(&self.world)))),
            _ => Err(StoreError::custom("busy")),
        }
    }
}

struct Unlock(Arc<World>);

impl Drop for Unlock {
    fn drop(&mut self) {
        self.0.model.lock().is_locked = false;
    }
}

#[async_trait]
impl TokenSource for View {
    async fn request_token(&self, previous: Option<&Token>) -> Result<Token, AuthError> {
        let Some(sent) = refresh_token(previous) else { return Err(AuthError::NotLoggedIn) };
        {
            let mut model = self.world.model.lock();
            if model.is_past(user_of(sent), self.process) {
                model.violation(format!("P47: {sent} is sent after a later login"));
            }
            let is_other = |other: &Operation| {
                other.process == self.process
                    && matches!(other.call, Call::Request(_))
                    && !other.sender.is_closed()
            };
            if self.world.operations.lock().iter().any(is_other) {
                model.violation("P6: two requests in flight".into());
            }
        }
        match self.call(Call::Request(previous.cloned())).await {
            Return::Token(result) => result,
            _ => Err(AuthError::custom("down", "connection refused")),
        }
    }
}

impl Clock for View {
    fn now(&self) -> Now {
        self.world.model.lock().now()
    }
}
