//! Which rate a store has: what is brought along, and what 429s leave of it.

use tokio::time::Instant;

use super::closings::check_closed;
use super::{
    CLOSED_FOR, Check, Checked, NOT_CLOSED, ONE, OTHER, RATE, SharedLimitPromise, is_about,
    refused, shown, told,
};
use crate::middleware::Told;

pub(super) async fn check(check: Check) -> Checked {
    check_too_fast(&check).await?;
    let rate = check_brought(&check).await?;
    check_closing(&check).await?;
    check_refusals(&check, rate).await
}

/// A rate that is none is not taken over.
async fn check_too_fast(check: &Check) -> Checked {
    let own = check.exchange("fast", told(ONE)).await?.rate;
    for fast in [20_000.0, f64::INFINITY] {
        let rate = check.exchange("fast", brought(ONE, fast)).await?.rate;
        let seen = format!("a process brought {fast}/s, and it is {} now", shown(rate));
        SharedLimitPromise::TakesOverTheRate.holds(is_about(rate, own), seen)?;
    }
    Ok(())
}

/// The first rate that is brought along is taken over if the store has none, and no other.
async fn check_brought(check: &Check) -> Checked<f64> {
    let own = check.exchange(APP, told(ONE)).await?.rate;
    let rate = check.exchange(APP, brought(ONE, RATE)).await?.rate;
    let promise = SharedLimitPromise::TakesOverTheRate;
    let seen = "there is no rate after a process has told the last one";
    let rate = rate.ok_or_else(|| promise.broken(seen))?;
    let is_taken_over = own.is_some() || (0.5 * RATE..=1.1 * RATE).contains(&rate);
    let seen = format!("a process brought {RATE:.1}/s, and it is {rate:.1}/s now");
    promise.holds(is_taken_over, seen)?;
    let before = own.or(Some(rate));
    for other in [RATE, RATE / 5.0, RATE * 5.0] {
        let now = check.exchange(APP, brought(OTHER, other)).await?.rate;
        let [was, is] = [before, now].map(shown);
        let seen = format!("{other:.1}/s was brought, and {was} became {is}");
        SharedLimitPromise::KeepsTheRate.holds(is_about(now, before), seen)?;
    }
    Ok(rate)
}

/// While it is closed, no start is granted for an earlier time, and what is refused late says
/// nothing about the rate.
async fn check_closing(check: &Check) -> Checked {
    let epoch = check.exchange(APP, told(ONE)).await?.epoch;
    let until = Instant::now() + CLOSED_FOR;
    let wants = Told { starts: 5, ..refused(ONE, epoch, CLOSED_FOR) };
    let closed = check.exchange(APP, wants).await?;
    check_closed(closed, until)?;
    for (starts, is_urgent) in [(5, false), (5, true), (0, true)] {
        let wants = Told { epoch: closed.epoch, starts, is_urgent, ..told(OTHER) };
        check_closed(check.exchange(APP, wants).await?, until)?;
    }
    for _ in 0..3 {
        let late = Told { epoch: closed.epoch, ..refused(OTHER, epoch, CLOSED_FOR / 2) };
        let after = check.exchange(APP, late).await?.rate;
        let seen = format!("the rate was {}, and is {}", shown(closed.rate), shown(after));
        SharedLimitPromise::TakesLateRefusals.holds(is_about(after, closed.rate), seen)?;
    }
    Ok(())
}

/// What is refused again and again is lowered in the end, though not forgotten.
async fn check_refusals(check: &Check, rate: f64) -> Checked {
    for _ in 0..MOST_REFUSALS {
        let epoch = check.opened(APP).await?;
        check.exchange(APP, Told { epoch, ..told(OTHER) }).await?;
        let refused = Told { others_wait: true, ..refused(ONE, epoch, CLOSED_FOR) };
        let is_closed = !check.exchange(APP, refused).await?.closed_for.is_zero();
        SharedLimitPromise::ClosesForAll.holds(is_closed, NOT_CLOSED)?;
        check.opened(APP).await?;
        if check_kept(check, rate).await? < 0.97 * rate {
            return Ok(());
        }
    }
    let seen = format!("after {MOST_REFUSALS} refusals in a row it is {rate:.1}/s as before");
    Err(SharedLimitPromise::LowersTheRate.broken(seen))
}

/// A rate outlives a closing, and is not raised by it. Two processes take part.
async fn check_kept(check: &Check, before: f64) -> Checked<f64> {
    let promise = SharedLimitPromise::KeepsTheRate;
    check.exchange(APP, told(OTHER)).await?;
    let after = check.exchange(APP, told(ONE)).await?.rate;
    let seen = format!("it was {before:.1}/s, and after a 429 it is {}", shown(after));
    let rate = after.ok_or_else(|| promise.broken(&seen))?;
    promise.holds(rate <= 1.1 * before, seen)?;
    Ok(rate)
}

fn brought(member: u64, rate: f64) -> Told {
    Told { last_rate: Some(rate), ..told(member) }
}

const APP: &str = "rate";
/// A store may wait for a while before it learns anything from refusals, as when it was restarted.
const MOST_REFUSALS: u32 = 10;
