//! Locks that a panic in user code cannot poison.

use std::sync::{self, PoisonError};

pub(crate) use std::sync::MutexGuard;

/// A lock whose value stays usable after a panic: what it guards is whole at every step.
///
/// By the standard library, since a lock of another crate would cost every program four crates.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T: ?Sized>(sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(sync::Mutex::new(value))
    }
}

impl<T: ?Sized> Mutex<T> {
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(crate) fn is_locked(&self) -> bool {
        matches!(self.0.try_lock(), Err(sync::TryLockError::WouldBlock))
    }
}
