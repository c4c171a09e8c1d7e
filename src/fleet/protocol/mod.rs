//! Every order of the steps of processes that refresh one login through the server, to the end.
//!
//! The server runs what `scripts.rs` runs, each script in one step; a process does what a token
//! cache does with it. Between the steps a lease may end, a process may be killed, a response of
//! the server or of the accounts service may be lost, the server may forget its last write, and the
//! user may log in anew: a few of each. A refresh token has the name of the revision that it came
//! with, so what is said of one holds for the other.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that fails is a test that panics"
)]

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
};

/// Each of them once.
const EACH: Faults =
    Faults { lost_leases: 1, kills: 1, lost_writes: 1, lost_calls: 1, lost_tokens: 1, logins: 1 };

/// Nothing that costs a login, or sends a token again.
const HARMLESS: Faults = Faults { lost_leases: 0, lost_writes: 0, lost_tokens: 0, ..EACH };

/// What is worst.
const FEW: Faults = Faults { lost_calls: 0, lost_tokens: 0, logins: 0, ..EACH };

fn all_is_well<const N: usize>(refreshes: u8, faults: Faults) {
    match explore(World::<N>::new(refreshes, faults), ALL) {
        Ok(states) => {
            println!("{N} processes, {refreshes} refreshes each, {faults:?}: {states} states");
        }
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

#[test]
fn whatever_is_taken_out_of_the_protocol_breaks_a_promise() {
    let taken_out = [
        (Rules { saves_compare: false, ..ALL }, "was overwritten by"),
        (Rules { marks_compare: false, ..ALL }, "the mark of"),
        (Rules { has_leases: false, ..ALL }, "was sent again"),
        (Rules { releases_compare: false, ..ALL }, "was sent again"),
        (Rules { marks_what_was_sent: false, ..ALL }, "the login was lost"),
        (Rules { puts_back: false, ..ALL }, "the login was lost"),
    ];
    for (rules, expected) in taken_out {
        let faults = Faults { kills: 0, lost_tokens: 0, ..EACH };
        let two = explore(World::<2>::new(1, faults), rules);
        let found = two.and_then(|_| explore(World::<3>::new(1, faults), rules));
        let is_found = found.as_ref().is_err_and(|broken| broken.contains(expected));
        assert!(is_found, "{rules:?}: {found:?}");
    }
}
