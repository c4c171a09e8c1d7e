//! What the server has forgotten, and this process knows: when that is looked for without anybody
//! asking, and how it is put back.

use std::collections::{HashMap, HashSet, VecDeque};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::task::{Poll, ready};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::FleetError;
use super::link::Node;
use super::names::Place;
use super::remembered::{Entry, UserRemoval};
use super::returned::read;
use super::scripts::{PUT_BACK_GRAVESTONE, PUT_BACK_REMOVAL, RAISE};
use super::tokens::{KEPT_FOR_MS, MOST_CONFLICTS, Parts, changes_too_fast};
use super::width::{Failed, Round, Width, as_one_of_many};
use crate::auth::TokenKey;
use crate::sync::Mutex;
use crate::transport::can_wait;

impl Parts {
    /// A server that was lost may be another, or empty, when it is back, and one that has lost one
    /// entry may have lost others: puts back what it lacks, as long as there is a handle.
    pub(super) fn put_back_what_is_lost(self: &Arc<Self>) {
        let (Ok(runtime), Ok(server)) = (Handle::try_current(), self.server()) else { return };
        // Without time there is neither a call nor a pause.
        if !can_wait() {
            return;
        }
        server.ask_masters();
        if self.puts_back.swap(true, Ordering::AcqRel) {
            return;
        }
        let mut looks = server.losses().looks();
        let parts = Arc::downgrade(self);
        // Also where the runtime ends before the task begins.
        let cleared = ClearedAtTheEnd(Weak::clone(&parts));
        runtime.spawn(async move {
            let _cleared = cleared;
            let mut lanes = Lanes::default();
            loop {
                let number = *looks.borrow_and_update();
                let Some(known) = parts.upgrade().map(|parts| parts.all_not_looked_at(number))
                else {
                    return;
                };
                // What others have done on this connection may be lost with the next one.
                let may_lose = number > 0 && !known.is_empty();
                if may_lose && let Some(parts) = parts.upgrade() {
                    parts.notice_its_life().await;
                }
                if let Some(parts) = parts.upgrade() {
                    lanes.add(known, &parts, &looks);
                }
                let is_ended = match lanes.end_before(&mut looks).await {
                    true => {
                        if let Some(parts) = parts.upgrade() {
                            parts.looked.store(number, Ordering::Release);
                        }
                        looks.changed().await.is_err()
                    }
                    // What is to be looked at goes to the lanes that are under way.
                    false => looks.has_changed().is_err(),
                };
                if is_ended {
                    return;
                }
            }
        });
    }

    /// All that is known, unless this or a later look has ended already: the task of another runtime
    /// may have ended in the middle.
    fn all_not_looked_at(&self, number: u64) -> Vec<Known> {
        if self.looked.load(Ordering::Acquire) >= number {
            return Vec::new();
        }
        let removals = self.remembered.removed_users().into_iter().map(Known::RemovalOf);
        removals.chain(self.remembered.keys().into_iter().map(Known::Login)).collect()
    }

    async fn look_and_put_back(&self, known: &Known) -> Result<(), FleetError> {
        match known {
            Known::Login(key) => self.load(key, false).await.map(drop),
            Known::RemovalOf(user) => match self.remembered.removal_of(user) {
                Some(removal) => self.put_back_user_removal(user, removal).await,
                None => Ok(()),
            },
        }
    }

    /// Has this process put the removal of a user back where the server forgets it. One by a server
    /// whose clock is behind gets the later number there as well.
    pub(super) async fn remember_user_removal(
        self: &Arc<Self>,
        user: &TokenKey,
        removal: UserRemoval,
    ) -> Result<(), FleetError> {
        let kept = self.remembered.keep_removal(user, removal);
        self.put_back_what_is_lost();
        self.look_later(Known::RemovalOf(user.clone()));
        match kept == removal {
            true => Ok(()),
            false => self.put_back_user_removal(user, kept).await,
        }
    }

