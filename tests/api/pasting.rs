//! Standard input beside the browser: what is pasted is read, and what is the program's is left to
//! it.
//!
//! The program is this test binary itself, started again for [`a_program_that_signs_in`] alone.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};

use spotify_web::login::SignIn;
use spotify_web::oauth::{Login, OAuthClient};
use spotify_web::testing::FakeSpotify;

use super::signing_in::open;
use crate::common::{Directory, this_test};

/// Signs in, then reads the next line of its own. Does nothing unless it is started by the others.
#[tokio::test]
async fn a_program_that_signs_in() {
    let Ok(authorize_url) = std::env::var("TEST_AUTHORIZE_URL") else { return };
    let config = spotify_web::SpotifyClientConfig::default();
    let config = config.with_token_url(std::env::var("TEST_TOKEN_URL").unwrap());
    let login = Login::pkce("id", "http://127.0.0.1/callback").with_authorize_url(authorize_url);
    let sign_in = SignIn::new(login).with_messages_to(|text| println!("\n{text} "));

    sign_in.run(&OAuthClient::new(&config)).await.unwrap();

    println!("\nsigned-in ");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    println!("\nread:{}; ", line.trim().replace(' ', "_"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_line_after_a_login_by_the_browser_is_the_program_s() {
    let (fake, mut program) = Program::start(Terminal::Pipe, HAS_BROWSER).await;
    let url = program.word("/authorize?");

    open(&fake.agree(&url)).await;
    program.word("signed-in");
    program.write("for the program\n");

    assert_eq!(program.word("read:"), "read:for_the_program;");
}

/// As `program < songs.txt` has it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_piped_into_a_program_with_a_browser_is_the_program_s() {
    let (fake, mut program) = Program::start(Terminal::Pipe, HAS_BROWSER).await;
    program.write("http://example.test/for-the-program\nmore\n");
    let url = program.word("/authorize?");

    open(&fake.agree(&url)).await;

    assert_eq!(program.word("read:"), "read:http://example.test/for-the-program;");
}

/// As from a container that is told of a browser, which cannot come back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_url_is_taken_from_a_pipe_beside_the_browser() {
    let (fake, mut program) = Program::start(Terminal::Pipe, HAS_BROWSER).await;
    let redirect = fake.agree(&program.word("/authorize?"));

    program.write(&format!("{redirect}\nfor the program\n"));

    assert_eq!(program.word("read:"), "read:for_the_program;");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_browser_a_wrong_line_is_said_to_be_wrong() {
    let (fake, mut program) = Program::start(Terminal::Pipe, false).await;
    let redirect = fake.agree(&program.word("/authorize?"));

    program.write(&format!("what\n\n{redirect}\nfor the program\n"));

    assert_eq!(program.word("URL;"), "URL;", "this is not a URL; ...");
    assert_eq!(program.word("read:"), "read:for_the_program;");
}

/// At its end before the browser has come back, as that of a service.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_standard_input_does_not_end_the_login() {
    for has_browser in [HAS_BROWSER, false] {
        let (fake, mut program) = Program::start(Terminal::Pipe, has_browser).await;
        let url = program.word("/authorize?");
        drop(program.input.take());

        open(&fake.agree(&url)).await;

        assert_eq!(program.word("read:"), "read:;");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_terminal_a_wrong_line_is_told_and_the_next_one_is_the_program_s() {
    if !has_script() {
        return;
    }
    let (fake, mut program) = Program::start(Terminal::Real, HAS_BROWSER).await;
    let url = program.word("/authorize?");

    program.write("what\n");
    program.word("URL;");
    let redirect = fake.agree(&url);
    program.write(&format!("{redirect}\nfor the program\n"));

    assert_eq!(program.word("read:"), "read:for_the_program;");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_terminal_the_line_after_the_browser_came_back_is_the_program_s() {
    if !has_script() {
        return;
    }
    let (fake, mut program) = Program::start(Terminal::Real, HAS_BROWSER).await;
    let url = program.word("/authorize?");

    open(&fake.agree(&url)).await;
    program.word("signed-in");
    program.write("for the program\n");

    assert_eq!(program.word("read:"), "read:for_the_program;");
}

const HAS_BROWSER: bool = true;

enum Terminal {
    Pipe,
    /// By `script`, of util-linux.
    Real,
}

/// A program with its user.
struct Program {
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<std::process::ChildStdout>,
    _directory: Directory,
}

impl Program {
    async fn start(terminal: Terminal, has_browser: bool) -> (FakeSpotify, Self) {
        let fake = FakeSpotify::start().await.unwrap();
        let directory = Directory::new();
        let program = this_test("pasting::a_program_that_signs_in");
        let mut command = match terminal {
            Terminal::Pipe => program,
            Terminal::Real => {
                let arguments: Vec<_> = program.get_args().map(|it| it.to_str().unwrap()).collect();
                let line = format!("{} {}", program.get_program().display(), arguments.join(" "));
                let mut command = Command::new("script");
                command.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
                command
            }
        };
        for variable in ["DISPLAY", "WAYLAND_DISPLAY", "BROWSER"] {
            command.env_remove(variable);
        }
        if has_browser {
            command.env("BROWSER", idle_browser(&directory));
        }
        let mut process = command
            .env("TEST_AUTHORIZE_URL", fake.authorize_url())
            .env("TEST_TOKEN_URL", fake.token_url())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let input = process.stdin.take();
        let output = BufReader::new(process.stdout.take().unwrap());
        (fake, Self { process, input, output, _directory: directory })
    }

    fn write(&mut self, text: &str) {
        self.input.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
    }

    /// The next word with `part` in it that is printed.
    fn word(&mut self, part: &str) -> String {
        let mut word = String::new();
        loop {
            let mut rest = Vec::new();
            let read = self.output.by_ref().take(1).read_until(b' ', &mut rest).unwrap();
            assert_eq!(read, 1, "ended without {part}");
            match rest[0] {
                byte if !byte.is_ascii_whitespace() => word.push(char::from(byte)),
                _ if word.contains(part) => return word,
                _ => word.clear(),
            }
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// Whether there is a program that makes terminals.
fn has_script() -> bool {
    let is_there = Command::new("script").arg("--version").output().is_ok();
    assert!(is_there || std::env::var_os("CI").is_none(), "script of util-linux is not installed");
    if !is_there {
        eprintln!("skipped: script of util-linux is not installed");
    }
    is_there
}

/// One that opens, and never comes back.
fn idle_browser(directory: &Directory) -> PathBuf {
    let browser = directory.path().join("browser");
    std::fs::write(&browser, "#!/bin/sh\n").unwrap();
    std::fs::set_permissions(&browser, std::fs::Permissions::from_mode(0o700)).unwrap();
    browser
}
