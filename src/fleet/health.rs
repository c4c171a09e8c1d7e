//! Whether the server responds, as a program is told of it.

use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, Instant};

use crate::sync::Mutex;

use super::FleetError;
use super::link::{Node, USUAL};
use crate::auth::{Event, Listener, TokenKey};

/// How a fleet's connection fares: [`RedisFleet::stats`](super::RedisFleet::stats).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FleetStats {
    /// Whether the last call failed; `None` before the first. Where an exchange of the rate was too
    /// late, for which 50 ms are left, it takes one that is in time: a call that may take longer says
    /// nothing about it. Where the server took no write, it takes a write, and where a right was
    /// missing the same call, or [`check`](super::RedisFleet::check): others that go well say nothing about it. What stands under one key is
    /// no trouble of the server's. Of a cluster, this is so as long as the last call to any of its masters failed.
    pub is_alone: Option<bool>,
    /// Since when, as the time that has passed.
    pub since: Duration,
    /// Why, while it is alone.
    pub error: Option<FleetError>,
    /// Calls of this process, also those that failed at once since an attempt to connect had failed just now.
    pub calls: u64,
    /// Those of them that did not end in time, or failed at once since connecting had not ended in time.
    pub timeouts: u64,
    /// Connections that were made; of a cluster, those to each of its nodes.
    pub connections: u64,
}

/// What a listener is told: [`RedisFleet::with_listener`](super::RedisFleet::with_listener).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FleetEvent {
    /// The server responded for the first time.
    Joined,
    /// The server does not respond, or not as it should: this process goes on alone. Of a cluster, the
    /// first master that does not; users of the others notice nothing.
    Alone {
        /// Why.
        error: FleetError,
    },
    /// The server responds again, and takes what it refused: of a cluster, all masters that did not.
    Rejoined {
        /// How long it did not.
        alone_for: Duration,
    },
}

/// Of all users.
impl Event for FleetEvent {
    fn key(&self) -> Option<&TokenKey> {
        None
    }
}

/// What a call is, as its success tells of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asked {
    /// By which it is told from others.
    pub(super) call: usize,
    pub(super) writes: Writes,
}

/// Whether a call that went well has written what a full server refuses, as far as what it returned
/// tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writes {
    Surely,
    /// A full server lets some of these pass: what comes after a removal in the same script.
    Perhaps,
    No,
    /// It did not even read: the server refused all of it, as it may.
    Nothing,
}

/// What a call was about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Part {
    /// A single server, or a cluster of which nothing is known yet.
    All,
    Master(Node),
    /// A slot of a cluster that no master has.
    Nobody,
}

/// What is counted of a server, and who is told.
#[derive(Default)]
pub(super) struct Health {
    counts: Mutex<Counts>,
    listener: Option<Listener<FleetEvent>>,
}

#[derive(Default)]
struct Counts {
    state: Option<State>,
    /// Those that failed last, or refused something.
    troubles: HashMap<Part, Trouble>,
    calls: u64,
    timeouts: u64,
    connections: u64,
}

struct State {
    error: Option<FleetError>,
    since: Instant,
}

/// Why a server is no help, or not in all.
#[derive(Default)]
struct Trouble {
    /// Of the last call, and when that was.
    failed: Option<(FleetError, Instant)>,
    /// What the server last refused, until it takes it again.
    refusal: Option<Refusal>,
}

/// The server responds, but does not do what it is asked; it may do all else.
struct Refusal {
    error: FleetError,
    asked: Asked,
    at: Instant,
}

impl Refusal {
    fn of(error: &FleetError, asked: Asked) -> Option<Self> {
        let is_one = matches!(
            error,
            FleetError::OutOfMemory
                | FleetError::NotPersisted { .. }
                | FleetError::NoPermission { .. }
        );
        is_one.then(|| Self { error: error.clone(), asked, at: Instant::now() })
    }

    /// By a call that went well, when the last refusal was so long ago.
    fn ends_with(&self, asked: Asked, ago: Duration) -> bool {
        match (&self.error, asked.writes) {
            (FleetError::NoPermission { .. }, _) => self.asked.call == asked.call,
            (_, Writes::Surely) => true,
            (_, Writes::Perhaps) => ago >= QUIET,
            (_, Writes::No | Writes::Nothing) => false,
        }
    }
}

impl Health {
    pub(super) fn told_to(listener: Listener<FleetEvent>) -> Self {
        Self { counts: Mutex::default(), listener: Some(listener) }
    }

    /// Of nothing yet, for the same listener.
    pub(super) fn anew(&self) -> Self {
        Self { counts: Mutex::default(), listener: self.listener.clone() }
    }

    pub(super) fn connected(&self) {
        self.counts.lock().connections += 1;
    }

