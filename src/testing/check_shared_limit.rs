//! Whether the store of a limit that processes share keeps what [`SharedLimit`] promises.

mod closings;
mod error;
mod pace;
mod processes;
mod rates;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::middleware::{Granted, SharedLimit, Told};
use crate::sync::Mutex;

pub use error::{SharedLimitCheckError, SharedLimitPromise};

/// Runs the promises of [`SharedLimit`] against a store: for the tests of one that you write.
///
/// It stands for processes of apps of its own, whose names begin with `check-`, and makes a few
/// exchanges for clients without an app in which it tells nothing: a store that is in use otherwise
/// may be checked too. It needs a tokio runtime, and takes about ten seconds of its time, longer
/// where the store closes an app for longer than it was told.
///
/// What a store makes of its limit is its own, and is not checked: how it finds a rate when it
/// knows none, by how much it lowers one, and whether one grows again; what it makes of
/// `succeeded`, `is_open` and `others_wait`; whether shares are equal, urgent requests come first,
/// and starts are spread evenly within a second; how long it keeps what it knows, and what it does
/// when it was restarted.
///
/// # Errors
///
/// A [`SharedLimitCheckError`] with the first promise that is seen broken, how that was seen, and
/// what the store has to do.
///
/// ```
/// use spotify_web::testing::{FakeSharedLimit, check_shared_limit};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), spotify_web::testing::SharedLimitCheckError> {
/// # tokio::time::pause();
/// // In a `#[tokio::test]`, with your store:
/// check_shared_limit(FakeSharedLimit::new()).await?;
/// # Ok(())
/// # }
/// ```
pub async fn check_shared_limit(
    limit: impl SharedLimit + 'static,
) -> Result<(), SharedLimitCheckError> {
    let name = format!("check-{:016x}", fastrand::u64(..));
    let check = Check { limit: Arc::new(limit), name, slowest: Arc::default() };
    let checked = check.all().await;
    checked.map_err(|error| check.with_lateness(error))
}

/// A store under test.
#[derive(Clone)]
struct Check {
    limit: Arc<dyn SharedLimit>,
    /// Of this run alone.
    name: String,
    /// How long the slowest exchange took.
    slowest: Arc<Mutex<Duration>>,
}

type Checked<T = ()> = Result<T, SharedLimitCheckError>;

impl Check {
    /// What the rest relies on first, then all that waits at the same time.
    async fn all(&self) -> Checked {
        self.check_responses().await?;
        self.check_apps().await?;
        let mut checks = JoinSet::new();
        checks.spawn(closings::check(self.clone()));
        checks.spawn(rates::check(self.clone()));
        checks.spawn(pace::check(self.clone()));
        checks.spawn(processes::check(self.clone()));
        while let Some(ended) = checks.join_next().await {
            ended.map_err(|_| SharedLimitPromise::Responds.broken("the runtime ended"))??;
        }
        Ok(())
    }

    /// The store responds in time. Of several exchanges one at least does so on a busy machine.
    async fn check_responses(&self) -> Checked {
        let mut fastest = Duration::MAX;
        for _ in 0..5 {
            let began = Instant::now();
            self.exchange("new", told(ONE)).await?;
            fastest = fastest.min(began.elapsed());
        }
        let seen = format!("the fastest of five exchanges took {}", late(fastest));
        SharedLimitPromise::Responds.holds(fastest <= PATIENCE, seen)
    }

    /// What is told of one app says nothing about another, nor about clients without one.
    async fn check_apps(&self) -> Checked {
        let [other, none] = [self.exchange("other", told(ONE)).await?, self.none().await?];
        let first = Told { last_rate: Some(RATE), ..told(ONE) };
        let epoch = self.exchange("one", first).await?.epoch;
        self.exchange("one", refused(ONE, epoch, CLOSED_FOR)).await?;
        let promise = SharedLimitPromise::KeepsAppsApart;
        for (before, after) in
            [(other, self.exchange("other", told(ONE)).await?), (none, self.none().await?)]
        {
            let is_open = after.closed_for <= before.closed_for;
            promise.holds(is_open, "a 429 of one app closed another")?;
            let seen = format!("{} became the rate of another app too", shown(after.rate));
            promise.holds(is_about(after.rate, before.rate), seen)?;
        }
        Ok(())
    }

    /// Waits until an app is open, and returns its epoch then.
    async fn opened(&self, app: &str) -> Checked<u64> {
        let began = Instant::now();
        let mut granted = self.exchange(app, told(ONE)).await?;
        while !granted.closed_for.is_zero() && began.elapsed() < LONGEST_CLOSING {
            tokio::time::sleep(granted.closed_for.clamp(SHORT, CLOSED_FOR)).await;
            granted = self.exchange(app, told(ONE)).await?;
        }
        let closed_for = granted.closed_for;
        let seen = format!("{LONGEST_CLOSING:?} after a 429 it is closed for {closed_for:?} more");
        SharedLimitPromise::OpensAgain.holds(closed_for.is_zero(), seen)?;
        Ok(granted.epoch)
    }

