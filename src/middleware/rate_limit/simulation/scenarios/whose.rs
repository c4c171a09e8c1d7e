//! Whose limit it is: an endpoint's, or the app's.

use super::server::{Arrival, Limit, Reply, Server, Told};
use super::{Callers, Load, Row, Setting, each, least, most, run, tasks};

pub(super) fn rows() -> Vec<Row> {
    vec![
        banned(11.0, 1, 60.0),
        banned(80_000.0, 1, 1.0),
        banned(11.0, 2, 120.0),
        one_of_two(11.0),
        one_of_two(80_000.0),
        with_a_limit_of_its_own(),
        shared(None),
        shared(Some(60)),
        app_closed(),
        refusing_beside_a_quiet_one(&[1.0, 1.0], 1, 5.0),
        refusing_beside_a_quiet_one(&[11.0, 7.0], 8, 10.0),
        refusing_beside_a_quiet_one(&[5.0; 10], 1, 30.0),
        refusing_in_a_limit(&[30.0; 4], 4),
        refusing_in_a_limit(&[1.0; 10], 1),
        refusing_in_a_limit(&[80_000.0], 1),
        limits_of_their_own(),
        short_pauses(),
        waiters_of_a_closed_one(),
    ]
}

fn each_at(endpoint: u64) -> Callers {
    each(1.0).at(endpoint)
}

/// A number of four endpoints are always refused.
fn banned(pause: f64, count: u64, tries: f64) -> Row {
    let name = format!("{count} of 4 endpoints always refused for {pause} s");
    Row::new(name, [least(95.0, "% of others'"), most(tries, "tries")], move |seed| {
        let is_banned = move |arrival: Arrival| arrival.endpoint > 4 - count;
        let server = Server::unlimited()
            .with_accidents(move |it, _| is_banned(it).then_some(Reply::Refused(Some(pause))));
        let outcomes = run(Setting::new(server, (1..=4).map(each_at).collect(), seed));
        [outcomes.good_of(0) / 6.0, outcomes.refused.len() as f64]
    })
}

fn one_of_two(pause: f64) -> Row {
    let name = format!("one endpoint always refused for {pause} s, another called each second");
    Row::new(name, [least(95.0, "% of the other's")], move |seed| {
        let server = Server::unlimited()
            .with_accidents(move |it, _| (it.endpoint == 1).then_some(Reply::Refused(Some(pause))));
        let outcomes = run(Setting::new(server, vec![each_at(1), each_at(2)], seed).lasts(60.0));
        [outcomes.good_of(1) / 0.6]
    })
}

fn with_a_limit_of_its_own() -> Row {
    let figures = [least(95.0, "% of others'"), least(90.0, "% of its own")];
    let row = Row::new("one of 4 endpoints has 3 a second of its own", figures, |seed| {
        let server = Server::unlimited().with(Some(1), Limit::rolling(90, 30.0));
        let others = (2..=4).map(|endpoint| each(0.1).at(endpoint));
        let callers = std::iter::once(tasks(16)).chain(others).collect();
        let outcomes = run(Setting::new(server, callers, seed));
        [outcomes.good_of(1) / 60.0, outcomes.good_of(0) / 18.0]
    });
    row.heavy()
}

/// The app's limit over five endpoints, one of which may have one of its own in 30 s.
fn shared(own: Option<usize>) -> Row {
    let own_limit = own.map_or(String::new(), |own| format!(", one has {own} per 30 s"));
    let name = format!("300 per 30 s over 5 endpoints{own_limit}");
    let figures = [least(90.0, "% of it"), most(3.0, "% refused"), most(1.0, "% after 2 min")];
    Row::new(name, figures, move |seed| {
        let server = Server::limited(Limit::rolling(300, 30.0), Told::Right);
        let server = match own {
            Some(own) => server.with(Some(1), Limit::rolling(own, 30.0)),
            None => server,
        };
        let callers = vec![Callers { endpoints: (1, 5), ..tasks(16) }];
        let outcomes = run(Setting::new(server, callers, seed));
        let share = outcomes.good.len() as f64 / 60.0;
        [share, outcomes.refused_percent(), outcomes.refused_percent_from(120.0)]
    })
}

fn app_closed() -> Row {
    let figures = [most(2.0, "refused"), most(0.0, "fail")];
    Row::new("the app is closed for 20 s, 5 endpoints, 2 calls a second", figures, |seed| {
        let server = Server::unlimited().with_accidents(|it, _| {
            let left = (120.0 - it.time).ceil();
            (100.0..120.0).contains(&it.time).then_some(Reply::Refused(Some(left)))
        });
        let callers = vec![Callers { endpoints: (1, 5), ..each(0.5) }];
        let outcomes = run(Setting::new(server, callers, seed).lasts(300.0));
        [outcomes.refused.len() as f64, outcomes.failed.len() as f64]
    })
}

fn refuse(pauses: &'static [f64]) -> impl Fn(Arrival) -> Option<Reply> {
    move |arrival| {
        let pause = pauses.get(usize::try_from(arrival.endpoint).ok()?.checked_sub(1)?)?;
        Some(Reply::Refused(Some(*pause)))
    }
}