    /// A call ended, well or not, that might take `limit`.
    pub(super) fn called(
        &self,
        part: Part,
        error: Option<&FleetError>,
        limit: Duration,
        asked: Asked,
    ) {
        let event = {
            let counts = &mut *self.counts.lock();
            counts.calls += 1;
            if asked.writes == Writes::Nothing {
                return;
            }
            counts.timeouts += u64::from(matches!(error, Some(FleetError::TimedOut { .. })));
            let mut trouble = counts.troubles.remove(&part).unwrap_or_default();
            trouble.called(error, limit, asked);
            if trouble.failed.is_some() {
                counts.troubles.insert(part, trouble);
            }
            counts.moves()
        };
        self.tell(event);
    }

    /// All that the fleet does was tried since `began`, and went well: no right is missing that was before.
    pub(super) fn has_all_rights(&self, began: Instant) {
        let event = {
            let counts = &mut *self.counts.lock();
            let is_back =
                |it: &Refusal| it.at < began && matches!(it.error, FleetError::NoPermission { .. });
            let before = counts.troubles.len();
            counts.troubles.retain(|_, it| !it.refusal.as_ref().is_some_and(is_back));
            if counts.troubles.len() == before { None } else { counts.moves() }
        };
        self.tell(event);
    }

    /// Who the masters of a cluster are now, and whether they have all slots: what others did is no
    /// trouble any more. Whether all is well, the next call says, but for slots that nobody had: for
    /// those nobody may call.
    pub(super) fn masters_are(&self, masters: &[Node], have_all_slots: bool) {
        let event = {
            let counts = &mut *self.counts.lock();
            let was_nobodys = counts.troubles.contains_key(&Part::Nobody);
            counts.troubles.retain(|part, _| match part {
                Part::All => false,
                Part::Master(master) => masters.contains(master),
                Part::Nobody => !have_all_slots,
            });
            if was_nobodys && have_all_slots { counts.moves() } else { None }
        };
        self.tell(event);
    }

    /// A master has said what it was asked beside all calls: it can be reached.
    pub(super) fn responded(&self, master: &Node) {
        let event = {
            let counts = &mut *self.counts.lock();
            let part = Part::Master(master.clone());
            match counts.troubles.get(&part).is_some_and(Trouble::is_about_reaching) {
                true => {
                    counts.troubles.remove(&part);
                    counts.moves()
                }
                false => None,
            }
        };
        self.tell(event);
    }

    /// Whether the last call to it failed.
    pub(super) fn is_trouble(&self, part: &Part) -> bool {
        self.counts.lock().troubles.contains_key(part)
    }

    fn tell(&self, event: Option<FleetEvent>) {
        let Some(event) = event else { return };
        match &event {
            FleetEvent::Joined => tracing::debug!("the fleet's server responds"),
            FleetEvent::Alone { error } => {
                tracing::warn!(%error, "this process goes on without its fleet");
            }
            FleetEvent::Rejoined { .. } => tracing::info!("this process is back in its fleet"),
        }
        self.listener.iter().for_each(|listener| listener.tell(event.clone()));
    }

    pub(super) fn stats(&self) -> FleetStats {
        let counts = self.counts.lock();
        let state = counts.state.as_ref();
        FleetStats {
            is_alone: state.map(|state| state.error.is_some()),
            since: state.map_or(Duration::ZERO, |state| state.since.elapsed()),
            error: state.and_then(|state| state.error.clone()),
            calls: counts.calls,
            timeouts: counts.timeouts,
            connections: counts.connections,
        }
    }
}

impl Counts {
    fn moves(&mut self) -> Option<FleetEvent> {
        let failed = self.troubles.values().filter_map(|it| it.failed.as_ref());
        let error = failed.max_by_key(|(_, at)| *at).map(|(error, _)| error);
        let event = match (&mut self.state, error) {
            (Some(State { error: None, .. }), None) => return None,
            (Some(State { error: Some(last), .. }), Some(error)) => {
                last.clone_from(error);
                return None;
            }
            (_, Some(error)) => FleetEvent::Alone { error: error.clone() },
            (None, None) => FleetEvent::Joined,
            (Some(state), None) => FleetEvent::Rejoined { alone_for: state.since.elapsed() },
        };
        self.state = Some(State { error: error.cloned(), since: Instant::now() });
        Some(event)
    }
}

impl Trouble {
    /// An exchange of the rate that is too late is about more than that.
    fn is_about_reaching(&self) -> bool {
        let is_so = match &self.failed {
            Some((FleetError::TimedOut { limit }, _)) => *limit >= USUAL.call,
            Some((error, _)) => matches!(error, FleetError::Unreachable { .. }),
            None => false,
        };
        is_so && self.refusal.is_none()
    }

