//! The rules of the state, one by one: a history of events, and what must hold after it.

#![expect(clippy::indexing_slicing, reason = "a test that fails is a test that panics")]

use super::Seconds;
use super::state::{Outcome, Pair, State, Ticket};

fn state() -> State {
    let mut state = State::new(30.0, 604_800.0);
    for endpoint in 1..=5 {
        state.endpoint(endpoint, 0.0, String::new);
    }
    state
}

fn pair(endpoint: u64) -> Pair {
    Pair { endpoint, user: 0 }
}

fn refused(pause: Seconds) -> Outcome {
    Outcome::Refused(Some(pause))
}

impl State {
    fn sends(&mut self, endpoint: u64, now: Seconds) -> Ticket {
        assert_eq!(self.check(pair(endpoint), now), Ok(()), "at {now}");
        self.start(pair(endpoint), false, now)
    }

    fn is_open(&self, endpoint: u64, now: Seconds) -> bool {
        self.check(pair(endpoint), now).is_ok()
    }

    /// A request that is sent and ends at once.
    fn call(&mut self, endpoint: u64, outcome: Outcome, now: Seconds) {
        let ticket = self.sends(endpoint, now);
        self.settle(ticket, outcome, false, now);
    }
}

#[test]
fn without_a_refusal_any_number_goes_at_once() {
    let mut state = state();
    for number in 0..1000 {
        state.sends(1 + number % 5, 0.0);
    }
}

/// `Retry-After` is always 1, and the window is full for 30 s.
#[test]
fn a_full_window_costs_at_most_five_refusals() {
    let mut state = state();
    for _ in 0..300 {
        state.call(1, Outcome::Succeeded, 0.0);
    }
    let (mut refusals, mut now) = (0, 0.0);
    while now < 30.0 {
        if state.is_open(1, now) {
            state.call(1, refused(1.0), now);
            refusals += 1;
        }
        now += 0.01;
    }
    assert!(refusals <= 5, "{refusals}");
}

#[test]
fn refusals_of_one_burst_count_once() {
    let mut state = state();
    let burst: Vec<_> = (0..20).map(|_| state.sends(1, 0.0)).collect();
    for ticket in burst {
        state.settle(ticket, refused(2.0), false, 0.1);
    }
    assert!(!state.is_open(1, 2.0));
    assert!(state.is_open(1, 2.2), "not doubled");
    assert!(state.endpoints[&1].bucket.rate(2.2).is_none());
}

#[test]
fn a_success_that_was_sent_before_a_closing_opens_nothing() {
    let mut state = state();
    let (early, late) = (state.sends(1, 0.0), state.sends(1, 0.0));
    state.settle(late, refused(10.0), false, 0.1);
    state.settle(early, Outcome::Succeeded, false, 0.2);
    assert!(!state.is_open(1, 5.0));
    state.sends(1, 10.2);
    assert!(!state.is_open(1, 10.3), "one goes first");
    assert!(state.is_open(1, 11.2), "and another after a second, though it hangs");
}

#[test]
fn refusals_that_slowing_down_does_not_stop_end_the_pacing() {
    let mut state = state();
    let mut now = 0.0;
    let mut rate = Vec::new();
    for number in 0..6000 {
        now += 0.05;
        if !state.is_open(1, now) {
            continue;
        }
        let outcome = if number % 100 == 50 { refused(1.0) } else { Outcome::Succeeded };
        state.call(1, outcome, now);
        rate.push(state.endpoints[&1].bucket.rate(now));
    }
    let paced = rate.iter().flatten().filter(|rate| **rate < 15.0).count();
    assert!(paced * 10 < rate.len(), "{paced} of {}", rate.len());
}

