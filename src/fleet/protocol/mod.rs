//! Every order of the steps of processes that refresh one login through the server, to the end.
//!
//! The server runs what `scripts.rs` runs, each script in one step; a process does what a token
//! cache does with it. Between the steps a lease may end, a process may be killed, a response of
//! the server or of the accounts service may be lost, the server may forget its last write, and the
//! user may log in anew: a few of each. A refresh token has the name of the revision that it came
//! with, so what is said of one holds for the other.
//!
//! A server may also come back as another one: empty, as it was at first, or without its last write,
//! and with a clock that is behind, or have its clock set back. Then what the processes know meets what is
//! done since; see `histories.rs`.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that fails is a test that panics"
)]

mod histories;
mod process;
mod world;

use std::collections::{HashSet, VecDeque};

use self::world::{Checked, World};

/// How often each may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
struct Faults {
    lost_leases: u8,
    kills: u8,
    lost_writes: u8,
    lost_calls: u8,
    lost_tokens: u8,
    logins: u8,
    /// By one of the processes, which knows of it.
    own_logins: u8,
    /// The same, and it cannot be saved at once.
    late_logins: u8,
    removals: u8,
    /// To a server that is empty or has an old state.
    restarts: u8,
    /// The same, and its clock is behind; or the clock is set back, and nothing is lost.
    slow_restarts: u8,
}

/// What may be taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Rules {
    saves_compare: bool,
    marks_compare: bool,
    has_leases: bool,
    releases_compare: bool,
    /// Or what it found when that was refused.
    marks_what_was_sent: bool,
    puts_back: bool,
    /// That of a login or of a removal is at least the server's time.
    numbers_are_times: bool,
    /// Whatever its number is.
    later_login_stays: bool,
    /// Which any process reads, so that it is later than a login or earlier, as another login is.
    removals_have_moments: bool,
    waits_for_others: bool,
    /// A removal leaves its number.
    leaves_gravestones: bool,
    /// What is put back gets no other number.
    puts_back_as_it_was: bool,
    /// A process saves in place of what it knows to be there, and puts that back first.
    saves_over_what_is_known: bool,
    /// A login that is saved after a removal ends where it was made before that.
    removals_end_late_logins: bool,
}

/// The number of states, or what is broken in one of them, and how it comes to that.
fn explore<const N: usize>(first: World<N>, rules: Rules) -> Checked<usize> {
    let mut seen = HashSet::from([first]);
    let mut left = VecDeque::from([first]);
    while let Some(world) = left.pop_front() {
        let next = world.next(rules).map_err(|broken| format!("{broken}: {world:#?}"))?;
        left.extend(next.into_iter().filter(|next| seen.insert(*next)));
    }
    Ok(seen.len())
}

/// As it is.
const ALL: Rules = Rules {
    saves_compare: true,
    marks_compare: true,
    has_leases: true,
    releases_compare: true,
    marks_what_was_sent: true,
    puts_back: true,
    numbers_are_times: true,
    later_login_stays: true,
    removals_have_moments: true,
    waits_for_others: true,
    leaves_gravestones: true,
    puts_back_as_it_was: true,
    saves_over_what_is_known: true,
    removals_end_late_logins: true,
};

const NONE: Faults = Faults {
    lost_leases: 0,
    kills: 0,
    lost_writes: 0,
    lost_calls: 0,
    lost_tokens: 0,
    logins: 0,
    own_logins: 0,
    late_logins: 0,
    removals: 0,
    restarts: 0,
    slow_restarts: 0,
};

/// Each of them once.
const EACH: Faults = Faults {
    lost_leases: 1,
    kills: 1,
    lost_writes: 1,
    lost_calls: 1,
    lost_tokens: 1,
    logins: 1,
    ..NONE
};

/// Nothing that costs a login, or sends a token again.
const HARMLESS: Faults = Faults { lost_leases: 0, lost_writes: 0, lost_tokens: 0, ..EACH };

/// What is worst.
const FEW: Faults = Faults { lost_calls: 0, lost_tokens: 0, logins: 0, ..EACH };

/// A login and a removal, and a server that has an old state meanwhile.
const HISTORY: Faults = Faults { own_logins: 1, removals: 1, restarts: 1, ..NONE };

/// The same, and the clock of the server that has it is behind.
const SLOW_HISTORY: Faults = Faults { restarts: 0, slow_restarts: 1, ..HISTORY };

/// A login that is made before a removal may be saved after it, and the other way round.
const LATE: Faults = Faults { late_logins: 1, own_logins: 1, removals: 1, ..NONE };

fn all_is_well<const N: usize>(refreshes: u8, faults: Faults) {
    all_is_well_in(World::<N>::new(refreshes, faults));
}

fn all_is_well_in<const N: usize>(world: World<N>) {
    match explore(world, ALL) {
        Ok(states) => println!("{N} processes, {}: {states} states", world.description()),
        Err(broken) => panic!("{broken}"),
    }
}

