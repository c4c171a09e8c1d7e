//! What those who wait cost others, in time and in steps.

use super::super::line::steps;
use super::super::queue::{Place, Queue, Waiter};
use super::super::shared::Granted;
use super::super::whose::Standing;
use super::*;

/// A number of waiters of an endpoint and a user, behind those that there are.
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

/// So that it asks other processes for no starts that nobody can use.
#[test]
fn who_waits_for_a_closed_endpoint_does_not_wait_for_the_app() {
    let mut state = state();
    state.call(1, refused(55.0), 0.0);
    state.app.reopen();
    let mut queue = Queue::new();
    line_up(&mut queue, pair(1), 10);
    line_up(&mut queue, pair(2), 3);

    assert_eq!(queue.len_for_app(&state, 1.0), 3);
    assert_eq!(queue.len_for_app(&state, 200.0), 13, "it is open");
    state.app.close(100.0);
    assert_eq!(queue.len_for_app(&state, 1.0), 13, "all wait for the app");
}

#[test]
fn who_waits_for_a_paced_endpoint_asks_for_no_starts_beyond_its_rate() {
    let mut state = state();
    state.endpoints.get_mut(&1).unwrap().bucket.pace(0.33, 0.0);
    let mut queue = Queue::new();
    line_up(&mut queue, pair(1), 16);
    line_up(&mut queue, pair(2), 3);

    assert!(queue.len_for_app(&state, 1.0) <= 4, "{}", queue.len_for_app(&state, 1.0));
}

#[test]
fn an_urgent_call_that_could_not_go_asks_for_no_urgent_start() {
    let mut state = state();
    state.call(1, refused(55.0), 0.0);
    state.app.reopen();
    let mut queue = Queue::new();
    let waiter = Waiter { pair: pair(1), limit: f64::INFINITY, owner: () };
    queue.insert(Place::new(true, 0), waiter);

    assert!(!queue.has_urgent(&state, 1.0));
    assert!(queue.has_urgent(&state, 60.0));
}

/// For one user, for some, for more than are counted one by one, and for all.
#[test]
fn who_waits_for_what_fails_asks_for_no_starts_but_those_of_a_look() {
    for (users, looks) in [(1, 1), (3, 3), (100, 100)] {
        let mut state = state();
        fails_for(&mut state, users);
        let mut queue = Queue::new();
        (100..100 + users).for_each(|user| line_up(&mut queue, Pair { endpoint: 1, user }, 40));
        line_up(&mut queue, pair(1), 3);
        assert_eq!(queue.len_for_app(&state, 2.4), 3 + looks, "{users} users");

        (100..100 + users).for_each(|user| fails(&mut state, 1, user, 2.4));
        let well = state.start(pair(1), false, 2.4);
        state.settle(well, Outcome::Succeeded, false, 2.4);
        assert_eq!(queue.len_for_app(&state, 2.5), 3 + looks, "after a look of each of {users}");
        let at_others = Pair { endpoint: 2, user: 100 };
        line_up(&mut queue, at_others, 2);
        assert_eq!(queue.len_for_app(&state, 2.5), 5 + looks, "it fails at one endpoint");
    }
    let mut state = state();
    (0..20).for_each(|number| fails(&mut state, 1, number % 2, number as f64 * 0.1));
    let mut queue = Queue::new();
    line_up(&mut queue, pair(1), 40);
    assert_eq!(queue.len_for_app(&state, 3.0), 1, "one looks for all");
}

#[test]
fn an_urgent_call_of_a_user_for_whom_it_fails_asks_for_no_urgent_start() {
    let mut state = state();
    fails_for(&mut state, 1);
    let mut queue = Queue::new();
    let failing = Pair { endpoint: 1, user: 100 };
    let urgent = |pair| Waiter { pair, limit: f64::INFINITY, owner: () };
    queue.insert(Place::new(true, 0), urgent(failing));
    assert!(queue.has_urgent(&state, 2.4), "it looks");

    fails(&mut state, 1, 100, 2.4);
    assert!(!queue.has_urgent(&state, 2.5));
    line_up(&mut queue, pair(1), 1);
    assert!(!queue.has_urgent(&state, 2.5), "the other is not urgent");
    queue.insert(Place::new(true, 2), urgent(pair(1)));
    assert!(queue.has_urgent(&state, 2.5));
}

/// Nothing else may go through for as long as it is closed.
#[test]
fn an_endpoint_is_suspect_for_a_window() {
    let mut state = state();
    state.endpoints.get_mut(&1).unwrap().bucket.close(3600.0);
    state.endpoints.get_mut(&1).unwrap().standing = Standing::Suspect(0.0);

    assert!(!state.holds_for_itself(1, 29.0));
    assert!(state.holds_for_itself(1, 31.0));
}

