//! The limiter before simulated servers, in virtual time: state and queue are the real ones, and
//! are used as `app` uses them, without its lock, clock and tasks.
//!
//! The files here use only the pure parts beside them, so that `benches/limits.rs` runs the same
//! table.

#![expect(clippy::indexing_slicing, reason = "a test that fails is a test that panics")]

mod callers;
mod scenarios;
mod server;
mod table;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use fastrand::Rng;

pub(crate) use self::callers::{Callers, Load, Outcomes, Setting};
use self::callers::{Good, Refused};
pub(crate) use self::scenarios::table;
use self::server::{Arrival, Reply};
pub(crate) use self::table::Row;
use super::Seconds;
use super::membership::Exchange;
use super::pair::Pair;
use super::pool::Pool;
use super::queue::{Place, Queue, Waiter};
use super::shared::{Granted, Told};
use super::state::{State, Ticket};

/// Runs it to its end.
pub(crate) fn run(setting: Setting) -> Outcomes {
    let mut world = World::new(setting);
    world.run();
    world.outcomes
}

/// Clients and callers before one server.
struct World {
    setting: Setting,
    clients: Vec<Client>,
    calls: Vec<Call>,
    /// The calls that each group has begun.
    begun: Vec<usize>,
    arrived: usize,
    /// What the clients share.
    pool: Pool,
    events: BTreeMap<(Moment, u64), Event>,
    next_event: u64,
    random: Rng,
    now: Seconds,
    outcomes: Outcomes,
}

struct Client {
    state: State,
    /// Of calls, by their index.
    queue: Queue<usize>,
    next_number: u64,
    wakes_at: Seconds,
}

struct Call {
    group: usize,
    pair: Pair,
    number: u64,
    began: Seconds,
    waited: Seconds,
    /// Where it stands in the queue, and since when.
    waits: Option<(Place, Seconds)>,
    under_way: Option<Ticket>,
    /// Counts its requests, so that what concerns an earlier one comes to nothing.
    sendings: u32,
}

#[derive(Clone, Copy)]
enum Event {
    Begins(usize),
    Arrives(usize),
    Ends(usize, u32, Reply),
    Expires(usize, u32),
    Wakes(usize),
    Tells(usize, Exchange, Told),
    Hears(usize, Exchange, Option<Granted>),
}

/// The bits of a time that is not negative are in its order.
type Moment = u64;

impl World {
    fn new(setting: Setting) -> Self {
        let clients =
            (0..setting.processes()).map(|process| Client::new(&setting, process)).collect();
        Self {
            clients,
            calls: Vec::new(),
            begun: vec![0; setting.callers.len()],
            arrived: 0,
            pool: new_pool(),
            events: BTreeMap::new(),
            next_event: 0,
            random: Rng::with_seed(setting.seed),
            now: 0.0,
            outcomes: Outcomes::default(),
            setting,
        }
    }

    fn run(&mut self) {
        for group in 0..self.setting.callers.len() {
            let Callers { load, from, .. } = self.setting.callers[group];
            let count = match load {
                Load::Tasks(count) | Load::Batch(count) | Load::Bursts(count, _) => count,
                Load::Each(_) | Load::Poller(_) => 1,
            };
            (0..count).for_each(|_| self.at(from, Event::Begins(group)));
        }
        while let Some(((moment, _), event)) = self.events.pop_first() {
            self.now = f64::from_bits(moment);
            if self.now > self.setting.lasts {
                return;
            }
            self.on(event);
        }
    }

    fn at(&mut self, time: Seconds, event: Event) {
        self.next_event += 1;
        self.events.insert((time.max(self.now).to_bits(), self.next_event), event);
    }

    fn on(&mut self, event: Event) {
        match event {
            Event::Begins(group) => self.begin(group),
            Event::Arrives(call) => self.arrive(call),
            Event::Ends(call, sending, reply) => {
                let is_under_way = self.calls[call].under_way.is_some();
                if self.calls[call].sendings == sending && is_under_way {
                    self.end(call, reply);
                }
            }
            Event::Expires(call, sending) => {
                let place = self.calls[call].waits.take();
                match place.filter(|_| self.calls[call].sendings == sending) {
                    Some((place, _)) => self.expire(call, place),
                    None => self.calls[call].waits = place,
                }
            }
            Event::Wakes(process) => {
                self.clients[process].wakes_at = f64::INFINITY;
                self.grant(process);
                self.exchange_if_due(process);
            }
            Event::Tells(process, exchange, told) => self.tell(process, exchange, &told),
            Event::Hears(process, exchange, granted) => self.hear(process, exchange, granted),
        }
    }

