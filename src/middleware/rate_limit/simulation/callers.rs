//! Who calls a simulated server, and what came of it.

use std::collections::BTreeMap;

use super::super::Seconds;
use super::server::Server;

/// How often somebody calls.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Load {
    /// A number of tasks, each of which calls as soon as its last call has ended.
    Tasks(usize),
    /// A call each time that this number of seconds has passed, whatever becomes of those before.
    Each(Seconds),
    /// One task, with its pause between its calls.
    Poller(Seconds),
    /// A number of calls at once, and no more.
    Batch(usize),
    /// A number of calls at once, each time that this number of seconds has passed.
    Bursts(usize, Seconds),
}

/// A group of callers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Callers {
    pub(crate) load: Load,
    /// The first of the endpoints that they call in turn, and how many.
    pub(crate) endpoints: (u64, u64),
    pub(crate) user: u64,
    pub(crate) is_urgent: bool,
    pub(crate) from: Seconds,
    /// When they stop.
    pub(crate) until: Seconds,
    /// The number of their calls.
    pub(crate) most: usize,
    pub(crate) max_wait: Seconds,
    /// Which of the clients that share nothing.
    pub(crate) process: usize,
    /// Of one request, the caller's own.
    pub(crate) timeout: Seconds,
}

/// Servers and callers.
pub(crate) struct Setting {
    pub(crate) server: Server,
    pub(crate) callers: Vec<Callers>,
    pub(crate) latency: Seconds,
    pub(crate) lasts: Seconds,
    /// The limiter's option.
    pub(crate) window: Seconds,
    pub(crate) seed: u64,
    /// Whether the clients share the limit through a store.
    pub(crate) is_shared: bool,
    /// From when until when the store is away; it comes back empty.
    pub(crate) store_is_away: (Seconds, Seconds),
    /// From when on fewer clients are alive, and how many.
    pub(crate) deaths: Option<(Seconds, usize)>,
}

/// What came of a run.
#[derive(Debug, Default)]
pub(crate) struct Outcomes {
    pub(crate) good: Vec<Good>,
    pub(crate) refused: Vec<Refused>,
    /// When each request was sent.
    pub(crate) sent: Vec<Seconds>,
    /// When each call that failed did, and whose it was.
    pub(crate) failed: Vec<(Seconds, usize)>,
    /// The longest time from the beginning of a call to its end.
    pub(crate) longest: Seconds,
    /// With the store through which clients share a limit.
    pub(crate) exchanges: usize,
}

/// A call that succeeded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Good {
    pub(crate) at: Seconds,
    pub(crate) group: usize,
    /// For how long it waited for permits.
    pub(crate) waited: Seconds,
}

/// A request that was refused.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Refused {
    pub(crate) sent: Seconds,
    pub(crate) at: Seconds,
    pub(crate) process: usize,
}

impl Callers {
    pub(crate) fn new(load: Load) -> Self {
        Self {
            load,
            endpoints: (1, 1),
            user: 0,
            is_urgent: false,
            from: 0.0,
            until: f64::INFINITY,
            most: usize::MAX,
            max_wait: 60.0,
            process: 0,
            timeout: f64::INFINITY,
        }
    }

    pub(crate) fn at(self, endpoint: u64) -> Self {
        Self { endpoints: (endpoint, 1), ..self }
    }

    pub(crate) fn of(self, user: u64) -> Self {
        Self { user, ..self }
    }
}

impl Setting {
    pub(crate) fn new(server: Server, callers: Vec<Callers>, seed: u64) -> Self {
        Self {
            server,
            callers,
            latency: 0.05,
            lasts: 600.0,
            window: 30.0,
            seed,
            is_shared: false,
            store_is_away: (f64::INFINITY, f64::INFINITY),
            deaths: None,
        }
    }

    pub(crate) fn shared(self) -> Self {
        Self { is_shared: true, ..self }
    }

    pub(crate) fn lasts(self, lasts: Seconds) -> Self {
        Self { lasts, ..self }
    }

    pub(crate) fn processes(&self) -> usize {
        self.callers.iter().map(|callers| callers.process + 1).max().unwrap_or(1)
    }

    /// The highest endpoint.
    pub(crate) fn endpoints(&self) -> u64 {
        self.callers
            .iter()
            .map(|callers| callers.endpoints.0 + callers.endpoints.1 - 1)
            .max()
            .unwrap_or(1)
    }
}

impl Outcomes {
    pub(crate) fn good_between(&self, from: Seconds, to: Seconds) -> f64 {
        self.good.iter().filter(|good| (from..to).contains(&good.at)).count() as f64
    }

    pub(crate) fn good_of(&self, group: usize) -> f64 {
        self.good.iter().filter(|good| good.group == group).count() as f64
    }

    /// In percent of all requests, without those that were under way when their client's first
    /// refusal came.
    pub(crate) fn refused_percent(&self) -> f64 {
        let mut firsts = BTreeMap::new();
        let mut is_known = |refused: &Refused| {
            refused.sent >= *firsts.entry(refused.process).or_insert(refused.at)
        };
        let refused = self.refused.iter().filter(|refused| is_known(refused)).count();
        percent(refused, self.sent.len())
    }

    /// In percent of what was sent from then on.
    pub(crate) fn refused_percent_from(&self, from: Seconds) -> f64 {
        let refused = self.refused.iter().filter(|refused| refused.sent >= from).count();
        percent(refused, self.sent.iter().filter(|sent| **sent >= from).count())
    }

    /// How unequal the shares of groups are: their standard deviation over their mean.
    pub(crate) fn inequality(&self, groups: usize, from: Seconds) -> f64 {
        let mut counts = vec![0.0; groups];
        for good in self.good.iter().filter(|good| good.at >= from) {
            counts[good.group] += 1.0;
        }
        let mean = counts.iter().sum::<f64>() / groups as f64;
        let variance = counts.iter().map(|count| (count - mean) * (count - mean)).sum::<f64>();
        (variance / groups as f64).sqrt() / mean
    }

    pub(crate) fn mean_wait(&self) -> Seconds {
        self.good.iter().map(|good| good.waited).sum::<f64>() / self.good.len().max(1) as f64
    }

    pub(crate) fn last_good(&self) -> Seconds {
        self.good.iter().map(|good| good.at).fold(0.0, f64::max)
    }

    pub(crate) fn last_failed(&self) -> Seconds {
        self.failed.iter().map(|(at, _)| *at).fold(0.0, f64::max)
    }

    /// When the last call ended that had waited for longer.
    pub(crate) fn last_slow(&self, wait: Seconds) -> Seconds {
        let slow = self.good.iter().filter(|good| good.waited > wait);
        slow.map(|good| good.at).fold(0.0, f64::max)
    }
}

fn percent(part: usize, whole: usize) -> f64 {
    100.0 * part as f64 / whole.max(1) as f64
}
