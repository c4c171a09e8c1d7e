//! Standard input, read only when there is something in it.

use std::io::{BufRead, ErrorKind, IsTerminal, PipeReader, stdin};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::pasting::LONGEST_LINE;

/// Lines of standard input until the other end of a pipe is closed.
///
/// Read by way of [`std::io::stdin`], whose buffer the whole process shares: what is read too much is
/// still there for the program.
pub(super) struct Stdin {
    has_browser: bool,
    /// What a URL of the user's begins with.
    origin: String,
    ends: PipeReader,
    /// There is more in the buffer than the last line.
    has_more: bool,
}

/// What to do next.
enum Readiness {
    Ready,
    NotYet,
    Over,
}

impl Stdin {
    pub(super) fn new(has_browser: bool, origin: String, ends: PipeReader) -> Self {
        Self { has_browser, origin, ends, has_more: false }
    }

    /// The next line that the user pastes; `None` when the reading has ended, or the line is the
    /// program's.
    pub(super) fn next_line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        loop {
            match self.wait() {
                Readiness::Over => return None,
                Readiness::NotYet => continue,
                Readiness::Ready => {}
            }
            let mut input = stdin().lock();
            let there = match input.fill_buf() {
                Ok(there) => there,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => return None,
            };
            if line.is_empty() && !self.is_users(there) {
                return None;
            }
            let end = memchr::memchr(b'\n', there).map(|end| end + 1);
            let part = there.get(..end.unwrap_or(there.len())).unwrap_or(there);
            self.has_more = part.len() < there.len();
            let is_whole = end.is_some() || part.is_empty() || line.len() > LONGEST_LINE;
            line.extend_from_slice(part);
            let read = part.len();
            input.consume(read);
            if is_whole {
                return (!line.is_empty()).then(|| String::from_utf8_lossy(&line).into_owned());
            }
        }
    }

    /// Whether a line is the user's, before it is read. Who pipes something into a program that opens a
    /// browser means it for the program.
    fn is_users(&self, start: &[u8]) -> bool {
        let (origin, start) = (self.origin.as_bytes(), start.trim_ascii_start());
        !self.has_browser
            || stdin().is_terminal()
            || start.get(..origin.len()).is_some_and(|start| start.eq_ignore_ascii_case(origin))
    }

    /// Waits until there is something to read, or the reading has ended.
    fn wait(&self) -> Readiness {
        let stdin = stdin();
        // Who reads from a terminal that another program has in hand is stopped.
        if !is_in_foreground(&stdin) {
            return match self.is_over_after(Some(BACKGROUND)) {
                true => Readiness::Over,
                false => Readiness::NotYet,
            };
        }
        if self.has_more {
            return if self.is_over_after(Some(Duration::ZERO)) {
                Readiness::Over
            } else {
                Readiness::Ready
            };
        }
        let mut both = [PollFd::new(&self.ends, PollFlags::IN), PollFd::new(&stdin, PollFlags::IN)];
        match poll(&mut both, None) {
            Err(rustix::io::Errno::INTR) => return Readiness::NotYet,
            Err(_) => return Readiness::Over,
            Ok(_) => {}
        }
        let [ends, input] = both.map(|each| each.revents());
        // Some systems cannot wait for a terminal. Then reading it waits, which is right only where the
        // user was asked for a line and nothing else can come.
        let is_blind = input.contains(PollFlags::NVAL);
        match () {
            () if !ends.is_empty() || is_blind && self.has_browser => Readiness::Over,
            () if !input.is_empty() => Readiness::Ready,
            () => Readiness::NotYet,
        }
    }

    fn is_over_after(&self, time: Option<Duration>) -> bool {
        let time = time.and_then(|time| Timespec::try_from(time).ok());
        let mut ends = [PollFd::new(&self.ends, PollFlags::IN)];
        poll(&mut ends, time.as_ref()).is_ok_and(|ready| ready > 0)
    }
}

/// Whether reading would not stop this process, as it does one in the background of a shell.
fn is_in_foreground(stdin: &std::io::Stdin) -> bool {
    !stdin.is_terminal()
        || rustix::termios::tcgetpgrp(stdin)
            .map_or(true, |group| group == rustix::process::getpgrp())
}

/// How soon a program that comes to the foreground takes a line.
const BACKGROUND: Duration = Duration::from_millis(500);
