//! How many processes a store says that take part.

use std::time::Duration;

use tokio::time::Instant;

use super::{Check, Checked, ONE, OTHER, RATE, SharedLimitPromise, told};
use crate::middleware::Told;

pub(super) async fn check(check: Check) -> Checked {
    check.exchange(APP, Told { last_rate: Some(RATE), ..told(ONE) }).await?;
    for _ in 0..3 {
        let seen = "one process is told that there are";
        holds(1, check.exchange(APP, told(ONE)).await?.active, seen)?;
    }
    let came = Instant::now();
    let seen = "two processes are told that there are";
    holds(2, check.exchange(APP, told(OTHER)).await?.active, seen)?;
    holds(2, check.exchange(APP, told(ONE)).await?.active, seen)?;
    check_pause(&check, came).await?;
    check_end(&check).await
}

/// While no limit is known a process has an exchange a second.
async fn check_pause(check: &Check, came: Instant) -> Checked {
    tokio::time::sleep(BETWEEN_EXCHANGES).await;
    let active = check.exchange(APP, told(ONE)).await?.active;
    // On a machine that is busy enough the other has been gone for long.
    if came.elapsed() > BETWEEN_EXCHANGES.mul_f64(1.5) {
        return Ok(());
    }
    let seen = "of two processes, one of which paused for a second, the other is told that there \
                are";
    holds(2, active, seen)
}

/// A process that has gone counts no longer.
async fn check_end(check: &Check) -> Checked {
    let went = Instant::now();
    let mut active = 2;
    while active != 1 && went.elapsed() < LONGEST_COUNTED {
        tokio::time::sleep(BETWEEN_EXCHANGES / 2).await;
        active = check.exchange(APP, told(ONE)).await?.active;
    }
    let seen =
        format!("{LONGEST_COUNTED:?} after the other has gone, a process is told that there are");
    holds(1, active, &seen)
}

fn holds(expected: u32, active: u32, seen: &str) -> Checked {
    let seen = format!("{seen} {active}");
    SharedLimitPromise::CountsProcesses.holds(active == expected, seen)
}

const APP: &str = "counted";
const BETWEEN_EXCHANGES: Duration = Duration::from_secs(1);
/// A limiter's window.
const LONGEST_COUNTED: Duration = Duration::from_secs(30);
