//! When the nodes of a cluster are asked for its map, and what is made of it.
//!
//! One task asks for all who wait. Where a failure has it asked again and again, and the map stays as it
//! is, that is done less and less often: each process asks all masters.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::FleetError;
use super::attempt::{Attempt, outcome_of};
use super::failure::Failure;
use super::link::{Link, Node};
use super::masters::{Masters, Refreshed, State};
use super::slots::Slots;
use super::votes::Poll;

impl Masters {
    /// Whatever a node says of itself, it may not be the master any more; what stands under a key is no
    /// such thing.
    pub(super) fn refresh_after(self: &Arc<Self>, failure: &Failure) {
        if failure.error().is_some() {
            self.state.lock().has_failed = true;
            self.refresh_soon();
        }
    }

    /// Where it cannot be begun, nobody waits for it; nor where it has been in vain, and it is too early.
    pub(super) fn refresh_soon(self: &Arc<Self>) {
        if self.may_change() {
            self.refresh().ok();
        }
    }

    /// Waits for a map that is asked for from now on, or is being asked for.
    pub(super) async fn refreshed(self: &Arc<Self>, until: Instant) -> Refreshed {
        let limit = whole_ms(until.saturating_duration_since(Instant::now()));
        let refreshed = outcome_of(|| self.refresh(), until).await?;
        refreshed.ok_or(FleetError::TimedOut { limit })
    }

    /// Whether the map may well be another one, and be asked for again soon.
    pub(super) fn may_change(&self) -> bool {
        let state = self.state.lock();
        let apart = state.apart();
        apart == APART || state.asked.is_none_or(|at| at.elapsed() >= apart)
    }

    /// The map that is being asked for, which is begun if none is.
    fn refresh(self: &Arc<Self>) -> Result<Attempt<Refreshed>, FleetError> {
        let state = &mut *self.state.lock();
        let (attempt, trier) = state.refreshes.join()?;
        let Some(trier) = trier else { return Ok(attempt) };
        let pause = state.asked.and_then(|at| APART.checked_sub(at.elapsed()));
        let (masters, shared) = (Arc::downgrade(self), Arc::clone(&self.shared));
        trier.runtime.spawn(async move {
            if let Some(pause) = pause {
                sleep(pause).await;
            }
            let Some(nodes) = masters.upgrade().map(|masters| masters.nodes()) else { return };
            let mut poll = Poll::of(nodes);
            let map = match timeout(ALONE, poll.map(&shared)).await {
                Ok(Ok(map)) => Ok(map),
                // All masters may have been replaced, and what the URL names may be gone.
                _ => {
                    let Some(masters) = masters.upgrade() else { return };
                    poll.ask_too(masters.replicas());
                    drop(masters);
                    poll.map(&shared).await
                }
            };
            let taken = map.as_ref().ok().filter(|_| poll.is_open()).cloned();
            if let Some(masters) = masters.upgrade() {
                trier.outcome.send_replace(Some(masters.take(trier.number, map)));
            }
            let Some(taken) = taken else { return };
            if let Some(other) = poll.other_map(&taken, &shared).await
                && let Some(masters) = masters.upgrade()
            {
                masters.take_instead(trier.number, other);
            }
        });
        Ok(attempt)
    }

    /// All that may know, as they are asked.
    fn nodes(&self) -> Vec<(Node, Arc<Link>)> {
        let mut nodes = self.known();
        let seeds = self.shared.url.hosts.iter();
        let others: Vec<_> = seeds.filter(|seed| !nodes.contains(seed)).cloned().collect();
        nodes.extend(others);
        self.state.lock().asked_now();
        self.links(nodes)
    }

    /// Those that may be masters by now, beside the [nodes](Self::nodes) that are asked.
    fn replicas(&self) -> Vec<(Node, Arc<Link>)> {
        let (known, seeds) = (self.known(), &self.shared.url.hosts);
        let replicas = self.state.lock().slots.as_ref().map(|slots| slots.replicas().to_vec());
        let is_asked = |node: &Node| known.contains(node) || seeds.contains(node);
        self.links(replicas.into_iter().flatten().filter(|node| !is_asked(node)).collect())
    }

    fn links(&self, nodes: Vec<Node>) -> Vec<(Node, Arc<Link>)> {
        nodes.into_iter().map(|node| (node.clone(), self.link(&node))).collect()
    }

    fn take(&self, refresh: u64, slots: Result<Slots, FleetError>) -> Refreshed {
        let state = &mut *self.state.lock();
        let is_last = state.refreshes.ends(refresh);
        let is_news = slots.as_ref().is_ok_and(|slots| state.is_news(slots));
        let has_failed = std::mem::take(&mut state.has_failed);
        state.in_vain = match is_news {
            true => 0,
            false => state.in_vain.saturating_add(u32::from(has_failed)),
        };
        let slots = slots?;
        // What is later is there already.
        if is_last {
            state.taken = refresh;
            self.keep(state, slots);
        }
        Ok(())
    }

    /// More have responded since the map was taken. Where none counts, it is asked for again before
    /// anything is sent by it.
    fn take_instead(&self, refresh: u64, other: Result<Slots, FleetError>) {
        let state = &mut *self.state.lock();
        if state.taken != refresh {
            return;
        }
        match other {
            Ok(slots) => self.keep(state, slots),
            Err(_) => state.slots = None,
        }
        state.in_vain = 0;
    }

    fn keep(&self, state: &mut State, slots: Slots) {
        let masters = || slots.masters().iter();
        let State { first, links, .. } = state;
        match &state.slots {
            None => first.extend(masters().filter(|node| !links.contains_key(node)).cloned()),
            Some(_) => first.retain(|node| slots.masters().contains(node)),
        }
        let seeds = &self.shared.url.hosts;
        state.links.retain(|node, _| slots.masters().contains(node) || seeds.contains(node));
        self.shared.health.masters_are(slots.masters(), slots.have_owners());
        state.slots = Some(slots);
    }
}

impl State {
    fn is_news(&self, slots: &Slots) -> bool {
        self.slots.as_ref().is_none_or(|known| !known.says_the_same(slots))
    }

    /// The time between two times that the map is asked for, where nobody waits for it.
    fn apart(&self) -> Duration {
        let doubled = APART * 2_u32.pow(self.in_vain.min(MOST_DOUBLED));
        if self.is_quiet() { APART } else { doubled }
    }

    fn is_quiet(&self) -> bool {
        self.asked.is_none_or(|at| at.elapsed() >= QUIET)
    }

    fn asked_now(&mut self) {
        if self.is_quiet() {
            self.in_vain = 0;
        }
        self.asked = Some(Instant::now());
    }
}

/// A limit, of which a moment has passed.
fn whole_ms(limit: Duration) -> Duration {
    let ms = (limit + Duration::from_micros(999)).as_millis();
    Duration::from_millis(u64::try_from(ms).unwrap_or(u64::MAX))
}

/// Between two times that the map is asked for, since many slots may move one after the other, and
/// many callers of one master may fail; twice as long after each time that brought nothing new.
const APART: Duration = Duration::from_millis(250);
const MOST_DOUBLED: u32 = 3;

/// For so long masters and hosts of the URL are asked, until those are that were replicas.
const ALONE: Duration = Duration::from_secs(1);

/// After which what fails is a new trouble.
const QUIET: Duration = Duration::from_secs(10);
