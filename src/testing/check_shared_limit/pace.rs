//! What several processes are granted together under a rate.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{Check, Checked, ONE, OTHER, RATE, SHORT, SharedLimitPromise, THIRD, told};
use crate::middleware::Told;

/// Two processes that always have requests, and one whose requests are urgent.
pub(super) async fn check(check: Check) -> Checked {
    check.exchange(APP, Told { last_rate: Some(RATE), ..told(ONE) }).await?;
    let end = Instant::now() + WATCHED;
    let mut processes = JoinSet::new();
    for (member, starts) in [(ONE, 5), (OTHER, 20), (THIRD, 0)] {
        let wanted = Told { starts, is_urgent: starts == 0, others_wait: true, ..told(member) };
        processes.spawn(starts_until(check.clone(), wanted, end));
    }
    let mut all = Vec::new();
    while let Some(ended) = processes.join_next().await {
        all.push(ended.map_err(|_| SharedLimitPromise::Responds.broken("the runtime ended"))??);
    }
    check_sum(&all, end)
}

/// Counted from the first start, since a store may keep back those who bring it its rate.
fn check_sum(all: &[Starts], end: Instant) -> Checked {
    let first = all.iter().flat_map(|starts| &starts.times).min();
    let time = end.saturating_duration_since(first.copied().unwrap_or(end - WATCHED));
    let time = time.as_secs_f64();
    let starts = all.iter().map(|starts| starts.times.len()).sum::<usize>();
    let count = u32::try_from(starts).map_or(f64::INFINITY, f64::from);
    let slowest = all.iter().map(|starts| starts.slowest).fold(f64::INFINITY, f64::min);
    let fastest = all.iter().map(|starts| starts.fastest).fold(0.0, f64::max);

    let seen = format!("{starts} starts were granted where {:.0} are the rate", time * fastest);
    let most = fastest * (1.1 * time + AT_ONCE) + SLACK;
    SharedLimitPromise::KeepsToTheRate.holds(count <= most, seen)?;
    let promise = SharedLimitPromise::GrantsStarts;
    let seen = format!("{starts} starts were granted where {:.0} are the rate", time * slowest);
    promise.holds(count >= 0.5 * time * slowest - 1.0, seen)?;
    let is_left_out = |starts: &Starts| !starts.is_urgent && starts.times.is_empty();
    let seen = format!("one process was granted none of {starts} starts in {WATCHED:?}");
    promise.holds(!all.iter().any(is_left_out), seen)
}

/// What one process was granted.
#[derive(Debug)]
struct Starts {
    is_urgent: bool,
    times: Vec<Instant>,
    /// The rates that it was told.
    slowest: f64,
    fastest: f64,
}

/// What a process is granted that always has requests.
async fn starts_until(check: Check, wanted: Told, end: Instant) -> Checked<Starts> {
    let is_urgent = wanted.starts == 0;
    let mut all = Starts { is_urgent, times: Vec::new(), slowest: f64::INFINITY, fastest: 0.0 };
    while Instant::now() < end {
        let granted = check.exchange(APP, wanted).await?;
        let now = Instant::now();
        all.slowest = all.slowest.min(granted.rate.unwrap_or(f64::INFINITY));
        all.fastest = all.fastest.max(granted.rate.unwrap_or_default());
        let granted_in = (0..granted.starts)
            .map(|start| granted.first_in.saturating_add(granted.step.saturating_mul(start)));
        let last = granted_in.clone().next_back().unwrap_or(granted.come_back_in);
        // Those that are later are not used here.
        let left = end.saturating_duration_since(now);
        all.times.extend(granted_in.filter(|time| *time < left).map(|time| now + time));
        tokio::time::sleep(last.clamp(SHORT, WATCHED)).await;
    }
    Ok(all)
}

const APP: &str = "paced";
const WATCHED: Duration = Duration::from_secs(8);
/// A store may save up starts that nobody wanted for this number of seconds, or grant them in
/// rounds.
const AT_ONCE: f64 = 1.0;
/// Starts beyond the rate that are no fault: a store may let what is late catch up.
const SLACK: f64 = 4.0;
