//! One app's limiter: the state and the queue under one lock, and how a caller waits.
//!
//! Each change grants permits to all that may go, in order. Time passes by itself, so one
//! waiter, the *keeper*, sleeps until somebody may go; when it leaves, another takes its place. All others
//! look once a second whether a keeper overslept, since its caller may have stopped polling it, and
//! whether the wall clock has jumped.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, SystemTime};

use crate::sync::Mutex;
use tokio::sync::{Notify, oneshot};

use super::clock::Timeline;
use super::endpoint::key_of_name;
use super::exchange;
use super::membership::Membership;
use super::queue::{Place, Queue, Waiter};
use super::shared::{Granted, Told};
use super::state::{Obstacle, Outcome, Pair, State, Ticket};
use super::stats::{BucketStats, Closing, RateLimitStats};
use super::{LimitKind, RateLimitOptions, RateLimited, Seconds};

#[derive(Debug)]
pub(super) struct App {
    pub(super) client_id: Option<String>,
    pub(super) options: RateLimitOptions,
    core: Mutex<Core>,
    /// Another waiter is to be the keeper.
    keeper_wanted: Notify,
}

#[derive(Debug)]
struct Core {
    state: State,
    queue: Queue<Caller>,
    timeline: Timeline,
    next_number: u64,
    keeper: Option<Keeper>,
}

/// Who sleeps for all, and until when.
#[derive(Debug, Clone, Copy)]
struct Keeper {
    place: Place,
    wakes_at: Seconds,
}

type Verdict = Result<Permit, RateLimited>;

/// Who waits: its number, which its call keeps, and how it is told.
#[derive(Debug)]
struct Caller {
    number: u64,
    told: oneshot::Sender<Verdict>,
}

/// A request that wants a permit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub(super) pair: Pair,
    pub(super) is_urgent: bool,
    /// The number of a call that was refused, which keeps its place.
    pub(super) number: Option<u64>,
    /// For how long it may wait.
    pub(super) patience: Duration,
}

/// A request that may go. Dropped, it has ended without telling anything.
#[derive(Debug)]
pub(super) struct Permit {
    app: Arc<App>,
    ticket: Option<Ticket>,
    pub(super) pair: Pair,
    /// Its call's number in the queue.
    pub(super) number: u64,
}

impl App {
    pub(super) fn new(client_id: Option<String>, options: RateLimitOptions) -> Self {
        let (window, longest) = (options.window, options.longest_retry_after);
        let state = State::new(window.as_secs_f64(), longest.as_secs_f64());
        let core = Core {
            state: match options.shared {
                Some(_) => state.shared_as(fastrand::u64(..)),
                None => state,
            },
            queue: Queue::new(),
            timeline: Timeline::new(options.clock.now()),
            next_number: 0,
            keeper: None,
        };
        Self { client_id, options, core: Mutex::new(core), keeper_wanted: Notify::new() }
    }

    /// A permit, if nobody waits and nothing is in the way; else the endpoint's key, to wait with.
    pub(super) fn permit_at_once(
        self: &Arc<Self>,
        pair: Pair,
        name: impl FnOnce() -> String,
    ) -> Result<Permit, Pair> {
        let core = &mut *self.core.lock();
        let now = core.now(&self.options);
        let pair = Pair { endpoint: core.state.endpoint(pair.endpoint, now, name), ..pair };
        if core.queue.len() > 0 || core.state.check(pair, now).is_err() {
            return Err(pair);
        }
        let ticket = core.state.start(pair, false, now);
        core.next_number += 1;
        self.exchange_if_due(core, now);
        Ok(Permit::new(self, ticket, core.next_number))
    }

    /// Waits for a permit, in order.
    ///
    /// # Errors
    ///
    /// At once where it is known not to come in time; else when the time is over.
    pub(super) async fn permit(self: &Arc<Self>, wanted: Wanted) -> Verdict {
        let (place, mut granted) = self.queue_up(wanted)?;
        let waiting = Waiting { app: self, endpoint: wanted.pair.endpoint, place };
        loop {
            let sleep = self.watch(&waiting, wanted.pair);
            let told = told(&mut granted, &self.keeper_wanted);
            if let Ok(Some(verdict)) = tokio::time::timeout(sleep, told).await {
                return verdict.unwrap_or_else(|| Err(self.closed(wanted.pair)));
            }
        }
    }

