//! What looks at what fails take from others: starts of the app's rate, and steps.

use super::super::line::steps;
use super::super::queue::{Place, Queue, Waiter};
use super::*;

const ENDPOINTS: u64 = 10;
const USERS: u64 = 1000;
const WAITERS: u64 = 10_000;

fn endpoints() -> State {
    let mut state = state();
    (1..=ENDPOINTS).for_each(|endpoint| {
        state.endpoint(endpoint, 0.0, String::new);
    });
    state
}

fn line_up(queue: &mut Queue<()>, pair: Pair) {
    let place = Place::new(false, queue.len() as u64);
    queue.insert(place, Waiter { pair, limit: f64::INFINITY, owner: () });
}

fn succeeds(state: &mut State, endpoint: u64, user: u64, now: Seconds) {
    let ticket = state.start(Pair { endpoint, user }, false, now);
    state.settle(ticket, Outcome::Succeeded, false, now);
}

/// Fails for a user, and for no other.
fn fails_for(state: &mut State, user: u64, times: u64) {
    for number in 0..times {
        let now = number as f64 * 0.2;
        fails(state, 1, user, now);
        succeeds(state, 1, USERS, now);
    }
}

#[test]
fn an_exchange_looks_at_no_users_but_those_for_whom_it_fails() {
    type Fails = fn(&mut State);
    let cases: [(&str, Fails, u64, u64); 7] = [
        ("nothing", |_| (), WAITERS, 0),
        ("once, for one", |state| fails(state, 1, 7, 0.0), WAITERS, 0),
        ("once, elsewhere", |state| fails(state, 77, 77, 0.0), WAITERS, 0),
        (
            "a few times, for each",
            |state| (0..USERS).for_each(|user| fails_for(state, user, 7)),
            WAITERS,
            0,
        ),
        ("for three", |state| (0..3).for_each(|user| fails_for(state, user, 20)), WAITERS, 3),
        (
            "for all, at one endpoint",
            |state| (0..20).for_each(|number| fails(state, 1, number % 2, number as f64 * 0.1)),
            WAITERS - WAITERS / ENDPOINTS + 1,
            0,
        ),
        (
            "for all",
            |state| {
                (0..40).for_each(|number| {
                    fails(state, 1 + number % 3, number % 4, number as f64 * 0.1);
                });
            },
            1,
            0,
        ),
    ];
    for (what, fails, wanted, most) in cases {
        let mut state = endpoints();
        fails(&mut state);
        let mut queue = Queue::new();
        for number in 0..WAITERS {
            let endpoint = 1 + number / USERS;
            line_up(&mut queue, Pair { endpoint, user: number % USERS });
        }
        steps::take();
        assert_eq!(queue.len_for_app(&state, 5.0) as u64, wanted, "{what}");
        let steps = steps::take() as u64;
        assert!(steps <= most, "{what}: {steps} steps");
    }
}

/// Or it would take the start that was asked for another, when it is.
#[test]
fn a_look_at_what_fails_for_all_counts_also_while_it_is_not_due() {
    for endpoints in [1, 3] {
        let mut state = state();
        let fails_at = |number| 1 + number % endpoints;
        (0..40).for_each(|number| {
            fails(&mut state, fails_at(number), number % 4, number as f64 * 0.1);
        });
        let mut queue = Queue::new();
        for number in 0..40 {
            line_up(&mut queue, Pair { endpoint: fails_at(number), user: number % 10 });
        }
        assert_eq!(queue.len_for_app(&state, 5.0), 1, "{endpoints} endpoints");
        fails(&mut state, 1, 0, 5.0);
        fails(&mut state, 1, 9, 5.0);
        assert!(state.failures.check_all(1, 5.1).is_some(), "no look is due");
        assert_eq!(queue.len_for_app(&state, 5.1), 1, "{endpoints} endpoints, not due");
    }
}

#[test]
fn a_user_for_whom_all_fails_wants_one_start_to_look() {
    let mut state = state();
    succeeds(&mut state, 4, 1, 0.0);
    (0..40).for_each(|number| fails(&mut state, 1 + number % 3, 0, number as f64 * 0.1));
    let mut queue = Queue::new();
    for number in 0..60 {
        line_up(&mut queue, Pair { endpoint: 1 + number % 5, user: 0 });
    }
    assert_eq!(queue.len_for_app(&state, 5.0), 1);
    for endpoint in [1, 4, 4, 5] {
        line_up(&mut queue, Pair { endpoint, user: 1 });
    }
    assert_eq!(queue.len_for_app(&state, 5.0), 5, "and four of another");
}

#[test]
fn users_who_are_gone_cost_those_who_come_nothing() {
    let mut state = state();
    (0..4000).for_each(|user| fails_for(&mut state, user, 10));
    let mut queue = Queue::new();
    (0..100).for_each(|user| line_up(&mut queue, Pair { endpoint: 1, user: USERS + user }));
    steps::take();
    while queue.next(&state, 5.0).is_ok() {}
    assert!(steps::take() <= 100 * 102, "each looks at those who wait");
    succeeds(&mut state, 1, USERS, 1000.0);
    assert!(!state.failures.is_failing(1, 1000.0), "and at last they are forgotten");
}

#[test]
fn a_look_is_not_told_the_wait_of_those_who_leave_it_its_turn() {
    let mut state = endpoints();
    fails_for(&mut state, 7, 20);
    state.app.pace(1.0, 5.0);
    let mut queue = Queue::new();
    (0..100).for_each(|_| line_up(&mut queue, Pair { endpoint: 2, user: USERS }));
    let (looks, well) = (Pair { endpoint: 1, user: 7 }, Pair { endpoint: 1, user: 8 });
    let last = Place::new(false, 1000);
    assert!(queue.wait(&state, looks, last, 5.0) < 2.0);
    assert!(queue.wait(&state, well, last, 5.0) > 90.0);
}
