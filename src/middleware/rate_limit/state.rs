//! What is known of one app: its own limit, those of its endpoints, and what fails. Pure, with the
//! time as an argument.
//!
//! A request needs a place in two buckets, the app's and its endpoint's. `whose` says which of them
//! a refusal is told to.

mod ending;
mod sharing;

use std::collections::HashMap;

use super::Seconds;
use super::bucket::{Blocked, Bucket, Refusal};
use super::evidence::Evidence;
use super::failures::Failures;
use super::membership::Membership;
use super::pair::Pair;
use super::trial::Trial;
use super::tries::Tries;
use super::whose::{Standing, Through};

/// A request that may go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ticket {
    pub(super) pair: Pair,
    pub(super) sent: Seconds,
    pub(super) app_epoch: u64,
    endpoint_epoch: u64,
    /// That of the limit that is shared with other processes.
    shared_epoch: u64,
    pub(super) waited: bool,
    /// Whether the app's rate said that it was too early.
    pub(super) is_beyond: bool,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Outcome {
    Succeeded,
    /// 429, with the seconds of `Retry-After` where it says any.
    Refused(Option<Seconds>),
    /// The server is not well: 5xx, or a connection that broke.
    Failed,
    /// It says nothing about the server: dropped, or timed out here.
    Nothing,
    /// It was never sent: another may go in its place.
    Unsent,
}

/// Whom a request waits for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Obstacle {
    App(Blocked),
    Endpoint(Blocked),
    /// The pair fails, or all do.
    Failing(Seconds),
}

impl Obstacle {
    pub(super) fn until(self) -> Seconds {
        match self {
            Self::App(blocked) | Self::Endpoint(blocked) => blocked.until(),
            Self::Failing(until) => until,
        }
    }
}

/// The buckets of one app.
#[derive(Debug)]
pub(super) struct State {
    pub(super) app: Bucket,
    pub(super) endpoints: HashMap<u64, Endpoint>,
    pub(super) failures: Failures,
    pub(super) window: Seconds,
    /// The longest `Retry-After` that is believed.
    longest: Seconds,
    /// The endpoint of the app's last refusal.
    pub(super) last_of_app: Option<(u64, Seconds)>,
    /// How many endpoints are [suspects](Standing::Suspect).
    pub(super) suspects: usize,
    /// Until when the last pause of an endpoint is.
    pub(super) pauses_until: Seconds,
    /// When an endpoint was added to those for which the app is [blamed](Endpoint::is_blamed).
    pub(super) blamed_since: Seconds,
    /// How many refusals of these were taken for the app's since.
    pub(super) blamed_again: usize,
    /// What went through since, others than these being those that were not refused.
    pub(super) through_since_blamed: Through,
    /// What went through since the app's last refusal.
    pub(super) through_since_app: Through,
    /// How often these were taken to be refused for themselves, until another was refused too, and
    /// when that was last.
    pub(super) cleared_in_error: (u32, Seconds),
    /// Who goes beyond the app's rate.
    pub(super) trial: Trial,
    /// Its part in a limit that is shared with other processes.
    pub(super) membership: Option<Membership>,
}

/// The bucket of an endpoint.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) name: String,
    pub(super) bucket: Bucket,
    /// The word that the last refusal came with, and until when that closes.
    pub(super) reason: Option<(String, Seconds)>,
    /// Until when it was closed by hand.
    pub(super) by_hand_until: Seconds,
    pub(super) standing: Standing,
    pub(super) evidence: Evidence,
    /// Whether a refusal of it was taken for the app's.
    pub(super) is_blamed: bool,
    pub(super) tries: Tries,
    /// Calls that stay here to wait, and requests that are under way.
    pub(super) users: usize,
}

impl State {
    pub(super) fn new(window: Seconds, longest: Seconds) -> Self {
        Self {
            app: Bucket::new(window),
            endpoints: HashMap::new(),
            failures: Failures::default(),
            window,
            longest,
            last_of_app: None,
            suspects: 0,
            pauses_until: f64::NEG_INFINITY,
            blamed_since: f64::NEG_INFINITY,
            blamed_again: 0,
            through_since_blamed: Through::default(),
            through_since_app: Through::default(),
            cleared_in_error: (0, f64::NEG_INFINITY),
            trial: Trial::none(),
            membership: None,
        }
    }

