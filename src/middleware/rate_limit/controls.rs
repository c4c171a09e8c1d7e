//! What is told of an app's limits, what is set by hand, and what a restart carries over.

use std::time::Duration;

use super::Seconds;
use super::announced;
use super::app::App;
use super::bucket::Bucket;
use super::clock::{LONGEST_CLOSING, duration, since};
use super::endpoint::EndpointName;
use super::lock::Core;
use super::membership::Membership;
use super::pair::Pair;
use super::state::Endpoint;
use super::stats::{BucketStats, Closing, RateLimitStats};
use super::untold::Untold;

impl App {
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

    pub(super) fn close_for(&self, duration: Duration) -> Untold {
        let core = &mut *self.core.lock();
        let now = core.now(&self.options);
        let until = now + duration.as_secs_f64().min(LONGEST_CLOSING);
        if until <= now {
            return Untold::default();
        }
        let is_longer = until > core.state.app.closed_until;
        // While refusals alone close it, some go all the same.
        core.state.app.close(until);
        if is_longer {
            core.by_hand_until = until;
            self.closed_or_narrowed(core, now);
        }
        std::mem::take(&mut core.untold)
    }

    pub(super) fn close_endpoint_for(&self, name: &EndpointName, duration: Duration) -> Untold {
        let core = &mut *self.core.lock();
        let now = core.now(&self.options);
        let until = now + duration.as_secs_f64().min(LONGEST_CLOSING);
        let Some(endpoint) = core.endpoint(name, now) else { return Untold::default() };
        if until > endpoint.bucket.closed_until.max(now) {
            endpoint.bucket.close(until);
            endpoint.by_hand_until = until;
            self.closed_or_narrowed(core, now);
        }
        std::mem::take(&mut core.untold)
    }

    pub(super) fn reopen_endpoint(&self, name: &EndpointName) -> Untold {
        let core = &mut *self.core.lock();
        let now = core.now(&self.options);
        // Where too many are in use, it is one of those that share a limit.
        let key = core.state.endpoint(name.key, now, || name.name.clone());
        core.state.reopen_endpoint(key);
        core.announced.forget_endpoint(key);
        self.changed(core, now);
        std::mem::take(&mut core.untold)
    }

    pub(super) fn reopen(&self) -> Untold {
        let core = &mut *self.core.lock();
        let now = core.now(&self.options);
        core.state.reopen();
        core.announced.forget();
        core.by_hand_until = f64::NEG_INFINITY;
        self.changed(core, now);
        std::mem::take(&mut core.untold)
    }

    /// After a closing, which ends the hopes of some, and begins another epoch, in which others may
    /// go.
    fn closed_or_narrowed(&self, core: &mut Core, now: Seconds) {
        core.dismiss_hopeless(now);
        self.changed(core, now);
    }

    pub(super) fn stats(&self) -> RateLimitStats {
        let core = &mut *self.core.lock();
        let now = core.now(&self.options);
        let state = &core.state;
        let queue = &core.queue;
        let stats = |bucket: &Bucket, waiting, is_failing| BucketStats {
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
        let sharing =
            state.membership.as_ref().map(|membership| membership.sharing(&state.app, now));
        RateLimitStats { app, endpoints, sharing }
    }

    /// Tells the log and the listener what was closed since they were told last, of the app and of
    /// an endpoint, and says whether there was something to tell. They are called when nothing is
    /// locked: they may ask this limiter.
    pub(super) fn announce(&self, endpoint: Option<u64>) -> bool {
        let news = {
            let core = &mut *self.core.lock();
            let now = core.now(&self.options);
            core.news(endpoint, now)
        };
        if news.iter().all(Option::is_none) {
            return false;
        }
        let closings = self.closings();
        for new in news.into_iter().flatten() {
            let closing = closings.iter().find(|closing| closing.endpoint == new.endpoint);
            if let Some(closing) = closing {
                announced::tell(closing, new.closed_for, &self.options);
            }
        }
        true
    }

    /// Tells nobody what was closed: it was told of all apps.
    pub(super) fn keep_quiet(&self, endpoint: Option<u64>) {
        let core = &mut *self.core.lock();
        let now = core.now(&self.options);
        core.news(endpoint, now);
    }

    /// Whether it or an endpoint is paced, was refused lately, or is closed by more than what all
    /// apps are.
    pub(super) fn has_learnt(&self, of_all: &[Closing]) -> bool {
        if !self.closings().iter().all(|own| own.is_one_of(of_all)) {
            return true;
        }
        let core = &mut *self.core.lock();
        let now = core.now(&self.options);
        core.state.has_learnt(now)
    }

    pub(super) fn closings(&self) -> Vec<Closing> {
        let core = &mut *self.core.lock();
        let now = core.now(&self.options);
        let wall = self.options.clock.now().wall;
        let closing = |endpoint: Option<&Endpoint>, until: Seconds, is_by_hand| {
            let left =
                Duration::try_from_secs_f64(until - now).ok().filter(|left| !left.is_zero())?;
            let reason = endpoint.and_then(|endpoint| endpoint.reason_of(until, now));
            Some(Closing {
                client_id: self.client_id.clone(),
                endpoint: endpoint.map(|endpoint| endpoint.name.clone()),
                until: wall.checked_add(left)?,
                reason: reason.map(str::to_owned),
                is_by_hand,
                is_of_all_apps: self.is_of_all,
            })
        };
        let app = closing(None, core.state.app.closed_until, core.is_by_hand(now));
        let endpoints = core.state.endpoints.values().filter_map(|endpoint| {
            closing(Some(endpoint), endpoint.bucket.closed_until, endpoint.is_by_hand(now))
        });
        app.into_iter().chain(endpoints).collect()
    }

    /// That of an endpoint, or of the app.
    pub(super) fn closing_of(&self, endpoint: Option<u64>) -> Option<Closing> {
        let key = |name: &str| EndpointName::of(name).map(|name| name.key);
        let mut closings = self.closings().into_iter();
        closings.find(|closing| closing.endpoint.as_deref().and_then(key) == endpoint)
    }

    pub(super) fn restore(&self, closing: &Closing) -> Untold {
        let core = &mut *self.core.lock();
        let now = core.now(&self.options);
        let left = since(self.options.clock.now().wall, closing.until);
        let longest = match closing.endpoint {
            _ if closing.is_by_hand => LONGEST_CLOSING,
            Some(_) => self.options.longest_retry_after.as_secs_f64(),
            None => self.options.window.as_secs_f64(),
        };
        let until = now + left.min(longest);
        if until > now {
            core.restore(closing, until, now);
            self.closed_or_narrowed(core, now);
        }
        std::mem::take(&mut core.untold)
    }
}
