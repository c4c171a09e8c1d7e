//! A rate that processes share through Redis: F29 to F46, before a real server.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use spotify_web::SpotifyClient;
use spotify_web::auth::{TokenKey, TokenStore};
use spotify_web::fleet::{FleetError, FleetEvent, RedisFleet, RedisSharedLimit};
use spotify_web::middleware::{
    Granted, RateLimitOptions, SharedLimit, SharedLimitError, Sharing, Told,
};
use spotify_web::testing::{FakeSpotify, check_shared_limit};

use crate::common::{RedisServer, TRACK, Wire};

/// As a limiter tells what it knows.
fn told(member: u64, change: impl FnOnce(&mut Told)) -> Told {
    let mut told = Told::default();
    told.member = member;
    change(&mut told);
    told
}

async fn exchange(limit: &RedisSharedLimit, told: Told) -> Granted {
    exchange_of(Some("app"), limit, told).await.unwrap()
}

/// Until there is a response: a busy machine may be late, which is another test's matter.
pub(crate) async fn exchange_of(
    app: Option<&str>,
    limit: &RedisSharedLimit,
    told: Told,
) -> Result<Granted, SharedLimitError> {
    for _ in 0..100 {
        match limit.exchange(app, &told).await {
            Err(error) if error.to_string().contains("within 50ms") => {}
            exchanged => return exchanged,
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("no response")
}

/// A busy machine may be late.
#[derive(Debug)]
struct Patient(RedisSharedLimit);

#[async_trait]
impl SharedLimit for Patient {
    async fn exchange(&self, app: Option<&str>, told: &Told) -> Result<Granted, SharedLimitError> {
        exchange_of(app, &self.0, *told).await
    }
}

#[tokio::test]
async fn a_rate_that_is_shared_through_redis_keeps_every_promise() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let limit = RedisFleet::new(server.url()).shared_limit();
    check_shared_limit(Patient(limit)).await.unwrap();
}

/// F29, F30, B19: each process with a connection of its own.
#[tokio::test]
async fn a_429_of_one_process_closes_all_and_the_rate_that_it_teaches_holds_for_all() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let processes: Vec<_> = (0..20).map(|_| RedisFleet::new(server.url()).shared_limit()).collect();
    for (member, process) in (0..).zip(&processes) {
        let granted = exchange(process, told(member, |told| told.succeeded = 20)).await;
        assert_eq!((granted.rate, granted.closed_for), (None, Duration::ZERO));
    }
    let refused = |epoch: u64| {
        move |told: &mut Told| {
            (told.epoch, told.refused_in) = (epoch, epoch);
            (told.refused_for, told.others_wait) = (Some(Duration::from_secs(20)), true);
        }
    };
    let first = exchange(&processes[0], told(0, refused(0))).await.epoch;
    let second = exchange(&processes[1], told(1, refused(first))).await.epoch;
    assert!(0 < first && first < second, "{first} {second}");

    for (member, process) in (0..).zip(&processes) {
        let granted = exchange(process, told(member, |_| ())).await;
        let closed = granted.closed_for.as_secs();
        assert!((15..=30).contains(&closed), "{granted:?}");
        assert_eq!((granted.epoch, granted.rate.is_some()), (second, true), "{granted:?}");
    }
    let later = RedisFleet::new(server.url()).shared_limit();
    let granted = exchange(&later, told(99, |told| told.starts = 5)).await;
    assert!(granted.rate.is_some() && granted.starts == 0, "{granted:?}");
    assert!(granted.come_back_in > Duration::from_secs(10), "{granted:?}");
}

/// F27: apps and prefixes share nothing.
#[tokio::test]
async fn another_app_has_another_rate() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let limit = RedisFleet::new(server.url()).shared_limit();
    let other = RedisFleet::new(server.url()).with_prefix("other").shared_limit();
    exchange(&limit, told(1, |told| told.last_rate = Some(5.0))).await;

    assert_eq!(exchange(&limit, told(2, |_| ())).await.rate, Some(5.0));
    for app in [Some("other"), None] {
        let granted = exchange_of(app, &limit, told(2, |_| ())).await.unwrap();
        assert_eq!(granted.rate, None, "{app:?}");
    }
    assert_eq!(exchange(&other, told(2, |_| ())).await.rate, None);
}

/// F38, F42, B21, B22: told once, and an exchange has its own limit, whatever the server does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_does_not_respond_is_given_up_and_said_once() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let events: Arc<Mutex<Vec<FleetEvent>>> = Arc::default();
    let log = Arc::clone(&events);
    let fleet = RedisFleet::new(server.url())
        .with_listener(move |event| log.lock().unwrap().push(event.clone()));
    assert_eq!(fleet.stats().is_alone, None);
    fleet.check().await.unwrap();
    server.signal("-STOP");

    for _ in 0..3 {
        let error = fleet.shared_limit().exchange(None, &told(1, |_| ())).await.unwrap_err();
        assert!(error.to_string().contains("within 50ms"), "{error}");
    }
    let stats = fleet.stats();
    assert_eq!((stats.is_alone, stats.timeouts), (Some(true), 3), "{stats:?}");
    assert_eq!(stats.error, Some(FleetError::TimedOut { limit: Duration::from_millis(50) }));

    server.signal("-CONT");
    exchange(&fleet.shared_limit(), told(1, |_| ())).await;
    assert_eq!(fleet.stats().is_alone, Some(false));
    let is_told = || events.lock().unwrap().len() >= 3;
    while !is_told() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let events = events.lock().unwrap();
    let told = matches!(
        events[..],
        [FleetEvent::Joined, FleetEvent::Alone { .. }, FleetEvent::Rejoined { .. }]
    );
    assert!(told, "{events:?}");
}

