//! An example as a program of its own, that logs users in at a fake.

use std::io::Read;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use spotify_web::testing::FakeSpotify;

/// This test binary again, for one test alone, which plays a program of its own.
pub(crate) fn this_test(name: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", name, "--nocapture"]);
    command
}

/// An example that runs.
pub(crate) struct Run {
    process: Child,
    /// What it printed, after its end.
    pub(crate) output: String,
}

impl Run {
    pub(crate) fn start(
        program: &Path,
        fake: &FakeSpotify,
        variables: &[(&str, &str)],
        arguments: &[&str],
    ) -> Self {
        let process = Command::new(program)
            .args(arguments)
            .env("SPOTIFY_CLIENT_ID", "id")
            .env("SPOTIFY_CLIENT_SECRET", "secret")
            .env("SPOTIFY_BASE_URL", fake.base_url())
            .env("SPOTIFY_TOKEN_URL", fake.token_url())
            .env("SPOTIFY_AUTHORIZE_URL", fake.authorize_url())
            .env("SPOTIFY_REDIRECT_URI", "http://127.0.0.1/callback")
            .env_remove("BROWSER")
            .env_remove("DISPLAY")
            .env_remove("WAYLAND_DISPLAY")
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        Self { process: process.unwrap(), output: String::new() }
    }

    /// The word with `part` in it that the user is told.
    pub(crate) fn told(&mut self, part: &str) -> String {
        word_with(part, self.process.stderr.as_mut().unwrap())
    }

    pub(crate) fn printed(&mut self, part: &str) -> String {
        word_with(part, self.process.stdout.as_mut().unwrap())
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn input(&mut self) -> ChildStdin {
        self.process.stdin.take().unwrap()
    }

    /// Whether it ended well, and what it told since.
    pub(crate) fn end(&mut self) -> (bool, String) {
        let mut errors = String::new();
        self.process.stdout.take().unwrap().read_to_string(&mut self.output).unwrap();
        self.process.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        (self.process.wait().unwrap().success(), errors)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// Reads by the byte, so that what comes afterwards is still there.
fn word_with(part: &str, stream: &mut impl Read) -> String {
    let mut word = Vec::new();
    let mut byte = [0];
    while stream.read(&mut byte).unwrap() == 1 {
        if !byte[0].is_ascii_whitespace() {
            word.push(byte[0]);
        } else if String::from_utf8_lossy(&word).contains(part) {
            return String::from_utf8(word).unwrap();
        } else {
            word.clear();
        }
    }
    panic!("ended without {part}");
}
