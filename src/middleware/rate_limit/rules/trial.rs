//! Who may go beyond the app's limit, and what follows.

use super::*;

/// The app was closed twice, for two endpoints. It is open from 2.4 s on.
fn closed_twice() -> State {
    let mut state = state();
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
    assert!(!state.is_open(5, 3.1), "one endpoint at a time");
    state.settle(one, Outcome::Succeeded, false, 3.2);
    state.sends(4, 3.2);
    state.sends(4, 3.2);
    assert!(!state.is_open(4, 3.2), "one more for each that succeeds");
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
