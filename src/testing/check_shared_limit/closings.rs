//! What a 429 closes, for whom, and for how long.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    CLOSED_FOR, Check, Checked, LONGEST_CLOSING, MOMENT, NOT_CLOSED, ONE, OTHER,
    SharedLimitPromise, refused, told,
};
use crate::middleware::{Granted, Told};

pub(super) async fn check(check: Check) -> Checked {
    let before = check.exchange(APP, told(ONE)).await?.epoch;
    check.exchange(APP, told(OTHER)).await?;
    let closing = check_closing(&check, before).await?;
    check_late(&check, closing, before).await?;
    let opened = check.opened(APP).await?;
    let again = check_closing(&check, opened).await?;
    let is_new = again.epoch != before && again.epoch != closing.epoch;
    SharedLimitPromise::ClosesForAll.holds(is_new, OLD_EPOCH)?;
    check_bans(&check).await
}

/// A 429 of one process closes the app for the other as well, until `Retry-After` is over.
async fn check_closing(check: &Check, before: u64) -> Checked<Closing> {
    let until = Instant::now() + CLOSED_FOR;
    let one = check.exchange(APP, refused(ONE, before, CLOSED_FOR)).await?;
    let promise = SharedLimitPromise::ClosesForAll;
    promise.holds(!one.closed_for.is_zero(), NOT_CLOSED)?;
    promise.holds(one.epoch != before, OLD_EPOCH)?;
    check_closed(one, until)?;
    let ends = Instant::now() + one.closed_for.min(LONGEST_CLOSING);
    let other = check.exchange(APP, Told { epoch: before, ..told(OTHER) }).await?;
    // On a machine that is busy enough the closing is over by now.
    let is_closed = !other.closed_for.is_zero() || Instant::now() >= until;
    let is_told = is_closed && other.epoch == one.epoch;
    promise.holds(is_told, "the other process was not told of it")?;
    check_closed(other, until)?;
    Ok(Closing { epoch: one.epoch, ends })
}

/// What was refused in an earlier epoch extends the closing, where it asks for longer.
async fn check_late(check: &Check, closing: Closing, before: u64) -> Checked {
    let late = |refused_for| Told { epoch: closing.epoch, ..refused(OTHER, before, refused_for) };
    let promise = SharedLimitPromise::TakesLateRefusals;
    let asked = Instant::now();
    let shorter = check.exchange(APP, late(CLOSED_FOR / 2)).await?;
    let ends = asked + shorter.closed_for.min(LONGEST_CLOSING);
    let longer = ends.saturating_duration_since(closing.ends);
    let seen = format!("one of {:?} made the closing {longer:?} longer", CLOSED_FOR / 2);
    promise.holds(longer <= CLOSED_FOR / 2, seen)?;
    let is_same = shorter.epoch == closing.epoch || !longer.is_zero();
    promise.holds(is_same, "one that closes it for no longer began an epoch")?;

    let until = Instant::now() + 2 * CLOSED_FOR;
    check.exchange(APP, late(2 * CLOSED_FOR)).await?;
    for member in [ONE, OTHER] {
        let closed_for = check.exchange(APP, told(member)).await?.closed_for;
        let left = until.saturating_duration_since(Instant::now());
        let is_extended = closed_for.saturating_add(MOMENT) >= left;
        let asked = 2 * CLOSED_FOR;
        let seen = format!("after one of {asked:?} the app is closed for {closed_for:?}");
        promise.holds(is_extended, seen)?;
    }
    tokio::time::sleep(CLOSED_FOR / 2).await;
    check_closed(check.exchange(APP, told(ONE)).await?, until)
}

/// However long `Retry-After` is.
async fn check_bans(check: &Check) -> Checked {
    for ban in [Duration::from_secs(80_000), Duration::MAX] {
        let app = format!("ban-{}", ban.as_secs());
        let epoch = check.exchange(&app, told(ONE)).await?.epoch;
        let granted = check.exchange(&app, refused(ONE, epoch, ban)).await?;
        let seen = format!("{NOT_CLOSED}: one of {ban:?}");
        SharedLimitPromise::ClosesForAll.holds(!granted.closed_for.is_zero(), seen)?;
    }
    Ok(())
}

/// Nobody may start before a time.
pub(super) fn check_closed(granted: Granted, until: Instant) -> Checked {
    let now = Instant::now();
    let closed_for = granted.closed_for;
    let left = until.saturating_duration_since(now);
    let promise = SharedLimitPromise::StaysClosed;
    let seen = format!("it is closed for {closed_for:?} where {left:?} are left");
    promise.holds(closed_for.saturating_add(MOMENT) >= left, seen)?;
    let first_in = granted.first_in;
    let is_later = granted.starts == 0 || first_in.saturating_add(MOMENT) >= left;
    let seen = format!("a start was granted in {first_in:?} where {left:?} are left");
    promise.holds(is_later, seen)
}

/// What a 429 has begun.
#[derive(Debug, Clone, Copy)]
struct Closing {
    epoch: u64,
    /// At the latest.
    ends: Instant,
}

const APP: &str = "closed";
const OLD_EPOCH: &str = "the closing has the epoch of what was sent before it";
