//! One app's limiter: the state and the queue under one lock, and how a caller waits.
//!
//! Each change grants permits to all that may go, in order. Time passes by itself, so one
//! waiter, the *keeper*, sleeps until somebody may go; when it leaves, another takes its place. All others
//! look once a second whether a keeper overslept, since its caller may have stopped polling it, and
//! whether the wall clock has jumped.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

use super::announced::{self, Announced, New};
use super::clock::Timeline;
use super::endpoint;
use super::exchange;
use super::granted::{self, Unclaimed};
use super::membership::Membership;
use super::pair::Pair;
use super::queue::{Place, Queue, Waiter};
use super::shared::{Granted, SharedLimitError, Sharing, Told};
use super::state::{Endpoint, NAME_OF_THE_REST, Obstacle, Outcome, State, THE_REST, Ticket};
use super::stats::{BucketStats, Closing, RateLimitStats};
use super::{LimitKind, RateLimitOptions, RateLimited, Seconds};

#[derive(Debug)]
pub(super) struct App {
    /// Tells apps apart: a call may pass through several limiters, and has a number in each.
    pub(super) id: u64,
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
    granted: Unclaimed,
    timeline: Timeline,
    next_number: u64,
    arrivals: u64,
    keeper: Option<Keeper>,
    /// Until when the app was closed by hand.
    by_hand_until: Seconds,
    announced: Announced,
}

/// Who sleeps for all, and until when.
#[derive(Debug, Clone, Copy)]
struct Keeper {
    place: Place,
    wakes_at: Seconds,
}

/// What a waiter is told: when it was granted a permit, by the monotonic clock, or why there is none.
type Verdict = Result<Seconds, RateLimited>;

/// Who waits, and how it is told.
#[derive(Debug)]
struct Caller {
    place: Place,
    told: oneshot::Sender<Verdict>,
}

