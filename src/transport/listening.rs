//! After a pause, the runtime is made to hear what became of its connections.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwapOption;
use tokio::net::UdpSocket;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

/// When a runtime last sent a request, by both clocks: one of them stands still while a laptop
/// sleeps.
pub(super) struct Listening {
    start: Instant,
    monotonic: AtomicU64,
    wall: AtomicU64,
    /// Closed when the runtime has listened after the last pause. Every request that comes meanwhile
    /// waits for that, and not only the first, after whom nothing looks like a pause any more; they go
    /// on in the order in which they came.
    last: ArcSwapOption<Semaphore>,
}

/// The end of that, also where the runtime ends.
struct End(Arc<Semaphore>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Listening {
    pub(super) fn new() -> Self {
        Self {
            start: Instant::now(),
            monotonic: AtomicU64::new(0),
            wall: AtomicU64::new(wall_clock()),
            last: ArcSwapOption::empty(),
        }
    }

    /// After a pause, returns when the runtime has heard which connections were closed meanwhile.
    pub(super) async fn listen(&self) {
        if let Some(ends) = self.under_way() {
            // There never is a permit: the error is the end.
            let _ = ends.acquire().await;
        }
    }

    /// Notes that a request is sent. Returns whether the machine must have slept before.
    ///
    /// What many tasks send within a millisecond is one, so that they do not meet at what is
    /// written here.
    pub(super) fn note(&self) -> bool {
        let now = milliseconds(self.start.elapsed());
        let silent = now.saturating_sub(self.monotonic.load(Ordering::Relaxed));
        if silent == 0 {
            return false;
        }
        if Duration::from_millis(silent) > SHORT_SILENCE {
            // Before the others are told that a request was sent.
            self.begin();
        }
        self.monotonic.store(now, Ordering::Relaxed);
        let wall = wall_clock();
        let by_wall = wall.saturating_sub(self.wall.swap(wall, Ordering::Relaxed));
        Duration::from_millis(by_wall.saturating_sub(silent)) > LONGEST_SLEEP
    }

    fn under_way(&self) -> Option<Arc<Semaphore>> {
        let last = self.last.load();
        last.as_ref().filter(|ends| !ends.is_closed()).cloned()
    }

    /// In a task of its own: the runtime sees to that in any case, and has it run where the
    /// connections run. The future of `block_on` runs elsewhere, on a runtime with many threads.
    fn begin(&self) {
        let Ok(runtime) = Handle::try_current() else { return };
        let ends = Arc::new(Semaphore::new(0));
        self.last.store(Some(Arc::clone(&ends)));
        let end = End(ends);
        runtime.spawn(async move {
            hear().await;
            drop(end);
        });
    }
}

async fn hear() {
    // What the system says of a new socket, it says after what it has to say of the others. Where
    // there is none, a few turns are as good as it gets.
    if let Ok(socket) = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await {
        let _ = socket.writable().await;
    }
    // Then the tasks of the connections get their turn, and then the pool hears of it.
    for _ in 0..TURNS {
        tokio::task::yield_now().await;
    }
}

fn wall_clock() -> u64 {
    milliseconds(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// From when on the runtime is made to listen. In a busy program it does so by itself.
const SHORT_SILENCE: Duration = Duration::from_millis(50);
/// How much longer a pause may be by the wall clock before the machine must have slept; clocks are
/// set by less than that all the time.
const LONGEST_SLEEP: Duration = Duration::from_secs(10);
/// Once for the connection and once for the pool; as many to spare, for tasks that another thread
/// of the runtime takes.
const TURNS: usize = 4;
