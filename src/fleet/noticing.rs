//! What one caller does for all who need it on a connection at the same time.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::sync::Mutex;

/// What is done once for each connection.
#[derive(Default)]
pub(super) struct Noticing(Mutex<State>);

#[derive(Default)]
struct State {
    /// The number of the last connection for which it was done.
    done: u64,
    under_way: Option<UnderWay>,
}

#[derive(Clone)]
struct UnderWay {
    connection: u64,
    began: Instant,
    /// Whether it was done. Closed before that, nobody does it any more.
    ended: watch::Receiver<Option<bool>>,
}

impl UnderWay {
    /// One that takes longer than it may is of a runtime that nobody drives.
    fn is_for(&self, connection: u64) -> bool {
        let is_open = self.ended.has_changed().is_ok() && self.ended.borrow().is_none();
        self.connection == connection && is_open && Instant::now() < self.due()
    }

    fn due(&self) -> Instant {
        self.began + LONGEST
    }
}

enum Part {
    /// There is nothing to be done.
    Done,
    Own(watch::Sender<Option<bool>>),
    Others(UnderWay),
}

impl Noticing {
    /// Has one caller do it, which is what `doing` says; the others wait for that. Where it fails, or its
    /// caller is gone, the next one does it, and nobody tries for longer than a few times.
    pub(super) async fn once(&self, connection: u64, doing: impl Future<Output = bool>) {
        let mut failures = 0;
        while failures < MOST_FAILURES {
            match self.part(connection) {
                Part::Done => return,
                Part::Own(ended) => {
                    let is_done = doing.await;
                    if is_done {
                        let state = &mut *self.0.lock();
                        state.done = state.done.max(connection);
                    }
                    ended.send_replace(Some(is_done));
                    return;
                }
                Part::Others(mut under_way) => {
                    let due = under_way.due();
                    let ended = under_way.ended.wait_for(Option::is_some);
                    // Else its caller is gone, or does not go on.
                    if let Ok(Ok(is_done)) = timeout_at(due, ended).await {
                        failures += u32::from(*is_done == Some(false));
                    }
                }
            }
        }
    }

    fn part(&self, connection: u64) -> Part {
        let state = &mut *self.0.lock();
        if state.done >= connection {
            return Part::Done;
        }
        if let Some(under_way) = state.under_way.as_ref().filter(|it| it.is_for(connection)) {
            return Part::Others(under_way.clone());
        }
        let (sender, ended) = watch::channel(None);
        state.under_way = Some(UnderWay { connection, began: Instant::now(), ended });
        Part::Own(sender)
    }
}

/// Longer than a few calls take.
const LONGEST: Duration = Duration::from_secs(2);

/// Of others, for which one waits.
const MOST_FAILURES: u32 = 2;

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that fails is a test that panics")]
mod tests {
    use std::future::{pending, ready};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::task::JoinSet;
    use tokio::time::sleep;

    use super::*;

    /// Callers who begin at the same time, of whom each takes 100 ms where it is the one.
    struct Callers {
        noticing: Arc<Noticing>,
        calls: Arc<AtomicU32>,
        all: JoinSet<()>,
    }

    impl Callers {
        fn new() -> Self {
            let (noticing, calls) = (Arc::default(), Arc::default());
            Self { noticing, calls, all: JoinSet::new() }
        }

        fn call(&mut self, count: u32, connection: u64, is_done: fn(u32) -> bool) {
            for _ in 0..count {
                let (noticing, calls) = (Arc::clone(&self.noticing), Arc::clone(&self.calls));
                self.all.spawn(async move {
                    let doing = async {
                        let number = calls.fetch_add(1, Ordering::Relaxed) + 1;
                        sleep(Duration::from_millis(100)).await;
                        is_done(number)
                    };
                    noticing.once(connection, doing).await;
                });
            }
        }

        /// How often it was done, or tried.
        async fn calls(&mut self) -> u32 {
            while let Some(ended) = self.all.join_next().await {
                ended.unwrap();
            }
            self.calls.load(Ordering::Relaxed)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_does_it_for_all_once_for_each_connection() {
        let mut callers = Callers::new();
        for connection in [1, 2] {
            for _ in 0..2 {
                callers.call(100, connection, |_| true);
                assert_eq!(u64::from(callers.calls().await), connection);
            }
        }
        // Of a caller that came too late.
        callers.call(1, 1, |_| true);
        assert_eq!(callers.calls().await, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn where_it_fails_the_next_one_does_it() {
        let mut callers = Callers::new();
        callers.call(100, 1, |number| number == 2);
        assert_eq!(callers.calls().await, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_long_where_it_always_fails() {
        let (mut callers, began) = (Callers::new(), Instant::now());
        callers.call(100, 1, |_| false);
        let calls = callers.calls().await;
        assert!(calls <= MOST_FAILURES + 1, "{calls}");
        assert!(began.elapsed() < Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_given_up_is_no_trouble_of_others() {
        let mut callers = Callers::new();
        let noticing = Arc::clone(&callers.noticing);
        let one = tokio::spawn(async move { noticing.once(1, pending()).await });
        tokio::task::yield_now().await;
        callers.call(100, 1, |_| true);
        tokio::task::yield_now().await;
        let began = Instant::now();

        one.abort();

        assert_eq!(callers.calls().await, 1);
        assert!(began.elapsed() < LONGEST);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_does_not_go_on_is_waited_for_once() {
        let mut callers = Callers::new();
        let noticing = Arc::clone(&callers.noticing);
        let mut stuck = Box::pin(noticing.once(1, pending()));
        tokio::select! {
            biased;
            () = &mut stuck => {}
            () = ready(()) => {}
        }
        let began = Instant::now();

        callers.call(100, 1, |_| true);

        assert_eq!(callers.calls().await, 1);
        assert!(began.elapsed() <= LONGEST * 2);
    }
}
