//! Who may go beyond the app's limit, and what follows.

use super::super::queue::{Place, Queue, Waiter};
use super::*;

/// The app was closed twice, for two endpoints. It is open from 2.4 s on.
fn closed_twice() -> State {
    closed_twice_within(30.0)
}

fn closed_twice_within(window: Seconds) -> State {
    let mut state = state_within(window);
    state.call(1, refused(1.0), 0.0);
    state.call(2, refused(1.0), 0.1);
    state.call(1, Outcome::Succeeded, 1.2);
    state.call(1, refused(1.0), 1.3);
    assert!(!state.is_open(1, 2.2) && !state.is_open(2, 2.2), "the app's");
    state
}

/// And has a rate, which makes the next request wait until 5 s.
fn paced() -> State {
    let mut state = closed_twice();
    state.app.pace(0.5, 3.0);
    state.call(1, Outcome::Succeeded, 3.0);
    state
}

#[test]
fn an_endpoint_that_was_not_refused_goes_beyond_the_apps_rate() {
    let mut state = paced();
    assert!(!state.is_open(1, 3.1) && !state.is_open(2, 3.1));
    let one = state.sends(4, 3.1);
    assert!(!state.is_open(4, 3.1), "one first");
    assert!(!state.is_open(5, 3.1), "of all of them");
    state.settle(one, Outcome::Succeeded, false, 3.2);
    state.sends(4, 3.2);
    state.sends(5, 3.2);
    assert!(!state.is_open(4, 3.2) && !state.is_open(5, 3.2), "one more for each that succeeds");
}

#[test]
fn who_may_go_beyond_what_refusals_close_waits_for_what_is_closed_otherwise() {
    for (otherwise, opens) in [(5.0, 5.0), (19.0, 19.0), (25.0, 25.0)] {
        let mut state = closed_twice();
        state.call(1, Outcome::Succeeded, 3.0);
        state.call(1, refused(17.0), 3.0);
        state.app.close(otherwise);
        let closed = f64::max(20.0, otherwise);
        let mut queue = Queue::new();
        queue.insert(Place::new(false, 1), Waiter { pair: pair(5), limit: 90.0, owner: () });

        assert!(!state.is_open(5, otherwise - 0.1) && state.is_open(5, otherwise));
        assert_eq!(queue.next(&state, 4.0).err(), Some(opens), "somebody looks then");
        assert_eq!(state.opens(5, 4.0), opens);
        assert_eq!(queue.wait(&state, pair(5), Place::new(false, 2), 4.0), opens - 4.0);
        assert_eq!(queue.wait(&state, pair(2), Place::new(false, 2), 4.0), closed - 4.0);
    }
}

#[test]
fn a_rate_beyond_which_much_goes_through_is_forgotten() {
    let mut state = paced();
    for _ in 0..30 {
        state.call(4, Outcome::Succeeded, 3.1);
    }
    assert_eq!(state.app.rate(3.2), None);
    assert!(state.is_open(1, 3.2));
}

#[test]
fn a_refusal_beyond_the_rate_ends_the_trials_for_minutes() {
    let mut state = paced();
    state.call(4, refused(1.0), 3.1);
    assert!(!state.is_open(4, 4.5) && !state.is_open(5, 4.5));
    state.app.pace(0.5, 305.0);
    state.call(1, Outcome::Succeeded, 305.0);
    assert!(!state.is_open(4, 305.1), "it was refused");
    assert!(state.is_open(5, 305.1));
}

/// Once, or twice in a row, or by the app's limit before; then the app's rate holds it back.
#[test]
fn an_endpoint_whose_refusal_was_one_alone_may_try_again_after_minutes() {
    for (refusals, after, is_open) in [(1, 590.0, false), (1, 610.0, true), (2, 610.0, false)] {
        let mut state = closed_twice();
        for number in 0..refusals {
            state.call(4, refused(1.0), 100.0 + 2.0 * f64::from(number));
        }
        let later = 100.0 + 2.0 * f64::from(refusals - 1) + after;
        state.app.pace(0.5, later);
        state.call(5, Outcome::Succeeded, later);
        assert_eq!(state.is_open(4, later), is_open, "{refusals} refusals, after {after} s");
        assert!(!state.is_open(1, later), "it was refused by the app's limit");
    }
}

/// The limit is over an hour. An endpoint that was refused is one trial in four of them, and one
/// that fails ends the others for ten.
#[test]
fn trials_of_a_limit_over_a_long_window_are_windows_apart() {
    let pace = |state: &mut State, now| {
        state.app.pace(0.5, now);
        state.call(3, Outcome::Succeeded, now);
    };
    for (fails, after, open) in [
        (false, 5000.0, [false, true]),
        (false, 15_000.0, [true, true]),
        (true, 30_000.0, [false, false]),
        (true, 37_000.0, [true, true]),
    ] {
        let mut state = closed_twice_within(3600.0);
        pace(&mut state, 3.0);
        if fails {
            state.call(4, refused(1.0), 3.1);
        }
        pace(&mut state, after);
        let now = [2, 5].map(|endpoint| state.is_open(endpoint, after));
        assert_eq!(now, open, "after {after} s");
    }
}

