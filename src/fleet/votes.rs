//! What the nodes of a cluster say of its map, which is asked of all of them at the same time.
//!
//! | what they say | what counts |
//! |---|---|
//! | more than half of them the same | that, at once: nobody waits for one that is away |
//! | half a second after the first: some the same | what most of those say who have responded; then what has more slots |
//! | as many of them maps that have no master in common | nothing: no cluster changes so in one step |
//! | later: something else | what most of them say then |
//!
//! One that was cut off from the others, or has left them, may have a map of its own, and be nearer.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::FleetError;
use super::connecting::STEP_LIMIT;
use super::failure::{NO_SLOTS, TWO_MAPS, odd_response};
use super::link::{CONNECTING, Limit, Link, Missed, Node, Sent, Shared};
use super::masters::failure_of;
use super::slots::Slots;

/// Those that were asked.
pub(super) struct Poll {
    asked: JoinSet<(Node, Result<Slots, FleetError>)>,
    votes: Votes,
    error: Option<FleetError>,
}

impl Poll {
    pub(super) fn of(nodes: Vec<(Node, Arc<Link>)>) -> Self {
        let mut poll = Self { asked: JoinSet::new(), votes: Votes::none(), error: None };
        poll.ask_too(nodes);
        poll
    }

    pub(super) fn ask_too(&mut self, nodes: Vec<(Node, Arc<Link>)>) {
        self.votes.asked += nodes.len();
        for (node, link) in nodes {
            self.asked.spawn(async move {
                let said = slots_by(&node, &link).await;
                (node, said)
            });
        }
    }

    /// The map as soon as most have it, or some time after the first of them has responded.
    pub(super) async fn map(&mut self, shared: &Shared) -> Result<Slots, FleetError> {
        let mut until = None;
        while !self.votes.are_enough() {
            let said = match until {
                Some(until) => timeout_at(until, self.asked.join_next()).await.ok().flatten(),
                None => self.asked.join_next().await,
            };
            let Some(said) = said else { break };
            if let Ok((node, said)) = said
                && self.count(&node, said, shared)
            {
                until.get_or_insert_with(|| Instant::now() + OTHERS_KNOW_MORE);
            }
        }
        self.winner()
    }

    /// Whether what is still to be said may change it.
    pub(super) fn is_open(&self) -> bool {
        !self.asked.is_empty() && !self.votes.are_enough()
    }

    /// When all have responded, or were too late: what counts then, if that is another map.
    pub(super) async fn other_map(
        mut self,
        taken: &Slots,
        shared: &Shared,
    ) -> Option<Result<Slots, FleetError>> {
        while self.is_open() {
            if let Ok((node, said)) = self.asked.join_next().await? {
                self.count(&node, said, shared);
            }
        }
        match self.winner() {
            Ok(map) if map.says_the_same(taken) => None,
            map => Some(map),
        }
    }

    /// Says whether it was a map.
    fn count(&mut self, node: &Node, said: Result<Slots, FleetError>, shared: &Shared) -> bool {
        match said {
            Ok(slots) => {
                shared.health.responded(node);
                self.votes.add(slots);
                true
            }
            Err(other) => {
                self.error = Some(more_telling(self.error.take(), other));
                false
            }
        }
    }

    fn winner(&self) -> Result<Slots, FleetError> {
        let none = || FleetError::Server { reason: NO_SLOTS.into() };
        match self.votes.winner() {
            Some(Ok(slots)) => Ok(slots.clone()),
            Some(Err(TwoClusters)) => Err(FleetError::Server { reason: TWO_MAPS.into() }),
            None => Err(self.error.clone().unwrap_or_else(none)),
        }
    }
}

/// How many say what.
struct Votes {
    asked: usize,
    maps: Vec<(Slots, usize)>,
}

impl Votes {
    const fn none() -> Self {
        Self { asked: 0, maps: Vec::new() }
    }

    fn add(&mut self, said: Slots) {
        match self.maps.iter_mut().find(|(slots, _)| slots.says_the_same(&said)) {
            Some((_, votes)) => *votes += 1,
            None => self.maps.push((said, 1)),
        }
    }

