//! Of five that go one is not urgent, also of those who have their turns one after the other.

use super::super::queue::{Place, Queue, Waiter};
use super::callers::*;
use super::*;

/// As many as of how many one is not urgent: by their number alone each might be in the same class
/// whenever it is its turn.
const SUBJECTS: u64 = 5;

fn both(caller: Caller) -> [Caller; 2] {
    [urgent(caller), caller]
}

fn of_each_user() -> Vec<Caller> {
    (0..SUBJECTS).flat_map(|user| both(fails_at(1, user))).collect()
}

/// Each of them goes, one after the other and at most as often as looks do, while somebody is well at
/// an endpoint.
fn assert_that_each_goes(rate: f64, callers: &[Caller], state: State, is_well_at_it: u64) {
    let is_well = each(5.0 / rate, is_well_at(is_well_at_it, 9999));
    let with_one_more: Vec<_> = callers.iter().copied().chain([is_well]).collect();
    let went = went(state, &with_one_more);
    let turns = SUBJECTS as f64 * f64::max(1.25 / rate, 0.5);
    assert!(longest_row(callers, &went) <= 6, "{rate} a second");
    for (caller, went) in callers.iter().zip(went) {
        let (gap, often) = if caller.is_urgent { (3.0, 0.6) } else { (6.0, 0.15) };
        let longest = went.longest_gap();
        assert!(longest <= gap * turns + 2.0, "{rate} a second: {longest} s, {caller:?}");
        let share = went.at.len() as f64 * turns / (END - BEGIN);
        assert!(share >= often, "{rate} a second: {share}, {caller:?}");
    }
}

/// Of urgent ones.
fn longest_row(callers: &[Caller], went: &[Went]) -> usize {
    let of_each = callers.iter().zip(went);
    let mut all: Vec<_> = of_each
        .flat_map(|(caller, went)| went.at.iter().map(|at| (*at, caller.is_urgent)))
        .collect();
    all.sort_by(|one, other| one.0.total_cmp(&other.0));
    let rows = all.split(|(_, is_urgent)| !is_urgent);
    rows.map(<[_]>::len).max().unwrap()
}

#[test]
fn of_the_looks_of_each_user_for_whom_an_endpoint_fails() {
    for rate in RATES {
        let state = paced(failing_for(0..SUBJECTS), rate);
        assert_that_each_goes(rate, &of_each_user(), state, 1);
    }
}

#[test]
fn of_the_looks_at_each_endpoint_for_a_user_for_whom_all_fail() {
    for rate in RATES {
        let mut state = state_within(LONG);
        let endpoints = 1..=SUBJECTS;
        for number in 0..8 {
            endpoints
                .clone()
                .for_each(|at| fails(&mut state, at, 0, 2.0 + f64::from(number) * 0.5));
        }
        let callers: Vec<_> = endpoints.flat_map(|endpoint| both(fails_at(endpoint, 0))).collect();
        assert_that_each_goes(rate, &callers, paced(state, rate), 9);
    }
}

#[test]
fn of_the_looks_of_each_user_where_an_endpoint_fails_for_all() {
    for rate in RATES {
        let state = paced(failing(0..SUBJECTS), rate);
        assert_that_each_goes(rate, &of_each_user(), state, 9);
    }
}

/// The urgent ones are of one user, the others of another.
#[test]
fn of_the_looks_at_each_endpoint_that_fails_for_all() {
    for rate in RATES {
        let mut state = state_within(LONG);
        for endpoint in 1..=SUBJECTS {
            for number in 0..20 {
                fails(&mut state, endpoint, number % 2, number as f64 * 0.1);
            }
        }
        let callers: Vec<_> = (1..=SUBJECTS)
            .flat_map(|endpoint| [urgent(fails_at(endpoint, 0)), fails_at(endpoint, 1)])
            .collect();
        assert_that_each_goes(rate, &callers, paced(state, rate), 9);
    }
}