/// What comes of waiting.
#[derive(Debug)]
pub(super) enum Turn {
    Go(Permit),
    /// The caller was not polled for so long after it was told that its permit is void. It may queue up again.
    Late {
        number: u64,
        /// For how long it had a permit.
        idle: Duration,
    },
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
            granted: Unclaimed::default(),
            timeline: Timeline::new(options.clock.now()),
            next_number: 0,
            arrivals: 0,
            keeper: None,
            by_hand_until: f64::NEG_INFINITY,
            announced: Announced::default(),
        };
        let id = APPS.fetch_add(1, Ordering::Relaxed);
        Self { id, client_id, options, core: Mutex::new(core), keeper_wanted: Notify::new() }
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
    pub(super) async fn permit(self: &Arc<Self>, wanted: Wanted) -> Result<Turn, RateLimited> {
        let (place, mut granted) = self.queue_up(wanted)?;
        let waiting = Waiting { app: self, endpoint: wanted.pair.endpoint, place };
        loop {
            let sleep = self.watch(&waiting, wanted.pair);
            let told = told(&mut granted, &self.keeper_wanted);
            if let Ok(Some(verdict)) = tokio::time::timeout(sleep, told).await {
                let verdict = verdict.unwrap_or_else(|| Err(self.closed(wanted.pair)));
                return verdict.map(|granted| self.pick_up(place, granted));
            }
        }
    }

    /// Takes the permit that was granted, unless it is too old, or something was closed since.
    fn pick_up(self: &Arc<Self>, place: Place, granted: Seconds) -> Turn {
        let core = &mut *self.core.lock();
        let now = core.now(&self.options);
        let ticket = core.granted.take(place);
        if let Some(ticket) = ticket {
            if core.awake(now) < granted + granted::LONGEST && core.state.is_current(ticket, now) {
                return Turn::Go(Permit::new(self, ticket, place.number));
            }
            core.state.settle(ticket, Outcome::Unsent, false, now);
            self.changed(core, now);
        }
        Turn::Late { number: place.number, idle: duration(core.awake(now) - granted) }
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
        core.arrivals += 1;
        let place = Place::new(wanted.is_urgent, number).arrived(core.arrivals);
        let patience = wanted.patience.as_secs_f64();
        let (sender, receiver) = oneshot::channel();
        if core.queue.wait(&core.state, wanted.pair, place, now) > patience {
            return Err(core.error(wanted.pair, place, now));
        }
        let limit = core.awake(now) + patience;
        let owner = Caller { place, told: sender };
        core.queue.insert(place, Waiter { pair: wanted.pair, limit, owner });
        // Where it may not go, nobody may who could not before, and all others need no look.
        let next = match core.state.check(wanted.pair, now) {
            Ok(()) => self.grant(core, now),
            Err(obstacle) => obstacle.until(),
        };
        // The keeper may sleep for an endpoint that is closed for longer.
        core.keeper = core.keeper.filter(|keeper| keeper.wakes_at <= next);
        self.exchange_if_due(core, now);
        Ok((place, receiver))
    }

    /// Moves on what time allows, and says for how long a waiter may sleep.
    fn watch(self: &Arc<Self>, waiting: &Waiting<'_>, pair: Pair) -> Duration {
        let core = &mut *self.core.lock();
        let now = core.now(&self.options);
        if core.is_over(waiting, pair, now) {
            // Many may give up at the same time: none of them needs a look at all others.
            core.expire(waiting, pair, now);
            return duration(SHORTEST_SLEEP);
        }
        let is_keeper = |keeper: Keeper| keeper.place == waiting.place;
        let is_overdue = |keeper: Keeper| keeper.wakes_at <= now;
        if core.keeper.is_none_or(|keeper| is_keeper(keeper) || is_overdue(keeper)) {
            let wakes_at = self.grant(core, now).min(core.granted.overdue_at());
            core.keeper = Some(Keeper { place: waiting.place, wakes_at });
        }
        self.exchange_if_due(core, now);
        let wakes_at = core.keeper.filter(|keeper| is_keeper(*keeper)).map(|it| it.wakes_at);
        let limit = core.expire(waiting, pair, now);
        let sleep = wakes_at.unwrap_or(f64::INFINITY).min(limit) - now;
        duration(sleep.clamp(SHORTEST_SLEEP, LONGEST_SLEEP))
    }

    /// Grants permits to all that may go, and says when the next one may.
    fn grant(&self, core: &mut Core, now: Seconds) -> Seconds {
        while let Some(ticket) = core.granted.take_overdue(now) {
            core.state.settle(ticket, Outcome::Unsent, false, now);
        }
        while core.queue.len() > 0 {
            match core.queue.next(&core.state, now) {
                Ok(waiter) => core.grant(waiter, now),
                Err(then) => return then,
            }
        }
        f64::INFINITY
    }

    fn settle(self: &Arc<Self>, ticket: Ticket, outcome: Outcome) {
        let core = &mut *self.core.lock();
        let now = core.now(&self.options);
        core.state.settle(ticket, outcome, core.queue.len() > 0, now);
        if outcome == Outcome::Succeeded {
            core.announced.went_through(ticket.pair.endpoint, self.client_id.as_deref(), now);
        }
        if matches!(outcome, Outcome::Refused(_)) {
            core.dismiss_hopeless(now);
            self.exchange_if_due(core, now);
        }
        self.changed(core, now);
    }

    /// Tells the other processes, in a task of its own, if there is something to tell or to ask for.
    #[inline]
    fn exchange_if_due(self: &Arc<Self>, core: &mut Core, now: Seconds) {
        if let Some(shared) = &self.options.shared
            && let Some(told) = core.due(now)
        {
            let app = Arc::clone(self);
            let hear = move |granted| {
                let next = app.exchanged(granted);
                app.announce(None);
                next
            };
            exchange::spawn(Arc::clone(shared), self.client_id.clone(), told, hear);
        }
    }

    /// Takes over what came of an exchange, and says what is to be told next.
    fn exchanged(self: &Arc<Self>, granted: Result<Granted, SharedLimitError>) -> Option<Told> {
        let core = &mut *self.core.lock();
        let now = core.now(&self.options);
        let error = granted.as_ref().err().cloned();
        if core.state.heard(granted.ok(), fastrand::f64(), now)
            && let Some(error) = error
        {
            tracing::warn!(client_id = self.client_id, %error, "this process goes on alone");
        }
        core.dismiss_hopeless(now);
        self.changed(core, now);
        core.due(now)
    }

    /// After something that may let waiters go, or go earlier than the keeper wakes.
    fn changed(&self, core: &mut Core, now: Seconds) {
        if core.queue.len() == 0 {
            return;
        }
        let next = self.grant(core, now);
        if core.keeper.is_none_or(|keeper| next < keeper.wakes_at) {
            core.keeper = None;
            self.keeper_wanted.notify_one();
        }
    }

    /// After how long a request that was refused would go, and what it waits for.
    pub(super) fn closed(&self, pair: Pair) -> RateLimited {
        let core = &mut *self.core.lock();
        let now = core.now(&self.options);
        core.error(pair, Place::new(false, u64::MAX), now)
    }

    /// Keeps the reason that a server gave with its refusal, for as long as that closes.
    pub(super) fn give_reason(&self, pair: Pair, reason: Option<String>) {
        let core = &mut *self.core.lock();
        let now = core.now(&self.options);
        let of_app = core.state.app.closed_until;
        if let Some(endpoint) = core.state.endpoints.get_mut(&pair.endpoint) {
            let own = endpoint.bucket.closed_until;
            let until = if own > now { own } else { of_app };
            endpoint.reason = reason.map(|reason| (reason, until));
        }
    }

    pub(super) fn close_for(self: &Arc<Self>, duration: Duration) {
        let core = &mut *self.core.lock();
        let now = core.now(&self.options);
        let until = now + duration.as_secs_f64().min(LONGEST_CLOSING);
        if until > core.state.app.closed_until.max(now) {
            core.state.app.close(until);
            core.by_hand_until = until;
            self.closed_or_narrowed(core, now);
        }
    }

    pub(super) fn reopen(self: &Arc<Self>) {
        let core = &mut *self.core.lock();
        let now = core.now(&self.options);
        core.state.reopen();
        core.by_hand_until = f64::NEG_INFINITY;
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
            closed_for: duration(bucket.closed_until - now),
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

    /// Tells the log and the listener what was closed since they were told last, of the app and of an
    /// endpoint. They are called when nothing is locked: they may ask this limiter.
    pub(super) fn announce(&self, endpoint: Option<u64>) {
        let news = {
            let core = &mut *self.core.lock();
            let now = core.now(&self.options);
            core.news(endpoint, now)
        };
        if news.iter().all(Option::is_none) {
            return;
        }
        let closings = self.closings();
        for new in news.into_iter().flatten() {
            let closing = closings.iter().find(|it| it.endpoint == new.endpoint);
            closing.into_iter().for_each(|it| announced::tell(it, new.closed_for, &self.options));
        }
    }

    /// Whether it or an endpoint is closed.
    pub(super) fn is_closed(&self) -> bool {
        let core = &mut *self.core.lock();
        let now = core.now(&self.options);
        let endpoints = core.state.endpoints.values().map(|endpoint| &endpoint.bucket);
        endpoints.chain([&core.state.app]).any(|bucket| bucket.closed_until > now)
    }

    pub(super) fn closings(&self) -> Vec<Closing> {
        let core = &mut *self.core.lock();
        let now = core.now(&self.options);
        let wall = self.options.clock.now().wall;
        let closing = |endpoint: Option<&str>, until: Seconds, reason: Option<&str>| {
            let left =
                Duration::try_from_secs_f64(until - now).ok().filter(|left| !left.is_zero())?;
            let until = wall.checked_add(left)?;
            let (endpoint, reason) = (endpoint.map(str::to_owned), reason.map(str::to_owned));
            let (client_id, is_by_hand) = (self.client_id.clone(), false);
            Some(Closing { client_id, endpoint, until, reason, is_by_hand })
        };
        let is_by_hand = core.is_by_hand(now);
        let app = closing(None, core.state.app.closed_until, None);
        let app = app.map(|app| Closing { is_by_hand, ..app });
        let endpoints = core.state.endpoints.values().filter_map(|endpoint| {
            let until = endpoint.bucket.closed_until;
            closing(Some(&endpoint.name), until, endpoint.reason_of(until, now))
        });
        app.into_iter().chain(endpoints).collect()
    }

    pub(super) fn restore(self: &Arc<Self>, closing: &Closing) {
        let core = &mut *self.core.lock();
        let now = core.now(&self.options);
        let left = left(closing.until, self.options.clock.now().wall);
        let longest = match closing.endpoint {
            Some(_) => self.options.longest_retry_after.as_secs_f64(),
            None => LONGEST_CLOSING,
        };
        let until = now + left.min(longest);
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

/// No time is too long for it: what others tell goes into sums of seconds.
fn duration(seconds: Seconds) -> Duration {
    let longest = Duration::from_secs_f64(LONGEST_CLOSING);
    // `max` turns what is no number into nothing.
    Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(longest).min(longest)
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
        let Some(name) = &closing.endpoint else {
            if closing.is_by_hand {
                self.by_hand_until = until;
            }
            return self.state.app.close(until);
        };
        let (key, name) = match endpoint::canonical(name) {
            _ if name == NAME_OF_THE_REST => (THE_REST, name.clone()),
            Some(name) => (endpoint::key_of_name(&name), name),
            None => {
                tracing::warn!(endpoint = name, "a closing is not restored: it names no endpoint");
                return;
            }
        };
        let key = self.state.endpoint(key, now, || name);
        if let Some(endpoint) = self.state.endpoints.get_mut(&key) {
            endpoint.bucket.close(until);
            endpoint.reason = closing.reason.clone().map(|reason| (reason, until));
        }
    }

    /// The same time by the monotonic clock alone, by which patience is measured: nobody has waited while the
    /// laptop slept, nor because a clock was set.
    fn awake(&self, now: Seconds) -> Seconds {
        now - self.timeline.slept()
    }

    /// Grants a permit to a waiter that was taken out of the queue.
    fn grant(&mut self, waiter: Waiter<Caller>, now: Seconds) {
        let place = waiter.owner.place;
        if self.awake(now) > waiter.limit + granted::LONGEST {
            // The waiter that watched its time was not polled either.
            let _ = waiter.owner.told.send(Err(self.error(waiter.pair, place, now)));
            return;
        }
        let ticket = self.state.start(waiter.pair, true, now);
        match waiter.owner.told.send(Ok(self.awake(now))) {
            Ok(()) => self.granted.insert(place, ticket),
            // The waiter has gone.
            Err(_) => self.state.settle(ticket, Outcome::Unsent, false, now),
        }
    }

    /// Whether a waiter's time is over, and it may not go.
    fn is_over(&self, waiting: &Waiting<'_>, pair: Pair, now: Seconds) -> bool {
        let limit = self.queue.limit_of(waiting.endpoint, waiting.place);
        limit.is_some_and(|it| it <= self.awake(now)) && self.state.check(pair, now).is_err()
    }

    /// Ends a waiter's time, if it is over, and says when that is.
    fn expire(&mut self, waiting: &Waiting<'_>, pair: Pair, now: Seconds) -> Seconds {
        let (endpoint, place) = (waiting.endpoint, waiting.place);
        let Some(limit) = self.queue.limit_of(endpoint, place) else { return now };
        if limit <= self.awake(now)
            && let Some(waiter) = self.queue.remove(endpoint, place)
        {
            let _ = waiter.owner.told.send(Err(self.error(pair, place, now)));
        }
        limit + self.timeline.slept()
    }

    /// Tells those who could not go in time whatever happens.
    fn dismiss_hopeless(&mut self, now: Seconds) {
        let (state, slept) = (&self.state, self.timeline.slept());
        for waiter in self.queue.take_hopeless(|pair| state.opens(pair) - slept) {
            let error = self.error(waiter.pair, Place::new(false, 0), now);
            let _ = waiter.owner.told.send(Err(error));
        }
    }

    fn error(&self, pair: Pair, place: Place, now: Seconds) -> RateLimited {
        let wait = self.queue.wait(&self.state, pair, place, now);
        let limit = self.limit(pair, now);
        let closed_until = match limit {
            LimitKind::Endpoint => self.closed_until(pair),
            _ => self.state.app.closed_until,
        };
        let endpoint = self.state.endpoints.get(&pair.endpoint);
        let reason = endpoint.and_then(|it| it.reason_of(closed_until, now)).map(str::to_owned);
        let retry_after = duration(wait.max(SHORTEST_WAIT));
        RateLimited { retry_after, limit, reason, status: None }
    }

    /// What a request waits for: where both are closed, what is closed for longer.
    fn limit(&self, pair: Pair, now: Seconds) -> LimitKind {
        match self.state.check(pair, now) {
            Err(Obstacle::Failing(_)) => LimitKind::Outage,
            Err(Obstacle::Endpoint(_)) => LimitKind::Endpoint,
            _ if self.closed_until(pair) > self.state.app.closed_until.max(now) => {
                LimitKind::Endpoint
            }
            _ if self.is_by_hand(now) => LimitKind::ByHand,
            Err(Obstacle::App(_)) if self.is_for_the_store_to_say(now) => LimitKind::Shared,
            _ => LimitKind::App,
        }
    }

    /// Whether the app is closed by hand, and for no longer by the server.
    fn is_by_hand(&self, now: Seconds) -> bool {
        self.by_hand_until > now && self.by_hand_until >= self.state.app.closed_until
    }

    fn is_for_the_store_to_say(&self, now: Seconds) -> bool {
        let sharing = self.state.membership.as_ref().map(|it| it.sharing(&self.state.app, now));
        matches!(sharing, Some(Sharing::Free | Sharing::Paced))
    }

    /// What is closed and was not announced.
    fn news(&mut self, endpoint: Option<u64>, now: Seconds) -> [Option<New>; 2] {
        let (app, until) = (&mut self.announced, self.state.app.closed_until);
        let of_app = app.closes(None, until, now).then(|| New::of(None, until - now));
        let of_endpoint = endpoint.and_then(|key| {
            let endpoint = self.state.endpoints.get(&key)?;
            let until = endpoint.bucket.closed_until;
            let is_new = self.announced.closes(Some(key), until, now);
            is_new.then(|| New::of(Some(endpoint.name.clone()), until - now))
        });
        [of_app, of_endpoint]
    }

    fn closed_until(&self, pair: Pair) -> Seconds {
        self.state.endpoints.get(&pair.endpoint).map_or(0.0, |it| it.bucket.closed_until)
    }
}

impl Endpoint {
    /// The reason for a closing, as long as it lasts: not for a longer one that came after it.
    fn reason_of(&self, closed_until: Seconds, now: Seconds) -> Option<&str> {
        let (reason, until) = self.reason.as_ref()?;
        (*until > now && *until >= closed_until).then_some(reason)
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
        core.queue.remove(self.endpoint, self.place);
        if let Some(ticket) = core.granted.take(self.place) {
            let now = core.now(&self.app.options);
            core.state.settle(ticket, Outcome::Unsent, false, now);
            self.app.changed(core, now);
        }
        core.keeper = core.keeper.filter(|keeper| keeper.place != self.place);
        if core.keeper.is_none() && core.queue.len() > 0 {
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
static APPS: AtomicU64 = AtomicU64::new(0);

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

    /// What a clock says that is set forward while others wait.
    #[derive(Debug, Clone)]
    struct SetForward(tokio::time::Instant, Arc<Mutex<Duration>>);

    impl crate::auth::Clock for SetForward {
        fn now(&self) -> crate::auth::Now {
            let now = tokio::time::Instant::now();
            let wall = SystemTime::UNIX_EPOCH + (now - self.0) + *self.1.lock();
            crate::auth::Now { monotonic: now.into_std(), wall }
        }
    }

    /// Ten wait under a rate of one a second, for a minute at most.
    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_set_forward_ends_nobodys_patience() {
        for jump in [2, 30, 65, 3600] {
            let clock = SetForward(tokio::time::Instant::now(), Arc::default());
            let options = RateLimitOptions::default().with_clock(clock.clone());
            let app = Arc::new(App::new(None, options));
            app.core.lock().state.app.pace(1.0, 0.0);
            let pair = Pair { endpoint: 7, user: 0 };
            let patience = Duration::from_secs(60);
            let wanted = Wanted { pair, is_urgent: false, number: None, patience };
            let calls: Vec<_> = (0..40)
                .map(|_| {
                    let app = Arc::clone(&app);
                    tokio::spawn(async move {
                        races::permit(&app, wanted).await.map(|it| it.settle(Outcome::Succeeded))
                    })
                })
                .collect();
            tokio::time::sleep(Duration::from_secs(3)).await;
            *clock.1.lock() = Duration::from_secs(jump);
            for call in calls {
                call.await.unwrap().unwrap();
            }
        }
    }
}