/// F41, B12
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_went_silent_is_replaced_after_three_calls() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let wire = Wire::to(server.port).await;
    let limit = RedisFleet::new(wire.url()).shared_limit();
    exchange(&limit, told(1, |_| ())).await;
    let before = wire.connections();
    wire.silence();

    for _ in 0..3 {
        limit.exchange(Some("app"), &told(1, |_| ())).await.unwrap_err();
    }

    exchange(&limit, told(1, |_| ())).await;
    assert!(wire.connections() > before);
}

/// F42, B22, B29: a server that accepts connections and says nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_says_nothing_keeps_nobody() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let wire = Wire::to(server.port).await;
    wire.mute();
    let fleet = RedisFleet::new(wire.url());

    let error = fleet.check().await.unwrap_err();
    assert!(matches!(error, FleetError::TimedOut { .. }) && error.is_transient(), "{error}");
    fleet.shared_limit().exchange(None, &told(1, |_| ())).await.unwrap_err();
}

/// F43, B23
#[tokio::test]
async fn a_script_that_was_forgotten_is_sent_along() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let fleet = RedisFleet::new(server.url());
    let limit = fleet.shared_limit();
    exchange(&limit, told(1, |told| told.last_rate = Some(5.0))).await;
    let () = server.ask(&["SCRIPT", "FLUSH"]);

    assert_eq!(exchange(&limit, told(1, |_| ())).await.rate, Some(5.0));
}

/// F43, B24: nothing is told twice, also where the connection ended with the response.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exchange_whose_response_was_lost_is_not_repeated() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let wire = Wire::to(server.port).await;
    let fleet = RedisFleet::new(wire.url());
    let (limit, store, key) = (fleet.shared_limit(), fleet.tokens(), TokenKey::new("app"));
    exchange(&limit, told(1, |told| told.last_rate = Some(5.0))).await;
    let () = server.ask(&["CONFIG", "RESETSTAT"]);
    wire.lose_responses(1);

    let lost = tokio::spawn(async move { limit.exchange(Some("app"), &told(1, |_| ())).await });
    // An exchange reads one key, and nothing else here does.
    while server.calls("getrange") == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let () = server.ask(&["CLIENT", "KILL", "TYPE", "normal"]);

    lost.await.unwrap().unwrap_err();
    while store.load(&key).await.is_err() {}
    assert_eq!(server.calls("getrange"), 1);
}

/// B28: callers that leave take nobody's response along.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_that_leave_shift_no_responses() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let limit = RedisFleet::new(server.url()).shared_limit();
    exchange(&limit, told(0, |_| ())).await;
    let tasks = (1..200_u64).map(|number| {
        let limit = limit.clone();
        let rate = told(number, |told| told.last_rate = Some(number as f64));
        let task = tokio::spawn(async move {
            let app = format!("app-{number}");
            Some(limit.exchange(Some(&app), &rate).await.ok()?.rate)
        });
        if number % 3 == 0 {
            task.abort();
        }
        (number, task)
    });

    for (number, task) in tasks.collect::<Vec<_>>() {
        if let Ok(Some(rate)) = task.await {
            assert_eq!(rate, Some(number as f64));
        }
    }
}

/// F45
#[tokio::test]
async fn a_fleet_that_is_dropped_leaves_nothing_behind() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let fleet = RedisFleet::new(server.url());
    fleet.check().await.unwrap();
    let clients = || server.ask::<String>(&["CLIENT", "LIST"]).lines().count();
    assert_eq!(clients(), 2, "one more asks this");
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();

    drop(fleet);

    while clients() > 1 || tasks() > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// F37, F38, F40: a whole client, before a server that is stopped.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_goes_on_without_the_server_and_comes_back() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let fake = FakeSpotify::start().await.unwrap();
    let fleet = RedisFleet::new(server.url());
    let options = RateLimitOptions::default().with_shared(fleet.shared_limit());
    let config = fake.config().with_token(fake.user_token()).with_rate_limit(options);
    let spotify = SpotifyClient::new(config).unwrap();
    let sharing = || spotify.stats().rate_limit.sharing;
    let call = async || {
        spotify.get::<serde_json::Value>(&format!("tracks/{TRACK}")).await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    while sharing() != Some(Sharing::Free) || fleet.stats().is_alone != Some(false) {
        call().await;
    }
    server.signal("-STOP");
    while sharing() != Some(Sharing::Alone) {
        call().await;
    }
    server.signal("-CONT");
    while sharing() != Some(Sharing::Free) {
        call().await;
    }
    // What was under way on a busy machine ends; one that asks again does so within 1.5 s.
    let is_quiet = async || {
        let calls = fleet.stats().calls;
        tokio::time::sleep(Duration::from_millis(1600)).await;
        fleet.stats().calls == calls
    };
    assert!(is_quiet().await || is_quiet().await, "an idle process sends nothing");
}

/// What something else wrote is not overwritten; the limiter goes on alone, and `check` says why.
#[tokio::test]
async fn keys_of_another_layout_are_left_alone() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let limit = RedisFleet::new(server.url()).shared_limit();
    exchange(&limit, told(1, |_| ())).await;
    let key = server.ask::<Vec<String>>(&["KEYS", "*:g"]).remove(0);
    let () = server.ask(&["SET", &key, "something else"]);

    let error = exchange_of(Some("app"), &limit, told(1, |_| ())).await.unwrap_err();
    assert!(error.to_string().contains("use another prefix"), "{error}");
    assert_eq!(server.ask::<String>(&["GET", &key]), "something else");
    for prefix in ["", "a{b", "a}b"] {
        let error = RedisFleet::new(server.url()).with_prefix(prefix).check().await.unwrap_err();
        assert!(matches!(error, FleetError::Name { .. }), "{error}");
    }
}
