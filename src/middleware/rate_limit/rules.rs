//! The rules of the state, one by one: a history of events, and what must hold after it.

#![expect(clippy::indexing_slicing, reason = "a test that fails is a test that panics")]

use super::Seconds;
use super::pair::Pair;
use super::queue::{Place, Queue, Waiter};
use super::state::{Outcome, State, Ticket};

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
    let mut refusals = 0;
    let mut now = 0.0;
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
    let early = state.sends(1, 0.0);
    let late = state.sends(1, 0.0);
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
    let mut accepted = Vec::<Seconds>::new();
    let mut refusals = 0;
    let mut now = 0.0;
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

/// Refused as long as it is looked at, from a time on, by callers that never give up.
fn refuse_for(state: &mut State, bad: &[(u64, Seconds)], from: Seconds, to: Seconds) {
    let mut now = from;
    while now < to {
        for (endpoint, pause) in bad {
            if state.is_open(*endpoint, now) {
                state.call(*endpoint, refused(*pause), now);
            }
        }
        now += 0.05;
    }
}

#[test]
fn endpoints_that_go_on_refusing_close_and_slow_down_no_other() {
    let two = [(1, 1.0), (2, 1.0)];
    let three = [(1, 11.0), (2, 7.0), (3, 1.0)];
    let four = [(1, 5.0), (2, 5.0), (3, 30.0), (4, 80_000.0)];
    for bad in [two.as_slice(), &three, &four] {
        let mut state = state();
        state.call(5, Outcome::Succeeded, 0.0);
        // Whether they are refused alone or together is not known until another looks.
        refuse_for(&mut state, bad, 10.0, 45.0);
        let opens = wait_for(&state, 5, 45.0);
        assert!(opens <= 60.0, "{opens}");
        state.call(5, Outcome::Succeeded, opens);
        for minute in 1..60 {
            let now = opens + 60.0 * f64::from(minute);
            refuse_for(&mut state, bad, now - 60.0, now);
            (0..20).for_each(|_| state.call(5, Outcome::Succeeded, now));
        }
    }
}

#[test]
fn endpoints_that_recover_are_used_within_a_window_though_others_go_on_refusing() {
    let mut state = state();
    let bad = [(1, 1.0), (2, 1.0), (3, 5.0)];
    refuse_for(&mut state, &bad, 0.0, 200.0);
    let mut now = 200.0;
    while !state.is_open(4, now) || !state.is_open(1, now) {
        refuse_for(&mut state, &bad[1..], now, now + 0.05);
        now += 0.05;
    }
    assert!(now <= 230.0, "{now}");
    state.call(1, Outcome::Succeeded, now);
    assert!(state.is_open(1, now));
}

#[test]
fn what_was_refused_for_itself_is_no_sign_of_the_apps_limit() {
    let mut state = state();
    state.call(1, refused(1.0), 0.0);
    state.call(3, Outcome::Succeeded, 0.5);
    state.call(1, refused(1.0), 1.1);
    state.call(2, refused(1.0), 1.2);
    assert!(state.is_open(3, 1.3), "the second is the first that says anything");
}

#[test]
fn a_ban_leaves_the_apps_rate_alone() {
    let mut state = state();
    state.app.pace(5.0, 0.0);
    state.call(1, refused(25.0), 1.0);
    let rate = state.app.rate(30.0).unwrap_or(f64::INFINITY);
    state.call(2, Outcome::Succeeded, 30.0);
    state.call(3, refused(80_000.0), 40.0);
    assert!(state.app.closed_until <= 40.0, "its own");
    assert!(state.app.rate(800.0).is_none_or(|later| later > 2.0 * rate), "{rate} goes on");
}

#[test]
fn a_rate_of_an_endpoint_is_held_for_minutes_and_not_for_a_ban() {
    let mut state = state();
    let mut now = 0.0;
    for pause in [1.0, 1.0, 80_000.0] {
        for _ in 0..20 {
            now = wait_for(&state, 1, now + 1.0);
            state.call(1, Outcome::Succeeded, now);
        }
        now = wait_for(&state, 1, now);
        state.call(1, refused(pause), now);
    }
    let bucket = &state.endpoints[&1].bucket;
    assert!(bucket.rate(now).is_some());
    assert!(bucket.rate(now + 80_000.0).is_none(), "20 pauses of a window are the most");
}

