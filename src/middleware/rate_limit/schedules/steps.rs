//! What may happen to an app's limiter.

use std::time::Duration;

use proptest::prelude::*;

use super::super::super::endpoint::key_of_name;
use super::super::{Outcome, Pair};

/// What may happen, in any order. Numbers of callers and permits are taken modulo what there is.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Come {
        pair: Pair,
        is_urgent: bool,
        patience: Duration,
    },
    /// The same for a caller that is polled once, and then only by `Poll`: its consumer is busy.
    ComeLazily(Pair, Duration),
    Poll(usize),
    /// It is dropped, whether it was granted a permit or not.
    Forget(usize),
    /// A caller is dropped, whether it waits, was told, or has not begun.
    Leave(usize),
    Settle(usize, Outcome),
    /// A request is dropped with its permit.
    Drop(usize),
    /// A layer below panics.
    Panic(usize),
    CloseFor(Duration),
    /// An endpoint is closed as it was before a restart.
    Restore(&'static str, Duration),
    Reopen,
    /// The wall clock is set forward, or the machine slept.
    Jump(Duration),
    /// Until then steps happen before anybody who was woken runs.
    Run,
    Pass(Duration),
}

fn outcomes() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        4 => Just(Outcome::Succeeded),
        1 => Just(Outcome::Refused(None)),
        2 => (0.0..40.0).prop_map(|pause| Outcome::Refused(Some(pause))),
        1 => Just(Outcome::Failed),
        1 => Just(Outcome::Nothing),
    ]
}

fn milliseconds(longest: u64) -> impl Strategy<Value = Duration> {
    (0..=longest).prop_map(Duration::from_millis)
}

fn endpoints() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("GET /one"), Just("GET /two"), Just("GET /three")]
}

fn pairs() -> impl Strategy<Value = Pair> {
    (endpoints(), 0_u64..2).prop_map(|(name, user)| Pair { endpoint: key_of_name(name), user })
}

pub(super) fn steps() -> impl Strategy<Value = Step> {
    let lazy = (pairs(), milliseconds(90_000));
    prop_oneof![
        2 => lazy.prop_map(|(pair, patience)| Step::ComeLazily(pair, patience)),
        2 => any::<usize>().prop_map(Step::Poll),
        1 => any::<usize>().prop_map(Step::Forget),
        8 => (pairs(), any::<bool>(), milliseconds(90_000))
            .prop_map(|(pair, is_urgent, patience)| Step::Come { pair, is_urgent, patience }),
        2 => any::<usize>().prop_map(Step::Leave),
        5 => (any::<usize>(), outcomes()).prop_map(|(index, outcome)| Step::Settle(index, outcome)),
        1 => any::<usize>().prop_map(Step::Drop),
        1 => any::<usize>().prop_map(Step::Panic),
        1 => milliseconds(5000).prop_map(Step::CloseFor),
        1 => (endpoints(), milliseconds(5000)).prop_map(|(name, left)| Step::Restore(name, left)),
        1 => Just(Step::Reopen),
        1 => milliseconds(100_000).prop_map(Step::Jump),
        4 => Just(Step::Run),
        4 => milliseconds(4000).prop_map(Step::Pass),
    ]
}