/// Endpoints that refuse from 100 s on, each with a number of callers, and one more that is well.
fn refusing_beside_a_quiet_one(pauses: &'static [f64], callers: usize, period: f64) -> Row {
    let count = pauses.len();
    let name = format!("{count} endpoints refuse for {} s, one called each {period} s", pauses[0]);
    let figures = [least(95.0, "% of its calls at once"), most(0.0, "fail")];
    Row::new(name, figures, move |seed| {
        let refuses = refuse(pauses);
        let server = Server::unlimited()
            .with_accidents(move |it, _| refuses(it).filter(|_| it.time > 100.0));
        let bad = (1..=count as u64)
            .map(|endpoint| Callers { from: 99.0, ..tasks(callers).at(endpoint) });
        let callers = bad.chain([each(period).at(count as u64 + 1)]).collect();
        let outcomes = run(Setting::new(server, callers, seed).lasts(1300.0));
        let of_it = outcomes.good.iter().filter(|good| good.group == count);
        let at_once = of_it.filter(|good| good.waited < 0.1).count() as f64;
        let failed = outcomes.failed.iter().filter(|(_, group)| *group == count).count();
        [100.0 * at_once / (1300.0 / period), failed as f64]
    })
}

/// The app's limit over one endpoint, and endpoints that refuse from 100 s on.
fn refusing_in_a_limit(pauses: &'static [f64], callers: usize) -> Row {
    let count = pauses.len();
    let name = format!("300 per 30 s, {count} endpoints more refuse for {} s", pauses[0]);
    Row::new(name, [least(90.0, "% of it"), most(0.0, "fail")], move |seed| {
        let refuses = refuse(pauses);
        let server = Server::limited(Limit::rolling(300, 30.0), Told::Right)
            .with_accidents(move |it, _| refuses(it));
        let bad = (1..=count as u64)
            .map(|endpoint| Callers { from: 100.0, ..tasks(callers).at(endpoint) });
        let callers = bad.chain([tasks(16).at(count as u64 + 1)]).collect();
        let outcomes = run(Setting::new(server, callers, seed));
        let failed = outcomes.failed.iter().filter(|(_, group)| *group == count).count();
        [outcomes.good_of(count) / 60.0, failed as f64]
    })
}

fn limits_of_their_own() -> Row {
    let figures = [least(95.0, "% of a third's at once"), least(90.0, "% of theirs")];
    Row::new("two endpoints have 3 and 2 a second of their own", figures, |seed| {
        let one = Limit::rolling(90, 30.0);
        let other = Limit::rolling(60, 30.0);
        let server = Server::unlimited().with(Some(1), one).with(Some(2), other);
        let callers = vec![tasks(8).at(1), tasks(8).at(2), each(10.0).at(3)];
        let outcomes = run(Setting::new(server, callers, seed).lasts(1200.0));
        let of_third = outcomes.good.iter().filter(|good| good.group == 2);
        let at_once = of_third.filter(|good| good.waited < 0.1).count() as f64;
        let theirs = outcomes.good_of(0) + outcomes.good_of(1);
        [100.0 * at_once / 120.0, 100.0 * theirs / 6000.0]
    })
}

/// A full window refuses everything, as endpoints that refuse for themselves do.
fn short_pauses() -> Row {
    let figures = [least(90.0, "% of it"), most(3.0, "% refused")];
    Row::new("300 per 30 s over 20 endpoints, `Retry-After` always 1", figures, |seed| {
        let server = Server::limited(Limit::rolling(300, 30.0), Told::Always(1.0));
        let callers = vec![Callers { endpoints: (1, 20), ..tasks(32) }];
        let outcomes = run(Setting::new(server, callers, seed));
        [outcomes.good.len() as f64 / 60.0, outcomes.refused_percent()]
    })
}

/// The app's rate is known, and an endpoint that is closed has a thousand waiters.
fn waiters_of_a_closed_one() -> Row {
    let figures = [most(0.0, "fail"), most(1.0, "s waited in the mean")];
    Row::new("1000 wait for a closed endpoint under 300 per 30 s", figures, |seed| {
        let closed =
            |arrival: Arrival| (arrival.endpoint == 4).then_some(Reply::Refused(Some(55.0)));
        let server = Server::limited(Limit::rolling(300, 30.0), Told::Right)
            .with_accidents(move |it, _| closed(it));
        let busy = Callers { endpoints: (1, 3), most: 1900, ..tasks(24) };
        let one = Callers { from: 200.0, ..Callers::new(Load::Batch(1)).at(4) };
        let waiters = Callers { from: 201.0, ..Callers::new(Load::Batch(1000)).at(4) };
        let others = Callers { from: 202.0, endpoints: (1, 3), ..each(0.5) };
        let callers = vec![busy, one, waiters, others];
        let outcomes = run(Setting::new(server, callers, seed).lasts(240.0));
        let of_others = outcomes.good.iter().filter(|good| good.group == 3);
        let waited = of_others.map(|good| good.waited).sum::<f64>();
        let failed = outcomes.failed.iter().filter(|(_, group)| *group == 3).count();
        [failed as f64, waited / outcomes.good_of(3).max(1.0)]
    })
}
