//! Processes that share one limit through a store.

use super::server::{Limit, Server, Told};
use super::{Callers, Load, Outcomes, Row, Setting, least, most, run};

pub(super) fn rows() -> Vec<Row> {
    let window = THIRTY_A_SECOND;
    let second = Limit::rolling(30, 1.0);
    let mut rows = vec![
        always_busy(1, window, 93.0),
        always_busy(1, second, 88.0),
        always_busy(10, window, 93.0),
        always_busy(10, second, 88.0),
        always_busy(100, window, 93.0).heavy(),
        always_busy(100, second, 88.0).heavy(),
        always_busy(1000, window, 93.0).heavy(),
        always_busy(1000, second, 88.0).heavy(),
        // As many for each start a second as 1,000 are for 30.
        always_busy(200, Limit::rolling(6, 1.0), 88.0),
        always_busy(200, Limit::rolling(180, 30.0), 93.0),
    ];
    rows.extend([small(2, 6), small(3, 10), small(2, 20)]);
    rows.extend([many_tasks(), urgent(), half_die(), away(10), away(100), halved()]);
    rows
}

/// Each wants all that there is.
fn busy(processes: usize) -> Vec<Callers> {
    let process = |process| Callers { process, max_wait: 300.0, ..Callers::new(Load::Tasks(2)) };
    (0..processes).map(process).collect()
}

fn shared(callers: Vec<Callers>, limit: Limit, seed: u64) -> Setting {
    let setting = Setting::new(Server::limited(limit, Told::Right), callers, seed);
    Setting { latency: 0.04, ..setting.lasts(LASTS).shared() }
}

fn always_busy(processes: usize, limit: Limit, least_used: f64) -> Row {
    let most_unequal = if processes > 100 { 0.4 } else { 0.1 };
    let figures = [
        least(least_used, "% of the limit after a minute"),
        most(0.5, "% refused after a minute"),
        most(most_unequal, "inequality"),
        most(8.0, "exchanges for each request"),
    ];
    let name = format!("{processes} processes, {} per {} s", limit.count, limit.window);
    Row::new(name, figures, move |seed| {
        let outcomes = run(shared(busy(processes), limit, seed));
        [
            used(&outcomes, limit, 60.0, LASTS),
            outcomes.refused_percent_from(60.0),
            outcomes.inequality(processes, 60.0),
            outcomes.exchanges as f64 / outcomes.sent.len() as f64,
        ]
    })
}

/// In percent.
fn used(outcomes: &Outcomes, limit: Limit, from: f64, to: f64) -> f64 {
    100.0 * outcomes.good_between(from, to) / ((to - from) * limit.a_second())
}

/// The first trials of the rate come after five minutes.
fn small(processes: usize, count: usize) -> Row {
    let limit = Limit::rolling(count, 30.0);
    let figures = [
        least(90.0, "% of the limit from the third minute on"),
        most(5.0, "% refused from then on"),
    ];
    let name = format!("{processes} processes, {count} per 30 s");
    Row::new(name, figures, move |seed| {
        let callers = busy(processes).into_iter().map(|it| Callers { max_wait: 1200.0, ..it });
        let setting = shared(callers.collect(), limit, seed).lasts(1200.0);
        let outcomes = run(setting);
        [used(&outcomes, limit, 150.0, 1200.0), outcomes.refused_percent_from(150.0)]
    })
}

fn many_tasks() -> Row {
    let figures = [most(8.0, "% to the one of 20 that has 50 times the tasks, where 5 is even")];
    Row::new("more tasks are no larger share", figures, |seed| {
        let mut callers = busy(20);
        callers[0].load = Load::Tasks(100);
        let outcomes = run(shared(callers, THIRTY_A_SECOND, seed));
        // Before the limit is known, a process with more tasks sends more.
        let later = outcomes.good.iter().filter(|good| good.at >= 90.0);
        let own = later.clone().filter(|good| good.group == 0).count();
        [100.0 * own as f64 / later.count() as f64]
    })
}

fn urgent() -> Row {
    let figures = [most(1.0, "s mean wait of urgent ones"), least(0.95, "of them done")];
    Row::new("one call in ten is urgent, in processes that are busy", figures, |seed| {
        let mut callers = busy(10);
        callers.push(Callers { is_urgent: true, from: 60.0, ..Callers::new(Load::Each(0.33)) });
        let outcomes = run(shared(callers, THIRTY_A_SECOND, seed));
        let waits = outcomes.good.iter().filter(|good| good.group == 10).map(|good| good.waited);
        let count = waits.clone().count() as f64;
        [waits.sum::<f64>() / count, count / ((LASTS - 60.0) / 0.33)]
    })
}

/// A batch is lost of each that died, and their shares until they are no longer counted.
fn half_die() -> Row {
    let figures = [least(85.0, "% of the limit in the 15 s after it"), most(0.5, "% refused")];
    Row::new("5 of 10 die at once", figures, |seed| {
        let setting = shared(busy(10), THIRTY_A_SECOND, seed);
        let outcomes = run(Setting { deaths: Some((150.0, 5)), ..setting });
        [used(&outcomes, THIRTY_A_SECOND, 150.0, 165.0), outcomes.refused_percent_from(60.0)]
    })
}

/// Alone, each keeps to its share; and the first that is back brings the rate along.
fn away(processes: usize) -> Row {
    let figures = [
        least(85.0, "% of the limit without it"),
        most(2.0, "% refused without it"),
        // While they come back one after the other some are refused, which teaches nothing.
        least(93.0, "% in the minute after it"),
        most(2.0, "% refused from then on"),
    ];
    let name = format!("the store of {processes} is away for 30 s, and comes back empty");
    Row::new(name, figures, move |seed| {
        let setting = shared(busy(processes), THIRTY_A_SECOND, seed);
        let outcomes = run(Setting { store_is_away: (150.0, 180.0), ..setting });
        let sent = outcomes.sent.iter().filter(|sent| (150.0..180.0).contains(*sent)).count();
        let refused =
            outcomes.refused.iter().filter(|refused| (150.0..180.0).contains(&refused.sent));
        [
            used(&outcomes, THIRTY_A_SECOND, 150.0, 180.0),
            100.0 * refused.count() as f64 / sent as f64,
            used(&outcomes, THIRTY_A_SECOND, 180.0, 240.0),
            outcomes.refused_percent_from(182.0),
        ]
    })
}

/// R9: for the whole fleet.
fn halved() -> Row {
    let figures = [least(90.0, "% of the new limit from a minute after it")];
    Row::new("the limit of 10 is halved", figures, |seed| {
        let mut setting = shared(busy(10), THIRTY_A_SECOND, seed);
        setting.server = Server::limited(THIRTY_A_SECOND, Told::Right).changing(150.0, 450);
        [2.0 * used(&run(setting), THIRTY_A_SECOND, 210.0, LASTS)]
    })
}

/// Over the window that Spotify names.
const THIRTY_A_SECOND: Limit =
    Limit { count: 900, window: 30.0, is_fixed: false, counts_refused: false };
const LASTS: f64 = 300.0;
