//! What a request counts for.

/// An endpoint and a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Pair {
    pub(super) endpoint: u64,
    pub(super) user: u64,
}
