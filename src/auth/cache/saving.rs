//! Getting what is in memory into the store, over what is known to be there.

mod savers;

use std::future::{pending, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::futures::Notified;
use tokio::time::Instant;

use self::savers::LONGEST_TURN;
pub(super) use self::savers::{Saver, Savers};
use super::Shared;
use super::credentials::{Seen, Unsaved};
use super::flight::{Flight, Signal};
use super::state::Ticket;
use super::storage::Storage;
use crate::auth::{StoreError, TokenSource};
use crate::oauth::{Obstacle, TaskGuard};

/// What became of saving.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SaveOutcome {
    /// The store has it, or there is no store.
    Done,
    /// The store has something later, which was adopted.
    Replaced,
    /// A login has begun, which saves its own.
    Superseded,
    /// It is saved later.
    Failed,
}

/// What to do next.
enum SaveStep {
    End(SaveOutcome),
    /// Nobody knows what is there.
    Read,
    Write(Unsaved),
}

/// Saves what the store lacks, for the fetch of `ticket`.
pub(super) async fn save<S: TokenSource>(
    shared: &Shared<S>,
    ticket: Ticket,
) -> (SaveOutcome, Option<StoreError>) {
    let saved = try_to_save(shared, ticket).await;
    if saved.0 != SaveOutcome::Failed {
        shared.savers.release();
    }
    saved
}

async fn try_to_save<S: TokenSource>(
    shared: &Shared<S>,
    ticket: Ticket,
) -> (SaveOutcome, Option<StoreError>) {
    let Some(storage) = &shared.storage else { return (SaveOutcome::Done, None) };
    for _ in 0..MOST_CONFLICTS {
        let tried = match next_step(shared, ticket) {
            SaveStep::End(outcome) => return (outcome, None),
            SaveStep::Read => read(shared, storage, ticket).await,
            SaveStep::Write(unsaved) => write(shared, storage, &unsaved).await,
        };
        match tried {
            Ok(None) => {}
            Ok(Some(outcome)) => return (outcome, None),
            Err(error) => return (SaveOutcome::Failed, Some(error)),
        }
    }
    (SaveOutcome::Failed, Some(StoreError::Stale))
}

fn next_step<S>(shared: &Shared<S>, ticket: Ticket) -> SaveStep {
    let state = shared.state.lock();
    if !state.may_act(ticket) {
        return SaveStep::End(SaveOutcome::Superseded);
    }
    if !state.credentials.is_unsaved() {
        return SaveStep::End(SaveOutcome::Done);
    }
    state.credentials.unsaved().map_or(SaveStep::Read, SaveStep::Write)
}

async fn read<S>(
    shared: &Shared<S>,
    storage: &Storage,
    ticket: Ticket,
) -> Result<Option<SaveOutcome>, StoreError> {
    let found = storage.load().await?;
    let now = shared.options.now();
    Ok(match shared.change(|state| state.look(ticket, found.as_ref(), now)) {
        None => Some(SaveOutcome::Superseded),
        Some(Seen::NothingNew) => None,
        Some(Seen::Adopted | Seen::LoggedOut) => Some(SaveOutcome::Replaced),
    })
}

async fn write<S>(
    shared: &Shared<S>,
    storage: &Storage,
    unsaved: &Unsaved,
) -> Result<Option<SaveOutcome>, StoreError> {
    match storage.save(unsaved).await {
        Ok(()) => shared.change(|state| state.credentials.saved(&unsaved.stored)),
        Err(StoreError::Stale) => shared.change(|state| state.credentials.lost_sight()),
        Err(error) => return Err(error),
    }
    Ok(None)
}

/// Waits until no login is being taken over.
pub(super) async fn wait_for_logins<S>(shared: &Shared<S>) {
    loop {
        let login = shared.state.lock().login_under_way().cloned();
        let Some(login) = login else { return };
        wait_for_login(shared, login).await;
    }
}

/// A login whose runtime does not run it is taken over as it is, and saved later.
pub(super) async fn wait_for_login<S>(shared: &Shared<S>, mut login: Flight) {
    loop {
        let due = login.due().unwrap_or_else(|| Instant::now() + UNKNOWN_DUE);
        if tokio::time::timeout_at(due, login.outcome()).await.is_ok() {
            return;
        }
        if login.is_overdue() {
            shared.take_over_overdue_logins();
            return;
        }
    }
}