    fn called(&mut self, error: Option<&FleetError>, limit: Duration, asked: Asked) {
        let before = self.refusal.take();
        self.refusal = match error {
            Some(error) => Refusal::of(error, asked).or(before),
            None => before.filter(|it| !it.ends_with(asked, it.at.elapsed())),
        };
        let refused = self.refusal.as_ref().map(|refusal| &refusal.error);
        match (error.or(refused), &self.failed) {
            (Some(error), _) => self.failed = Some((error.clone(), Instant::now())),
            // A call that may take longer says nothing of one that was too late.
            (None, Some((FleetError::TimedOut { limit: missed }, _))) if limit > *missed => {}
            (None, _) => self.failed = None,
        }
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Health")
    }
}

/// Without a refusal, after which a write that a full server may let pass tells that it is not full.
const QUIET: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_full_server_may_let_pass_ends_a_refusal_after_a_while_only() {
        let exchange = Asked { call: 1, writes: Writes::Perhaps };
        let read = Asked { call: 2, writes: Writes::No };
        let save = Asked { call: 3, writes: Writes::Surely };
        let full = Refusal { error: FleetError::OutOfMemory, asked: save, at: Instant::now() };

        assert!(full.ends_with(save, Duration::ZERO));
        assert!(!full.ends_with(exchange, QUIET / 2));
        assert!(full.ends_with(exchange, QUIET));
        assert!(!full.ends_with(read, QUIET));

        let reason = String::new();
        let error = FleetError::NoPermission { reason, prefix: None };
        let denied = Refusal { error, asked: read, at: Instant::now() };
        assert!(denied.ends_with(read, Duration::ZERO) && !denied.ends_with(save, QUIET));
    }

    fn responds(health: &Health, part: &Part, error: Option<&FleetError>) {
        let asked = Asked { call: 1, writes: Writes::No };
        health.called(part.clone(), error, Duration::from_millis(500), asked);
    }

    fn master(port: u16) -> Part {
        Part::Master((String::new(), port))
    }

    #[test]
    fn a_process_is_alone_as_long_as_any_master_fails() {
        let (health, error) = (Health::default(), FleetError::Server { reason: String::new() });
        let is_alone = || health.stats().is_alone;
        assert_eq!(is_alone(), None);
        responds(&health, &master(1), None);
        assert_eq!(is_alone(), Some(false));

        for (failing, error, is_so) in [
            (1, Some(&error), true),
            (2, None, true),
            (2, Some(&error), true),
            (1, None, true),
            (3, None, true),
            (2, None, false),
        ] {
            responds(&health, &master(failing), error);
            assert_eq!(is_alone(), Some(is_so));
            assert_eq!(health.stats().error.is_some(), is_so);
        }
    }

    #[test]
    fn what_is_no_master_any_more_is_no_trouble() {
        let (health, error) = (Health::default(), FleetError::Server { reason: String::new() });
        let is_alone = || health.stats().is_alone;
        for part in [Part::All, Part::Nobody, master(1)] {
            responds(&health, &part, Some(&error));
        }

        let masters = [(String::new(), 2)];
        health.masters_are(&masters, false);
        assert_eq!(is_alone(), Some(true), "nobody has responded");
        responds(&health, &master(2), None);
        assert_eq!(is_alone(), Some(true), "some slots have no master");
        health.masters_are(&masters, true);
        assert_eq!(is_alone(), Some(false), "nobody calls for these");
        responds(&health, &master(2), None);
        assert_eq!(is_alone(), Some(false));
    }

    #[test]
    fn a_master_that_says_anything_can_be_reached_and_takes_nothing_that_it_refused() {
        let reason = String::new;
        let late = |ms| FleetError::TimedOut { limit: Duration::from_millis(ms) };
        for (error, is_back) in [
            (late(500), true),
            (late(1_500), true),
            (late(50), false),
            (FleetError::Unreachable { reason: reason() }, true),
            (FleetError::Server { reason: reason() }, false),
            (FleetError::WrongPassword, false),
            (FleetError::OutOfMemory, false),
            (FleetError::NotPersisted { reason: reason() }, false),
        ] {
            let health = Health::default();
            responds(&health, &master(1), Some(&error));

            health.responded(&(String::new(), 2));
            assert_eq!(health.stats().is_alone, Some(true));
            health.responded(&(String::new(), 1));

            assert_eq!(health.stats().is_alone, Some(!is_back), "{error}");
        }

        let health = Health::default();
        for error in [FleetError::OutOfMemory, late(500)] {
            responds(&health, &master(1), Some(&error));
        }
        health.responded(&(String::new(), 1));
        assert_eq!(health.stats().is_alone, Some(true), "it refused something before");
    }

    #[test]
    fn what_one_master_takes_ends_no_refusal_of_another() {
        let health = Health::default();
        let save = Asked { call: 3, writes: Writes::Surely };
        let called = |port, error| health.called(master(port), error, Duration::MAX, save);
        called(1, Some(&FleetError::OutOfMemory));

        called(2, None);

        assert_eq!(health.stats().is_alone, Some(true));
        called(1, None);
        assert_eq!(health.stats().is_alone, Some(false));
    }
}
