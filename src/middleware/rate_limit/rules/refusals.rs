//! What refusals say about a limit, of the app or an endpoint.

use super::super::rate::Rate;
use super::*;

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

/// Each takes as long as eighteen at the rate.
#[test]
fn after_one_that_succeeds_a_rate_that_is_held_keeps_slow_requests_apart_and_nothing_else() {
    for (held_from, is_open) in [(0.0, true), (-100.0, false)] {
        let mut state = state();
        state.app.pace(20.0, held_from);
        state.app.close(1.2);
        let one = state.sends(1, 1.2);
        assert!(!state.is_open(1, 1.3), "one goes first");
        state.settle(one, Outcome::Succeeded, false, 2.1);
        (0..9).for_each(|number| {
            state.start(pair(1), false, 2.1 + 0.06 * f64::from(number));
        });
        assert_eq!(state.is_open(1, 2.7), is_open, "held from {held_from}");
    }
}

/// Each of the burst asks for a little more: the closing grows with it, and the limit is as after
/// one refusal.
#[test]
fn refusals_of_one_burst_that_ask_for_more_and_more_are_one() {
    let after = |pauses: &[Seconds]| {
        let mut state = state();
        (0..50).for_each(|_| state.call(1, Outcome::Succeeded, 0.0));
        let burst: Vec<_> = pauses.iter().map(|_| state.sends(1, 1.0)).collect();
        for (ticket, pause) in burst.into_iter().zip(pauses) {
            state.settle(ticket, refused(*pause), false, 1.1);
        }
        let opens = wait_for(&state, 1, 1.1);
        state.call(1, refused(3.0), opens);
        let opens_again = wait_for(&state, 1, opens);
        (opens, opens_again, state.endpoints[&1].bucket.rate(opens_again))
    };
    let one = after(&[9.0]);
    assert_eq!(after(&[3.0, 4.0, 4.0, 5.0, 9.0]), one);
    assert_eq!(after(&[9.0, 1.0, 8.0]), one);
}

/// The starts that a store has granted for the time after a closing are those of its epoch.
#[test]
fn a_late_refusal_that_closes_for_no_longer_begins_no_epoch() {
    let mut state = state();
    let one = state.sends(1, 0.0);
    let other = state.sends(1, 0.0);
    state.settle(one, refused(9.0), false, 0.1);
    let epoch = state.endpoints[&1].bucket.epoch;
    state.settle(other, refused(1.0), false, 0.2);
    assert_eq!(state.endpoints[&1].bucket.epoch, epoch);
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
fn strays_that_nobody_waits_at_leave_no_rate_whatever_the_window() {
    for window in [30.0, 300.0, 3600.0] {
        let mut state = state_within(window);
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

/// What was measured over two seconds, most of them closed, is tried for five.
#[test]
fn a_rate_that_was_measured_in_a_moment_is_held_for_five_seconds() {
    let mut state = state();
    (0..20).for_each(|_| state.call(1, Outcome::Succeeded, 0.0));
    let mut opens = 0.1;
    for _ in 0..2 {
        state.call(1, refused(1.0), opens);
        opens = wait_for(&state, 1, opens);
    }
    state.call(1, Outcome::Succeeded, opens);
    let last = wait_for(&state, 1, opens);
    state.call(1, refused(1.0), last);
    let opening = last + 1.0;
    let rate = |since: Seconds| state.endpoints[&1].bucket.rate(opening + since);
    assert!(rate(0.0).is_some());
    assert_eq!(rate(4.9), rate(0.0), "after {last} s");
    assert!(rate(14.0) > rate(4.9).map(|rate| 1.9 * rate), "then it grows");
}

/// A trial costs two or three refusals, which are one in a hundred of 240 requests: twelve minutes of
/// them at this rate.
#[test]
fn a_low_rate_is_held_for_a_long_window_at_most() {
    for (window, at_least, at_most) in [(30.0, 290.0, 310.0), (3600.0, 600.0, 800.0)] {
        let mut state = state_within(window);
        state.call(1, Outcome::Succeeded, 0.0);
        if let Some(endpoint) = state.endpoints.get_mut(&1) {
            endpoint.bucket.pace(0.2, 7990.0 - window);
        }
        state.call(1, refused(1.0), 8000.0);
        let rate = |after: Seconds| state.endpoints[&1].bucket.rate(8000.0 + after);
        assert_eq!(rate(at_least), rate(1.0), "{window}");
        assert!(rate(at_most) > rate(1.0), "{window}");
    }
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

/// While the first request after a pause was under way.
#[test]
fn a_clock_that_is_set_forward_lets_few_start_at_once() {
    let mut rate = Rate::new(10.0, 1e9, 0.0);
    rate.keep(1.0);
    assert!(rate.beside(3600.0, true) <= 200.0);
    let starts = (0..1000).take_while(|_| {
        let may_start = rate.next <= 3601.0;
        rate.start(3601.0);
        may_start
    });
    assert!(starts.count() <= 120, "those of ten seconds, and not of an hour");
}