    fn queue_up(
        self: &Arc<Self>,
        wanted: Wanted,
    ) -> Result<(Place, oneshot::Receiver<Verdict>), RateLimited> {
        let core = &mut *self.core.lock();
        let now = core.now(&self.options);
        let number = wanted.number.unwrap_or_else(|| {
            core.next_number += 1;
            core.next_number
        });
        let place = Place::new(wanted.is_urgent, number);
        let limit = now + wanted.patience.as_secs_f64();
        let (sender, receiver) = oneshot::channel();
        if now + core.state.wait(wanted.pair, core.queue.before(wanted.pair.endpoint, place), now)
            > limit
        {
            return Err(core.error(wanted.pair, place, now));
        }
        let owner = Caller { number, told: sender };
        core.queue.insert(place, Waiter { pair: wanted.pair, limit, owner });
        let next = self.grant(core, now);
        // The keeper may sleep for an endpoint that is closed for longer.
        core.keeper = core.keeper.filter(|keeper| keeper.wakes_at <= next);
        self.exchange_if_due(core, now);
        Ok((place, receiver))
    }

    /// Moves on what time allows, and says for how long a waiter may sleep.
    fn watch(self: &Arc<Self>, waiting: &Waiting<'_>, pair: Pair) -> Duration {
        let core = &mut *self.core.lock();
        let now = core.now(&self.options);
        let is_keeper = |keeper: Keeper| keeper.place == waiting.place;
        let is_overdue = |keeper: Keeper| keeper.wakes_at <= now;
        if core.keeper.is_none_or(|keeper| is_keeper(keeper) || is_overdue(keeper)) {
            let wakes_at = self.grant(core, now);
            core.keeper = Some(Keeper { place: waiting.place, wakes_at });
        }
        self.exchange_if_due(core, now);
        let wakes_at = core.keeper.filter(|keeper| is_keeper(*keeper)).map(|it| it.wakes_at);
        let limit = core.expire(waiting, pair, now);
        let sleep = wakes_at.unwrap_or(f64::INFINITY).min(limit) - now;
        Duration::from_secs_f64(sleep.clamp(SHORTEST_SLEEP, LONGEST_SLEEP))
    }

    /// Grants permits to all that may go, and says when the next one may.
    fn grant(self: &Arc<Self>, core: &mut Core, now: Seconds) -> Seconds {
        while core.queue.len() > 0 {
            let waiter = match core.queue.next(&core.state, now) {
                Ok(waiter) => waiter,
                Err(then) => return then,
            };
            let ticket = core.state.start(waiter.pair, true, now);
            let permit = Permit::new(self, ticket, waiter.owner.number);
            if let Err(Ok(mut permit)) = waiter.owner.told.send(Ok(permit)) {
                // The waiter has gone. The lock is held, so the permit must not settle itself.
                permit.ticket = None;
                core.state.settle(ticket, Outcome::Unsent, false, now);
            }
        }
        f64::INFINITY
    }

    fn settle(self: &Arc<Self>, ticket: Ticket, outcome: Outcome) {
        let core = &mut *self.core.lock();
        let now = core.now(&self.options);
        core.state.settle(ticket, outcome, core.queue.len() > 0, now);
        if matches!(outcome, Outcome::Refused(_)) {
            core.dismiss_hopeless(now);
            self.exchange_if_due(core, now);
        }
        self.changed(core, now);
    }

    /// Tells the other processes, in a task of its own, if there is something to tell or to ask for.
    #[inline]
    fn exchange_if_due(self: &Arc<Self>, core: &mut Core, now: Seconds) {
        if self.options.shared.is_some()
            && let Some(told) = core.due(now)
        {
            exchange::spawn(Arc::clone(self), told);
        }
    }

    /// Takes over what came of an exchange, and says what is to be told next.
    pub(super) fn exchanged(self: &Arc<Self>, granted: Option<Granted>) -> Option<Told> {
        let core = &mut *self.core.lock();
        let now = core.now(&self.options);
        if core.state.heard(granted, fastrand::f64(), now) {
            tracing::warn!("the shared rate limit does not respond; this process goes on alone");
        }
        core.dismiss_hopeless(now);
        self.changed(core, now);
        core.due(now)
    }

    /// After something that may let waiters go, or go earlier than the keeper wakes.
    fn changed(self: &Arc<Self>, core: &mut Core, now: Seconds) {
        if core.queue.len() == 0 {
            return;
        }
        let next = self.grant(core, now);
        if core.keeper.is_none_or(|keeper| next < keeper.wakes_at) {
            core.keeper = None;
            self.keeper_wanted.notify_one();
        }
    }

    fn closed(&self, pair: Pair) -> RateLimited {
        let core = &mut *self.core.lock();
        let now = core.now(&self.options);
        core.error(pair, Place::new(false, u64::MAX), now)
    }

