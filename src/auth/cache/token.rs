//! A token as the cache keeps it.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use reqwest::header::HeaderValue;

use super::Now;
use super::policy::Policy;
use crate::auth::AuthError;
use crate::oauth::{AccessToken, Token};

/// A token with the header that it makes and the times at which it changes.
///
/// One value, so that header and times always belong together.
#[derive(Debug)]
pub(super) struct CachedToken {
    /// The same header, in the same memory, but each with a count of its clones of its own: that is
    /// what threads would otherwise fight over.
    headers: [HeaderValue; STRIPES],
    refresh_from: Moment,
    expiry: Moment,
    /// Whether the server has accepted it, and whether a request with it got a 401.
    accepted: AtomicBool,
    rejected: AtomicBool,
    /// Rejections since it was last accepted.
    in_a_row: AtomicU8,
}

/// Where a token is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Age {
    Fresh,
    /// In the refresh-ahead window: still good, but the next one is to be fetched.
    Ageing,
    Expired,
}

impl CachedToken {
    /// A token that was requested at `started` and arrived at `now`.
    pub(super) fn new(
        token: &Token,
        started: Now,
        now: Now,
        policy: Policy,
    ) -> Result<Self, AuthError> {
        let lifetime = token.expires_in.min(Token::LONGEST_LIFETIME);
        let last_use = lifetime - leeway(lifetime);
        let window = policy.window.min(lifetime / 10).mul_f64(1.0 - policy.jitter / 2.0);
        // Tokens of a second or two are not fetched any faster for having a window.
        let refresh = (lifetime - window).max(policy.backoff.first()).min(last_use);
        let cached = Self {
            headers: stripes(&token.access_token)?,
            refresh_from: Moment::after(started, refresh),
            expiry: Moment::after(started, last_use),
            accepted: AtomicBool::new(false),
            rejected: AtomicBool::new(false),
            in_a_row: AtomicU8::new(0),
        };
        match cached.age(now) {
            Age::Expired => Err(AuthError::ExpiredOnArrival),
            _ => Ok(cached),
        }
    }

    /// The header for the calling thread.
    #[inline]
    pub(super) fn header(&self) -> &HeaderValue {
        let [first, ..] = &self.headers;
        self.headers.get(stripe()).unwrap_or(first)
    }

    #[inline]
    pub(super) fn is_fresh(&self, now: Now) -> bool {
        !self.refresh_from.has_come(now)
    }

    /// How long it is handed out from now on.
    pub(super) fn expires_in(&self, now: Now) -> Duration {
        self.expiry.monotonic.saturating_duration_since(now.monotonic)
    }

    /// How long ago its end was, by whichever clock says more.
    pub(super) fn expired_for(&self, now: Now) -> Duration {
        let monotonic = now.monotonic.saturating_duration_since(self.expiry.monotonic);
        monotonic.max(now.wall.duration_since(self.expiry.wall).unwrap_or_default())
    }

    /// Whether it was accepted before the rejection that has just been noted.
    pub(super) fn is_first_in_row(&self) -> bool {
        self.in_a_row.load(Ordering::Relaxed) == 1
    }

    /// Whether the server has accepted it and has stopped to: a request that is at fault is
    /// rejected while others go on being accepted.
    pub(super) fn is_rejected_by_all(&self) -> bool {
        self.is_accepted() && self.in_a_row.load(Ordering::Relaxed) >= ENDED_IN_A_ROW
    }

    /// Whether there is nothing to note when it is accepted.
    #[inline]
    pub(super) fn is_known_accepted(&self) -> bool {
        self.is_accepted() && self.in_a_row.load(Ordering::Relaxed) == 0
    }

    #[inline]
    pub(super) fn is_accepted(&self) -> bool {
        self.accepted.load(Ordering::Relaxed)
    }

    pub(super) fn note_accepted(&self) {
        self.accepted.store(true, Ordering::Relaxed);
        self.in_a_row.store(0, Ordering::Relaxed);
    }

    pub(super) fn was_rejected(&self) -> bool {
        self.rejected.load(Ordering::Relaxed)
    }

    pub(super) fn note_rejected(&self) {
        self.rejected.store(true, Ordering::Relaxed);
        self.in_a_row
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| count.checked_add(1))
            .ok();
    }

    #[cfg(test)]
    pub(super) fn in_a_row(&self) -> u8 {
        self.in_a_row.load(Ordering::Relaxed)
    }

    /// Apart from this one, with what it remembers.
    #[cfg(test)]
    pub(super) fn copy(&self) -> Self {
        Self {
            headers: self.headers.clone(),
            refresh_from: self.refresh_from,
            expiry: self.expiry,
            accepted: AtomicBool::new(self.is_accepted()),
            rejected: AtomicBool::new(self.was_rejected()),
            in_a_row: AtomicU8::new(self.in_a_row.load(Ordering::Relaxed)),
        }
    }

    pub(super) fn age(&self, now: Now) -> Age {
        if self.is_fresh(now) {
            Age::Fresh
        } else if self.expiry.has_come(now) {
            Age::Expired
        } else {
            Age::Ageing
        }
    }
}

/// A point in time that has come when either clock says so.
#[derive(Debug, Clone, Copy)]
struct Moment {
    monotonic: Instant,
    wall: SystemTime,
}

impl Moment {
    /// What a clock cannot express has come already.
    fn after(start: Now, span: Duration) -> Self {
        Self {
            monotonic: start.monotonic.checked_add(span).unwrap_or(start.monotonic),
            wall: start.wall.checked_add(span).unwrap_or(start.wall),
        }
    }

    #[inline]
    fn has_come(&self, now: Now) -> bool {
        now.monotonic >= self.monotonic || now.wall >= self.wall
    }
}

/// How long before its end a token of this lifetime is handed out no more.
pub(super) fn leeway(lifetime: Duration) -> Duration {
    LONGEST_LEEWAY.min(lifetime / 100)
}

/// The header that a token makes: in the token's own memory, marked sensitive.
pub(crate) fn bearer(token: &AccessToken) -> Result<HeaderValue, AuthError> {
    if token.expose().is_empty() {
        return Err(AuthError::Malformed);
    }
    let mut header =
        HeaderValue::from_maybe_shared(token.authorization()).map_err(|_| AuthError::Malformed)?;
    header.set_sensitive(true);
    Ok(header)
}

fn stripes(token: &AccessToken) -> Result<[HeaderValue; STRIPES], AuthError> {
    Ok([bearer(token)?, bearer(token)?, bearer(token)?, bearer(token)?])
}

/// Which of the headers a thread takes: the first few threads each have their own.
#[inline]
fn stripe() -> usize {
    thread_local! {
        static STRIPE: Cell<Option<usize>> = const { Cell::new(None) };
    }
    STRIPE.try_with(|stripe| stripe.get().unwrap_or_else(|| take_stripe(stripe))).unwrap_or(0)
}

#[cold]
fn take_stripe(stripe: &Cell<Option<usize>>) -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let taken = NEXT.fetch_add(1, Ordering::Relaxed) % STRIPES;
    stripe.set(Some(taken));
    taken
}

const STRIPES: usize = 4;

/// A single one is a suspicion; this number with nothing accepted in between is the token's fault.
const ENDED_IN_A_ROW: u8 = 3;

/// The last seconds of a token are not used: it might expire on its way.
const LONGEST_LEEWAY: Duration = Duration::from_secs(5);
