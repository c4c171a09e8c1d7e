//! True limits: how much of them is used, and how often they are met.

use super::server::{Limit, Server, Told};
use super::{Callers, Figure, Load, Row, Setting, batch, least, most, run, tasks};

/// What is asked of a limit, in percent of it, of all requests, and of those after two minutes.
#[derive(Clone, Copy)]
struct Asked {
    share: Figure,
    refused: Figure,
    later: Figure,
}

const RIGHT: Told = Told::Right;

pub(super) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for count in [300, 900, 180] {
        for told in [RIGHT, always(1), always(5), always(30)] {
            rows.push(row(rolling(count, 30.0), told, 0.05, asked()));
        }
    }
    rows.extend(tiny());
    rows.extend(of_a_second());
    for told in [RIGHT, always(1)] {
        rows.push(row(rolling(300, 30.0), told, 0.4, asked().refused(3.0, 2.5)));
        rows.push(row(rolling(300, 30.0).counting_refused(), told, 0.05, asked()));
        rows.push(row(rolling(300, 30.0).fixed(), told, 0.05, asked().refused(3.0, 1.3)));
    }
    rows.push(row(rolling(300, 30.0), Told::Missing, 0.05, asked()));
    rows.push(row(rolling(100, 10.0), always(1), 0.05, asked().share(82.0)));
    rows.push(poller());
    rows.push(all_at_once(0.001, 1.15));
    rows.push(all_at_once(0.05, 1.17));
    rows.push(urgent());
    rows
}

/// Sixteen tasks are refused before anybody knows of so small a limit.
fn tiny() -> Vec<Row> {
    let tiny = |told| row(rolling(10, 30.0), told, 0.05, asked().refused(14.0, 7.0));
    [RIGHT, always(1), always(5), always(30)].map(tiny).into()
}

/// Each look costs a pause, which is as long as several of their windows.
fn of_a_second() -> Vec<Row> {
    let mut rows = Vec::new();
    for (count, five, thirty) in [(1, 44.0, 64.0), (5, 84.0, 61.0), (100, 84.0, 71.0)] {
        let row = |told, asked| row(rolling(count, 1.0), told, 0.05, asked);
        rows.push(row(RIGHT, asked()));
        rows.push(row(always(5), asked().share(five).refused(3.6, 1.0)));
        rows.push(row(always(30), asked().share(thirty)));
    }
    rows
}

/// No constant was chosen on these.
pub(super) fn held_out() -> Vec<Row> {
    vec![
        row(rolling(45, 30.0), RIGHT, 0.12, asked()),
        row(rolling(45, 30.0), always(1), 0.25, asked()),
        row(rolling(250, 30.0), RIGHT, 0.25, asked()),
        row(rolling(250, 30.0), always(1), 0.12, asked()),
        row(rolling(250, 30.0), always(2), 0.25, asked()),
        row(rolling(500, 30.0), RIGHT, 0.12, asked()),
        row(rolling(500, 30.0), always(10), 0.12, asked()),
        row(rolling(20, 1.0), RIGHT, 0.2, asked().share(75.0)),
        row(rolling(40, 5.0), RIGHT, 0.2, asked().share(81.0).refused(3.0, 1.2)),
        row(rolling(70, 10.0), RIGHT, 0.05, asked()),
        row(rolling(70, 10.0), always(3), 0.05, asked().share(83.0)),
        row(rolling(123, 10.0), RIGHT, 0.3, asked().refused(3.0, 1.3)),
        row(rolling(37, 12.0), always(2), 0.4, asked().share(80.0)),
        row(rolling(1500, 60.0), RIGHT, 0.05, asked().share(49.0)),
        row(rolling(1500, 60.0), always(1), 0.05, asked().share(88.0).refused(3.0, 1.4)),
        row(rolling(600, 120.0), RIGHT, 0.2, asked().share(80.0).refused(3.0, 2.6)),
    ]
}

/// The limiter is told the server's window, which counts as five seconds where it is shorter.
pub(super) fn with_the_window() -> Vec<Row> {
    vec![
        told_the_window(rolling(20, 1.0), RIGHT, 0.2, asked().share(73.0)),
        told_the_window(rolling(100, 1.0), RIGHT, 0.05, asked()),
        told_the_window(rolling(5, 1.0), always(5), 0.05, asked().share(85.0)),
        told_the_window(rolling(40, 5.0), RIGHT, 0.2, asked().refused(3.0, 1.4)),
        told_the_window(rolling(40, 5.0), RIGHT, 0.4, asked().share(88.0).refused(3.0, 1.8)),
        told_the_window(rolling(70, 10.0), RIGHT, 0.2, asked()),
        told_the_window(rolling(70, 10.0), always(3), 0.05, asked().share(88.0)),
        told_the_window(rolling(123, 10.0), RIGHT, 0.3, asked().refused(3.0, 1.4)),
        told_the_window(rolling(37, 12.0), always(2), 0.4, asked()),
        told_the_window(rolling(77, 60.0), RIGHT, 0.2, asked()),
        told_the_window(rolling(333, 60.0), RIGHT, 0.2, asked()),
        told_the_window(rolling(1500, 60.0), RIGHT, 0.05, asked()),
        told_the_window(rolling(1500, 60.0), always(1), 0.05, asked().refused(3.0, 1.5)),
        told_the_window(rolling(600, 120.0), RIGHT, 0.2, asked()),
    ]
}

