//! Endpoints with limits of their own beside one that is called rarely, and the app's limit.

use super::server::{Limit, Server, Told};
use super::{Callers, Outcomes, Row, Setting, each, least, most, run, tasks};

pub(super) fn rows() -> Vec<Row> {
    let own = |endpoints, count, callers, told| Own { endpoints, count, callers, told };
    vec![
        beside_a_rare_one(own(3, 10, 1, Told::Always(1.0)), 5.0),
        beside_a_rare_one(own(2, 10, 3, Told::Always(1.0)), 11.0).heavy(),
        beside_a_rare_one(own(5, 30, 3, Told::Always(1.0)), 25.0).heavy(),
        beside_a_rare_one(own(3, 60, 3, Told::Always(5.0)), 11.0).heavy(),
        beside_a_rare_one(own(8, 20, 2, Told::Always(2.0)), 5.0).heavy(),
        beside_a_rare_one(own(8, 20, 2, Told::Missing), 25.0).heavy(),
        beside_a_rare_one(own(8, 20, 2, Told::Right), 1.0).heavy(),
        in_a_limit(own(2, 10, 3, Told::Always(1.0)), 1, [90.0, 1.3]).heavy(),
        in_a_limit(own(3, 30, 2, Told::Always(1.0)), 5, [90.0, 2.5]).heavy(),
        in_a_limit(own(1, 30, 2, Told::Always(1.0)), 20, [90.0, 1.3]).heavy(),
        in_a_limit(own(3, 30, 2, Told::Always(5.0)), 5, [90.0, 1.0]).heavy(),
        in_a_limit(own(2, 10, 3, Told::Right), 20, [88.0, 2.0]).heavy(),
        in_a_limit_of(900, own(4, 10, 3, Told::Right), 3, [90.0, 1.5]).heavy(),
        in_a_limit_of(900, own(4, 10, 3, Told::Always(1.0)), 3, [85.0, 1.3]).heavy(),
        in_a_limit_of(900, own(4, 10, 3, Told::Always(5.0)), 3, [90.0, 1.0]).heavy(),
        skewed(Told::Always(1.0)).heavy(),
        skewed(Told::Right).heavy(),
        of_the_app(2, Told::Always(5.0), 1.0, [1.0, 0.0]).heavy(),
        of_the_app(3, Told::Always(5.0), 1.0, [1.0, 0.0]).heavy(),
        of_the_app(5, Told::Right, 1.0, [3.5, 200.0]).heavy(),
        of_the_app(9, Told::Right, 1.0, [2.0, 0.0]).heavy(),
        of_the_app(5, Told::Always(1.0), 5.0, [1.0, 0.0]).heavy(),
        beside_steady(1.8, [3.5, 200.0]),
        beside_steady(2.2, [3.5, 950.0]),
        of_a_low_limit(10, Told::Right, 1, 7.0, 5.0),
        of_a_low_limit(60, Told::Always(1.0), 4, 2.0, 1.5),
    ]
}

/// Endpoints with limits of their own in 30 s.
#[derive(Debug, Clone, Copy)]
pub(super) struct Own {
    pub(super) endpoints: u64,
    pub(super) count: usize,
    /// The callers of each.
    pub(super) callers: usize,
    pub(super) told: Told,
}

impl Own {
    pub(super) fn server(self, server: Server) -> Server {
        let limit = Limit::rolling(self.count, 30.0);
        (1..=self.endpoints).fold(server, |server, it| server.with(Some(it), limit))
    }

    pub(super) fn callers(self) -> impl Iterator<Item = Callers> {
        (1..=self.endpoints).map(move |endpoint| tasks(self.callers).at(endpoint))
    }

    pub(super) fn title(self) -> String {
        let Self { endpoints, count, callers, told } = self;
        format!("{endpoints} with {count} per 30 s each, {callers} callers, `Retry-After` {told}")
    }
}

/// Nothing limits the app.
fn beside_a_rare_one(own: Own, period: f64) -> Row {
    let name = format!("{}; one more called each {period} s", own.title());
    let figures = [
        least(95.0, "% of its calls at once"),
        most(0.0, "of them fail"),
        least(90.0, "% of theirs"),
        most(3.0, "% refused after 2 min"),
    ];
    Row::new(name, figures, move |seed| {
        let server = own.server(Server::unlimited().telling(own.told));
        let rare = each(period).at(own.endpoints + 1);
        let callers = own.callers().chain([rare]).collect();
        let outcomes = run(Setting::new(server, callers, seed).lasts(1800.0));
        let group = own.endpoints as usize;
        let of_it = outcomes.good.iter().filter(|good| good.group == group);
        let at_once = of_it.filter(|good| good.waited < 0.5).count() as f64;
        let failed = outcomes.failed.iter().filter(|(_, other)| *other == group).count();
        let theirs = outcomes.good.len() as f64 - outcomes.good_of(group);
        let share = theirs / (own.endpoints as f64 * own.count as f64 * 60.0);
        [
            100.0 * at_once / (1800.0 / period).ceil(),
            failed as f64,
            100.0 * share,
            outcomes.refused_percent_from(120.0),
        ]
    })
}

fn in_a_limit(own: Own, rest: u64, reached: [f64; 2]) -> Row {
    in_a_limit_of(300, own, rest, reached)
}

