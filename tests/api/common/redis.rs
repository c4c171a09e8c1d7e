//! A real Redis or Valkey on a free port of loopback, for one test alone.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use super::Directory;

/// A server that is killed at the end.
pub(crate) struct RedisServer {
    process: Child,
    pub(crate) port: u16,
    arguments: Vec<String>,
    program: &'static str,
    _directory: Directory,
}

impl RedisServer {
    /// `None`, and a word that the test is skipped, where no server is installed; never in CI.
    pub(crate) fn start(arguments: &[&str]) -> Option<Self> {
        let Some(program) = PROGRAMS.into_iter().find(|program| is_there(program)) else {
            assert!(std::env::var_os("CI").is_none(), "CI has no redis-server");
            eprintln!("skipped: neither redis-server nor valkey-server is installed");
            return None;
        };
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        Some(Self::run(program, arguments, free_port()))
    }

    fn run(program: &'static str, arguments: Vec<String>, port: u16) -> Self {
        let directory = Directory::new();
        let process = Command::new(program)
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
            .args(["--dir", directory.path().to_str().unwrap()])
            .args(&arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let server =
            Self { process: process.unwrap(), port, arguments, program, _directory: directory };
        server.wait();
        server
    }

    /// One that watches what its file says, which it rewrites. There is a server where this is
    /// called.
    pub(crate) fn start_sentinel(file: &std::path::Path) -> Self {
        let (port, directory) = (free_port(), Directory::new());
        let process = Command::new(PROGRAMS.into_iter().find(|program| is_there(program)).unwrap())
            .arg(file)
            .args(["--sentinel", "--port", &port.to_string(), "--bind", "127.0.0.1"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let (arguments, program) = (Vec::new(), PROGRAMS[0]);
        let server =
            Self { process: process.unwrap(), port, arguments, program, _directory: directory };
        server.wait();
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// What `redis-cli` would print, in pieces.
    pub(crate) fn ask<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        let client = redis::Client::open(self.url()).unwrap();
        let mut connection = client.get_connection().unwrap();
        let (name, arguments) = words.split_first().unwrap();
        redis::cmd(name).arg(arguments).query(&mut connection).unwrap()
    }

    /// How often a command was called, also by scripts, since `CONFIG RESETSTAT`.
    pub(crate) fn calls(&self, command: &str) -> usize {
        let stats: String = self.ask(&["INFO", "commandstats"]);
        let name = format!("cmdstat_{command}:calls=");
        let line = stats.lines().find_map(|line| line.strip_prefix(&name));
        line.map_or(0, |line| line.split(',').next().unwrap().parse().unwrap())
    }

    /// Kills it, and starts an empty one in its place.
    pub(crate) fn restart_empty(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        *self = Self::run(self.program, self.arguments.clone(), self.port);
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }

    fn wait(&self) {
        let began = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(began.elapsed() < Duration::from_secs(30), "{} does not start", self.program);
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn is_there(program: &str) -> bool {
    let run = Command::new(program).arg("--version").stdout(Stdio::null()).status();
    run.is_ok_and(|status| status.success())
}

/// One that nobody takes meanwhile: below those that the system gives to connections and to port 0,
/// and each another. A node of a cluster takes the one that is higher by 10,000, too.
pub(crate) fn free_port() -> u16 {
    static NEXT: LazyLock<AtomicU16> = LazyLock::new(|| fastrand::u16(..).into());
    let next = || 10_000 + NEXT.fetch_add(1, Ordering::Relaxed) % 10_000;
    let is_free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    std::iter::repeat_with(next).find(|port| is_free(*port) && is_free(port + 10_000)).unwrap()
}

const PROGRAMS: [&str; 2] = ["redis-server", "valkey-server"];