    async fn put_back_user_removal(
        &self,
        user: &TokenKey,
        removal: UserRemoval,
    ) -> Result<(), FleetError> {
        let name = self.names.logins(user.client_id(), user.user())?;
        let is_back = self.put_back_gravestone(&name, removal.number, removal).await;
        let (Some(unsealed), Some(number)) = (&self.unsealed, removal.unsealed) else {
            return is_back;
        };
        // What is wrong at one place keeps it from no other.
        let name = unsealed.names.logins(user.client_id(), user.user())?;
        is_back.and(self.put_back_gravestone(&name, number, removal).await)
    }

    /// In one step, which may run twice, with what follows from it: what has a later number was done
    /// later, and stays. What was put back has the number of its own time, and an earlier one ends.
    /// Of others an earlier number may be by a clock of the server that is behind: the moments say
    /// whether these end. One that cannot be opened has none, and ends if it is earlier for sure.
    async fn put_back_gravestone(
        &self,
        name: &str,
        number: u64,
        UserRemoval { login: moment, made, .. }: UserRemoval,
    ) -> Result<(), FleetError> {
        let removal = Entry::removed(number, Some(moment), made);
        let (number, moment_text) = (number.to_string(), moment.to_string());
        for _ in 0..MOST_CONFLICTS {
            let logins = self.logins_under(name).await?;
            let age = self.age_of(made);
            let mut arguments = vec![
                number.as_bytes(),
                moment_text.as_bytes(),
                KEPT_FOR_MS.as_bytes(),
                age.as_bytes(),
            ];
            for login in &logins {
                let ends = login.was_put_back
                    || match login.login(self) {
                        Some(login) => login < moment,
                        None => match self.look_before(&login.place, &removal).await {
                            Ok((is_earlier, _)) => is_earlier,
                            Err(error) if error.is_transient() => return Err(error),
                            Err(_) => false,
                        },
                    };
                arguments.extend(login.compared());
                arguments.push(if ends { b"1" } else { b"0" });
            }
            let server = self.server()?;
            match read::<u32>(server.run(&PUT_BACK_GRAVESTONE, &[name], &arguments).await?)? {
                0 => {}
                1 => return Ok(()),
                _ => {
                    server.found_one();
                    return Ok(());
                }
            }
        }
        Err(changes_too_fast())
    }

    /// A failover may lose what was acknowledged: looks again, and puts it back.
    pub(super) fn look_again_later(self: &Arc<Self>, key: &TokenKey) {
        self.look_later(Known::Login(key.clone()));
    }

    fn look_later(self: &Arc<Self>, known: Known) {
        let (Ok(runtime), Ok(server)) = (Handle::try_current(), self.server()) else { return };
        let mut looks = server.losses().looks();
        let parts = Arc::downgrade(self);
        runtime.spawn(async move {
            sleep(SECOND_LOOK).await;
            looks.mark_unchanged();
            let mut lane = Lane::default();
            lane.left.lock().add(vec![known]);
            // Where there is another look, all of it is put back by that one.
            lane.put_back(&parts, &mut looks, true).await;
        });
    }

    /// Whether nothing stands there now, in place of the revision that was found, which may be empty.
    pub(super) async fn put_back_removal(
        &self,
        place: &Place,
        revision: &str,
        removal: &Entry,
    ) -> Result<bool, FleetError> {
        self.removal_over(&PUT_BACK_REMOVAL, place, revision, removal).await
    }

    /// Whether a removal that this process knows was put back over what cannot be opened.
    pub(super) async fn ends_unopened(
        &self,
        key: &TokenKey,
        place: &Place,
    ) -> Result<bool, FleetError> {
        let known = self.remembered.get(key).filter(|known| known.token.is_none());
        let Some(removal) = known else { return Ok(false) };
        let (is_earlier, revision) = self.look_before(place, &removal).await?;
        Ok(is_earlier && self.put_back_removal(place, &revision, &removal).await?)
    }

    /// Gives what stands there the number of what is known to be earlier, unless it was replaced
    /// meanwhile: what comes after it gets a later one.
    pub(super) async fn raise(
        &self,
        place: &Place,
        revision: &str,
        number: u64,
    ) -> Result<(), FleetError> {
        let number = number.to_string();
        let arguments = [place.scopes.as_bytes(), revision.as_bytes(), number.as_bytes()];
        self.server()?.run(&RAISE, &[&place.logins], &arguments).await?;
        Ok(())
    }
}

