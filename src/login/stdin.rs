//! Standard input, read only when there is something in it.

use std::io::{BufRead, ErrorKind, IsTerminal, PipeReader, stdin};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::pasting::LONGEST_LINE;

/// Lines of standard input until the other end of a pipe is closed.
///
/// Read by way of [`std::io::stdin`], whose buffer the whole process shares: what is read too much
/// is still there for the program.
pub(super) struct Stdin {
    has_browser: bool,
    /// What a URL of the user's begins with.
    origin: String,
    ends: PipeReader,
    /// There is more in the buffer than the last line.
    has_more: bool,
}

#[derive(PartialEq, Eq)]
enum Readiness {
    Ready,
    NotYet,
}

/// How much of a line was read.
enum Read {
    Part,
    Line,
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
            self.wait()?;
            match self.read_into(&mut line)? {
                Read::Part => {}
                Read::Line => return Some(String::from_utf8_lossy(&line).into_owned()),
            }
        }
    }

    /// Reads what is there, up to the end of the line; `None` at the end of the input.
    fn read_into(&mut self, line: &mut Vec<u8>) -> Option<Read> {
        let mut input = stdin().lock();
        // While this waited for the lock, the program may have read what was there.
        if !self.has_more && self.poll(Some(Duration::ZERO))? == Readiness::NotYet {
            return Some(Read::Part);
        }
        let there = match input.fill_buf() {
            Ok(there) => there,
            Err(error) if error.kind() == ErrorKind::Interrupted => return Some(Read::Part),
            Err(_) => return None,
        };
        if line.is_empty() && !self.is_users(there) {
            return None;
        }
        let end = memchr::memchr(b'\n', there).map(|end| end + 1);
        let (part, rest) = there.split_at_checked(end.unwrap_or(there.len()))?;
        let read = part.len();
        let is_end = part.is_empty();
        line.extend_from_slice(part);
        self.has_more = !rest.is_empty();
        input.consume(read);
        match end {
            None if is_end && line.is_empty() => None,
            None if !is_end && line.len() < LONGEST_LINE => Some(Read::Part),
            _ => Some(Read::Line),
        }
    }

    /// Whether a line is the user's, before it is read. Who pipes something into a program that
    /// opens a browser means it for the program.
    fn is_users(&self, start: &[u8]) -> bool {
        let origin = self.origin.as_bytes();
        let start = start.trim_ascii_start();
        !self.has_browser
            || stdin().is_terminal()
            || start.get(..origin.len()).is_some_and(|start| start.eq_ignore_ascii_case(origin))
    }

    /// Waits until there may be something to read; `None` when the reading has ended.
    fn wait(&self) -> Option<()> {
        // Who reads from a terminal that another program has in hand is stopped.
        while !is_in_foreground(&stdin()) {
            self.pause(BACKGROUND)?;
        }
        match self.has_more {
            true => self.pause(Duration::ZERO),
            false => self.poll(None).map(drop),
        }
    }

    /// Whether there is something to read, which is waited for; `None` when the reading has ended.
    fn poll(&self, limit: Option<Duration>) -> Option<Readiness> {
        let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
        let stdin = stdin();
        let mut both = [PollFd::new(&self.ends, PollFlags::IN), PollFd::new(&stdin, PollFlags::IN)];
        match poll(&mut both, limit.as_ref()) {
            Err(Errno::INTR) => return Some(Readiness::NotYet),
            Err(_) => return None,
            Ok(_) => {}
        }
        let [ends, input] = both.map(|each| each.revents());
        // Some systems cannot wait for a terminal. Then reading it waits, which is right only where
        // the user was asked for a line and nothing else can come.
        let is_over = !ends.is_empty() || input.contains(PollFlags::NVAL) && self.has_browser;
        let readiness = if input.is_empty() { Readiness::NotYet } else { Readiness::Ready };
        (!is_over).then_some(readiness)
    }

    /// Waits for this long; `None` when the reading has ended meanwhile.
    fn pause(&self, time: Duration) -> Option<()> {
        let time = Timespec::try_from(time).ok();
        let mut ends = [PollFd::new(&self.ends, PollFlags::IN)];
        poll(&mut ends, time.as_ref()).is_ok_and(|ready| ready == 0).then_some(())
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
