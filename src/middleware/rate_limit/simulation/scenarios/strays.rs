//! Refusals that are no limit, and none at all: what they cost.

use super::server::{Arrival, Reply, Server};
use super::{Callers, Row, Setting, batch, each, least, most, run, tasks};

pub(super) fn rows() -> Vec<Row> {
    let mut rows = vec![
        first_of_eight(),
        six_at_the_start(),
        quiet_then_a_burst(1),
        quiet_then_a_burst(2),
        one_in_a_crowd(),
        one_while_others_hang(),
        each_thirtieth(),
        one_in_a_hundred(),
        six_seconds(),
        always_refused_and_impatient(),
        cold(),
        cold_calls(256, 1000, 0.5, 2.3),
        cold_calls(64, 64, 0.15, 0.18),
    ];
    rows.extend([1.0, 5.0, 30.0].map(one_at_twenty_a_second));
    rows.push(one_in_a_hundred_of_slow_ones(20, 0.3, [2.5, 8.5]).heavy());
    rows.push(one_in_a_hundred_of_slow_ones(20, 0.5, [13.0, 22.0]).heavy());
    rows.push(one_in_a_hundred_of_slow_ones(10, 1.0, [12.0, 23.0]));
    rows
}

/// A server without a limit that refuses those of which it is said.
fn refusing(pause: f64, is_refused: impl Fn(&Arrival) -> bool + 'static) -> Server {
    let refused =
        move |arrival: Arrival| is_refused(&arrival).then_some(Reply::Refused(Some(pause)));
    Server::unlimited().with_accidents(move |arrival, _| refused(arrival))
}

fn first_of_eight() -> Row {
    Row::new("8 calls in turn, the first is refused for 1 s", [most(1.6, "s in all")], |seed| {
        let callers = vec![Callers { most: 8, ..tasks(1) }];
        [run(Setting::new(refusing(1.0, |arrival| arrival.number == 0), callers, seed)).last_good()]
    })
}

fn six_at_the_start() -> Row {
    let figures = [most(8.0, "s in all"), least(6.0, "succeed")];
    Row::new("six calls at the start, all refused for 7 s", figures, |seed| {
        let server = refusing(7.0, |arrival| arrival.number < 6);
        let outcomes = run(Setting::new(server, vec![batch(6)], seed));
        [outcomes.last_good(), outcomes.good.len() as f64]
    })
}

fn quiet_then_a_burst(refused: usize) -> Row {
    let name = format!("quiet, {refused} refused for 2 s, then a burst of 20");
    Row::new(name, [most(0.5, "s for the burst")], move |seed| {
        let callers = vec![batch(1), Callers { from: 20.0, ..batch(20) }];
        let server = refusing(2.0, move |arrival| arrival.number < refused);
        [run(Setting::new(server, callers, seed)).last_good() - 20.0]
    })
}

fn one_at_twenty_a_second(pause: f64) -> Row {
    let figures = [most(pause + 1.0, "s slow"), most(0.0, "fail")];
    Row::new(format!("20 calls a second, one is refused for {pause} s"), figures, move |seed| {
        let server = refusing(pause, |arrival| arrival.number == 1000);
        let outcomes = run(Setting::new(server, vec![each(0.05)], seed).lasts(150.0));
        [outcomes.last_slow(0.1) - 50.0, outcomes.failed.len() as f64]
    })
}

/// Ten seconds after it all tasks are under way, and what was lost before is what doubling costs.
fn one_in_a_crowd() -> Row {
    let figures = [least(95.0, "% of 256 tasks, from 10 s on")];
    let row = Row::new("256 tasks of 500 ms, one is refused for 5 s", figures, |seed| {
        let server = refusing(5.0, |arrival| arrival.number == 2000);
        let setting = Setting::new(server, vec![tasks(256)], seed).lasts(30.0);
        let outcomes = run(Setting { latency: 0.5, ..setting });
        let after = outcomes.refused.first().map_or(0.0, |refused| refused.at + 10.0);
        [outcomes.good_between(after, after + 10.0) / 51.2]
    });
    row.heavy()
}

fn one_while_others_hang() -> Row {
    let figures = [most(2.0, "s slow")];
    Row::new("one is refused for 1 s while ten requests hang", figures, |seed| {
        let server = Server::unlimited().with_accidents(|it, _| match it.number {
            90..100 => Some(Reply::Hangs),
            100 => Some(Reply::Refused(Some(1.0))),
            _ => None,
        });
        let outcomes = run(Setting::new(server, vec![each(0.05)], seed).lasts(60.0));
        [outcomes.last_slow(0.1) - 5.0]
    })
}