fn wait_for(state: &State, endpoint: u64, from: Seconds) -> Seconds {
    let mut now = from;
    while !state.is_open(endpoint, now) {
        now += 0.01;
    }
    now
}

#[test]
fn a_longer_pause_that_comes_late_ends_with_one_request_as_well() {
    let mut state = state();
    let one = state.sends(1, 0.0);
    let other = state.sends(1, 0.0);
    state.settle(one, refused(1.0), false, 0.1);
    state.settle(other, refused(30.0), false, 0.2);
    state.sends(1, 30.2);
    assert!(!state.is_open(1, 30.3), "one goes first");
}

#[test]
fn a_ban_that_was_taken_for_the_apps_ends_with_one_request_as_well() {
    let mut state = state();
    state.call(1, refused(50.0), 0.0);
    state.call(2, refused(50.0), 0.1);
    state.call(3, Outcome::Succeeded, 40.0);
    (0..9).for_each(|_| state.call(3, Outcome::Succeeded, 45.0));
    state.sends(2, 50.2);
    assert!(!state.is_open(2, 50.3), "one goes first");
}

#[test]
fn the_end_of_an_outage_makes_no_refusal_the_apps() {
    let mut state = state();
    for number in 0..20 {
        let ticket = state.start(pair(1 + number % 2), false, number as f64 * 0.1);
        state.settle(ticket, Outcome::Failed, false, number as f64 * 0.1);
    }
    let banned = state.start(pair(3), false, 3.0);
    let probe = state.start(pair(1), false, 3.0);
    state.settle(probe, Outcome::Succeeded, false, 3.1);
    state.settle(banned, refused(25.0), false, 4.0);
    assert!(state.is_open(4, 4.1) && !state.is_open(3, 28.9));
}

#[test]
fn a_closing_by_hand_makes_no_refusal_the_apps() {
    let mut state = state();
    let early = state.sends(3, 0.0);
    state.app.close(5.0);
    state.settle(early, refused(25.0), false, 1.0);
    assert!(state.is_open(4, 5.0) && !state.is_open(3, 24.0));
}

#[test]
fn the_end_of_an_outage_while_the_app_is_closed_lets_one_go_first() {
    let mut state = state();
    let probes: Vec<_> = (0..3).map(|_| state.sends(1, 0.0)).collect();
    for number in 0..20 {
        let ticket = state.start(pair(1 + number % 2), false, 1.0 + number as f64 * 0.1);
        state.settle(ticket, Outcome::Failed, false, 1.0 + number as f64 * 0.1);
    }
    state.app.close(33.0);
    state.settle(probes[0], Outcome::Succeeded, false, 4.0);
    state.sends(1, 33.1);
    assert!(!state.is_open(2, 33.2), "one goes first");
}

fn fails(state: &mut State, endpoint: u64, user: u64, now: Seconds) {
    let ticket = state.start(Pair { endpoint, user }, false, now);
    state.settle(ticket, Outcome::Failed, false, now);
}

#[test]
fn an_endpoint_that_fails_for_all_its_users_is_looked_at_a_few_times_a_second() {
    let mut state = state();
    (0..100).for_each(|user| fails(&mut state, 1, user, user as f64 * 0.02));
    let mut sent = 0;
    for tick in 0..10_000 {
        let now = 3.0 + f64::from(tick) * 0.001;
        for user in 0..200 {
            if state.check(Pair { endpoint: 1, user }, now).is_ok() {
                fails(&mut state, 1, user, now);
                sent += 1;
            }
        }
        assert!(state.is_open(2, now), "another endpoint");
    }
    assert!((15..=31).contains(&sent), "{sent} in 10 s");
    assert!(state.failures.is_failing(1, 13.0));
    let probe = state.start(Pair { endpoint: 1, user: 5 }, false, 14.0);
    state.settle(probe, Outcome::Succeeded, false, 14.1);
    let first = state.start(Pair { endpoint: 1, user: 50 }, false, 14.1);
    assert!(state.check(Pair { endpoint: 1, user: 51 }, 14.1).is_err(), "one goes first");
    state.settle(first, Outcome::Succeeded, false, 14.2);
    assert!(state.check(Pair { endpoint: 1, user: 51 }, 14.2).is_ok());
}