/// And a limit in 30 s of the app over the busy rest. Where it is far above what the others have
/// together, a refusal of an endpoint whose own limit is not known yet may be taken for the app's:
/// the app's rate is then what went through until it, and is tried again after minutes. What is
/// reached of it, and refused after two minutes, may be less than the targets.
fn in_a_limit_of(count: usize, own: Own, rest: u64, [share, late]: [f64; 2]) -> Row {
    let name = format!("{count} per 30 s over {rest} beside {}", own.title());
    let figures = [
        least(90.0, "% of it").but_reaches(share),
        most(3.0, "% refused"),
        most(1.0, "% after 2 min").but_reaches(late),
        most(0.0, "of the rare fail"),
    ];
    Row::new(name, figures, move |seed| {
        let server = own.server(Server::limited(Limit::rolling(count, 30.0), own.told));
        let busy = Callers { endpoints: (own.endpoints + 1, rest), ..tasks(16) };
        let rare = each(5.0).at(own.endpoints + rest + 1);
        let callers = own.callers().chain([busy, rare]).collect();
        let outcomes = run(Setting::new(server, callers, seed).lasts(1800.0));
        let group = own.endpoints as usize + 1;
        let failed = outcomes.failed.iter().filter(|(_, other)| *other == group).count();
        [
            100.0 * outcomes.good.len() as f64 / (60.0 * count as f64),
            outcomes.refused_percent(),
            outcomes.refused_percent_from(120.0),
            failed as f64,
        ]
    })
}

/// Endpoints without limits of their own, each called by eight, and one that is called rarely.
/// Where all of them are refused at once and for a window, each may learn a rate of its own, the rare
/// one as well, of which it takes a tenth of the seeds minutes to be rid.
fn of_the_app(endpoints: u64, told: Told, period: f64, [late, failed]: [f64; 2]) -> Row {
    let name = format!(
        "300 per 30 s over {endpoints}, 8 callers each, `Retry-After` {told}; one more called each {period} s"
    );
    let figures = [
        least(90.0, "% of it"),
        most(1.0, "% refused after 2 min").but_reaches(late),
        most(0.0, "of the rare fail").but_reaches(failed),
    ];
    Row::new(name, figures, move |seed| {
        let server = Server::limited(Limit::rolling(300, 30.0), told);
        let busy = (1..=endpoints).map(|endpoint| tasks(8).at(endpoint));
        let callers = busy.chain([each(period).at(endpoints + 1)]).collect();
        let outcomes = run(Setting::new(server, callers, seed).lasts(1800.0));
        let group = endpoints as usize;
        let failed = outcomes.failed.iter().filter(|(_, other)| *other == group).count();
        let share = outcomes.good.len() as f64 / 180.0;
        [share, outcomes.refused_percent_from(120.0), failed as f64]
    })
}

/// 60 per 30 s limit the app, over three endpoints that are called steadily and one by two that wait
/// for each other: what is refused is the app's, though one endpoint meets it again and again.
/// Where more is asked for than the limit allows, calls fail whatever is done.
fn beside_steady(a_second: f64, [late, failed]: [f64; 2]) -> Row {
    let name = format!(
        "60 per 30 s over 3 with {a_second} a second and 1 with 2 callers, `Retry-After` always 1"
    );
    let figures = [
        least(90.0, "% of it"),
        most(1.0, "% refused after 2 min").but_reaches(late),
        most(0.0, "fail").but_reaches(failed),
    ];
    Row::new(name, figures, move |seed| {
        let server = Server::limited(Limit::rolling(60, 30.0), Told::Always(1.0));
        let steady = (1..=3).map(|endpoint| each(3.0 / a_second).at(endpoint));
        let callers = steady.chain([tasks(2).at(4)]).collect();
        of_the_limit(60, &run(Setting::new(server, callers, seed).lasts(1800.0)))
    })
}

/// A low limit of the app over endpoints with two callers each, and one that is called rarely.
fn of_a_low_limit(count: usize, told: Told, endpoints: u64, period: f64, late: f64) -> Row {
    let name = format!(
        "{count} per 30 s over {endpoints}, 2 callers each, `Retry-After` {told}; one more called each {period} s"
    );
    let figures = [
        least(90.0, "% of it"),
        most(1.0, "% refused after 2 min").but_reaches(late),
        most(0.0, "fail"),
    ];
    Row::new(name, figures, move |seed| {
        let server = Server::limited(Limit::rolling(count, 30.0), told);
        let busy = (1..=endpoints).map(|endpoint| tasks(2).at(endpoint));
        let callers = busy.chain([each(period).at(endpoints + 1)]).collect();
        of_the_limit(count, &run(Setting::new(server, callers, seed).lasts(1800.0)))
    })
}

/// What is reached of a limit in 30 s within half an hour, what is refused late, and what fails.
fn of_the_limit(count: usize, outcomes: &Outcomes) -> [f64; 3] {
    [
        100.0 * outcomes.good.len() as f64 / (60.0 * count as f64),
        outcomes.refused_percent_from(120.0),
        outcomes.failed.len() as f64,
    ]
}

/// 300 per 30 s limit the app; nearly all of it is one endpoint's.
fn skewed(told: Told) -> Row {
    let name = format!("300 per 30 s, nearly all of it one endpoint's, `Retry-After` {told}");
    let figures = [
        least(90.0, "% of it"),
        most(3.0, "% refused"),
        most(1.0, "% after 2 min").but_reaches(1.5),
        most(0.0, "of the rare fail"),
    ];
    Row::new(name, figures, move |seed| {
        let server = Server::limited(Limit::rolling(300, 30.0), told);
        let callers = vec![tasks(16).at(1), each(1.0).at(2), each(5.0).at(3)];
        let outcomes = run(Setting::new(server, callers, seed).lasts(1800.0));
        let failed = outcomes.failed.iter().filter(|(_, group)| *group == 2).count();
        [
            outcomes.good.len() as f64 / 180.0,
            outcomes.refused_percent(),
            outcomes.refused_percent_from(120.0),
            failed as f64,
        ]
    })
}
