//! What scripts and commands return, as it is read.

use redis::{FromRedisValue, Value, from_redis_value};

use super::FleetError;
use super::failure::{Failure, odd_response};

/// What a script returned, and of which key: where it is not what it should be, that key holds
/// something else.
pub(super) struct Returned {
    value: Value,
    key: String,
}

impl Returned {
    pub(super) fn new(key: &str, value: Value) -> Self {
        Self { value, key: key.to_owned() }
    }

    /// Of a script on `keys`, of which the first holds what is read.
    pub(super) fn of(keys: &[&str], result: Result<Value, Failure>) -> Result<Self, FleetError> {
        let key = keys.first().copied().unwrap_or_default();
        match result {
            Ok(value) => Ok(Self::new(key, value)),
            Err(failure) => Err(failure.into_error_of(key)),
        }
    }
}

/// What a script returned.
pub(super) fn read<T: FromRedisValue>(returned: Returned) -> Result<T, FleetError> {
    let Returned { value, key } = returned;
    from_redis_value(value).map_err(|_| FleetError::layout(&key))
}

/// What became of a save.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Saved {
    /// Something else stands there than what it was to replace.
    No,
    Yes,
    /// It was removed after it was made, and before it could be saved: as if it had been in between.
    RemovedSince,
}

/// The same, of a save, with the number of what stands there.
pub(super) fn read_saved(returned: Returned) -> Result<(Saved, u64), FleetError> {
    let (saved, number): (u32, u64) = read(returned)?;
    let saved = match saved {
        0 => Saved::No,
        2 => Saved::RemovedSince,
        _ => Saved::Yes,
    };
    Ok((saved, number))
}

/// What a command returned that depends on no key of the fleet's.
pub(super) fn read_plain<T: FromRedisValue>(value: Value) -> Result<T, FleetError> {
    from_redis_value(value).map_err(|_| odd_response())
}
