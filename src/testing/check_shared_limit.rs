//! Whether the store of a limit that processes share keeps what [`SharedLimit`] promises.

mod error;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::middleware::{Granted, SharedLimit, Told};

pub use error::{SharedLimitCheckError, SharedLimitPromise};

/// Runs every promise of [`SharedLimit`] against a store: for the tests of one that you write.
///
/// It stands for two processes of apps of its own, whose names begin with `check-`, so that a store
/// that is in use otherwise may be checked too. It needs a tokio runtime, and takes about seven
/// seconds of its time.
///
/// # Errors
///
/// A [`SharedLimitCheckError`] with the first promise that is broken, and how that was seen.
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
    let check = Check { limit: Arc::new(limit), name };
    let epoch = check.check_closing().await?;
    check.check_opening(epoch).await?;
    check.check_pace().await
}

/// A store under test.
#[derive(Clone)]
struct Check {
    limit: Arc<dyn SharedLimit>,
    /// Of this run alone.
    name: String,
}

type Checked<T = ()> = Result<T, SharedLimitCheckError>;

/// What two processes were granted together.
#[derive(Debug, Default)]
struct Sum {
    starts: u32,
    rate: f64,
    active: u32,
}

impl Check {
    /// A 429 of one process closes the app for the other, and no other app. Returns the epoch of
    /// the closing.
    async fn check_closing(&self) -> Checked<u64> {
        let before = self.exchange("closed", told(ONE)).await?.epoch;
        self.exchange("closed", told(OTHER)).await?;
        let refused_for = Some(CLOSED_FOR);
        let refusal = Told { epoch: before, refused_for, refused_in: before, ..told(ONE) };
        let one = self.exchange("closed", refusal).await?;
        let promise = SharedLimitPromise::ClosesForAll;
        promise.holds(!one.closed_for.is_zero(), "a 429 did not close the app")?;
        promise
            .holds(one.epoch != before, "the closing has the epoch of what was sent before it")?;
        let other = self.exchange("closed", Told { epoch: before, ..told(OTHER) }).await?;
        let is_told = !other.closed_for.is_zero() && other.epoch == one.epoch;
        promise.holds(is_told, "the other process was not told of it")?;
        let apart = self.exchange("open", told(ONE)).await?;
        let seen = "a 429 of one app closed another";
        SharedLimitPromise::KeepsAppsApart.holds(apart.closed_for.is_zero(), seen)?;
        Ok(one.epoch)
    }

    /// A closing ends by itself, though a refusal that was sent before it comes late.
    async fn check_opening(&self, epoch: u64) -> Checked {
        let refused_for = Some(CLOSED_FOR / 2);
        let late = Told { epoch, refused_for, refused_in: epoch.wrapping_sub(1), ..told(OTHER) };
        let began = Instant::now();
        let mut closed_for = self.exchange("closed", late).await?.closed_for;
        while !closed_for.is_zero() && began.elapsed() < 2 * CLOSED_FOR {
            tokio::time::sleep(closed_for.clamp(SHORT, CLOSED_FOR)).await;
            closed_for = self.exchange("closed", told(ONE)).await?.closed_for;
        }
        let seen =
            format!("after a 429 of {CLOSED_FOR:?} the app is closed for {closed_for:?} more");
        SharedLimitPromise::OpensAgain.holds(closed_for.is_zero(), seen)
    }

