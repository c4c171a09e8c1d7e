//! Members of a fleet as real processes that share one login, which are killed and stopped, before
//! servers that are killed and forget. A refresh token that comes twice would be rejected.
//!
//! Each process is this test binary itself, started again for [`a_member_that_calls`] alone.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use spotify_web::SpotifyClient;
use spotify_web::auth::{PkceAuthenticator, TokenKey};
use spotify_web::fleet::RedisFleet;
use spotify_web::middleware::RateLimitOptions;
use spotify_web::oauth::{AuthorizationCodeRequest, Login, OAuthClient};
use spotify_web::testing::{FakeLimit, FakeSpotify};

use crate::common::{Directory, RedisServer, this_test};
use crate::examples::program;

/// Calls until its standard input ends. Does nothing unless it is started by the others.
#[tokio::test]
async fn a_member_that_calls() {
    let Ok(base_url) = std::env::var("FLEET_BASE_URL") else { return };
    let fleet = RedisFleet::new(std::env::var("FLEET_REDIS_URL").unwrap());
    let fleet = fleet.with_prefix(std::env::var("FLEET_PREFIX").unwrap());
    let options = RateLimitOptions::default().with_shared(fleet.shared_limit());
    let config = spotify_web::SpotifyClientConfig::default()
        .with_base_url(base_url)
        .with_token_url(std::env::var("FLEET_TOKEN_URL").unwrap())
        .with_rate_limit(options);
    let spotify = SpotifyClient::new(config.with_authenticator(at(&fleet))).unwrap();
    let input_ends =
        std::thread::spawn(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));

    let outlives_ends = std::env::var_os("FLEET_OUTLIVES_ENDS").is_some();
    while !input_ends.is_finished() {
        if let Err(error) = spotify.users().me().await {
            let is_borne = error.is_transient() || (outlives_ends && error.needs_login());
            assert!(is_borne, "{error:?}");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

pub(crate) fn at(fleet: &RedisFleet) -> PkceAuthenticator {
    PkceAuthenticator::new("id").with_store(fleet.tokens(), TokenKey::new("id").with_user("anna"))
}

pub(crate) async fn log_in(fake: &FakeSpotify, fleet: &RedisFleet) {
    let authenticator = at(fleet);
    let config = fake.config().with_authenticator(authenticator.clone());
    let _bound = SpotifyClient::new(config).unwrap();
    let login = Login::pkce("id", "http://127.0.0.1/callback");
    let pending = login.with_authorize_url(fake.authorize_url()).begin().unwrap();
    let code = pending.finish(&fake.agree(pending.url().as_ref())).unwrap();
    let request = AuthorizationCodeRequest::public("id", code);
    let oauth = OAuthClient::new(&fake.config());
    let token = oauth.request_token(request).await.unwrap();
    authenticator.log_in(token).await.unwrap();
}

pub(crate) struct Member {
    process: Child,
    input: Option<ChildStdin>,
}

impl Member {
    fn start(fake: &FakeSpotify, server: &RedisServer) -> Self {
        Self::at(fake, &server.url(), "spotify-web")
    }

    pub(crate) fn at(fake: &FakeSpotify, url: &str, prefix: &str) -> Self {
        Self::by(fake, url, prefix, &[])
    }

    /// One that goes on while it is told that the login has ended.
    fn outliving_ends(fake: &FakeSpotify, server: &RedisServer) -> Self {
        Self::by(fake, &server.url(), "spotify-web", &["FLEET_OUTLIVES_ENDS"])
    }

    fn by(fake: &FakeSpotify, url: &str, prefix: &str, flags: &[&str]) -> Self {
        let mut process = this_test("fleet_processes::a_member_that_calls")
            .env("FLEET_BASE_URL", fake.base_url())
            .env("FLEET_TOKEN_URL", fake.token_url())
            .env("FLEET_REDIS_URL", url)
            .env("FLEET_PREFIX", prefix)
            .envs(flags.iter().map(|flag| (flag, "1")))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let input = process.stdin.take();
        Self { process, input }
    }

    pub(crate) fn signal(&self, name: &str) {
        signal_to(self.process.id(), name);
    }

    /// A member ends by itself only when a call fails for good.
    fn is_alive(&mut self) -> bool {
        self.process.try_wait().unwrap().is_none()
    }

    /// Lets it end, which it does well if all of its calls have gone well.
    fn end(mut self) {
        drop(self.input.take());
        assert!(self.process.wait().unwrap().success(), "a call failed");
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn refreshes(fake: &FakeSpotify) -> usize {
    fake.token_requests()
}

async fn after_refreshes(fake: &FakeSpotify, count: usize) {
    let enough = refreshes(fake) + count;
    while refreshes(fake) < enough {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Token requests that were rejected, since their refresh token had been used.
pub(crate) fn rejected(fake: &FakeSpotify) -> usize {
    let requests = fake.requests();
    requests.iter().filter(|it| it.path.ends_with("token") && it.status == 400).count()
}

fn assert_no_reuse(fake: &FakeSpotify) {
    assert_eq!(rejected(fake), 0);
}

async fn fake() -> FakeSpotify {
    let builder = FakeSpotify::builder().with_token_lifetime(Duration::from_secs(2));
    builder.with_remembered_requests(100_000).start().await.unwrap()
}

/// F4, F14, B2, B3, B6: while members are killed and stopped, and new ones come.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_that_are_stopped_and_come_and_go_send_no_refresh_token_twice() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let fake = fake().await;
    log_in(&fake, &RedisFleet::new(server.url())).await;
    let mut members: Vec<_> = (0..4).map(|_| Member::start(&fake, &server)).collect();

    for stopped in 0..2 {
        after_refreshes(&fake, 2).await;
        members[stopped].signal("STOP");
        members.push(Member::start(&fake, &server));
        after_refreshes(&fake, 2).await;
        members[stopped].signal("CONT");
    }
    let () = server.ask(&["SCRIPT", "FLUSH"]);
    after_refreshes(&fake, 2).await;

    members.into_iter().for_each(Member::end);
    assert_no_reuse(&fake);
}

/// F6, F14: killed anywhere; the login is lost only where a response with a rotated token is lost
/// with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_is_killed_keeps_the_others_up_for_no_longer_than_a_lease() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let fake = fake().await;
    log_in(&fake, &RedisFleet::new(server.url())).await;
    let members: Vec<_> = (0..2).map(|_| Member::start(&fake, &server)).collect();
    after_refreshes(&fake, 1).await;
    // As one that was killed while it held the lease leaves it.
    let victim = Member::start(&fake, &server);
    drop(victim);
    let lease = server.ask::<Vec<String>>(&["KEYS", "*:t"]).remove(0);
    let held = format!("{}:l:none", lease.trim_end_matches(":t"));
    let () = server.ask(&["SET", &held, "dead", "PX", "10000"]);

    after_refreshes(&fake, 2).await;

    members.into_iter().for_each(Member::end);
    assert_no_reuse(&fake);
}

/// F11, F40, B13: stopped and restarted empty under load.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_stopped_and_comes_back_empty_costs_no_login() {
    let Some(mut server) = RedisServer::start(&[]) else { return };
    let fake = fake().await;
    log_in(&fake, &RedisFleet::new(server.url())).await;
    let members: Vec<_> = (0..3).map(|_| Member::start(&fake, &server)).collect();
    after_refreshes(&fake, 2).await;
    let calls = fake.api_requests();
    server.signal("-STOP");
    while fake.api_requests() < calls + 3 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    server.signal("-CONT");
    after_refreshes(&fake, 1).await;

    server.restart_empty();
    after_refreshes(&fake, 2).await;

    members.into_iter().for_each(Member::end);
}

/// What is done to a fleet, a number of times of each.
const FAULTS: [&str; 6] = [
    "a member is killed, and another comes",
    "a member is stopped for 15 s",
    "the server is stopped for 3 s",
    "the server restarts empty",
    "all connections are closed",
    "scripts are forgotten",
];

/// F4 to F8, F31, F36, F40, for minutes: 20 members with one login, whose tokens live for two
/// seconds, under 900 requests in 30 s. Prints figures for `benches/README.md`.
///
/// A member that was stopped between the response and the save has the only token; until it goes on
/// the others are told that the login has ended. It is lost if nobody has one for 40 s.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes five minutes, or as many seconds as FLEET_SOAK_SECONDS says"]
async fn twenty_members_live_with_a_fault_every_five_seconds() {
    let Some(mut server) = RedisServer::start(&[]) else { return };
    let seconds = std::env::var("FLEET_SOAK_SECONDS").map_or(300, |it| it.parse().unwrap());
    let builder = FakeSpotify::builder().with_token_lifetime(Duration::from_secs(2));
    let fake = builder.with_remembered_requests(1_000_000).start().await.unwrap();
    fake.limit(FakeLimit::rolling(900, Duration::from_secs(30)));
    log_in(&fake, &RedisFleet::new(server.url())).await;
    let mut members: Vec<_> = (0..20).map(|_| Member::outliving_ends(&fake, &server)).collect();
    let mut random = fastrand::Rng::with_seed(20);
    let mut counts = [0; FAULTS.len()];
    let mut stopped: Vec<(Instant, u32)> = Vec::new();
    let began = Instant::now();
    let (mut killed, mut refreshed, mut lost) = (began, (began, 0), 0);
    while began.elapsed() < Duration::from_secs(seconds) {
        tokio::time::sleep(Duration::from_secs(5)).await;
        let (over, still): (Vec<_>, _) =
            stopped.into_iter().partition(|(until, _)| *until <= Instant::now());
        over.into_iter().for_each(|(_, id)| signal_to(id, "CONT"));
        stopped = still;
        let fault = random.usize(0..FAULTS.len());
        counts[fault] += 1;
        let member = random.usize(0..members.len());
        println!("{:.1} s: {}", began.elapsed().as_secs_f64(), FAULTS[fault]);
        match fault {
            0 => {
                let id = members[member].process.id();
                stopped.retain(|(_, other)| *other != id);
                members[member] = Member::outliving_ends(&fake, &server);
                killed = Instant::now();
            }
            1 => {
                members[member].signal("STOP");
                let until = Instant::now() + Duration::from_secs(15);
                stopped.push((until, members[member].process.id()));
            }
            2 => {
                server.signal("-STOP");
                tokio::time::sleep(Duration::from_secs(3)).await;
                server.signal("-CONT");
            }
            3 => server.restart_empty(),
            4 => server.ask(&["CLIENT", "KILL", "TYPE", "normal"]),
            _ => server.ask(&["SCRIPT", "FLUSH"]),
        }
        assert!(members.iter_mut().all(Member::is_alive), "{}", FAULTS[fault]);
        let good = refreshes(&fake) - rejected(&fake);
        if good > refreshed.1 {
            refreshed = (Instant::now(), good);
        }
        if refreshed.0.elapsed() > Duration::from_secs(40) {
            let since_kill = refreshed.0.saturating_duration_since(killed);
            println!("{:.1} s: the login is lost", began.elapsed().as_secs_f64());
            assert!(since_kill < Duration::from_secs(10), "and nobody was killed");
            lost += 1;
            log_in(&fake, &RedisFleet::new(server.url())).await;
            refreshed.0 = Instant::now();
        }
    }
    stopped.into_iter().for_each(|(_, id)| signal_to(id, "CONT"));
    // Whatever happened: all go on, and end well.
    after_refreshes(&fake, 3).await;
    let requests = fake.requests();
    let of_api: Vec<_> = requests.iter().filter(|it| !it.path.ends_with("token")).collect();
    let refused = of_api.iter().filter(|it| it.status == 429).count();
    let percent = 100.0 * refused as f64 / of_api.len() as f64;
    for (fault, count) in FAULTS.iter().zip(counts) {
        println!("{count} times: {fault}");
    }
    println!("{} requests, {refused} refused ({percent:.2} %)", of_api.len());
    let tokens = fake.token_requests();
    println!("{tokens} token requests, {} rejected, {lost} logins lost", rejected(&fake));
    members.into_iter().for_each(Member::end);
    let clients: String = server.ask(&["CLIENT", "LIST"]);
    assert_eq!(clients.lines().count(), 1, "only who asks this: {clients}");
}

fn signal_to(id: u32, name: &str) {
    let sent = Command::new("kill").args(["-s", name, &id.to_string()]).status();
    assert!(sent.unwrap().success());
}

/// With its keys, and Ctrl-C.
#[test]
fn the_example_shows_its_fleet_and_ends_cleanly() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let Some(program) = program("fleet") else { return };
    let mut example = Command::new(program)
        .args(["--workers", "3", "--redis", &server.url()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut keys = example.stdin.take().unwrap();
    let mut lines = BufReader::new(example.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut line_with = |part: &str| lines.find(|line| line.contains(part)).expect("it goes on");

    line_with("tokens requested: 1;");
    keys.write_all(b"k").unwrap();
    line_with("killed");
    line_with("fleet: 2 workers");
    keys.write_all(b"l").unwrap();
    line_with("the limit is 150");
    keys.write_all(b"s").unwrap();
    line_with("not ours to stop");
    let id = example.id().to_string();
    assert!(Command::new("kill").args(["-s", "INT", &id]).status().unwrap().success());

    line_with("ended: ");
    assert!(example.wait().unwrap().success());
}

/// As a service manager ends it, which has its own Redis.
#[cfg(unix)]
#[test]
fn the_example_that_is_terminated_leaves_no_redis_behind() {
    use std::os::unix::fs::PermissionsExt;

    let Some(_is_installed) = RedisServer::start(&[]) else { return };
    let Some(program) = program("fleet") else { return };
    let directory = Directory::new();
    let (wrapper, noted) = (directory.path().join("redis-server"), directory.path().join("id"));
    let path = std::env::var("PATH").unwrap();
    let script = format!(
        "#!/bin/sh\nPATH='{path}'\necho $$ > '{}'\nexec \"$(command -v redis-server || command -v valkey-server)\" \"$@\"\n",
        noted.display()
    );
    std::fs::write(&wrapper, script).unwrap();
    std::fs::set_permissions(&wrapper, PermissionsExt::from_mode(0o755)).unwrap();
    let mut example = Command::new(program)
        .args(["--workers", "2"])
        .env("PATH", format!("{}:{path}", directory.path().display()))
        .env_remove("REDIS_URL")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(example.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut line_with = |part: &str| lines.find(|line| line.contains(part)).expect("it goes on");
    line_with("tokens requested: 1;");
    line_with("Closed: a 429");

    signal_to(example.id(), "TERM");

    line_with("ended: ");
    assert!(example.wait().unwrap().success());
    let id = std::fs::read_to_string(&noted).unwrap();
    let is_there = Command::new("kill").args(["-0", id.trim()]).stderr(Stdio::null()).status();
    assert!(!is_there.unwrap().success(), "its Redis ended before it did");
}
