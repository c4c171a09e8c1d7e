//! Processes with one token file, at a real OAuth server that ends a login whose refresh token comes twice.
//!
//! Each process is this test binary itself, started once more for [`a_process_that_calls`] alone.

use std::path::Path;
use std::process::{Child, ChildStdin, Stdio};
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
        spotify.users().me().await.unwrap();
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
