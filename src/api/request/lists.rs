//! Lists that a request takes: how long they may be, and what may be in them.

use std::fmt;
use std::ops::RangeInclusive;

use super::into_id::IntoIds;
use crate::error::Error;
use crate::transport::clipped;

/// A list whose length is in a range, as strings.
pub(super) fn listed<I: fmt::Display>(
    name: &'static str,
    ids: impl IntoIds<I>,
    range: RangeInclusive<usize>,
) -> Result<Vec<String>, Error> {
    bounded(name, ids.into_ids()?.iter().map(ToString::to_string).collect(), range)
}

pub(super) fn bounded(
    name: &'static str,
    list: Vec<String>,
    range: RangeInclusive<usize>,
) -> Result<Vec<String>, Error> {
    let count = list.len();
    match range.contains(&count) {
        true => Ok(list),
        false => Err(Error::count(name, count, range)),
    }
}

/// What stands between commas, and would be two things with a comma in it.
pub(super) fn separable(name: &'static str, list: Vec<String>) -> Result<Vec<String>, Error> {
    match list.iter().find(|each| each.contains(',') || each.trim().is_empty()) {
        Some(wrong) => {
            let wrong = clipped(wrong);
            let reason = format!("holds `{wrong}`, which cannot be sent in a list between commas");
            Err(Error::Parameter { name, reason })
        }
        None => Ok(list),
    }
}
