//! Whose a call is: what was signed for one login goes on for that login, or not at all.
//!
//! A user may log out and another one log in while a call is under way. Its retries, its replay
//! after a 401 and the redirects that it follows would then be the other user's. So a call keeps
//! the number of the login that it was first signed for, or that layers were told of before. Calls
//! that make one thing keep one number: the pages of a list, and the batches of a long one. What goes
//! out later than it was asked for, as a slider's value, has the number from then.

use std::cell::OnceCell;
use std::sync::{Arc, OnceLock};

/// The login of several calls: that of the first of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct OneLogin(Arc<OnceLock<u64>>);

impl OneLogin {
    /// That of this number.
    pub(crate) fn of(number: u64) -> Self {
        Self(Arc::new(number.into()))
    }
}

/// The login of a call.
#[derive(Debug)]
pub(super) enum CallLogin {
    Own(OnceCell<u64>),
    Shared(OneLogin),
}

impl CallLogin {
    pub(super) fn new(shared: Option<OneLogin>) -> Self {
        shared.map_or_else(|| Self::Own(OnceCell::new()), Self::Shared)
    }

    /// Whether it is this one, which it becomes where it is none yet.
    pub(super) fn is(&self, number: u64) -> bool {
        let first = match self {
            Self::Own(own) => own.get_or_init(|| number),
            Self::Shared(OneLogin(shared)) => shared.get_or_init(|| number),
        };
        *first == number
    }
}