#[test]
fn who_waits_for_a_closed_endpoint_is_no_demand_elsewhere_unless_it_may_be_the_app_that_refused() {
    let mut state = state();
    state.call(1, refused(55.0), 0.0);
    let mut queue = Queue::new();
    line_up(&mut queue, pair(1), 10);
    assert!(queue.has_demand(2, &state, 1.0), "it may be the app's limit");

    state.call(2, Outcome::Succeeded, 2.0);

    assert!(!queue.has_demand(2, &state, 3.0), "another went through");
    assert!(queue.has_demand(1, &state, 3.0), "for its own limit");
    line_up(&mut queue, Pair { endpoint: 1, user: 7 }, 1);
    assert!(!queue.has_demand(2, &state, 3.0), "of whatever user");
    state.app.close(30.0);
    assert!(!queue.has_demand(2, &state, 3.0), "the app is closed for a shorter time");
    line_up(&mut queue, pair(3), 1);
    assert!(queue.has_demand(2, &state, 3.0), "one waits for the app");
}

#[test]
fn who_waits_for_an_app_that_is_closed_longer_than_the_endpoint_is_demand() {
    let mut state = state();
    state.endpoints.get_mut(&1).into_iter().for_each(|endpoint| endpoint.bucket.close(60.0));
    let mut queue = Queue::new();
    line_up(&mut queue, pair(1), 10);
    assert!(!queue.has_demand(2, &state, 1.0), "closed by hand");
    state.app.close(100.0);
    assert!(queue.has_demand(2, &state, 1.0));
}

#[test]
fn who_waits_for_an_endpoints_own_rate_is_no_demand_elsewhere_while_the_app_is_open() {
    let mut state = state();
    state.endpoints.get_mut(&1).into_iter().for_each(|endpoint| endpoint.bucket.pace(0.1, 0.0));
    state.call(1, Outcome::Succeeded, 1.0);
    let mut queue = Queue::new();
    line_up(&mut queue, pair(1), 10);
    assert!(!queue.has_demand(2, &state, 2.0));
    assert!(queue.has_demand(1, &state, 2.0), "for its own limit");
    state.app.pace(0.1, 2.0);
    state.call(2, Outcome::Succeeded, 2.0);
    assert!(queue.has_demand(2, &state, 3.0), "the app has a rate as well");
}