#[test]
fn while_refusals_close_the_app_one_goes_at_a_time_and_by_hand_none() {
    let mut state = closed_twice();
    let one = state.sends(4, 1.5);
    assert!(!state.is_open(4, 1.5) && !state.is_open(5, 1.5));
    state.settle(one, Outcome::Succeeded, false, 1.6);
    assert!(state.is_open(4, 1.6) && !state.is_open(1, 1.6));
    state.app.close(2.0);
    assert!(!state.is_open(4, 1.7), "closed by hand, for less");
}

#[test]
fn a_single_closing_is_no_reason_to_go_beyond_it() {
    let mut state = state();
    state.call(1, refused(20.0), 0.0);
    state.call(2, refused(20.0), 0.1);
    assert!((3..=5).all(|endpoint| !state.is_open(endpoint, 10.0)));
}

/// Whatever becomes of them, and however many are sent.
#[test]
fn what_goes_beyond_the_rate_takes_no_start_from_the_others() {
    let outcomes = [Outcome::Succeeded, Outcome::Failed, Outcome::Nothing, Outcome::Unsent];
    for outcome in outcomes {
        let mut state = paced();
        for number in 0..7 {
            state.call(4, outcome, 3.1 + 0.1 * f64::from(number));
        }
        assert!(state.is_open(1, 5.0), "{outcome:?}");
    }
}

/// Five of them are ten seconds at this rate, and fifteen are a window.
#[test]
fn a_refusal_beyond_the_rate_puts_the_others_off_for_a_window_at_most() {
    for (beyond, opens) in [(0, 5.0), (5, 15.0), (20, 33.5)] {
        let mut state = paced();
        state.app.pace_from(5.0, 0.5, 3.0);
        (0..beyond).for_each(|_| state.call(4, Outcome::Succeeded, 3.1));
        state.call(4, refused(1.0), 3.5);
        let waited = wait_for(&state, 1, 3.5);
        assert!((opens - 0.02..=opens + 0.02).contains(&waited), "{beyond}: {waited}");
    }
}

/// It is ten thousand a second after that time.
#[test]
fn a_rate_that_is_forgotten_holds_nobody() {
    let mut state = state();
    state.app.pace_from(1000.0, 0.5, 0.0);
    assert!(!state.is_open(1, 100.0));
    assert!(state.is_open(1, 200.0));
    assert_eq!(state.wait(pair(1), (0, 3), false, 200.0), 0.0);
}

#[test]
fn a_request_that_hangs_beyond_the_rate_holds_the_next_for_a_second() {
    let mut state = paced();
    state.sends(4, 3.1);
    assert!(!state.is_open(4, 4.0) && !state.is_open(5, 4.0));
    assert!(state.is_open(5, 4.2));
}

#[test]
fn who_does_not_wait_for_one_that_hangs_can_be_told_when_another_may_go() {
    for (rate_opens, hangs, opens) in [(20.0, true, 4.1), (3.5, true, 3.5), (20.0, false, 3.2)] {
        let mut state = paced();
        state.app.pace_from(rate_opens, 0.5, 3.0);
        let one = state.sends(4, 3.1);
        if !hangs {
            state.settle(one, Outcome::Succeeded, false, 3.15);
        }
        for (endpoint, opens) in [(5, opens), (1, 3.2)] {
            let told = 3.2 + state.longest_wait_beyond(endpoint, 3.2);
            assert!((told - opens).abs() < 1e-9, "{endpoint}: {told} for {opens}");
        }
        assert_eq!(state.wait(pair(5), (0, 0), false, 3.2), 0.0, "and those that wait are let in");
    }
}

#[test]
fn a_waiter_is_woken_when_it_may_go_beside_one_that_hangs() {
    let mut state = paced();
    state.app.pace_from(20.0, 0.5, 3.0);
    state.sends(4, 3.1);
    let mut queue = queue_of(&[5]);
    let then = queue.next(&state, 3.2).err().unwrap_or(f64::NAN);
    assert!((then - 4.1).abs() < 0.01, "{then}");
}

fn queue_of(endpoints: &[u64]) -> Queue<()> {
    let mut queue = Queue::new();
    for (number, endpoint) in (1..).zip(endpoints) {
        wait_at(&mut queue, *endpoint, Place::new(false, number));
    }
    queue
}

fn wait_at(queue: &mut Queue<()>, endpoint: u64, place: Place) {
    queue.insert(place, Waiter { pair: pair(endpoint), limit: 60.0, owner: () });
}

fn next_of(queue: &mut Queue<()>, state: &State, now: Seconds) -> Option<u64> {
    queue.next(state, now).ok().map(|waiter| waiter.pair.endpoint)
}

