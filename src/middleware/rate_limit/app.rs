//! How a caller waits for a permit of its app, and who is woken when.
//!
//! Each change grants permits to all that may go, in order. Time passes by itself, so one waiter,
//! the *keeper*, sleeps until somebody may go; when it leaves, another takes its place. All others
//! look once a second whether a keeper overslept, since its caller may have stopped polling it, and
//! whether the wall clock has jumped.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use tokio::sync::{Notify, oneshot};

use super::announced::Opened;
use super::clock::duration;
use super::granted;
use super::lock::{Caller, Core, Keeper, Verdict};
use super::membership::Exchange;
use super::pair::Pair;
use super::permit::{Permit, Stay, Turn, Wanted};
use super::queue::{Place, Waiter};
use super::state::{Outcome, Ticket};
use super::untold::CoreLock;
use super::{RateLimitOptions, RateLimited, Seconds};

#[derive(Debug)]
pub(super) struct App {
    /// Tells apps apart: a call may pass through several limiters, and has a number in each.
    pub(super) id: u64,
    pub(super) client_id: Option<String>,
    /// Whether it stands for all apps, and no request passes it.
    pub(super) is_of_all: bool,
    pub(super) options: RateLimitOptions,
    pub(super) core: CoreLock,
    /// Another waiter is to be the keeper.
    keeper_wanted: Arc<Notify>,
    /// An exchange with the other processes has ended.
    pub(super) exchanged: Notify,
}

impl App {
    pub(super) fn new(client_id: Option<String>, options: RateLimitOptions) -> Self {
        let core = Core::new(&options);
        let id = APPS.fetch_add(1, Ordering::Relaxed);
        let keeper_wanted = Arc::clone(&core.keeper_wanted);
        let core = CoreLock::new(core);
        let exchanged = Notify::new();
        Self { id, client_id, is_of_all: false, options, core, keeper_wanted, exchanged }
    }

    /// What is done to all apps by hand.
    pub(super) fn of_all(options: RateLimitOptions) -> Self {
        Self { is_of_all: true, ..Self::new(None, options) }
    }

    /// A permit, if nobody waits and nothing is in the way; else a stay at the endpoint, to wait
    /// with.
    pub(super) fn permit_at_once(
        self: &Arc<Self>,
        pair: Pair,
        name: impl FnOnce() -> String,
    ) -> Result<Permit, Stay> {
        let mut locked = self.core.lock();
        let core = &mut *locked;
        let now = core.now(&self.options);
        let pair = Pair { endpoint: core.state.endpoint(pair.endpoint, now, name), ..pair };
        if core.queue.len() > 0 || core.state.check(pair, now).is_err() {
            core.state.stay(pair.endpoint);
            return Err(Stay::new(self, pair));
        }
        let ticket = core.state.start(pair, false, now);
        core.next_number += 1;
        let permit = Permit::new(self, ticket, core.next_number);
        let exchange = self.due(core, now);
        drop(locked);
        self.begin(exchange);
        Ok(permit)
    }

