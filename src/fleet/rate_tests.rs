//! The script, on a real server whose clock the test sets: it does what `Pool` does.

#![expect(clippy::unwrap_used, reason = "a test that fails is a test that panics")]

use std::time::Duration;

use fastrand::Rng;
use redis::Connection;

use super::{Granted, Told, arguments_of, granted_of};
use crate::fleet::redis_server::RedisServer;
use crate::fleet::scripts::EXCHANGE;
use crate::middleware::Pool;

/// The script with a clock of the test's.
struct Store {
    connection: Connection,
    script: redis::Script,
}

impl Store {
    fn new(server: &RedisServer) -> Self {
        let text = EXCHANGE.text().replace("redis.call('TIME')", "{ARGV[3], ARGV[4]}");
        assert_ne!(text, EXCHANGE.text());
        let connection = redis::Client::open(server.url()).unwrap().get_connection().unwrap();
        Self { connection, script: redis::Script::new(&text) }
    }

    fn exchange(&mut self, told: &Told, now: f64) -> Granted {
        let seconds = now.floor();
        let micros = ((now - now.floor()) * 1e6).round();
        let mut call = self.script.prepare_invoke();
        call.key("{x}:g").key("{x}:m");
        let (member, told) = arguments_of(told);
        call.arg(member).arg(told).arg(seconds.to_string()).arg(micros.to_string());
        granted_of(&call.invoke::<Vec<u8>>(&mut self.connection).unwrap()).unwrap()
    }
}

/// A time that a server's clock can tell.
fn micros(time: f64) -> f64 {
    (time * 1e6).round() / 1e6
}

fn assert_alike(one: &Granted, other: &Granted, context: &str) {
    let seconds = |granted: &Granted| {
        let Granted { closed_for, first_in, step, come_back_in, .. } = *granted;
        [closed_for, first_in, step, come_back_in].map(|it| it.as_secs_f64())
    };
    let numbers = |granted: &Granted| (granted.epoch, granted.active, granted.starts);
    let is_near = |one: f64, other: f64| (one - other).abs() <= 1e-6 * one.abs().max(1.0);
    let all_near = seconds(one).iter().zip(seconds(other)).all(|(one, other)| is_near(*one, other));
    let rates = (one.rate.unwrap_or(0.0), other.rate.unwrap_or(0.0));
    let is_alike = numbers(one) == numbers(other) && all_near && is_near(rates.0, rates.1);
    assert!(is_alike, "{context}\n{one:?}\n{other:?}");
}

/// Members who tell at random what may come: busy and idle times, strays, limits, lost states, late
/// news.
fn random_told(random: &mut Rng, epoch: u64) -> Told {
    let is_refused = random.f64() < 0.08;
    let late = random.u64(0..2) * random.u64(0..2);
    Told {
        member: random.u64(0..6),
        epoch: epoch.saturating_sub(late),
        succeeded: if random.bool() { random.u32(0..8) } else { 0 },
        is_open: random.f64() < 0.7,
        others_wait: random.bool(),
        refused_for: is_refused.then(|| Duration::from_secs(random.u64(1..40))),
        refused_in: epoch.saturating_sub(random.u64(0..2) * random.u64(0..2)),
        last_rate: (random.f64() < 0.02).then(|| random_rate(random)),
        starts: random.u32(0..12),
        is_urgent: random.f64() < 0.2,
    }
}

/// Mostly one of the law's; else one that no limiter is paced by, or none at all.
fn random_rate(random: &mut Rng) -> f64 {
    match random.u32(0..8) {
        0 => random.f64() * 20_000.0,
        1 => *random.choice(&NO_RATES).unwrap(),
        _ => random.f64() * 50.0,
    }
}

/// Nobody is paced by these.
const NO_RATES: [f64; 7] = [10_000.1, 1e12, f64::MAX, f64::INFINITY, f64::NAN, 0.0, -5.0];

/// F30, R6 to R14: there is one law.
#[test]
fn the_script_does_what_the_pool_in_memory_does() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let mut rates = 0;
    let mut starts = 0;
    let mut away = 0;
    for seed in 0..30 {
        let mut random = Rng::with_seed(seed);
        let mut store = Store::new(&server);
        let () = redis::cmd("FLUSHALL").query(&mut store.connection).unwrap();
        let mut pool = Pool::new(Duration::from_secs(30));
        let mut now = 1_764_100_000.0;
        let mut epoch = 0;
        for step in 0..400 {
            let pause = if random.f64() < 0.02 { 60.0 } else { 0.6 };
            now = micros(now + random.f64() * pause);
            let told = random_told(&mut random, epoch);
            let granted = store.exchange(&told, now);
            let expected = pool.exchange(&told, now);
            assert_alike(&granted, &expected, &format!("seed {seed}, step {step}, {told:?}"));
            epoch = granted.epoch;
            rates += u32::from(granted.rate.is_some());
            starts += u32::from(granted.starts > 0);
            away += u32::from(!granted.come_back_in.is_zero());
        }
    }
    assert!(rates > 1000 && starts > 500 && away > 50, "{rates} {starts} {away}");
}

fn told(member: u64) -> Told {
    Told { member, ..Told::default() }
}

