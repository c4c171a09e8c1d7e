//! What bots have met in practice, in virtual time: calls that come as they come, before a scripted
//! server.

#![expect(clippy::indexing_slicing, reason = "a test that fails is a test that panics")]

use std::collections::VecDeque;

use super::Seconds;
use super::pair::Pair;
use super::state::{Outcome, State, Ticket};

/// A call, and what it has waited for.
#[derive(Debug, Clone, Copy)]
struct Call {
    endpoint: u64,
    arrived: Seconds,
    queued: Seconds,
    waited: Seconds,
    was_refused: bool,
}

/// A call that has ended.
#[derive(Debug, Clone, Copy)]
struct Ended {
    endpoint: u64,
    arrived: Seconds,
    at: Seconds,
    failed: bool,
}

/// One limiter, its callers, and a server that says what becomes of a request.
struct Bot<S> {
    state: State,
    server: S,
    /// What it takes until a response is there, by what becomes of the request.
    latency: fn(Outcome) -> Seconds,
    max_wait: Seconds,
    now: Seconds,
    queue: VecDeque<Call>,
    under_way: Vec<(Seconds, Ticket, Call, Outcome)>,
    ended: Vec<Ended>,
    sent: Vec<Seconds>,
    refused: Vec<Seconds>,
}

impl<S: FnMut(u64, Seconds) -> Outcome> Bot<S> {
    fn new(server: S) -> Self {
        let mut state = State::new(30.0, 604_800.0);
        for endpoint in 1..=5 {
            state.endpoint(endpoint, 0.0, String::new);
        }
        Self {
            state,
            server,
            latency: |_| 0.05,
            max_wait: 60.0,
            now: 0.0,
            queue: VecDeque::new(),
            under_way: Vec::new(),
            ended: Vec::new(),
            sent: Vec::new(),
            refused: Vec::new(),
        }
    }

    fn call(&mut self, endpoint: u64) {
        let arrived = self.now;
        let queued = self.now;
        self.queue.push_back(Call { endpoint, arrived, queued, waited: 0.0, was_refused: false });
    }

    /// Moves on by a hundredth of a second. Returns the endpoints of calls that ended.
    fn tick(&mut self) -> Vec<u64> {
        let before = self.ended.len();
        self.return_responses();
        self.send();
        self.give_up();
        self.now += TICK;
        self.ended[before..].iter().map(|ended| ended.endpoint).collect()
    }

    fn return_responses(&mut self) {
        let now = self.now;
        let (back, under_way) =
            std::mem::take(&mut self.under_way).into_iter().partition(|(at, ..)| *at <= now);
        self.under_way = under_way;
        let back: Vec<(Seconds, Ticket, Call, Outcome)> = back;
        for (_, ticket, call, outcome) in back {
            self.state.settle(ticket, outcome, !self.queue.is_empty(), now);
            match outcome {
                Outcome::Refused(_) => {
                    self.refused.push(now);
                    // A call that was refused keeps its place.
                    self.queue.push_front(Call { queued: now, was_refused: true, ..call });
                }
                outcome => self.end(call, outcome != Outcome::Succeeded),
            }
        }
    }

    fn send(&mut self) {
        let mut left = VecDeque::new();
        while let Some(call) = self.queue.pop_front() {
            let pair = Pair { endpoint: call.endpoint, user: 0 };
            if self.state.check(pair, self.now).is_err() {
                left.push_back(call);
                continue;
            }
            let waited = self.now - call.queued;
            let has_waited = call.was_refused || waited > 0.0;
            let ticket = self.state.start(pair, has_waited, self.now);
            let outcome = (self.server)(call.endpoint, self.now);
            self.sent.push(self.now);
            let call = Call { waited: call.waited + waited, ..call };
            self.under_way.push((self.now + (self.latency)(outcome), ticket, call, outcome));
        }
        self.queue = left;
    }

    fn give_up(&mut self) {
        let now = self.now;
        let max_wait = self.max_wait;
        let is_late = |call: &Call| call.waited + now - call.queued > max_wait;
        let late: Vec<_> = self.queue.iter().filter(|call| is_late(call)).copied().collect();
        self.queue.retain(|call| !is_late(call));
        late.into_iter().for_each(|call| self.end(call, true));
    }

    fn end(&mut self, call: Call, failed: bool) {
        let Call { endpoint, arrived, .. } = call;
        self.ended.push(Ended { endpoint, arrived, at: self.now, failed });
    }

    /// Calls that come at a steady pace, whatever becomes of them.
    fn steady(&mut self, endpoint: u64, a_second: f64, seconds: Seconds) {
        let begin = self.now;
        let mut came = 0.0;
        while self.now - begin < seconds {
            while came <= (self.now - begin) * a_second {
                self.call(endpoint);
                came += 1.0;
            }
            self.tick();
        }
    }

    fn failed(&self) -> usize {
        self.ended.iter().filter(|ended| ended.failed).count()
    }

    /// The longest time that a call took of those that came in between two times.
    fn slowest(&self, from: Seconds, to: Seconds) -> Seconds {
        let ended = self.ended.iter().filter(|ended| (from..to).contains(&ended.arrived));
        ended.map(|ended| ended.at - ended.arrived).fold(0.0, f64::max)
    }
}

/// Refuses what comes over a count within a rolling window.
fn rolling(count: usize, window: Seconds, pause: Seconds) -> impl FnMut(u64, Seconds) -> Outcome {
    let mut accepted = VecDeque::<Seconds>::new();
    move |_, now| {
        accepted.retain(|then| now - then < window);
        if accepted.len() >= count {
            return Outcome::Refused(Some(pause));
        }
        accepted.push_back(now);
        Outcome::Succeeded
    }
}

