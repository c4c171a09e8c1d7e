//! Time in the test's hand.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use spotify_web::auth::{Clock, Now};
use tokio::task::JoinHandle;

/// A pair of clocks that stand still until they are moved.
#[derive(Debug, Clone)]
pub(crate) struct ManualClock(Arc<Mutex<Now>>);

impl ManualClock {
    pub(crate) fn new() -> Self {
        let now = Now { monotonic: Instant::now(), wall: SystemTime::now() };
        Self(Arc::new(Mutex::new(now)))
    }

    /// Moves both clocks.
    pub(crate) fn advance(&self, seconds: f64) {
        let span = Duration::from_secs_f64(seconds);
        let mut now = self.0.lock().unwrap();
        now.monotonic += span;
        now.wall += span;
    }

    /// Moves the wall clock only, both ways.
    pub(crate) fn jump_wall(&self, seconds: i64) {
        let span = Duration::from_secs(seconds.unsigned_abs());
        let mut now = self.0.lock().unwrap();
        match seconds >= 0 {
            true => now.wall += span,
            false => now.wall -= span,
        }
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Now {
        *self.0.lock().unwrap()
    }
}

/// Tokio's clock, for what goes by the clock of the system.
#[derive(Debug)]
pub(crate) struct TokioClock {
    begin: tokio::time::Instant,
    wall: SystemTime,
}

impl TokioClock {
    pub(crate) fn new() -> Self {
        Self { begin: tokio::time::Instant::now(), wall: SystemTime::now() }
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Now {
        let now = tokio::time::Instant::now();
        Now { monotonic: now.into_std(), wall: self.wall + (now - self.begin) }
    }
}

/// Tokio's time stands still, also while a test waits for a socket.
///
/// Paused time jumps ahead whenever a runtime has nothing to do, and waiting for a response over
/// loopback looks like that. A blocking task that is still running keeps it from doing so.
pub(crate) struct PausedTime {
    begun: Instant,
    #[expect(dead_code, reason = "held")]
    runs: std::sync::mpsc::Sender<()>,
}

impl PausedTime {
    pub(crate) fn pause() -> Self {
        tokio::time::pause();
        let (runs, receiver) = std::sync::mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || receiver.recv());
        Self { begun: Instant::now(), runs }
    }

    /// Time passes while the process runs; to it, a leap is a standstill.
    pub(crate) async fn advance(&self, span: Duration) {
        let mut left = span;
        while !left.is_zero() {
            let step = left.min(Duration::from_millis(40));
            tokio::time::advance(step).await;
            left -= step;
        }
    }

    /// Lets everything happen that can happen without time.
    ///
    /// Other threads have the processor meanwhile. To sleep leaves it to them; to yield, a thousand
    /// times in a row, waits for a whole turn of each one that has much to do.
    pub(crate) async fn settle(&self) {
        assert!(self.begun.elapsed() < LONGEST, "it does not end, however much time passes");
        for _ in 0..30 {
            std::thread::sleep(Duration::from_micros(1));
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Moves on until a task has ended.
    pub(crate) async fn run<T>(&self, task: JoinHandle<T>) -> T {
        self.run_by(Duration::from_millis(100), task).await
    }

    /// The same in other steps.
    pub(crate) async fn run_by<T>(&self, step: Duration, task: JoinHandle<T>) -> T {
        while !task.is_finished() {
            self.settle().await;
            self.advance(step).await;
        }
        task.await.unwrap()
    }
}

/// By the system's clock.
const LONGEST: Duration = Duration::from_secs(900);
