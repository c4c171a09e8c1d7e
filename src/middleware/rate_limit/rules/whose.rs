//! Whose a refusal is: the app's, or its endpoint's.

use super::super::bucket::Bucket;
use super::*;

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

/// The first after each opening of the app is of the endpoint that closed it, or then of another.
#[test]
fn a_third_in_a_row_of_the_endpoint_that_closed_the_app_tells_nothing_new_of_the_app() {
    for (row, third, is_own) in [(2, 1, true), (2, 2, false), (1, 1, false)] {
        let mut state = state();
        (1..=3).for_each(|endpoint| state.call(endpoint, Outcome::Succeeded, 0.0));
        state.app.pace(20.0, 0.0);
        state.call(2, refused(1.0), 1.0);
        let mut opens = 1.1;
        for _ in 0..row {
            state.call(1, refused(1.0), opens);
            opens = wait_for(&state, 1, opens);
        }

        state.call(third, refused(1.0), opens);

        let closed = |bucket: &Bucket| bucket.closed_until > opens;
        assert_eq!(!closed(&state.app), is_own, "{third} after {row}");
        assert_eq!(closed(&state.endpoints[&third].bucket), is_own, "{third} after {row}");
    }
}

/// Two are taken to be refused for themselves, since a third goes through; then it does not.
#[test]
fn one_that_is_refused_beside_those_that_are_refused_for_themselves_closes_the_app() {
    let mut state = state();
    let two = [(1, 1.0), (2, 1.0)];
    state.call(5, Outcome::Succeeded, 0.0);
    refuse_for(&mut state, &two, 10.0, 45.0);
    let opens = wait_for(&state, 5, 45.0);
    state.call(5, Outcome::Succeeded, opens);
    refuse_for(&mut state, &two, opens, opens + 5.0);
    assert!(state.is_open(5, opens + 5.0), "each for itself");
    state.call(5, refused(20.0), opens + 5.0);
    assert!(state.app.closed_until >= opens + 24.9, "all together");
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
fn an_endpoint_that_is_refused_for_itself_closes_no_other_though_another_is_refused() {
    let mut state = state();
    state.call(1, Outcome::Succeeded, 0.0);
    state.call(1, refused(1.0), 0.1);
    state.call(3, Outcome::Succeeded, 0.5);
    state.call(2, refused(1.0), 1.2);
    state.call(1, refused(1.0), 1.3);
    assert!(state.is_open(3, 1.4));
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

/// With too few successes for a rate of its own; in a pause of which ten others went through.
#[test]
fn an_endpoint_that_was_refused_in_two_windows_is_refused_for_itself_though_the_app_has_a_rate() {
    for (first, others, is_own) in [(0.0, 10, true), (20.0, 10, false), (0.0, 9, false)] {
        let mut state = state();
        for window in [0.0, 20.0].into_iter().filter(|window| *window >= first) {
            state.call(1, Outcome::Succeeded, window);
            state.call(1, refused(19.0), window + 0.1);
            let later = |number: u32| window + 0.2 + f64::from(number);
            (0..others).for_each(|number| state.call(2, Outcome::Succeeded, later(number)));
        }
        state.app.pace(20.0, 0.0);
        state.call(1, Outcome::Succeeded, 39.2);
        assert!(state.app.has_growing_rate(39.5));

        state.call(1, refused(19.0), 39.5);

        assert_eq!(state.is_open(3, 39.6), is_own, "first refused at {first}, {others} of others");
    }
}

/// A limit of 2 in 30 s is below the slowest rate, which is refused however long it is kept to; one
/// of 6 is above it.
#[test]
fn an_endpoint_at_the_slowest_rate_is_refused_for_itself_though_the_app_has_a_rate() {
    for (rate, is_own) in [(0.1, true), (0.2, false)] {
        let mut state = state();
        state.call(1, refused(1.0), 0.0);
        state.call(2, Outcome::Succeeded, 1.5);
        state.call(1, Outcome::Succeeded, 2.0);
        if let Some(endpoint) = state.endpoints.get_mut(&1) {
            endpoint.bucket.pace(rate, 100.0);
        }
        state.app.pace(20.0, 60.0);
        assert!(state.app.has_growing_rate(110.0));

        state.call(1, refused(10.0), 110.0);

        assert_eq!(state.is_open(3, 110.1), is_own, "at {rate}");
    }
}