    /// The key of an endpoint, which is made if it is new; the one for the rest when there are too
    /// many.
    pub(super) fn endpoint(
        &mut self,
        key: u64,
        now: Seconds,
        name: impl FnOnce() -> String,
    ) -> u64 {
        if self.endpoints.contains_key(&key) {
            return key;
        }
        if self.endpoints.len() >= MOST_ENDPOINTS {
            self.endpoints.retain(|_, endpoint| !endpoint.is_idle(now));
            let is_suspect =
                |endpoint: &&Endpoint| matches!(endpoint.standing, Standing::Suspect(_));
            self.suspects = self.endpoints.values().filter(is_suspect).count();
        }
        let (key, name) = match self.endpoints.len() < MOST_ENDPOINTS {
            true => (key, name()),
            false => (THE_REST, NAME_OF_THE_REST.to_owned()),
        };
        let bucket = Bucket::new(self.window);
        self.endpoints.entry(key).or_insert_with(|| Endpoint::new(name, bucket));
        key
    }

    /// A call stays at an endpoint to wait, which is not forgotten meanwhile.
    pub(super) fn stay(&mut self, endpoint: u64) {
        if let Some(endpoint) = self.endpoints.get_mut(&endpoint) {
            endpoint.users += 1;
        }
    }

    pub(super) fn leave(&mut self, endpoint: u64) {
        if let Some(endpoint) = self.endpoints.get_mut(&endpoint) {
            endpoint.users = endpoint.users.saturating_sub(1);
        }
    }

    /// Whether a request may go now, or what it waits for.
    pub(super) fn check(&self, pair: Pair, now: Seconds) -> Result<(), Obstacle> {
        self.check_app(now)
            .or_else(
                |blocked| {
                    if self.may_go_beyond(pair.endpoint, now) { Ok(()) } else { Err(blocked) }
                },
            )
            .map_err(Obstacle::App)?;
        self.check_bucket(pair.endpoint, now)?;
        self.failures.check(pair, now).map_or(Ok(()), |until| Err(Obstacle::Failing(until)))
    }

    /// The same for all users of an endpoint, as far as the app's limit does not matter.
    pub(super) fn check_endpoint(&self, endpoint: u64, now: Seconds) -> Result<(), Obstacle> {
        self.check_bucket(endpoint, now)?;
        self.failures
            .check_all(endpoint, now)
            .map_or(Ok(()), |failing| Err(Obstacle::Failing(failing)))
    }

    /// Whether an endpoint is closed for longer than its app.
    pub(super) fn is_closed(&self, endpoint: u64, now: Seconds) -> bool {
        let app = self.app.closed_until.max(now);
        self.endpoints.get(&endpoint).is_some_and(|endpoint| endpoint.bucket.closed_until > app)
    }

    /// Whether it is, or fails.
    pub(super) fn is_shut(&self, endpoint: u64, now: Seconds) -> bool {
        self.is_closed(endpoint, now) || self.failures.check_all(endpoint, now).is_some()
    }

    fn check_bucket(&self, endpoint: u64, now: Seconds) -> Result<(), Obstacle> {
        let endpoint = self.endpoints.get(&endpoint);
        endpoint.map_or(Ok(()), |endpoint| endpoint.bucket.check(now)).map_err(Obstacle::Endpoint)
    }

    /// The same as far as the app's limit goes.
    pub(super) fn check_app(&self, now: Seconds) -> Result<(), Blocked> {
        match &self.membership {
            None => self.app.check(now),
            Some(membership) => membership.check(&self.app, now),
        }
    }

    /// How long a request waits at least, with a number of waiters before it at its endpoint and in
    /// all.
    pub(super) fn wait(
        &self,
        pair: Pair,
        (own, all): (usize, usize),
        is_urgent: bool,
        now: Seconds,
    ) -> Seconds {
        let endpoint = self.endpoints.get(&pair.endpoint);
        let endpoint = endpoint.map_or(0.0, |endpoint| endpoint.bucket.wait(own, now));
        let failing = self.failures.check(pair, now).map_or(0.0, |until| until - now);
        let app = match &self.membership {
            None => self.app.wait(all, now).min(self.tries_from(pair.endpoint, now) - now),
            Some(membership) => membership.wait(&self.app, all, is_urgent, now),
        };
        app.max(endpoint).max(failing)
    }

    /// Whether the app's rate is known, so that those before a request make it wait.
    pub(super) fn is_paced(&self, now: Seconds) -> bool {
        let shared = self.membership.as_ref().and_then(Membership::rate);
        shared.or_else(|| self.app.rate(now)).is_some()
    }

    /// The same of an endpoint's rate.
    pub(super) fn is_endpoint_paced(&self, endpoint: u64, now: Seconds) -> bool {
        self.endpoints.get(&endpoint).is_some_and(|endpoint| endpoint.bucket.rate(now).is_some())
    }

