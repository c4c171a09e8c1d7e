//! Failures: of all, of one endpoint, of one user.

use super::super::callers::Good;
use super::server::{Arrival, Limit, Reply, Server, Told};
use super::{Callers, Outcomes, Row, Setting, each, least, most, run, tasks};

pub(super) fn rows() -> Vec<Row> {
    vec![
        outage(false),
        outage(true),
        healthy_beside("70 % of one endpoint's requests fail", 0.7, |arrival| {
            arrival.endpoint == 1
        }),
        healthy_beside("all requests of one user fail", 1.0, |arrival| arrival.user == 1),
        one_endpoint_of_many_users(),
        under_a_small_limit(10, true, [95.0, 8.0]),
        under_a_small_limit(30, true, [90.0, 20.0]),
        under_a_small_limit(10, false, [55.0, 40.0]),
        under_a_small_limit(30, false, [75.0, 30.0]),
        outage_of_one_endpoint(300, false),
        outage_of_one_endpoint(300, true),
        eight_time_outs(),
    ]
}

/// Four endpoints, two users, 256 tasks, from 10 s to 70 s.
fn outage(hangs: bool) -> Row {
    let probes = if hangs { "probes hang" } else { "they fail at once" };
    let name = format!("all requests fail for 60 s, {probes}");
    let figures = [most(3.0, "requests a second"), most(2.0, "s until one succeeds")];
    let row = Row::new(name, figures, move |seed| {
        let server = Server::unlimited().with_accidents(move |it, _| {
            let reply = if hangs && it.time > 13.0 { Reply::Hangs } else { Reply::Failed };
            (10.0..70.0).contains(&it.time).then_some(reply)
        });
        let group = |endpoint| Callers { timeout: 30.0, ..tasks(64) }.at(endpoint).of(endpoint % 2);
        let outcomes = run(Setting::new(server, (1..=4).map(group).collect(), seed).lasts(75.0));
        [sent_in_it(&outcomes), recovery(&outcomes)]
    });
    row.heavy()
}

/// Users that call one endpoint each second, alone or beside another that is well, from 10 s to 70
/// s.
fn outage_of_one_endpoint(users: u64, has_other: bool) -> Row {
    let beside = if has_other { " beside one that is well" } else { "" };
    let name = format!("the only endpoint of {users} users fails for 60 s{beside}");
    let figures = [most(3.0, "requests a second"), most(2.0, "s until one succeeds")];
    let row = Row::new(name, figures, move |seed| {
        let server = Server::unlimited().with_accidents(|it, _| {
            let fails = it.endpoint == 1 && (10.0..70.0).contains(&it.time);
            fails.then_some(Reply::Failed)
        });
        let one = |user| Callers { from: user as f64 / users as f64, ..each(1.0) }.of(user);
        let other = has_other.then(|| each(1.0).at(2).of(1));
        let callers = (1..=users).map(one).chain(other).collect();
        let outcomes = run(Setting::new(server, callers, seed).lasts(75.0));
        let others = if has_other { 1.0 } else { 0.0 };
        let is_of_one = |good: &&Good| good.group < users as usize && good.at > 70.0;
        let back = outcomes.good.iter().find(is_of_one).map_or(f64::INFINITY, |good| good.at);
        [sent_in_it(&outcomes) - others, back - 70.0]
    });
    row.heavy()
}

/// Until a second and a half after its beginning nobody knows of it.
fn sent_in_it(outcomes: &Outcomes) -> f64 {
    outcomes.sent.iter().filter(|at| (11.5..70.0).contains(*at)).count() as f64 / 58.5
}

fn recovery(outcomes: &Outcomes) -> f64 {
    let back = outcomes.good.iter().map(|good| good.at).find(|at| *at > 70.0);
    back.unwrap_or(f64::INFINITY) - 70.0
}

/// 50 calls a second of one kind, and 50 of another, of which a share fails.
fn healthy_beside(
    name: &'static str,
    share: f64,
    is_concerned: impl Fn(Arrival) -> bool + Copy + 'static,
) -> Row {
    let figures = [least(95.0, "% of others'"), most(0.01, "s the others wait")];
    let row = Row::new(name, figures, move |seed| {
        let server = Server::unlimited().with_accidents(move |it, random| {
            (is_concerned(it) && random.f64() < share).then_some(Reply::Failed)
        });
        let callers = vec![each(0.02).of(1), each(0.02).at(2).of(2)];
        let outcomes = run(Setting::new(server, callers, seed).lasts(100.0));
        [outcomes.good_of(1) / 50.0, mean_wait_of(&outcomes, 1)]
    });
    row.heavy()
}

fn mean_wait_of(outcomes: &Outcomes, group: usize) -> f64 {
    let waits = outcomes.good.iter().filter(|good| good.group == group).map(|good| good.waited);
    waits.sum::<f64>() / outcomes.good_of(group).max(1.0)
}

fn one_endpoint_of_many_users() -> Row {
    let figures = [least(95.0, "% of others'")];
    Row::new("one endpoint fails for 30 users", figures, |seed| {
        let fails = |arrival: Arrival| arrival.endpoint == 1 && arrival.time > 10.0;
        let server =
            Server::unlimited().with_accidents(move |it, _| fails(it).then_some(Reply::Failed));
        let users = (1..=30).map(|user| each(1.0).of(user));
        let callers = std::iter::once(each(0.1).at(2)).chain(users).collect();
        let outcomes = run(Setting::new(server, callers, seed).lasts(110.0));
        [outcomes.good_of(0) / 11.0]
    })
}

/// Their caller is in a hurry; that says nothing about the server.
fn eight_time_outs() -> Row {
    let figures = [most(0.0, "s waited in the mean"), least(1199.0, "succeed")];
    Row::new("eight time-outs of one caller, 20 healthy calls a second", figures, |seed| {
        let server =
            Server::unlimited().with_accidents(|it, _| (it.endpoint == 2).then_some(Reply::Hangs));
        let hasty = Callers { timeout: 0.01, most: 8, ..tasks(8) }.at(2);
        let outcomes = run(Setting::new(server, vec![each(0.05), hasty], seed).lasts(60.0));
        [outcomes.mean_wait(), outcomes.good_of(0)]
    })
}

/// Where few requests go, sixteen callers for whom an endpoint fails want all of them. One more calls
/// that endpoint and another, or the other alone where it fails for all, as often as there is a start
/// for every fourth request. Beside sixteen for whom nothing fails it waits for 36 s, 22 s, 54 s and
/// 22 s.
fn under_a_small_limit(count: usize, fails_for_all: bool, [share, wait]: [f64; 2]) -> Row {
    let of = if fails_for_all { "" } else { " for each of 8 users" };
    let name = format!("{count} per 30 s, an endpoint fails{of}, 16 callers; another one is well");
    let figures = [least(share, "% of its calls"), most(wait, "s it waits")];
    Row::new(name, figures, move |seed| {
        let server = Server::limited(Limit::rolling(count, 30.0), Told::Right)
            .with_failures(|it| it.endpoint == 1 && it.user > 0);
        let each_fourth = 4.0 * 30.0 / count as f64;
        let failing = (0..16).map(|number| tasks(1).of(1 + number % 8));
        let endpoints = if fails_for_all { (2, 1) } else { (1, 2) };
        let well = Callers { endpoints, until: 570.0, ..each(each_fourth) };
        let callers = std::iter::once(well).chain(failing).collect();
        let outcomes = run(Setting::new(server, callers, seed));
        [100.0 * outcomes.good_of(0) * each_fourth / 570.0, mean_wait_of(&outcomes, 0)]
    })
}