/// Looks that are not urgent go elsewhere in between.
#[test]
fn of_the_looks_at_an_endpoint_that_fails_for_all_while_others_look_elsewhere() {
    let mut state = failing(7000..7002);
    for number in 0..20 {
        let now = 3.0 + f64::from(number) * 0.1;
        fails(&mut state, 4, 0, now);
        let ticket = state.start(Pair { endpoint: 4, user: 9 }, false, now);
        state.settle(ticket, Outcome::Succeeded, false, now);
    }
    let is_well = each(1.0, is_well_at(4, 9));
    let callers = [urgent(fails_at(1, 7000)), fails_at(1, 7001), fails_at(4, 0), is_well];
    let went = went(state, &callers);
    let counts: Vec<_> = went.iter().map(|went| went.at.len()).collect();
    assert!(counts[0] > 500 && counts[1] > 100 && counts[2] > 700, "{counts:?}");
}

/// What these send hangs, so that it never fails for them, beside those for whom it does.
#[test]
fn of_the_looks_of_those_for_whom_nothing_has_failed_yet() {
    let new = [urgent(hangs_at(2, 1)), hangs_at(3, 2)];
    let known = [urgent(fails_at(1, 7000)), fails_at(1, 7000), fails_at(1, 7001)];
    for known in [&known[..], &[each(1.0, known[0]), known[2]]] {
        let mut state = failing(7000..7002);
        (0..20).for_each(|number| fails(&mut state, 2, 7000, f64::from(number) * 0.1));
        let callers: Vec<_> = new.iter().chain(known).copied().collect();
        let went = went(state, &callers);
        let counts: Vec<_> = went.iter().map(|went| went.at.len()).collect();
        // Each second one that is new, and each half second another.
        let all = (END - BEGIN) as usize;
        assert!(counts[0] > all / 2 && counts[1] > all / 6, "{counts:?}");
        assert!(
            counts[2] > all / 2 && counts[3..].iter().all(|count| *count > all / 8),
            "{counts:?}"
        );
    }
}

/// Endpoints 1 and 2 fail for two users, and so all does for all.
fn all_failing(mut state: State) -> State {
    for number in 0..40 {
        fails(&mut state, 1 + number % 2, 7000 + number / 2 % 2, 3.5 + number as f64 * 0.05);
    }
    assert!(state.failures.all_fail_for_all(BEGIN));
    state
}

/// Endpoint 3 may go beyond the app's rate, and is looked at between its starts.
#[test]
fn those_for_whom_nothing_has_failed_look_also_where_others_do_beyond_the_apps_rate() {
    let mut state = state_within(LONG);
    refused_at_two(&mut state);
    let callers = [
        urgent(fails_at(2, 7000)),
        urgent(hangs_at(2, 1)),
        hangs_at(1, 2),
        each(1.0, hangs_at(3, 3)),
    ];
    let went = went(paced(all_failing(state), 2.0), &callers);
    let counts: Vec<_> = went.iter().map(|went| went.at.len()).collect();
    assert!(counts.iter().all(|count| *count > 20), "{counts:?}");
}

/// One whose calls hang goes each second. The turns of endpoint 3 are those of its urgent calls and of its
/// others, and endpoint 4 has no urgent ones.
#[test]
fn of_those_who_go_beyond_the_apps_rate_at_each_endpoint() {
    let mut state = state_within(LONG);
    refused_at_two(&mut state);
    let mut state = paced(state, 0.001);
    let mut queue = Queue::new();
    let mut went = [0; 3];
    for number in 0..2000 {
        for (owner, (endpoint, is_urgent)) in
            [(3, true), (3, false), (4, false)].into_iter().enumerate()
        {
            let waiter = Waiter { pair: pair(endpoint), limit: f64::INFINITY, owner };
            queue.insert(Place::new(is_urgent, number), waiter);
        }
    }
    for tick in 0..4000 {
        let now = BEGIN + f64::from(tick) * 0.1;
        while let Ok(gone) = queue.next(&state, now) {
            went[gone.owner] += 1;
            state.start(gone.pair, true, now);
        }
    }
    let [urgent, other, elsewhere] = went;
    let all: usize = went.iter().sum();
    assert!(all > 300, "{went:?}");
    assert!(urgent * 2 > all && other * 10 > all && elsewhere * 10 > all, "{went:?}");
}
