//! The examples as programs.

use std::path::PathBuf;
use std::process::{Command, Output};

use spotify_web::testing::FakeSpotify;

use crate::common::{Directory, Run};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_credentials_end_the_watcher_with_one_sentence() {
    let fake = FakeSpotify::builder().client("id", "right").start().await.unwrap();
    let Some(output) = run("release_watcher", &fake, "wrong") else { return };

    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(error.lines().count(), 1, "{error}");
    assert!(error.ends_with(
        "invalid_client: Invalid client (HTTP 400 Bad Request); check client id and secret\n"
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_quick_ones_run_to_their_end() {
    for name in ["quickstart", "custom_authenticator", "search", "playlist_export"] {
        let fake = FakeSpotify::builder().client("id", "right").start().await.unwrap();
        let Some(output) = run(name, &fake, "right") else { return };

        assert!(output.status.success(), "{name}: {output:?}");
        assert!(!output.stdout.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_without_a_browser_takes_two_runs() {
    let Some(program) = program("headless_login") else { return };
    let fake = FakeSpotify::start().await.unwrap();
    let directory = Directory::new();
    let variables = [("TMPDIR", directory.path().to_str().unwrap())];

    let mut first = Run::start(&program, &fake, &variables, &[]);
    let redirect = fake.agree(&first.printed("/authorize?"));
    assert!(first.end().0, "{}", first.output);
    let mut second = Run::start(&program, &fake, &variables, &[&redirect]);

    assert!(second.end().0 && second.output.contains("You are wizzler."), "{}", second.output);
    assert!(directory.path().read_dir().unwrap().next().is_none(), "the secrets are gone");
}

fn run(name: &str, fake: &FakeSpotify, secret: &str) -> Option<Output> {
    let command = Command::new(program(name)?)
        .env("SPOTIFY_CLIENT_ID", "id")
        .env("SPOTIFY_CLIENT_SECRET", secret)
        .env("SPOTIFY_BASE_URL", fake.base_url())
        .env("SPOTIFY_TOKEN_URL", fake.token_url())
        .output();
    Some(command.unwrap())
}

/// `None` when the example has not been built, as with `cargo test --test api` on a fresh clone.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let tests: PathBuf = std::env::current_exe().unwrap().parent().unwrap().into();
    let program = tests.parent().unwrap().join("examples").join(name);
    if !program.exists() {
        assert!(std::env::var_os("CI").is_none(), "{name} has not been built");
        eprintln!("skipped: {name} has not been built; run `cargo build --examples` first");
        return None;
    }
    Some(program)
}
