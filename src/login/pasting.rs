//! Reading what the user pastes, and no line more.
//!
//! One line at a time, and the next only after that one turned out to be wrong: what follows the
//! right one is the program's. From standard input, nothing is read before it is there, so that no
//! thread waits in a read when the browser has come back first.

use std::io::BufRead;
use std::thread;

use tokio::sync::{mpsc, oneshot};

use super::Return;

/// Reads until this is dropped.
pub(super) struct Pasting {
    #[cfg(unix)]
    _wakes: Option<std::io::PipeWriter>,
}

impl Pasting {
    /// Reads from what the program gave for it. A read that has begun cannot be ended: the thread
    /// stays until the next line or the end of the program.
    pub(super) fn from_input(
        input: Box<dyn BufRead + Send>,
        returns: mpsc::UnboundedSender<Return>,
    ) -> Self {
        let mut input = input;
        read(returns, move || blocking_line(&mut input));
        Self {
            #[cfg(unix)]
            _wakes: None,
        }
    }

    /// Reads from standard input. Where a browser may have been opened, so that nothing may be
    /// pasted at all, only a line that is the user's: one of a terminal, or one that begins with
    /// `origin`.
    #[cfg(unix)]
    pub(super) fn from_stdin(
        has_browser: bool,
        origin: String,
        returns: mpsc::UnboundedSender<Return>,
    ) -> Self {
        // Without a pipe there is no way to end the reading, so that it does not begin.
        let Ok((ends, wakes)) = std::io::pipe() else { return Self { _wakes: None } };
        let mut lines = super::stdin::Stdin::new(has_browser, origin, ends);
        read(returns, move || lines.next_line());
        Self { _wakes: Some(wakes) }
    }

    /// Reads from standard input, where there is no browser: this system does not tell whether
    /// there is a line, and waiting for one would take it from the program.
    #[cfg(not(unix))]
    pub(super) fn from_stdin(
        has_browser: bool,
        _: String,
        returns: mpsc::UnboundedSender<Return>,
    ) -> Self {
        if !has_browser {
            read(returns, || blocking_line(&mut std::io::stdin().lock()));
        }
        Self {}
    }
}

/// A line, or `None` at the end of the input. Never longer than anything that can be pasted.
fn blocking_line(input: &mut dyn BufRead) -> Option<String> {
    let mut line = Vec::new();
    let mut input = std::io::Read::take(input, LONGEST_LINE as u64);
    let read = input.read_until(b'\n', &mut line);
    read.is_ok_and(|read| read > 0).then(|| String::from_utf8_lossy(&line).into_owned())
}

/// In a thread, since reading blocks.
fn read(
    returns: mpsc::UnboundedSender<Return>,
    next_line: impl FnMut() -> Option<String> + Send + 'static,
) {
    let read = move || {
        for line in std::iter::from_fn(next_line).take(MOST_LINES) {
            if line.trim().is_empty() {
                continue;
            }
            let (was_wrong, verdict) = oneshot::channel();
            let sent = returns.send(Return::Pasted { line, was_wrong });
            if sent.is_err() || verdict.blocking_recv().is_err() {
                return;
            }
        }
    };
    // Without a thread nothing can be pasted, but the browser still comes back.
    let _ = thread::Builder::new().spawn(read);
}

/// More lines than a user pastes by mistake; a file may have more.
const MOST_LINES: usize = 100;
pub(super) const LONGEST_LINE: usize = 64 * 1024;
