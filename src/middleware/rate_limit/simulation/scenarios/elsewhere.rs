//! Refusals that are no limit, of one endpoint, while calls wait for another that is closed, fails or
//! has a limit of its own.

use super::own::Own;
use super::server::{Arrival, Reply, Server, Told};
use super::{Callers, Load, Row, Setting, each, most, run, tasks};

pub(super) fn rows() -> Vec<Row> {
    let poller = |endpoint| Callers::new(Load::Poller(1.0)).at(endpoint);
    let refused = |it: Arrival| (it.endpoint != WELL).then_some(Reply::Refused(Some(50.0)));
    let failing = |it: Arrival| (it.endpoint != WELL).then_some(Reply::Failed);
    let urgent = Callers { is_urgent: true, ..tasks(5).at(1) };
    let of_two = vec![tasks(4).at(1), tasks(4).at(1).of(1)];
    let own = |endpoints, told| Own { endpoints, count: 10, callers: 4, told };
    vec![
        beside("nobody waits", Vec::new(), |_| None),
        beside("one waits where all is refused for 50 s", vec![poller(1)], refused),
        beside("one waits at each of three of these", [1, 2, 3].map(poller).to_vec(), refused),
        beside("one of another user waits there", vec![poller(1).of(1)], refused),
        beside("five urgent ones wait there", vec![urgent], refused),
        beside("four wait where all fails", vec![tasks(4).at(1)], failing),
        beside("four of each of two users wait there", of_two, failing),
        beside_limited(own(1, Told::Right), [550.0, 4000.0]),
        beside_limited(own(3, Told::Always(1.0)), [400.0, 1500.0]),
    ]
}

fn beside(who: &str, others: Vec<Callers>, of_others: fn(Arrival) -> Option<Reply>) -> Row {
    let figures = [most(100.0, "of 2400 wait"), most(80.0, "s in sum"), most(0.0, "fail")];
    Row::new(name(who), figures, move |seed| {
        waits_beside(Server::unlimited(), others.clone(), of_others, seed)
    })
}

/// Who waits for a limit of its own is no demand for another's. But where both were refused within a
/// window, and no third went through, it may be the app's.
fn beside_limited(own: Own, [calls, sum]: [f64; 2]) -> Row {
    let figures = [
        most(100.0, "of 2400 wait").but_reaches(calls),
        most(80.0, "s in sum").but_reaches(sum),
        most(0.0, "fail"),
    ];
    Row::new(name(&own.title()), figures, move |seed| {
        let server = own.server(Server::unlimited().telling(own.told));
        waits_beside(server, own.callers().collect(), |_| None, seed)
    })
}

fn name(who: &str) -> String {
    format!("2 a second, of 150 s three are refused for 1 s; {who}")
}

/// Two calls a second, which are far from any limit: how many wait, how long in sum, and how many
/// fail.
fn waits_beside(
    server: Server,
    others: Vec<Callers>,
    of_others: fn(Arrival) -> Option<Reply>,
    seed: u64,
) -> [f64; 3] {
    let mut number = 0;
    let server = server.with_accidents(move |it, _| {
        number += usize::from(it.endpoint == WELL);
        let is_stray = it.endpoint == WELL && STRAYS.contains(&(number % 300));
        if is_stray { Some(Reply::Refused(Some(1.0))) } else { of_others(it) }
    });
    let callers = std::iter::once(each(0.5).at(WELL)).chain(others).collect();
    let outcomes = run(Setting::new(server, callers, seed).lasts(1200.0));
    let waits = outcomes.good.iter().filter(|good| good.group == 0).map(|good| good.waited);
    let failed = outcomes.failed.iter().filter(|(_, group)| *group == 0).count();
    [waits.clone().filter(|it| *it > 0.2).count() as f64, waits.sum(), failed as f64]
}

/// Beside those from the first on.
const WELL: u64 = 9;
/// Of 300 requests in turn.
const STRAYS: [usize; 3] = [80, 90, 100];
