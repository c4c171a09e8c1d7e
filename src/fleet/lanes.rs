//! What of all that this process knows is to be looked at still, by the master that has it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::task::{Poll, ready};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::FleetError;
use super::link::Node;
use super::putting_back::Known;
use super::tokens::Parts;
use super::width::{Failed, Round, Width, as_one_of_many};
use crate::sync::Mutex;

/// What is to be looked at, by the master of a cluster that has it, each by a task of its own: one that is
/// away, or slow, keeps up no other. A single server has one lane, and so has what no master has.
#[derive(Default)]
pub(super) struct Lanes {
    all: HashMap<Option<Node>, Lane>,
    under_way: JoinSet<()>,
}

impl Lanes {
    pub(super) fn add(
        &mut self,
        known: Vec<Known>,
        parts: &Arc<Parts>,
        looks: &watch::Receiver<u64>,
    ) {
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
    pub(super) async fn end_before(&mut self, looks: &mut watch::Receiver<u64>) -> bool {
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
pub(super) struct Lane {
    left: Arc<Mutex<Left>>,
    width: Width,
}

impl Lane {
    pub(super) fn of(known: Known) -> Self {
        let lane = Self::default();
        lane.left.lock().push(known);
        lane
    }

    /// Several at a time, since others wait for three seconds and no longer. What fails is tried again,
    /// behind the others, until all is done; or until all is to be looked at anew, where that
    /// `ends_with_looks`.
    pub(super) async fn put_back(
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::TokenKey;

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
