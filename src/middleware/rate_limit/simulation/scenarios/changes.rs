//! Limits that change: how soon the new one is used.

use super::server::{Limit, Server, Told};
use super::{Outcomes, Row, Setting, least, most, run, tasks};

pub(super) fn rows() -> Vec<Row> {
    let right = Told::Right;
    let one = Told::Always(1.0);
    let five = Told::Always(5.0);
    let rolling = Limit::rolling;
    vec![
        changed(rolling(300, 30.0), 150, right, 60.0),
        changed(rolling(300, 30.0), 150, one, 60.0),
        changed(rolling(300, 30.0), 150, five, 60.0),
        changed(rolling(300, 30.0), 3000, right, 60.0),
        changed(rolling(300, 30.0), 3000, one, 60.0),
        changed(rolling(150, 30.0), 1500, right, 72.0),
        changed(rolling(150, 30.0), 1500, one, 72.0),
        changed(rolling(150, 30.0), 1500, five, 80.0),
        changed(rolling(5, 1.0), 50, right, 72.0),
        changed(rolling(60, 30.0), 600, right, 110.0),
        changed(rolling(10, 30.0), 100, right, 210.0),
        over_forty_minutes(),
    ]
}

/// Seconds from a change after ten minutes until 85 % of the new limit are used.
fn changed(limit: Limit, to: usize, told: Told, reaches: f64) -> Row {
    let Limit { count, window, .. } = limit;
    let name = format!("{count} per {window} s become {to}, `Retry-After` {told}");
    let figures = [most(60.0, "s until 85 %").but_reaches(reaches)];
    let row = Row::new(name, figures, move |seed| {
        let server = Server::limited(limit, told).changing(CHANGES, to);
        let callers = vec![tasks(if to as f64 / window > 20.0 { 64 } else { 16 })];
        let outcomes = run(Setting::new(server, callers, seed).lasts(CHANGES + 300.0));
        [used_after(&outcomes, 0.85 * to as f64 / window)]
    });
    if to > 300 { row.heavy() } else { row }
}

/// Seconds until ten of them bring this number a second.
fn used_after(outcomes: &Outcomes, a_second: f64) -> f64 {
    let is_used = |second: &u32| {
        let begin = CHANGES + f64::from(*second);
        outcomes.good_between(begin, begin + 10.0) >= a_second * 10.0
    };
    (0..290).find(is_used).map_or(300.0, f64::from)
}

fn over_forty_minutes() -> Row {
    let figures = [least(90.0, "% of it")];
    let row = Row::new("5 per 1 s become 50, over 40 minutes", figures, |seed| {
        let server = Server::limited(Limit::rolling(5, 1.0), Told::Right).changing(CHANGES, 50);
        let outcomes = run(Setting::new(server, vec![tasks(64)], seed).lasts(CHANGES + 2400.0));
        [outcomes.good_between(CHANGES, CHANGES + 2400.0) / 1200.0]
    });
    row.heavy()
}

const CHANGES: f64 = 600.0;