/// Tries until the store has it, also when nobody is left: a refresh token may be the only one that
/// still works, and a log-out is to end the login everywhere. What can be requested again keeps
/// nothing alive, and is given up after half a minute. The last who begins takes it over from those
/// before, who go on when its runtime has ended or does not run it.
///
/// `error` is why it was not saved. Who waits for the task of `guard` is told of one that does not
/// pass.
pub(super) async fn save_again<S: TokenSource>(
    saver: Saver<S>,
    shared: Arc<Shared<S>>,
    mut error: Option<StoreError>,
    mut guard: Option<TaskGuard>,
) {
    let mut kept = Some(shared);
    for attempt in 1.. {
        let Some(shared) = kept.take().or_else(|| saver.shared.upgrade()) else { return };
        let changed = saver.changed.notified();
        let is_precious = shared.state.lock().credentials.is_precious();
        let is_given_up = attempt > MOST_SAVES && !is_precious;
        if is_given_up || !shared.lacks_a_save() {
            return;
        }
        tell(guard.as_mut(), error.take());
        shared.savers.end_lock();
        let is_last = saver.is_last(&shared);
        let pause = match is_last {
            false => LONGEST_TURN,
            true if shared.savers.has_lock() => {
                shared.options.backoff.pause(attempt, 0.0).min(PAUSE_WITH_LOCK)
            }
            true => shared.options.backoff.pause(attempt, 0.0),
        };
        kept = is_precious.then(|| Arc::clone(&shared));
        drop(shared);
        let is_due = wait(pause, changed, guard.as_ref().filter(|_| is_last)).await;
        if !is_due {
            continue;
        }
        if let Some(shared) = kept.clone().or_else(|| saver.shared.upgrade())
            && saver.may_try(&shared)
        {
            if let Some(guard) = &mut guard {
                guard.tries();
            }
            let ticket = shared.state.lock().ticket();
            error = save(&shared, ticket).await.1;
        }
    }
}

/// Waits for as long, or for less where somebody wants to end. `false` when something has changed.
async fn wait(pause: Duration, changed: Notified<'_>, guard: Option<&TaskGuard>) -> bool {
    let mut changed = pin!(changed);
    let least = pause.min(PAUSE_AT_END);
    let mut due = pin!(async {
        tokio::time::sleep(least).await;
        let somebody = async {
            match guard {
                Some(guard) => guard.until_somebody_waits().await,
                None => pending().await,
            }
        };
        drop(tokio::time::timeout(pause - least, somebody).await);
    });
    poll_fn(|context| {
        if changed.as_mut().poll(context).is_ready() {
            return Poll::Ready(false);
        }
        due.as_mut().poll(context).map(|()| true)
    })
    .await
}

fn tell(guard: Option<&mut TaskGuard>, error: Option<StoreError>) {
    let Some(guard) = guard else { return };
    let needs_somebody = error.as_ref().is_some_and(|error| !error.is_transient());
    match error.map(|error| Arc::new(error) as Obstacle) {
        Some(obstacle) if needs_somebody => guard.is_stuck(obstacle),
        obstacle => guard.goes_on(obstacle),
    }
}

impl<S: TokenSource> Shared<S> {
    /// Lets others refresh; while a rotated token is not saved, who saves it goes on holding the
    /// lock.
    pub(super) fn give_up_lock(&self, signal: &Signal) {
        let Some(lock) = signal.take_lock() else { return };
        if self.lacks_a_precious_save() {
            self.savers.keep(lock);
        }
    }

    /// Whether there is something that only this process has, and that others could end meanwhile.
    fn lacks_a_precious_save(&self) -> bool {
        self.lacks_a_save() && self.state.lock().credentials.has_refresh_token()
    }

    fn lacks_a_save(&self) -> bool {
        self.storage.is_some() && self.state.lock().credentials.is_unsaved()
    }

    /// Saves what could not be saved before; what may pass is tried again until `deadline`.
    pub(super) async fn save_by(&self, deadline: Instant) -> Result<(), StoreError> {
        for attempt in 1.. {
            let ticket = self.state.lock().ticket();
            let (SaveOutcome::Failed, Some(error)) = save(self, ticket).await else { break };
            let pause = self.options.backoff.pause(attempt, 0.0).min(PAUSE_AT_END);
            if !error.is_transient() || Instant::now() + pause > deadline {
                return Err(error);
            }
            tokio::time::sleep(pause).await;
        }
        Ok(())
    }
}

/// A store that works again is noticed soon by a program that is about to end.
const PAUSE_AT_END: Duration = Duration::from_secs(2);

/// When to look again for the due time of a login that has just begun.
const UNKNOWN_DUE: Duration = Duration::from_secs(1);

/// How often somebody else may be faster.
pub(super) const MOST_CONFLICTS: u32 = 8;

const MOST_SAVES: u32 = 5;

/// A store that works again is noticed while others are still kept away.
const PAUSE_WITH_LOCK: Duration = Duration::from_secs(2);
