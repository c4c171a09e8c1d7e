//! Limits before endpoints that are called in bursts, or one after the other, or by few.

use super::super::Seconds;
use super::server::{Limit, Server, Told};
use super::{Callers, Load, Row, Setting, each, least, most, run, tasks};

pub(super) fn rows() -> Vec<Row> {
    let right = Told::Right;
    let always = Told::Always;
    vec![
        beside_bursts(3, 5, 2, always(1.0), [95.0, 90.0]),
        beside_bursts(2, 10, 3, always(1.0), [95.0, 90.0]),
        beside_bursts(3, 10, 3, always(1.0), [90.0, 90.0]).heavy(),
        beside_bursts(4, 20, 2, always(5.0), [80.0, 86.0]).heavy(),
        beside_bursts(8, 20, 2, always(2.0), [80.0, 90.0]).heavy(),
        moving(300, right, 60.0, [95.0, 1.0]),
        moving(300, always(1.0), 60.0, [95.0, 1.0]).heavy(),
        moving(300, right, 20.0, [95.0, 3.0]).heavy(),
        moving(300, always(1.0), 7.0, [95.0, 1.0]).heavy(),
        moving(900, right, 45.0, [95.0, 1.0]).heavy(),
        moving(900, always(1.0), 10.0, [83.0, 6.0]).heavy(),
        of_few(1, 1.0, 6, [88.0, 1.5]),
        of_few(1, 1.0, 2, [60.0, 2.5]),
        of_few(5, 1.0, 8, [90.0, 1.0]).heavy(),
        in_a_long_window(600, 3600.0, 3, 2.0),
        in_a_long_window(600, 3600.0, 12, 2.0),
        in_a_long_window(300, 600.0, 6, 3.4),
        slow(right, 2.2).heavy(),
        slow(always(1.0), 2.4).heavy(),
        slow(always(5.0), 3.0).heavy(),
    ]
}

/// Endpoints with limits of their own in 30 s, and a healthy one that is called sixty times at once
/// each five minutes.
///
/// While endpoints learn limits of their own, one of them may have the only trial of the app's, and
/// what a trial lets go beyond the app's rate is taken from the others.
fn beside_bursts(
    endpoints: u64,
    count: usize,
    callers: usize,
    told: Told,
    [at_once, share]: [f64; 2],
) -> Row {
    let name = format!(
        "{endpoints} with {count} per 30 s each, {callers} callers, `Retry-After` {told}; one more 60 times at once each 300 s"
    );
    let figures = [
        least(95.0, "% of its calls within half a second").but_reaches(at_once),
        most(0.0, "of them fail"),
        least(90.0, "% of theirs").but_reaches(share),
    ];
    Row::new(name, figures, move |seed| {
        let limit = Limit::rolling(count, 30.0);
        let server = Server::unlimited().telling(told);
        let server = (1..=endpoints).fold(server, |server, it| server.with(Some(it), limit));
        let own = (1..=endpoints).map(|endpoint| tasks(callers).at(endpoint));
        let load = Load::Bursts(60, 300.0);
        let healthy = Callers { from: 300.0, ..Callers::new(load).at(endpoints + 1) };
        let callers = own.chain([healthy]).collect();
        let outcomes = run(Setting::new(server, callers, seed).lasts(1790.0));
        let group = endpoints as usize;
        let of_it = outcomes.good.iter().filter(|good| good.group == group);
        let at_once = of_it.filter(|good| good.waited < 0.5).count() as f64;
        let failed = outcomes.failed.iter().filter(|(_, other)| *other == group).count();
        let theirs = outcomes.good.len() as f64 - outcomes.good_of(group);
        let possible = endpoints as f64 * count as f64 * 1790.0 / 30.0;
        [100.0 * at_once / 300.0, failed as f64, 100.0 * theirs / possible]
    })
}