fn rolling(count: usize, window: f64) -> Limit {
    Limit::rolling(count, window)
}

fn always(seconds: u32) -> Told {
    Told::Always(f64::from(seconds))
}

/// By the promises R6 and R7.
fn asked() -> Asked {
    let refused = most(3.0, "% refused");
    Asked { share: least(90.0, "% of it"), refused, later: most(1.0, "% after 2 min") }
}

impl Asked {
    /// Less of it is reached, and this is held.
    fn share(self, reached: f64) -> Self {
        Self { share: self.share.but_reaches(reached), ..self }
    }

    /// More are refused, and this is held.
    fn refused(self, in_all: f64, later: f64) -> Self {
        let refused = self.refused.but_reaches(in_all);
        let later = self.later.but_reaches(later);
        Self { refused, later, ..self }
    }
}

/// Ten minutes before a limit.
fn row(limit: Limit, told: Told, latency: f64, asked: Asked) -> Row {
    limited(limit, told, latency, 30.0, asked)
}

fn told_the_window(limit: Limit, told: Told, latency: f64, asked: Asked) -> Row {
    limited(limit, told, latency, limit.window.max(5.0), asked)
}

fn limited(limit: Limit, told: Told, latency: f64, window: f64, asked: Asked) -> Row {
    let Asked { share, refused, later } = asked;
    let name = format!("{}, `Retry-After` {told}, {} ms", name(limit), latency * 1000.0);
    let row = Row::new(name, [share, refused, later], move |seed| {
        let callers = tasks(if limit.a_second() >= 20.0 { 64 } else { 16 });
        let setting = Setting::new(Server::limited(limit, told), vec![callers], seed);
        let outcomes = run(Setting { latency, window, ..setting });
        let ideal = 600.0 * limit.a_second();
        let share = 100.0 * outcomes.good.len() as f64 / ideal;
        [share, outcomes.refused_percent(), outcomes.refused_percent_from(120.0)]
    });
    if limit.a_second() > 10.0 { row.heavy() } else { row }
}

fn name(Limit { count, window, is_fixed, counts_refused }: Limit) -> String {
    let kind = match (is_fixed, counts_refused) {
        (true, _) => ", fixed window",
        (_, true) => ", refused ones count",
        _ => "",
    };
    format!("{count} per {window} s{kind}")
}

/// One that only obeys `Retry-After` is refused six times.
fn poller() -> Row {
    let figures = [least(57.0, "calls"), most(6.0, "refused")];
    Row::new("10 per 30 s, one call a second for 180 s", figures, |seed| {
        let callers = vec![Callers::new(Load::Poller(0.95))];
        let server = Server::limited(Limit::rolling(10, 30.0), RIGHT);
        let outcomes = run(Setting::new(server, callers, seed).lasts(180.0));
        [outcomes.good.len() as f64, outcomes.refused.len() as f64]
    })
}

fn all_at_once(latency: f64, reached: f64) -> Row {
    let times = most(1.15, "times the ideal").but_reaches(reached);
    let figures = [times, most(0.0, "fail"), most(5.0, "% refused")];
    let name = format!("5 per 1 s, 200 calls at once, {} ms", latency * 1000.0);
    Row::new(name, figures, move |seed| {
        let server = Server::limited(Limit::rolling(5, 1.0), always(1));
        let setting = Setting::new(server, vec![batch(200)], seed);
        let outcomes = run(Setting { latency, ..setting });
        [outcomes.last_good() / 39.0, outcomes.failed.len() as f64, outcomes.refused_percent()]
    })
}

/// Of five that go, one is another's.
fn urgent() -> Row {
    let figures = [least(20.0, "% are others'")];
    Row::new("300 per 30 s, 16 urgent tasks and 16 others", figures, |seed| {
        let callers = vec![Callers { is_urgent: true, ..tasks(16) }, tasks(16)];
        let server = Server::limited(Limit::rolling(300, 30.0), RIGHT);
        let outcomes = run(Setting::new(server, callers, seed));
        [100.0 * outcomes.good_of(1) / outcomes.good.len() as f64]
    })
}
