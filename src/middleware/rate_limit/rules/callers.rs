//! Callers who are never content: who of them goes when, under a limit.

use std::ops::Range;

use super::super::queue::{Place, Queue, Waiter};
use super::*;

/// Calls that are sent again and again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caller {
    pub(super) pair: Pair,
    pub(super) is_urgent: bool,
    pub(super) outcome: Outcome,
    /// A new call comes in this time; else as soon as one ends, which is a retry of it if it failed.
    pub(super) each: Option<Seconds>,
}

pub(super) fn fails_at(endpoint: u64, user: u64) -> Caller {
    let pair = Pair { endpoint, user };
    Caller { pair, is_urgent: false, outcome: Outcome::Failed, each: None }
}

pub(super) fn is_well_at(endpoint: u64, user: u64) -> Caller {
    Caller { outcome: Outcome::Succeeded, ..fails_at(endpoint, user) }
}

/// What it sends hangs, so that nothing of it ever fails.
pub(super) fn hangs_at(endpoint: u64, user: u64) -> Caller {
    Caller { outcome: Outcome::Nothing, ..fails_at(endpoint, user) }
}

pub(super) fn urgent(caller: Caller) -> Caller {
    Caller { is_urgent: true, ..caller }
}

pub(super) fn each(seconds: Seconds, caller: Caller) -> Caller {
    Caller { each: Some(seconds), ..caller }
}

/// When requests of a caller went, and the longest wait.
#[derive(Debug, Clone, Default)]
pub(super) struct Went {
    pub(super) at: Vec<Seconds>,
    pub(super) longest: Seconds,
}

impl Went {
    /// The longest time without one.
    pub(super) fn longest_gap(&self) -> Seconds {
        self.longest_gap_until(END)
    }

    pub(super) fn longest_gap_until(&self, end: Seconds) -> Seconds {
        let ends = self.at.iter().copied().chain([end]);
        let begins = [BEGIN].into_iter().chain(self.at.iter().copied());
        begins.zip(ends).map(|(begin, end)| end - begin).fold(0.0, f64::max)
    }
}

pub(super) const BEGIN: Seconds = 6.0;
pub(super) const END: Seconds = 406.0;
/// No rate grows before.
pub(super) const LONG: Seconds = 1000.0;

/// All of them, for a while; the calls of the first come first.
pub(super) fn went(state: State, callers: &[Caller]) -> Vec<Went> {
    went_until(END, 0.01, state, callers)
}

/// The same with less of it.
pub(super) fn went_until(
    end: Seconds,
    tick: Seconds,
    mut state: State,
    callers: &[Caller],
) -> Vec<Went> {
    let mut queue = Queue::new();
    let mut went = vec![Went::default(); callers.len()];
    let mut next: Vec<_> = callers.iter().map(|_| Some((BEGIN, None))).collect();
    let mut number = 0;
    let mut now = BEGIN;
    while now < end {
        for (index, caller) in callers.iter().enumerate() {
            let Some((_, kept)) = next[index].filter(|(comes, _)| *comes <= now) else { continue };
            number += 1;
            let place = Place::new(caller.is_urgent, kept.unwrap_or(number)).arrived(number);
            let owner = (index, now, place.number);
            queue.insert(place, Waiter { pair: caller.pair, limit: f64::INFINITY, owner });
            next[index] = caller.each.map(|each| (now + each, None));
        }
        while let Ok(gone) = queue.next(&state, now) {
            let (index, came, place) = gone.owner;
            went[index].at.push(now);
            went[index].longest = went[index].longest.max(now - came);
            let ticket = state.start(gone.pair, true, now);
            let outcome = callers[index].outcome;
            state.settle(ticket, outcome, true, now);
            if callers[index].each.is_none() {
                let kept = (outcome == Outcome::Failed).then_some(place);
                next[index] = Some((now + 0.05, kept));
            }
        }
        now += tick;
    }
    for (index, came, _) in queue.take_owners(|_| true) {
        went[index].longest = went[index].longest.max(end - came);
    }
    went
}

/// Endpoint 1 fails for some users, and for no others.
pub(super) fn failing_for(users: impl IntoIterator<Item = u64>) -> State {
    let mut state = state_within(LONG);
    for user in users {
        for number in 0..20 {
            fails(&mut state, 1, user, f64::from(number) * 0.1);
            let ticket = state.start(Pair { endpoint: 1, user: 9999 }, false, 0.0);
            state.settle(ticket, Outcome::Succeeded, false, f64::from(number) * 0.1);
        }
    }
    state
}

/// It fails for all, and has failed for these.
pub(super) fn failing(users: Range<u64>) -> State {
    let mut state = state_within(LONG);
    // Less often than says so of each alone.
    for number in 0..4 {
        users.clone().for_each(|user| fails(&mut state, 1, user, f64::from(number) * 0.4));
    }
    state
}

/// Endpoints 1 and 2 were refused, and the limit is taken for the app's.
pub(super) fn refused_at_two(state: &mut State) {
    let refused = refused(1.0);
    for (endpoint, outcome, now) in
        [(1, refused, 2.0), (2, refused, 2.1), (1, Outcome::Succeeded, 3.2), (1, refused, 3.3)]
    {
        let ticket = state.start(Pair { endpoint, user: 9999 }, false, now);
        state.settle(ticket, outcome, false, now);
    }
}

pub(super) fn paced(mut state: State, rate: f64) -> State {
    state.app.pace(rate, BEGIN);
    state
}

pub(super) const RATES: [f64; 5] = [0.2, 0.5, 1.25, 1.9, 3.7];