    async fn exchange(&self, app: &str, told: Told) -> Checked<Granted> {
        self.exchange_for(Some(format!("{}-{app}", self.name)), told).await
    }

    /// For clients without an app.
    async fn none(&self) -> Checked<Granted> {
        let granted = self.exchange_for(None, told(ONE)).await;
        granted.map_err(|error| {
            let seen = format!("{} for clients without an app", error.seen);
            SharedLimitCheckError { seen, ..error }
        })
    }

    /// In a task of its own: one that hangs or panics is an error.
    async fn exchange_for(&self, app: Option<String>, told: Told) -> Checked<Granted> {
        let began = Instant::now();
        let limit = Arc::clone(&self.limit);
        let mut task = tokio::spawn(async move { limit.exchange(app.as_deref(), &told).await });
        let promise = SharedLimitPromise::Responds;
        let Ok(ended) = tokio::time::timeout(LONGEST, &mut task).await else {
            task.abort();
            return Err(promise.broken(format!("it did not end within {LONGEST:?}")));
        };
        let slowest = self.slowest.lock().max(began.elapsed());
        *self.slowest.lock() = slowest;
        let granted = ended.map_err(|_| promise.broken("it panicked"))?;
        let granted = granted.map_err(|error| promise.broken_by(error, "it failed"))?;
        check_granted(told, granted)?;
        Ok(granted)
    }

    /// An exchange that was late may be why something else was seen.
    fn with_lateness(&self, error: SharedLimitCheckError) -> SharedLimitCheckError {
        let slowest = *self.slowest.lock();
        if slowest <= PATIENCE || error.promise == SharedLimitPromise::Responds {
            return error;
        }
        let seen = format!("{} (an exchange took {})", error.seen, late(slowest));
        SharedLimitCheckError { seen, ..error }
    }
}

/// What holds for every response.
fn check_granted(told: Told, granted: Granted) -> Checked {
    let wanted = told.starts.max(u32::from(told.is_urgent));
    let seen = format!("{} starts were granted where {wanted} were wanted", granted.starts);
    SharedLimitPromise::GrantsWhatIsWanted.holds(granted.starts <= wanted, seen)?;
    let Some(rate) = granted.rate else { return Ok(()) };
    let seen = format!("the rate is {rate}");
    SharedLimitPromise::KeepsToTheRate.holds(rate.is_finite() && rate > 0.0, seen)?;
    let seen = "a process that takes part is told that there is none";
    SharedLimitPromise::CountsProcesses.holds(granted.active > 0, seen)
}

fn late(time: Duration) -> String {
    format!("{time:?}, and a limiter goes on alone after {PATIENCE:?}")
}

fn told(member: u64) -> Told {
    Told { member, ..Told::default() }
}

/// A 429 of a request that was sent in this epoch.
fn refused(member: u64, epoch: u64, refused_for: Duration) -> Told {
    Told { epoch, refused_for: Some(refused_for), refused_in: epoch, ..told(member) }
}

/// Whether a rate is what another is, but for what it may have grown.
fn is_about(rate: Option<f64>, other: Option<f64>) -> bool {
    match (rate, other) {
        (Some(rate), Some(other)) => (0.9..=1.1).contains(&(rate / other)),
        (rate, other) => rate.is_none() && other.is_none(),
    }
}

fn shown(rate: Option<f64>) -> String {
    rate.map_or_else(|| "no rate".to_owned(), |rate| format!("{rate:.1}/s"))
}

const ONE: u64 = 1;
const OTHER: u64 = 2;
const THIRD: u64 = 3;
/// The most frequent `Retry-After`, and what a limiter tells where there is none.
const CLOSED_FOR: Duration = Duration::from_secs(1);
/// A closing is no longer than a limiter's window, which is half a minute, and the way there.
const LONGEST_CLOSING: Duration = Duration::from_secs(35);
/// In requests a second.
const RATE: f64 = 10.0;
const SHORT: Duration = Duration::from_millis(50);
const NOT_CLOSED: &str = "a 429 did not close the app";
/// A store may count in whole milliseconds.
const MOMENT: Duration = Duration::from_millis(5);
/// For how long a limiter waits for a response.
const PATIENCE: Duration = Duration::from_millis(200);
/// Longer than that: a busy machine is not the store's fault.
const LONGEST: Duration = Duration::from_secs(10);
