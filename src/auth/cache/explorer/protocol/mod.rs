//! Every order of the steps of fetches, logins, log-outs, a store that fails, and a second process.
//!
//! The caches are the real ones with their tasks, on a runtime of one thread whose time stands
//! still. Between two operations of the store or the source a task does not pause, and what threads
//! share is changed under one lock: so all that can happen is some order in which these operations
//! take effect and in which their results arrive. Both are choices here, as are callers, logins and
//! failures, of which each scenario has a few. A path is played again from the start for each
//! choice that it did not take; a path ends where a state has been seen, or nothing is left to
//! choose. There the store works, time passes, and all must be well.

mod model;
mod operations;
mod play;
mod scenarios;

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use self::play::{Choice, Play};
use self::scenarios::Scenario;

#[test]
fn no_order_of_steps_breaks_a_promise() {
    explore_all(&Scenario::small());
}

#[test]
#[ignore = "more of each; takes minutes, run by hand"]
fn no_order_of_many_steps_breaks_a_promise() {
    explore_all(&Scenario::large());
}

fn explore_all(scenarios: &[Scenario]) {
    let next = AtomicUsize::new(0);
    let explore_next = || {
        while let Some(scenario) = scenarios.get(next.fetch_add(1, Ordering::Relaxed)) {
            explore(scenario);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(explore_next);
        }
    });
}

fn explore(scenario: &Scenario) {
    let begun = std::time::Instant::now();
    let mut seen = HashSet::new();
    let mut paths = 0;
    let mut left = vec![Vec::new()];
    while let Some(path) = left.pop() {
        paths += 1;
        walk(scenario, &path, &mut seen, &mut left);
    }
    println!("{}: {} states, {paths} paths, {:?}", scenario.name, seen.len(), begun.elapsed());
}

/// Plays `path` and goes on with the first choice each time; the others are left for later.
fn walk(
    scenario: &Scenario,
    path: &[Choice],
    seen: &mut HashSet<u64>,
    left: &mut Vec<Vec<Choice>>,
) {
    let mut play = Play::new(scenario);
    path.iter().for_each(|choice| play.choose(*choice));
    while seen.insert(play.key()) {
        let choices = play.choices();
        let Some((first, others)) = choices.split_first() else { return play.end() };
        left.extend(others.iter().map(|other| [play.path(), &[*other]].concat()));
        play.choose(*first);
    }
}
