//! What an app's lock protects: its state, who waits, who was granted a permit, and the time.

mod dismissing;

use std::sync::Arc;

use tokio::sync::{Notify, oneshot};

use super::announced::{Announced, New};
use super::clock::{Timeline, duration};
use super::endpoint::EndpointName;
use super::granted::{self, Unclaimed};
use super::membership::Exchange;
use super::pair::Pair;
use super::queue::{Place, Queue, Waiter};
use super::shared::{Sharing, Told};
use super::state::{Endpoint, Obstacle, State, Ticket};
use super::stats::Closing;
use super::untold::Untold;
use super::{LimitKind, RateLimitOptions, RateLimited, Seconds};

#[derive(Debug)]
pub(super) struct Core {
    pub(super) state: State,
    pub(super) queue: Queue<Caller>,
    pub(super) granted: Unclaimed,
    pub(super) timeline: Timeline,
    pub(super) next_number: u64,
    pub(super) arrivals: u64,
    pub(super) keeper: Option<Keeper>,
    /// Until when the app was closed by hand.
    pub(super) by_hand_until: Seconds,
    /// No call waits after this that waits for the store to respond, and for nothing else.
    pub(super) impatient_until: Seconds,
    word: Word,
    pub(super) announced: Announced,
    /// Another waiter is to be the keeper.
    pub(super) keeper_wanted: Arc<Notify>,
    /// What waiters are told when the lock is open.
    pub(super) untold: Untold,
}

/// When calls waited last for the store to respond, and for nothing else: from when the first of
/// them came to when it had responded.
#[derive(Debug, Clone, Copy)]
struct Word {
    /// Whether the first of them was urgent.
    is_urgent: bool,
    asked: Seconds,
    heard: Seconds,
}

impl Word {
    /// How long a call has waited for a limit that came then.
    fn waited(self, since: Seconds, now: Seconds) -> Seconds {
        now - if since >= self.asked { since.max(self.heard) } else { since }
    }
}

/// Who sleeps for all, and until when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keeper {
    pub(super) place: Place,
    pub(super) wakes_at: Seconds,
}

/// What a waiter is told: when it was granted a permit, by the monotonic clock, or why there is
/// none.
pub(super) type Verdict = Result<Seconds, RateLimited>;

/// Who waits, and how it is told.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) pair: Pair,
    pub(super) place: Place,
    /// Until when it may wait for a limit, by the monotonic clock.
    pub(super) patient_until: Seconds,
    pub(super) told: oneshot::Sender<Verdict>,
    pub(super) since: Seconds,
    /// When it was polled last, by the monotonic clock.
    pub(super) looked: Seconds,
}

impl Core {
    pub(super) fn new(options: &RateLimitOptions) -> Self {
        let window = options.window;
        let longest = options.longest_retry_after;
        let state = State::new(window.as_secs_f64(), longest.as_secs_f64());
        Self {
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
            impatient_until: f64::NEG_INFINITY,
            word: Word { is_urgent: false, asked: f64::NEG_INFINITY, heard: f64::NEG_INFINITY },
            announced: Announced::default(),
            keeper_wanted: Arc::default(),
            untold: Untold::default(),
        }
    }

    /// Begins an exchange with the other processes, if one is due.
    pub(super) fn due(&mut self, now: Seconds) -> Option<Exchange> {
        let waiting = self.queue.len_for_app(&self.state, now);
        self.state.due(waiting, self.queue.has_urgent(&self.state, now), now)
    }

    /// What it tells, as it is sent; nothing if it was given up.
    pub(super) fn send(&mut self, exchange: Exchange, now: Seconds) -> Option<(Exchange, Told)> {
        let waiting = self.queue.len_for_app(&self.state, now);
        let told =
            self.state.send(exchange, waiting, self.queue.has_urgent(&self.state, now), now)?;
        Some((exchange, told))
    }

    /// Begins the next one, and sends it.
    pub(super) fn send_next(&mut self, now: Seconds) -> Option<(Exchange, Told)> {
        let exchange = self.due(now)?;
        self.send(exchange, now)
    }

    pub(super) fn now(&mut self, options: &RateLimitOptions) -> Seconds {
        let now = self.timeline.seconds(options.clock.now());
        self.state.notice_loss(now);
        self.note_word(now);
        now
    }