    fn exchange_if_due(&mut self, process: usize) {
        if self.is_dead(process) {
            return;
        }
        let Client { state, queue, .. } = &mut self.clients[process];
        let waiting = queue.len_for_app(state, self.now);
        let is_urgent = queue.has_urgent(state, self.now);
        if let Some(exchange) = state.due(waiting, is_urgent, self.now)
            && let Some(told) = state.send(exchange, waiting, is_urgent, self.now)
        {
            self.at(self.now + HALF_WAY_TO_STORE, Event::Tells(process, exchange, told));
        }
    }

    fn tell(&mut self, process: usize, exchange: Exchange, told: &Told) {
        let (from, to) = self.setting.store_is_away;
        if (from..to).contains(&self.now) {
            self.pool = new_pool();
            return self.at(self.now + STORE_LIMIT, Event::Hears(process, exchange, None));
        }
        let granted = self.pool.exchange(told, self.now);
        self.outcomes.exchanges += 1;
        self.at(self.now + HALF_WAY_TO_STORE, Event::Hears(process, exchange, Some(granted)));
    }

    fn hear(&mut self, process: usize, exchange: Exchange, granted: Option<Granted>) {
        let jitter = self.random.f64();
        self.clients[process].state.heard(exchange, granted, jitter, self.now);
        self.dismiss_hopeless(process);
        self.grant(process);
        self.exchange_if_due(process);
    }

    /// Whether its process has died.
    fn is_dead(&self, process: usize) -> bool {
        self.setting.deaths.is_some_and(|(from, alive)| self.now >= from && process >= alive)
    }

    fn callers(&self, call: usize) -> Callers {
        self.setting.callers[self.calls[call].group]
    }

    fn begin(&mut self, group: usize) {
        let callers = self.setting.callers[group];
        let is_over = self.begun[group] >= callers.most || self.now >= callers.until;
        if is_over || self.is_dead(callers.process) {
            return;
        }
        if let Load::Each(seconds) | Load::Bursts(_, seconds) = callers.load {
            self.at(self.now + seconds, Event::Begins(group));
        }
        let (first, count) = callers.endpoints;
        let endpoint = first + self.begun[group] as u64 % count;
        self.begun[group] += 1;
        let client = &mut self.clients[callers.process];
        client.next_number += 1;
        let pair = Pair { endpoint, user: callers.user };
        let number = client.next_number;
        let under_way = None;
        let waits = None;
        let began = self.now;
        self.calls.push(Call {
            group,
            pair,
            number,
            began,
            waited: 0.0,
            waits,
            under_way,
            sendings: 0,
        });
        self.ask(self.calls.len() - 1);
    }

    /// For a permit: at once, or in the queue.
    fn ask(&mut self, call: usize) {
        let callers = self.callers(call);
        let now = self.now;
        let client = &mut self.clients[callers.process];
        let Call { pair, number, waited, sendings, .. } = self.calls[call];
        if client.queue.len() == 0 && client.state.check(pair, now).is_ok() {
            let ticket = client.state.start(pair, false, now);
            self.send(call, ticket);
            return self.exchange_if_due(callers.process);
        }
        let place = Place::new(callers.is_urgent, number);
        let limit = now + callers.max_wait - waited;
        if now + client.queue.wait(&client.state, pair, place, now) > limit {
            return self.fail(call);
        }
        client.queue.insert(place, Waiter { pair, limit, owner: call });
        self.calls[call].waits = Some((place, now));
        self.at(limit, Event::Expires(call, sendings));
        self.grant(callers.process);
        self.exchange_if_due(callers.process);
    }

    /// Lets all go that may, and sees when the next one may.
    fn grant(&mut self, process: usize) {
        let now = self.now;
        if self.is_dead(process) {
            return;
        }
        loop {
            let client = &mut self.clients[process];
            if client.queue.len() == 0 {
                return;
            }
            match client.queue.next(&client.state, now) {
                Ok(waiter) => {
                    let has_waited = self.ends_waiting(waiter.owner);
                    let client = &mut self.clients[process];
                    let ticket = client.state.start(waiter.pair, has_waited, now);
                    self.send(waiter.owner, ticket);
                }
                Err(then) => return self.wake(process, then),
            }
        }
    }

    fn wake(&mut self, process: usize, then: Seconds) {
        if then < self.clients[process].wakes_at {
            self.clients[process].wakes_at = then;
            // A timer is late by up to two milliseconds.
            let late = 0.002 * self.random.f64();
            self.at(then + late, Event::Wakes(process));
        }
    }

