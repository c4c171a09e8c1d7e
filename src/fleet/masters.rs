//! The masters of a cluster, each behind a connection of its own: the trouble of one is nobody else's.
//!
//! The map is what any node says of it: all are asked at the same time, by one task for all who wait, and
//! nobody waits for one that is away. No lock is held while anything is waited for.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use redis::{Pipeline, Value};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

use super::attempt::{Attempt, Attempts};
use super::connecting::STEP_LIMIT;
use super::failure::{Failure, NO_OWNER, NO_SLOTS, odd_response};
use super::health::Part;
use super::link::{CONNECTING, Limit, Link, Missed, Node, Sent, Shared, USUAL};
use super::slots::{Slots, slot_of};
use super::{FleetError, text_of};
use crate::sync::Mutex;

pub(super) struct Masters {
    shared: Arc<Shared>,
    state: Mutex<State>,
}

struct State {
    /// As it was asked for last, with the redirects since.
    slots: Option<Slots>,
    /// Also of nodes that are no masters, where the URL names them.
    links: HashMap<Node, Arc<Link>>,
    /// The masters that there were when this process began, and that it has had nothing to do with.
    first: Vec<Node>,
    refreshes: Attempts<Refreshed>,
    /// When the nodes were asked for the map last.
    asked: Option<Instant>,
}

type Refreshed = Result<(), FleetError>;