    /// A call comes that waits for the store to respond.
    pub(super) fn await_word(&mut self, is_urgent: bool, now: Seconds) {
        if self.word.heard <= now && self.state.unheard(is_urgent, now).is_some() {
            self.word = Word { is_urgent, asked: now, heard: f64::INFINITY };
        }
    }

    /// After what may have been the store's response.
    pub(super) fn note_word(&mut self, now: Seconds) {
        if self.word.heard > now && self.state.unheard(self.word.is_urgent, now).is_none() {
            self.word.heard = now;
        }
    }

    /// Closes what a closing names; nothing where that is no endpoint.
    pub(super) fn restore(&mut self, closing: &Closing, until: Seconds, now: Seconds) {
        let Some(name) = &closing.endpoint else {
            if closing.is_by_hand {
                self.by_hand_until = self.by_hand_until.max(until);
            }
            return self.state.app.close(until);
        };
        let name = EndpointName::of(name);
        if let Some(endpoint) = name.and_then(|name| self.endpoint(&name, now)) {
            endpoint.bucket.close(until);
            endpoint.reason = closing.reason.clone().map(|reason| (reason, until));
            if closing.is_by_hand {
                endpoint.by_hand_until = endpoint.by_hand_until.max(until);
            }
        }
    }

    /// An endpoint that somebody has named, which is made if it is new.
    pub(super) fn endpoint(&mut self, name: &EndpointName, now: Seconds) -> Option<&mut Endpoint> {
        let key = self.state.endpoint(name.key, now, || name.name.clone());
        self.state.endpoints.get_mut(&key)
    }

    /// The same time by the monotonic clock alone, by which patience is measured: nobody has waited
    /// while the laptop slept, nor because a clock was set.
    pub(super) fn awake(&self, now: Seconds) -> Seconds {
        now - self.timeline.slept()
    }

    /// Grants a permit to a waiter that was taken out of the queue.
    pub(super) fn grant(&mut self, waiter: Waiter<Caller>, now: Seconds) {
        let place = waiter.owner.place;
        if self.awake(now) > waiter.limit + granted::LONGEST {
            // The waiter that watched its time was not polled either.
            let error = self.error(waiter.pair, place, now);
            return self.untold.tells(waiter.owner.told, Err(error));
        }
        // What goes as soon as it comes has not waited, though others do, nor what waited for the
        // store alone.
        let waited = self.word.waited(waiter.owner.since, now);
        let has_waited = waited > self.state.longest_look();
        let ticket = self.state.start(waiter.pair, has_waited, now);
        // It takes the permit, or gives it back when it goes.
        self.granted.insert(place, ticket);
        let granted = self.awake(now);
        self.untold.tells(waiter.owner.told, Ok(granted));
    }

    /// A waiter leaves. Returns the permit that it had not come for.
    pub(super) fn leave(&mut self, endpoint: u64, place: Place) -> Option<Ticket> {
        if let Some(waiter) = self.queue.remove(endpoint, place) {
            self.untold.lets_go(waiter.owner.told);
        }
        self.keeper = self.keeper.filter(|keeper| keeper.place != place);
        self.granted.take(place)
    }

    /// One of those who wait is to be the keeper.
    pub(super) fn want_keeper(&mut self) {
        self.untold.wants_keeper(&self.keeper_wanted);
    }

    /// A waiter was polled.
    pub(super) fn look(&mut self, pair: Pair, place: Place, now: Seconds) {
        let awake = self.awake(now);
        if let Some(owner) = self.queue.owner_of(pair.endpoint, place) {
            owner.looked = awake;
        }
    }

    pub(super) fn error(&self, pair: Pair, place: Place, now: Seconds) -> RateLimited {
        let wait = self.queue.wait(&self.state, pair, place, now);
        let limit = self.limit(pair, now);
        let closed_until = match limit {
            LimitKind::Endpoint | LimitKind::EndpointByHand => self.closed_until(pair),
            _ => self.state.app.closed_until,
        };
        let endpoint = self.state.endpoints.get(&pair.endpoint);
        let reason =
            endpoint.and_then(|endpoint| endpoint.reason_of(closed_until, now)).map(str::to_owned);
        let wait = wait.max(self.state.longest_wait_beyond(pair.endpoint, now));
        let retry_after = duration(wait.max(SHORTEST_WAIT));
        RateLimited { retry_after, limit, reason, status: None }
    }