#[test]
fn users_for_whom_an_endpoint_fails_slow_down_no_other() {
    let mut state = state();
    for number in 0..600 {
        let now = f64::from(number) * 0.1;
        for user in 1..=3 {
            if state.check(Pair { endpoint: 1, user }, now).is_ok() {
                fails(&mut state, 1, user, now);
            }
        }
        if number % 20 == 0 {
            state.call(1, Outcome::Succeeded, now);
        }
    }
}

#[test]
fn an_endpoint_that_partly_fails_for_many_users_slows_nobody_down() {
    let mut state = state();
    for number in 0..3000_u64 {
        let pair = Pair { endpoint: 1, user: number % 30 };
        let now = number as f64 * 0.01;
        assert_eq!(state.check(pair, now), Ok(()), "{number}");
        let outcome = if number % 7 < 5 { Outcome::Failed } else { Outcome::Succeeded };
        let ticket = state.start(pair, false, now);
        state.settle(ticket, outcome, false, now);
    }
}

/// So many waiters of an endpoint and a user, from a number on.
fn line_up(queue: &mut Queue<()>, pair: Pair, count: u64) {
    let from = queue.len() as u64;
    for number in from..from + count {
        let waiter = Waiter { pair, limit: f64::INFINITY, owner: () };
        queue.insert(Place::new(false, number), waiter);
    }
}

fn wait_behind(state: &State, queue: &Queue<()>, now: Seconds) -> Seconds {
    queue.wait(state, pair(5), Place::new(false, 1_000_000), now)
}

#[test]
fn who_waits_for_a_closed_endpoint_is_before_nobody_elses_request() {
    let mut state = state();
    state.call(1, refused(55.0), 0.0);
    state.call(2, refused(20.0), 0.1);
    state.reopen();
    state.call(1, refused(55.0), 0.2);
    state.app.pace(10.0, 0.2);
    let mut queue = Queue::new();
    line_up(&mut queue, pair(1), 1000);
    assert!(wait_behind(&state, &queue, 1.0) < 0.2);
    line_up(&mut queue, pair(2), 100);
    let wait = wait_behind(&state, &queue, 1.0);
    assert!((9.0..11.0).contains(&wait), "those of an open one are before it: {wait}");
    let own = queue.wait(&state, pair(1), Place::new(false, 1_000_000), 1.0);
    assert!((100.0..120.0).contains(&own), "and its own: {own}");
}

#[test]
fn who_waits_for_a_slow_endpoint_is_before_others_as_far_as_it_goes() {
    let mut state = state();
    state.app.pace(10.0, 0.0);
    state.endpoints.get_mut(&1).into_iter().for_each(|endpoint| endpoint.bucket.pace(1.0, 0.0));
    let mut queue = Queue::new();
    line_up(&mut queue, pair(1), 1000);
    let wait = wait_behind(&state, &queue, 0.0);
    assert!(wait < 0.5, "{wait}");
}

#[test]
fn who_waits_for_what_fails_is_before_nobody_elses_request() {
    let mut state = state();
    state.app.pace(10.0, 0.0);
    (0..20).for_each(|number| fails(&mut state, 5, 7, f64::from(number) * 0.1));
    let mut queue = Queue::new();
    line_up(&mut queue, Pair { endpoint: 5, user: 7 }, 1000);
    let wait = queue.wait(&state, pair(5), Place::new(false, 1_000_000), 2.0);
    assert!(wait < 0.5, "{wait}");
    state.endpoints.get_mut(&5).into_iter().for_each(|endpoint| endpoint.bucket.pace(1.0, 0.0));
    let wait = queue.wait(&state, pair(5), Place::new(false, 1_000_000), 2.0);
    assert!(wait < 1.5, "nor under the endpoint's rate: {wait}");
}

#[test]
fn strays_that_nobody_waits_at_leave_no_rate_whatever_the_window() {
    for window in [30.0, 300.0, 3600.0] {
        let mut state = State::new(window, 604_800.0);
        state.endpoint(1, 0.0, String::new);
        for minute in 0..60 {
            let now = 60.0 * f64::from(minute);
            if minute % 10 == 9 {
                state.call(1, refused(1.0), now);
            }
            state.call(1, Outcome::Succeeded, now + 2.0);
        }
        (0..20).for_each(|_| state.call(1, Outcome::Succeeded, 3600.0));
    }
}