    /// After how long a request that was refused would go.
    pub(super) fn retry_after(&self, pair: Pair) -> Duration {
        self.closed(pair).retry_after
    }

    /// Keeps the reason that a server gave with its refusal.
    pub(super) fn give_reason(&self, pair: Pair, reason: Option<String>) {
        if let Some(endpoint) = self.core.lock().state.endpoints.get_mut(&pair.endpoint) {
            endpoint.reason = reason;
        }
    }

    pub(super) fn close_for(self: &Arc<Self>, duration: Duration) {
        let core = &mut *self.core.lock();
        let now = core.now(&self.options);
        core.state.app.close(now + duration.as_secs_f64().min(LONGEST_CLOSING));
        self.closed_or_narrowed(core, now);
    }

    pub(super) fn reopen(self: &Arc<Self>) {
        let core = &mut *self.core.lock();
        let now = core.now(&self.options);
        core.state.reopen();
        self.changed(core, now);
    }

    /// After a closing, which ends the hopes of some, and begins another epoch, in which others may go.
    fn closed_or_narrowed(self: &Arc<Self>, core: &mut Core, now: Seconds) {
        core.dismiss_hopeless(now);
        self.changed(core, now);
    }

    pub(super) fn stats(&self) -> RateLimitStats {
        let core = &mut *self.core.lock();
        let now = core.now(&self.options);
        let (state, queue) = (&core.state, &core.queue);
        let stats = |bucket: &super::bucket::Bucket, waiting, is_failing| BucketStats {
            rate: bucket.rate(now),
            closed_for: Duration::from_secs_f64((bucket.closed_until - now).max(0.0)),
            waiting,
            refusals: bucket.refused,
            is_failing,
        };
        let endpoints = state.endpoints.iter().map(|(key, endpoint)| {
            let is_failing = state.failures.is_failing(*key, now);
            (endpoint.name.clone(), stats(&endpoint.bucket, queue.len_of(*key), is_failing))
        });
        let mut endpoints: Vec<_> = endpoints.collect();
        endpoints.sort_by(|one, other| one.0.cmp(&other.0));
        let app = stats(&state.app, queue.len(), state.failures.all_fail(now));
        let shared_rate = state.membership.as_ref().and_then(Membership::rate);
        let app = BucketStats { rate: shared_rate.or(app.rate), ..app };
        let sharing = state.membership.as_ref().map(|it| it.sharing(&state.app, now));
        RateLimitStats { app, endpoints, sharing }
    }

    pub(super) fn closings(&self) -> Vec<Closing> {
        let core = &mut *self.core.lock();
        let now = core.now(&self.options);
        let wall = self.options.clock.now().wall;
        let closing = |endpoint: Option<&str>, until: Seconds, reason: Option<String>| {
            let left =
                Duration::try_from_secs_f64(until - now).ok().filter(|left| !left.is_zero())?;
            let until = wall.checked_add(left)?;
            let (client_id, endpoint) = (self.client_id.clone(), endpoint.map(str::to_owned));
            Some(Closing { client_id, endpoint, until, reason })
        };
        let app = closing(None, core.state.app.closed_until, None);
        let endpoints = core.state.endpoints.values().filter_map(|endpoint| {
            closing(Some(&endpoint.name), endpoint.bucket.closed_until, endpoint.reason.clone())
        });
        app.into_iter().chain(endpoints).collect()
    }

    pub(super) fn restore(self: &Arc<Self>, closing: &Closing) {
        let core = &mut *self.core.lock();
        let now = core.now(&self.options);
        let left = left(closing.until, self.options.clock.now().wall);
        let until = now + left.min(self.options.longest_retry_after.as_secs_f64());
        if until > now {
            core.restore(closing, until, now);
            self.closed_or_narrowed(core, now);
        }
    }
}

/// Waits for a verdict, `Some(None)` when there will be none, or for being wanted as the keeper.
async fn told(
    granted: &mut oneshot::Receiver<Verdict>,
    keeper_wanted: &Notify,
) -> Option<Option<Verdict>> {
    let mut wanted = pin!(keeper_wanted.notified());
    poll_fn(|context| match Pin::new(&mut *granted).poll(context) {
        Poll::Ready(verdict) => Poll::Ready(Some(verdict.ok())),
        Poll::Pending => wanted.as_mut().poll(context).map(|()| None),
    })
    .await
}

fn left(until: SystemTime, wall: SystemTime) -> Seconds {
    super::clock::since(wall, until)
}

