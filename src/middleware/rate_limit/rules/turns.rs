//! Who goes next where starts are few: those who look at what fails, and others.

use super::super::queue::{Place, Queue, Waiter};
use super::callers::*;
use super::*;

#[test]
fn looks_leave_half_of_the_starts_of_a_small_rate_to_others() {
    for rate in RATES {
        for users in [1, 2, 30] {
            for class in [|caller| caller, urgent] {
                for (what, state) in
                    [("for them", failing_for(0..users)), ("for all", failing(7000..7002))]
                {
                    let looks = (0..60).map(|number| class(fails_at(1, number % users)));
                    let other = each(4.0 / rate, is_well_at(2, 1000));
                    let callers: Vec<_> = looks.chain([other]).collect();
                    let went = went(paced(state, rate), &callers);
                    let what = format!("{rate} a second, {users} users, {what}");
                    let other = &went[60];
                    assert!(other.longest <= 2.0 / rate + 0.1, "{what}: {}", other.longest);
                    let looks: usize = went[..60].iter().map(|went| went.at.len()).sum();
                    let most = (END - BEGIN) * rate.min(2.0);
                    assert!(looks as f64 >= 0.4 * most, "{what}: {looks} of {most}");
                }
            }
        }
    }
}

#[test]
fn looks_have_all_starts_of_a_small_rate_that_nobody_else_wants() {
    for (rate, users) in [(0.5, 1), (1.25, 1), (1.25, 30), (1.9, 2)] {
        for (what, state) in [("for them", failing_for(0..users)), ("for all", failing(7000..7002))]
        {
            let callers: Vec<_> = (0..60).map(|number| fails_at(1, number % users)).collect();
            let looks: usize =
                went(paced(state, rate), &callers).iter().map(|went| went.at.len()).sum();
            let most = (END - BEGIN) * rate;
            assert!(
                looks as f64 >= 0.95 * most,
                "{rate}, {users} users, {what}: {looks} of {most}"
            );
        }
    }
}