/// Which of a cluster's nodes is to be sent something; a single server is sent everything.
#[derive(Clone, Copy)]
pub(super) enum To<'a> {
    Any,
    Master(&'a Node),
    /// The master that has this key.
    HolderOf(&'a str),
}

impl<'a> To<'a> {
    pub(super) fn of(master: Option<&'a Node>) -> Self {
        master.map_or(Self::Any, Self::Master)
    }
}

impl Masters {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let state = State {
            slots: None,
            links: HashMap::new(),
            first: Vec::new(),
            refreshes: Attempts::new(REFRESHING),
            asked: None,
        };
        Self { shared, state: Mutex::new(state) }
    }

    /// Commands for one node, which are not led elsewhere.
    pub(super) async fn pipeline(
        self: &Arc<Self>,
        commands: &Pipeline,
        to: To<'_>,
        limit: Limit,
    ) -> (Part, Result<Vec<Value>, Failure>) {
        let until = Instant::now() + limit.connecting;
        let node = match to {
            To::Master(node) => Ok(node.clone()),
            To::HolderOf(key) => self.owner(slot_of(key), until).await,
            To::Any => self.any(until).await,
        };
        let node = match node {
            Ok(node) => node,
            Err((part, error)) => return (part, Err(Failure::Error(error))),
        };
        let sent = self.link(&node).send(Sent::Several(commands), limit).await;
        let result = sent.map_err(|missed| {
            let failure = failure_of(missed, limit);
            self.refresh_after(&failure);
            failure
        });
        (Part::Master(node), result)
    }

    /// What a master tells of itself in a section of `INFO`, or in all that it tells without being asked
    /// for more. That it does not is the trouble of who uses it.
    pub(super) async fn info(
        self: &Arc<Self>,
        master: &Node,
        section: Option<&str>,
    ) -> Option<String> {
        let mut asks = redis::cmd("INFO");
        asks.arg(section);
        let limit = Limit { connecting: CONNECTING, call: STEP_LIMIT };
        let link = self.link(master);
        let told = match link.send(Sent::One(&asks), limit).await {
            // The connection may have been closed a while ago.
            Err(Missed::Failed(_)) => link.send(Sent::One(&asks), limit).await,
            told => told,
        };
        text_of(told.ok()?.first()?).map(str::to_owned)
    }

    /// The masters, as the cluster says now.
    pub(super) async fn all(self: &Arc<Self>) -> Result<Vec<Node>, FleetError> {
        self.refreshed(Instant::now() + USUAL.connecting).await?;
        Ok(self.known())
    }

    /// The masters as far as they are known.
    pub(super) fn known(&self) -> Vec<Node> {
        let state = self.state.lock();
        state.slots.as_ref().map(|slots| slots.masters().to_vec()).unwrap_or_default()
    }

    /// The master of a key, as far as it is known.
    pub(super) fn known_owner(&self, key: &str) -> Option<Node> {
        self.owner_of(slot_of(key))
    }

    /// The same, asked for where the map is not known.
    pub(super) async fn owner_of_key(self: &Arc<Self>, key: &str) -> Result<Node, FleetError> {
        let until = Instant::now() + USUAL.connecting;
        self.owner(slot_of(key), until).await.map_err(|(_, error)| error)
    }

    pub(super) fn link(&self, node: &Node) -> Arc<Link> {
        let State { links, first, slots, .. } = &mut *self.state.lock();
        if let Some(link) = links.get(node) {
            return Arc::clone(link);
        }
        let from_start = first.iter().position(|it| it == node).map(|at| first.swap_remove(at));
        let is_newcomer = slots.is_some() && from_start.is_none();
        let link = Link::to_node(Arc::clone(&self.shared), node.clone(), is_newcomer);
        Arc::clone(links.entry(node.clone()).or_insert_with(|| Arc::new(link)))
    }

    /// Asked for, where it is not known who has it; not by each who calls for what nobody has.
    pub(super) async fn owner(
        self: &Arc<Self>,
        slot: u16,
        until: Instant,
    ) -> Result<Node, (Part, FleetError)> {
        if let Some(owner) = self.owner_of(slot) {
            return Ok(owner);
        }
        let nobodys = || (Part::Nobody, FleetError::Server { reason: NO_OWNER.into() });
        if self.was_asked_lately() {
            self.refresh_soon();
            return Err(nobodys());
        }
        let refreshed = self.refreshed(until).await;
        match (self.owner_of(slot), refreshed) {
            (Some(owner), _) => Ok(owner),
            (None, Ok(())) => Err(nobodys()),
            (None, Err(error)) => Err((Part::All, error)),
        }
    }

    pub(super) fn owner_of(&self, slot: u16) -> Option<Node> {
        self.state.lock().slots.as_ref()?.owner(slot).cloned()
    }

    /// Rather one that there is a connection to.
    async fn any(self: &Arc<Self>, until: Instant) -> Result<Node, (Part, FleetError)> {
        if self.known().is_empty() {
            self.refreshed(until).await.map_err(|error| (Part::All, error))?;
        }
        let masters = self.known();
        let live = masters.iter().find(|node| self.link(node).is_live());
        let none = || (Part::All, FleetError::Server { reason: NO_SLOTS.into() });
        live.or_else(|| masters.first()).cloned().ok_or_else(none)
    }

    fn was_asked_lately(&self) -> bool {
        let state = self.state.lock();
        state.slots.is_some() && state.asked.is_some_and(|at| at.elapsed() < LATELY)
    }

    pub(super) fn adopt(&self, slot: u16, owner: Node) {
        if let Some(slots) = &mut self.state.lock().slots {
            slots.adopt(slot, owner);
        }
    }

    pub(super) fn refresh_after(self: &Arc<Self>, failure: &Failure) {
        let is_away = match failure {
            Failure::Closed(_) | Failure::Demoted(_) => true,
            Failure::Error(error) => {
                matches!(error, FleetError::Unreachable { .. } | FleetError::TimedOut { .. })
            }
            _ => false,
        };
        if is_away {
            self.refresh_soon();
        }
    }

    /// Where it cannot be begun, nobody waits for it.
    pub(super) fn refresh_soon(self: &Arc<Self>) {
        self.refresh().ok();
    }

    /// Waits for a map that is asked for from now on, or is being asked for.
    pub(super) async fn refreshed(self: &Arc<Self>, until: Instant) -> Refreshed {
        let limit = until.saturating_duration_since(Instant::now());
        let refreshed = self.refresh()?.outcome(until).await;
        refreshed.unwrap_or(Err(FleetError::TimedOut { limit })).flatten()
    }

    /// The map that is being asked for, which is begun if none is.
    fn refresh(self: &Arc<Self>) -> Result<Attempt<Refreshed>, FleetError> {
        let state = &mut *self.state.lock();
        let (attempt, trier) = state.refreshes.join()?;
        let Some(trier) = trier else { return Ok(attempt) };
        let pause = state.asked.and_then(|at| APART.checked_sub(at.elapsed()));
        let masters = Arc::downgrade(self);
        trier.runtime.spawn(async move {
            if let Some(pause) = pause {
                sleep(pause).await;
            }
            let Some(nodes) = masters.upgrade().map(|masters| masters.nodes()) else { return };
            let slots = asked_of(nodes).await;
            if let Some(masters) = masters.upgrade() {
                trier.outcome.send_replace(Some(masters.take(trier.number, slots)));
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
        self.state.lock().asked = Some(Instant::now());
        nodes.into_iter().map(|node| (node.clone(), self.link(&node))).collect()
    }

    fn take(&self, refresh: u64, slots: Result<Slots, FleetError>) -> Refreshed {
        let state = &mut *self.state.lock();
        let is_last = state.refreshes.ends(refresh);
        let slots = slots?;
        // What is later is there already.
        if !is_last {
            return Ok(());
        }
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
        Ok(())
    }
}

/// The first whole map that any of them has, or what comes next to it: a node that has left the cluster
/// may know a part. Or what is most to the point of what they say.
async fn asked_of(nodes: Vec<(Node, Arc<Link>)>) -> Result<Slots, FleetError> {
    let mut asked = JoinSet::new();
    for ((host, _), link) in nodes {
        asked.spawn(async move {
            let limit = Limit { connecting: CONNECTING, call: STEP_LIMIT };
            let asks = redis::cmd("CLUSTER").arg("SLOTS").take();
            let said = link.send(Sent::One(&asks), limit).await;
            let said = said.map_err(|missed| failure_of(missed, limit).into_error())?;
            Slots::of(said.into_iter().next().ok_or_else(odd_response)?, &host)
        });
    }
    let (mut error, mut found, mut until) = (None, None::<Slots>, None);
    loop {
        let said = match until {
            Some(until) => timeout_at(until, asked.join_next()).await.ok().flatten(),
            None => asked.join_next().await,
        };
        match said {
            Some(Ok(Ok(slots))) if slots.have_owners() => return Ok(slots),
            Some(Ok(Ok(slots))) => {
                until.get_or_insert_with(|| Instant::now() + OTHERS_KNOW_MORE);
                if found.as_ref().is_none_or(|found| found.owned() < slots.owned()) {
                    found = Some(slots);
                }
            }
            Some(Ok(Err(other))) => error = Some(more_telling(error, other)),
            Some(Err(_)) => {}
            None => break,
        }
    }
    let none = || error.unwrap_or_else(|| FleetError::Server { reason: NO_SLOTS.into() });
    found.ok_or_else(none)
}

/// What will not go by itself, then what a node has said.
fn more_telling(error: Option<FleetError>, other: FleetError) -> FleetError {
    let rank = |error: &FleetError| match error {
        FleetError::TimedOut { .. } => 0,
        FleetError::Unreachable { .. } => 1,
        error if error.is_transient() => 2,
        _ => 3,
    };
    match error {
        Some(error) if rank(&error) >= rank(&other) => error,
        _ => other,
    }
}

pub(super) fn failure_of(missed: Missed, limit: Limit) -> Failure {
    match missed {
        Missed::Connection(error) => Failure::Error(error),
        // Where a part of it was left, that is no other limit.
        Missed::Late(_) => Failure::Error(FleetError::TimedOut { limit: limit.call }),
        Missed::Failed(error) => Failure::of(&error),
    }
}

/// Between two times that the map is asked for, since many slots may move one after the other, and
/// many callers of one master may fail.
const APART: Duration = Duration::from_millis(250);

/// After a map with slots that nobody has, which may be all that there is.
const OTHERS_KNOW_MORE: Duration = Duration::from_millis(100);

/// Since which nobody asks again for a slot that nobody has.
const LATELY: Duration = Duration::from_secs(1);

/// Longer than one that asks for the map takes.
const REFRESHING: Duration = Duration::from_secs(3);
