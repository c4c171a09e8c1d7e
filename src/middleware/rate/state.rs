//! How many requests may go, and when: pure, with the time as an argument.
//!
//! Without a refusal, requests go as they come: at first eight at once, and when so many have
//! succeeded, one more for each that does. After a 429 nothing goes before `Retry-After` is over; from
//! then on they start spread out, at the rate that the server was seen to allow: what succeeded, over
//! the time that it took and that it was then closed for. The rate grows by a part of itself (additive
//! increase) and is measured anew at the next 429 (which decreases it). While the server fails, one
//! request at a time looks whether it is back.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// What the gate knows of the server.
#[derive(Debug)]
pub(super) struct State {
    in_flight: usize,
    /// How many may be under way at once.
    width: usize,
    /// How many succeeded, as far as it matters.
    seen: usize,
    rate: Option<Rate>,
    closed_until: Option<Instant>,
    /// Counts the refusals that were acted on, so that those of one burst count once.
    epoch: u64,
    refusals: u32,
    failures: u32,
    successes: Successes,
}

#[derive(Debug, Clone, Copy)]
struct Rate {
    /// How many were allowed, in so many seconds.
    allowed: f64,
    seconds: f64,
    since: Instant,
    /// When the next request may start.
    next: Instant,
}

/// A request may go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ticket {
    epoch: u64,
}

/// Why no request may go now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Wait {
    /// Before this, none.
    Until(Instant),
    /// Until one that is under way has ended.
    ForAnother,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Outcome {
    Succeeded,
    /// 429, with what `Retry-After` says.
    Refused(Option<Duration>),
    /// The server is not well: 5xx, or no whole answer.
    Failed,
    /// It says nothing about the server: given up, or never sent.
    Nothing,
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            in_flight: 0,
            width: FIRST_WIDTH,
            seen: 0,
            rate: None,
            closed_until: None,
            epoch: 0,
            refusals: 0,
            failures: 0,
            successes: Successes::default(),
        }
    }

    /// Lets a request go, if one may.
    pub(super) fn take(&mut self, now: Instant) -> Result<Ticket, Wait> {
        if let Some(until) = self.closed_until.filter(|until| now < *until) {
            return Err(Wait::Until(until));
        }
        self.closed_until = None;
        if self.in_flight >= self.width {
            return Err(Wait::ForAnother);
        }
        if let Some(rate) = &mut self.rate {
            if now < rate.next {
                return Err(Wait::Until(rate.next));
            }
            if now - rate.since > FORGOTTEN {
                self.rate = None;
            } else {
                // Whoever is woken late does not hold up the others: that would be taken for the rate.
                let planned = now.checked_sub(LATENESS).map_or(now, |then| then.max(rate.next));
                rate.next = planned + Duration::from_secs_f64(1.0 / rate.at(now));
            }
        }
        self.in_flight += 1;
        Ok(Ticket { epoch: self.epoch })
    }

    /// Lets a request go past so many who wait, if there is room for all of them at once.
    pub(super) fn take_past(&mut self, waiting: usize, now: Instant) -> Option<Ticket> {
        let has_room = self.rate.is_none() && self.in_flight + waiting < self.width;
        if waiting > 0 && !has_room {
            return None;
        }
        self.take(now).ok()
    }

    /// A request has ended, while others wait or not. `jitter` is from 0 to 1.
    pub(super) fn settle(
        &mut self,
        ticket: Ticket,
        outcome: Outcome,
        others_wait: bool,
        now: Instant,
        jitter: f64,
    ) {
        self.in_flight = self.in_flight.saturating_sub(1);
        match outcome {
            Outcome::Succeeded => self.succeeded(ticket, others_wait, now),
            Outcome::Refused(retry_after) => self.refused(ticket, retry_after, now),
            Outcome::Failed => self.failed(now, jitter),
            Outcome::Nothing => {}
        }
    }

    /// How long nothing goes at all.
    pub(super) fn closed_for(&self, now: Instant) -> Duration {
        self.closed_until.map(|until| until.saturating_duration_since(now)).unwrap_or_default()
    }

    /// Requests a second that may start, where that is limited.
    pub(super) fn rate(&self, now: Instant) -> Option<f64> {
        self.rate.map(|rate| rate.at(now))
    }

    /// Whether the server fails, and is only looked at now and then.
    pub(super) fn is_failing(&self) -> bool {
        self.failures >= MOST_FAILURES
    }

    fn succeeded(&mut self, ticket: Ticket, others_wait: bool, now: Instant) {
        if self.is_failing() {
            self.width = FIRST_WIDTH;
        }
        (self.failures, self.refusals) = (0, 0);
        // Not before the first of them have all come back: a limit shows in them.
        self.seen = (self.seen + 1).min(FIRST_WIDTH);
        if self.seen == FIRST_WIDTH {
            self.width = (self.width + 1).min(WIDEST);
        }
        match &mut self.rate {
            // It was under way when another was refused: it was allowed as well.
            Some(rate) if ticket.epoch + 1 == self.epoch => rate.allowed += 1.0,
            _ => self.successes.count(now, others_wait),
        }
    }

    fn refused(&mut self, ticket: Ticket, retry_after: Option<Duration>, now: Instant) {
        let is_news = ticket.epoch == self.epoch;
        if is_news {
            self.refusals = self.refusals.saturating_add(1);
        }
        let doubling = 1 << self.refusals.saturating_sub(1).min(6);
        let pause = retry_after.filter(|pause| !pause.is_zero());
        let pause = pause.unwrap_or_else(|| Duration::from_secs(doubling).min(LONGEST_GUESS));
        // A server may say anything, more than a clock can express too.
        let pause = pause.min(LONGEST_CLOSED);
        let until = now + pause;
        self.close(until);
        if !is_news {
            return;
        }
        self.epoch += 1;
        let (allowed, seconds) = match self.successes.take(now) {
            Some((count, span)) => (f64::from(count), (span + pause).as_secs_f64()),
            // None in all that time: half of what was tried.
            None => match &self.rate {
                Some(rate) => (rate.allowed / 2.0, rate.seconds),
                None => (0.0, pause.as_secs_f64()),
            },
        };
        self.rate = Some(Rate { allowed, seconds, since: now, next: until });
    }

    fn failed(&mut self, now: Instant, jitter: f64) {
        self.failures = self.failures.saturating_add(1);
        if self.is_failing() {
            self.width = 1;
            self.close(now + PROBE_PAUSE.mul_f64(1.0 + jitter));
        }
    }

    /// Nothing goes before `until`, or for as long as it is closed already.
    fn close(&mut self, until: Instant) {
        self.closed_until = self.closed_until.max(Some(until));
    }
}