#[test]
fn who_waits_for_what_fails_is_no_demand() {
    let mut state = state();
    let mut queue = Queue::new();
    (0..20).for_each(|number| fails(&mut state, 1, 7, f64::from(number) * 0.1));
    line_up(&mut queue, Pair { endpoint: 1, user: 7 }, 10);
    for refused in [1, 2] {
        assert!(!queue.has_demand(refused, &state, 2.0), "it fails for its user");
    }
    line_up(&mut queue, pair(1), 1);
    assert!(queue.has_demand(1, &state, 2.0), "it fails for no other");
    (0..20).for_each(|number| fails(&mut state, 1, 0, 2.1 + f64::from(number) * 0.1));
    assert!(!queue.has_demand(1, &state, 4.1), "it fails for all");
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

/// A rate that is held no longer doubles until it lets any number start.
#[test]
fn waiters_of_an_endpoint_whose_rate_is_forgotten_are_before_others_however_long_ago_it_was_held() {
    for idle in [60.0, 400.0, 600.0, 900.0, 86_400.0, 1e12] {
        let mut state = state();
        state.endpoints.get_mut(&1).into_iter().for_each(|endpoint| endpoint.bucket.pace(1.0, 0.0));
        state.app.pace(10.0, idle);
        let mut queue = Queue::new();
        line_up(&mut queue, pair(1), 20);
        let wait = wait_behind(&state, &queue, idle);
        assert!((1.0..2.5).contains(&wait), "{wait} after {idle}");
    }
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

/// Its processes take turns, so that each has a part of the rate.
#[test]
fn who_waits_before_a_request_goes_at_its_processs_share_of_a_shared_rate() {
    for (active, expected) in [(1, 2.0), (5, 10.0), (10, 20.0)] {
        let mut state = State::new(30.0, 604_800.0).shared_as(7);
        state.endpoint(5, 0.0, String::new);
        state.hears(Granted::default().with_rate(10.0, active), 0.0);
        let mut queue = Queue::new();
        line_up(&mut queue, pair(5), 20);
        let wait = wait_behind(&state, &queue, 1.0);
        assert!((wait - expected).abs() < 0.1, "{active} processes: {wait}");
    }
}

const MANY: u64 = 16_000;

/// Fails for some users, and goes well for others.
fn fails_for(state: &mut State, users: u64) {
    for round in 0..10 {
        let now = f64::from(round) * 0.2;
        for user in 100..100 + users {
            fails(state, 1, user, now);
            let other = state.start(pair(1), false, now);
            state.settle(other, Outcome::Succeeded, false, now);
        }
    }
}

#[test]
fn a_look_passes_each_user_for_whom_it_fails_with_one_step() {
    for users in [1, 10, 100] {
        let mut state = state();
        fails_for(&mut state, users);
        let mut queue = Queue::new();
        (100..100 + users).for_each(|user| {
            line_up(&mut queue, Pair { endpoint: 1, user }, MANY / users);
        });
        steps::take();
        line_up(&mut queue, pair(1), 1);
        let gone = queue.next(&state, 2.0).map(|waiter| waiter.pair);
        assert_eq!(gone, Ok(pair(1)));
        assert!(steps::take() as u64 <= users + 3);
    }
}

#[test]
fn looks_in_an_outage_cost_few_steps_however_many_wait() {
    for users in [1, 10, MANY] {
        let mut state = state();
        (0..users.max(30))
            .for_each(|number| fails(&mut state, 1 + number % 3, number % users, 0.0));
        (0..20).for_each(|number| fails(&mut state, 1 + number % 3, number % users, 1.1));
        let mut queue = Queue::new();
        for number in 0..MANY {
            let pair = Pair { endpoint: 1 + number % 3, user: number % users };
            queue.insert(Place::new(false, number), Waiter { pair, limit: 60.0, owner: () });
        }
        steps::take();
        let mut sent = 0;
        let mut now = 2.0;
        while now < 12.0 {
            while let Ok(waiter) = queue.next(&state, now) {
                let probe = state.start(waiter.pair, true, now);
                state.settle(probe, Outcome::Failed, true, now);
                sent += 1;
            }
            now += 0.01;
        }
        let steps = steps::take() as u64;
        assert!((15..=31).contains(&sent), "{sent} probes");
        // Those of whom it has failed are passed one by one, in each of three lines and a thousand
        // looks, to find who is well, and who has been due for longest; where there are others, one of them is due each second, and else nobody is looked
        // at.
        let most = if users == MANY { 200 * users } else { 3 * 1100 * 3 * users };
        assert!(steps <= most, "{steps} for {users} users");
    }
}

#[test]
fn an_estimate_counts_no_waiters_one_by_one() {
    for users in [1, 10, 1000] {
        let mut state = state();
        fails_for(&mut state, users);
        state.app.pace(10.0, 2.0);
        let mut queue = Queue::new();
        (100..100 + users).for_each(|user| {
            line_up(&mut queue, Pair { endpoint: 1, user }, MANY / users);
        });
        steps::take();
        assert!(wait_behind(&state, &queue, 2.0) < 0.5);
        assert!(steps::take() <= 64, "{users} users");
    }
}

#[test]
fn refusals_look_only_for_hopeless_waiters_where_there_may_be_any() {
    let mut queue = Queue::new();
    for number in 0..MANY {
        let limit = if number == 7 { 20.0 } else { 60.0 };
        queue.insert(Place::new(false, number), Waiter { pair: pair(1), limit, owner: () });
    }
    steps::take();
    let hopeless = |queue: &mut Queue<()>, opens| queue.take_hopeless(|_| opens).len();
    (0..1000).for_each(|_| assert_eq!(hopeless(&mut queue, 20.0), 0));
    assert_eq!(steps::take(), 0);
    assert_eq!(hopeless(&mut queue, 30.0), 1);
    (0..1000).for_each(|_| assert_eq!(hopeless(&mut queue, 31.0), 0));
    assert_eq!(steps::take() as u64, MANY, "one look at all");
}

/// Of the app's rate and of an endpoint's own.
#[test]
fn who_is_not_urgent_waits_for_four_urgent_ones_at_most_and_for_four_more_behind_each_other() {
    for is_of_app in [true, false] {
        for others in [0, 3] {
            let mut state = state_within(1000.0);
            match is_of_app {
                true => state.app.pace(1.0, 6.0),
                false => state.endpoints.get_mut(&2).unwrap().bucket.pace(1.0, 6.0),
            }
            let mut queue = Queue::new();
            let mut wait = |number, is_urgent| {
                let waiter = Waiter { pair: pair(2), limit: f64::INFINITY, owner: number };
                queue.insert(Place::new(is_urgent, number), waiter);
            };
            (1..=100).for_each(|number| wait(number, true));
            (101..101 + others).for_each(|number| wait(number, false));
            let place = Place::new(false, 1000);
            let told = queue.wait(&state, pair(2), place, 6.0);
            let waiter = Waiter { pair: pair(2), limit: f64::INFINITY, owner: 1000 };
            queue.insert(place, waiter);
            let mut now = 6.0;
            let waited = loop {
                match queue.next(&state, now) {
                    Ok(gone) if gone.owner == 1000 => break now - 6.0,
                    Ok(gone) => drop(state.start(gone.pair, true, now)),
                    Err(_) => now += 0.01,
                }
            };
            let what = format!("{is_of_app}, {others} others: told {told}, waited {waited}");
            assert!(told <= waited + 0.1 && told >= waited - 1.5, "{what}");
        }
    }
}
