//! Endpoints with low limits of their own beside others that are never refused: what these send
//! beyond what is taken for the app's limit.

use super::super::Seconds;
use super::own::Own;
use super::server::{Limit, Reply, Server, Told};
use super::{Callers, Outcomes, Row, Setting, batch, each, least, most, run, tasks};

pub(super) fn rows() -> Vec<Row> {
    let low = |endpoints, count, callers, told| Own { endpoints, count, callers, told };
    let right = Told::Right;
    vec![
        beside_steady(low(2, 2, 1, right), 4.7),
        beside_steady(low(2, 5, 2, right), 2.2),
        beside_many(low(2, 5, 2, right), 10, 20.0),
        beside_many(low(2, 5, 2, right), 30, 60.0),
        beside_many(low(3, 10, 3, Told::Always(5.0)), 10, 60.0),
        beside_bad(low(2, 5, 2, right), Bad::Dropped, 85.0),
        beside_bad(low(2, 5, 2, right), Bad::Failing, 90.0),
        beside_bad(low(2, 5, 2, Told::Always(1.0)), Bad::Hanging, 90.0),
        beside_bad(low(2, 20, 3, Told::Always(1.0)), Bad::Dropped, 90.0).heavy(),
        beside_refused_once(low(3, 5, 2, Told::Always(5.0))),
        beside_refused_once(low(5, 5, 2, right)).heavy(),
        beside_hanging(low(2, 5, 2, right), 12),
        beside_hanging(low(2, 5, 2, right), 30).heavy(),
        in_a_limit(low(3, 2, 3, Told::Always(1.0)), 90.0).heavy(),
        in_a_limit(low(1, 2, 3, Told::Always(5.0)), 85.0).heavy(),
        in_a_limit(low(1, 3, 3, Told::Always(1.0)), 90.0).heavy(),
    ]
}

impl Own {
    fn group_after(self) -> usize {
        self.endpoints as usize
    }

    /// What is reached of their limits, and how many of their calls fail.
    fn theirs(self, outcomes: &Outcomes, lasts: Seconds) -> [f64; 2] {
        let good: f64 = (0..self.group_after()).map(|group| outcomes.good_of(group)).sum();
        let failed = outcomes.failed.iter().filter(|(_, group)| *group < self.group_after());
        let possible = self.endpoints as f64 * self.count as f64 * lasts / 30.0;
        [100.0 * good / possible, failed.count() as f64]
    }
}

/// A steady endpoint that is never refused and sends about as much as both.
fn beside_steady(low: Own, period: Seconds) -> Row {
    let name = format!("{}; one more each {period} s, which is never refused", low.title());
    let figures = [least(90.0, "% of theirs"), most(0.0, "of theirs fail")];
    Row::new(name, figures, move |seed| {
        let steady = Callers { from: 600.0, ..each(period).at(low.endpoints + 1) };
        let callers = low.callers().chain([steady]).collect();
        let server = low.server(Server::unlimited().telling(low.told));
        low.theirs(&run(Setting::new(server, callers, seed).lasts(2400.0)), 2400.0)
    })
}

/// Endpoints that are called rarely, none of which has to wait for another.
fn beside_many(low: Own, many: u64, period: Seconds) -> Row {
    let name = format!("{}; {many} more, each called each {period} s", low.title());
    let figures = [
        least(95.0, "% of their calls at once"),
        most(0.0, "of them fail"),
        least(80.0, "% of the others'"),
    ];
    Row::new(name, figures, move |seed| {
        let rare = Callers {
            endpoints: (low.endpoints + 1, many),
            from: 300.0,
            ..each(period / many as f64)
        };
        let callers = low.callers().chain([rare]).collect();
        let server = low.server(Server::unlimited().telling(low.told));
        let outcomes = run(Setting::new(server, callers, seed).lasts(2400.0));
        let group = low.group_after();
        let of_them = outcomes.good.iter().filter(|good| good.group == group);
        let at_once = of_them.filter(|good| good.waited < 0.5).count() as f64;
        let failed = outcomes.failed.iter().filter(|(_, other)| *other == group).count();
        let share = low.theirs(&outcomes, 2400.0)[0];
        [100.0 * at_once / outcomes.good_of(group).max(1.0), failed as f64, share]
    })
}

/// Requests that tell nothing of a limit.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Bad {
    /// By their callers, as a search does while somebody types.
    Dropped,
    /// With 500.
    Failing,
    /// Longer than their callers wait.
    Hanging,
}

