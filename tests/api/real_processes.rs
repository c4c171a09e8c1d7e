//! Processes with one token file, at a real OAuth server that ends a login whose refresh token
//! comes twice.
//!
//! Each process is this test binary itself, started again for [`a_process_that_calls`] alone.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use spotify_web::SpotifyClient;
use spotify_web::auth::{
    FileTokenStore, PkceAuthenticator, RefreshLock, TokenCacheOptions, TokenKey, TokenStore,
};
use spotify_web::oauth::AuthorizationCodeRequest;

use crate::common::{Directory, OAuthServer, this_test};

/// Calls until its standard input ends, and says what happens to its token. Does nothing unless it
/// is started by the others.
#[tokio::test]
async fn a_process_that_calls() {
    let Ok(base_url) = std::env::var("TEST_BASE_URL") else { return };
    let config = spotify_web::SpotifyClientConfig::default()
        .with_base_url(base_url)
        .with_token_url(std::env::var("TEST_TOKEN_URL").unwrap());
    let options = TokenCacheOptions::default().with_listener(|event| note(&event.kind));
    let file = std::env::var("TEST_TOKEN_FILE").unwrap();
    let authenticator = with_store(PkceAuthenticator::new(OAuthServer::PUBLIC), Path::new(&file));
    let authenticator = authenticator.with_options(options);
    let spotify = SpotifyClient::new(config.with_authenticator(authenticator.clone())).unwrap();
    let input_ends =
        std::thread::spawn(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));

    while !input_ends.is_finished() {
        if let Err(error) = spotify.users().me().await {
            note(&error);
            note(&authenticator.stats());
            assert!(error.is_transient(), "{error:?}");
        }
        // Not a measure of anything: so that eight processes leave the machine to others.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    // A refresh that is under way when the process ends takes the rotated token with it.
    spotify.settle().await.unwrap();
    note(&authenticator.stats());
}