/// One call a second before a limit of 10 in 30 s; obeying `Retry-After` alone has six refusals.
#[test]
fn a_lone_poller_is_refused_no_more_than_by_obeying() {
    let mut state = state();
    let (mut accepted, mut refusals, mut now) = (Vec::<Seconds>::new(), 0, 0.0);
    while now < 180.0 {
        let due = now + 1.0;
        while !state.is_open(1, now) {
            now += 0.01;
        }
        accepted.retain(|then| now - then < 30.0);
        let outcome = match accepted.first() {
            Some(first) if accepted.len() >= 10 => refused((first + 30.0 - now).ceil()),
            _ => {
                accepted.push(now);
                Outcome::Succeeded
            }
        };
        refusals += u32::from(outcome != Outcome::Succeeded);
        let ticket = state.start(pair(1), now > due - 1.0, now);
        state.settle(ticket, outcome, false, now);
        // A call that was refused waits; the next is due a second after one that succeeded.
        now = if outcome == Outcome::Succeeded { due.max(now) } else { now };
    }
    assert!(refusals <= 6, "{refusals}");
}

#[test]
fn a_caller_alone_under_its_limit_is_not_slowed_down() {
    let mut state = state();
    state.call(1, Outcome::Succeeded, 0.0);
    state.call(1, refused(2.0), 1.0);
    state.call(1, Outcome::Succeeded, 3.1);
    state.call(1, refused(2.0), 4.0);
    state.call(1, Outcome::Succeeded, 6.1);
    for number in 0..20 {
        state.call(1, Outcome::Succeeded, 10.0 + f64::from(number) * 0.01);
    }
}

#[test]
fn a_closing_of_the_app_costs_two_refusals() {
    let mut state = state();
    state.call(1, refused(20.0), 0.0);
    assert!(state.is_open(2, 0.1), "one refusal is its endpoint's");
    state.call(2, refused(20.0), 0.1);
    assert!((1..=5).all(|endpoint| !state.is_open(endpoint, 15.0)), "two are the app's");
}

#[test]
fn a_ban_closes_the_app_for_a_window_at_most() {
    let mut state = state();
    state.call(1, refused(80_000.0), 0.0);
    state.call(2, refused(80_000.0), 0.1);
    assert!(!state.is_open(3, 30.0));
    assert!(state.is_open(3, 30.2), "one that was not refused may look");
    assert!(!state.is_open(1, 79_999.0) && !state.is_open(2, 79_999.0));
}

#[test]
fn an_outage_of_all_is_looked_at_a_few_times_a_second_though_probes_hang() {
    let mut state = state();
    for number in 0..20 {
        let ticket = state.start(pair(1 + number % 5), false, number as f64 * 0.1);
        state.settle(ticket, Outcome::Failed, true, number as f64 * 0.1);
    }
    let mut sent = 0;
    for tick in 0..10_000 {
        let now = 2.0 + f64::from(tick) * 0.001;
        for endpoint in 1..=5 {
            if state.is_open(endpoint, now) {
                state.sends(endpoint, now);
                sent += 1;
            }
        }
    }
    assert!((15..=31).contains(&sent), "{sent} in 10 s");
    let probe = state.start(pair(1), false, 12.0);
    state.settle(probe, Outcome::Succeeded, true, 12.1);
    assert!(state.is_open(2, 12.1));
}

#[test]
fn failures_of_one_user_slow_down_no_other() {
    let mut state = state();
    let bad = Pair { endpoint: 1, user: 7 };
    for number in 0..30 {
        let ticket = state.start(bad, false, f64::from(number) * 0.1);
        state.settle(ticket, Outcome::Failed, false, f64::from(number) * 0.1);
    }
    let probe = state.start(bad, false, 4.0);
    assert!(state.check(bad, 4.1).is_err());
    assert!(state.is_open(1, 4.1) && state.is_open(2, 4.1));
    state.settle(probe, Outcome::Succeeded, false, 4.2);
    assert!(state.check(bad, 4.2).is_ok(), "a success ends it");
}

#[test]
fn drops_and_time_outs_are_no_failures() {
    let mut state = state();
    for number in 0..100 {
        state.call(1, Outcome::Nothing, f64::from(number) * 0.1);
    }
    assert!(state.is_open(1, 10.0) && !state.failures.is_failing(1, 10.0));
}
