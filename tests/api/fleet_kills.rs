//! A process that is killed, given up or stopped at each of the calls by which a login and a rate
//! are shared: before the server has the call, and after it has carried it out.

use std::time::{Duration, SystemTime};

use spotify_web::SpotifyClient;
use spotify_web::auth::{StoredToken, TokenKey, TokenStore};
use spotify_web::fleet::RedisFleet;
use spotify_web::middleware::{Granted, RateLimitOptions, SharedLimit, Told};
use spotify_web::testing::FakeSpotify;
use tokio::runtime::Runtime;

use crate::common::{RedisServer, Steps, Stop};
use crate::fleet_processes::{Member, at, log_in, rejected};

/// A server with a login whose access token has expired, and with a rate; and accounts that take
/// each refresh token once.
struct Scene {
    fake: FakeSpotify,
    fleet: RedisFleet,
    prefix: String,
}

/// Who is stopped in the middle.
enum Victim {
    Process(Member),
    /// A runtime that is dropped: what it owns is dropped too, and nothing of it goes on.
    Runtime(Runtime),
}

fn key() -> TokenKey {
    TokenKey::new("id").with_user("anna")
}

impl Scene {
    async fn new(server: &RedisServer, prefix: String) -> Self {
        let fake = FakeSpotify::start().await.unwrap();
        let fleet = RedisFleet::new(server.url()).with_prefix(&*prefix);
        fleet.check().await.unwrap();
        log_in(&fake, &fleet).await;
        let store = fleet.tokens();
        let good = store.load(&key()).await.unwrap().unwrap();
        let expired = StoredToken::new(good.token().unwrap().clone(), SystemTime::UNIX_EPOCH);
        store.save(&key(), &expired, Some(good.revision())).await.unwrap();
        let scene = Self { fake, fleet, prefix };
        scene.exchange(|told| told.last_rate = Some(RATE)).await;
        scene
    }