    /// Says whether any time has passed.
    fn ends_waiting(&mut self, call: usize) -> bool {
        let since = self.calls[call].waits.take().map_or(self.now, |(_, since)| since);
        self.calls[call].waited += self.now - since;
        self.now > since
    }

    fn send(&mut self, call: usize, ticket: Ticket) {
        let timeout = self.callers(call).timeout;
        let sent = &mut self.calls[call];
        sent.under_way = Some(ticket);
        sent.sendings += 1;
        let sending = sent.sendings;
        self.outcomes.sent.push(self.now);
        if timeout.is_finite() {
            self.at(self.now + timeout, Event::Ends(call, sending, Reply::Hangs));
        }
        let half_way = self.half_way();
        self.at(self.now + half_way, Event::Arrives(call));
    }

    fn half_way(&mut self) -> Seconds {
        self.setting.latency / 2.0 * (0.9 + 0.2 * self.random.f64())
    }

    fn arrive(&mut self, call: usize) {
        let Call { pair, sendings, .. } = self.calls[call];
        let Pair { endpoint, user } = pair;
        let arrival = Arrival { time: self.now, endpoint, user, number: self.arrived };
        self.arrived += 1;
        let reply = self.setting.server.reply(arrival, &mut self.random);
        if reply != Reply::Hangs {
            let half_way = self.half_way();
            self.at(self.now + half_way, Event::Ends(call, sendings, reply));
        }
    }

    fn end(&mut self, call: usize, reply: Reply) {
        let Some(ticket) = self.calls[call].under_way.take() else { return };
        let process = self.callers(call).process;
        let client = &mut self.clients[process];
        let others = client.queue.has_demand(ticket.pair.endpoint, &client.state, self.now);
        client.state.settle(ticket, reply.outcome(), others, self.now);
        match reply {
            Reply::Good => self.succeed(call),
            Reply::Refused(_) => {
                self.outcomes.refused.push(Refused { sent: ticket.sent, at: self.now, process });
                self.dismiss_hopeless(process);
                self.ask(call);
            }
            Reply::Failed | Reply::Hangs => self.fail(call),
        }
        self.grant(process);
        self.exchange_if_due(process);
    }

    fn dismiss_hopeless(&mut self, process: usize) {
        let now = self.now;
        let Client { state, queue, .. } = &mut self.clients[process];
        for waiter in queue.take_hopeless(|endpoint| state.opens(endpoint, now)) {
            self.ends_waiting(waiter.owner);
            self.fail(waiter.owner);
        }
    }

    fn expire(&mut self, call: usize, place: Place) {
        let process = self.callers(call).process;
        self.clients[process].queue.remove(self.calls[call].pair.endpoint, place);
        self.fail(call);
        self.grant(process);
    }

    fn succeed(&mut self, call: usize) {
        let Call { group, waited, .. } = self.calls[call];
        self.outcomes.good.push(Good { at: self.now, group, waited });
        self.go_on(call);
    }

    fn fail(&mut self, call: usize) {
        self.outcomes.failed.push((self.now, self.calls[call].group));
        self.go_on(call);
    }

    fn go_on(&mut self, call: usize) {
        let Call { group, began, .. } = self.calls[call];
        let lasted = self.now - began;
        self.outcomes.longest = self.outcomes.longest.max(lasted);
        match self.setting.callers[group].load {
            // A failure that costs no time must not stop the simulation.
            Load::Tasks(_) if lasted == 0.0 => self.at(self.now + 0.1, Event::Begins(group)),
            Load::Tasks(_) => self.at(self.now, Event::Begins(group)),
            Load::Poller(pause) => self.at(self.now + pause, Event::Begins(group)),
            Load::Each(_) | Load::Batch(_) | Load::Bursts(..) => {}
        }
    }
}

impl Client {
    fn new(setting: &Setting, process: usize) -> Self {
        let mut state = State::new(setting.window, 7.0 * 86_400.0);
        if setting.is_shared {
            state = state.shared_as(process as u64);
        }
        for endpoint in 1..=setting.endpoints() {
            state.endpoint(endpoint, 0.0, String::new);
        }
        Self { state, queue: Queue::new(), next_number: 0, wakes_at: f64::INFINITY }
    }
}

fn new_pool() -> Pool {
    Pool::new(std::time::Duration::from_secs(30))
}

/// To a store in the same network.
const HALF_WAY_TO_STORE: Seconds = 0.000_125;
/// After which a store is given up.
const STORE_LIMIT: Seconds = 0.05;
