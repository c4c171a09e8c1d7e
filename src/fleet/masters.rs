//! The masters of a cluster, each behind a connection of its own: the trouble of one is nobody else's.
//!
//! The map is what any node says of it: all are asked at the same time, by one task for all who wait, and
//! nobody waits for one that is away. No lock is held while anything is waited for.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use redis::{Pipeline, Value};
use tokio::time::Instant;

use super::attempt::Attempts;
use super::connecting::STEP_LIMIT;
use super::failure::{Failure, IS_SENTINEL, NO_CLUSTER, NO_NODE, NO_OWNER, NO_SLOTS};
use super::health::Part;
use super::link::{CONNECTING, Limit, Link, Missed, Node, Sent, Shared, USUAL};
use super::slots::{Slots, slot_of};
use super::{FleetError, text_of};
use crate::sync::Mutex;

pub(super) struct Masters {
    pub(super) shared: Arc<Shared>,
    pub(super) state: Mutex<State>,
}

pub(super) struct State {
    /// As it was asked for last, with the redirects since.
    pub(super) slots: Option<Slots>,
    /// Also of nodes that are no masters, where the URL names them.
    pub(super) links: HashMap<Node, Arc<Link>>,
    /// The masters that there were when this process began, and that it has had nothing to do with.
    pub(super) first: Vec<Node>,
    pub(super) refreshes: Attempts<Refreshed>,
    /// When the nodes were asked for the map last.
    pub(super) asked: Option<Instant>,
    /// How often in a row they were asked because of a failure, which brought nothing new.
    pub(super) in_vain: u32,
    /// Whether a call has failed since they were asked.
    pub(super) has_failed: bool,
    /// The attempt that the map is of.
    pub(super) taken: u64,
}

pub(super) type Refreshed = Result<(), FleetError>;

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
            in_vain: 0,
            has_failed: false,
            taken: 0,
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
        self.link(&node).wake().await;
        let sent = self.send(&node, Sent::Several(commands), limit).await;
        let result = sent.map_err(|missed| {
            let failure = failure_of(missed, limit);
            self.refresh_after(&failure);
            failure
        });
        (Part::Master(node), result)
    }

    /// By the connection to a node. One that took the place of another may be to another server.
    pub(super) async fn send(
        self: &Arc<Self>,
        node: &Node,
        sent: Sent<'_>,
        limit: Limit,
    ) -> Result<Vec<Value>, Missed> {
        let link = self.link(node);
        let before = link.number();
        let sent = link.send(sent, limit).await;
        if link.number() > before.max(1) {
            self.refresh_soon();
        }
        sent
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
        let told = match self.send(master, Sent::One(&asks), limit).await {
            // The connection may have been closed a while ago.
            Err(Missed::Failed(_)) => self.send(master, Sent::One(&asks), limit).await,
            told => told,
        };
        match told {
            Ok(told) => {
                self.shared.health.responded(master);
                text_of(told.first()?).map(str::to_owned)
            }
            Err(missed) => {
                let failure = failure_of(missed, limit);
                // That is asked for every few seconds, and may be forbidden in all of them.
                if !matches!(failure, Failure::Error(FleetError::NoPermission { .. })) {
                    self.refresh_after(&failure);
                }
                None
            }
        }
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

    pub(super) fn was_asked_lately(&self) -> bool {
        let state = self.state.lock();
        state.slots.is_some() && state.asked.is_some_and(|at| at.elapsed() < LATELY)
    }

    pub(super) fn adopt(&self, slot: u16, owner: Node) {
        if let Some(slots) = &mut self.state.lock().slots {
            slots.adopt(slot, owner);
        }
    }
}

pub(super) fn failure_of(missed: Missed, limit: Limit) -> Failure {
    match missed {
        Missed::Connection(FleetError::Config { reason: NO_CLUSTER | IS_SENTINEL }) => {
            Failure::Error(FleetError::Server { reason: NO_NODE.into() })
        }
        // Where a part of the call's limit was left for it, that is no other limit.
        Missed::Connection(FleetError::TimedOut { limit: left }) => {
            Failure::Error(FleetError::TimedOut { limit: left.max(limit.call) })
        }
        Missed::Connection(error) => Failure::Error(error),
        Missed::Late(_) => Failure::Error(FleetError::TimedOut { limit: limit.call }),
        Missed::Failed(error) => Failure::of(&error),
    }
}

/// Since which nobody asks again for a slot that nobody has.
const LATELY: Duration = Duration::from_secs(1);

/// Longer than one that asks for the map takes.
const REFRESHING: Duration = Duration::from_secs(4);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::health::{Asked, Health, Writes};

    #[test]
    fn a_connection_that_is_too_late_is_told_with_the_whole_limit_and_no_trouble_after_a_call() {
        for limit in [USUAL, Limit::within(Duration::from_millis(50))] {
            for left in [1, 48, 499, 1_500].map(Duration::from_millis) {
                let health = Health::default();
                let missed = Missed::Connection(FleetError::TimedOut { limit: left });
                let asked = Asked { call: 1, writes: Writes::No };
                let called = |failure: Option<&Failure>| {
                    let error = failure.and_then(Failure::error);
                    health.called(Part::Nobody, error, limit.call, asked);
                };
                called(Some(&failure_of(missed, limit)));
                assert_eq!(health.stats().is_alone, Some(true));

                called(None);

                assert_eq!(health.stats().is_alone, Some(false), "{left:?} of {:?}", limit.call);
            }
        }
    }
}
