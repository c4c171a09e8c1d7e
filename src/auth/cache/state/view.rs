//! What the explorer sees of the machine.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use super::super::Now;
use super::super::token::CachedToken;
use super::State;
use crate::auth::AuthError;

impl State {
    /// Apart from this one, also in what its token remembers.
    pub(in crate::auth::cache) fn copy(&self) -> Self {
        let current = self.current.as_ref().map(|token| Arc::new(token.copy()));
        Self { current, ..self.clone() }
    }

    /// All that the machine goes by beside its credentials, with times as distances from now. What
    /// is further behind than every limit is as far as that; after `steps` the next step of a
    /// back-off is the longest.
    pub(in crate::auth::cache) fn fingerprint(&self, now: Now, steps: u32) -> String {
        let distance = |then: Instant| {
            let ahead = then.saturating_duration_since(now.monotonic).as_secs();
            (ahead, now.monotonic.saturating_duration_since(then).as_secs().min(70))
        };
        let mut text = String::new();
        if let Some(token) = &self.current {
            let flags = (token.is_accepted(), token.was_rejected(), token.in_a_row().min(3));
            let _ = write!(text, "{:?}{flags:?}{:?}", token.header().to_str(), token.age(now));
        }
        if let Some(pause) = &self.pause {
            let end = pause.end.map(|end| distance(end).0);
            let kind = (pause.is_firm, pause.error.needs_login(), pause.error.is_transient());
            let _ = write!(text, "p{end:?}{:?}{kind:?}", distance(pause.began).1.min(10));
        }
        let suspicion = self.suspicion.as_deref();
        let is_row = |token: &Arc<CachedToken>| token.is_accepted() && token.in_a_row() > 0;
        let row = suspicion.filter(|_| self.current.as_ref().is_some_and(is_row));
        let row = row.map(|suspicion| distance(suspicion.row_began).1.min(18));
        let deaths = suspicion.map(|suspicion| (suspicion.is_early, suspicion.deaths.min(1)));
        let end = suspicion.and_then(|suspicion| suspicion.end).map(|end| distance(end).0);
        let rejected = self.rejected.as_ref().map(|header| header.to_str());
        let fetch = self.fetch.is_some();
        let logins = self.logins.len();
        let steps = (
            self.failures.min(steps),
            suspicion.map_or(0, |suspicion| suspicion.steps.min(steps)),
            end,
            row,
            deaths,
        );
        let ended = self.credentials.ended.as_deref().map(AuthError::needs_login);
        let _ = write!(text, "{steps:?}{rejected:?}{fetch}{logins}{ended:?}");
        text
    }
}