    /// Whether no other node can change it.
    fn are_enough(&self) -> bool {
        self.maps.iter().any(|(_, votes)| votes * 2 > self.asked)
    }

    /// What most of them say; of such maps the one with more slots, if they have a master in common.
    fn winner(&self) -> Option<Result<&Slots, TwoClusters>> {
        let rank = |(slots, votes): &&(Slots, usize)| (*votes, slots.owned());
        let first = self.maps.iter().map(|map| rank(&map)).max()?;
        let mut firsts = self.maps.iter().filter(|map| rank(map) == first).map(|(slots, _)| slots);
        let winner = firsts.next()?;
        Some(if firsts.all(|other| other.has_master_of(winner)) {
            Ok(winner)
        } else {
            Err(TwoClusters)
        })
    }
}

/// Maps that no cluster has one after the other.
#[derive(Debug)]
struct TwoClusters;

async fn slots_by((host, _): &Node, link: &Arc<Link>) -> Result<Slots, FleetError> {
    let limit = Limit { connecting: CONNECTING, call: STEP_LIMIT };
    let asks = redis::cmd("CLUSTER").arg("SLOTS").take();
    let said = link.send(Sent::One(&asks), limit).await.map_err(|missed| match missed {
        // That it is no node of a cluster helps who reads it where no other node is.
        Missed::Connection(error) => error,
        missed => failure_of(missed, limit).into_error(),
    })?;
    Slots::of(said.into_iter().next().ok_or_else(odd_response)?, host)
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

/// After the first map, as long as most nodes have not said the same. To connect takes four round trips.
const OTHERS_KNOW_MORE: Duration = Duration::from_millis(500);

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that fails is a test that panics")]
mod tests {
    use super::super::slots::tests::{node, said};
    use super::*;

    #[test]
    fn the_map_that_most_nodes_say_counts_then_the_one_with_more_slots() {
        let whole = |host| format!("*1 *3 :0 :16383 *2 $1 {host} :1 ");
        let halves =
            |one, other| format!("*2 *3 :0 :8191 *2 $1 {one} :1 *3 :8192 :16383 *2 $1 {other} :1 ");
        let named = |host| format!("*1 *3 :0 :16383 *3 $1 {host} :1 $2 id ");
        let (a, b) = (whole("a"), whole("b"));
        let part = "*1 *3 :0 :16000 *2 $1 c :1 ".to_owned();
        let (da, ad, db) = (halves("d", "a"), halves("a", "d"), halves("d", "b"));
        let in_another_order = "*2 *3 :8192 :16383 *2 $1 a :1 *3 :0 :8191 *2 $1 d :1 ".to_owned();
        for (asked, maps, owner, are_enough) in [
            (1, vec![&a], Some("a"), true),
            (2, vec![&a], Some("a"), false),
            (3, vec![&a, &b, &b], Some("b"), true),
            (3, vec![&a, &a], Some("a"), true),
            (5, vec![&a, &b, &b], Some("b"), false),
            (2, vec![&part, &a], Some("a"), false),
            (3, vec![&a, &da, &in_another_order], Some("d"), true),
            // One master is the same, or both are.
            (2, vec![&da, &db], Some("d"), false),
            (2, vec![&ad, &da], Some("a"), false),
            // They are one by its id.
            (2, vec![&named("a"), &named("b")], Some("a"), false),
            // None is.
            (2, vec![&b, &a], None, false),
            (3, vec![&a, &part, &b], None, false),
            (4, vec![&a, &b, &b, &a], None, false),
        ] {
            let mut votes = Votes { asked, ..Votes::none() };
            for map in &maps {
                votes.add(said(map).unwrap());
            }
            assert_eq!(votes.are_enough(), are_enough, "{maps:?}");
            let winner = votes.winner().unwrap().ok().and_then(|slots| slots.owner(0));
            assert_eq!(winner, owner.map(|owner| node(owner, 1)).as_ref(), "{maps:?}");
        }
        assert!(Votes::none().winner().is_none());
    }
}