    /// What a request waits for: where both are closed, what is closed for longer.
    fn limit(&self, pair: Pair, now: Seconds) -> LimitKind {
        match self.state.check(pair, now) {
            Err(Obstacle::Failing(_)) => LimitKind::Outage,
            Err(Obstacle::Endpoint(_)) => self.limit_of_endpoint(pair, now),
            _ if self.closed_until(pair) > self.state.app.closed_until.max(now) => {
                self.limit_of_endpoint(pair, now)
            }
            _ if self.is_by_hand(now) => LimitKind::ByHand,
            Err(Obstacle::App(_)) if self.is_for_the_store_to_say(now) => LimitKind::Shared,
            _ => LimitKind::App,
        }
    }

    fn limit_of_endpoint(&self, pair: Pair, now: Seconds) -> LimitKind {
        match self.state.endpoints.get(&pair.endpoint) {
            Some(endpoint) if endpoint.is_by_hand(now) => LimitKind::EndpointByHand,
            _ => LimitKind::Endpoint,
        }
    }

    /// Whether the app is closed by hand, and for no longer by the server.
    pub(super) fn is_by_hand(&self, now: Seconds) -> bool {
        self.by_hand_until > now && self.by_hand_until >= self.state.app.closed_until
    }

    fn is_for_the_store_to_say(&self, now: Seconds) -> bool {
        let membership = self.state.membership.as_ref();
        let sharing = membership.map(|membership| membership.sharing(&self.state.app, now));
        matches!(sharing, Some(Sharing::Free | Sharing::Paced))
    }

    /// What is closed and was not announced, of the app and of an endpoint.
    pub(super) fn news(&mut self, endpoint: Option<u64>, now: Seconds) -> [Option<New>; 2] {
        let until = self.state.app.closed_until;
        let is_new = self.announced.closes(None, until, now);
        let of_app = is_new.then(|| New::of(None, until - now));
        let of_endpoint = endpoint.and_then(|key| {
            let endpoint = self.state.endpoints.get(&key)?;
            let until = endpoint.bucket.closed_until;
            let is_new = self.announced.closes(Some(key), until, now);
            is_new.then(|| New::of(Some(endpoint.name.clone()), until - now))
        });
        [of_app, of_endpoint]
    }

    fn closed_until(&self, pair: Pair) -> Seconds {
        self.state
            .endpoints
            .get(&pair.endpoint)
            .map_or(0.0, |endpoint| endpoint.bucket.closed_until)
    }
}

impl Endpoint {
    /// The reason for a closing, as long as it lasts: not for a longer one that came after it.
    pub(super) fn reason_of(&self, closed_until: Seconds, now: Seconds) -> Option<&str> {
        let (reason, until) = self.reason.as_ref()?;
        (*until > now && *until >= closed_until).then_some(reason)
    }

    /// Whether it is closed by hand, and for no longer by the server.
    pub(super) fn is_by_hand(&self, now: Seconds) -> bool {
        self.by_hand_until > now && self.by_hand_until >= self.bucket.closed_until
    }
}

/// What is told at the least, so that nobody spins.
const SHORTEST_WAIT: Seconds = 0.05;

#[cfg(test)]
mod tests {
    use super::super::state::Outcome;
    use super::*;

    /// One hangs beyond the app's rate, which was learnt from two others.
    #[test]
    fn an_error_tells_when_another_may_go_beyond_the_apps_rate() {
        let mut core = Core::new(&RateLimitOptions::default());
        let pair = |endpoint| Pair { endpoint, user: 0 };
        (1..=4).for_each(|endpoint| {
            core.state.endpoint(endpoint, 0.0, String::new);
        });
        let refused = Outcome::Refused(Some(1.0));
        let calls =
            [(1, refused, 0.0), (2, refused, 0.1), (1, Outcome::Succeeded, 1.2), (1, refused, 1.3)];
        for (endpoint, outcome, now) in calls {
            let ticket = core.state.start(pair(endpoint), false, now);
            core.state.settle(ticket, outcome, false, now);
        }
        core.state.app.pace_from(20.0, 0.5, 3.0);
        core.state.start(pair(3), false, 3.1);

        let error = core.error(pair(4), Place::new(false, 1), 3.2);

        let told = error.retry_after.as_secs_f64();
        assert!((0.9..0.91).contains(&told), "{told}");
    }
}
