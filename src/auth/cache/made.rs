//! When a login or a log-out was made that is not in the store yet, and whether another one came after it.

use std::fmt;
use std::time::{Duration, Instant, SystemTime};

use super::Now;
use crate::auth::{LoginId, StoredToken};

/// A login or a log-out that is not known to be in the store.
#[derive(Clone)]
pub(super) struct Made {
    /// By the clock that nobody sets.
    pub(super) at: Instant,
    /// The login that it replaced, here or in the store.
    pub(super) replaced: Option<LoginId>,
    /// The one that the first of several replaced, of which none is known to be in the store.
    pub(super) before_all: Option<LoginId>,
}

impl Made {
    /// Made when `before` was here, which is one that is not known to be in the store either, if anything is.
    pub(super) fn after(before: Option<&Self>, replaced: Option<LoginId>, at: Instant) -> Self {
        let before_all = before.and_then(|before| before.before_all.or(before.replaced));
        Self { at, replaced, before_all }
    }

    /// Whether `found` is of a later moment. The first of these that says which was earlier decides:
    ///
    /// 1. what this replaced is earlier, and what stood there before others that were not saved, also where no clock
    ///    says when that was;
    /// 2. what this process made at the same moment is told apart by its number;
    /// 3. a store with a clock of its own says about when the other one was made, and no wall clock is asked: see
    ///    [`SLACK`];
    /// 4. what is no later than what this replaced, by the ids of logins, is earlier;
    /// 5. the wall clocks of the two processes.
    ///
    /// The wall clock here may have been set meanwhile, so that only how long ago this was made says when that was, as
    /// the clock tells it now. One that is in the future is of a clock that is wrong, and says nothing.
    ///
    /// A machine that sleeps does not count that time: what somebody else saved meanwhile counts as
    /// earlier. That loses to a login made here, where the other way round a clock that is set
    /// would bring back the user before.
    pub(super) fn is_before(&self, found: &StoredToken, own: LoginId, now: Now) -> bool {
        let made_about = found.made_about;
        let found = found.login;
        let age = now.monotonic.saturating_duration_since(self.at);
        let made = now.wall.checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH);
        let own = own.made_at(made);
        let by_store = || made_about.and_then(|made_about| self.is_for_sure_before(made_about));
        let by_clocks = || {
            self.replaced.is_none_or(|replaced| found > replaced)
                && found.is_known_later(own, now.wall)
        };
        let is_later = found.is_next_at_once(own).or_else(by_store);
        let is_known_earlier = [self.replaced, self.before_all].contains(&Some(found));
        !is_known_earlier && is_later.unwrap_or_else(by_clocks)
    }

    /// `None` where that is within [`SLACK`].
    fn is_for_sure_before(&self, made_about: Instant) -> Option<bool> {
        let after = made_about.saturating_duration_since(self.at);
        let before = self.at.saturating_duration_since(made_about);
        (after.max(before) >= SLACK).then_some(after > before)
    }
}

/// Without the time, which differs from run to run.
impl fmt::Debug for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Made").field("replaced", &self.replaced).finish_non_exhaustive()
    }
}

/// What a store says of when another login was made counts where that was longer than this before, or after, the own one.
///
/// Longer than a save and the look at it are on their way, which the store takes for a part of the time, and than the
/// clocks of two servers differ that are set by the network, of which one has the number that the other gave.
const SLACK: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::Token;

    /// In ms: when it was made, by the store, and by the clock of its process; this one was made at 0.
    struct Found {
        by_store: Option<i64>,
        by_clock: i64,
    }

    /// A number that only another process gives.
    const MANY: u64 = 1 << 32;

    const HOUR: Duration = Duration::from_secs(3600);

    fn at(now: SystemTime, ms: i64) -> SystemTime {
        let by = Duration::from_millis(ms.unsigned_abs());
        if ms < 0 { now - by } else { now + by }
    }

    fn moment(now: Instant, ms: i64) -> Instant {
        let by = Duration::from_millis(ms.unsigned_abs());
        if ms < 0 { now - by } else { now + by }
    }

    impl Found {
        fn login(&self, wall: SystemTime) -> LoginId {
            LoginId::after(at(wall, self.by_clock), None, 2 * MANY)
        }
    }

    fn wall() -> SystemTime {
        SystemTime::UNIX_EPOCH + HOUR * 400_000
    }

    /// Of logins that were made an hour before `now`.
    fn is_before(found: &Found, replaced: Option<LoginId>) -> bool {
        let (made, wall) = (Instant::now(), wall());
        let now = Now { monotonic: made + HOUR, wall: wall + HOUR };
        let own = LoginId::after(wall, None, MANY);
        let login = found.login(wall);
        let token = Token::new("access", HOUR);
        let mut stored = StoredToken::new(token, now.wall);
        stored.login = login;
        stored.made_about = found.by_store.map(|ms| moment(made, ms));
        Made::after(None, replaced, made).is_before(&stored, own, now)
    }

    #[test]
    fn a_store_decides_which_login_is_later_where_that_is_beyond_doubt_and_clocks_where_it_is_not()
    {
        for by_clock in [-3_000_000, -1500, -300, 300, 1500, 3_000_000] {
            let by_clocks = by_clock > 0;
            for (by_store, is_later) in [
                (None, by_clocks),
                (Some(0), by_clocks),
                (Some(-1500), by_clocks),
                (Some(1500), by_clocks),
                (Some(-4999), by_clocks),
                (Some(4999), by_clocks),
                (Some(-5000), false),
                (Some(5000), true),
                (Some(-90_000), false),
                (Some(90_000), true),
            ] {
                let found = Found { by_store, by_clock };
                assert_eq!(is_before(&found, None), is_later, "{by_store:?}, {by_clock}");
            }
        }
    }

    #[test]
    fn what_was_replaced_is_earlier_and_nothing_else_is_for_its_id_where_a_store_knows_better() {
        let wall = wall();
        let replaced = |ms| Some(LoginId::after(at(wall, ms), None, 3 * MANY));
        // Here and in the store twice, at one process, whose clock is ahead of the other's.
        for by_clock in [-1900, 0] {
            let later = Found { by_store: Some(6000), by_clock };
            assert!(is_before(&later, replaced(100)));
            let in_doubt = Found { by_store: Some(4000), by_clock };
            assert!(!is_before(&in_doubt, replaced(100)), "clocks decide");
            let earlier = Found { by_store: Some(-6000), by_clock };
            assert!(!is_before(&earlier, replaced(-3_000_000)));
        }
        // By a server whose clock was set since.
        let same = Found { by_store: Some(90_000), by_clock: 1000 };
        assert!(!is_before(&same, Some(same.login(wall))));
    }

    #[test]
    fn what_stood_there_before_several_that_were_not_saved_is_earlier_whatever_a_clock_says() {
        let (found, at) = (Found { by_store: Some(90_000), by_clock: 1000 }, Instant::now());
        let stood = found.login(wall());
        let others = [0, 1, 2].map(|number| Some(LoginId::after(wall(), None, number)));
        let mut made = Made::after(None, Some(stood), at);
        for other in others {
            made = Made::after(Some(&made), other, at);
            let mut stored = StoredToken::new(Token::new("access", HOUR), wall() + HOUR);
            stored.login = stood;
            stored.made_about = Some(moment(at, 90_000));
            let now = Now { monotonic: at + HOUR, wall: wall() + HOUR };

            assert!(!made.is_before(&stored, LoginId::after(wall(), None, MANY), now));
        }
    }
}