    /// Waits for a permit, in order.
    ///
    /// # Errors
    ///
    /// At once where it is known not to come in time; else when the time is over.
    pub(super) async fn permit(self: &Arc<Self>, wanted: Wanted) -> Result<Turn, RateLimited> {
        let (waiting, mut granted) = self.queue_up(wanted)?;
        let place = waiting.place;
        loop {
            let sleep = self.watch(&waiting, wanted.pair);
            let told = told(&mut granted, &self.keeper_wanted);
            match tokio::time::timeout(sleep, told).await {
                Ok(Some(Some(verdict))) => {
                    return verdict.map(|granted| self.pick_up(place, granted));
                }
                Ok(Some(None)) => {
                    return Ok(Turn::Late { number: place.number, idle: Duration::ZERO });
                }
                // Whatever wants a keeper each time that it looks, the runtime has its turn.
                Ok(None) => tokio::task::yield_now().await,
                Err(_) => {}
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
    ) -> Result<(Waiting<'_>, oneshot::Receiver<Verdict>), RateLimited> {
        let mut locked = self.core.lock();
        let core = &mut *locked;
        let now = core.now(&self.options);
        let number = wanted.number.unwrap_or_else(|| {
            core.next_number += 1;
            core.next_number
        });
        core.arrivals += 1;
        let place = Place::new(wanted.is_urgent, number).arrived(core.arrivals);
        let patience = wanted.patience.as_secs_f64();
        let (sender, receiver) = oneshot::channel();
        if core.queue.shortest_wait(&core.state, wanted.pair, place, now) > patience {
            return Err(core.error(wanted.pair, place, now));
        }
        let longest = wanted.to_deadline.as_secs_f64();
        core.await_word(wanted.is_urgent, now);
        let limit = core.limit_for(wanted.is_urgent, (patience, longest), now);
        let looked = core.awake(now);
        let patient_until = looked + patience;
        let pair = wanted.pair;
        let owner = Caller { pair, place, patient_until, told: sender, since: now, looked };
        core.queue.insert(place, Waiter { pair, limit, owner });
        // Where it may not go, nobody may who could not before, and all others need no look.
        let next = match core.state.check(wanted.pair, now) {
            Ok(()) => self.grant(core, now),
            Err(obstacle) => {
                let beyond = core.state.may_go_beyond_from(wanted.pair.endpoint, now);
                obstacle.until().min(beyond.unwrap_or(f64::INFINITY))
            }
        };
        // The keeper may sleep for an endpoint that is closed for longer.
        core.keeper = core.keeper.filter(|keeper| keeper.wakes_at <= next);
        let exchange = self.due(core, now);
        // It leaves also where a waker panics that is called now.
        let waiting = Waiting { app: self, endpoint: pair.endpoint, place };
        drop(locked);
        self.begin(exchange);
        Ok((waiting, receiver))
    }

    /// Moves on what time allows, and says for how long a waiter may sleep.
    fn watch(self: &Arc<Self>, waiting: &Waiting<'_>, pair: Pair) -> Duration {
        let (sleep, exchange) = self.look(&mut self.core.lock(), waiting, pair);
        self.begin(exchange);
        sleep
    }

    fn look(
        &self,
        core: &mut Core,
        waiting: &Waiting<'_>,
        pair: Pair,
    ) -> (Duration, Option<Exchange>) {
        let now = core.now(&self.options);
        core.look(pair, waiting.place, now);
        if core.is_over(pair, waiting.place, now) {
            // Many may give up at the same time: none of them needs a look at all others.
            core.expire(pair, waiting.place, now);
            return (duration(SHORTEST_SLEEP), None);
        }
        let is_keeper = |keeper: Keeper| keeper.place == waiting.place;
        let is_overdue = |keeper: Keeper| keeper.wakes_at <= now;
        if core.keeper.is_none_or(|keeper| is_keeper(keeper) || is_overdue(keeper)) {
            let wakes_at = self.grant(core, now).min(core.granted.overdue_at());
            core.keeper = Some(Keeper { place: waiting.place, wakes_at });
        }
        let exchange = self.due(core, now);
        let wakes_at =
            core.keeper.filter(|keeper| is_keeper(*keeper)).map(|keeper| keeper.wakes_at);
        let limit = core.expire(pair, waiting.place, now);
        let sleep = wakes_at.unwrap_or(f64::INFINITY).min(limit) - now;
        (duration(sleep.clamp(SHORTEST_SLEEP, LONGEST_SLEEP)), exchange)
    }

    /// Grants permits to all that may go, and says when the next one may.
    fn grant(&self, core: &mut Core, now: Seconds) -> Seconds {
        while let Some(ticket) = core.granted.take_overdue(now) {
            core.state.settle(ticket, Outcome::Unsent, false, now);
            core.dismiss_idle(LONGEST_SLEEP + granted::LONGEST, now);
        }
        while core.queue.len() > 0 {
            match core.queue.next(&core.state, now) {
                Ok(waiter) => core.grant(waiter, now),
                Err(then) => return then,
            }
        }
        f64::INFINITY
    }

    pub(super) fn settle(self: &Arc<Self>, ticket: Ticket, outcome: Outcome) {
        let (opened, exchange) = self.settle_quietly(&mut self.core.lock(), ticket, outcome);
        self.begin(exchange);
        // Who hears of it may ask the limiter.
        opened.log(self.client_id.as_deref());
    }

    fn settle_quietly(
        &self,
        core: &mut Core,
        ticket: Ticket,
        outcome: Outcome,
    ) -> (Opened, Option<Exchange>) {
        let now = core.now(&self.options);
        let is_refused = matches!(outcome, Outcome::Refused(_));
        let endpoint = ticket.pair.endpoint;
        let is_limit = is_refused && !core.state.waits_for_word(now);
        let others = is_limit && core.queue.has_demand(endpoint, &core.state, now);
        core.state.settle(ticket, outcome, others, now);
        let opened = match outcome {
            Outcome::Succeeded => {
                let endpoints = &core.state.endpoints;
                let name =
                    || endpoints.get(&endpoint).map_or_else(String::new, |it| it.name.clone());
                core.announced.went_through(endpoint, name, now)
            }
            _ => Opened::default(),
        };
        let mut exchange = None;
        if is_refused {
            core.dismiss_hopeless(now);
            exchange = self.due(core, now);
        }
        self.changed(core, now);
        (opened, exchange)
    }

    /// After something that may let waiters go, or go earlier than the keeper wakes.
    pub(super) fn changed(&self, core: &mut Core, now: Seconds) {
        if core.queue.len() == 0 {
            return;
        }
        let next = self.grant(core, now);
        if core.keeper.is_none_or(|keeper| next < keeper.wakes_at) {
            core.keeper = None;
            core.want_keeper();
        }
    }

    /// After how long a request that was refused would go, and what it waits for.
    pub(super) fn closed(&self, pair: Pair) -> RateLimited {
        let core = &mut *self.core.lock();
        let now = core.now(&self.options);
        core.error(pair, Place::new(false, u64::MAX), now)
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

/// One who waits, until it goes or gives up.
struct Waiting<'a> {
    app: &'a Arc<App>,
    endpoint: u64,
    place: Place,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let core = &mut *self.app.core.lock();
        if let Some(ticket) = core.leave(self.endpoint, self.place) {
            let now = core.now(&self.app.options);
            core.state.settle(ticket, Outcome::Unsent, false, now);
            self.app.changed(core, now);
        }
        if core.keeper.is_none() && core.queue.len() > 0 {
            core.want_keeper();
        }
    }
}

/// How long a waiter sleeps without looking up.
const LONGEST_SLEEP: Seconds = 1.0;
/// What a timer can tell apart: less would be no sleep at all, and a waiter would spin until the
/// time has come.
const SHORTEST_SLEEP: Seconds = 0.001;
static APPS: AtomicU64 = AtomicU64::new(0);

#[cfg(test)]
#[path = "demand.rs"]
mod demand;
#[cfg(test)]
#[expect(clippy::unwrap_used)]
#[path = "fake_store.rs"]
mod fake_store;
#[cfg(test)]
#[expect(clippy::unwrap_used)]
#[path = "forgetting.rs"]
mod forgetting;
#[cfg(test)]
#[expect(clippy::unwrap_used)]
#[path = "granted_starts.rs"]
mod granted_starts;
#[cfg(test)]
#[expect(clippy::unwrap_used)]
#[path = "impatient.rs"]
mod impatient;
#[cfg(test)]
#[expect(clippy::unwrap_used)]
#[path = "late.rs"]
mod late;
#[cfg(test)]
#[expect(clippy::panic, clippy::unwrap_used)]
#[path = "logging.rs"]
mod logging;
#[cfg(test)]
#[expect(clippy::unwrap_used)]
#[path = "lost.rs"]
mod lost;
#[cfg(test)]
#[expect(clippy::unwrap_used)]
#[path = "passing.rs"]
mod passing;
#[cfg(test)]
#[path = "races.rs"]
mod races;
#[cfg(test)]
#[path = "schedules.rs"]
mod schedules;
#[cfg(test)]
#[expect(clippy::unwrap_used)]
#[path = "telling.rs"]
mod telling;
#[cfg(test)]
#[expect(clippy::panic, clippy::unwrap_used)]
#[path = "wakers.rs"]
mod wakers;

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::sync::Mutex;

    /// What a clock says that is set forward while others wait.
    #[derive(Debug, Clone)]
    pub(super) struct SetForward(pub(super) tokio::time::Instant, pub(super) Arc<Mutex<Duration>>);

    impl SetForward {
        pub(super) fn new() -> Self {
            Self(tokio::time::Instant::now(), Arc::default())
        }
    }

    impl crate::auth::Clock for SetForward {
        fn now(&self) -> crate::auth::Now {
            let now = tokio::time::Instant::now();
            let wall = SystemTime::UNIX_EPOCH + (now - self.0) + *self.1.lock();
            crate::auth::Now { monotonic: now.into_std(), wall }
        }
    }

    pub(super) fn wanted(endpoint: u64) -> Wanted {
        let pair = Pair { endpoint, user: 0 };
        Wanted {
            pair,
            is_urgent: false,
            number: None,
            patience: Duration::from_secs(60),
            to_deadline: Duration::MAX,
        }
    }

    /// The keeper waits for the app's rate; a request beyond it hangs, and another comes after it.
    #[tokio::test(start_paused = true)]
    async fn who_may_go_beside_one_that_hangs_is_woken_though_the_keeper_waits_for_longer() {
        for offset in [100, 500, 900] {
            let clock = SetForward::new();
            let options = RateLimitOptions::default().with_clock(clock);
            let app = Arc::new(App::new(None, options));
            let patience = Duration::from_secs(60);
            let wanted = |endpoint| {
                let pair = Pair { endpoint, user: 0 };
                Wanted {
                    pair,
                    is_urgent: false,
                    number: None,
                    patience,
                    to_deadline: Duration::MAX,
                }
            };
            {
                let core = &mut *app.core.lock();
                core.state.app.rows = 2;
                core.state.app.pace_from(10.0, 0.1, 0.0);
                for endpoint in [1, 4, 5] {
                    core.state.endpoint(endpoint, 0.0, String::new);
                }
                let refused = core.state.endpoints.get_mut(&1).unwrap();
                refused.bucket.last_refused = Some(0.0);
            }
            let keeper = tokio::spawn({
                let (app, wanted) = (Arc::clone(&app), wanted(1));
                async move { app.permit(wanted).await.map(drop) }
            });
            tokio::time::sleep(Duration::from_millis(offset)).await;
            let began = tokio::time::Instant::now();
            let hangs = app.permit(wanted(4)).await.unwrap();
            tokio::time::sleep(Duration::from_millis(950)).await;

            app.permit(wanted(5)).await.unwrap();

            let waited = began.elapsed();
            assert!(waited < Duration::from_millis(1010), "{waited:?} from {offset} ms on");
            keeper.abort();
            drop(hangs);
        }
    }

    /// Ten wait under a rate of one a second, for a minute at most.
    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_set_forward_ends_nobodys_patience() {
        for jump in [2, 30, 65, 3600] {
            let clock = SetForward::new();
            let options = RateLimitOptions::default().with_clock(clock.clone());
            let app = Arc::new(App::new(None, options));
            app.core.lock().state.app.pace(1.0, 0.0);
            let pair = Pair { endpoint: 7, user: 0 };
            let patience = Duration::from_secs(60);
            let wanted = Wanted {
                pair,
                is_urgent: false,
                number: None,
                patience,
                to_deadline: Duration::MAX,
            };
            let calls: Vec<_> = (0..40)
                .map(|_| {
                    let app = Arc::clone(&app);
                    tokio::spawn(async move {
                        races::permit(&app, wanted)
                            .await
                            .map(|permit| permit.settle(Outcome::Succeeded))
                    })
                })
                .collect();
            tokio::time::sleep(Duration::from_secs(3)).await;
            *clock.1.lock() = Duration::from_secs(jump);
            drop(app.close_for(Duration::from_secs(1)));
            for call in calls {
                call.await.unwrap().unwrap();
            }
        }
    }
}