/// What a fleet that was told a rate of 10 grants.
fn paced(store: &mut Store, now: f64) -> Granted {
    store.exchange(&Told { last_rate: Some(10.0), ..told(1) }, now)
}

/// F40, B27
#[test]
fn a_rate_comes_back_with_the_first_that_knows_it_and_goes_when_nobody_needs_it() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let mut store = Store::new(&server);
    assert_eq!(store.exchange(&told(1), 1000.0).rate, None);
    assert_eq!(paced(&mut store, 1001.0).rate, Some(10.0));
    assert_eq!(store.exchange(&told(2), 1002.0).rate, Some(10.0), "and holds for all");

    assert_eq!(store.exchange(&told(1), 1000.0 + 31.0 * 60.0).rate, None);

    for key in ["{x}:g", "{x}:m"] {
        let left: i64 = server.ask(&["PTTL", key]);
        assert!((1..=1_802_000).contains(&left), "{left}");
    }
}

type Exchange<'a> = dyn FnMut(&Told, f64) -> Granted + 'a;

/// F40: a rate that is as good as none keeps nobody from learning one.
#[test]
fn a_last_rate_that_nobody_is_paced_by_is_none() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let mut store = Store::new(&server);
    for last_rate in NO_RATES {
        let () = redis::cmd("FLUSHALL").query(&mut store.connection).unwrap();
        let mut pool = Pool::new(Duration::from_secs(30));
        let exchanges: [&mut Exchange<'_>; 2] =
            [&mut |told, now| store.exchange(told, now), &mut |told, now| pool.exchange(told, now)];
        for exchange in exchanges {
            exchange(&Told { succeeded: 100, is_open: true, ..told(1) }, 1000.0);
            let again = Told { last_rate: Some(last_rate), ..told(1) };
            assert_eq!(exchange(&again, 1010.0).rate, None, "{last_rate}");

            for (epoch, now) in [(0, 1010.5), (1, 1011.0)] {
                let refused_for = Some(Duration::from_secs(5));
                let refused = Told { epoch, refused_in: epoch, refused_for, ..again };
                exchange(&refused, now);
            }

            let learnt = exchange(&told(1), 1012.0).rate;
            assert!(learnt.is_some_and(|rate| rate < 100.0), "{last_rate}: {learnt:?}");
        }
    }
    let fastest = Told { last_rate: Some(10_000.0), ..told(1) };
    let () = redis::cmd("FLUSHALL").query(&mut store.connection).unwrap();
    assert_eq!(store.exchange(&fastest, 1000.0).rate, Some(10_000.0));
    let mut pool = Pool::new(Duration::from_secs(30));
    assert_eq!(pool.exchange(&fastest, 1000.0).rate, Some(10_000.0));
}

/// F33: up to a fifth of the rate, and four at once.
#[test]
fn urgent_requests_go_first_up_to_a_fifth() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let mut store = Store::new(&server);
    paced(&mut store, 1000.0);
    let wanted = Told { starts: 200, ..told(2) };
    let mut last = Duration::ZERO;
    while store.exchange(&wanted, 1000.0).starts > 0 {
        last = store.exchange(&wanted, 1000.0).first_in;
    }
    assert!(last > Duration::from_secs(8), "{last:?}");

    let urgent = Told { starts: 1, is_urgent: true, ..told(3) };
    let at_once = (0..6).filter(|_| store.exchange(&urgent, 1000.0).starts == 1).count();
    assert_eq!(at_once, 4);
    let mut in_ten_seconds = 0;
    for tenth in 0..100 {
        let granted = store.exchange(&urgent, 1000.0 + f64::from(tenth) / 10.0);
        in_ten_seconds += u32::from(granted.starts == 1 && granted.first_in.is_zero());
    }
    assert!((18..=22).contains(&in_ten_seconds), "{in_ten_seconds} of 100");
}

/// F20: the server's own clock.
#[test]
fn a_clock_that_is_set_back_costs_nothing() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let mut store = Store::new(&server);
    paced(&mut store, 10_000.0);
    let refused = Told { refused_for: Some(Duration::from_secs(20)), ..told(1) };
    let closed = store.exchange(&refused, 10_000.0);
    assert_eq!(closed.closed_for, Duration::from_secs(20));

    let after = store.exchange(&told(1), 6_400.0);

    assert!(after.closed_for <= Duration::from_secs(20), "{after:?}");
    let wanted = Told { starts: 1, ..told(1) };
    let granted = store.exchange(&wanted, 6_421.0);
    assert!(granted.starts == 1 && granted.first_in <= Duration::from_secs(1), "{granted:?}");
}

#[test]
fn what_something_else_wrote_is_left_alone() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let mut store = Store::new(&server);
    for other in ["0", "another layout"] {
        let () = server.ask(&["SET", "{x}:g", other]);
        let mut call = store.script.prepare_invoke();
        let (member, told) = arguments_of(&told(1));
        call.key("{x}:g").key("{x}:m").arg(member).arg(told).arg(1).arg(0);
        let error = call.invoke::<Vec<u8>>(&mut store.connection).unwrap_err();
        assert!(error.to_string().contains("use another prefix"), "{error}");
        assert_eq!(server.ask::<String>(&["GET", "{x}:g"]), other);
    }
}