/// A limit of the app before sixteen tasks that move from one of eight endpoints to the next, as a
/// bot does one job after the other.
fn moving(count: usize, told: Told, period: f64, [share, late]: [f64; 2]) -> Row {
    let name = format!(
        "{count} per 30 s over one of 8 after the other, {period} s each, `Retry-After` {told}"
    );
    let figures = [
        least(90.0, "% of it").but_reaches(share),
        most(1.0, "% refused after 2 min").but_reaches(late),
    ];
    Row::new(name, figures, move |seed| {
        let server = Server::limited(Limit::rolling(count, 30.0), told);
        let jobs = (0_u64..).take_while(|job| *job as f64 * period < 1800.0).map(|job| {
            let from = job as f64 * period;
            Callers { from, until: from + period, ..tasks(16).at(1 + job % 8) }
        });
        let callers = jobs.chain([each(5.0).at(9)]).collect();
        let outcomes = run(Setting::new(server, callers, seed).lasts(1800.0));
        let share = outcomes.good.len() as f64 / (0.6 * count as f64);
        [share, outcomes.refused_percent_from(120.0)]
    })
}

/// A limit of the app that is low for the number of endpoints, with three callers each.
fn of_few(count: usize, window: f64, endpoints: u64, [share, late]: [f64; 2]) -> Row {
    let name = format!(
        "{count} per {window} s over {endpoints}, 3 callers each, `Retry-After` right; one more called each 5 s"
    );
    let figures = [
        least(90.0, "% of it").but_reaches(share),
        most(1.0, "% refused after 2 min").but_reaches(late),
        most(0.0, "fail"),
    ];
    Row::new(name, figures, move |seed| {
        let server = Server::limited(Limit::rolling(count, window), Told::Right);
        let busy = (1..=endpoints).map(|endpoint| tasks(3).at(endpoint));
        let callers = busy.chain([each(5.0).at(endpoints + 1)]).collect();
        let outcomes = run(Setting::new(server, callers, seed).lasts(1800.0));
        [
            outcomes.good.len() as f64 * window / (18.0 * count as f64),
            outcomes.refused_percent_from(120.0),
            outcomes.failed.len() as f64,
        ]
    })
}

/// A limit over a window that is set, with two callers for each of three endpoints, and others that
/// are called rarely.
fn in_a_long_window(count: usize, window: Seconds, rare: u64, late: f64) -> Row {
    let name = format!(
        "{count} per {window} s, which is set, over 3 with 2 callers each; {rare} more, each called each {} s",
        window / 60.0 * rare as f64
    );
    let figures = [least(90.0, "% of it"), most(1.0, "% refused after a window").but_reaches(late)];
    Row::new(name, figures, move |seed| {
        let server = Server::limited(Limit::rolling(count, window), Told::Right);
        let busy = (1..=3).map(|endpoint| tasks(2).at(endpoint));
        let rare = Callers { endpoints: (4, rare), ..each(window / 60.0) };
        let callers = busy.chain([rare]).map(|it| Callers { max_wait: window, ..it }).collect();
        let setting = Setting::new(server, callers, seed).lasts(10.0 * window);
        let outcomes = run(Setting { window, ..setting });
        let share = 10.0 * outcomes.good.len() as f64 / count as f64;
        [share, outcomes.refused_percent_from(window)]
    })
}

/// What a trial costs is known two seconds late: as many requests are refused as went meanwhile.
fn slow(told: Told, late: f64) -> Row {
    let name = format!("300 per 30 s, 64 tasks, `Retry-After` {told}, 2000 ms");
    let figures =
        [least(90.0, "% of it").but_reaches(80.0), most(1.0, "% after 2 min").but_reaches(late)];
    Row::new(name, figures, move |seed| {
        let server = Server::limited(Limit::rolling(300, 30.0), told);
        let setting = Setting::new(server, vec![tasks(64)], seed).lasts(1800.0);
        let outcomes = run(Setting { latency: 2.0, ..setting });
        [outcomes.good.len() as f64 / 180.0, outcomes.refused_percent_from(120.0)]
    })
}
