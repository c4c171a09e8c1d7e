//! What fails, for whom, and how it is looked at.

use super::*;

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

/// Of two users one is idle, who was heard of shortly before.
#[test]
fn an_outage_of_all_is_one_though_only_one_user_meets_it() {
    let mut state = state();
    for user in 0..2 {
        let ticket = state.start(Pair { endpoint: 5, user }, false, 1.0);
        state.settle(ticket, Outcome::Succeeded, false, 1.0);
    }
    let mut sent = 0;
    for tick in 0..5_000_u64 {
        let now = 2.0 + tick as f64 * 0.01;
        let pair = pair(1 + tick % 5);
        if state.check(pair, now).is_ok() {
            let ticket = state.start(pair, false, now);
            state.settle(ticket, Outcome::Failed, true, now);
            sent += u32::from(now >= 6.0);
        }
    }
    assert!(sent <= 46 * 3, "{sent} in 46 s");
    assert!(state.failures.all_fail(52.0));
}

/// The other's requests go through, if only now and then.
#[test]
fn a_user_for_whom_all_fails_holds_up_no_other_who_is_rarely_there() {
    let mut state = state();
    let mut late = 0;
    for tick in 0..10_000_u64 {
        let now = 2.0 + tick as f64 * 0.01;
        if tick % 500 == 0 {
            let other = Pair { endpoint: 1 + tick / 500 % 5, user: 1 };
            late += u32::from(state.check(other, now).is_err());
            let ticket = state.start(other, false, now);
            state.settle(ticket, Outcome::Succeeded, true, now);
        }
        let pair = pair(1 + tick % 5);
        if state.check(pair, now).is_ok() {
            let ticket = state.start(pair, false, now);
            state.settle(ticket, Outcome::Failed, true, now);
        }
    }
    assert_eq!(late, 0);
}

/// Who was idle comes back, with requests that take a while.
#[test]
fn a_user_for_whom_all_fails_holds_up_no_other_who_comes_back() {
    let mut state = state();
    let other = |endpoint| Pair { endpoint, user: 1 };
    let ticket = state.start(other(5), false, 1.0);
    state.settle(ticket, Outcome::Succeeded, false, 1.0);
    for number in 0..40 {
        fails(&mut state, 1 + number % 2, 0, 2.0 + number as f64 * 0.1);
    }
    assert!(state.failures.all_fail(6.0), "of all who are there");
    // The requests of the one go on to be looked at a few times a second.
    state.start(pair(3), false, 6.0);
    assert!(!state.is_open(4, 6.1));
    for endpoint in 1..=5 {
        assert_eq!(state.check(other(endpoint), 6.1), Ok(()));
        assert_eq!(state.check_endpoint(endpoint, 6.1), Ok(()), "for some");
        assert_eq!(state.failures.users_down(endpoint, 6.1), Some(vec![0]));
    }
    let calls: Vec<_> =
        (0..9).map(|number| state.start(other(1 + number % 5), false, 6.1)).collect();
    calls.into_iter().for_each(|ticket| state.settle(ticket, Outcome::Succeeded, false, 9.0));
    let first = state.start(other(3), false, 9.0);
    assert_eq!(state.check(other(3), 9.0), Ok(()), "more than one at a time");
    state.settle(first, Outcome::Succeeded, false, 9.1);
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

#[test]
fn an_endpoint_that_is_reopened_has_not_failed() {
    let mut state = state();
    for user in 0..3 {
        (0..20).for_each(|number| fails(&mut state, 1, user, f64::from(number) * 0.1));
    }
    state.start(pair(1), false, 2.0);
    assert!(!state.is_open(1, 2.1));
    state.reopen_endpoint(1);
    assert!(state.is_open(1, 2.1));
    fails(&mut state, 1, 0, 2.1);
    assert!(state.is_open(1, 2.2), "it counts anew");
}