const TICK: Seconds = 0.01;

#[test]
fn a_stray_refusal_of_30_s_fails_no_call_and_is_over_with_its_pause() {
    let mut number = 0;
    let mut bot = Bot::new(|_, _| {
        number += 1;
        if number == 400 { Outcome::Refused(Some(30.0)) } else { Outcome::Succeeded }
    });
    bot.steady(1, 20.0, 120.0);
    assert_eq!((bot.failed(), bot.refused.len()), (0, 1));
    let refused = bot.refused[0];
    let slow = bot.slowest(refused + 31.5, 200.0);
    assert!(slow < 0.1, "{slow} after the pause");
}

#[test]
fn every_thirtieth_request_refused_costs_its_pauses() {
    let mut number = 0;
    let mut bot = Bot::new(|_, _| {
        number += 1;
        if number % 30 == 0 { Outcome::Refused(Some(1.0)) } else { Outcome::Succeeded }
    });
    (0..16).for_each(|_| bot.call(1));
    let mut begun = 16;
    while bot.ended.len() < 700 {
        for _ in bot.tick().into_iter().take(700 - begun) {
            bot.call(1);
            begun += 1;
        }
    }
    assert!(bot.now <= 52.0, "24 s are its pauses: {}", bot.now);
}

#[test]
fn six_seconds_of_refusals_are_forgotten_when_they_are_over() {
    let mut bot = Bot::new(|_, now| match now {
        10.0..16.0 => Outcome::Refused(Some(1.0)),
        _ => Outcome::Succeeded,
    });
    bot.max_wait = 5.0;
    bot.steady(1, 100.0, 120.0);
    let last = bot.ended.iter().filter(|ended| ended.failed).map(|ended| ended.at);
    let last = last.fold(0.0, f64::max);
    assert!(last <= 19.0, "failures until {last}");
    assert!(bot.failed() <= 400, "{} failed", bot.failed());
    let slow = bot.slowest(60.0, 120.0);
    assert!(slow < 0.2, "{slow} after the limit was gone");
}

#[test]
fn an_endpoint_that_is_always_refused_slows_no_other() {
    let mut bot = Bot::new(|endpoint, _| match endpoint {
        1 => Outcome::Refused(Some(11.0)),
        _ => Outcome::Succeeded,
    });
    for second in 0..240 {
        bot.call(1);
        let before = bot.ended.len();
        bot.steady(2, 1.0, 1.0);
        let others = bot.ended[before..].iter().filter(|ended| ended.endpoint == 2);
        assert!(others.count() >= usize::from(second > 0), "second {second}");
    }
    let others = bot.ended.iter().filter(|ended| ended.endpoint == 2);
    let slow = others.filter(|ended| ended.at - ended.arrived > 0.1).count();
    assert!(slow <= 12, "{slow} of 240 were slow");
    assert!(bot.refused.len() <= 30, "{} refusals", bot.refused.len());
}

#[test]
fn an_endpoint_that_mostly_fails_slows_no_other() {
    let mut number = 0;
    let mut bot = Bot::new(|endpoint, _| {
        number += 1;
        if endpoint == 1 && number % 10 < 7 { Outcome::Failed } else { Outcome::Succeeded }
    });
    for _ in 0..6000 {
        if bot.queue.iter().filter(|call| call.endpoint == 1).count() < 8 {
            bot.call(1);
        }
        bot.call(2);
        bot.tick();
    }
    let others = bot.ended.iter().filter(|ended| ended.endpoint == 2);
    let good = others.filter(|ended| ended.at - ended.arrived < 0.1).count();
    assert!(good >= 5700, "{good} of 6000 were not slowed down");
}

/// What was under way at the first refusal is nobody's fault.
#[test]
fn two_hundred_calls_at_once_at_five_a_second_take_no_more_than_1_15_of_the_ideal() {
    let mut bot = Bot::new(rolling(5, 1.0, 1.0));
    (0..200).for_each(|_| bot.call(1));
    while bot.ended.len() < 200 {
        bot.tick();
    }
    let first = bot.refused[0];
    let later = bot.sent.iter().filter(|sent| **sent > first).count();
    let refused = bot.refused.iter().filter(|at| **at > first + 0.1).count();
    assert_eq!(bot.failed(), 0);
    assert!(bot.now <= 40.0 * 1.15, "{} s", bot.now);
    assert!(refused * 20 <= later, "{refused} of {later} refused");
}

/// Failures come at once, or requests hang until their time-out.
#[test]
fn an_outage_of_a_minute_costs_three_requests_a_second_and_ends_within_two() {
    for hangs in [false, true] {
        let mut bot = Bot::new(|_, now| match now < 60.0 {
            true => Outcome::Failed,
            false => Outcome::Succeeded,
        });
        if hangs {
            bot.latency = |outcome| if outcome == Outcome::Failed { 10.0 } else { 0.05 };
        }
        (0..1000).for_each(|number| bot.call(1 + number % 5));
        while bot.now < 70.0 {
            for endpoint in bot.tick() {
                bot.call(endpoint);
            }
        }
        let known = if hangs { 11.0 } else { 1.5 };
        let sent = bot.sent.iter().filter(|at| (known..60.0).contains(*at)).count();
        let rate = sent as f64 / (60.0 - known);
        let first_success = bot.ended.iter().find(|ended| !ended.failed).map(|ended| ended.at);
        let many = bot.ended.iter().filter(|call| !call.failed && call.at < 62.0).count();
        assert!(rate <= 3.0, "{rate} requests a second");
        assert!(first_success.is_some_and(|at| at <= 62.0), "{first_success:?}");
        assert!(many >= 1000, "{many} within two seconds");
    }
}