    /// How many requests to an endpoint can start until a time, as far as the app's limit does not
    /// matter.
    pub(super) fn starts(&self, endpoint: u64, now: Seconds, until: Seconds) -> usize {
        let endpoint = self.endpoints.get(&endpoint);
        endpoint.map_or(usize::MAX, |endpoint| endpoint.bucket.starts(now, until))
    }

    /// When a request to an endpoint could go at the earliest.
    pub(super) fn opens(&self, endpoint: u64, now: Seconds) -> Seconds {
        let app = self.app.closed_until.min(self.tries_from(endpoint, now));
        let endpoint = self.endpoints.get(&endpoint);
        endpoint.map_or(app, |endpoint| endpoint.bucket.closed_until.max(app))
    }

    /// A request goes, after [`check`](Self::check).
    pub(super) fn start(&mut self, pair: Pair, waited: bool, now: Seconds) -> Ticket {
        self.stay(pair.endpoint);
        self.failures.start(pair, now);
        let endpoint = self.endpoints.get_mut(&pair.endpoint);
        let endpoint_epoch = endpoint.map_or(0, |endpoint| endpoint.bucket.start(now));
        let shared_epoch = self.membership.as_mut().map_or(0, |membership| membership.start(now));
        let is_beyond = self.start_beyond(pair.endpoint, now);
        let app_epoch = if is_beyond { OF_NO_EPOCH } else { self.app.start(now) };
        Ticket { pair, sent: now, app_epoch, endpoint_epoch, shared_epoch, waited, is_beyond }
    }

    /// Whether a request that was let go, but has not gone yet, still may.
    pub(super) fn is_current(&self, ticket: Ticket, now: Seconds) -> bool {
        let endpoint = self.endpoints.get(&ticket.pair.endpoint);
        let is_of_epoch = (ticket.is_beyond || ticket.app_epoch == self.app.epoch)
            && endpoint.is_none_or(|endpoint| endpoint.bucket.epoch == ticket.endpoint_epoch)
            && self
                .membership
                .as_ref()
                .is_none_or(|membership| membership.epoch() == ticket.shared_epoch);
        is_of_epoch && self.opens(ticket.pair.endpoint, now) <= now
    }

    /// Whether something is paced, or was refused lately.
    pub(super) fn has_learnt(&self, now: Seconds) -> bool {
        let endpoints = self.endpoints.values().map(|endpoint| &endpoint.bucket);
        endpoints.chain([&self.app]).any(|bucket| bucket.has_learnt(now))
    }

    /// Forgets closings, rates and failures.
    pub(super) fn reopen(&mut self) {
        self.app.reopen();
        self.endpoints.values_mut().for_each(Endpoint::reopen);
        self.suspects = 0;
        self.pauses_until = f64::NEG_INFINITY;
        self.blamed_since = f64::NEG_INFINITY;
        self.blamed_again = 0;
        self.through_since_blamed = Through::default();
        self.cleared_in_error = (0, f64::NEG_INFINITY);
        self.trial = Trial::none();
        if let Some(membership) = &mut self.membership {
            membership.reopen();
        }
        self.failures.forget();
        self.last_of_app = None;
    }

    /// The same of one endpoint alone.
    pub(super) fn reopen_endpoint(&mut self, key: u64) {
        let Some(endpoint) = self.endpoints.get_mut(&key) else { return };
        self.suspects -= usize::from(matches!(endpoint.standing, Standing::Suspect(_)));
        endpoint.reopen();
        self.failures.forget_endpoint(key);
    }
}

impl Endpoint {
    fn new(name: String, bucket: Bucket) -> Self {
        Self {
            name,
            bucket,
            reason: None,
            by_hand_until: f64::NEG_INFINITY,
            standing: Standing::Well,
            evidence: Evidence::none(),
            is_blamed: false,
            tries: Tries::none(),
            users: 0,
        }
    }

    fn reopen(&mut self) {
        self.bucket.reopen();
        let new = Self::new(std::mem::take(&mut self.name), self.bucket.clone());
        *self = Self { users: self.users, ..new };
    }

    /// Whether it can be dropped without forgetting anything that matters.
    fn is_idle(&mut self, now: Seconds) -> bool {
        self.users == 0 && self.bucket.is_idle(now)
    }

    /// It was refused for itself.
    fn refused(&mut self, refusal: Refusal, now: Seconds) {
        if self.bucket.is_news(refusal.epoch) {
            self.evidence.refused(refusal.pause, self.bucket.is_in_turn(now), now);
        }
        self.bucket.refused(refusal, now);
    }
}

/// Before all that an app's bucket counts.
const OF_NO_EPOCH: u64 = 0;
const MOST_ENDPOINTS: usize = 256;
pub(super) const THE_REST: u64 = 0;
pub(super) const NAME_OF_THE_REST: &str = "(others)";
