//! When a time limit has passed.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use tokio::task::yield_now;
use tokio::time::{Instant, timeout_at};

/// A limit for a step, a request or a wait; the one place that decides that it has passed.
///
/// A process that is stopped, or whose machine is moved, finds its limits over when it goes on,
/// while what it waited for lies in the buffer of a socket. From the end of a limit alone that
/// cannot be told from a limit that has passed while the process ran. So the last of it is counted
/// from the moment at which the process is seen to run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TimeLimit {
    end: Instant,
    stretch: Stretch,
    last: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stretch {
    /// Until as long before the end as the last one takes.
    First,
    Last,
    /// A second last one, since the process stood still in the first.
    Extra,
}

impl TimeLimit {
    pub(crate) fn after(limit: Duration) -> Self {
        let now = Instant::now();
        let end = now.checked_add(limit).unwrap_or(now + LONGEST);
        Self { end, stretch: Stretch::First, last: LAST.min(limit / 2) }
    }

    /// When to ask whether it has passed; it may have to be asked again after that.
    pub(crate) fn due(&self) -> Instant {
        match self.stretch {
            Stretch::First => self.end - self.last,
            Stretch::Last | Stretch::Extra => self.end,
        }
    }

    pub(crate) fn has_passed(&mut self) -> bool {
        let now = Instant::now();
        let Some(late) = now.checked_duration_since(self.due()) else { return false };
        let next = match self.stretch {
            Stretch::First => Stretch::Last,
            // A moment more costs little where the runtime was only busy.
            Stretch::Last if late > PUNCTUAL => Stretch::Extra,
            Stretch::Last | Stretch::Extra => return true,
        };
        let end = match next {
            Stretch::Last if late <= LATEST => self.end,
            _ => now + self.last,
        };
        *self = Self { end, stretch: next, last: self.last };
        false
    }

    /// What `work` comes to, or `None` when the limit has passed.
    pub(crate) async fn run<F: Future>(mut self, work: F) -> Option<F::Output> {
        let mut work = pin!(work);
        loop {
            if let Ok(output) = timeout_at(self.due(), work.as_mut()).await {
                return Some(output);
            }
            if self.has_passed() {
                return has_come(work).await;
            }
        }
    }
}

/// What `work` comes to by what has come already: a socket may have to be read, and tasks to hand
/// on what was in it, that had no turn since the process stood still.
async fn has_come<F: Future>(mut work: Pin<&mut F>) -> Option<F::Output> {
    let began = Instant::now();
    for turn in 0..TURNS {
        // Where each turn takes long, the runtime is busy: it has not stood still.
        if turn >= FEWEST_TURNS && began.elapsed() >= PUNCTUAL {
            break;
        }
        yield_now().await;
        let polled = poll_fn(|context| Poll::Ready(work.as_mut().poll(context))).await;
        if let Poll::Ready(output) = polled {
            return Some(output);
        }
    }
    None
}

/// More than the tasks through which a response comes.
const TURNS: usize = 32;

/// To read the socket, to hand on what was in it, and to take that.
const FEWEST_TURNS: usize = 3;

/// With what a busy runtime is late by, enough to read what has come, and to save it.
const LAST: Duration = Duration::from_secs(2);

/// How late a timer is in a program with much to do.
const PUNCTUAL: Duration = Duration::from_millis(200);

/// How late a busy runtime notices a limit.
const LATEST: Duration = Duration::from_secs(1);

/// A limit that no clock can express is as long as this.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use tokio::sync::oneshot;
    use tokio::time::{advance, sleep};

    use super::*;

    /// The process stood still for a moment around the limit; what came meanwhile is yet to be
    /// handed on by tasks, as those of a connection do.
    #[tokio::test(start_paused = true)]
    async fn what_has_come_by_the_limit_is_taken_although_its_tasks_have_not_run() {
        for tasks in 0..5 {
            for after in [0, 50, 150, 199] {
                let limit = Duration::from_secs(6);
                let began = Instant::now();
                let waiting = tokio::spawn(TimeLimit::after(limit).run(handed_on_by(tasks)));
                sleep(limit - Duration::from_millis(100)).await;

                advance(Duration::from_millis(100 + after)).await;

                assert_eq!(waiting.await.unwrap(), Some("response"), "{tasks} tasks, {after} ms");
                assert_eq!(began.elapsed(), limit + Duration::from_millis(after));
            }
        }
    }

    /// And what never comes takes no longer.
    #[tokio::test(start_paused = true)]
    async fn a_limit_passes_at_its_time() {
        let limit = Duration::from_secs(6);
        let began = Instant::now();

        assert_eq!(TimeLimit::after(limit).run(std::future::pending::<()>()).await, None);

        assert_eq!(began.elapsed(), limit);
    }

    /// Nor much longer on a runtime that takes long for each turn.
    #[tokio::test(start_paused = true)]
    async fn a_limit_passes_soon_after_its_time_on_a_busy_runtime() {
        for turn in [5, 60, 150] {
            let busy = tokio::spawn(async move {
                loop {
                    advance(Duration::from_millis(turn)).await;
                }
            });
            let limit = Duration::from_millis(500);
            let began = Instant::now();

            assert_eq!(TimeLimit::after(limit).run(std::future::pending::<()>()).await, None);

            let late = began.elapsed() - limit;
            assert!(late <= Duration::from_millis(200 + 5 * turn), "{turn} ms: {late:?}");
            busy.abort();
        }
    }

    async fn handed_on_by(tasks: usize) -> &'static str {
        let (sends, mut comes) = oneshot::channel();
        tokio::spawn(async {
            sleep(Duration::from_millis(5950)).await;
            sends.send("response").ok();
        });
        for _ in 0..tasks {
            let (sends, next) = oneshot::channel();
            let before = std::mem::replace(&mut comes, next);
            tokio::spawn(async { sends.send(before.await.unwrap()).ok() });
        }
        comes.await.unwrap()
    }
}
