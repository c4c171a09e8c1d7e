//! Clients that share nothing before one limit.

use super::server::{Limit, Server, Told};
use super::{Callers, Row, Setting, least, most, run, tasks};

pub(super) fn rows() -> Vec<Row> {
    let right = Told::Right;
    let one = Told::Always(1.0);
    let five = Told::Always(5.0);
    vec![
        together(1, 300, right, Reached { times: 2.0, refused: 3.0 }),
        together(2, 300, right, Reached { times: 2.0, refused: 3.0 }),
        together(4, 300, right, Reached { times: 2.0, refused: 6.0 }),
        together(16, 300, right, Reached { times: 4.0, refused: 12.0 }),
        together(2, 300, one, Reached { times: 2.0, refused: 3.0 }),
        together(4, 300, one, Reached { times: 2.0, refused: 11.0 }),
        together(16, 300, one, Reached { times: 2.3, refused: 8.5 }),
        together(4, 300, five, Reached { times: 4.2, refused: 5.0 }),
        together(16, 900, right, Reached { times: 2.7, refused: 16.0 }),
        together(16, 900, one, Reached { times: 4.7, refused: 22.0 }),
    ]
}

/// Where the targets are not: clients that do not talk share only about evenly.
#[derive(Clone, Copy)]
struct Reached {
    /// How much more the most successful one has than the least.
    times: f64,
    refused: f64,
}

/// Each with 16 tasks.
fn together(count: usize, limit: usize, told: Told, reached: Reached) -> Row {
    let name = format!("{count} before {limit} per 30 s, `Retry-After` {told}");
    let figures = [
        least(90.0, "% of it"),
        most(2.0, "times, most to least").but_reaches(reached.times),
        most(3.0, "% refused").but_reaches(reached.refused),
    ];
    let row = Row::new(name, figures, move |seed| {
        let server = Server::limited(Limit::rolling(limit, 30.0), told);
        let callers = (0..count).map(|process| Callers { process, ..tasks(16) }).collect();
        let outcomes = run(Setting::new(server, callers, seed));
        let shares = (0..count).map(|process| outcomes.good_of(process));
        let most = shares.clone().fold(0.0, f64::max);
        let least = shares.fold(f64::MAX, f64::min);
        let share = 100.0 * outcomes.good.len() as f64 / (20.0 * limit as f64);
        [share, most / least, outcomes.refused_percent()]
    });
    if limit > 300 { row.heavy() } else { row }
}