fn note(what: &dyn std::fmt::Debug) {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    println!("{:.3} {what:?}", now.as_secs_f64());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_never_use_a_refresh_token_twice() {
    processes_share_a_login(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_processes_never_use_a_refresh_token_twice() {
    processes_share_a_login(8).await;
}

async fn processes_share_a_login(number: usize) {
    let Some(mut house) = House::start(number, 1).await else { return };

    house.rotate(5).await;

    house.end().await;
}

/// Killed, and stopped for longer than a token lives, while others go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_are_killed_or_stopped_cost_no_login() {
    let Some(mut house) = House::start(4, 2).await else { return };

    for round in 0..3 {
        house.rotate(1).await;
        // Who is killed between a rotation and its save takes the login along, which nobody can
        // help; and who is stopped there keeps the others waiting. Under the lock nobody is there.
        let lock = house.lock().await;
        house.processes[round].signal("STOP");
        house.replace(3);
        drop(lock);
        house.rotate(2).await;
        house.processes[round].signal("CONT");
    }

    // All are stopped while a response with a rotated token is on its way to one of them.
    house.hang(1).await;
    house.processes.iter().for_each(|process| process.signal("STOP"));
    house.server.after_rotations(1).await;
    house.processes.iter().for_each(|process| process.signal("CONT"));
    house.rotate(2).await;

    house.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_is_stopped_while_it_refreshes_costs_no_login() {
    // Longer than the token that the others have lives.
    a_process_is_stopped_for(Duration::from_secs(3)).await;
}

/// Its request is over its limit when it goes on, and the response has come meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes 50 s; run by hand"]
async fn a_process_that_is_stopped_for_longer_than_a_request_may_take_costs_no_login() {
    a_process_is_stopped_for(Duration::from_secs(33)).await;
}

/// The lock is the stopped one's: others wait for it, and go on with what it brings.
async fn a_process_is_stopped_for(duration: Duration) {
    let Some(mut house) = House::start(1, 1).await else { return };
    house.hang(2).await;
    house.processes[0].signal("STOP");
    (0..3).for_each(|_| house.begin());
    house.server.after_rotations(1).await;
    tokio::time::sleep(duration).await;

    house.processes[0].signal("CONT");
    house.rotate(3).await;

    house.end().await;
}

/// For longer than callers wait, and for less than a request may take.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_endpoint_that_hangs_costs_no_login() {
    the_endpoint_hangs_for(12).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes 40 s; run by hand"]
async fn a_token_endpoint_that_hangs_to_the_limit_costs_no_login() {
    the_endpoint_hangs_for(29).await;
}

async fn the_endpoint_hangs_for(seconds: u32) {
    let Some(mut house) = House::start(4, 1).await else { return };
    house.rotate(1).await;

    house.hang(seconds).await;
    house.rotate(3).await;

    house.end().await;
}

/// Processes that share a login, and what they need.
struct House {
    server: OAuthServer,
    directory: Directory,
    processes: Vec<Process>,
    /// How many there were, also those that are gone.
    begun: usize,
}

impl House {
    /// With the lifetime of tokens, in seconds. `None` where there is no server to be had.
    async fn start(processes: usize, seconds: u32) -> Option<Self> {
        let server = OAuthServer::start()?;
        server.set_lifetime(seconds).await;
        let directory = Directory::new();
        log_in(&server, &directory.file()).await;
        let mut house = Self { server, directory, processes: Vec::new(), begun: 0 };
        (0..processes).for_each(|_| house.begin());
        Some(house)
    }

    fn begin(&mut self) {
        let process = self.next();
        self.processes.push(process);
    }

    /// Kills one, and begins another.
    fn replace(&mut self, index: usize) {
        let process = self.next();
        self.processes[index] = process;
    }

    fn next(&mut self) -> Process {
        let log = self.directory.path().join(format!("process-{}.log", self.begun));
        self.begun += 1;
        Process::start(&self.server, &self.directory.file(), log)
    }

    /// Waits for this number of rotations from now on, with none under way.
    async fn rotate(&mut self, number: u64) {
        let (began, before) = (Instant::now(), self.server.stats().await.rotations);
        loop {
            let stats = self.server.stats().await;
            if stats.reused > 0 || !stats.refused.is_empty() {
                self.explain(&format!("a login has ended: {stats:?}"));
            }
            if !self.processes.iter_mut().all(Process::is_running) {
                self.explain(&format!("a call has failed: {stats:?}"));
            }
            if began.elapsed() > PATIENCE {
                self.explain(&format!("nobody refreshes any more: {stats:?}"));
            }
            if stats.rotations >= before + number && stats.in_flight == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Has the next token request wait, until it has arrived.
    async fn hang(&self, seconds: u32) {
        self.server.set("hang_before", seconds.into()).await;
        while self.server.stats().await.in_flight == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.server.set("hang_before", 0.into()).await;
    }

    /// As long as it lives, no process refreshes or has a token that is not saved.
    async fn lock(&self) -> RefreshLock {
        FileTokenStore::new(self.directory.file()).lock(&key()).await.unwrap()
    }

    /// Lets all end, which they do well if all of their calls have gone well.
    async fn end(mut self) {
        self.processes.iter_mut().for_each(|process| drop(process.input.take()));
        let all_well = self.processes.iter_mut().all(Process::ends_well);
        let stats = self.server.stats().await;
        if !all_well || (stats.reused, stats.refused.len()) != (0, 0) {
            self.explain(&format!("{stats:?}"));
        }
    }

    /// Fails with what every process has noted.
    fn explain(&self, what: &str) -> ! {
        let logs = (0..self.begun).map(|number| {
            let path = self.directory.path().join(format!("process-{number}.log"));
            format!("--- process {number}\n{}", std::fs::read_to_string(path).unwrap_or_default())
        });
        panic!("{what}\n{}", logs.collect::<String>());
    }
}

/// Longer than a process waits for the lock of another.
const PATIENCE: Duration = Duration::from_secs(300);

async fn log_in(server: &OAuthServer, file: &Path) {
    let authenticator = with_store(PkceAuthenticator::new(OAuthServer::PUBLIC), file);
    let config = server.config().with_authenticator(authenticator.clone());
    let _bound = SpotifyClient::new(config).unwrap();
    let pending = server.login().begin().unwrap();
    let code = pending.finish(&server.open(pending.url()).await).unwrap();
    let request = AuthorizationCodeRequest::public(OAuthServer::PUBLIC, code);
    let token = server.oauth().request_token(request).await.unwrap();
    authenticator.log_in(token).await.unwrap();
}

fn with_store(authenticator: PkceAuthenticator, file: &Path) -> PkceAuthenticator {
    authenticator.with_store(FileTokenStore::new(file), key())
}

fn key() -> TokenKey {
    TokenKey::new(OAuthServer::PUBLIC)
}

/// A process that calls.
struct Process {
    process: Child,
    input: Option<ChildStdin>,
}

impl Process {
    fn start(server: &OAuthServer, file: &Path, log: PathBuf) -> Self {
        let log = File::create(log).unwrap();
        let mut process = this_test("real_processes::a_process_that_calls")
            .env("TEST_BASE_URL", server.base_url())
            .env("TEST_TOKEN_URL", server.token_url())
            .env("TEST_TOKEN_FILE", file)
            .stdin(Stdio::piped())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let input = process.stdin.take();
        Self { process, input }
    }

    fn signal(&self, name: &str) {
        let id = self.process.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status().unwrap();
        assert!(sent.success(), "no process {id}");
    }

    fn is_running(&mut self) -> bool {
        self.process.try_wait().unwrap().is_none()
    }

    fn ends_well(&mut self) -> bool {
        self.process.wait().unwrap().success()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