    async fn exchange(&self, change: impl FnOnce(&mut Told)) -> Granted {
        let mut told = Told::default();
        told.member = 1;
        change(&mut told);
        let limit = self.fleet.shared_limit();
        loop {
            match limit.exchange(Some("id"), &told).await {
                Ok(granted) => return granted,
                // A busy machine.
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    fn client(&self, fleet: &RedisFleet) -> SpotifyClient {
        let options = RateLimitOptions::default().with_shared(fleet.shared_limit());
        let config = self.fake.config().with_authenticator(at(fleet)).with_rate_limit(options);
        SpotifyClient::new(config).unwrap()
    }

    /// Whether a process that comes later has the login, and not whether it is served at once.
    async fn another_is_served(&self, server: &RedisServer) -> bool {
        let fleet = RedisFleet::new(server.url()).with_prefix(&*self.prefix);
        let spotify = self.client(&fleet);
        loop {
            match spotify.users().me().await {
                Ok(_) => return true,
                Err(error) if error.needs_login() => return false,
                Err(error) => assert!(error.is_transient(), "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// No key is without an end, and a lease ends within 10 s: these are over then.
    fn let_leases_end(&self, server: &RedisServer) {
        for name in server.ask::<Vec<String>>(&["KEYS", &format!("{}:*", self.prefix)]) {
            let left: i64 = server.ask(&["PTTL", &name]);
            assert!(left != -1, "{name} has no end");
            if name.contains(":l:") {
                assert!(left <= 10_000, "{name}: {left}");
                let () = server.ask(&["PEXPIRE", &name, "1"]);
            }
        }
    }

    /// The rate is what it was, or has grown on a busy machine; and what the dead had reserved is
    /// soon over.
    async fn the_rate_holds(&self) {
        let granted = self.exchange(|told| told.starts = 1).await;
        assert!(granted.rate >= Some(RATE), "{granted:?}");
        assert!(granted.starts == 1 && granted.first_in < Duration::from_secs(2), "{granted:?}");
    }
}

impl Victim {
    fn process(scene: &Scene, wire: &Steps) -> Self {
        Self::Process(Member::at(&scene.fake, &wire.url(), &scene.prefix))
    }

    fn runtime(scene: &Scene, wire: &Steps) -> Self {
        let runtime = Runtime::new().unwrap();
        let fleet = RedisFleet::new(wire.url()).with_prefix(&*scene.prefix);
        let spotify = scene.client(&fleet);
        runtime.spawn(async move {
            let _ = spotify.users().me().await;
            // Whatever it still does in the background.
            std::future::pending::<()>().await;
            drop(spotify);
        });
        Self::Runtime(runtime)
    }

    fn end(self) {
        match self {
            // Killed by the signal that nobody can catch.
            Self::Process(member) => drop(member),
            Self::Runtime(runtime) => runtime.shutdown_background(),
        }
    }
}

/// Each call from the first on, before and after, until the last of those that share something was
/// reached.
async fn at_each_call(mut stops_at: impl AsyncFnMut(usize, Stop) -> &'static str) {
    let mut seen = Vec::new();
    for (number, stop) in (1..).flat_map(|number| [(number, Stop::Before), (number, Stop::After)]) {
        seen.push((stops_at(number, stop).await, stop));
        if CALLS.iter().all(|call| seen.contains(&(call, Stop::After))) {
            return;
        }
        assert!(number < 50, "{CALLS:?} are not all in {seen:?}");
    }
}

/// F4, F6, F13, F14, F36, B6: a login is lost in one place, where a response is lost with it.
async fn victim_ends_at_any_call(name: &str, start: fn(&Scene, &Steps) -> Victim) {
    let Some(server) = RedisServer::start(&[]) else { return };
    at_each_call(async |number, stop| {
        let scene = Scene::new(&server, format!("{name}-{number}-{stop:?}")).await;
        let wire = Steps::to(server.port, number, stop).await;
        let victim = start(&scene, &wire);
        let call = wire.stopped().await;
        victim.end();
        drop(wire);
        let is_lost = (call, stop) == ("save", Stop::Before);

        scene.let_leases_end(&server);
        let context = format!("{name} {stop:?} {call}, call {number}");
        assert_eq!(scene.another_is_served(&server).await, !is_lost, "{context}");
        assert_eq!(rejected(&scene.fake), usize::from(is_lost), "{context}");
        let requests = if is_lost { 2 } else { 1 };
        assert_eq!(scene.fake.token_requests(), LOGIN + requests, "{context}");
        scene.the_rate_holds().await;
        call
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_is_killed_at_any_call_costs_no_login_but_with_its_response() {
    victim_ends_at_any_call("killed", Victim::process).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_runtime_that_is_given_up_at_any_call_costs_no_login_but_with_its_response() {
    victim_ends_at_any_call("given-up", Victim::runtime).await;
}

/// F5, F8, B1: stopped for longer than its lease, while another refreshes; then it goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_stands_still_at_any_call_costs_no_login() {
    let Some(server) = RedisServer::start(&[]) else { return };
    at_each_call(async |number, stop| {
        let scene = Scene::new(&server, format!("stopped-{number}-{stop:?}")).await;
        let wire = Steps::to(server.port, number, stop).await;
        let member = Member::at(&scene.fake, &wire.url(), &scene.prefix);
        let call = wire.stopped().await;
        member.signal("STOP");
        scene.let_leases_end(&server);
        let is_lost_meanwhile = (call, stop) == ("save", Stop::Before);
        let context = format!("{stop:?} {call}, call {number}");
        assert_eq!(scene.another_is_served(&server).await, !is_lost_meanwhile, "{context}");

        member.signal("CONT");
        wire.go_on();

        for attempt in 1.. {
            if scene.another_is_served(&server).await {
                break;
            }
            assert!(attempt < 200, "{context}: the login is lost");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        scene.the_rate_holds().await;
        call
    })
    .await;
}

const CALLS: [&str; 5] = ["turn", "load", "save", "release", "exchange"];
const RATE: f64 = 50.0;

/// Token requests before: the code of the login.
const LOGIN: usize = 1;