/// F4 to F8
#[test]
fn no_order_of_the_steps_of_processes_costs_a_login_or_sends_a_token_twice() {
    all_is_well::<2>(1, EACH);
    all_is_well::<2>(2, HARMLESS);
    all_is_well::<3>(1, FEW);
}

#[test]
#[ignore = "ten million states; takes minutes, run by hand with optimization"]
fn no_order_of_more_steps_of_processes_costs_a_login_or_sends_a_token_twice() {
    all_is_well::<2>(2, EACH);
    all_is_well::<3>(1, Faults { lost_leases: 1, ..HARMLESS });
    all_is_well::<3>(1, Faults { lost_writes: 1, ..HARMLESS });
}

/// F5, F6, F8, F25: what was done later stays, and what was removed does not come back.
#[test]
fn no_server_that_comes_back_with_an_old_state_undoes_what_was_done_since() {
    all_is_well::<2>(1, Faults { lost_leases: 1, kills: 1, ..HISTORY });
    all_is_well::<2>(1, Faults { lost_calls: 1, lost_writes: 1, ..HISTORY });
    all_is_well::<2>(1, Faults { lost_leases: 1, kills: 1, ..SLOW_HISTORY });
    for history in [HISTORY, SLOW_HISTORY] {
        for one in [Faults { removals: 0, ..history }, Faults { own_logins: 0, ..history }] {
            all_is_well_in(World::<3>::new(1, one).with_newcomer());
        }
    }
}

#[test]
fn no_login_that_is_saved_late_undoes_what_was_done_since() {
    all_is_well::<2>(1, Faults { lost_leases: 1, kills: 1, lost_calls: 1, ..LATE });
    all_is_well_in(World::<3>::new(1, Faults { own_logins: 0, ..LATE }).with_newcomer());

    let rules = Rules { removals_end_late_logins: false, ..ALL };
    let found = explore(World::<2>::new(1, LATE), rules);
    assert!(found.as_ref().is_err_and(|it| it.contains("was overwritten by")), "{found:?}");
}

#[test]
#[ignore = "twenty million states; takes minutes, run by hand with optimization"]
fn no_server_that_comes_back_with_an_old_state_undoes_more_of_what_was_done_since() {
    all_is_well::<2>(2, HISTORY);
    all_is_well::<2>(1, Faults { lost_leases: 1, kills: 1, restarts: 2, ..HISTORY });
    all_is_well::<3>(1, HISTORY);
    all_is_well_in(World::<3>::new(1, HISTORY).with_newcomer());
    all_is_well_in(World::<3>::new(1, SLOW_HISTORY).with_newcomer());
    all_is_well_in(World::<3>::new(1, Faults { kills: 1, ..HISTORY }).with_newcomer());
}

#[test]
fn whatever_is_taken_out_of_what_a_restart_needs_breaks_a_promise() {
    let taken_out = [
        (Rules { numbers_are_times: false, ..ALL }, HISTORY, "was overwritten by"),
        (Rules { later_login_stays: false, ..ALL }, SLOW_HISTORY, "was overwritten by"),
        (Rules { removals_have_moments: false, ..ALL }, SLOW_HISTORY, "was overwritten by"),
        (Rules { waits_for_others: false, ..ALL }, HISTORY, "was sent again"),
        (Rules { leaves_gravestones: false, ..ALL }, HISTORY, "was overwritten by"),
        (Rules { puts_back_as_it_was: false, ..ALL }, HISTORY, "was given up for"),
        (Rules { puts_back: false, ..ALL }, HISTORY, "was given up for"),
        (Rules { saves_over_what_is_known: false, ..ALL }, HISTORY, "was given up for"),
    ];
    for (rules, faults, expected) in taken_out {
        let found = explore(World::<3>::new(1, faults).with_newcomer(), rules);
        let is_found = found.as_ref().is_err_and(|broken| broken.contains(expected));
        assert!(is_found, "{rules:?}: {found:?}");
    }
}

#[test]
fn whatever_is_taken_out_of_the_protocol_breaks_a_promise() {
    let taken_out = [
        (Rules { saves_compare: false, ..ALL }, "was overwritten by"),
        (Rules { marks_compare: false, ..ALL }, "the mark of"),
        (Rules { has_leases: false, ..ALL }, "was sent again"),
        (Rules { releases_compare: false, ..ALL }, "was sent again"),
        (Rules { marks_what_was_sent: false, ..ALL }, "the login was lost"),
        (Rules { puts_back: false, ..ALL }, "was given up for"),
    ];
    for (rules, expected) in taken_out {
        let faults = Faults { kills: 0, lost_tokens: 0, ..EACH };
        let two = explore(World::<2>::new(1, faults), rules);
        let found = two.and_then(|_| explore(World::<3>::new(1, faults), rules));
        let is_found = found.as_ref().is_err_and(|broken| broken.contains(expected));
        assert!(is_found, "{rules:?}: {found:?}");
    }
}