/// However many of them there are, and however long they take.
#[test]
fn who_may_go_beyond_the_rate_leaves_it_to_those_who_may_not() {
    let state = paced();
    let mut queue = queue_of(&[4, 4, 4, 1]);
    assert!(queue.wait(&state, pair(1), Place::new(false, 4), 3.1) < 2.0, "one start, and no more");
    assert_eq!(next_of(&mut queue, &state, 5.1), Some(1));
    assert_eq!(next_of(&mut queue, &state, 5.1), Some(4), "when nobody else waits");
}

#[test]
fn endpoints_that_go_beyond_the_rate_take_turns() {
    let mut state = paced();
    state.app.pace_from(20.0, 0.5, 3.0);
    let mut queue = queue_of(&[4, 4, 5, 5]);
    for (endpoint, now) in [(4, 3.1), (5, 4.2), (4, 5.3), (5, 6.4)] {
        assert_eq!(next_of(&mut queue, &state, now), Some(endpoint), "{now}");
        // It hangs.
        state.sends(endpoint, now);
    }
}

/// Its callers come one after the other; the other's wait together.
#[test]
fn an_endpoint_that_hangs_keeps_its_turn_when_nobody_waits_for_it() {
    let mut state = paced();
    state.app.pace_from(20.0, 0.5, 3.0);
    let mut queue = queue_of(&[4, 5, 5]);
    for (now, endpoint) in [(3.1, 4), (4.2, 5), (5.3, 4), (6.4, 5)] {
        if queue.len_of(4) == 0 {
            wait_at(&mut queue, 4, Place::new(false, 9));
        }
        assert_eq!(next_of(&mut queue, &state, now), Some(endpoint), "{now}");
        state.sends(endpoint, now);
    }
}

#[test]
fn an_endpoint_whose_requests_succeed_goes_before_one_that_hangs() {
    let mut state = paced();
    state.app.pace_from(20.0, 0.5, 3.0);
    let mut queue = queue_of(&[4, 4, 4, 5, 5]);
    assert_eq!(next_of(&mut queue, &state, 3.1), Some(4));
    state.sends(4, 3.1);
    for now in [4.2, 5.3] {
        assert_eq!(next_of(&mut queue, &state, now), Some(5), "{now}");
        state.call(5, Outcome::Succeeded, now);
    }
    assert_eq!(next_of(&mut queue, &state, 6.4), Some(4));
}

/// A rare one does not wait for all those of another that wait together.
#[test]
fn endpoints_whose_requests_succeed_take_turns_too() {
    let mut state = paced();
    state.app.pace_from(20.0, 0.5, 3.0);
    let mut queue = queue_of(&[4, 4, 4, 4, 5]);
    for (endpoint, now) in [(4, 3.1), (5, 4.2), (4, 5.3)] {
        assert_eq!(next_of(&mut queue, &state, now), Some(endpoint), "{now}");
        state.call(endpoint, Outcome::Succeeded, now);
    }
}

#[test]
fn an_endpoint_whose_request_was_not_sent_does_not_hang() {
    let mut state = paced();
    state.app.pace_from(20.0, 0.5, 3.0);
    let mut queue = queue_of(&[5, 4, 5, 5, 4]);
    let calls = [
        (5, 3.1, Outcome::Succeeded),
        (4, 4.2, Outcome::Unsent),
        (5, 5.3, Outcome::Succeeded),
        (4, 6.4, Outcome::Succeeded),
    ];
    for (endpoint, now, outcome) in calls {
        assert_eq!(next_of(&mut queue, &state, now), Some(endpoint), "{now}");
        state.call(endpoint, outcome, now);
    }
}

#[test]
fn an_urgent_request_beyond_the_rate_goes_before_those_whose_turn_it_is() {
    let mut state = paced();
    state.app.pace_from(20.0, 0.5, 3.0);
    let mut queue = queue_of(&[4, 5]);
    assert_eq!(next_of(&mut queue, &state, 3.1), Some(4));
    state.sends(4, 3.1);
    wait_at(&mut queue, 4, Place::new(true, 9));
    assert_eq!(next_of(&mut queue, &state, 4.2), Some(4));
}

#[test]
fn a_ban_beyond_the_rate_closes_its_endpoint_alone() {
    let mut state = paced();
    state.sends(1, 34.0);
    state.call(4, refused(80_000.0), 34.1);
    assert!(state.app.closed_until < 34.0);
    assert!(state.is_open(5, 34.2), "others try on");
    assert!(!state.is_open(4, 79_999.0));
}

/// Of one that was sent at the same time as another that was refused by the app's limit.
#[test]
fn refusals_of_one_burst_beyond_the_rate_are_one() {
    let mut state = paced();
    state.call(4, Outcome::Succeeded, 3.1);
    let burst = [state.sends(4, 3.2), state.sends(4, 3.2)];
    for ticket in burst {
        state.settle(ticket, refused(1.0), false, 3.3);
    }
    let rate = state.app.rate(3.3);
    assert_eq!(state.endpoints[&4].bucket.refused, 0, "the app's");
    assert_eq!(rate, Some(0.5), "as it was");
}