impl Rate {
    fn at(&self, now: Instant) -> f64 {
        let elapsed = now.saturating_duration_since(self.since).as_secs_f64();
        let measured = self.allowed / self.seconds * MARGIN;
        measured.max(SLOWEST) * (1.0 + GROWTH_A_SECOND * elapsed)
    }
}

/// How many succeeded lately, by the second.
#[derive(Debug, Default)]
struct Successes {
    begin: Option<Instant>,
    seconds: VecDeque<Second>,
}

/// A second in which some succeeded.
#[derive(Debug)]
struct Second {
    /// Counted from the beginning.
    number: u64,
    count: u32,
    /// Whether others waited, so that time that passed without a success counts too.
    is_busy: bool,
}

impl Successes {
    fn count(&mut self, now: Instant, others_wait: bool) {
        let number = self.second(now);
        while self.seconds.front().is_some_and(|second| second.number + WINDOW <= number) {
            self.seconds.pop_front();
        }
        match self.seconds.back_mut() {
            Some(second) if second.number == number => {
                second.count += 1;
                second.is_busy = others_wait;
            }
            _ => self.seconds.push_back(Second { number, count: 1, is_busy: others_wait }),
        }
    }

    /// How many there were and in what time, and forgets them. Time in which nobody wanted anything
    /// does not count: it says nothing about what would have been allowed.
    fn take(&mut self, now: Instant) -> Option<(u32, Duration)> {
        let end = self.second(now);
        let next = self.seconds.iter().skip(1).map(|second| second.number).chain([end]);
        let spans = self.seconds.iter().zip(next).map(|(second, next)| match second.is_busy {
            true => next - second.number,
            false => (next - second.number).min(1),
        });
        let span = Duration::from_secs(spans.sum());
        let count = self.seconds.drain(..).map(|second| second.count).sum();
        self.begin = None;
        (count > 0).then_some((count, span))
    }

    fn second(&mut self, now: Instant) -> u64 {
        now.saturating_duration_since(*self.begin.get_or_insert(now)).as_secs()
    }
}