/// What this process knows, and the server may have forgotten.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Known {
    Login(TokenKey),
    /// Of a user, by a key without scopes.
    RemovalOf(TokenKey),
}

impl Known {
    /// The master of a cluster that has it, as far as is known.
    fn master(&self, parts: &Parts) -> Option<Node> {
        let (Self::Login(key) | Self::RemovalOf(key)) = self;
        let name = parts.names.logins(key.client_id(), key.user()).ok()?;
        parts.server().ok()?.known_owner(&name)
    }
}

/// What is to be looked at still. Removals first, so that nobody finds what they ended; one that fails is
/// behind the logins, which are others' and wait for it no longer.
#[derive(Default)]
struct Left {
    removals: VecDeque<Known>,
    others: VecDeque<Known>,
    /// Whether a task looks at it.
    has_task: bool,
}

impl Left {
    /// Behind what waits already, which need not be looked at twice: a look that begins while another
    /// is under way goes on where that one is.
    fn add(&mut self, all: Vec<Known>) {
        let there: HashSet<_> = self.removals.iter().chain(&self.others).cloned().collect();
        for known in all.into_iter().filter(|known| !there.contains(known)) {
            self.push(known);
        }
    }

    fn push(&mut self, known: Known) {
        match known {
            Known::RemovalOf(_) => self.removals.push_back(known),
            Known::Login(_) => self.others.push_back(known),
        }
    }

    fn retry(&mut self, failed: Known) {
        self.others.push_back(failed);
    }

    fn take(&mut self, count: usize) -> Vec<Known> {
        let first = match self.removals.is_empty() {
            true => &mut self.others,
            false => &mut self.removals,
        };
        let next: Vec<_> = first.drain(..count.min(first.len())).collect();
        self.has_task = !next.is_empty();
        next
    }
}

/// What is to be looked at, by the master of a cluster that has it, each by a task of its own: one that is
/// away, or slow, keeps up no other. A single server has one lane, and so has what no master has.
#[derive(Default)]
struct Lanes {
    all: HashMap<Option<Node>, Lane>,
    under_way: JoinSet<()>,
}

impl Lanes {
    fn add(&mut self, known: Vec<Known>, parts: &Arc<Parts>, looks: &watch::Receiver<u64>) {
        let mut by_master: HashMap<_, Vec<_>> = HashMap::new();
        for known in known {
            by_master.entry(known.master(parts)).or_default().push(known);
        }
        for (master, known) in by_master {
            let lane = self.all.entry(master).or_default();
            // Its task ends with what is left.
            let is_under_way = {
                let left = &mut *lane.left.lock();
                left.add(known);
                std::mem::replace(&mut left.has_task, true)
            };
            if !is_under_way {
                let (mut lane, parts, mut looks) =
                    (lane.clone(), Arc::downgrade(parts), looks.clone());
                self.under_way.spawn(async move {
                    lane.put_back(&parts, &mut looks, false).await;
                });
            }
        }
    }

    /// Whether all of it is done before all is to be looked at anew.
    async fn end_before(&mut self, looks: &mut watch::Receiver<u64>) -> bool {
        let mut changed = pin!(looks.changed());
        let all = poll_fn(|context| {
            while let Some(_ended) = ready!(self.under_way.poll_join_next(context)) {}
            Poll::Ready(())
        });
        let mut all = pin!(all);
        let ended = poll_fn(|context| match all.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(true),
            Poll::Pending => changed.as_mut().poll(context).map(|_| false),
        });
        let are_done = ended.await;
        if are_done {
            self.all.clear();
        }
        are_done
    }
}

/// What is to be looked at in one server.
#[derive(Clone, Default)]
struct Lane {
    left: Arc<Mutex<Left>>,
    width: Width,
}