fn beside_bad(low: Own, bad: Bad, reached: f64) -> Row {
    let what = match bad {
        Bad::Dropped => "dropped",
        Bad::Failing => "failing for 400 s",
        Bad::Hanging => "timing out after 1 s for 400 s",
    };
    let name = format!("{}; two more each second, {what}, and one each 17 s", low.title());
    let figures = [
        least(90.0, "% of theirs").but_reaches(reached),
        most(0.0, "of theirs fail"),
        most(0.0, "of the rare fail"),
    ];
    Row::new(name, figures, move |seed| {
        let key = low.endpoints + 1;
        let accident = move |it: super::server::Arrival| match bad {
            _ if it.endpoint != key || it.time >= 1000.0 => None,
            Bad::Dropped => None,
            Bad::Failing => Some(Reply::Failed),
            Bad::Hanging => Some(Reply::Hangs),
        };
        let server = low
            .server(Server::unlimited().telling(low.told))
            .with_accidents(move |it, _| accident(it));
        let timeout = match bad {
            Bad::Dropped => 0.04,
            Bad::Failing => f64::INFINITY,
            Bad::Hanging => 1.0,
        };
        let one = Callers { from: 600.0, timeout, ..each(0.5).at(key) };
        let rare = Callers { from: 600.0, ..each(17.0).at(key + 1) };
        let callers = low.callers().chain([one, rare]).collect();
        let outcomes = run(Setting::new(server, callers, seed).lasts(2400.0));
        let [share, failed] = low.theirs(&outcomes, 2400.0);
        let group = low.group_after() + 1;
        let of_rare = outcomes.failed.iter().filter(|(_, other)| *other == group).count();
        [share, failed, of_rare as f64]
    })
}

/// One that has no limit, and is refused once.
fn beside_refused_once(low: Own) -> Row {
    let name = format!("{}; one more each 10 s, refused once for 1 s at 400 s", low.title());
    let figures = [
        least(95.0, "% of its calls at once after 11 min"),
        most(0.0, "of them fail"),
        least(90.0, "% of theirs").but_reaches(87.0),
    ];
    Row::new(name, figures, move |seed| {
        let key = low.endpoints + 1;
        let mut is_refused = false;
        let server =
            low.server(Server::unlimited().telling(low.told)).with_accidents(move |it, _| {
                let is_first = it.endpoint == key && it.time >= 400.0 && !is_refused;
                is_refused |= is_first;
                is_first.then_some(Reply::Refused(Some(1.0)))
            });
        let callers = low.callers().chain([each(10.0).at(key)]).collect();
        let outcomes = run(Setting::new(server, callers, seed).lasts(3600.0));
        let group = low.group_after();
        let of_it = outcomes.good.iter().filter(|good| good.group == group && good.at >= 1060.0);
        let at_once = of_it.filter(|good| good.waited < 0.5).count() as f64;
        let failed = outcomes.failed.iter().filter(|(_, other)| *other == group).count();
        let [share, _] = low.theirs(&outcomes, 3600.0);
        [100.0 * at_once / 254.0, failed as f64, share]
    })
}

/// Endpoints that hang until their callers' time is over, each with one caller, and two that are
/// well: of one 30 calls come at once.
fn beside_hanging(low: Own, count: u64) -> Row {
    let name = format!(
        "{}; {count} more with 1 caller time out after 10 s; 30 calls at once, and one each 7 s",
        low.title()
    );
    let figures = [
        most(0.0, "of the 30 fail"),
        most(0.0, "of the rare fail"),
        least(90.0, "% of the rare within 1.5 s"),
        least(90.0, "% of theirs"),
    ];
    Row::new(name, figures, move |seed| {
        let first = low.endpoints + 1;
        let hangs = move |it: super::server::Arrival| it.endpoint > first + 1;
        let server = low
            .server(Server::unlimited().telling(low.told))
            .with_accidents(move |it, _| hangs(it).then_some(Reply::Hangs));
        let at_once = Callers { from: 700.0, ..batch(30).at(first) };
        let rare = Callers { from: 600.0, ..each(7.0).at(first + 1) };
        let hanging = (0..count).map(|number| {
            let one = tasks(1).at(first + 2 + number);
            Callers { from: 600.0, timeout: 10.0, ..one }
        });
        let callers = low.callers().chain([at_once, rare]).chain(hanging).collect();
        let outcomes = run(Setting::new(server, callers, seed).lasts(1000.0));
        let group = low.group_after();
        let failed = |group| outcomes.failed.iter().filter(|(_, other)| *other == group).count();
        let of_rare = outcomes.good.iter().filter(|good| good.group == group + 1);
        let soon = of_rare.filter(|good| good.waited < 1.5).count() as f64;
        let [share, _] = low.theirs(&outcomes, 1000.0);
        [failed(group) as f64, failed(group + 1) as f64, soon / 0.58, share]
    })
}

/// And a limit of 300 in 30 s of the app over three busy endpoints.
fn in_a_limit(low: Own, reached: f64) -> Row {
    let name = format!("300 per 30 s over 3 beside {}", low.title());
    let figures = [least(90.0, "% of it").but_reaches(reached), most(0.0, "of the rare fail")];
    Row::new(name, figures, move |seed| {
        let server = low.server(Server::limited(Limit::rolling(300, 30.0), low.told));
        let busy = Callers { endpoints: (low.endpoints + 1, 3), ..tasks(16) };
        let rare = each(7.0).at(low.endpoints + 4);
        let callers = low.callers().chain([busy, rare]).collect();
        let outcomes = run(Setting::new(server, callers, seed).lasts(1800.0));
        let group = low.group_after() + 1;
        let failed = outcomes.failed.iter().filter(|(_, other)| *other == group).count();
        [outcomes.good.len() as f64 / 180.0, failed as f64]
    })
}