/// How many go at once while nothing is known of the server.
const FIRST_WIDTH: usize = 8;
const WIDEST: usize = 4096;
/// Seconds that are looked back on: Spotify counts over 30.
const WINDOW: u64 = 30;
/// How much less than what was allowed is asked for.
const MARGIN: f64 = 0.96;
/// How much later than planned a request may start without delaying those behind it.
const LATENESS: Duration = Duration::from_millis(20);
const SLOWEST: f64 = 0.1;
const GROWTH_A_SECOND: f64 = 0.002;
/// A limit that was not met for so long is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(15 * 60);
const LONGEST_GUESS: Duration = Duration::from_secs(60);
const LONGEST_CLOSED: Duration = Duration::from_secs(7 * 24 * 3600);
/// So many failures in a row are no accident.
const MOST_FAILURES: u32 = 8;
/// While the server fails, it is looked at once in this time, or twice it.
const PROBE_PAUSE: Duration = Duration::from_millis(500);

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);

    /// A gate before a server that allowed `count` in each of `seconds`, then refused for a second.
    fn refused_after(count: u32, seconds: u64, others_wait: bool, now: &mut Instant) -> State {
        let mut state = State::new();
        for _ in 0..seconds {
            for _ in 0..count {
                let ticket = state.take(*now).unwrap();
                state.settle(ticket, Outcome::Succeeded, others_wait, *now, 0.0);
            }
            *now += Duration::from_secs(1);
        }
        let ticket = state.take(*now).unwrap();
        let refusal = Outcome::Refused(Some(Duration::from_secs(1)));
        state.settle(ticket, refusal, others_wait, *now, 0.0);
        *now += Duration::from_secs(1);
        state
    }

    #[test]
    fn the_rate_is_what_succeeded_over_its_time_and_the_pause() {
        let mut now = Instant::now();
        let state = refused_after(6, 4, true, &mut now);
        let rate = state.rate(now).unwrap();
        assert!((4.5..4.9).contains(&rate), "24 in 5 s, and a little less: {rate}");
    }

    /// Waking takes a millisecond or two; at 200 a second that would be a quarter of the rate.
    #[test]
    fn whoever_is_woken_late_does_not_slow_down_the_others() {
        let mut now = Instant::now();
        let mut state = refused_after(250, 4, true, &mut now);
        let (begin, mut sent) = (now, 0);
        let rate = state.rate(now).unwrap();
        while now - begin < Duration::from_secs(5) {
            match state.take(now) {
                Ok(ticket) => {
                    state.settle(ticket, Outcome::Succeeded, true, now, 0.0);
                    sent += 1;
                }
                Err(Wait::Until(then)) => now = then + 2 * MILLISECOND,
                Err(Wait::ForAnother) => unreachable!("none is under way"),
            }
        }
        let share = f64::from(sent) / (rate * 5.0);
        assert!((0.98..1.02).contains(&share), "{share} of {rate}");
    }

    /// One call in ten seconds does not show that no more are allowed.
    #[test]
    fn time_in_which_nobody_asked_is_not_taken_for_a_limit() {
        for (others_wait, expected) in [(false, 0.5..1.0), (true, 0.0..0.2)] {
            let mut now = Instant::now();
            let mut state = State::new();
            for _ in 0..3 {
                let ticket = state.take(now).unwrap();
                state.settle(ticket, Outcome::Succeeded, others_wait, now, 0.0);
                now += Duration::from_secs(10);
            }
            let ticket = state.take(now).unwrap();
            let refusal = Outcome::Refused(Some(Duration::from_secs(1)));
            state.settle(ticket, refusal, others_wait, now, 0.0);
            let rate = state.rate(now).unwrap();
            assert!(expected.contains(&rate), "{rate}");
        }
    }

    #[test]
    fn no_retry_after_is_too_long_to_be_reckoned_with() {
        let mut now = Instant::now();
        for pause in [Duration::ZERO, Duration::MAX, Duration::from_secs(u64::MAX)] {
            let mut state = refused_after(1, 3, true, &mut now);
            for _ in 0..3 {
                let ticket = state.take(now).unwrap();
                state.settle(ticket, Outcome::Succeeded, true, now, 0.0);
                now += Duration::from_secs(20);
            }
            let ticket = state.take(now).unwrap();
            state.settle(ticket, Outcome::Refused(Some(pause)), true, now, 0.0);
            assert!(state.rate(now).unwrap() > 0.0);
            assert!(state.closed_for(now) <= LONGEST_CLOSED);
        }
    }
}
