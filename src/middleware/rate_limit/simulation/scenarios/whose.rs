//! Whose limit it is: an endpoint's, or the app's.

use super::server::{Arrival, Limit, Reply, Server, Told};
use super::{Callers, Row, Setting, each, least, most, run, tasks};

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
    ]
}

fn each_at(endpoint: u64) -> Callers {
    each(1.0).at(endpoint)
}

/// So many of four endpoints.
fn banned(pause: f64, count: u64, tries: f64) -> Row {
    let name = format!("{count} of 4 endpoints always refused for {pause} s");
    Row::new(name, [least(95.0, "% of others'"), most(tries, "tries")], move |seed| {
        let is_banned = move |it: Arrival| it.endpoint > 4 - count;
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