impl Lane {
    /// Several at a time, since others wait for three seconds and no longer. What fails is tried again,
    /// behind the others, until all is done; or until all is to be looked at anew, where that
    /// `ends_with_looks`.
    async fn put_back(
        &mut self,
        parts: &Weak<Parts>,
        looks: &mut watch::Receiver<u64>,
        ends_with_looks: bool,
    ) {
        loop {
            if ends_with_looks && looks.has_changed().unwrap_or(true) {
                return;
            }
            let next = self.left.lock().take(self.width.at_once());
            if next.is_empty() {
                return;
            }
            let round = put_back_at_once(parts, next, &self.left).await;
            if let Some(pause) = self.width.after(round) {
                // At another time than others.
                let pause = pause.mul_f64(0.5 + fastrand::f64());
                // A new connection may be to a server that has lost everything.
                if timeout(pause, looks.changed()).await.is_ok() && ends_with_looks {
                    looks.mark_changed();
                }
            }
        }
    }
}

/// What fails is left.
async fn put_back_at_once(parts: &Weak<Parts>, next: Vec<Known>, left: &Mutex<Left>) -> Round {
    let are_many = next.len() > 1;
    let mut looks = JoinSet::new();
    for known in next {
        let parts = Weak::clone(parts);
        looks.spawn(async move {
            let began = Instant::now();
            let result = match parts.upgrade() {
                Some(parts) if are_many => as_one_of_many(parts.look_and_put_back(&known)).await,
                Some(parts) => parts.look_and_put_back(&known).await,
                None => Ok(()),
            };
            (known, result, began.elapsed())
        });
    }
    let mut round = Round { fastest: Duration::MAX, slowest: Duration::ZERO, failure: None };
    while let Some(ended) = looks.join_next().await {
        let Ok((known, result, took)) = ended else { continue };
        round.slowest = round.slowest.max(took);
        let Err(error) = result else {
            round.fastest = round.fastest.min(took);
            continue;
        };
        tracing::debug!(%error, "a login could not be looked at, or put back");
        if is_of_one_login(&error) {
            continue;
        }
        let failed = match error {
            FleetError::TimedOut { .. } => Failed::TooLate,
            _ => Failed::AtOnce,
        };
        round.failure = round.failure.max(Some(failed));
        left.lock().retry(known);
    }
    round
}

/// What stands there does not become better by being read again.
pub(super) fn is_of_one_login(error: &FleetError) -> bool {
    matches!(
        error,
        FleetError::Sealed { .. }
            | FleetError::UnknownKey { .. }
            | FleetError::Unsealed { .. }
            | FleetError::Layout { .. }
            | FleetError::Altered { .. }
            | FleetError::TooLong { .. }
            | FleetError::Name { .. }
    )
}

/// However its task ends, another may begin.
struct ClearedAtTheEnd(Weak<Parts>);

impl Drop for ClearedAtTheEnd {
    fn drop(&mut self) {
        if let Some(parts) = self.0.upgrade() {
            parts.puts_back.store(false, Ordering::Release);
        }
    }
}

/// Longer than a failover takes.
const SECOND_LOOK: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    fn login(name: &str) -> Known {
        Known::Login(TokenKey::new("id").with_user(name))
    }

    fn removal(name: &str) -> Known {
        Known::RemovalOf(TokenKey::new("id").with_user(name))
    }

    #[test]
    fn a_look_goes_on_where_the_one_before_it_was_and_removals_are_first() {
        let all = || vec![login("a"), login("b"), login("c"), removal("a"), removal("d")];
        let mut left = Left::default();
        left.add(all());
        assert!(left.take(1) == [removal("a")]);
        left.add(all());
        assert!(left.take(4) == [removal("d"), removal("a")]);
        assert!(left.take(2) == [login("a"), login("b")]);
        left.push(login("b"));

        left.add(all());
        assert!(left.take(64) == [removal("a"), removal("d")]);
        assert!(left.take(64) == [login("c"), login("b"), login("a")]);
        assert!(left.take(64).is_empty());
    }

    /// As of a user whose master is away, or whose hash is odd.
    #[test]
    fn a_removal_that_fails_is_behind_all_logins_also_in_the_next_look() {
        let all = || vec![removal("a"), login("a"), login("b"), removal("d")];
        let mut left = Left::default();
        left.add(all());
        assert!(left.take(1) == [removal("a")]);
        left.retry(removal("a"));

        left.add(all());

        assert!(left.take(64) == [removal("d")]);
        assert!(left.take(64) == [login("a"), login("b"), removal("a")]);
    }
}