    /// A store that has no rate takes over the one that a process tells, and both keep to it
    /// together.
    async fn check_pace(&self) -> Checked {
        let first = Told { last_rate: Some(RATE), ..told(ONE) };
        let rate = self.exchange("paced", first).await?.rate;
        let seen = "there is no rate after a process has told the last one";
        SharedLimitPromise::TakesOverTheRate.holds(rate.is_some(), seen)?;
        self.exchange("paced", Told { last_rate: Some(RATE), ..told(OTHER) }).await?;
        // A store may keep back those who bring it its rate again.
        tokio::time::sleep(WATCHED).await;
        let check = self.clone();
        let other = tokio::spawn(async move { check.starts(OTHER).await });
        let one = self.starts(ONE).await?;
        let other =
            other.await.map_err(|_| SharedLimitPromise::Responds.broken("it panicked"))??;
        let starts = one.starts + other.starts;
        let expected = one.rate.max(other.rate) * WATCHED.as_secs_f64();
        let seen =
            format!("two processes were granted {starts} starts where {expected:.0} are the rate");
        SharedLimitPromise::KeepsToTheRate
            .holds(f64::from(starts) <= 1.5 * expected + SLACK, seen)?;
        let seen = format!("{starts} starts were granted where {expected:.0} are the rate");
        SharedLimitPromise::GrantsStarts.holds(f64::from(starts) >= expected / 4.0 - 1.0, seen)?;
        let seen = "two processes are told that there is one";
        SharedLimitPromise::CountsProcesses.holds(one.active.max(other.active) >= 2, seen)
    }

    /// What a process is granted that always has requests.
    async fn starts(&self, member: u64) -> Checked<Sum> {
        let end = Instant::now() + WATCHED;
        let mut sum = Sum::default();
        while Instant::now() < end {
            let wanted = Told { starts: 5, others_wait: true, ..told(member) };
            let granted = self.exchange("paced", wanted).await?;
            sum.rate = sum.rate.max(granted.rate.unwrap_or_default());
            sum.active = sum.active.max(granted.active);
            let left = end.saturating_duration_since(Instant::now());
            let times = (0..granted.starts).map(|start| granted.first_in + granted.step * start);
            // Those that are later are not used here.
            sum.starts += u32::try_from(times.filter(|time| *time < left).count()).unwrap_or(0);
            let last = granted.first_in + granted.step * granted.starts.saturating_sub(1);
            let pause = if granted.starts > 0 { last } else { granted.come_back_in };
            tokio::time::sleep(pause.clamp(SHORT, WATCHED)).await;
        }
        Ok(sum)
    }

    /// In a task of its own: one that hangs or panics is an error.
    async fn exchange(&self, app: &str, told: Told) -> Checked<Granted> {
        let limit = Arc::clone(&self.limit);
        let app = format!("{}-{app}", self.name);
        let mut task = tokio::spawn(async move { limit.exchange(Some(&app), &told).await });
        let promise = SharedLimitPromise::Responds;
        let Ok(ended) = tokio::time::timeout(LONGEST, &mut task).await else {
            task.abort();
            return Err(promise.broken(format!("it did not end within {LONGEST:?}")));
        };
        let granted = ended.map_err(|_| promise.broken("it panicked"))?;
        let granted = granted.map_err(|error| promise.broken_by(error, "it failed"))?;
        check_granted(told, granted)?;
        Ok(granted)
    }
}

/// What holds for every response.
fn check_granted(told: Told, granted: Granted) -> Checked {
    let seen = format!("{} starts were granted where {} were wanted", granted.starts, told.starts);
    SharedLimitPromise::GrantsWhatIsWanted.holds(granted.starts <= told.starts, seen)?;
    let Some(rate) = granted.rate else { return Ok(()) };
    let seen = format!("the rate is {rate}");
    SharedLimitPromise::KeepsToTheRate.holds(rate.is_finite() && rate > 0.0, seen)?;
    let seen = "a process that takes part is told that there is none";
    SharedLimitPromise::CountsProcesses.holds(granted.active > 0, seen)
}

fn told(member: u64) -> Told {
    Told { member, ..Told::default() }
}

const ONE: u64 = 1;
const OTHER: u64 = 2;
const CLOSED_FOR: Duration = Duration::from_secs(2);
/// In requests a second.
const RATE: f64 = 20.0;
const WATCHED: Duration = Duration::from_secs(2);
/// Starts beyond the rate that are no fault: a store may let what is late catch up.
const SLACK: f64 = 4.0;
const SHORT: Duration = Duration::from_millis(50);
/// Longer than a limiter waits, which is 200 ms: a busy machine is not the store's fault.
const LONGEST: Duration = Duration::from_secs(10);