impl Core {
    fn due(&mut self, now: Seconds) -> Option<Told> {
        self.state.due(self.queue.len(), self.queue.has_urgent(), now)
    }

    fn now(&mut self, options: &RateLimitOptions) -> Seconds {
        let now = self.timeline.seconds(options.clock.now());
        self.state.notice_loss(now);
        now
    }

    fn restore(&mut self, closing: &Closing, until: Seconds, now: Seconds) {
        let Some(name) = &closing.endpoint else { return self.state.app.close(until) };
        let key = self.state.endpoint(key_of_name(name), now, || name.clone());
        if let Some(endpoint) = self.state.endpoints.get_mut(&key) {
            endpoint.bucket.close(until);
            endpoint.reason.clone_from(&closing.reason);
        }
    }

    /// Ends a waiter's time, if it is over, and says when that is.
    fn expire(&mut self, waiting: &Waiting<'_>, pair: Pair, now: Seconds) -> Seconds {
        let Some(waiter) = self.queue.remove(waiting.endpoint, waiting.place) else { return now };
        let limit = waiter.limit;
        if limit > now {
            self.queue.insert(waiting.place, waiter);
            return limit;
        }
        let _ = waiter.owner.told.send(Err(self.error(pair, waiting.place, now)));
        now
    }

    /// Tells those who could not go in time whatever happens.
    fn dismiss_hopeless(&mut self, now: Seconds) {
        let state = &self.state;
        for waiter in self.queue.take_hopeless(|pair| state.opens(pair)) {
            let error = self.error(waiter.pair, Place::new(false, 0), now);
            let _ = waiter.owner.told.send(Err(error));
        }
    }

    fn error(&self, pair: Pair, place: Place, now: Seconds) -> RateLimited {
        let wait = self.state.wait(pair, self.queue.before(pair.endpoint, place), now);
        let endpoint = self.state.endpoints.get(&pair.endpoint);
        let limit = match self.state.check(pair, now) {
            Err(Obstacle::Failing(_)) => LimitKind::Outage,
            Err(Obstacle::Endpoint(_)) => LimitKind::Endpoint,
            _ => LimitKind::App,
        };
        let retry_after = Duration::from_secs_f64(wait.max(SHORTEST_WAIT));
        RateLimited { retry_after, limit, reason: endpoint.and_then(|it| it.reason.clone()) }
    }
}

impl Permit {
    fn new(app: &Arc<App>, ticket: Ticket, number: u64) -> Self {
        Self { app: Arc::clone(app), pair: ticket.pair, ticket: Some(ticket), number }
    }

    pub(super) fn settle(mut self, outcome: Outcome) {
        self.end(outcome);
    }

    /// Its request is not sent, at least not yet.
    pub(super) fn give_back(mut self) {
        self.end(Outcome::Unsent);
    }

    fn end(&mut self, outcome: Outcome) {
        if let Some(ticket) = self.ticket.take() {
            self.app.settle(ticket, outcome);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.end(Outcome::Nothing);
    }
}

/// One who waits, until it goes or gives up.
struct Waiting<'a> {
    app: &'a Arc<App>,
    endpoint: u64,
    place: Place,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let core = &mut *self.app.core.lock();
        // Its sender holds nothing yet, so nothing locks when it is dropped here.
        core.queue.remove(self.endpoint, self.place);
        if core.keeper.is_some_and(|keeper| keeper.place == self.place) {
            core.keeper = None;
            self.app.keeper_wanted.notify_one();
        }
    }
}

/// How long a waiter sleeps without looking up.
const LONGEST_SLEEP: Seconds = 1.0;
/// What a timer can tell apart: less would be no sleep at all, and a waiter would spin until the time has come.
const SHORTEST_SLEEP: Seconds = 0.001;
/// What is told at the least, so that nobody spins.
const SHORTEST_WAIT: Seconds = 0.05;
const LONGEST_CLOSING: Seconds = 366.0 * 86_400.0;

#[cfg(test)]
#[path = "races.rs"]
mod races;
#[cfg(test)]
#[path = "schedules.rs"]
mod schedules;

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn passing_costs_no_allocation() {
        let app = Arc::new(App::new(None, RateLimitOptions::default()));
        let pass = || {
            let pair = Pair { endpoint: 7, user: 0 };
            app.permit_at_once(pair, || "GET /".to_owned()).unwrap().settle(Outcome::Succeeded);
        };
        pass();
        let counted = allocation_counter::measure(|| (0..100).for_each(|_| pass()));
        assert_eq!(counted.count_total, 0);
    }
}