fn each_thirtieth() -> Row {
    let figures = [most(52.0, "s in all"), most(0.0, "fail")];
    Row::new("each 30th is refused for 1 s, 700 calls of 16 tasks", figures, |seed| {
        let server = refusing(1.0, |arrival| arrival.number % 30 == 29);
        let outcomes = run(Setting::new(server, vec![Callers { most: 700, ..tasks(16) }], seed));
        [outcomes.last_good(), outcomes.failed.len() as f64]
    })
}

fn one_in_a_hundred() -> Row {
    let figures = [most(0.0, "fail"), most(1.0, "s waited in the mean").but_reaches(7.5)];
    let row = Row::new("1 % refused for 1 s, 12,000 calls, 20 a second", figures, |seed| {
        let server = Server::unlimited()
            .with_accidents(|_, random| (random.f64() < 0.01).then_some(Reply::Refused(Some(1.0))));
        let callers = vec![Callers { most: 12_000, ..each(0.05) }];
        let outcomes = run(Setting::new(server, callers, seed).lasts(700.0));
        [outcomes.failed.len() as f64, outcomes.mean_wait()]
    });
    row.heavy()
}

/// After each closing one goes first, and as many as are under way else take seconds to be so again.
fn one_in_a_hundred_of_slow_ones(a_second: u32, latency: f64, [failed, waited]: [f64; 2]) -> Row {
    let name = format!("1 % refused for 1 s, {a_second} calls a second, {} ms", latency * 1000.0);
    let figures = [
        most(0.0, "% fail").but_reaches(failed),
        most(1.0, "s waited in the mean").but_reaches(waited),
    ];
    Row::new(name, figures, move |seed| {
        let server = Server::unlimited()
            .with_accidents(|_, random| (random.f64() < 0.01).then_some(Reply::Refused(Some(1.0))));
        let callers = vec![each(1.0 / f64::from(a_second))];
        let setting = Setting::new(server, callers, seed).lasts(1200.0);
        let outcomes = run(Setting { latency, ..setting });
        let calls = 1200.0 * f64::from(a_second);
        [100.0 * outcomes.failed.len() as f64 / calls, outcomes.mean_wait()]
    })
}

fn six_seconds() -> Row {
    let figures = [most(8.0, "s until none fails"), most(600.0, "fail")];
    let name = "100 calls a second that wait for 5 s, 6 s of refusals for 1 s";
    let row = Row::new(name, figures, |seed| {
        let server = refusing(1.0, |arrival| (30.0..36.0).contains(&arrival.time));
        let callers = vec![Callers { max_wait: 5.0, ..each(0.01) }];
        let outcomes = run(Setting::new(server, callers, seed).lasts(120.0));
        [outcomes.last_failed() - 30.0, outcomes.failed.len() as f64]
    });
    row.heavy()
}

fn always_refused_and_impatient() -> Row {
    let figures = [most(3.0, "s lasts the longest call")];
    Row::new("all is refused for 2 s, calls wait for 2.9 s", figures, |seed| {
        let callers = vec![Callers { max_wait: 2.9, ..each(0.5) }];
        [run(Setting::new(refusing(2.0, |_| true), callers, seed).lasts(120.0)).longest]
    })
}

fn cold() -> Row {
    let figures = [least(99.0, "% of what is possible"), most(0.0, "s waited in the mean")];
    let row = Row::new("256 tasks of 500 ms, nothing is refused", figures, |seed| {
        let setting = Setting::new(Server::unlimited(), vec![tasks(256)], seed).lasts(20.0);
        let outcomes = run(Setting { latency: 0.5, ..setting });
        [outcomes.good.len() as f64 / 100.0, outcomes.mean_wait()]
    });
    row.heavy()
}

fn cold_calls(at_once: usize, calls: usize, latency: f64, within: f64) -> Row {
    let name = format!("{calls} calls, {at_once} at once, {} ms", latency * 1000.0);
    Row::new(name, [most(within, "s in all")], move |seed| {
        let callers = vec![Callers { most: calls, ..tasks(at_once) }];
        let setting = Setting::new(Server::unlimited(), callers, seed);
        [run(Setting { latency, ..setting }).last_good()]
    })
}
