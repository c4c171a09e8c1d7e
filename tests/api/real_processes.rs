//! Processes with one token file, at a real OAuth server that ends a login whose refresh token
//! comes twice.
//!
//! Each process is this test binary itself, started again for [`a_process_that_calls`] alone.

use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use spotify_web::SpotifyClient;
use spotify_web::auth::{FileTokenStore, PkceAuthenticator, TokenKey};
use spotify_web::oauth::AuthorizationCodeRequest;

use crate::common::{Directory, OAuthServer, this_test};

/// Calls until its standard input ends. Does nothing unless it is started by the others.
#[tokio::test]
async fn a_process_that_calls() {
    let Ok(base_url) = std::env::var("TEST_BASE_URL") else { return };
    let config = spotify_web::SpotifyClientConfig::default()
        .with_base_url(base_url)
        .with_token_url(std::env::var("TEST_TOKEN_URL").unwrap());
    let authenticator = at(Path::new(&std::env::var("TEST_TOKEN_FILE").unwrap()));
    let spotify = SpotifyClient::new(config.with_authenticator(authenticator)).unwrap();
    let input_ends =
        std::thread::spawn(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));

    while !input_ends.is_finished() {
        if let Err(error) = spotify.users().me().await {
            assert!(error.is_transient(), "{error:?}");
        }
        // Not a measure of anything: so that eight processes leave the machine to others.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
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
    let Some(server) = OAuthServer::start() else { return };
    server.set_lifetime(1).await;
    let directory = Directory::new();
    log_in(&server, &directory.file()).await;
    let mut processes: Vec<_> =
        (0..number).map(|_| Process::start(&server, &directory.file())).collect();

    while server.stats().await.rotations < 5 {
        for process in &mut processes {
            process.is_running();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    for process in processes {
        process.end();
    }
    let stats = server.stats().await;
    assert_eq!((stats.reused, stats.refused.len()), (0, 0), "{stats:?}");
}

/// Killed, and stopped for longer than a token lives, while others go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_are_killed_or_stopped_cost_no_login() {
    let Some(server) = OAuthServer::start() else { return };
    server.set_lifetime(2).await;
    let directory = Directory::new();
    log_in(&server, &directory.file()).await;
    let mut processes: Vec<_> =
        (0..4).map(|_| Process::start(&server, &directory.file())).collect();

    for round in 0..3 {
        // After a rotation that is in the file nobody holds a refresh token that is not saved.
        let before = std::fs::read(directory.file()).unwrap();
        server.after_rotations(1).await;
        while std::fs::read(directory.file()).unwrap() == before {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        processes[round].signal("STOP");
        drop(std::mem::replace(&mut processes[3], Process::start(&server, &directory.file())));
        server.after_rotations(2).await;
        processes[round].signal("CONT");
    }

    // All are stopped while a response with a rotated token is on its way to one of them.
    server.set("hang_before", 1.into()).await;
    while server.stats().await.in_flight == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    processes.iter().for_each(|process| process.signal("STOP"));
    server.after_rotations(1).await;
    processes.iter().for_each(|process| process.signal("CONT"));
    server.set("hang_before", 0.into()).await;
    server.after_rotations(2).await;

    processes.into_iter().for_each(Process::end);
    let stats = server.stats().await;
    assert_eq!((stats.reused, stats.refused.len()), (0, 0), "{stats:?}");
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
    let Some(server) = OAuthServer::start() else { return };
    server.set_lifetime(1).await;
    let directory = Directory::new();
    log_in(&server, &directory.file()).await;
    let processes: Vec<_> = (0..4).map(|_| Process::start(&server, &directory.file())).collect();
    server.after_rotations(1).await;

    server.set("hang_before", seconds.into()).await;
    while server.stats().await.in_flight == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    server.set("hang_before", 0.into()).await;
    server.after_rotations(3).await;

    processes.into_iter().for_each(Process::end);
    let stats = server.stats().await;
    assert_eq!((stats.reused, stats.refused.len()), (0, 0), "{stats:?}");
}

async fn log_in(server: &OAuthServer, file: &Path) {
    let authenticator = at(file);
    let config = server.config().with_authenticator(authenticator.clone());
    let _bound = SpotifyClient::new(config).unwrap();
    let pending = server.login().begin().unwrap();
    let code = pending.finish(&server.open(pending.url()).await).unwrap();
    let request = AuthorizationCodeRequest::public(OAuthServer::PUBLIC, code);
    let token = server.oauth().request_token(request).await.unwrap();
    authenticator.log_in(token).await.unwrap();
}

fn at(file: &Path) -> PkceAuthenticator {
    let store = FileTokenStore::new(file);
    let key = TokenKey::new(OAuthServer::PUBLIC);
    PkceAuthenticator::new(OAuthServer::PUBLIC).with_store(store, key)
}

/// A process that calls.
struct Process {
    process: Child,
    input: Option<ChildStdin>,
}

impl Process {
    fn start(server: &OAuthServer, file: &Path) -> Self {
        let mut process = this_test("real_processes::a_process_that_calls")
            .env("TEST_BASE_URL", server.base_url())
            .env("TEST_TOKEN_URL", server.token_url())
            .env("TEST_TOKEN_FILE", file)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
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

    fn is_running(&mut self) {
        let ended = self.process.try_wait().unwrap();
        assert!(ended.is_none(), "a call failed: {ended:?}");
    }

    /// Lets it end, which it does well if all of its calls have gone well.
    fn end(mut self) {
        drop(self.input.take());
        assert!(self.process.wait().unwrap().success(), "a call failed");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