/// The callers of the first have waited for longer than all others, and keep their places.
#[test]
fn looks_take_turns_no_matter_who_has_waited_for_longer() {
    for rate in RATES {
        for users in [2, 5, 20] {
            let well = is_well_at(2, 1000);
            // Of how many starts one is theirs.
            for (beside, share) in [(None, 1.0), (Some(well), 2.0), (Some(urgent(well)), 5.0)] {
                let states = [("for them", failing_for(0..users)), ("for all", failing(0..users))];
                for (what, state) in states {
                    let first = (0..40).map(|_| fails_at(1, 0));
                    let others = (1..users).map(|user| fails_at(1, user));
                    let callers: Vec<_> = first.chain(others).chain(beside).collect();
                    let went = went(paced(state, rate), &callers);
                    let turns = users as f64 * f64::max(share / rate, 0.5);
                    for (user, went) in went[40..][..users as usize - 1].iter().enumerate() {
                        let gap = went.longest_gap();
                        let what = format!("{rate} a second, {users} users, {what}, {beside:?}");
                        assert!(
                            gap <= 1.3 * turns + 2.0 / rate,
                            "{what}: {user} waited {gap} of {turns}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn of_five_that_go_one_is_not_urgent_whether_it_looks_or_not() {
    for rate in RATES {
        let state = failing_for(0..2);
        let callers = [
            urgent(fails_at(1, 0)),
            urgent(is_well_at(2, 1000)),
            urgent(is_well_at(2, 1000)),
            fails_at(1, 1),
            is_well_at(2, 1001),
        ];
        let went = went(paced(state, rate), &callers);
        let all = (END - BEGIN) * rate;
        let others = went[3].at.len() + went[4].at.len();
        assert!(others as f64 >= 0.19 * all, "{rate} a second: {others} of {all}");
        for (index, went) in went.iter().enumerate() {
            let gap = went.longest_gap();
            assert!(gap <= 12.0 / rate + 1.0, "{rate} a second: {index} waited {gap}");
        }
    }
}

#[test]
fn looks_leave_half_of_the_starts_of_an_endpoints_own_rate_to_other_users() {
    for rate in RATES {
        for users in [1, 30] {
            let mut state = failing_for(0..users);
            state.endpoints.get_mut(&1).unwrap().bucket.pace(rate, BEGIN);
            let looks = (0..60).map(|number| fails_at(1, number % users));
            // Who goes elsewhere meanwhile takes none of its starts.
            let others = [each(4.0 / rate, is_well_at(1, 1000)), each(0.1, is_well_at(2, 1001))];
            let callers: Vec<_> = looks.chain(others).collect();
            let went = went(state, &callers);
            let longest = went[60].longest;
            assert!(longest <= 2.0 / rate + 0.1, "{rate} a second, {users} users: {longest}");
            assert!(went[61].longest < 0.1, "another endpoint: {}", went[61].longest);
        }
    }
}

#[test]
fn looks_stand_where_the_first_of_them_does() {
    let mut state = paced(failing_for(0..2), 1.0);
    let at_1 = |user| Pair { endpoint: 1, user };
    let ticket = state.start(at_1(0), true, 3.0);
    state.settle(ticket, Outcome::Nothing, true, 3.0);
    let mut queue = Queue::new();
    let waiting = [pair(2), pair(2), at_1(0), pair(2), pair(2), at_1(1), pair(2)];
    for (number, pair) in (1..).zip(waiting) {
        let waiter = Waiter { pair, limit: f64::INFINITY, owner: number };
        queue.insert(Place::new(false, number), waiter);
    }
    let mut order = Vec::new();
    for tick in 0..200 {
        let now = 10.0 + f64::from(tick) * 0.1;
        while let Ok(gone) = queue.next(&state, now) {
            let ticket = state.start(gone.pair, true, now);
            state.settle(ticket, Outcome::Nothing, true, now);
            order.push(gone.owner);
        }
    }
    // Who was looked at last is looked at later.
    assert_eq!(order, [1, 2, 6, 4, 3, 5, 7]);
}

#[test]
fn looks_that_are_not_urgent_have_their_turns_beside_those_that_are() {
    for rate in RATES {
        let urgent = (0..4).map(|user| urgent(fails_at(1, user)));
        let others = (0..5).map(|_| is_well_at(2, 1000));
        let callers: Vec<_> = [fails_at(1, 9)].into_iter().chain(urgent).chain(others).collect();
        let went = went(paced(failing_for(0..10), rate), &callers);
        let gap = went[0].longest_gap();
        assert!(gap <= 12.0 / rate, "{rate} a second: {gap}");
    }
}

#[test]
fn who_goes_beyond_the_apps_rate_takes_no_turn_of_those_who_do_not() {
    for rate in [0.2, 0.5, 1.25] {
        let mut state = failing_for(0..2);
        refused_at_two(&mut state);
        let looks = (0..60).map(|number| fails_at(1, number % 2));
        let others = [each(4.0 / rate, is_well_at(2, 1000)), hangs_at(4, 1001)];
        let callers: Vec<_> = looks.chain(others).collect();
        let went = went(paced(state, rate), &callers);
        assert!(went[61].at.len() > 300, "beyond the rate: {}", went[61].at.len());
        let longest = went[60].longest;
        assert!(longest <= 2.0 / rate + 0.1, "{rate} a second: {longest}");
    }
}

/// Of an endpoint that fails for all, one of those for whom it has not failed is looked at each second.
#[test]
fn new_users_of_what_fails_for_all_have_their_turns_under_a_small_rate() {
    for rate in RATES {
        let old = (0..60).map(|number| fails_at(1, 7000 + number % 2));
        let new = (0..).map(|user| each(1000.0, fails_at(1, user))).take(20);
        let callers: Vec<_> = old.chain(new).collect();
        let went = went(paced(failing(7000..7002), rate), &callers);
        let looked = went[60..].iter().filter(|went| !went.at.is_empty()).count();
        let most = f64::min(20.0, (END - BEGIN) * rate / 4.0);
        assert!(looked as f64 >= 0.9 * most, "{rate} a second: {looked} of {most}");
    }
}

#[test]
fn new_users_of_what_fails_for_all_leave_turns_to_the_others() {
    for rate in RATES {
        let new = (0..400).map(|user| each(1000.0, fails_at(1, user)));
        let callers: Vec<_> = [fails_at(1, 7000)].into_iter().chain(new).collect();
        let went = went(paced(failing(7000..7002), rate), &callers);
        let (all, old) = (went.iter().map(|went| went.at.len()).sum::<usize>(), went[0].at.len());
        assert!(old as f64 >= 0.3 * all as f64, "{rate} a second: {old} of {all}");
    }
}

/// Any of them wait: urgent ones and others, for whom something fails and for whom it does not, there
/// and elsewhere, where the app has a rate, or the endpoint, or both.
#[test]
fn nobody_is_passed_by_for_ever() {
    for number in 0..256 {
        let (there, rate, mask) = (number % 2, number / 2 % 2, number / 4);
        let rate = [1.0, 5.0][rate];
        let there = [1, 2][there];
        let all = [
            urgent(fails_at(1, 0)),
            fails_at(1, 1),
            urgent(is_well_at(there, 1000)),
            is_well_at(there, 1001),
            urgent(is_well_at(3, 1002)),
            is_well_at(3, 1003),
        ];
        let chosen = all.into_iter().enumerate().filter(|(index, _)| mask & (1 << index) > 0);
        // A call that fails keeps its place.
        let count = |caller: Caller| if caller.outcome == Outcome::Failed { 1 } else { 2 };
        let callers = chosen.flat_map(|(_, caller)| std::iter::repeat_n(caller, count(caller)));
        let callers: Vec<_> = callers.collect();
        for (of_app, of_endpoint) in [(true, false), (false, true), (true, true)] {
            let mut state = failing_for(0..2);
            if of_app {
                state.app.pace(rate, BEGIN);
            }
            if of_endpoint {
                state.endpoints.get_mut(&1).unwrap().bucket.pace(rate, BEGIN);
            }
            for (caller, went) in callers.iter().zip(went_until(106.0, 0.05, state, &callers)) {
                let gap = went.longest_gap_until(106.0);
                let limits = (of_app, of_endpoint);
                assert!(
                    gap <= 50.0 / rate + 1.0,
                    "{rate} {limits:?} {callers:?}: {caller:?}: {gap}"
                );
            }
        }
    }
}

/// It failed for one long ago; then all fails for another alone.
#[test]
fn who_is_looked_at_alone_passes_nobody_by() {
    let mut state = failing_for(0..1);
    (0..40).for_each(|number| fails(&mut state, 1 + number % 3, 7, 2.0 + number as f64 * 0.1));
    assert!(state.failures.only_user_down(6.0).is_some());
    let went = went(state, &[fails_at(1, 7), fails_at(1, 0)]);
    let gaps: Vec<_> = went.iter().map(Went::longest_gap).collect();
    assert!(gaps.iter().all(|gap| *gap < 2.0), "{gaps:?}");
}

/// Endpoints 3 and 4 may go beyond the app's rate, and leave its starts to endpoint 1.
#[test]
fn what_fails_for_all_is_looked_at_also_where_it_may_go_beyond_the_apps_rate() {
    for rate in [0.5, 4.0] {
        let mut state = state_within(LONG);
        refused_at_two(&mut state);
        for number in 0..20 {
            [1, 3, 4].into_iter().for_each(|at| {
                fails(&mut state, at, number % 2, 3.5 + number as f64 * 0.1);
            });
        }
        assert!(state.failures.all_fail_for_all(BEGIN));
        let callers = [fails_at(1, 0), fails_at(1, 1), fails_at(3, 0), fails_at(4, 1)];
        let went = went(paced(state, rate), &callers);
        let counts: Vec<_> = went.iter().map(|went| went.at.len()).collect();
        assert!(counts.iter().all(|count| *count > 80), "{rate} a second: {counts:?}");
    }
}
